//! Runs a handler: polled once in place, on a thread if it may block, and contained if it panics.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::caller::Caller;
use super::link::link;
use super::load::Place;
use super::reply::{failure, input_required};
use super::timeout::{Timeout, in_words};
use super::unfold::Unfold;
use super::{Core, Request};
use crate::call::{Arguments, Call, Signature, Surroundings, Way, poll_within};
use crate::logs::within;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::revision::Features;
use crate::questions::Questions;
use crate::registry::Handler;
use crate::seal::random_bytes;
use crate::service::{BoxFuture, Exchange, Handling, Pending, Reply, Stop};

/// A poll that takes longer keeps others waiting, and is logged.
const SLOW_POLL: Duration = Duration::from_millis(100);

/// What a handler is run with.
pub(super) struct Job<R> {
    pub(super) handler: Handler<R>,
    pub(super) signature: Arc<Signature>,
    pub(super) arguments: Arguments,
    /// What is wrong with the arguments already.
    pub(super) rejections: Vec<String>,
    /// What runs.
    pub(super) name: String,
    /// How long it may.
    pub(super) timeout: Option<Duration>,
}

/// Why a handler came to no outcome.
pub(super) enum Stopped {
    /// It panicked. The panic is in the log under this reference, and the client learns nothing else.
    Panicked { reference: String },
    /// It took longer than it may.
    Late { name: String, limit: Duration },
}

impl Stopped {
    /// What the client learns; `kind` says what was called.
    pub(super) fn message(&self, kind: &str) -> String {
        match self {
            Self::Panicked { reference } => {
                format!("The {kind} failed unexpectedly (reference {reference})")
            }
            Self::Late { name, limit } => {
                let limit = in_words(*limit);
                format!("`{name}` took longer than {limit} and was stopped")
            }
        }
    }
}

/// What is left of a request when its handler has it.
pub(super) struct Answer {
    pub(super) core: Arc<Core>,
    pub(super) id: Id,
    pub(super) features: &'static Features,
}

/// Runs a handler and makes the reply of what comes out.
pub(super) fn run<R, F>(request: Request<'_>, job: Job<R>, finish: F) -> Result<Handling, RpcError>
where
    R: Unfold + Send + 'static,
    F: FnOnce(&Answer, Outcome<R>) -> Reply + Send + Unpin + 'static,
{
    let place = request.core.load.enter()?;
    let Request {
        core,
        id,
        caller,
        exchange,
    } = request;
    let way = way(core, &caller, &exchange)?;
    let link = link(
        caller.progress_token,
        caller.log_level,
        caller.features,
        Arc::clone(&exchange.outbound),
    );
    let surroundings = Arc::new(Surroundings {
        text: exchange.message.into_text(),
        id: id.clone(),
        revision: caller.features.revision,
        capabilities: caller.capabilities,
        client: caller.client,
        headers: exchange.headers,
        states: Arc::clone(&core.states),
        bus: Arc::clone(&core.bus),
        outbound: exchange.outbound,
        cancel: crate::call::Cancel::default(),
        link,
        way,
        effects: OnceLock::new(),
        forwarded: Arc::clone(&core.forwarded),
    });
    let call = Call::new(
        Arc::clone(&surroundings),
        job.signature,
        job.arguments,
        job.rejections,
    );
    let redeem = match &surroundings.way {
        Way::Replay(questions) => questions.redeem().map(|redeem| (redeem, id.clone())),
        Way::Live { .. } | Way::Nobody => None,
    };
    let stop = Arc::clone(&surroundings) as Arc<dyn Stop>;
    let answer = Answer {
        core: Arc::clone(core),
        id,
        features: caller.features,
    };
    let begin = move || {
        let (handler, place) = start(job.handler, &surroundings, call, place, &job.name);
        Running {
            handler,
            name: job.name,
            surroundings,
            timeout: job.timeout.map(|limit| Box::new(Timeout::begin(limit))),
            finish: Some(finish),
            answer,
            place,
        }
    };
    let Some((redeem, id)) = redeem else {
        return Ok(settle(begin()));
    };
    let future = Box::pin(async move {
        match redeem.await {
            Ok(()) => begin().await,
            Err(error) => failure(&id, &error),
        }
    });
    Ok(Handling::Pending(Pending { future, stop }))
}

/// Polls a handler once: most are finished then and need no task.
fn settle<R, F>(mut running: Running<R, F>) -> Handling
where
    R: Unfold + Send + 'static,
    F: FnOnce(&Answer, Outcome<R>) -> Reply + Send + 'static,
{
    // Whoever takes the future over polls it again at once, and is woken from then on.
    match Pin::new(&mut running).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reply) => Handling::Ready(reply),
        Poll::Pending => Handling::Pending(Pending {
            stop: Arc::clone(&running.surroundings) as Arc<dyn Stop>,
            future: Box::pin(running),
        }),
    }
}

impl Stop for Surroundings {
    fn stop(&self) {
        self.cancel.set();
        self.link.abandon();
    }
}

type Outcome<R> = Result<R, Stopped>;

/// A handler that was started: a future of it, or what it came to at once.
enum Started<R> {
    Future(BoxFuture<R>),
    Thread(tokio::task::JoinHandle<(Outcome<R>, Place)>),
    Done(Option<Outcome<R>>),
}

/// Starts a handler. A thread keeps the request's place until it ends, whoever stops waiting for it.
fn start<R: Send + 'static>(
    handler: Handler<R>,
    surroundings: &Arc<Surroundings>,
    call: Call,
    place: Place,
    name: &str,
) -> (Started<R>, Option<Place>) {
    match handler {
        Handler::Async(function) => (Started::Future(function(call)), Some(place)),
        Handler::Inline(function) => (
            Started::Done(Some(contain(surroundings, name, || function(call)))),
            Some(place),
        ),
        Handler::Blocking(function) => {
            let name = name.to_owned();
            let surroundings = Arc::clone(surroundings);
            let thread = tokio::task::spawn_blocking(move || {
                let outcome = contain(&surroundings, &name, || function(call));
                (outcome, place)
            });
            (Started::Thread(thread), None)
        }
    }
}

/// Runs a part of a handler: what it logs belongs to its call, and a panic in it ends there.
fn contain<R>(call: &Arc<Surroundings>, name: &str, part: impl FnOnce() -> R) -> Outcome<R> {
    catch_unwind(AssertUnwindSafe(|| within(call, part)))
        .map_err(|payload| Stopped::panicked(name, &*payload))
}

impl Stopped {
    /// Logs a panic.
    fn panicked(name: &str, payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("(no message)");
        let reference = reference();
        tracing::error!(
            handler = name,
            reference,
            panic = message,
            "a handler panicked"
        );
        Self::Panicked { reference }
    }

    /// Logs that a handler was late.
    fn late(name: &str, limit: Duration) -> Self {
        tracing::warn!(
            handler = name,
            milliseconds = limit.as_millis(),
            "a handler took longer than its timeout and was stopped"
        );
        Self::Late {
            name: name.to_owned(),
            limit,
        }
    }
}

/// A short random text by which a line in the log is found.
pub(super) fn reference() -> String {
    let bytes: [u8; 4] = random_bytes().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(bytes))
}

impl<R: Send> Started<R> {
    fn poll(
        &mut self,
        call: &Arc<Surroundings>,
        name: &str,
        place: &mut Option<Place>,
        context: &mut Context<'_>,
    ) -> Poll<Outcome<R>> {
        match self {
            Self::Done(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Self::Future(future) => {
                let begin = Instant::now();
                let part = || poll_within(call, || future.as_mut().poll(context));
                let polled = contain(call, name, part);
                warn_if_slow(name, begin.elapsed());
                match polled {
                    Ok(poll) => poll.map(Ok),
                    Err(stopped) => Poll::Ready(Err(stopped)),
                }
            }
            Self::Thread(thread) => Pin::new(thread).poll(context).map(|joined| match joined {
                Ok((outcome, taken)) => {
                    *place = Some(taken);
                    outcome
                }
                // Only a runtime that shuts down does not run the function to its end.
                Err(error) => Err(Stopped::panicked(name, &error.to_string())),
            }),
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

/// A handler and what becomes of its outcome. Dropping it cancels the call.
struct Running<R, F> {
    handler: Started<R>,
    name: String,
    surroundings: Arc<Surroundings>,
    /// Boxed, so that a call without one does not carry it about.
    timeout: Option<Box<Timeout>>,
    finish: Option<F>,
    answer: Answer,
    /// The request's place, unless a thread has it.
    place: Option<Place>,
}

impl<R, F> Unpin for Running<R, F> {}

impl<R, F> Future for Running<R, F>
where
    R: Unfold + Send,
    F: FnOnce(&Answer, Outcome<R>) -> Reply,
{
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let this = &mut *self;
        let call = &this.surroundings;
        let outcome = loop {
            let handler = &mut this.handler;
            let mut polled = handler.poll(call, &this.name, &mut this.place, context);
            if polled.is_pending() && asks(call) {
                // Once more, so that questions side by side are asked together.
                polled = handler.poll(call, &this.name, &mut this.place, context);
                if polled.is_pending() && asks(call) {
                    return Poll::Ready(this.suspend());
                }
            }
            if polled.is_pending()
                && let Some(timeout) = &mut this.timeout
            {
                let limit = ready!(timeout.poll(call.way.waits(), context));
                break Err(this.stop(limit));
            }
            match ready!(polled) {
                Err(stopped) => break Err(stopped),
                Ok(result) => match result.unfold(call) {
                    Ok(result) => break Ok(result),
                    Err(rest) => this.handler = Started::Future(rest),
                },
            }
        };
        let Some(finish) = this.finish.take() else {
            return Poll::Pending;
        };
        this.surroundings.link.finish();
        Poll::Ready(finish(&this.answer, outcome))
    }
}

/// Whether a call has questions that must be asked before it can go on.
fn asks(call: &Surroundings) -> bool {
    match &call.way {
        Way::Replay(questions) => questions.are_open(),
        Way::Live { .. } | Way::Nobody => false,
    }
}

impl<R, F> Running<R, F> {
    /// Gives the attempt up and answers with its questions.
    fn suspend(&mut self) -> Reply {
        let call = Arc::clone(&self.surroundings);
        let Answer { core, id, features } = &self.answer;
        let asked = match &call.way {
            Way::Replay(questions) => questions.ask(&call.text),
            Way::Live { .. } | Way::Nobody => Ok(String::new()),
        };
        let reply = match asked {
            Ok(members) => input_required(core, id, features, &members),
            Err(error) => failure(id, &error),
        };
        self.finish = None;
        call.link.finish();
        self.drop_handler();
        reply
    }

    /// Ends a call that is late. What runs beside the handler, or on a thread, is told so.
    fn stop(&mut self, limit: Duration) -> Stopped {
        self.surroundings.cancel.set();
        self.drop_handler();
        Stopped::late(&self.name, limit)
    }

    /// The handler's destructors run before the client hears of it. A panic in one is logged, and changes nothing.
    fn drop_handler(&mut self) {
        let handler = std::mem::replace(&mut self.handler, Started::Done(None));
        let _ = contain(&self.surroundings, &self.name, || drop(handler));
    }
}

/// How the client of a call can be asked.
fn way(core: &Core, caller: &Caller, exchange: &Exchange) -> Result<Way, RpcError> {
    if caller.features.stateless {
        let questions = Questions::new(Arc::clone(&core.replay));
        let params = exchange.message.params()?;
        if params.is_retry() {
            let (state, responses) = (params.request_state(), params.input_responses());
            questions.resume(exchange.message.text(), state, responses)?;
        }
        return Ok(Way::Replay(questions));
    }
    Ok(match &exchange.session {
        Some(session) if exchange.outbound.can_ask() => Way::Live {
            live: Arc::clone(&core.live),
            session: session.nonce,
            patience: core.limits.answer_timeout,
            waiting: AtomicUsize::new(0),
        },
        _ => Way::Nobody,
    })
}

impl<R, F> Drop for Running<R, F> {
    fn drop(&mut self) {
        if self.finish.is_some() {
            self.surroundings.stop();
        }
    }
}
