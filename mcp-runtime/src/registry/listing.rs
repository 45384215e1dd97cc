//! Functions that list the concrete resources of a template.

use super::function::{Function, Injected, IntoOutput};
use crate::call::Call;
use crate::content::ResourceLink;
use crate::context::Context;
use crate::error::ToolError;
use crate::param::{Description, Extraction, Param};

/// A request for the concrete resources of a template: a parameter of the function given with
/// `#[resource("..", list = function)]`.
///
/// Such a function can also take all other injected parameters, such as [`State`](crate::State): see [`ListWith`].
///
/// ```
/// use mcp_runtime::{Listing, prelude::*};
///
/// /// A note.
/// #[resource("notes://{id}", list = notes)]
/// async fn note(id: u32) -> String {
///     format!("The note {id}.")
/// }
///
/// fn notes(listing: Listing) -> Vec<ResourceLink> {
///     let caller = listing.context().principal();
///     caller.map(|_| ResourceLink::new("notes://1", "the first note")).into_iter().collect()
/// }
/// ```
#[derive(Debug)]
pub struct Listing {
    context: Context,
}

impl Listing {
    /// Returns the context of the request, which identifies the caller.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

type Links = Result<Vec<ResourceLink>, ToolError>;

/// A type that a listing function can return: a `Vec` of [`ResourceLink`]s, or a `Result` of one.
///
/// ```
/// use mcp_runtime::{Listing, prelude::*};
///
/// async fn notes(_: Listing) -> Result<Vec<ResourceLink>, std::io::Error> {
///     Ok(vec![ResourceLink::new("notes://1", "the first note")])
/// }
/// ```
pub trait IntoLinks {
    #[doc(hidden)]
    fn into_links(self) -> Links;
}

impl IntoLinks for Vec<ResourceLink> {
    fn into_links(self) -> Links {
        Ok(self)
    }
}

impl<E: Into<ToolError>> IntoLinks for Result<Vec<ResourceLink>, E> {
    fn into_links(self) -> Links {
        self.map_err(Into::into)
    }
}

impl<T: IntoLinks> IntoOutput<Vec<ResourceLink>> for T {
    fn into_output(self) -> Links {
        self.into_links()
    }
}

/// The adjective of listing functions.
pub(super) const LISTING: &str = "listing";

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Listing {
    const DEPENDS_ON_CALLER: bool = false;

    fn describe(description: &mut Description<'_>) {
        description.only_in(LISTING);
    }

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        let context = Context::within(&call.context, call.server.as_ref());
        Extraction::ready(Ok(Self { context }))
    }
}

/// A function or method of `T` that lists the concrete resources of a template, plain or `async`. It returns an [`IntoLinks`]
/// type.
///
/// Its parameters are a [`Listing`] and other injected types, such as [`State`](crate::State), [`Context`] and
/// [`Headers`](crate::Headers), at most six. If one of them depends on the caller, clients may not share the list. A plain
/// function may block, because it runs on a thread of its own.
///
/// ```
/// use mcp_runtime::{Listing, prelude::*};
///
/// /// A function for `#[resource("notes://{id}", list = notes)]`. It takes everything that is injected.
/// async fn notes(_: Listing, ids: State<Vec<u32>>) -> Vec<ResourceLink> {
///     ids.iter().map(|id| ResourceLink::new(format!("notes://{id}"), "a note")).collect()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "this cannot list resources",
    label = "not a listing function",
    note = "write `fn list(listing: mcp_runtime::Listing) -> Vec<ResourceLink>`, or the same as `async fn`",
    note = "other parameters are injected, such as `State<T>` and `Context`"
)]
pub trait ListWith<M, T = ()>: Function<T, Vec<ResourceLink>, M> {}

#[diagnostic::do_not_recommend]
impl<F: Function<T, Vec<ResourceLink>, M>, M, T> ListWith<M, T> for F {}

/// A listing function of any kind.
pub type Lister = Injected<Vec<ResourceLink>>;
