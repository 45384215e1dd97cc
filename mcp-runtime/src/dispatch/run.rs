//! Runs handlers: polled once in place, on a thread if they may block, contained if they panic, and begun anew for the
//! answers to their questions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle};

use super::collect_stream::CollectStream;
use super::contain::{Stopped, contain};
use super::core::{Core, MethodRun, Request};
use super::timeout::Timeout;
use crate::call::{Arguments, Asker, Call, CallContext, ClientNotifier, Signature, poll_within};
use crate::in_flight::{Permit, Stop};
use crate::layer::{CallOutcome, LayeredCall, surround};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::questions::Questions;
use crate::registry::Handler;
use crate::service::BoxFuture;

/// How many bytes of a message are long: it is looked at more slowly than it is read.
const LONG: usize = 64 * 1024;

/// A poll that takes longer keeps others waiting, and is logged.
const SLOW_POLL: Duration = Duration::from_millis(100);

/// What a request runs: a handler of a component, or a function that completes or lists.
pub(super) trait Work: Send + Unpin + 'static {
    /// What the handler gives.
    type Output: CollectStream + Send + 'static;

    /// What errors call it.
    const KIND: &'static str;

    /// Returns the name of what runs.
    fn name(&self) -> &str;

    /// Returns how long it may run.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Starts the handler. It is called once.
    fn start(&mut self, call: Call) -> Task<Self::Output>;

    /// Turns what the handler gave into an outcome.
    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome;

    /// Turns the message of a handler that gave nothing into an outcome.
    fn fail(&self, message: String) -> Outcome {
        Outcome::Error(RpcError::internal(message))
    }
}

/// The arguments of a call, and what is wrong with them already.
#[derive(Default)]
pub(super) struct CallInput {
    pub(super) signature: Arc<Signature>,
    pub(super) arguments: Arguments,
    pub(super) rejections: Vec<String>,
}

/// A handler that was started.
pub(super) enum Task<R> {
    /// It is done.
    Output(R),
    /// It is polled in place.
    Future(BoxFuture<R>),
    /// It may block, at least at its start.
    Blocking(Box<dyn FnOnce() -> Self + Send>),
}

impl<R: 'static> Task<R> {
    /// Starts the handler of a component. What takes its arguments begins on a thread of its own where they are long, since
    /// to check them takes milliseconds, in which this thread could serve others.
    pub(super) fn of(handler: &Handler<R>, call: Call) -> Self {
        let is_long = call.call_context.message.text().len() > LONG;
        match handler {
            Handler::Async(function) if is_long => {
                let call_context = Arc::clone(&call.call_context);
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

    /// Polls a future once. Whoever takes it over polls it again at once, and is woken from then on.
    fn polled(mut future: BoxFuture<R>) -> Self {
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => Self::Output(output),
            Poll::Pending => Self::Future(future),
        }
    }
}

/// Runs work with these arguments to its outcome.
pub(super) fn run<W: Work>(
    request: Request,
    work: W,
    given: CallInput,
) -> Result<MethodRun, RpcError> {
    let core = Arc::clone(&request.core);
    let permit = core.in_flight.permit()?;
    let asker = asker(&request)?;
    let call_context = Arc::new(call_context(request, asker));
    let questions = call_context.asker.replay();
    let redeem = questions.and_then(|questions| questions.redeem(&call_context.origin));
    let call = Arc::clone(&call_context);
    let execution = Execution::new(work, given, call_context, permit);
    if redeem.is_none() && core.layers.is_empty() {
        return Ok(settle(execution, call));
    }
    let surrounded = surrounded(&core, execution);
    Ok(match redeem {
        None => settle(surrounded, call),
        Some(redeem) => MethodRun::Pending {
            future: Box::pin(async move {
                match redeem.await {
                    Ok(()) => surrounded.await,
                    Err(error) => Outcome::Error(error),
                }
            }),
            stop: call,
        },
    })
}

/// Puts the layers of the server around a call.
fn surrounded<W: Work>(core: &Core, execution: Execution<W>) -> BoxFuture<Outcome> {
    if core.layers.is_empty() {
        return Box::pin(execution);
    }
    let call = LayeredCall {
        kind: W::KIND,
        name: execution.work.name().into(),
        context: crate::context::Context::of(&execution.call),
    };
    let inner = Box::pin(async move { CallOutcome(execution.await) });
    let outer = surround(&core.layers, &call, inner);
    Box::pin(async move { outer.await.0 })
}

/// Polls a call once: most are finished then and need no task.
fn settle(
    mut call: impl Future<Output = Outcome> + Send + Unpin + 'static,
    stop: Arc<dyn Stop>,
) -> MethodRun {
    // Whoever takes the future over polls it again at once, and is woken from then on.
    match Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => MethodRun::Ready(outcome),
        Poll::Pending => MethodRun::Pending {
            stop,
            future: Box::pin(call),
        },
    }
}

fn call_context(request: Request, asker: Asker) -> CallContext {
    let Request {
        core,
        message,
        mut caller,
        origin,
        outbound,
    } = request;
    let level = match &caller.session {
        Some(session) => Some(super::logging::level_of(&core, session)),
        None => caller.log_level,
    };
    let token = caller.progress_token.take();
    let notifier = ClientNotifier::new(token, level, caller.features, outbound);
    let server = Arc::clone(&core.context);
    CallContext::new(server, message, caller, origin, notifier, asker)
}

/// Finds out how the client of a call can be asked.
fn asker(request: &Request) -> Result<Asker, RpcError> {
    let server = &request.core.context;
    if request.caller.features.stateless {
        let questions = Questions::new(Arc::clone(&server.replay));
        let params = request.message.params()?;
        if params.is_retry() {
            let (state, responses) = (params.request_state(), params.input_responses());
            questions.resume(request.message.text(), state, responses)?;
        }
        return Ok(Asker::Replay(questions));
    }
    Ok(match &request.caller.session {
        Some(session) if request.outbound.can_ask() => Asker::Live {
            session: session.nonce,
            waiting: AtomicUsize::new(0),
        },
        _ => Asker::Nobody,
    })
}

/// A call that runs. Dropping it cancels the call.
struct Execution<W: Work> {
    work: W,
    state: ExecutionState<W::Output>,
    call: Arc<CallContext>,
    /// Boxed, so that a call without one does not carry it about.
    timeout: Option<Box<Timeout>>,
    /// `None` while a thread has it, which keeps it until it ends, whoever stops waiting for it.
    permit: Option<Permit>,
    ended: bool,
}

/// A function on a thread of its own, which gives its permit back with what came out.
type Thread<R> = JoinHandle<Ended<R>>;
type Ended<R> = (Result<Task<R>, Stopped>, Option<Permit>);

/// How far the handler of a call is.
enum ExecutionState<R> {
    /// It is not started, or it is over.
    Begin(Option<Call>),
    Future(BoxFuture<R>),
    Thread(Thread<R>),
}

impl<W: Work> Unpin for Execution<W> {}

impl<W: Work> Execution<W> {
    fn new(work: W, given: CallInput, call_context: Arc<CallContext>, permit: Permit) -> Self {
        let call = Call::new(
            Arc::clone(&call_context),
            given.signature,
            given.arguments,
            given.rejections,
        );
        Self {
            timeout: work.timeout().map(|limit| Box::new(Timeout::begin(limit))),
            work,
            state: ExecutionState::Begin(Some(call)),
            call: call_context,
            permit: Some(permit),
            ended: false,
        }
    }

    /// Polls the handler: everything of the user's is contained here, what becomes of its output too.
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
                Poll::Ready(self.fail(&stopped))
            }
        }
    }

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
                ExecutionState::Thread(thread) => {
                    let joined = ready!(Pin::new(thread).poll(context));
                    match self.take_back(joined) {
                        Ok(task) => task,
                        Err(stopped) => return Poll::Ready(self.fail(&stopped)),
                    }
                }
            };
            let output = match task {
                Task::Output(output) => output,
                Task::Future(future) => {
                    self.state = ExecutionState::Future(future);
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

    /// Takes what came out on a thread, and the permit.
    fn take_back(
        &mut self,
        joined: Result<Ended<W::Output>, JoinError>,
    ) -> Result<Task<W::Output>, Stopped> {
        match joined {
            Ok((output, permit)) => {
                self.permit = permit;
                output
            }
            // Only a runtime that shuts down does not run the function to its end.
            Err(error) => Err(Stopped::panicked(self.work.name(), &error.to_string())),
        }
    }

    fn on_a_thread(
        &mut self,
        function: Box<dyn FnOnce() -> Task<W::Output> + Send>,
    ) -> Thread<W::Output> {
        let name = self.work.name().to_owned();
        let call = Arc::clone(&self.call);
        let permit = self.permit.take();
        tokio::task::spawn_blocking(move || {
            let output = contain(&call, function).map_err(|panic| panic.log(&name));
            (output, permit)
        })
    }

    /// Returns `true` if the call has questions that must be asked before it can go on. While a thread has it, it may come to
    /// more of them.
    fn asks(&self) -> bool {
        let is_polled_here = !matches!(self.state, ExecutionState::Thread(_));
        is_polled_here && self.call.asker.replay().is_some_and(Questions::are_open)
    }

    /// Gives the attempt up; the outcome is its questions.
    fn suspend(&mut self) -> Outcome {
        let ask =
            |questions: &Questions| questions.ask(self.call.message.text(), &self.call.origin);
        let asked = self.call.asker.replay().map_or(Ok(String::new()), ask);
        self.drop_handler();
        asked.map_or_else(Outcome::Error, Outcome::InputRequired)
    }

    fn fail(&mut self, stopped: &Stopped) -> Outcome {
        self.drop_handler();
        self.work.fail(stopped.message(W::KIND))
    }

    /// Ends a call that is late. What runs beside the handler, or on a thread, is told so.
    fn stop(&mut self, limit: Duration) -> Outcome {
        self.call.cancel().set();
        let stopped = Stopped::late(self.work.name(), limit);
        self.fail(&stopped)
    }

    /// The handler's destructors run before the client hears of it. A panic in one is logged, and changes nothing.
    fn drop_handler(&mut self) {
        let handler = std::mem::replace(&mut self.state, ExecutionState::Begin(None));
        if let Err(panic) = contain(&self.call, || drop(handler)) {
            panic.log(self.work.name());
        }
    }

    /// While the client is asked the call holds no permit.
    fn wait(&mut self) -> bool {
        let asks = self.call.asker.waits();
        if let Some(permit) = &mut self.permit {
            permit.hold(!asks);
        }
        asks
    }
}

impl<W: Work> Future for Execution<W> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut polled = this.step(context);
        if polled.is_pending() && this.asks() {
            // Once more, so that questions side by side are asked together.
            polled = this.step(context);
            if polled.is_pending() && this.asks() {
                polled = Poll::Ready(this.suspend());
            }
        }
        if polled.is_pending() {
            let asks = this.wait();
            let Some(timeout) = &mut this.timeout else {
                return Poll::Pending;
            };
            let limit = ready!(timeout.poll(asks, context));
            polled = Poll::Ready(this.stop(limit));
        }
        this.ended = true;
        this.call.notifier.finish();
        polled
    }
}

impl<W: Work> Drop for Execution<W> {
    fn drop(&mut self) {
        if !self.ended {
            self.call.stop();
            self.drop_handler();
        }
    }
}

fn warn_if_slow(name: &str, took: Duration) {
    if took > SLOW_POLL {
        tracing::warn!(
            handler = name,
            milliseconds = took.as_millis(),
            "an async handler blocked its thread: use a plain `fn`, or await what takes so long"
        );
    }
}
