//! Completions: suggestions for an argument that the user is typing.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use serde_json::Value;

use super::function::{Function, Injected, IntoOutput};
use crate::call::Call;
use crate::content::{Completions, IntoCompletions};
use crate::context::Context;
use crate::error::ToolError;
use crate::param::{Description, Extraction, Param};
use crate::protocol::error::RpcError;
use crate::schema::texts;

/// A request for completions: a parameter of the function given with `#[arg(complete = function)]`.
///
/// Such a function can also take all other injected parameters, such as [`State`](crate::State): see [`CompleteWith`].
///
/// ```
/// use mcp_runtime::{Completion, prelude::*};
///
/// struct Palette(Vec<&'static str>);
///
/// fn colors(completion: Completion, palette: State<Palette>) -> Vec<&'static str> {
///     let all = palette.0.iter().copied();
///     all.filter(|color| color.starts_with(completion.value())).collect()
/// }
///
/// /// Describe a color.
/// #[prompt]
/// fn describe(#[arg(complete = colors)] color: String) -> String {
///     format!("Describe {color}.")
/// }
/// ```
#[derive(Debug)]
pub struct Completion {
    value: String,
    arguments: HashMap<String, String>,
    context: Context,
}

impl Completion {
    /// Reads a request for completions.
    ///
    /// # Errors
    /// Returns an error if the call is not one.
    fn of(call: &Call) -> Result<Self, RpcError> {
        let params = call.context.message.params()?;
        let (_, value) = params.argument()?;
        let own = |(name, value): (String, String)| {
            let name = call.signature.own_name(&name).to_owned();
            (name, value)
        };
        Ok(Self {
            value,
            arguments: params.context()?.into_iter().map(own).collect(),
            context: Context::of(&call.context),
        })
    }

    /// Returns the text that was typed so far.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns another argument, if the client has sent it.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Returns the values of all other arguments.
    #[cfg(feature = "proxy")]
    pub(crate) fn arguments(&self) -> &HashMap<String, String> {
        &self.arguments
    }

    /// Returns the context of the request, which identifies the caller.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

impl<T: IntoCompletions> IntoOutput<Completions> for T {
    fn into_output(self) -> Result<Completions, ToolError> {
        self.into_completions()
    }
}

/// The adjective of completing functions.
pub(super) const COMPLETING: &str = "completing";

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Completion {
    const DEPENDS_ON_CALLER: bool = false;

    fn describe(description: &mut Description<'_>) {
        description.only_in(COMPLETING);
    }

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        let completion = Self::of(call);
        Extraction::ready(completion.map_err(|error| ToolError::new(error.to_string())))
    }
}

/// A completing function or method of `T`, plain or `async`. It returns an [`IntoCompletions`] type.
///
/// Its parameters are a [`Completion`] and other injected types, such as [`State`](crate::State),
/// [`Context`] and [`Headers`](crate::Headers), at most six. A plain function may block, because it runs on a thread of its
/// own.
///
/// ```
/// use mcp_runtime::{Completion, prelude::*};
///
/// struct Drinks(Vec<String>);
///
/// /// Suggest a drink.
/// #[prompt]
/// async fn suggest(#[arg(complete = drinks)] likes: String) -> String {
///     format!("A guest likes {likes}.")
/// }
///
/// /// Takes what is completed, and everything that is injected.
/// async fn drinks(completion: Completion, drinks: State<Drinks>) -> Vec<String> {
///     drinks.0.iter().filter(|drink| drink.starts_with(completion.value())).cloned().collect()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "this cannot complete an argument",
    label = "not a completing function",
    note = "write `fn complete(completion: mcp_runtime::Completion) -> Vec<String>`, or the same as `async fn`",
    note = "other parameters are injected, such as `State<T>` and `Context`"
)]
pub trait CompleteWith<M, T = ()>: Function<T, Completions, M> {}

#[diagnostic::do_not_recommend]
impl<F: Function<T, Completions, M>, M, T> CompleteWith<M, T> for F {}

/// A completing function of any kind.
pub type Completer = Injected<Completions>;

impl Completer {
    /// Creates a completer from the values that a schema lists, if it lists any.
    pub(super) fn of_schema(schema: &Value) -> Option<Self> {
        let all = texts(schema)?;
        let function = move |completion: Completion| {
            let fitting = all
                .iter()
                .filter(|text| text.starts_with(completion.value()));
            ready(fitting.cloned().collect::<Completions>())
        };
        Some(Self::new(function, Arc::new(())))
    }
}
