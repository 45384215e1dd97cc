//! Transforms: changes of the components that a server offers, whatever their source.
//!
//! Each component passes all transforms of a server, in their order, when it is added to the registry of that server.

mod arguments;
mod change;
mod list;
mod result;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::component_kind::ComponentKind;
use super::component_view::ComponentView;
use crate::layer::{CallOutcome, LayeredCall};
pub(super) use change::Transformable;
use change::{Change, Removed};
pub(crate) use list::Transforms;
use result::ResultChange;
pub use result::ResultSchema;

/// A rule that returns `true` for the components that stay.
type Rule = Arc<dyn Fn(&ComponentView<'_>) -> bool + Send + Sync>;

/// A change of the components that a server offers: see [`Server::transform`](crate::Server::transform).
///
/// ```
/// use mcp_runtime::{Transform, prelude::*};
/// use serde_json::json;
///
/// /// Show the changes of a repository.
/// #[tool(tags("public"))]
/// async fn status(repo: String, verbose: Option<bool>) -> String {
///     format!("{repo} is clean ({})", verbose.unwrap_or_default())
/// }
///
/// /// Delete a repository.
/// #[tool]
/// async fn delete(repo: String) {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let git = Server::new("git", "1.0.0").with(components![status, delete]);
/// let server = Server::new("assistant", "1.0.0")
///     .mount("git", git)
///     .transform(Transform::filter(|component| component.has_tag("public")))
///     .transform(
///         Transform::tool("git_status")
///             .rename("changes")
///             .description("Show what has changed in the wiki.")
///             .fix_argument("repo", json!("/srv/wiki"))
///             .rename_argument("verbose", "details"),
///     );
/// let client = server.client().await;
/// let tools = client.tools().await?;
/// assert_eq!((tools.len(), &tools[0]["name"]), (1, &json!("changes")));
/// let reply = client.call("changes", json!({ "details": true })).await?;
/// assert_eq!(reply.text(), "/srv/wiki is clean (true)");
/// # Ok(())
/// # }
/// ```
pub struct Transform(Step);

/// What a transform does.
enum Step {
    Filter(Rule),
    Change(Box<Change>),
}

impl fmt::Debug for Transform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Step::Filter(_) => formatter.write_str("Transform::filter(..)"),
            Step::Change(change) => write!(formatter, "the transform of {}", change.place()),
        }
    }
}

impl Transform {
    /// Keeps only the components for which a rule returns `true`: by their tags, names and kinds. It is called when a component
    /// is added. For rules about the caller, see [`Server::visible`](crate::Server::visible).
    ///
    /// ```
    /// use mcp_runtime::{ComponentKind, Transform};
    ///
    /// let by_tag = Transform::filter(|component| component.has_tag("public"));
    /// let by_name = Transform::filter(|component| !component.name().starts_with("debug_"));
    /// let by_kind = Transform::filter(|component| component.kind() != ComponentKind::Prompt);
    /// ```
    pub fn filter(rule: impl Fn(&ComponentView<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Step::Filter(Arc::new(rule)))
    }

    /// Changes the tool of this name.
    pub fn tool(name: impl Into<String>) -> ToolTransform {
        ToolTransform(Change::new(ComponentKind::Tool, name.into()))
    }

    /// Changes the prompt of this name.
    pub fn prompt(name: impl Into<String>) -> PromptTransform {
        PromptTransform(Change::new(ComponentKind::Prompt, name.into()))
    }

    /// Changes the resource of this URI, or the template of this text. Its URI stays as it is.
    pub fn resource(uri: impl Into<String>) -> ResourceTransform {
        ResourceTransform(Change::new(ComponentKind::Resource, uri.into()))
    }
}

/// A change of a tool, made with [`Transform::tool`].
///
/// The names of arguments are those before this transform. Clients receive the changed schema, and errors have the changed
/// names. An argument is a property at the top of the schema.
#[derive(Debug)]
pub struct ToolTransform(Change);

/// A change of a prompt, made with [`Transform::prompt`].
#[derive(Debug)]
pub struct PromptTransform(Change);

/// A change of a resource or template, made with [`Transform::resource`].
#[derive(Debug)]
pub struct ResourceTransform(Change);

/// The methods that all kinds of components have.
macro_rules! common {
    ($($transform:ident)*) => {$(
        impl $transform {
            /// Changes the name. For a resource this is the name beside its URI.
            pub fn rename(mut self, name: impl Into<String>) -> Self {
                self.0.name = Some(name.into());
                self
            }

            /// Changes the display name.
            pub fn title(mut self, title: impl Into<String>) -> Self {
                self.0.title = Some(title.into());
                self
            }

            /// Changes the description.
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.0.description = Some(description.into().into());
                self
            }

            /// Sets the version, as [`Tool::version`](crate::Tool::version) does: two tools become two versions of one name.
            pub fn version(mut self, version: impl Into<String>) -> Self {
                self.0.version = Some(version.into());
                self
            }

            /// Adds a tag, for later transforms and for the rules of [`Server::visible`](crate::Server::visible).
            pub fn tag(mut self, tag: impl Into<String>) -> Self {
                self.0.tags.push(tag.into());
                self
            }

            /// Removes the component: it is unknown to clients.
            pub fn remove(mut self) -> Self {
                self.0.is_removed = true;
                self
            }

            /// Allows that the component does not exist when the server is built, because it is added later, such as by a
            /// [`ServerHandle`](crate::ServerHandle).
            pub fn later(mut self) -> Self {
                self.0.is_later = true;
                self
            }
        }

        impl From<$transform> for Transform {
            fn from(transform: $transform) -> Self {
                Self(Step::Change(Box::new(transform.0)))
            }
        }
    )*};
}

common!(ToolTransform PromptTransform ResourceTransform);

/// The methods about arguments.
macro_rules! arguments {
    ($($transform:ident)*) => {$(
        impl $transform {
            /// Changes the name of an argument.
            pub fn rename_argument(mut self, name: impl Into<String>, new: impl Into<String>) -> Self {
                self.0.argument(name).name = Some(new.into());
                self
            }

            /// Changes the description of an argument.
            pub fn describe_argument(
                mut self,
                name: impl Into<String>,
                description: impl Into<String>,
            ) -> Self {
                self.0.argument(name).description = Some(description.into());
                self
            }

            /// Fixes an argument: it always has this value, which its schema must allow, and clients do not see it.
            pub fn fix_argument(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
                self.0.argument(name).removed = Some(Removed::Fixed(value.into()));
                self
            }

            /// Removes an optional argument: clients do not see it, and it never has a value.
            pub fn remove_argument(mut self, name: impl Into<String>) -> Self {
                self.0.argument(name).removed = Some(Removed::Missing);
                self
            }
        }
    )*};
}

arguments!(ToolTransform PromptTransform);

impl ToolTransform {
    /// Changes results by a function. `schema` decides about the output schema of the tool. Errors, and questions to the client,
    /// stay as they are. The function must not block.
    ///
    /// ```
    /// use mcp_runtime::{CallOutcome, LayeredCall, ResultSchema, Transform, prelude::*};
    /// use serde_json::json;
    ///
    /// /// Find a user.
    /// #[tool]
    /// async fn user(id: u32) -> String {
    ///     format!("Ada ({id})")
    /// }
    ///
    /// fn short(_: &LayeredCall, mut outcome: CallOutcome) -> CallOutcome {
    ///     outcome.change_texts(|text| text.truncate(3));
    ///     outcome
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = Server::new("app", "1.0.0")
    ///     .with(components![user])
    ///     .transform(Transform::tool("user").result(ResultSchema::Drop, short));
    /// let reply = server.client().await.call("user", json!({ "id": 7 })).await?;
    /// assert_eq!(reply.text(), "Ada");
    /// # Ok(())
    /// # }
    /// ```
    pub fn result(
        mut self,
        schema: ResultSchema,
        change: impl Fn(&LayeredCall, CallOutcome) -> CallOutcome + Send + Sync + 'static,
    ) -> Self {
        self.0.results.push(ResultChange::new(schema, change));
        self
    }
}
