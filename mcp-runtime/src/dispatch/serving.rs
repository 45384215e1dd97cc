//! One request from its message to its reply: begun, registered while it waits, cancelled, and answered under its id.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::caller::classify;
use super::contain::{Panic, guard};
use super::core::{Core, MethodRun, Request, scope};
use super::encode;
use super::methods::method;
use crate::in_flight::{Scope, Ticket};
use crate::outcome::Outcome;
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
    let scope = scope(&exchange.origin, exchange.session.as_ref());
    if let Some(scope @ Scope::Connection(_)) = scope
        && core.in_flight.contains(scope, id)
    {
        let error = format!("The id {id} belongs to a request that is still being served");
        return Handling::Ready(Reply::error(Some(id), &RpcError::invalid_request(error)));
    }
    let session = exchange.session.as_ref().map(|session| session.nonce);
    let owner = exchange.origin.owner(session);
    match begin(core, exchange) {
        Ok((features, MethodRun::Ready(outcome))) => {
            Handling::Ready(encode::reply(core, features, id, &outcome))
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
            }))
        }
        Err(error) => Handling::Ready(Reply::error(Some(id), &error)),
    }
}

/// Begins to serve a request; the first part of the result is how its client wants the answer to be written.
fn begin(core: &Arc<Core>, exchange: Exchange) -> Result<(&'static Features, MethodRun), RpcError> {
    let caller = classify(&exchange)?;
    let features = caller.features;
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
    let running = guard(|| method(request)).unwrap_or_else(|panic| Err(failed(panic)))?;
    Ok((features, running))
}

/// What the client learns of a panic outside of a handler.
fn failed(panic: Panic) -> RpcError {
    RpcError::internal(panic.log("request").message("request"))
}

/// A request that waits, until it is answered or cancelled.
struct Serving {
    core: Arc<Core>,
    message: Arc<Message>,
    features: &'static Features,
    /// `None` once it is over.
    future: Option<BoxFuture<Outcome>>,
    ticket: Ticket,
}

impl Serving {
    /// Drops what is left of the handler. Its destructors are the user's.
    fn end(&mut self) {
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
            return Poll::Ready(None);
        }
        let Some(future) = &mut this.future else {
            return Poll::Ready(None);
        };
        let outcome = match guard(|| future.as_mut().poll(context)) {
            Ok(polled) => ready!(polled),
            Err(panic) => Outcome::Error(failed(panic)),
        };
        this.end();
        let id = this.message.id().filter(|_| this.ticket.finish());
        Poll::Ready(id.map(|id| encode::reply(&this.core, this.features, id, &outcome)))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end();
    }
}
