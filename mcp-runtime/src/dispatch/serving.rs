//! The lifecycle of one request: started, registered while it waits, cancelled, and answered under its id.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tracing::Span;

use super::caller::classify;
use super::contain::{Panic, guard};
use super::core::{Core, MethodRun, Request, scope};
use super::encode;
use super::methods::method;
use super::subject::subject;
use crate::in_flight::{Scope, Ticket, stopping};
use crate::observe::Observation;
use crate::outcome::Outcome;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::service::{BoxFuture, Exchange, Handling, Reply};

/// Serves a request.
pub(super) fn serve(core: &Arc<Core>, exchange: Exchange) -> Handling {
    let message = Arc::clone(&exchange.message);
    let Some(id) = message.id() else {
        return Handling::Nothing;
    };
    let mut observation = core
        .observer
        .begin(&exchange, || subject(core, &exchange.message));
    let span = span_of(observation.as_deref());
    let _entered = span.as_ref().map(Span::enter);
    let scope = scope(&exchange.origin, exchange.session.as_ref());
    let session = exchange.session.as_ref().map(|session| session.nonce);
    let owner = exchange.origin.owner(session);
    let accepted = check_accepted(core, scope, id);
    match accepted.and_then(|()| begin(core, exchange, observation.as_deref_mut())) {
        Ok((features, MethodRun::Ready(outcome))) => {
            let reply = encode::reply(core, features, id, &outcome);
            Handling::Ready(observed(observation, &outcome, reply))
        }
        Ok((features, MethodRun::Pending { future, stop })) => {
            let key = scope.map(|scope| (scope, id.clone()));
            let bytes = message.text().len();
            let ticket = core.in_flight.enter(key, owner, bytes, stop);
            Handling::Pending(Box::pin(Serving {
                core: Arc::clone(core),
                message,
                features,
                future: Some(future),
                ticket,
                observation,
            }))
        }
        Err(error) => {
            let reply = Reply::error(Some(id), &error);
            Handling::Ready(observed(observation, &Outcome::Error(error), reply))
        }
    }
}

fn span_of(observation: Option<&Observation>) -> Option<Span> {
    observation.map(Observation::span)
}

/// Ends the observation of a request with its outcome and reply.
fn observed(observation: Option<Box<Observation>>, outcome: &Outcome, reply: Reply) -> Reply {
    if let Some(observation) = observation {
        observation.end(outcome, reply.text.len());
    }
    reply
}

/// Returns an error if the server stops, or if a running request of the same connection has this id.
fn check_accepted(core: &Core, scope: Option<Scope>, id: &Id) -> Result<(), RpcError> {
    if core.in_flight.is_closed() {
        return Err(stopping());
    }
    match scope {
        Some(scope @ Scope::Connection(_)) if core.in_flight.contains(scope, id) => {
            Err(RpcError::invalid_request(format!(
                "The id {id} belongs to a request that is still being served"
            )))
        }
        _ => Ok(()),
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
        core: Arc::clone(core),
        message,
        caller,
        origin,
        outbound,
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
    features: &'static Features,
    /// `None` after the end of the request.
    future: Option<BoxFuture<Outcome>>,
    ticket: Ticket,
    /// `None` after the end of the request, and if nothing observes it.
    observation: Option<Box<Observation>>,
}

impl Serving {
    /// Returns the reply to a cancelled request if the server stops; a request that its client cancelled has none.
    fn stopped(&mut self) -> Option<Reply> {
        let observation = self.observation.take();
        if !self.core.in_flight.is_stopped() {
            return None;
        }
        let outcome = Outcome::Error(stopping());
        Some(observed(
            observation,
            &outcome,
            Reply::error(self.message.id(), &stopping()),
        ))
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
}

impl Future for Serving {
    type Output = Option<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Reply>> {
        let this = &mut *self;
        if this.ticket.poll_cancelled(context).is_ready() {
            this.end();
            return Poll::Ready(this.stopped());
        }
        let Some(future) = &mut this.future else {
            return Poll::Ready(None);
        };
        let span = span_of(this.observation.as_deref());
        let _entered = span.as_ref().map(Span::enter);
        let outcome = match guard(|| future.as_mut().poll(context)) {
            Ok(polled) => ready!(polled),
            Err(panic) => Outcome::Error(panicked(panic)),
        };
        this.end();
        let observation = this.observation.take();
        let id = this.message.id().filter(|_| this.ticket.finish());
        Poll::Ready(id.map(|id| {
            let reply = encode::reply(&this.core, this.features, id, &outcome);
            observed(observation, &outcome, reply)
        }))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end();
    }
}
