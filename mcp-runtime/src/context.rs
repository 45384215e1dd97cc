//! What a handler can ask of the server and the client while it runs.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::bus::Notifier;
use crate::call::{Call, CallContext, Cancel};
use crate::error::ToolError;
use crate::finite;
use crate::owner::Principal;
use crate::param::{Extraction, Param};
use crate::protocol::capability::{Capability, ClientCapabilities, ClientInfo};
use crate::protocol::{Id, LogLevel, Revision, TraceContext};

/// The call_context of a call: take it as a parameter to report progress, to ask questions, or to learn who asks.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Copy some files.
/// #[tool]
/// async fn copy(files: Vec<String>, context: Context) -> String {
///     for (done, file) in files.iter().enumerate() {
///         context.progress(done as f64, Some(files.len() as f64), Some(file));
///     }
///     format!("copied {} files", files.len())
/// }
/// ```
///
/// # Questions
///
/// [`Context::elicit`] asks the user, [`Context::sample`] the client's model, [`Context::roots`] the client itself. You
/// write one `await`, and it works with every client; what happens meanwhile differs.
///
/// A client of an older revision has a session. The question goes to it while the call waits, as any `await` does, and the
/// handler goes on when the answer is there.
///
/// A client of 2026-07-28 cannot be asked: it asks, and the server answers. So the answer to its call *is* the question. The
/// handler stops at the `await`, for good: its future is dropped, and destructors run. The client shows the question to its
/// user and sends the same call again with the answer, and with a sealed note of what was answered before. The handler **runs
/// again from the top**. This time the `await` gives the answer at once, and it goes on to the next question, or to the end.
///
/// ```text
/// first run    book() ── "When?" ✗ stops           the reply: "When?"
/// second run   book() ── "When?" = 19:30 ── "Who?" ✗ stops    the reply: "Who?"
/// third run    book() ── "When?" = 19:30 ── "Who?" = Ada ── done     the reply: the result
/// ```
///
/// What a user fills in is a form: a flat struct with `#[derive(Deserialize, JsonSchema, Elicit)]`, of which
/// [`Elicit`](macro@crate::Elicit) says what it can hold and what each revision makes of it.
///
/// What this means for a handler:
///
/// - **All code before a question runs once for each question that follows.** Reading is fine. What must not happen twice goes
///   after the last question, or into [`Context::once`], which records what came out: `context.once("charge", charge(card)).await?`.
///   A client may also send its last answers twice: [`Server::single_use_state`](crate::Server::single_use_state) refuses that.
/// - **Ask the same in every run.** Answers are found by what was asked, not by when, so branches may finish in any order. A
///   question that contains the time of day is a new one each time, and never answered. Names
///   ([`Elicitation::key`](crate::Elicitation::key)) are for clients that know what will be asked.
/// - **Side by side is one round**: questions in one `join!` are sent together.
/// - **What is always asked can be a parameter**: `#[ask("When, and for how many?")] booking: Booking` is answered before the
///   body runs, which so runs once. Several such are one round. See [`AskParam`](crate::AskParam).
/// - **`?` stops.** A user who declines or goes away, and a client that cannot be asked, are errors ([`AskError`](crate::AskError)),
///   so that nothing after the question runs by mistake. Match on them to go on without.
/// - **Ask within the handler.** A question in `tokio::spawn`, or awaited by a plain `fn`, is an error, not a wait.
/// - **It does not last for ever**: an answer is worth something for 10 minutes
///   ([`Limits::answer_timeout`](crate::Limits::answer_timeout)), for this call with these arguments only. Replicas need a shared
///   key ([`Server::session_keys`](crate::Server::session_keys)).
#[derive(Clone)]
pub struct Context(Arc<CallContext>);

impl Context {
    pub(crate) fn of(call: &Arc<CallContext>) -> Self {
        Self(Arc::clone(call))
    }

    pub(crate) fn call_context(&self) -> &Arc<CallContext> {
        &self.0
    }

    /// Reports progress to a client that asked for it; otherwise does nothing.
    ///
    /// `done` and `total` are in units of your choice. Progress must increase: a report that does not is left out, as
    /// is one after the call has ended, or a number that is not finite.
    ///
    /// The first 100 reports of a call are sent at once, and later ones at most every 10 ms. Of those that come too
    /// soon the newest is kept: it is sent before the reply, unless a newer one is sent before that.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress>.
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.0.notifier.progress(done, total, message);
    }

    /// Tells clients that a list or a resource changed.
    pub fn notify(&self) -> Notifier {
        Notifier(Arc::clone(&self.0.server.bus))
    }

    /// Closes the HTTP connection of a call that takes long; the client comes back for the rest, and nothing is lost.
    ///
    /// Only sessions of 2025-11-25 can do so; elsewhere this does nothing.
    /// See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server>.
    pub fn close_stream(&self) {
        if self.0.caller.features.primed_streams {
            self.0.notifier.outbound().cut();
        }
    }

    /// Sends a log message to a client that asked for messages of this level; otherwise does nothing.
    ///
    /// `data` is a text or any other value that JSON can hold. Never log secrets: the message leaves the machine.
    /// A call sends at most 1,000 messages, and none after it has ended. Clients of 2026-07-28 ask for them with each
    /// request; those of older revisions have asked for [`LogLevel::Info`] until they set another level, which
    /// takes effect with the next call and is lost when the server is started again.
    /// That revision also deprecates log messages: what only you want to read belongs on stderr.
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

    /// [`Context::log`], in the name of a part of the server.
    pub fn log_as(&self, logger: &str, level: LogLevel, data: impl Serialize) {
        self.send_log(Some(logger), level, &data);
    }

    fn send_log(&self, logger: Option<&str>, level: LogLevel, data: &impl Serialize) {
        if !self.0.notifier.wants(level) {
            return;
        }
        let data = finite::to_json(data).unwrap_or_else(|error| {
            Value::from(format!("a log message that JSON cannot hold: {error}")).to_string()
        });
        self.0.notifier.log(level, logger, &data);
    }

    /// The id under which the client made the request.
    pub fn request_id(&self) -> &Id {
        const NONE: &Id = &Id::Number(0);
        // Only requests have handlers.
        self.0.message.id().unwrap_or(NONE)
    }

    /// The request's `_meta`, with all its keys.
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
        let message: Message = serde_json::from_str(self.0.message.text()).unwrap_or_default();
        message.params.meta
    }

    /// Where the request belongs in a distributed trace, as far as its `_meta` says so in a valid way.
    ///
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
    pub fn trace_context(&self) -> TraceContext {
        let mut meta = self.meta();
        let mut text = |key: &str| match meta.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        TraceContext::new(text("traceparent"), text("tracestate"), text("baggage"))
    }

    /// Who the client says it is: for display, not for decisions.
    pub fn client(&self) -> &ClientInfo {
        self.0.client()
    }

    /// Returns the caller that an outer layer has verified, if there is one: see [`Principal`].
    pub fn principal(&self) -> Option<&Principal> {
        self.0.origin.principal.as_ref()
    }

    /// Returns what an outer tower or axum layer put into the `http::Extensions` of the request; `None` on other transports.
    #[cfg(feature = "http")]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.origin.extensions.get()
    }

    /// Returns the other end of the socket; `None` where there is none, or where an outer server has not told it.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.0.origin.peer
    }

    /// What the client says it can do.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.0.caller.capabilities
    }

    /// Goes on only if the client can do this: `?` ends the call with the error that says what is missing.
    ///
    /// # Errors
    /// The client has not declared the capability, or speaks a revision that does not know it.
    pub fn require(&self, capability: Capability) -> Result<(), ToolError> {
        if self.0.can(capability) {
            return Ok(());
        }
        Err(ToolError::lacking(capability))
    }

    /// The revision of the protocol that the client speaks.
    pub fn revision(&self) -> Revision {
        self.0.caller.features.revision
    }

    /// Tells when the call is cancelled.
    pub fn cancel(&self) -> Cancel {
        self.0.cancel().clone()
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
        Extraction::ready(Ok(Self::of(&call.call_context)))
    }
}
