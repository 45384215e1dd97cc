//! The connections to one upstream server: one that all callers share, or one for each caller. A connection that is lost is
//! made again when it is needed, after a pause that grows with each failure.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Request, Watch};
use super::http::HttpTransport;
use super::message::ErrorReply;
use super::options::{Options, Target};
use super::stdio::StdioTransport;
use super::transport::{SendError, Transport};
use crate::owner::{Owner, Principal};
use crate::protocol::capability::ClientCapabilities;
use crate::protocol::error::UNSUPPORTED_VERSION;
use crate::protocol::{LogLevel, Revision};
use crate::secret::Secret;
use crate::sync::Mutex;

/// The pause before the second attempt to connect. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The time that a server has to answer `server/discover`. Some older servers do not answer unknown requests at all.
const DISCOVER_LIMIT: Duration = Duration::from_secs(5);
/// The time after which the connection of a caller that makes no calls is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// The number of connections for single callers.
const MAX_CALLERS: usize = 256;

/// The result of `server/discover`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    #[serde(default)]
    supported_versions: Vec<String>,
    #[serde(default)]
    capabilities: Value,
    instructions: Option<String>,
}

/// The result of `initialize`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    capabilities: Value,
    instructions: Option<String>,
}

/// What a server says about itself.
#[derive(Debug, Default)]
pub(super) struct ServerInfo {
    /// `true` after the reply to a call.
    pub(super) has_answered: AtomicBool,
    pub(super) instructions: Option<String>,
    pub(super) capabilities: Value,
}

impl ServerInfo {
    pub(super) fn has(&self, capability: &str) -> bool {
        self.capabilities
            .get(capability)
            .is_some_and(Value::is_object)
    }

    pub(super) fn subscribes(&self) -> bool {
        self.capabilities["resources"]["subscribe"] == true
    }
}

/// Why an upstream server cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Unavailable(pub(super) String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An open connection, and what its server says about itself.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) connection: Arc<Connection>,
    pub(super) info: Arc<ServerInfo>,
}

/// A place for one connection.
pub(super) struct Slot {
    state: Mutex<SlotState>,
    /// Held while a connection is made.
    connecting: tokio::sync::Mutex<()>,
    principal: Option<Principal>,
    is_of_one_caller: bool,
    capabilities: ClientCapabilities,
}

struct SlotState {
    opened: Option<Opened>,
    failures: u32,
    retry_at: Option<Instant>,
    why: String,
    used: Instant,
}

impl Slot {
    fn new(
        principal: Option<Principal>,
        is_of_one_caller: bool,
        capabilities: ClientCapabilities,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(SlotState {
                opened: None,
                failures: 0,
                retry_at: None,
                why: String::new(),
                used: Instant::now(),
            }),
            connecting: tokio::sync::Mutex::default(),
            principal,
            is_of_one_caller,
            capabilities,
        })
    }

    /// Returns the open connection, if there is one.
    fn open(&self) -> Option<Opened> {
        let mut state = self.state.lock();
        let opened = state.opened.as_ref()?;
        if opened.connection.is_lost() {
            state.forget();
            return None;
        }
        let opened = opened.clone();
        state.used = Instant::now();
        Some(opened)
    }

    /// Returns the reason why no attempt to connect is made now, if there is one.
    fn refused(&self) -> Option<Unavailable> {
        let state = self.state.lock();
        let left = state.retry_at?.checked_duration_since(Instant::now())?;
        Some(Unavailable(format!(
            "{}; the next attempt is in {:.1} s",
            state.why,
            left.as_secs_f64()
        )))
    }

    /// Returns the time of the next attempt to connect.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.state.lock().retry_at
    }

    fn opened(&self, opened: Opened) {
        let mut state = self.state.lock();
        state.opened = Some(opened);
        state.used = Instant::now();
        state.why.clear();
        // Not reset at once: a server that ends right after its start is started at growing intervals, too.
        state.retry_at = Some(Instant::now() + pause(state.failures));
        state.failures = state.failures.saturating_add(1);
    }

    fn failed(&self, why: &str) {
        let mut state = self.state.lock();
        state.retry_at = Some(Instant::now() + pause(state.failures));
        state.failures = state.failures.saturating_add(1);
        why.clone_into(&mut state.why);
    }

    /// Forgets earlier failures, because the server works.
    pub(super) fn works(&self) {
        let mut state = self.state.lock();
        state.failures = 0;
        state.retry_at = None;
    }

    fn lost(&self, why: &str) {
        let mut state = self.state.lock();
        state.forget();
        why.clone_into(&mut state.why);
    }
}

impl SlotState {
    /// Forgets a connection that is lost, and earlier failures if it has worked.
    fn forget(&mut self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        if opened.info.has_answered.load(Ordering::Relaxed) {
            self.failures = 0;
            self.retry_at = None;
        }
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(9))
        .min(LONGEST_PAUSE)
}

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
        if !self.options.per_caller {
            return self.open(&self.shared).await;
        }
        let slot = self.slot_of(caller())?;
        self.open(&slot).await
    }

    fn slot_of(&self, caller: CallerKey) -> Result<Arc<Slot>, Unavailable> {
        let mut own = self.own.lock();
        let idle = |slot: &Arc<Slot>| {
            Arc::strong_count(slot) == 1 && slot.state.lock().used.elapsed() > IDLE_LIMIT
        };
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
                Ok(info) => return Ok(opened(connection, info)),
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
                    return Ok(opened(connection, info));
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
        let features = Revision::LATEST.features();
        let mut request = Request::new("server/discover");
        request.revision = Some(features.name);
        request.meta = modern_meta(slot.capabilities, None);
        let authorization = self.authorization(slot.principal.as_ref()).await;
        request.authorization = authorization.map_err(Discovery::Ended)?;
        let reply = timeout(DISCOVER_LIMIT, connection.start(request, None).reply());
        let result = match reply.await {
            Ok(Err(error @ SendError::Status(401 | 403 | 429 | 500.., _))) => {
                return Err(Discovery::Ended(error.to_string()));
            }
            Err(_) | Ok(Err(SendError::Status(..) | SendError::NoSession)) => {
                return Err(Discovery::Legacy);
            }
            Ok(Err(error)) => return Err(Discovery::Ended(error.to_string())),
            Ok(Ok(Err(error))) => return Err(error.into()),
            Ok(Ok(Ok(result))) => result,
        };
        let found: Discovered = serde_json::from_str(&result)
            .map_err(|error| Discovery::Ended(format!("its introduction is invalid: {error}")))?;
        if !found
            .supported_versions
            .iter()
            .any(|it| it == features.name)
        {
            return Err(Discovery::Legacy);
        }
        let negotiated = connection.negotiated(features).await;
        negotiated.map_err(|error| Discovery::Ended(error.to_string()))?;
        Ok(ServerInfo {
            instructions: found.instructions,
            capabilities: found.capabilities,
            ..ServerInfo::default()
        })
    }

    /// Makes the handshake with a server of an older revision.
    async fn initialize(&self, slot: &Slot, connection: Arc<Connection>) -> Result<Opened, String> {
        let revision = self.options.revision.unwrap_or(Revision::LATEST_LEGACY);
        let capabilities = slot
            .capabilities
            .declared(|it| revision.features().knows(it));
        let mut request = Request::new("initialize")
            .param("protocolVersion", &json!(revision.name()).to_string())
            .param("capabilities", &capabilities.to_string())
            .param("clientInfo", &client_info());
        request.authorization = self.authorization(slot.principal.as_ref()).await?;
        let reply = connection.start(request, None).reply().await;
        let result = reply
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("it refuses the handshake: {}", error.message))?;
        let it: Initialized = serde_json::from_str(&result)
            .map_err(|error| format!("its introduction is invalid: {error}"))?;
        let revision = Revision::from_name(&it.protocol_version);
        let revision = revision.filter(|revision| !revision.features().stateless);
        let features = revision
            .ok_or_else(|| {
                format!(
                    "it speaks `{}`, which is not supported",
                    it.protocol_version
                )
            })?
            .features();
        let negotiated = connection.negotiated(features).await;
        negotiated.map_err(|error| error.to_string())?;
        Ok(opened(
            connection,
            ServerInfo {
                instructions: it.instructions,
                capabilities: it.capabilities,
                ..ServerInfo::default()
            },
        ))
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

/// Returns the members of `_meta` of a modern request, each followed by a comma.
pub(super) fn modern_meta(capabilities: ClientCapabilities, level: Option<LogLevel>) -> String {
    // One text for each set of capabilities, because each call needs one.
    static TEXTS: [OnceLock<String>; 16] = [const { OnceLock::new() }; 16];
    let all = [
        capabilities.roots,
        capabilities.sampling,
        capabilities.elicitation_form,
        capabilities.elicitation_url,
    ];
    let index = all
        .iter()
        .fold(0, |index, has| index * 2 + usize::from(*has));
    let text = TEXTS[index].get_or_init(|| {
        let features = Revision::LATEST.features();
        format!(
            "\"io.modelcontextprotocol/protocolVersion\":\"{}\",\"io.modelcontextprotocol/clientInfo\":{},\
             \"io.modelcontextprotocol/clientCapabilities\":{},",
            features.name,
            client_info(),
            capabilities.declared(|it| features.knows(it))
        )
    });
    let mut meta = text.clone();
    if let Some(level) = level {
        let _ = write!(
            meta,
            "\"io.modelcontextprotocol/logLevel\":{},",
            json!(level)
        );
    }
    meta
}

/// Returns what this client says about itself.
fn client_info() -> String {
    json!({ "name": "mcp-runtime", "version": env!("CARGO_PKG_VERSION") }).to_string()
}

fn close(slot: &Slot) {
    if let Some(opened) = slot.open() {
        tokio::spawn(async move { opened.connection.close().await });
    }
}

fn opened(connection: Arc<Connection>, info: ServerInfo) -> Opened {
    Opened {
        connection,
        info: Arc::new(info),
    }
}

/// Why a server has not answered `server/discover`.
enum Discovery {
    /// It answers, but does not speak a revision without a handshake.
    Legacy,
    /// The connection is of no use any more.
    Ended(String),
}

impl From<ErrorReply> for Discovery {
    fn from(error: ErrorReply) -> Self {
        let supported = error.data.as_ref().map(|data| &data["supported"]);
        let is_modern = error.code == i64::from(UNSUPPORTED_VERSION)
            && supported.and_then(Value::as_array).is_some_and(|all| {
                !all.iter().filter_map(Value::as_str).any(|name| {
                    Revision::from_name(name).is_some_and(|it| !it.features().stateless)
                })
            });
        if is_modern {
            Self::Ended(format!("it speaks other revisions: {}", error.message))
        } else {
            Self::Legacy
        }
    }
}
