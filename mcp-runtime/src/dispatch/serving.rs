//! The lifecycle of one request: started, registered while it waits, cancelled, and answered under its id.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tracing::Span;

use super::caller::classify;
use super::contain::{Panic, guard};
use super::core::{Core, MethodRun, Request, scope};
use super::encode;
use super::methods::method;
use super::rate::NotServed;
use super::subject::subject;
use crate::in_flight::{Scope, Stop, Ticket, stopping};
use crate::logs::{RequestIds, current_request, enter_request, names_requests};
use crate::observe::Observation;
use crate::outcome::Outcome;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::service::{BoxFuture, Exchange, Handling, Held, Reply, UNCOUNTED};

/// Serves a request.
pub(super) fn serve(core: &Arc<Core>, exchange: Exchange) -> Handling {
    let observation = core
        .observer
        .begin(&exchange, || subject(core, &exchange.message));
    if !names_requests() {
        return serve_observed(core, exchange, observation);
    }
    let trace_id = observation.as_deref().and_then(Observation::trace_id);
    let headers = exchange.origin.headers.clone();
    let ids = RequestIds::new(Arc::clone(&exchange.message), headers, trace_id);
    let _entered = enter_request(Some(ids));
    serve_observed(core, exchange, observation)
}

#[inline]
fn serve_observed(
    core: &Arc<Core>,
    exchange: Exchange,
    observation: Option<Box<Observation>>,
) -> Handling {
    match observation {
        None => start(core, exchange, &mut None),
        Some(observation) => observe(core, exchange, observation),
    }
}

/// Serves a request that is observed.
#[cold]
fn observe(core: &Arc<Core>, exchange: Exchange, observation: Box<Observation>) -> Handling {
    let span = observation.span();
    let _entered = span.enter();
    start(core, exchange, &mut Some(observation))
}

/// Starts a request, and answers it if it is finished at once. Otherwise its observation goes on.
fn start(
    core: &Arc<Core>,
    exchange: Exchange,
    observation: &mut Option<Box<Observation>>,
) -> Handling {
    let message = Arc::clone(&exchange.message);
    let Some(id) = message.id() else {
        return Handling::Nothing;
    };
    let scope = scope(&exchange.origin, exchange.session.as_ref());
    let held = match admit(core, &exchange, scope, id) {
        Ok(held) => held,
        Err(NotServed::Error(error)) => return Handling::Ready(refuse(id, error, observation)),
        Err(NotServed::Counting) => {
            let started = start_counting(core, exchange, scope, id, observation);
            return started.unwrap_or_else(|error| Handling::Ready(refuse(id, error, observation)));
        }
    };
    let account = exchange.origin.account();
    let bytes = message.text().len();
    match begin(core, exchange, observation.as_deref_mut()) {
        Ok((features, MethodRun::Ready(outcome))) => {
            Handling::Ready(answer(core, features, id, &outcome, observation))
        }
        Ok((features, MethodRun::Pending { future, stop })) => {
            let key = scope.map(|scope| (scope, id.clone()));
            let ticket = core.in_flight.enter(key, account, bytes, stop);
            Handling::Pending(Box::pin(Serving {
                core: Arc::clone(core),
                message,
                _held: held,
                features,
                future: Some(future),
                ticket,
                observation: observation.take(),
                ids: current_request(),
            }))
        }
        Err(error) => Handling::Ready(refuse(id, error, observation)),
    }
}

/// Starts a request that the replicas must count first.
#[cold]
fn start_counting(
    core: &Arc<Core>,
    exchange: Exchange,
    scope: Option<Scope>,
    id: &Id,
    observation: &mut Option<Box<Observation>>,
) -> Result<Handling, RpcError> {
    let (features, held) = (classify(&exchange)?.features, hold(core, &exchange)?);
    if let Some(observation) = observation {
        observation.classified(features);
    }
    let message = Arc::clone(&exchange.message);
    let (account, bytes) = (exchange.origin.account(), message.text().len());
    let (key, stop) = (scope.map(|scope| (scope, id.clone())), Arc::default());
    let future = Box::pin(count(Arc::clone(core), exchange, Arc::clone(&stop)));
    Ok(Handling::Pending(Box::pin(Serving {
        core: Arc::clone(core),
        message,
        _held: held,
        features,
        future: Some(future),
        ticket: core.in_flight.enter(key, account, bytes, stop),
        observation: observation.take(),
        ids: current_request(),
    })))
}

/// Counts a request at all replicas, and serves it.
async fn count(core: Arc<Core>, exchange: Exchange, stop: Arc<CountedStop>) -> Outcome {
    let counted = core
        .rate
        .count_shared(&exchange.origin, exchange.session.as_ref());
    if let Err(error) = counted.await {
        core.observer.metrics.refused("rate");
        return Outcome::Error(error);
    }
    match begin(&core, exchange, None) {
        Ok((_, MethodRun::Ready(outcome))) => outcome,
        Ok((_, MethodRun::Pending { future, stop: own })) => {
            let _ = stop.0.set(own);
            future.await
        }
        Err(error) => Outcome::Error(error),
    }
}

/// Stops a request once it is counted. A request that is not counted yet is dropped, and has nothing to stop.
#[derive(Default)]
struct CountedStop(OnceLock<Arc<dyn Stop>>);

impl Stop for CountedStop {
    fn stop(&self) {
        if let Some(started) = self.0.get() {
            started.stop();
        }
    }
}

fn span_of(observation: Option<&Observation>) -> Option<Span> {
    observation.map(Observation::span)
}

/// Ends the observation of a request with its outcome and reply.
fn end_observation(observation: &mut Option<Box<Observation>>, outcome: &Outcome, reply: &Reply) {
    if let Some(observation) = observation.take() {
        observation.end(outcome, reply.text.len());
    }
}

/// Returns the reply with an outcome, or an error if the reply would be too long.
#[inline]
fn answer(
    core: &Core,
    features: &'static Features,
    id: &Id,
    outcome: &Outcome,
    observation: &mut Option<Box<Observation>>,
) -> Reply {
    let reply = encode::reply(core, features, id, outcome);
    if reply.text.len() > core.limits.response_bytes {
        return refuse(id, too_long(core, reply.text.len()), observation);
    }
    end_observation(observation, outcome, &reply);
    reply
}

fn too_long(core: &Core, bytes: usize) -> RpcError {
    let limit = core.limits.response_bytes;
    tracing::warn!(bytes, limit, "a reply is too long");
    RpcError::internal(format!(
        "The reply has {bytes} bytes, and the limit is {limit}: ask for less at once"
    ))
}

/// Returns the reply to a request that has no result.
#[cold]
fn refuse(id: &Id, error: RpcError, observation: &mut Option<Box<Observation>>) -> Reply {
    let reply = Reply::error(Some(id), &error);
    end_observation(observation, &Outcome::Error(error), &reply);
    reply
}

/// Returns the bytes that a long request holds.
///
/// # Errors
/// Returns an error if the request is refused before it is read, or if the replicas must count it first.
#[inline]
fn admit(
    core: &Core,
    exchange: &Exchange,
    scope: Option<Scope>,
    id: &Id,
) -> Result<Option<Box<Held>>, NotServed> {
    if let Some(error) = refusal(core, scope, id) {
        return Err(error.into());
    }
    let counted = core.rate.count(&exchange.origin, exchange.session.as_ref());
    counted.inspect_err(|reason| {
        if matches!(reason, NotServed::Error(_)) {
            core.observer.metrics.refused("rate");
        }
    })?;
    Ok(hold(core, exchange)?)
}

/// Holds the bytes of a long request.
#[inline]
fn hold(core: &Core, exchange: &Exchange) -> Result<Option<Box<Held>>, RpcError> {
    let bytes = exchange.message.text().len();
    if bytes <= UNCOUNTED {
        return Ok(None);
    }
    let held = core.hold(exchange.origin.account(), bytes)?;
    Ok(Some(Box::new(held)))
}

/// Returns an error if the server stops, or if a running request of the same connection has this id.
fn refusal(core: &Core, scope: Option<Scope>, id: &Id) -> Option<RpcError> {
    if core.in_flight.is_closed() {
        return Some(stopping());
    }
    match scope {
        Some(scope @ Scope::Connection(_)) if core.in_flight.contains(scope, id) => {
            let error = format!("The id {id} belongs to a request that is still being served");
            Some(RpcError::invalid_request(error))
        }
        _ => None,
    }
}

/// Starts a request. The returned features are those of the client's revision, which determines the format of the reply.
fn begin(
    core: &Arc<Core>,
    exchange: Exchange,
    observation: Option<&mut Observation>,
) -> Result<(&'static Features, MethodRun), RpcError> {
    let caller = classify(&exchange)?;
    let features = caller.features;
    if let Some(observation) = observation {
        observation.classified(features);
    }
    let name = exchange.message.method();
    let method = method(name, features.stateless).ok_or_else(|| RpcError::unknown_method(name))?;
    let Exchange {
        message,
        origin,
        outbound,
        ..
    } = exchange;
    let request = Request {
        changes: core.context.bus.changes(),
        core: Arc::clone(core),
        message,
        caller,
        origin,
        outbound,
        task: None,
    };
    let running = guard(|| method(request)).unwrap_or_else(|panic| Err(panicked(panic)))?;
    Ok((features, running))
}

/// Logs a panic outside of a handler and returns the error for the client.
fn panicked(panic: Panic) -> RpcError {
    RpcError::internal(panic.log("request").message("request"))
}

/// A waiting request, until it is answered or cancelled.
struct Serving {
    core: Arc<Core>,
    message: Arc<Message>,
    /// The bytes of a long message.
    _held: Option<Box<Held>>,
    features: &'static Features,
    /// `None` after the end of the request.
    future: Option<BoxFuture<Outcome>>,
    ticket: Ticket,
    /// `None` after the end of the request, and if nothing observes it.
    observation: Option<Box<Observation>>,
    /// What the log of the process names the request by. `None` while it is polled, and if the log names none.
    ids: Option<RequestIds>,
}

impl Serving {
    /// Returns the reply to a cancelled request if the server stops; a request that its client cancelled has none.
    fn stopped(&mut self) -> Option<Reply> {
        let mut observation = self.observation.take();
        if !self.core.in_flight.is_stopped() {
            return None;
        }
        let id = self.message.id()?;
        Some(refuse(id, stopping(), &mut observation))
    }

    /// Drops the handler. Its destructors are user code and may panic.
    fn end(&mut self) {
        let span = span_of(self.observation.as_deref());
        let _entered = span.as_ref().map(Span::enter);
        let future = self.future.take();
        if let Err(panic) = guard(|| drop(future)) {
            panic.log("request");
        }
    }

    fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<Option<Reply>> {
        if self.ticket.poll_cancelled(context).is_ready() {
            self.end();
            return Poll::Ready(self.stopped());
        }
        let Some(future) = &mut self.future else {
            return Poll::Ready(None);
        };
        let span = span_of(self.observation.as_deref());
        let _entered = span.as_ref().map(Span::enter);
        let outcome = match guard(|| future.as_mut().poll(context)) {
            Ok(polled) => ready!(polled),
            Err(panic) => Outcome::Error(panicked(panic)),
        };
        self.end();
        let mut observation = self.observation.take();
        let id = self.message.id().filter(|_| self.ticket.finish());
        Poll::Ready(id.map(|id| answer(&self.core, self.features, id, &outcome, &mut observation)))
    }
}

impl Future for Serving {
    type Output = Option<Reply>;

    /// Polls the request. The log attributes the events of the thread to it meanwhile.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Reply>> {
        if self.ids.is_none() {
            return self.poll_reply(context);
        }
        let entered = enter_request(self.ids.take());
        let polled = self.poll_reply(context);
        self.ids = entered.leave();
        polled
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.future.is_some() {
            let _entered = self.ids.take().map(|ids| enter_request(Some(ids)));
            self.end();
            drop(self.observation.take());
        }
    }
}
