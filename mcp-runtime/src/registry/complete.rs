//! Completions: suggestions for an argument that the user is typing.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::panic::resume_unwind;
use std::sync::Arc;

use serde_json::Value;

use crate::content::{Completions, IntoCompletions};
use crate::context::Context;
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::schema::texts;
use crate::service::BoxFuture;

/// A request for completions: the parameter of a function given with `#[arg(complete = function)]`.
///
/// ```
/// use mcp_runtime::{Completion, prelude::*};
///
/// fn colors(completion: Completion) -> Vec<String> {
///     ["red", "green", "blue"]
///         .into_iter()
///         .filter(|color| color.starts_with(completion.value()))
///         .map(str::to_owned)
///         .collect()
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
    pub(crate) value: String,
    pub(crate) arguments: HashMap<String, String>,
    pub(crate) context: Context,
}

impl Completion {
    /// Returns the text that was typed so far.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns another argument, if the client has sent it.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Returns the context of the request, which identifies the caller.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the state of type `T` that was registered with [`Server::state`](crate::Server::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.context.call_context().server.states.get()
    }
}

type CompletionResult = Result<Completions, ToolError>;

/// A completing function, plain or `async`. It takes a [`Completion`] and returns an [`IntoCompletions`] type.
///
/// A plain function may block, because it runs on a thread of its own.
#[diagnostic::on_unimplemented(
    message = "this cannot complete an argument",
    label = "not a completing function",
    note = "write `fn complete(completion: mcp_runtime::Completion) -> Vec<String>`, or the same as `async fn`"
)]
pub trait CompleteWith<M>: Send + Sync + 'static {
    /// Returns the completions.
    fn complete(self: Arc<Self>, completion: Completion) -> BoxFuture<CompletionResult>;
}

/// Marks plain functions.
#[derive(Debug)]
pub struct Blocking(());

/// Marks `async` functions.
#[derive(Debug)]
pub struct Eventual(());

impl<F, R> CompleteWith<(Blocking, R)> for F
where
    F: Fn(Completion) -> R + Send + Sync + 'static,
    R: IntoCompletions,
{
    fn complete(self: Arc<Self>, completion: Completion) -> BoxFuture<CompletionResult> {
        Box::pin(run_blocking(move || self(completion).into_completions()))
    }
}

impl<F, Fut> CompleteWith<(Eventual, Fut)> for F
where
    F: Fn(Completion) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoCompletions> + Send + 'static,
{
    fn complete(self: Arc<Self>, completion: Completion) -> BoxFuture<CompletionResult> {
        let future = self(completion);
        Box::pin(async move { future.await.into_completions() })
    }
}

/// Runs a plain function on a thread where it may block. A panic in it is resumed in the caller.
pub(super) async fn run_blocking<R: Send + 'static>(
    function: impl FnOnce() -> Result<R, ToolError> + Send + 'static,
) -> Result<R, ToolError> {
    match tokio::task::spawn_blocking(function).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => Err(error.into()),
        },
    }
}

/// A completing function of any kind.
#[derive(Clone)]
pub struct Completer(Arc<dyn Fn(Completion) -> BoxFuture<CompletionResult> + Send + Sync>);

opaque_debug!(Completer);

impl Completer {
    /// Creates a completer from a function.
    pub fn new<M>(function: impl CompleteWith<M>) -> Self {
        let function = Arc::new(function);
        Self(Arc::new(move |it| Arc::clone(&function).complete(it)))
    }

    /// Creates a completer from the values that a schema lists, if it lists any.
    pub(super) fn of_schema(schema: &Value) -> Option<Self> {
        let all = texts(schema)?;
        Some(Self::new(move |completion: Completion| {
            let fitting = all
                .iter()
                .filter(|text| text.starts_with(completion.value()));
            ready(fitting.cloned().collect::<Completions>())
        }))
    }

    pub(crate) fn complete(&self, completion: Completion) -> BoxFuture<CompletionResult> {
        (self.0)(completion)
    }
}
