//! `Context`: access to the server, the client and the request for a running handler.

mod progress_value;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::bus::Notifier;
use crate::call::{Call, CallContext, Cancel, ServerContext};
use crate::error::ToolError;
use crate::finite;
use crate::owner::Principal;
use crate::param::{Extraction, Param};
use crate::protocol::capability::{Capability, ClientCapabilities, ClientInfo};
use crate::protocol::{Id, LogLevel, Revision, TraceContext};
use crate::session_data::SessionData;
pub use progress_value::ProgressValue;

/// The context of a call. Take it as a parameter to report progress, to ask questions, or to identify the caller.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Copy some files.
/// #[tool]
/// async fn copy(files: Vec<String>, context: Context) -> String {
///     for (done, file) in files.iter().enumerate() {
///         context.progress(done, Some(files.len()), Some(file));
///     }
///     format!("copied {} files", files.len())
/// }
/// ```
///
/// # Questions
///
/// [`Context::elicit`] asks the user, [`Context::sample`] asks the client's model, and [`Context::roots`] asks the client
/// itself. A single `await` works with every client, but the mechanism depends on the client's revision.
///
/// A client of an older revision has a session. The server sends the question as a request while the call waits, and the
/// handler continues when the answer arrives.
///
/// A client of 2026-07-28 accepts no requests from the server. The question is therefore the *result* of its call. The
/// handler stops at the `await`: its future is dropped, and destructors run. The client shows the question to its
/// user and repeats the call with the answer, and with a sealed record of all earlier answers. The handler **runs
/// again from the top**. This time the `await` returns the answer at once, and the handler continues to the next
/// question or to its end.
///
/// ```text
/// first run    book() ── "When?" ✗ stops           the reply: "When?"
/// second run   book() ── "When?" = 19:30 ── "Who?" ✗ stops    the reply: "Who?"
/// third run    book() ── "When?" = 19:30 ── "Who?" = Ada ── done     the reply: the result
/// ```
///
/// The user fills in a form: a flat struct with `#[derive(Deserialize, JsonSchema, Elicit)]`. See
/// [`Elicit`](macro@crate::Elicit) for its field types and for the differences between revisions.
///
/// Rules for handlers that ask:
///
/// - **Code before a question runs again for each question that follows.** Reading data is fine. Put side effects
///   after the last question, or into [`Context::once`], which records the outcome:
///   `context.once("charge", charge(card)).await?`. A client may also send its last answers twice:
///   [`Server::single_use_state`](crate::Server::single_use_state) rejects that.
/// - **Ask the same questions in every run.** An answer is matched by the content of its question, not by order, so
///   branches may finish in any order. A question that contains the time of day differs in every run and is never
///   answered. Names ([`Elicitation::key`](crate::Elicitation::key)) are for clients that expect certain questions.
/// - **Concurrent questions are one round**: the questions in one `join!` are sent together.
/// - **A question that is always asked can be a parameter**: `#[ask("When, and for how many?")] booking: Booking` is
///   answered before the body runs, so the body runs once. Several such parameters are one round. See
///   [`AskParam`](crate::AskParam).
/// - **`?` ends the call.** If the user declines or dismisses the question, or if the client cannot be asked, the
///   result is an error ([`AskError`](crate::AskError)), so that no code after the question runs by mistake. Match on
///   the error to continue without an answer.
/// - **Ask within the handler.** A question in `tokio::spawn`, or awaited by a plain `fn`, is an error and does not wait.
/// - **Answers expire**: an answer is valid for 10 minutes
///   ([`Limits::answer_timeout`](crate::Limits::answer_timeout)), and only for the same call with the same arguments.
///   Replicas need a shared store ([`Server::cluster`](crate::Server::cluster)), or at least a shared key
///   ([`Server::session_keys`](crate::Server::session_keys)).
#[derive(Clone)]
pub struct Context {
    call: Arc<CallContext>,
    /// The server that the code belongs to, if it is not that of the called component.
    server: Option<Arc<ServerContext>>,
}

impl Context {
    pub(crate) fn of(call: &Arc<CallContext>) -> Self {
        Self::within(call, None)
    }

    /// Returns the context for code of this server, or of that of the called component.
    pub(crate) fn within(call: &Arc<CallContext>, server: Option<&Arc<ServerContext>>) -> Self {
        Self {
            call: Arc::clone(call),
            server: server.cloned(),
        }
    }

    pub(crate) fn call_context(&self) -> &Arc<CallContext> {
        &self.call
    }

    /// Returns the server that the code belongs to.
    pub(crate) fn server(&self) -> &Arc<ServerContext> {
        self.server.as_ref().unwrap_or(&self.call.server)
    }

    /// Reports progress to a client that asked for it; otherwise does nothing.
    ///
    /// `done` and `total` are numbers of one type, in units of your choice: see [`ProgressValue`]. Progress must increase: a
    /// report that does not increase it is ignored, as is a report after the call has ended, or with a number that is not
    /// finite.
    ///
    /// The first 100 reports of a call are sent at once, and later ones at most every 10 ms. The newest report that
    /// is held back is sent before the reply, unless a newer one is sent first.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress>.
    pub fn progress<N: ProgressValue>(&self, done: N, total: Option<N>, message: Option<&str>) {
        let total = total.map(N::to_f64);
        self.call.notifier.progress(done.to_f64(), total, message);
    }

    /// Returns a notifier, which notifies clients that a list or a resource changed.
    pub fn notify(&self) -> Notifier {
        Notifier(Arc::clone(&self.server().bus))
    }

    /// Closes the HTTP connection of a long call. The client reconnects to receive the remaining messages; none are lost.
    ///
    /// Only sessions of 2025-11-25 support this; for other clients and transports it does nothing.
    /// See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server>.
    pub fn close_stream(&self) {
        if self.call.caller.features.primed_streams {
            self.call.notifier.outbound().cut();
        }
    }

    /// Sends a log message to a client that asked for messages of this level; otherwise does nothing.
    ///
    /// `data` is a string or any other value that JSON can represent. Never log secrets: the message leaves the machine.
    /// A call sends at most 1,000 messages, and none after it has ended.
    ///
    /// Clients of 2026-07-28 set the level in each request. For clients of older revisions the level is
    /// [`LogLevel::Info`] until they set another one, which takes effect with the next call and is lost when the server
    /// restarts. Revision 2026-07-28 deprecates log messages: emit `tracing` events for the operator of the server.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging>.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// Fetch a page.
    /// #[tool]
    /// async fn fetch(url: String, context: Context) -> String {
    ///     context.log(LogLevel::Info, "the page is fetched");
    ///     context.log_as("cache", LogLevel::Debug, json!({ "url": url, "hit": false }));
    ///     "...".to_owned()
    /// }
    /// ```
    pub fn log(&self, level: LogLevel, data: impl Serialize) {
        self.send_log(None, level, &data);
    }

    /// Sends a log message as [`Context::log`] does, with the name of a logger, such as a part of the server.
    pub fn log_as(&self, logger: &str, level: LogLevel, data: impl Serialize) {
        self.send_log(Some(logger), level, &data);
    }

    fn send_log(&self, logger: Option<&str>, level: LogLevel, data: &impl Serialize) {
        if !self.call.notifier.wants(level) {
            return;
        }
        let data = finite::to_json(data).unwrap_or_else(|error| {
            Value::from(format!("a log message that JSON cannot hold: {error}")).to_string()
        });
        self.call.notifier.log(level, logger, &data);
    }

    /// Returns the id of the request.
    pub fn request_id(&self) -> &Id {
        const NONE: &Id = &Id::Number(0);
        // Only requests have handlers.
        self.call.message.id().unwrap_or(NONE)
    }

    /// Returns the request's `_meta` with all its keys.
    pub fn meta(&self) -> Map<String, Value> {
        #[derive(Default, Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Default, Deserialize)]
        struct Params {
            #[serde(rename = "_meta")]
            meta: Map<String, Value>,
        }
        let message: Message = serde_json::from_str(self.call.message.text()).unwrap_or_default();
        message.params.meta
    }

    /// Returns the distributed trace context of the request, from its `_meta` or else from its HTTP headers. Invalid
    /// values are ignored.
    ///
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
    pub fn trace_context(&self) -> TraceContext {
        let params = self.call.message.params().ok();
        let meta = params.and_then(|params| params.meta().json());
        TraceContext::incoming(meta, self.call.origin.headers.as_deref())
    }

    /// Returns the trace context for the calls that the handler makes itself: see
    /// [`TraceContext::headers`](crate::TraceContext::headers).
    ///
    /// With the feature `otel` and a subscriber that exports spans, the parent is the current `tracing` span; in a spawned
    /// task, that is the span that the task was instrumented with. Otherwise this is the context of the request.
    pub fn outgoing_trace(&self) -> TraceContext {
        let incoming = self.trace_context();
        #[cfg(feature = "otel")]
        let incoming = crate::trace::outgoing(incoming);
        incoming
    }

    /// Returns the name and version that the client reports. They are not verified: use them for display only.
    pub fn client(&self) -> &ClientInfo {
        self.call.client()
    }

    /// Returns the authenticated caller, if there is one: see [`Principal`].
    pub fn principal(&self) -> Option<&Principal> {
        self.call.origin.principal.as_ref()
    }

    /// Returns what the server has verified about the caller, if it has authenticated it: see `Server::auth`.
    #[cfg(feature = "auth")]
    pub fn identity(&self) -> Option<&Identity> {
        self.call.origin.identity.as_deref()
    }

    /// Returns the data that handlers keep between calls: of the client's session or, in revisions without sessions, of its
    /// [`Principal`] or else of its connection. Over HTTP a connection identifies nobody.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Count the calls of this client.
    /// #[tool]
    /// async fn count(context: Context) -> Result<u64, ToolError> {
    ///     let session = context.session()?;
    ///     let count = session.get::<u64>("count").await?.unwrap_or_default() + 1;
    ///     session.set("count", &count).await?;
    ///     Ok(count)
    /// }
    /// ```
    ///
    /// Values are JSON. Their number and size are limited, and they end with the session or connection: see
    /// [`Limits::session_values`](crate::Limits::session_values) and its neighbours. Each change of one value is atomic, but
    /// other calls of the client may run between `get` and `set`.
    ///
    /// # Errors
    /// Returns an error if the request has none of them: over HTTP, a client of 2026-07-28 that no layer has authenticated has
    /// no identity that lasts for more than one request.
    pub fn session(&self) -> Result<SessionData, ToolError> {
        let (session, origin) = (self.call.caller.session.as_deref(), &self.call.origin);
        let store = &self.server().session_data;
        let data = store.of(session, origin);
        data.ok_or_else(|| {
            ToolError::new(
                "This client has no session: its revision has none, and no layer around the server has authenticated it",
            )
        })
    }

    /// Returns a value that an outer tower or axum layer inserted into the `http::Extensions` of the request, or that
    /// [`ClientBuilder::extension`](crate::ClientBuilder::extension) or
    /// [`TestContext::extension`](crate::TestContext::extension) inserted. Returns `None` if there is none of this type.
    #[cfg(feature = "http")]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.call.origin.extensions.get()
    }

    /// Returns the peer address of the socket. Returns `None` if the transport has no socket or if an outer server
    /// does not provide the address.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.call.origin.peer
    }

    /// Returns the capabilities that the client declared.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.call.caller.capabilities
    }

    /// Checks that the client has a capability. With `?`, the call ends with an error that names the missing capability.
    ///
    /// # Errors
    /// Returns an error if the client did not declare the capability, or if its revision does not have it.
    pub fn require(&self, capability: Capability) -> Result<(), ToolError> {
        if self.call.can(capability) {
            return Ok(());
        }
        Err(ToolError::lacking(capability))
    }

    /// Returns the revision of the protocol that the client speaks.
    pub fn revision(&self) -> Revision {
        self.call.caller.features.revision
    }

    /// Returns the cancellation signal of the call.
    pub fn cancel(&self) -> Cancel {
        self.call.cancel()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("request_id", self.request_id())
            .field("revision", &self.revision())
            .field("client", self.client())
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Context {
    const DEPENDS_ON_CALLER: bool = false;

    fn extract(call: &'c Call, _index: usize) -> Extraction<'c, Self> {
        Extraction::ready(Ok(Self::within(&call.context, call.server.as_ref())))
    }
}
