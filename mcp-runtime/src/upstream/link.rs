//! The connections to one upstream server: one that all callers share, or one for each caller. A connection that is lost is
//! made again when it is needed, after a pause that grows with each failure.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::timeout;

use super::connection::{Connection, Watch};
use super::handshake::{Discovery, discover, initialize};
pub(super) use super::handshake::{common_meta, modern_meta, push_level};
use super::http::HttpTransport;
use super::options::{Options, Target};
pub(super) use super::slot::Opened;
use super::slot::{ServerInfo, Slot, Unavailable};
use super::stdio::StdioTransport;
use super::transport::Transport;
use crate::owner::{Owner, Principal};
use crate::protocol::Revision;
use crate::protocol::capability::ClientCapabilities;
use crate::secret::Secret;
use crate::sync::Mutex;

/// The time after which the connection of a caller that makes no calls is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// The number of connections for single callers.
const MAX_CALLERS: usize = 256;

/// Who makes a call.
pub(super) struct CallerKey {
    pub(super) owner: Owner,
    /// The connection of a caller without a principal and a session.
    pub(super) connection: Option<u64>,
    pub(super) principal: Option<Principal>,
    pub(super) capabilities: ClientCapabilities,
}

/// The key of a caller's connection.
type OwnKey = (Owner, Option<u64>, ClientCapabilities);

/// The connections to an upstream server.
pub(super) struct Link {
    pub(super) options: Options,
    pub(super) shared: Arc<Slot>,
    /// By caller and capabilities, which a connection declares once.
    own: Mutex<Vec<(OwnKey, Arc<Slot>)>>,
    /// `true` if the server has not answered `server/discover`, or has ended at it.
    is_legacy: AtomicBool,
    is_closed: Arc<AtomicBool>,
    pub(super) events: Arc<dyn LinkEvents>,
}

/// Receives the messages of all connections.
pub(super) trait LinkEvents: Send + Sync + 'static {
    fn notified(&self, method: &str, params: &str);
    fn lost(&self);
}

struct SlotWatch {
    slot: Weak<Slot>,
    name: String,
    /// `true` when this server ends the connections.
    is_closed: Arc<AtomicBool>,
    events: Arc<dyn LinkEvents>,
}

impl Watch for SlotWatch {
    fn notified(&self, method: &str, params: &str) {
        self.events.notified(method, params);
    }

    fn lost(&self, why: &str) {
        if !self.is_closed.load(Ordering::Acquire) {
            tracing::warn!(upstream = self.name, "the connection is lost: {why}");
        }
        if let Some(slot) = self.slot.upgrade() {
            slot.lost(why);
        }
        self.events.lost();
    }
}

/// All capabilities that a client can have: a shared connection has callers with different ones.
const ALL: ClientCapabilities = ClientCapabilities {
    roots: true,
    sampling: true,
    elicitation_form: true,
    elicitation_url: true,
    apps: true,
    tasks: false,
};

impl Link {
    pub(super) fn new(options: Options, events: Arc<dyn LinkEvents>) -> Self {
        Self {
            options,
            shared: Slot::new(None, false, ALL),
            own: Mutex::default(),
            is_legacy: AtomicBool::new(false),
            is_closed: Arc::default(),
            events,
        }
    }

    /// Returns a connection for a call, which is made if there is none.
    ///
    /// # Errors
    /// Returns the reason why there is no connection.
    pub(super) async fn connection(
        &self,
        caller: impl FnOnce() -> CallerKey,
    ) -> Result<Opened, Unavailable> {
        let slot = if self.options.per_caller {
            &self.slot_of(caller())?
        } else {
            &self.shared
        };
        match slot.open() {
            Some(opened) => Ok(opened),
            // Boxed, so that calls on an open connection are small.
            None => Box::pin(self.open(slot)).await,
        }
    }

    fn slot_of(&self, caller: CallerKey) -> Result<Arc<Slot>, Unavailable> {
        let mut own = self.own.lock();
        let idle = |slot: &Arc<Slot>| Arc::strong_count(slot) == 1 && slot.is_idle(IDLE_LIMIT);
        let mut ended = Vec::new();
        own.retain(|(_, slot)| {
            let is_idle = idle(slot);
            if is_idle {
                ended.push(Arc::clone(slot));
            }
            !is_idle
        });
        for slot in ended {
            close(&slot);
        }
        // Several callers may have an address, so that their questions must not be confused.
        let is_one = caller.connection.is_some()
            || matches!(caller.owner, Owner::Principal(_) | Owner::Session(_));
        let key = (caller.owner, caller.connection, caller.capabilities);
        if let Some((_, slot)) = own.iter().find(|(known, _)| *known == key) {
            slot.used();
            return Ok(Arc::clone(slot));
        }
        if own.len() >= MAX_CALLERS {
            return Err(Unavailable(format!(
                "{MAX_CALLERS} callers have connections, which is the limit: try again later"
            )));
        }
        let slot = Slot::new(caller.principal, is_one, caller.capabilities);
        own.push((key, Arc::clone(&slot)));
        Ok(slot)
    }

    /// Returns the connection of a slot, which is made if there is none.
    pub(super) async fn open(&self, slot: &Arc<Slot>) -> Result<Opened, Unavailable> {
        if let Some(opened) = slot.open() {
            return Ok(opened);
        }
        let _connecting = slot.connecting.lock().await;
        if let Some(opened) = slot.open() {
            return Ok(opened);
        }
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Unavailable("this server stops".to_owned()));
        }
        if let Some(refused) = slot.refused() {
            return Err(refused);
        }
        let limit = self.options.connect_timeout;
        let connected = timeout(limit, self.connect(slot)).await;
        let connected =
            connected.unwrap_or_else(|_| Err(format!("it does not answer within {limit:?}")));
        match connected {
            Ok(opened) => {
                slot.opened(opened.clone());
                Ok(opened)
            }
            Err(why) => {
                slot.failed(&why);
                Err(Unavailable(why))
            }
        }
    }

    async fn connect(&self, slot: &Arc<Slot>) -> Result<Opened, String> {
        let may_discover = self
            .options
            .revision
            .is_none_or(|it| it.features().stateless)
            && !self.is_legacy.load(Ordering::Relaxed);
        if may_discover {
            let connection = self.dial(slot)?;
            match self.discover(slot, &connection).await {
                Ok(info) => return Ok(Opened::new(connection, info)),
                Err(Discovery::Legacy) if self.options.revision.is_none() => {
                    let refused = match self.initialize(slot, Arc::clone(&connection)).await {
                        Ok(opened) => {
                            self.is_legacy.store(true, Ordering::Relaxed);
                            return Ok(opened);
                        }
                        Err(refused) => refused,
                    };
                    // A server that started too slowly to answer in time has taken the question for a request of that revision.
                    let info = self
                        .discover(slot, &connection)
                        .await
                        .map_err(|_| refused)?;
                    return Ok(Opened::new(connection, info));
                }
                // A process that ended at an unknown request is started again.
                Err(Discovery::Ended(why))
                    if self.options.revision.is_none() && self.options.target.is_program() =>
                {
                    tracing::debug!(
                        upstream = self.options.name,
                        "no answer to `server/discover`: {why}"
                    );
                    self.is_legacy.store(true, Ordering::Relaxed);
                }
                Err(Discovery::Legacy) => {
                    let revision = Revision::LATEST.name();
                    return Err(format!("it does not speak {revision}"));
                }
                Err(Discovery::Ended(why)) => return Err(why),
            }
        }
        let connection = self.dial(slot)?;
        let result = self.initialize(slot, connection).await;
        if result.is_err() {
            // Perhaps it was replaced by one that speaks a newer revision.
            self.is_legacy.store(false, Ordering::Relaxed);
        }
        result
    }

    fn dial(&self, slot: &Arc<Slot>) -> Result<Arc<Connection>, String> {
        let watch = Arc::new(SlotWatch {
            slot: Arc::downgrade(slot),
            name: self.options.name.clone(),
            is_closed: Arc::clone(&self.is_closed),
            events: Arc::clone(&self.events),
        });
        Connection::new(watch, slot.is_of_one_caller, |receive| {
            Ok(match &self.options.target {
                Target::Program(program) => {
                    Arc::new(StdioTransport::start(program, receive)?) as Arc<dyn Transport>
                }
                Target::Url(url) => {
                    let headers = self.options.headers.clone();
                    Arc::new(HttpTransport::new(url, headers, receive)?)
                }
            })
        })
    }

    /// Returns the value of the header `Authorization` for requests on a connection.
    ///
    /// # Errors
    /// Returns the error of the function of the application.
    pub(super) async fn authorization(
        &self,
        principal: Option<&Principal>,
    ) -> Result<Option<Secret<String>>, String> {
        match &self.options.credentials {
            Some(credentials) => credentials(principal.cloned()).await.map_err(|error| {
                tracing::warn!(
                    upstream = self.options.name,
                    error = error.chain(),
                    "no credentials"
                );
                "its credentials cannot be had: see the log of the server".to_owned()
            }),
            None => Ok(None),
        }
    }

    /// Asks a modern server what it is.
    async fn discover(
        &self,
        slot: &Slot,
        connection: &Arc<Connection>,
    ) -> Result<ServerInfo, Discovery> {
        let authorization = self.authorization(slot.principal.as_ref()).await;
        let authorization = authorization.map_err(Discovery::Ended)?;
        discover(slot, connection, authorization).await
    }

    /// Makes the handshake with a server of an older revision.
    async fn initialize(&self, slot: &Slot, connection: Arc<Connection>) -> Result<Opened, String> {
        let revision = self.options.revision.unwrap_or(Revision::LATEST_LEGACY);
        let authorization = self.authorization(slot.principal.as_ref()).await?;
        initialize(slot, revision, connection, authorization).await
    }

    /// Ends all connections.
    pub(super) fn close(&self) -> impl Future<Output = ()> + use<> {
        self.is_closed.store(true, Ordering::Release);
        let mut slots = vec![Arc::clone(&self.shared)];
        let own = std::mem::take(&mut *self.own.lock());
        slots.extend(own.into_iter().map(|(_, slot)| slot));
        let mut closing = tokio::task::JoinSet::new();
        for slot in slots {
            if let Some(opened) = slot.open() {
                closing.spawn(async move { opened.connection.close().await });
            }
        }
        async move { while closing.join_next().await.is_some() {} }
    }
}

fn close(slot: &Slot) {
    if let Some(opened) = slot.open() {
        tokio::spawn(async move { opened.connection.close().await });
    }
}
