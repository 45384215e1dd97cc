//! Execution of handlers: polled in place, or on a separate thread if they may block, with panics contained, and
//! suspended by their questions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::{JoinError, JoinHandle};
use tracing::Span;

use super::collect_stream::CollectStream;
use super::contain::{Stopped, contain};
use super::core::Core;
use super::timeout::{Exceeded, RunningTimeout};
use crate::call::{Arguments, Call, CallContext, Renamings, Signature, poll_within};
use crate::error::ToolError;
use crate::in_flight::{Permit, Stop};
use crate::layer::{CallKind, Layer, Substitute};
use crate::logs::{current_request, enter_request};
use crate::mount::Mounted;
use crate::outcome::Outcome;
use crate::protocol::cache::Cache;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::questions::Questions;
use crate::registry::{Handler, Injected, Ran};
use crate::service::{BoxFuture, Timeout};
use crate::sync::Mutex;

/// The length, in bytes, above which the arguments of a message are checked on a separate thread.
const LONG_MESSAGE: usize = 64 * 1024;

/// The duration above which a poll is logged, because it delays the other tasks of its thread.
const SLOW_POLL: Duration = Duration::from_millis(100);

/// The work of a request: the handler of a component, or a function that completes or lists.
pub(super) trait Work: Clone + Send + Sync + Unpin + 'static {
    /// The output of the handler.
    type Output: CollectStream + Send + 'static;

    /// The kind of the component, as error messages name it.
    const KIND: CallKind;

    /// `false` if the protocol has no questions to a stateless client in this method.
    const MAY_ASK: bool = true;

    /// Returns the name of the handler, for logs and errors.
    fn name(&self) -> &str;

    /// Returns the name of the component, for layers.
    fn component(&self) -> &str {
        self.name()
    }

    /// Returns the URI that is read, in the server of a level: see [`Target::uri`](crate::layer::Target::uri).
    fn uri(&self, level: usize) -> Option<&str> {
        let _ = level;
        None
    }

    /// Returns the origin of a component of a mounted server.
    fn mounted(&self) -> Option<&Mounted> {
        None
    }

    /// Returns the arguments that transforms have changed.
    fn renamings(&self) -> Option<&Renamings> {
        None
    }

    /// Returns the layers of the component, from the outermost inwards.
    fn layers(&self) -> &[Arc<dyn Layer>] {
        &[]
    }

    /// Returns `true` if a call does not change anything.
    fn is_read_only(&self) -> bool {
        true
    }

    /// Returns `true` if a repeated call changes nothing more.
    fn is_idempotent(&self) -> bool {
        true
    }

    /// Returns the cache hint of the result.
    fn cache(&self, core: &Core) -> Option<Cache> {
        let _ = core;
        None
    }

    /// Reads the arguments of the message again.
    fn input(&self, message: &Message) -> Result<CallInput, RpcError>;

    /// Returns the arguments of the message as JSON.
    fn arguments(&self, message: &Message) -> Value {
        let params = message.params().ok();
        let json = params.and_then(|params| params.arguments().ok());
        let arguments = json.and_then(|json| serde_json::from_str(json).ok());
        arguments.unwrap_or_default()
    }

    /// Returns the time limit of the component, or `None` if that of the server applies.
    fn timeout(&self) -> Option<Timeout> {
        None
    }

    /// Starts the handler. This is called once.
    fn start(&mut self, call: Call) -> Task<Self::Output>;

    /// Converts the output of the handler into an outcome.
    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome;

    /// Converts what a layer provides into an output, or returns `None` if it is of another kind.
    fn output_of(substitute: Substitute) -> Option<Self::Output>;

    /// Returns the outcome of a list with these definitions. Only lists have one.
    fn list(&mut self, definitions: &[Value]) -> Outcome {
        let _ = definitions;
        self.fail(format!("The {} has no definitions", Self::KIND))
    }

    /// Returns the outcome of a handler that ended without an output.
    fn fail(&self, message: String) -> Outcome {
        Outcome::Error(RpcError::internal(message))
    }
}

/// The arguments of a call, and the mistakes already found in them.
#[derive(Default)]
pub(super) struct CallInput {
    pub(super) signature: Arc<Signature>,
    pub(super) arguments: Arguments,
    pub(super) rejections: Vec<String>,
}

/// A started handler.
pub(super) enum Task<R> {
    /// The output of a finished handler.
    Output(R),
    /// A future that is polled in place.
    Future(BoxFuture<R>),
    /// A future that is polled in place, and returns the next state of the handler.
    Next(BoxFuture<Self>),
    /// A function that may block, and returns the next state of the handler.
    Blocking(Box<dyn FnOnce() -> Self + Send>),
}

impl<R: 'static> Task<R> {
    /// Starts the handler of a component. If the message is long, it starts on a separate thread, because checking long
    /// arguments takes milliseconds, which would delay other requests.
    pub(super) fn of(handler: &Handler<R>, call: Call) -> Self {
        let is_long = call.context.message.text().len() > LONG_MESSAGE;
        match handler {
            Handler::Async(function) if is_long => {
                let call_context = Arc::clone(&call.context);
                let future = function(call);
                let start = move || poll_within(&call_context, || Self::polled(future));
                Self::Blocking(Box::new(start))
            }
            Handler::Async(function) => Self::Future(function(call)),
            Handler::Inline(function) if !is_long => Self::Output(function(call)),
            Handler::Inline(function) | Handler::Blocking(function) => {
                let function = Arc::clone(function);
                Self::Blocking(Box::new(move || Self::Output(function(call))))
            }
        }
    }

    /// Polls a future once, with a waker that does nothing. The caller must poll it again at once to be woken later.
    fn polled(mut future: BoxFuture<R>) -> Self {
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => Self::Output(output),
            Poll::Pending => Self::Future(future),
        }
    }
}

impl<R: Send + 'static> Task<R> {
    /// Runs a function that completes or lists. `then` converts its result, on the thread of the function.
    pub(super) fn of_function<O: Send + 'static>(
        function: &Injected<O>,
        call: Arc<Call>,
        then: impl FnOnce(Result<O, ToolError>) -> Self + Send + 'static,
    ) -> Self {
        let running = function.run(call);
        Self::Next(Box::pin(async move {
            match running.await {
                Ok(Ran::Output(output)) => then(Ok(output)),
                Ok(Ran::Blocking(function)) => Self::Blocking(Box::new(|| then(function()))),
                Err(error) => then(Err(error)),
            }
        }))
    }
}

/// A future of a call.
pub(super) trait Running: Future<Output = Outcome> + Send + Unpin + 'static {
    /// Returns the context of the call, which stops it.
    fn context(&self) -> &Arc<CallContext>;
}

/// A running handler. Dropping it cancels the handler.
pub(super) struct Execution<W: Work> {
    work: W,
    state: ExecutionState<W::Output>,
    call: Arc<CallContext>,
    /// Created when the handler has to wait. Boxed to keep calls that are ready small.
    timeout: Option<Box<RunningTimeout>>,
    /// `None` while a blocking thread shares the permit. The thread keeps it until it ends, even if the call is cancelled.
    permit: Option<Permit>,
    /// `true` if layers surround the call, which continues when this has ended.
    has_layers: bool,
    ended: bool,
}

/// A function on a blocking thread.
struct Thread<R> {
    running: JoinHandle<Result<Task<R>, Stopped>>,
    permit: Arc<Mutex<Option<Permit>>>,
}

/// The state of the handler of a call.
enum ExecutionState<R> {
    /// The handler is not started (`Some`), or it is finished (`None`).
    Begin(Option<Call>),
    Future(BoxFuture<R>),
    Next(BoxFuture<Task<R>>),
    Thread(Thread<R>),
}

impl<W: Work> Unpin for Execution<W> {}

impl<W: Work> Execution<W> {
    /// Prepares a call without layers.
    pub(super) fn new(
        work: W,
        given: CallInput,
        call_context: Arc<CallContext>,
        permit: Permit,
    ) -> Self {
        let call = Call::new(
            Arc::clone(&call_context),
            given.signature,
            given.arguments,
            given.rejections,
        );
        Self {
            timeout: None,
            work,
            state: ExecutionState::Begin(Some(call)),
            call: call_context,
            permit: Some(permit),
            has_layers: false,
            ended: false,
        }
    }

    /// Prepares one run of a call with layers.
    pub(super) fn within_layers(
        work: W,
        given: CallInput,
        call_context: Arc<CallContext>,
        permit: Permit,
    ) -> Self {
        let mut execution = Self::new(work, given, call_context, permit);
        execution.has_layers = true;
        execution
    }

    /// Returns the permit of a handler that has ended, unless a thread still has it.
    pub(super) fn into_permit(mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// Polls the handler and converts its output. All panics of user code are contained here.
    fn step(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        let begin = Instant::now();
        let call = Arc::clone(&self.call);
        let part = || poll_within(&call, || self.advance(context));
        match contain(&call, part) {
            Ok(polled) => {
                warn_if_slow(self.work.name(), begin.elapsed());
                polled
            }
            Err(panic) => {
                let stopped = panic.log(self.work.name());
                Poll::Ready(self.fail_after_panic(&stopped))
            }
        }
    }

    #[inline]
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            let task = match &mut self.state {
                ExecutionState::Begin(call) => match call.take() {
                    Some(call) => self.work.start(call),
                    None => return Poll::Pending,
                },
                ExecutionState::Future(future) => {
                    Task::Output(ready!(future.as_mut().poll(context)))
                }
                ExecutionState::Next(future) => ready!(future.as_mut().poll(context)),
                ExecutionState::Thread(thread) => {
                    let joined = ready!(Pin::new(&mut thread.running).poll(context));
                    self.permit = thread.permit.lock().take();
                    match self.ended(joined) {
                        Ok(task) => task,
                        Err(stopped) => return Poll::Ready(self.fail_after_panic(&stopped)),
                    }
                }
            };
            let output = match task {
                Task::Output(output) => output,
                Task::Future(future) => {
                    self.state = ExecutionState::Future(future);
                    continue;
                }
                Task::Next(future) => {
                    self.state = ExecutionState::Next(future);
                    continue;
                }
                Task::Blocking(function) => {
                    self.state = ExecutionState::Thread(self.on_a_thread(function));
                    continue;
                }
            };
            match output.collect_stream(&self.call) {
                Ok(output) => {
                    self.state = ExecutionState::Begin(None);
                    return Poll::Ready(self.work.conclude(&self.call, output));
                }
                Err(rest) => self.state = ExecutionState::Future(rest),
            }
        }
    }

    /// Returns the result of a blocking thread.
    fn ended(
        &self,
        joined: Result<Result<Task<W::Output>, Stopped>, JoinError>,
    ) -> Result<Task<W::Output>, Stopped> {
        // Joining fails only if the runtime shuts down before the function has run.
        joined.unwrap_or_else(|error| Err(Stopped::panicked(self.work.name(), &error.to_string())))
    }

    #[inline(never)] // keeps the path of other handlers short
    fn on_a_thread(
        &mut self,
        function: Box<dyn FnOnce() -> Task<W::Output> + Send>,
    ) -> Thread<W::Output> {
        let name = self.work.name().to_owned();
        let call = Arc::clone(&self.call);
        let permit = Arc::new(Mutex::new(self.permit.take()));
        let shared = (Arc::clone(&permit), self.call.held());
        let (span, request) = (Span::current(), current_request());
        let running = tokio::task::spawn_blocking(move || {
            let _shared = shared;
            let _entered = span.enter();
            let run = || contain(&call, function).map_err(|panic| panic.log(&name));
            let _entered = enter_request(request);
            run()
        });
        Thread { running, permit }
    }

    /// Returns `true` if the call has questions that must be asked before it can continue. While a blocking thread
    /// runs the handler, more questions may follow, so the result is `false`.
    fn must_ask(&self) -> bool {
        let is_polled_here = !matches!(self.state, ExecutionState::Thread(_));
        is_polled_here
            && !self.call.is_task()
            && self.call.asker.replay().is_some_and(Questions::are_open)
    }

    /// Ends this attempt of the call. The outcome is its questions.
    fn suspend(&mut self) -> Outcome {
        let ask =
            |questions: &Questions| questions.ask(self.call.message.text(), &self.call.origin);
        let asked = self.call.asker.replay().map_or(Ok(String::new()), ask);
        self.drop_handler();
        asked.map_or_else(Outcome::Error, Outcome::InputRequired)
    }

    fn fail(&mut self, stopped: &Stopped) -> Outcome {
        self.drop_handler();
        self.work.fail(stopped.message(W::KIND.as_str()))
    }

    fn fail_after_panic(&mut self, stopped: &Stopped) -> Outcome {
        let mut outcome = self.fail(stopped);
        if let Outcome::Tool { result, .. } = &mut outcome {
            result.panicked = true;
        }
        outcome
    }

    /// Returns the timeout of a call that has to wait, or `None` if its time is not limited.
    fn running_timeout(&mut self) -> Option<&mut RunningTimeout> {
        // A task without a limit of its own ends when it expires.
        if self.call.is_task() && self.work.timeout().is_none() {
            return None;
        }
        if self.timeout.is_none() {
            let timeout = self.work.timeout().unwrap_or(self.call.server.timeout);
            if timeout == Timeout::NONE {
                return None;
            }
            self.timeout = Some(Box::new(RunningTimeout::begin(timeout)));
        }
        self.timeout.as_deref_mut()
    }

    /// Returns `true` if the call will be polled again soon, so that it needs no timer yet. A layer or a task may poll the call
    /// with another waker than that of the request.
    fn defers_timers(&self) -> bool {
        !self.has_layers && self.call.task().is_none() && self.call.defers_timers()
    }

    /// Ends a call that exceeded its timeout. Spawned tasks and blocking threads see the cancellation signal.
    fn time_out(&mut self, exceeded: Exceeded) -> Outcome {
        self.call.cancel().set();
        let stopped = Stopped::timed_out(self.work.name(), exceeded);
        Outcome::TimedOut(Box::new(self.fail(&stopped)))
    }

    /// Drops the handler, so that its destructors run before the reply is sent. A panic in a destructor is only logged.
    fn drop_handler(&mut self) {
        let handler = std::mem::replace(&mut self.state, ExecutionState::Begin(None));
        if let ExecutionState::Thread(thread) = &handler
            && let Some(permit) = &mut *thread.permit.lock()
        {
            permit.abandon();
        }
        if let Err(panic) = contain(&self.call, || drop(handler)) {
            panic.log(self.work.name());
        }
    }

    /// Releases the permit while the call waits for an answer of the client, and once it is a task: tasks have a limit of their
    /// own. A thread keeps the permit. Returns `true` if the call waits for an answer.
    fn update_permit(&mut self) -> bool {
        let asks = self.call.asker.waits();
        if let Some(permit) = &mut self.permit {
            permit.set_held(!asks && !self.call.is_task());
        }
        asks
    }
}

impl<W: Work> Running for Execution<W> {
    fn context(&self) -> &Arc<CallContext> {
        &self.call
    }
}

impl<W: Work> Future for Execution<W> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut polled = this.step(context);
        if polled.is_pending() && this.must_ask() {
            // The handler is polled once more, so that concurrent questions are asked together.
            polled = this.step(context);
            if polled.is_pending() && this.must_ask() {
                polled = Poll::Ready(this.suspend());
            }
        }
        if polled.is_pending() {
            let asks = this.update_permit();
            let progress = this.call.notifier.take_progress();
            let is_deferred = this.defers_timers();
            let Some(timeout) = this.running_timeout() else {
                return Poll::Pending;
            };
            let exceeded = ready!(timeout.poll(asks, progress, is_deferred, context));
            polled = Poll::Ready(this.time_out(exceeded));
        }
        this.ended = true;
        if !this.has_layers {
            this.call.notifier.finish();
        }
        polled
    }
}

impl<W: Work> Drop for Execution<W> {
    fn drop(&mut self) {
        if !self.ended {
            if self.has_layers {
                self.call.cancel().set();
            } else {
                self.call.stop();
            }
            self.drop_handler();
        }
    }
}

fn warn_if_slow(name: &str, took: Duration) {
    if took > SLOW_POLL {
        tracing::warn!(
            handler = name,
            duration_ms = took.as_millis(),
            "an async handler blocked its thread: use a plain `fn`, or await the slow operation"
        );
    }
}
