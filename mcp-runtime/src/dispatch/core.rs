//! The state of a server and the requests that it serves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::identity::Identity;
use super::rate::RequestRate;
use crate::access::Access;
use crate::call::{Caller, ServerContext, TaskLink, client_of};
use crate::in_flight::{InFlight, Scope, Stop};
use crate::layer::Layer;
#[cfg(feature = "metrics")]
use crate::metrics::Gauges;
use crate::mount::Mounted;
use crate::observe::Observer;
use crate::outcome::Outcome;
use crate::owner::Owner;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::rate::RateLimit;
use crate::registry::Registry;
use crate::schema::{Dialect, SchemaDialect};
use crate::service::{BoxFuture, Budgets, Held, Limits, Origin, Outbound};
use crate::session::{Session, Sessions};
use crate::tasks::{Engine, Tasks};
use crate::visibility::Visibility;

/// The state of a server that is ready to serve.
pub(crate) struct Core {
    pub(crate) registry: Arc<Registry>,
    /// The servers that are mounted in this one, directly or through others. Components name them by their positions.
    pub(crate) homes: Vec<Arc<Home>>,
    pub(crate) context: Arc<ServerContext>,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(super) budgets: Budgets,
    pub(super) layers: Vec<Arc<dyn Layer>>,
    pub(crate) visibility: Visibility,
    /// The form of schemas in lists; `None` for JSON Schema.
    pub(super) dialect: Option<SchemaDialect>,
    pub(super) rate: RequestRate,
    pub(super) sessions: Arc<Sessions>,
    pub(super) in_flight: Arc<InFlight>,
    pub(crate) observer: Arc<Observer>,
    pub(super) tasks: Arc<Engine>,
}

/// The components of a server, those of the servers that are mounted in it, and the requests of all of them.
pub(crate) struct Composition {
    pub(crate) registry: Arc<Registry>,
    pub(crate) homes: Vec<Arc<Home>>,
    pub(crate) in_flight: Arc<InFlight>,
}

/// What the application sets for all calls.
pub(crate) struct Policies {
    pub(crate) layers: Vec<Arc<dyn Layer>>,
    pub(crate) visibility: Visibility,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) dialect: Option<SchemaDialect>,
    pub(crate) tasks: Tasks,
}

impl Core {
    pub(crate) fn new(
        composition: Composition,
        context: ServerContext,
        identity: Identity,
        limits: Limits,
        policies: Policies,
        observer: Observer,
    ) -> Self {
        let Composition {
            registry,
            homes,
            in_flight,
        } = composition;
        Self {
            registry,
            homes,
            identity,
            in_flight,
            budgets: Budgets::new(&limits),
            limits,
            layers: policies.layers,
            visibility: policies.visibility,
            dialect: policies.dialect,
            rate: RequestRate::new(policies.rate, context.cluster.as_ref()),
            tasks: Engine::new(policies.tasks, Arc::clone(&context.bus)),
            observer: Arc::new(observer),
            sessions: Arc::clone(context.pending_requests.sessions()),
            context: Arc::new(context),
        }
    }
}

/// A server that is mounted in this one, directly or through others.
pub(crate) struct Home {
    /// The servers that its components are reached through, from the outermost mounted one to this one.
    pub(super) servers: Vec<Arc<Core>>,
    /// The context of this one.
    pub(super) context: Arc<ServerContext>,
    /// The requests of this one, which are also those of the servers around it.
    pub(super) in_flight: Arc<InFlight>,
    /// The layers of all these servers, from the outermost inwards.
    pub(super) layers: Vec<Arc<dyn Layer>>,
}

impl Core {
    /// Returns the mounted server that a component belongs to.
    #[inline]
    pub(super) fn home(&self, mounted: &Mounted) -> Option<&Arc<Home>> {
        self.homes.get(mounted.home)
    }

    /// Returns the context of the server that a component belongs to.
    fn context_of(&self, mounted: Option<&Mounted>) -> &Arc<ServerContext> {
        let home = mounted.and_then(|mounted| self.home(mounted));
        home.map_or(&self.context, |home| &home.context)
    }

    /// Returns the scopes that imply others in the server that a component belongs to.
    pub(crate) fn access_of(&self, mounted: Option<&Mounted>) -> &Access {
        &self.context_of(mounted).access
    }

    /// Returns `true` if some changes may not be sent to all listeners. A server with authorization may get hidden components
    /// while it runs.
    pub(super) fn limits_listeners(&self) -> bool {
        !self.visibility.is_total() || self.context.access.is_enforced
    }

    /// Holds the bytes of a request, or what a listener subscribed to.
    ///
    /// # Errors
    /// Returns an error if the budget of received bytes does not allow them.
    pub(super) fn hold(&self, owner: Owner, bytes: usize) -> Result<Held, RpcError> {
        let mut held = self.budgets.received.held_by(owner);
        if held.add(bytes) {
            return Ok(held);
        }
        self.observer.metrics.refused("received_bytes");
        Err(RpcError::overloaded(format!(
            "The server is busy: its limit of {} bytes of requests is reached; try again later",
            self.limits.received_bytes
        )))
    }
}

#[cfg(feature = "metrics")]
impl Core {
    /// Returns all metrics in the text format of Prometheus, or `None` if the server has none.
    pub(crate) fn metrics_text(&self) -> Option<String> {
        self.observer.metrics.text(Gauges {
            in_flight: self.in_flight.running(),
            listeners: self.context.bus.listeners(),
        })
    }
}

/// The time that cancelled requests and tasks have to end. Only handlers that block their threads take longer, and tasks whose
/// store does.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(250);

impl Core {
    /// Ends all requests, because the server stops. Each open connection holds a receiver of `connections`.
    ///
    /// Further requests are refused, and the subscriptions end. Requests that are in flight after the grace period are
    /// cancelled.
    pub(crate) async fn end_requests(&self, connections: &watch::Sender<bool>) {
        self.close();
        self.tasks.wake_all();
        self.context.bus.close(None);
        let finished = async {
            connections.closed().await;
            self.in_flight.finished().await;
        };
        let grace = self.limits.shutdown_grace;
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!("the shutdown grace period is over: cancelling the requests in flight");
            self.cancel_requests(connections).await;
        }
    }

    /// Accepts no further requests, also in mounted servers, whose handles tell whether they are ready.
    fn close(&self) {
        self.in_flight.close();
        self.homes.iter().for_each(|home| home.in_flight.close());
    }

    /// Returns `true` if the server stops and accepts no further requests.
    pub(crate) fn is_stopping(&self) -> bool {
        self.in_flight.is_closed()
    }

    /// Cancels all requests. A handler that blocks its thread cannot be cancelled: it is left behind.
    async fn cancel_requests(&self, connections: &watch::Sender<bool>) {
        self.in_flight.cancel_all(None);
        let idle = async {
            connections.closed().await;
            self.in_flight.idle().await;
            // A task that waits for an answer has no permit. Its end must be written, or its lease given up.
            self.in_flight.poll_until(|| !self.tasks.is_running()).await;
        };
        if tokio::time::timeout(CANCEL_TIMEOUT, idle).await.is_err() {
            tracing::error!(
                "a handler blocks its thread, or the store of a task does not answer: it is left behind when the server stops"
            );
        }
    }
}

/// A request whose caller is known.
pub(super) struct Request {
    pub(super) core: Arc<Core>,
    pub(super) message: Arc<Message>,
    pub(super) caller: Caller,
    pub(super) origin: Origin,
    pub(super) outbound: Arc<dyn Outbound>,
    /// The number of changes of the server before the request was read.
    pub(super) changes: u64,
    /// `Some` for a call that may become a task.
    pub(super) task: Option<Arc<TaskLink>>,
}

impl Request {
    /// Returns the error for a call of an unknown component. If the server `has_kind` none of this kind, the method
    /// itself is unknown.
    pub(super) fn unknown(&self, has_kind: bool, kind: &str, name: &str) -> RpcError {
        if has_kind {
            RpcError::invalid_params(format!("Unknown {kind}: `{name}`"))
        } else {
            RpcError::unknown_method(self.message.method())
        }
    }

    /// Returns the form of schemas for the client; `None` for JSON Schema.
    #[inline]
    pub(super) fn dialect(&self) -> Option<Dialect> {
        let dialect = self.core.dialect?;
        dialect.for_client(|| match &self.caller.session {
            Some(session) => session.client.name.clone(),
            None => client_of(&self.message).name,
        })
    }

    /// Returns the session of a request that requires one.
    ///
    /// # Errors
    /// Returns an error if the request belongs to no session.
    pub(super) fn session(&self) -> Result<&Session, RpcError> {
        self.caller.session.as_ref().ok_or_else(|| {
            RpcError::invalid_request(format!(
                "`{}` requires a session, and this request belongs to none: send `initialize` first and repeat its \
                 Mcp-Session-Id",
                self.message.method()
            ))
        })
    }
}

/// The state of a request after its method was called.
#[allow(clippy::large_enum_variant)] // a box would cost each call an allocation
pub(super) enum MethodRun {
    /// The request is finished.
    Ready(Outcome),
    /// The request waits. Dropping the future cancels the handler.
    Pending {
        future: BoxFuture<Outcome>,
        stop: Arc<dyn Stop>,
    },
}

/// Returns the scope in which the ids of a client's requests are unique, or `None` if each request has its own
/// connection.
pub(super) fn scope(origin: &Origin, session: Option<&Session>) -> Option<Scope> {
    match (origin.connection, session) {
        (Some(connection), _) => Some(Scope::Connection(connection)),
        (None, Some(session)) => Some(Scope::Session(session.nonce)),
        (None, None) => None,
    }
}
