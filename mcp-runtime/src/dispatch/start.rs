//! The start of a call: its permit, its context, and the layers around it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll, Waker, ready};

use super::core::{Core, Home, MethodRun, Request};
use super::layered::Layered;
use super::run::{CallInput, Execution, Running, Work};
use crate::call::{Asker, CallContext, ClientNotifier, ServerContext};
use crate::in_flight::Stop;
use crate::logs::warn_if_not_forwarded;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::questions::Questions;
use crate::service::BoxFuture;

/// Runs work with these arguments. The work is polled once before this returns.
pub(super) fn run<W: Work>(
    request: Request,
    work: W,
    given: CallInput,
) -> Result<MethodRun, RpcError> {
    let home = work.mounted().and_then(|it| request.core.home(it)).cloned();
    let core = &request.core;
    let in_flight = home
        .as_ref()
        .map_or(&core.in_flight, |home| &home.in_flight);
    let permit = match in_flight.permit(|| request.origin.account()) {
        Ok(permit) => permit,
        Err(error) => {
            core.observer.metrics.refused("requests");
            return Err(error);
        }
    };
    let layered = has_layers(core, home.as_ref(), &work)
        .then(|| (Arc::clone(core), home.clone(), request.changes));
    let asker = asker(&request, W::MAY_ASK)?;
    let server = Arc::clone(home.as_ref().map_or(&core.context, |home| &home.context));
    let call = Arc::new(call_context(request, server, asker));
    if let Some(task) = call.task() {
        task.know(&call);
    }
    // `Next` changes the outcome where it leaves a server, if there are layers.
    let leaving = home
        .filter(|_| layered.is_none())
        .map(|home| (home, work.clone()));
    let questions = call.asker.replay();
    let Some(redeem) = questions.and_then(|questions| questions.redeem(&call.origin)) else {
        return Ok(match (layered, leaving) {
            (None, None) => poll_once(Execution::new(work, given, call, permit)),
            (None, Some((home, called))) => poll_once(Leaving {
                running: Execution::new(work, given, call, permit),
                home,
                called,
            }),
            (Some(layered), _) => poll_once(Layered::run(layered, work, given, call, permit)),
        });
    };
    let stop = Arc::clone(&call);
    let future = Box::pin(async move {
        match (redeem.await, layered) {
            (Ok(()), None) => Execution::new(work, given, call, permit).await,
            (Ok(()), Some(layered)) => Layered::run(layered, work, given, call, permit).await,
            (Err(error), _) => Outcome::Error(error),
        }
    });
    let future = match leaving {
        None => future as BoxFuture<Outcome>,
        Some((home, called)) => Box::pin(async move {
            let mut outcome = future.await;
            home.leave_all(called.mounted(), &mut outcome);
            outcome
        }),
    };
    Ok(MethodRun::Pending { future, stop })
}

/// A call of a component of a mounted server. Its outcome has the URIs that clients know.
struct Leaving<W: Work> {
    running: Execution<W>,
    home: Arc<Home>,
    called: W,
}

impl<W: Work> Future for Leaving<W> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut outcome = ready!(Pin::new(&mut this.running).poll(context));
        this.home.leave_all(this.called.mounted(), &mut outcome);
        Poll::Ready(outcome)
    }
}

impl<W: Work> Running for Leaving<W> {
    fn context(&self) -> &Arc<CallContext> {
        self.running.context()
    }
}

fn has_layers(core: &Core, home: Option<&Arc<Home>>, work: &impl Work) -> bool {
    !core.layers.is_empty()
        || !work.layers().is_empty()
        || home.is_some_and(|home| !home.layers.is_empty())
}

/// Polls a call once. Most calls finish here and need no task.
#[allow(clippy::inline_always)] // otherwise the call is moved once more
#[inline(always)]
fn poll_once(mut call: impl Running) -> MethodRun {
    // The waker does nothing: a transport polls a pending future again at once, with its own waker.
    match Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => MethodRun::Ready(outcome),
        Poll::Pending => MethodRun::Pending {
            stop: Arc::clone(call.context()) as Arc<dyn Stop>,
            future: Box::pin(call),
        },
    }
}

fn call_context(request: Request, server: Arc<ServerContext>, asker: Asker) -> CallContext {
    let Request {
        core,
        message,
        mut caller,
        origin,
        outbound,
        task,
        ..
    } = request;
    let level = if let Some(session) = &caller.session {
        Some(super::logging::level_of(&core, session))
    } else {
        if caller.log_level.is_some() {
            warn_if_not_forwarded(&server);
        }
        caller.log_level
    };
    let token = caller.progress_token.take();
    let notifier = ClientNotifier::new(token, level, caller.features, outbound);
    CallContext::new(server, message, caller, origin, notifier, asker, task)
}

/// Returns how the client of a call can be asked.
fn asker(request: &Request, may_ask: bool) -> Result<Asker, RpcError> {
    let server = &request.core.context;
    if request.caller.features.stateless || request.task.is_some() {
        if !may_ask {
            return Ok(Asker::Nobody);
        }
        let questions = Questions::new(Arc::clone(&server.replay));
        let params = request.message.params()?;
        if params.is_retry() {
            let (state, responses) = (params.request_state(), params.input_responses());
            questions.resume(request.message.text(), &request.origin, state, responses)?;
        }
        if let Some((answers, outcomes)) = request.task.as_ref().and_then(|it| it.take_known()) {
            questions.restore(answers, outcomes);
        }
        return Ok(Asker::Replay(questions));
    }
    Ok(match &request.caller.session {
        Some(session) if request.outbound.can_ask() => Asker::Live {
            session: session.nonce,
            waiting: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
        },
        _ => Asker::Nobody,
    })
}
