//! From a message to its reply: which era it belongs to, which method it calls, and what that method does.
//!
//! It knows no bytes, sockets or framing, and nothing of how the server was put together.

mod caller;
mod completion;
mod lifecycle;
mod link;
mod listen;
mod lists;
mod load;
mod logging;
mod mirror;
mod prompts;
mod reply;
mod resources;
mod run;
mod tools;
mod unfold;

use std::sync::Arc;

pub(crate) use lifecycle::{About, Identity};

use crate::bus::Bus;
use crate::call::States;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::params::Params;
use crate::questions::{Live, Replay};
use crate::registry::Registry;
use crate::service::{Exchange, Handling, Limits, Listening, Outbound, Reply, Service};
use crate::session::{Session, Sessions};
use caller::{Caller, Opening};
use load::Load;

/// A server that is ready to serve.
pub(crate) struct Core {
    pub(crate) registry: Registry,
    pub(crate) states: Arc<States>,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) mask_errors: bool,
    forwarded: Arc<[String]>,
    pub(crate) bus: Arc<Bus>,
    replay: Arc<Replay>,
    live: Arc<Live>,
    sessions: Arc<Sessions>,
    load: Arc<Load>,
}

/// The server as its transports see it.
pub(crate) struct Dispatch(pub(crate) Arc<Core>);

impl Core {
    pub(crate) fn new(
        registry: Registry,
        states: States,
        identity: Identity,
        limits: Limits,
        mask_errors: bool,
        forwarded: Arc<[String]>,
        replay: Replay,
    ) -> Self {
        Self {
            registry,
            states: Arc::new(states),
            identity,
            load: Arc::new(Load::new(limits.requests)),
            bus: Arc::new(Bus::new(limits.listeners)),
            live: Arc::default(),
            limits,
            mask_errors,
            forwarded,
            sessions: Arc::new(Sessions::new(Arc::clone(replay.sealer()))),
            replay: Arc::new(replay),
        }
    }
}

/// A request that knows who asks.
struct Request<'a> {
    core: &'a Arc<Core>,
    id: Id,
    caller: Caller,
    exchange: Exchange,
}

impl Service for Dispatch {
    fn handle(&self, exchange: Exchange) -> Handling {
        let id = match exchange.message.kind() {
            Kind::Request(id) => id,
            Kind::Response => {
                if let Some(session) = &exchange.session {
                    self.0.live.answer(session.nonce, exchange.message.text());
                }
                return Handling::Nothing;
            }
            // None changes anything here.
            Kind::Notification => {
                note_cancellation(&exchange.message);
                return Handling::Nothing;
            }
        };
        let id = id.clone();
        let refused = id.clone();
        begin(&self.0, id, exchange)
            .unwrap_or_else(|error| Handling::Ready(reply::failure(&refused, &error)))
    }

    fn listen(&self, session: &Session, outbound: Arc<dyn Outbound>) -> Option<Listening> {
        listen::session(&self.0, session, outbound)
    }

    fn close(&self) {
        self.0.bus.close();
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

/// Cancelling is dropping, which is the transport's; only what the client says of it is for the log.
fn note_cancellation(message: &Message) {
    if message.method() != "notifications/cancelled" {
        return;
    }
    if let Ok(params) = message.params() {
        tracing::debug!(
            request = params.request_id().map(tracing::field::display),
            reason = params.reason().as_deref(),
            "the client cancels a request"
        );
    }
}

/// What a request comes to: an answer that is there already, or a handler to run.
enum Route {
    Answer(Reply),
    Tool(tools::Found),
    Resource(resources::Found),
    Resources(lists::Dynamic),
    Prompt(prompts::Found),
    Complete(completion::Found),
    Listen(listen::Wishes),
}

fn begin(core: &Arc<Core>, id: Id, exchange: Exchange) -> Result<Handling, RpcError> {
    let params = exchange.message.params()?;
    let meta = params.meta();
    let caller = match caller::open(core, &exchange, &meta)? {
        Opening::Caller(caller) => caller,
        Opening::Initialize => {
            return lifecycle::initialize(core, &id, &params).map(Handling::Ready);
        }
        Opening::Ping => return Ok(Handling::Ready(reply::empty(&id))),
    };
    let route = route(core, &id, &caller, &exchange, &params)?;
    let request = Request {
        core,
        id,
        caller,
        exchange,
    };
    match route {
        Route::Answer(reply) => Ok(Handling::Ready(reply)),
        Route::Tool(found) => tools::call(request, found),
        Route::Resource(found) => resources::read(request, found),
        Route::Resources(found) => lists::list_resources(request, found),
        Route::Prompt(found) => prompts::get(request, found),
        Route::Complete(found) => completion::complete(request, found),
        Route::Listen(wishes) => listen::listen(request, wishes),
    }
}

/// One line for each method.
fn route(
    core: &Arc<Core>,
    id: &Id,
    caller: &Caller,
    exchange: &Exchange,
    params: &Params<'_>,
) -> Result<Route, RpcError> {
    let message = &exchange.message;
    match (message.method(), caller.features.stateless) {
        ("tools/call", _) => tools::find(core, message, params).map(Route::Tool),
        ("resources/read", _) => resources::find(core, caller, params).map(Route::Resource),
        ("prompts/get", _) => prompts::find(core, params).map(Route::Prompt),
        ("completion/complete", _) => completion::find(core, params).map(Route::Complete),
        ("tools/list", _) => lists::tools(core, id, caller, params).map(Route::Answer),
        ("prompts/list", _) => lists::prompts(core, id, caller, params).map(Route::Answer),
        ("resources/templates/list", _) => {
            lists::templates(core, id, caller, params).map(Route::Answer)
        }
        ("resources/list", _) => lists::resources(core, id, caller, params),
        ("server/discover", true) => Ok(Route::Answer(lifecycle::discover(core, id, caller))),
        ("subscriptions/listen", true) => listen::wishes(core, params).map(Route::Listen),
        ("resources/subscribe", false) => {
            listen::subscribe(core, id, caller, exchange, params).map(Route::Answer)
        }
        ("resources/unsubscribe", false) => {
            listen::unsubscribe(core, id, exchange, params).map(Route::Answer)
        }
        ("logging/setLevel", false) => {
            logging::set_level(core, id, exchange.session.as_ref(), params).map(Route::Answer)
        }
        ("ping", false) => Ok(Route::Answer(reply::empty(id))),
        (method, _) => Err(RpcError::unknown_method(method)),
    }
}
