//! Contexts for unit tests of handlers.

use std::sync::{Arc, Once, OnceLock};

use serde_json::{Map, Value, json};

use crate::access::Access;
#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::bus::{Bus, Change, Listener, ListenerGuard, ListenerOwner};
use crate::call::{Asker, CallContext, Caller, ClientNotifier, ServerContext};
use crate::context::Context;
use crate::dispatch::notification_of;
use crate::opaque::opaque_debug;
use crate::owner::Principal;
use crate::protocol::capability::{Capability, ClientCapabilities, ClientInfo};
use crate::protocol::header::HeaderList;
use crate::protocol::jsonrpc::Message;
use crate::protocol::{LogLevel, Revision};
use crate::questions::{PendingRequests, Replay};
use crate::seal::Sealer;
use crate::service::{Limits, Origin, Outbound, Timeout, next_connection};
use crate::session::{Session, SessionState, Sessions};
use crate::session_data::{DataLimits, DataStore};
use crate::sync::Mutex;

/// A builder of [`Context`]s for unit tests, which call a handler as a plain function.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::{Principal, TestContext};
///
/// /// Greet the caller.
/// #[tool]
/// async fn greet(greeting: String, context: Context) -> Result<String, ToolError> {
///     let caller = context.principal().ok_or("nobody is logged in")?;
///     context.progress(1.0, Some(2.0), None);
///     context.session()?.set("greeted", &true).await?;
///     Ok(format!("{greeting}, {}!", caller.id()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ToolError> {
/// let test = TestContext::new().principal(Principal::new("Ada"));
/// assert_eq!(greet("Hello".to_owned(), test.context()).await?, "Hello, Ada!");
/// assert_eq!(test.notifications()[0]["params"]["progress"], 1.0);
/// assert_eq!(test.context().session()?.get("greeted").await?, Some(true));
///
/// let stranger = TestContext::new();
/// assert!(greet("Hello".to_owned(), stranger.context()).await.is_err());
/// # Ok(())
/// # }
/// ```
///
/// The client asks for progress and for log messages of all levels. It cannot be asked questions: for them, use
/// [`ClientBuilder::answer_with`](crate::ClientBuilder::answer_with).
pub struct TestContext {
    server: Arc<ServerContext>,
    sent: Arc<Sent>,
    _listening: Option<ListenerGuard>,
    revision: Revision,
    capabilities: ClientCapabilities,
    client: ClientInfo,
    origin: Origin,
    headers: HeaderList,
    meta: Map<String, Value>,
}

opaque_debug!(TestContext, |it| revision: it.revision, client: it.client);

/// The notifications that handlers have sent.
#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

impl Outbound for Sent {
    fn send(&self, message: String) -> bool {
        self.0.lock().push(message);
        true
    }
}

impl Listener for Sent {
    fn on_change(&self, change: &Change) {
        self.send(notification_of(change));
    }

    fn on_end(&self, _: Option<u64>) {}
}

impl Default for TestContext {
    fn default() -> Self {
        Self::new()
    }
}

impl TestContext {
    /// Returns a builder for calls of a client that speaks the newest revision and has no capabilities.
    pub fn new() -> Self {
        let server = Arc::new(server_context());
        let sent = Arc::<Sent>::default();
        let listener = Arc::clone(&sent) as Arc<dyn Listener>;
        Self {
            _listening: server
                .bus
                .listen(ListenerOwner::LOCAL, listener, || ())
                .ok(),
            server,
            sent,
            revision: Revision::LATEST,
            capabilities: ClientCapabilities::default(),
            client: ClientInfo::default(),
            origin: Origin {
                connection: Some(next_connection()),
                ..Origin::default()
            },
            headers: HeaderList::default(),
            meta: Map::new(),
        }
    }

    /// Sets the revision that the client speaks. With a legacy revision, all contexts belong to one session.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// Sets the name and version that the client reports.
    pub fn client(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.client.name = name.into();
        self.client.version = version.into();
        self
    }

    /// Adds a capability of the client.
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.add(capability);
        self
    }

    /// Declares that the client shows the pages of MCP Apps.
    pub fn apps(mut self) -> Self {
        self.capabilities.apps = true;
        self.client.apps = true;
        self
    }

    /// Sets the authenticated caller.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.origin.principal = Some(principal);
        self
    }

    /// Sets the authenticated caller, its scopes and its claims.
    #[cfg(feature = "auth")]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.origin = self.origin.identified(Some(Arc::new(identity)));
        self
    }

    /// Inserts a value into the extensions of the request, as an outer tower or axum layer does. Handlers read it with
    /// [`Context::extension`](crate::Context::extension).
    #[cfg(feature = "http")]
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.origin.extensions.insert(value);
        self
    }

    /// Sets a header of the request, in place of an earlier one of this name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name.into(), value.into());
        self
    }

    /// Sets a member of the request's `_meta`, such as `traceparent`.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Returns the context of a call. All contexts of this builder share their session and their notifications.
    pub fn context(&self) -> Context {
        let caller = self.caller();
        let features = caller.features;
        let outbound = Arc::clone(&self.sent) as Arc<dyn Outbound>;
        let (token, level) = (Some("1".into()), Some(LogLevel::Debug));
        Context::of(&Arc::new(CallContext::new(
            Arc::clone(&self.server),
            self.message(),
            caller,
            self.origin(),
            ClientNotifier::new(token, level, features, outbound),
            Asker::Test,
            None,
        )))
    }

    /// Returns the notifications that handlers have sent since the last call of this method.
    pub fn notifications(&self) -> Vec<Value> {
        let sent = std::mem::take(&mut *self.sent.0.lock());
        let read = sent.iter().map(|message| serde_json::from_str(message));
        read.filter_map(Result::ok).collect()
    }

    fn caller(&self) -> Caller {
        let features = self.revision.features();
        Caller {
            features,
            capabilities: self.capabilities,
            session: (!features.stateless).then(|| self.session()),
            progress_token: None,
            log_level: None,
        }
    }

    fn origin(&self) -> Origin {
        Origin {
            headers: Some(Arc::new(self.headers.clone())),
            ..self.origin.clone()
        }
    }

    fn session(&self) -> Session {
        Arc::new(SessionState {
            // The session is the only one of its server.
            nonce: [0; 16],
            revision: self.revision,
            capabilities: self.capabilities,
            client: self.client.clone(),
            principal: self.origin.principal.clone(),
            expires: u64::MAX,
        })
    }

    fn message(&self) -> Arc<Message> {
        let mut meta = self.meta.clone();
        let client = json!({ "name": self.client.name, "version": self.client.version });
        meta.insert(CLIENT_INFO.to_owned(), client);
        let params = json!({ "name": "test", "_meta": meta });
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let message = Message::parse(message.to_string().into_bytes(), usize::MAX);
        message.unwrap_or_else(|_| unreachable!("the message is valid"))
    }
}

/// The key of `_meta` with the name and version of the client.
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";

fn server_context() -> ServerContext {
    let limits = Limits::default();
    // Nothing is sealed: the client cannot be asked.
    let sealer = Sealer::from_keys(&[[0; 32]]).unwrap_or_else(|| unreachable!("there is a key"));
    ServerContext {
        states: OnceLock::new(),
        access: Access::default(),
        #[cfg(feature = "auth")]
        local: None,
        #[cfg(feature = "auth")]
        revocation: None,
        bus: Arc::new(Bus::new(limits.listeners)),
        replay: Arc::new(Replay::new(
            Arc::new(sealer),
            limits.answer_timeout,
            None,
            None,
        )),
        pending_requests: Arc::new(PendingRequests::new(
            Arc::new(Sessions::new()),
            limits.answer_timeout,
        )),
        cluster: None,
        session_data: DataStore::new(None, DataLimits::of(&limits)),
        forwarded: Vec::new(),
        warned: Once::new(),
        timeout: Timeout::default(),
        mask_errors: false,
        #[cfg(feature = "proxy")]
        watch: None,
    }
}
