//! One call as its handler sees it: the arguments, and what surrounds them.
//!
//! How an argument becomes a Rust value is `param`'s business; how the call came here is the transport's.

mod arguments;
mod cancel;
mod notifier;
mod signature;
mod states;

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

pub(crate) use arguments::{Arguments, Slot, Tree};
pub use cancel::Cancel;
pub(crate) use notifier::ClientNotifier;
pub(crate) use signature::{ParameterSpec, Signature, not_a_string};
pub(crate) use states::States;

use crate::bus::Bus;
use crate::error::ToolError;
use crate::in_flight::Stop;
use crate::protocol::LogLevel;
use crate::protocol::capability::{Capability, ClientCapabilities, ClientInfo};
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::questions::{Counted, Effects, PendingRequests, Questions, Replay};
use crate::service::Origin;
use crate::session::Session;
use crate::sync::Mutex;

/// What all calls of a server share.
pub(crate) struct ServerContext {
    pub(crate) states: States,
    pub(crate) bus: Arc<Bus>,
    pub(crate) replay: Arc<Replay>,
    pub(crate) pending_requests: PendingRequests,
    /// The targets whose `tracing` events go to the client as log messages.
    pub(crate) forwarded: Vec<String>,
    /// Whether clients see the text of errors that were not written for them.
    pub(crate) mask_errors: bool,
}

/// The client of a request, from the request itself or from the handshake before it.
pub(crate) struct Caller {
    pub(crate) features: &'static Features,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) session: Option<Session>,
    /// The token for progress, as JSON.
    pub(crate) progress_token: Option<Box<str>>,
    /// The lowest level of the log messages that a stateless request wants.
    pub(crate) log_level: Option<LogLevel>,
}

/// What surrounds a call, shared with the [`Context`](crate::Context)s that its handler takes.
pub(crate) struct CallContext {
    pub(crate) server: Arc<ServerContext>,
    pub(crate) message: Arc<Message>,
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) notifier: ClientNotifier,
    pub(crate) asker: Asker,
    cancel: OnceLock<Cancel>,
    /// The effects of a call that does not begin anew.
    effects: OnceLock<Arc<Effects>>,
    client: OnceLock<ClientInfo>,
}

impl CallContext {
    pub(crate) fn new(
        server: Arc<ServerContext>,
        message: Arc<Message>,
        caller: Caller,
        origin: Origin,
        notifier: ClientNotifier,
        asker: Asker,
    ) -> Self {
        Self {
            server,
            message,
            caller,
            origin,
            notifier,
            asker,
            cancel: OnceLock::new(),
            effects: OnceLock::new(),
            client: OnceLock::new(),
        }
    }

    /// Whether the client says that it can do this, and its revision has a word for it.
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.caller.capabilities.has(capability) && self.caller.features.knows(capability)
    }

    /// Returns who the client says it is.
    pub(crate) fn client(&self) -> &ClientInfo {
        match &self.caller.session {
            Some(session) => &session.client,
            // Few handlers want to know.
            None => self.client.get_or_init(|| {
                let params = self.message.params().ok();
                let info = params.and_then(|params| params.meta().client_info());
                info.map(ClientInfo::parse).unwrap_or_default()
            }),
        }
    }

    /// Returns what tells that the call is cancelled.
    pub(crate) fn cancel(&self) -> &Cancel {
        self.cancel.get_or_init(Cancel::default)
    }

    /// The effects of this call, in all its attempts; `None` if they cannot be remembered.
    pub(crate) fn effects(&self) -> Option<Arc<Effects>> {
        match self.asker.replay() {
            Some(questions) => questions.effects(&self.origin),
            None => Some(Arc::clone(self.effects.get_or_init(Arc::default))),
        }
    }

    /// What the client lacked to be asked, where the protocol has an error for that.
    pub(crate) fn lacking(&self) -> Vec<Capability> {
        self.asker
            .replay()
            .map(Questions::lacking)
            .unwrap_or_default()
    }

    /// Counts what an effect came to, if it is kept.
    pub(crate) fn record(&self, key: &str, outcome: &Value) {
        if let Some(questions) = self.asker.replay() {
            questions.record(key, outcome);
        }
    }

    /// Keeps the call from being given up until what this gives is dropped.
    pub(crate) fn begin_effect(&self) -> Option<Counted<'_>> {
        self.asker.replay().map(Questions::begin_effect)
    }
}

impl Stop for CallContext {
    fn stop(&self) {
        self.cancel().set();
        self.notifier.abandon();
    }
}

/// How the client of a call can be asked.
#[allow(clippy::large_enum_variant)] // the large one is the rule
pub(crate) enum Asker {
    /// Not at all.
    Nobody,
    /// While the call waits.
    Live {
        session: [u8; 16],
        /// How many questions wait for their answer.
        waiting: AtomicUsize,
    },
    /// By beginning the call anew.
    Replay(Questions),
}

impl Asker {
    /// The questions of a call that is begun anew.
    pub(crate) fn replay(&self) -> Option<&Questions> {
        match self {
            Self::Replay(questions) => Some(questions),
            Self::Live { .. } | Self::Nobody => None,
        }
    }

    /// Whether a question waits for its answer while the call waits too.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Live { waiting, .. } if waiting.load(Ordering::Relaxed) > 0)
    }
}

thread_local! {
    /// The call that this thread polls now.
    static CURRENT: Cell<*const CallContext> = const { Cell::new(std::ptr::null()) };
}

/// Polls a part of a call: the questions in it are those of the call.
pub(crate) fn poll_within<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
    poll_as(Arc::as_ptr(call), part)
}

/// Polls what is part of no call: it cannot ask.
pub(crate) fn poll_apart<R>(part: impl FnOnce() -> R) -> R {
    poll_as(std::ptr::null(), part)
}

fn poll_as<R>(call: *const CallContext, part: impl FnOnce() -> R) -> R {
    struct RestoreCurrent(*const CallContext);
    impl Drop for RestoreCurrent {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = RestoreCurrent(CURRENT.replace(call));
    part()
}

/// Whether this thread polls this call now.
pub(crate) fn is_current(call: &Arc<CallContext>) -> bool {
    CURRENT.get() == Arc::as_ptr(call)
}

/// One call of a component: its arguments and its call_context.
///
/// Handlers do not see it; implementations of [`Param`](crate::Param) do.
pub struct Call {
    pub(crate) call_context: Arc<CallContext>,
    pub(crate) arguments: Arguments,
    pub(crate) signature: Arc<Signature>,
    rejections: Mutex<Vec<String>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secrets.
        formatter.debug_struct("Call").finish_non_exhaustive()
    }
}

impl Call {
    pub(crate) fn new(
        call_context: Arc<CallContext>,
        signature: Arc<Signature>,
        arguments: Arguments,
        rejections: Vec<String>,
    ) -> Self {
        Self {
            call_context,
            arguments,
            signature,
            rejections: Mutex::new(rejections),
        }
    }

    /// The value of [`Server::state`](crate::Server::state) of type `T`.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.call_context.server.states.get()
    }

    /// The value of an HTTP header; `None` on other transports.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.call_context.origin.headers.as_ref()?.get(name)
    }

    /// Tells when the call is cancelled.
    pub fn cancel(&self) -> Cancel {
        self.call_context.cancel().clone()
    }

    /// The argument at a position, as JSON, if it was given so.
    pub(crate) fn json(&self, index: usize) -> Option<&str> {
        match self.arguments.slot(index) {
            Slot::Json(json) => Some(json.text(self.call_context.message.text())),
            _ => None,
        }
    }

    /// The argument at a position as a tree in memory, if it was given as JSON.
    pub(crate) fn tree(&self, index: usize) -> Option<&Tree> {
        let message = self.call_context.message.text();
        self.arguments.tree(message, &self.signature, index)
    }

    /// Notes why a parameter could not be had.
    pub(crate) fn reject(&self, reason: &ToolError) {
        self.rejections.lock().push(reason.to_string());
    }

    /// Whether every argument is known and every parameter could be had.
    #[doc(hidden)]
    pub fn accepted(&self) -> bool {
        self.rejections.lock().is_empty()
    }

    /// All that was wrong with the arguments, in one text.
    pub(crate) fn rejection(&self) -> String {
        let reasons = self.rejections.lock();
        let heading = format!("Invalid {}:", self.signature.noun);
        reasons.iter().fold(heading, |mut text, reason| {
            text.push_str("\n- ");
            text.push_str(reason);
            text
        })
    }
}
