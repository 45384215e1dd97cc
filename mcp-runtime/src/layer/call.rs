//! A call as layers see it, and the chain of layers around it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::outcome::{CallOutcome, Substitute};
use crate::call::{CallContext, ServerContext};
use crate::content::{IntoCompletions, IntoPrompt, IntoResource, IntoToolResult};
use crate::context::Context;
use crate::error::ToolError;
use crate::protocol::cache::Cache;
use crate::service::BoxFuture;

/// Code around calls: see [the chapter about layers](crate::layer).
///
/// It is implemented for every `async fn` and closure that takes a [`LayeredCall`] and a [`Next`] and returns a
/// [`CallOutcome`]. A type with settings implements it itself:
///
/// ```
/// use mcp_runtime::{BoxFuture, CallOutcome, Layer, LayeredCall, Next, Server};
///
/// /// Logs the calls of one kind.
/// struct Trace(&'static str);
///
/// impl Layer for Trace {
///     fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
///         if call.kind().as_str() == self.0 {
///             eprintln!("{}", call.name());
///         }
///         next.run()
///     }
/// }
///
/// let server = Server::new("app", "1.0.0").layer(Trace("tool"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    label = "not a layer",
    note = "write `async fn layer(call: mcp_runtime::LayeredCall, next: mcp_runtime::Next) -> mcp_runtime::CallOutcome`"
)]
pub trait Layer: Send + Sync + 'static {
    /// Serves a call, with or without running `next`.
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome>;
}

#[diagnostic::do_not_recommend]
impl<F, Fut> Layer for F
where
    F: Fn(LayeredCall, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = CallOutcome> + Send + 'static,
{
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        Box::pin(self(call, next))
    }
}

/// The kind of a call.
///
/// ```
/// use mcp_runtime::{CallKind, CallOutcome, LayeredCall, Next};
///
/// /// Lets callers only read.
/// async fn read_only(call: LayeredCall, next: Next) -> CallOutcome {
///     if call.kind() == CallKind::Tool && !call.is_read_only() {
///         return call.refuse("this server is read-only at present");
///     }
///     next.run().await
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// `tools/call`.
    Tool,
    /// `resources/read`, of a resource or a template.
    Resource,
    /// `prompts/get`.
    Prompt,
    /// `completion/complete`.
    Complete,
    /// `tools/list`, `resources/list`, `resources/templates/list` or `prompts/list`.
    List,
}

impl CallKind {
    /// Returns the name: `tool`, `resource`, `prompt`, `completion` or `list`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
            Self::Complete => "completion",
            Self::List => "list",
        }
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The call of a component, as `dispatch` provides it to layers.
pub(crate) trait Target: Send + Sync {
    fn kind(&self) -> CallKind;

    /// Returns the name of the component in the server of a level.
    ///
    /// A component of a mounted server has one level for each server that it is reached through. The server that clients use has
    /// level 0.
    fn name(&self, level: usize) -> &str;

    /// Returns the URI that is read, in the server of a level.
    fn uri(&self, level: usize) -> Option<&str>;

    /// Returns the arguments with the names that the server of a layer has for them. `layer` is its number; the layers of the
    /// component follow those of all servers.
    fn arguments(&self, layer: usize) -> &Value;

    /// Returns `true` if the call does not change anything.
    fn is_read_only(&self) -> bool;

    /// Returns `true` if a repeated call changes nothing more.
    fn is_idempotent(&self) -> bool;

    /// Returns the cache hint of the result.
    fn cache(&self) -> Option<Cache>;

    /// Returns the number of changes of the server before the component or the page was looked up.
    fn changes(&self) -> u64;

    /// Returns the number of changes of the server so far.
    fn changes_so_far(&self) -> u64;

    /// Forbids that outer layers keep the outcome for other calls.
    fn forbid_reuse(&self);

    /// Returns `true` unless an inner layer has forbidden it.
    fn may_reuse(&self) -> bool;

    /// Returns a layer; the first is the outermost.
    fn layer(&self, index: usize) -> Option<&dyn Layer>;

    /// Returns the level of the server that a layer belongs to, or of that of the component if there is no such layer.
    fn level(&self, index: usize) -> usize;

    /// Returns the server of a level, if it is not that of the component.
    fn server(&self, level: usize) -> Option<&Arc<ServerContext>>;

    /// Returns the name of what a layer surrounds: its component, or its server.
    fn scope(&self, layer: usize) -> String;

    /// Changes the outcome of the server of a level to one of the server around it.
    fn leave(&self, level: usize, outcome: &mut CallOutcome);

    /// Returns `true` while a run of the handler has not ended, or a thread of an earlier run has not.
    fn is_running(&self) -> bool;

    /// Starts the handler, with the arguments of the message.
    fn start(self: Arc<Self>) -> BoxFuture<CallOutcome>;

    /// Returns the outcome that a layer provides instead of that of the handler.
    fn substitute(&self, substitute: Substitute) -> CallOutcome;
}

/// A call as layers see it. Clones are cheap.
///
/// A layer that answers all calls itself, each with the function for its kind:
///
/// ```
/// use mcp_runtime::{CallKind, CallOutcome, LayeredCall, Next, prelude::*};
/// use serde_json::json;
///
/// async fn offline(call: LayeredCall, next: Next) -> CallOutcome {
///     match call.kind() {
///         CallKind::Tool => call.tool_result("The server is offline"),
///         CallKind::Resource => call.contents("The page is offline"),
///         CallKind::Prompt => call.messages("Say that the server is offline"),
///         CallKind::Complete => call.completions(vec!["offline"]),
///         CallKind::List if call.name() == "prompts/list" => call.list(vec![json!({ "name": "status" })]),
///         _ => next.run().await,
///     }
/// }
///
/// /// Return a page.
/// #[resource("page://{name}")]
/// async fn page(name: String) -> String {
///     name
/// }
///
/// async fn pages() -> Vec<String> {
///     Vec::new()
/// }
///
/// /// Ask for a summary.
/// #[prompt]
/// async fn summary(#[arg(complete = pages)] page: String) -> String {
///     page
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let server = Server::new("app", "1.0.0").with(components![page, summary]).layer(offline);
/// let client = server.client().await;
/// assert_eq!(client.read("page://a").await?[0]["text"], "The page is offline");
/// let messages = client.prompt("summary", json!({ "page": "a" })).await?;
/// assert_eq!(messages[0]["content"]["text"], "Say that the server is offline");
/// assert_eq!(client.prompts().await?, [json!({ "name": "status" })]);
/// assert_eq!(client.complete("summary", "page", "").await?.values, ["offline"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LayeredCall {
    target: Arc<dyn Target>,
    context: Context,
    /// The level of the server that the layer belongs to; `None` if the component is not that of a mounted server.
    level: Option<usize>,
    /// The number of the layer.
    layer: usize,
}

impl LayeredCall {
    /// Returns the kind of the call.
    pub fn kind(&self) -> CallKind {
        self.target.kind()
    }

    /// Returns the name of the called component.
    ///
    /// It is the name of a tool or prompt, the URI or URI template of a resource, and the method of a list, such as
    /// `tools/list`. That of a completion is the name of the prompt or template whose argument is completed.
    pub fn name(&self) -> &str {
        self.target.name(self.level.unwrap_or(0))
    }

    /// Returns the URI that is read, or `None` if the call does not read a resource.
    pub fn uri(&self) -> Option<&str> {
        self.target.uri(self.level.unwrap_or(0))
    }

    /// Returns the arguments as the client sent them, before they are checked: an object.
    ///
    /// They are parsed on first use. A layer of a server or component whose arguments a [`Transform`](crate::Transform) around
    /// it has changed sees them in its own form. Calls of other kinds than tools and prompts have these:
    ///
    /// - resource: the variables of the template
    /// - completion: the argument that is completed, and the other ones that the client has sent
    /// - list: the `cursor`, if there is one
    pub fn arguments(&self) -> &Value {
        self.target.arguments(self.layer)
    }

    /// Returns the context of the call, which identifies the caller. Questions of layers fail with
    /// [`AskError::OutsideCall`](crate::AskError::OutsideCall).
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the state of type `T` that was registered with [`Server::state`](crate::Server::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.context.server().state()
    }

    /// Returns `true` if the call changes nothing: it is not that of a tool, or the tool is annotated `read_only`.
    pub fn is_read_only(&self) -> bool {
        self.target.is_read_only()
    }

    /// Returns `true` if a repeated call changes nothing more: it [is read-only](Self::is_read_only), or the tool is annotated
    /// `idempotent`.
    pub fn is_idempotent(&self) -> bool {
        self.target.is_idempotent()
    }

    /// Returns the outcome of a call that a layer refuses: a result with `isError` for a tool, and a protocol error for
    /// another kind.
    ///
    /// [`Server::mask_errors`](crate::Server::mask_errors) hides the text of all errors except those of [`ToolError::new`].
    pub fn refuse(&self, error: impl Into<ToolError>) -> CallOutcome {
        self.target.substitute(Substitute::Error(error.into()))
    }

    /// Returns the outcome of a tool with this result. It is checked against the output schema of the tool if that was created
    /// at run time.
    ///
    /// A result of another kind than that of the call, and a result that is a stream, are replaced by an error, which is
    /// logged. This applies to the following functions too.
    pub fn tool_result<M>(&self, result: impl IntoToolResult<M>) -> CallOutcome {
        let result = result.into_tool_result();
        self.target.substitute(Substitute::Tool(result))
    }

    /// Returns the outcome of reading a resource with these contents.
    pub fn contents<M>(&self, contents: impl IntoResource<M>) -> CallOutcome {
        let contents = contents.into_resource();
        self.target.substitute(Substitute::Contents(contents))
    }

    /// Returns the outcome of a prompt with these messages.
    pub fn messages<M>(&self, messages: impl IntoPrompt<M>) -> CallOutcome {
        let messages = messages.into_prompt();
        self.target.substitute(Substitute::Messages(messages))
    }

    /// Returns the outcome of a completion with these values.
    pub fn completions(&self, completions: impl IntoCompletions) -> CallOutcome {
        let completions = completions.into_completions();
        self.target.substitute(Substitute::Completions(completions))
    }

    /// Returns the outcome of a list with these definitions, on one page.
    pub fn list(&self, definitions: Vec<Value>) -> CallOutcome {
        self.target.substitute(Substitute::List(definitions))
    }

    /// Returns `true` while a run of the handler has not ended, or a thread of an earlier run has not.
    pub(crate) fn is_running(&self) -> bool {
        self.target.is_running()
    }

    pub(crate) fn cache(&self) -> Option<Cache> {
        self.target.cache()
    }

    /// Returns the name of what the layer surrounds, which is the same in all replicas.
    pub(crate) fn scope(&self) -> String {
        self.target.scope(self.layer)
    }

    /// Returns the number of changes of the server before the component or the page was looked up. More changes may have
    /// been announced since then, such as while the call waited for a layer.
    pub(crate) fn changes(&self) -> u64 {
        self.target.changes()
    }

    /// Returns the number of changes of the server so far.
    pub(crate) fn changes_so_far(&self) -> u64 {
        self.target.changes_so_far()
    }

    /// Forbids that outer layers keep the outcome for other calls: it is valid for this caller alone, or for a short time.
    pub(crate) fn forbid_reuse(&self) {
        self.target.forbid_reuse();
    }

    /// Returns `true` if the outcome may be kept for other calls.
    pub(crate) fn may_reuse(&self) -> bool {
        self.target.may_reuse()
    }

    /// Keeps a value until the returned guard is dropped and the threads that run the handler have ended.
    pub(crate) fn hold(&self, value: impl Any + Send + Sync) -> Held {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        self.context.call_context().hold(Arc::clone(&value));
        Held {
            context: self.context.clone(),
            value,
        }
    }
}

impl fmt::Debug for LayeredCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secrets.
        formatter
            .debug_struct("LayeredCall")
            .field("kind", &self.kind())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// A guard of a value that a layer holds while the handler runs.
pub(crate) struct Held {
    context: Context,
    value: Arc<dyn Any + Send + Sync>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.context.call_context().release(&self.value);
    }
}

/// The remainder of a call: the next layer, or the handler.
///
/// ```
/// use mcp_runtime::{CallOutcome, LayeredCall, Next};
///
/// /// Runs a call again if it fails.
/// async fn twice(_: LayeredCall, next: Next) -> CallOutcome {
///     let outcome = next.run().await;
///     if outcome.is_error() { next.run().await } else { outcome }
/// }
/// ```
#[derive(Clone)]
pub struct Next {
    call: LayeredCall,
    /// The number of the next layer.
    index: usize,
}

impl Next {
    /// Returns the whole call: all layers and the handler.
    pub(crate) fn first(target: Arc<dyn Target>, call: &Arc<CallContext>) -> Self {
        let outermost = target.server(0);
        let context = Context::within(call, outermost);
        let level = outermost.map(|_| 0);
        Self {
            call: LayeredCall {
                target,
                context,
                level,
                layer: 0,
            },
            index: 0,
        }
    }

    /// Runs the remainder of the call and returns its outcome.
    ///
    /// It can run again, such as after a failure: the handler then starts again with the arguments of the message. The
    /// progress that it reports continues where the earlier run ended: smaller values are not sent. Dropping the future
    /// cancels the handler. A call whose client has cancelled it does not run again.
    pub fn run(&self) -> BoxFuture<CallOutcome> {
        match self.call.level {
            None => self.run_within(self.call.clone()),
            Some(level) => self.run_from(level),
        }
    }

    /// Runs the remainder of the call of a mounted component, from the server of this level.
    fn run_from(&self, outer: usize) -> BoxFuture<CallOutcome> {
        let target = Arc::clone(&self.call.target);
        let level = target.level(self.index);
        let context = Context::within(self.call.context.call_context(), target.server(level));
        let running = self.run_within(LayeredCall {
            target: Arc::clone(&target),
            context,
            level: Some(level),
            layer: self.index,
        });
        if level == outer {
            return running;
        }
        Box::pin(async move {
            let mut outcome = running.await;
            for level in (outer + 1..=level).rev() {
                target.leave(level, &mut outcome);
            }
            outcome
        })
    }

    /// Runs the next layer, or the handler, with the call as the server of the layer sees it.
    fn run_within(&self, mut call: LayeredCall) -> BoxFuture<CallOutcome> {
        match self.call.target.layer(self.index) {
            Some(layer) => {
                let index = self.index + 1;
                call.layer = self.index;
                layer.serve(call.clone(), Self { call, index })
            }
            None => call.target.start(),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Next(..)")
    }
}
