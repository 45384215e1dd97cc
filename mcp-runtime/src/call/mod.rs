//! A call as its handler sees it: the arguments and the call context.
//!
//! `param` converts arguments to Rust values.

mod arguments;
mod cancel;
mod flattened;
mod notifier;
mod renaming;
mod signature;
mod states;
mod task;
mod tree;

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
#[cfg(feature = "proxy")]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once, OnceLock};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(crate) use arguments::{Arguments, Slot};
pub use cancel::Cancel;
pub(crate) use notifier::ClientNotifier;
pub(crate) use renaming::{Renaming, Renamings};
pub(crate) use signature::{Argument, ParameterSpec, Signature, not_a_string};
pub(crate) use states::States;
pub(crate) use task::{EffectRecorder, TaskLink};
pub(crate) use tree::Tree;

use crate::access::Access;
#[cfg(feature = "auth")]
use crate::auth::{Identity, Revocation};
use crate::bus::Bus;
use crate::cluster::{Cluster, SharedEffect};
use crate::error::ToolError;
use crate::in_flight::Stop;
use crate::protocol::LogLevel;
use crate::protocol::capability::{Capability, ClientCapabilities, ClientInfo};
use crate::protocol::jsonrpc::Message;
use crate::protocol::revision::Features;
use crate::questions::{Counted, Effects, PendingRequests, Questions, Replay};
use crate::schema::missing;
use crate::service::{Origin, Timeout};
use crate::session::Session;
use crate::session_data::DataStore;
use crate::sync::Mutex;

/// The state that all calls of a server share.
pub(crate) struct ServerContext {
    /// Set once the lifespans have started.
    pub(crate) states: OnceLock<States>,
    /// The OAuth scopes that imply others.
    pub(crate) access: Access,
    /// The caller of stdio.
    #[cfg(feature = "auth")]
    pub(crate) local: Option<Arc<Identity>>,
    /// The tokens that are refused; `None` in unit tests of handlers.
    #[cfg(feature = "auth")]
    pub(crate) revocation: Option<Arc<Revocation>>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) replay: Arc<Replay>,
    pub(crate) pending_requests: Arc<PendingRequests>,
    /// The replicas of this server; `None` if it is the only one.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// The data that handlers keep for sessions and callers.
    pub(crate) session_data: DataStore,
    /// The targets whose `tracing` events are sent to the client as log messages.
    pub(crate) forwarded: Vec<String>,
    /// The time limit of a call whose component has none of its own.
    pub(crate) timeout: Timeout,
    /// Completed when the log says that events are not forwarded.
    pub(crate) warned: Once,
    /// `true` if the texts of errors that were not written for clients are hidden from them.
    pub(crate) mask_errors: bool,
    /// Called with the URI of each resource whose changes a client wants to know.
    #[cfg(feature = "proxy")]
    pub(crate) watch: Option<WatchFn>,
}

/// A function that is called with a URI.
#[cfg(feature = "proxy")]
pub(crate) type WatchFn = Box<dyn Fn(&str) + Send + Sync>;

impl ServerContext {
    /// Returns the state of a type.
    pub(crate) fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.states.get()?.get()
    }

    /// Returns `true` if there is a state of this type.
    pub(crate) fn has_state(&self, id: TypeId) -> bool {
        self.states.get().is_some_and(|states| states.contains(id))
    }
}

/// The client of a request, known from the request itself or from the handshake of its session.
pub(crate) struct Caller {
    pub(crate) features: &'static Features,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) session: Option<Session>,
    /// The progress token, as JSON.
    pub(crate) progress_token: Option<Box<str>>,
    /// The lowest level of log messages that a stateless request asks for.
    pub(crate) log_level: Option<LogLevel>,
}

impl Caller {
    /// Returns `true` if the client can receive a task instead of a result.
    pub(crate) fn takes_tasks(&self) -> bool {
        self.features.extensions && self.capabilities.tasks
    }

    /// Returns `true` if the client has a session with tasks (2025-11-25).
    pub(crate) fn has_session_tasks(&self) -> bool {
        self.features.session_tasks && self.session.is_some()
    }
}

/// The context of a call, shared with the [`Context`](crate::Context)s that its handler takes.
pub(crate) struct CallContext {
    pub(crate) server: Arc<ServerContext>,
    pub(crate) message: Arc<Message>,
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) notifier: ClientNotifier,
    pub(crate) asker: Asker,
    /// The cancellation of the running attempt, created on demand.
    cancel: Mutex<Option<Cancel>>,
    /// `true` after the client cancelled the call or disconnected.
    stopped: AtomicBool,
    /// `true` while the timers of the call can be created later: see [`Stop::defer_timers`].
    defers_timers: AtomicBool,
    /// Values that threads of the call keep alive.
    held: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// The effects of a call that is not replayed.
    effects: OnceLock<Arc<Effects>>,
    client: OnceLock<ClientInfo>,
    /// `Some` if the call may become a task.
    task: Option<Arc<TaskLink>>,
    /// The number of tools of upstream servers that the handler has called in this attempt.
    #[cfg(feature = "proxy")]
    upstream_calls: AtomicU32,
}

impl CallContext {
    pub(crate) fn new(
        server: Arc<ServerContext>,
        message: Arc<Message>,
        caller: Caller,
        origin: Origin,
        notifier: ClientNotifier,
        asker: Asker,
        task: Option<Arc<TaskLink>>,
    ) -> Self {
        Self {
            server,
            message,
            caller,
            origin,
            notifier,
            asker,
            cancel: Mutex::default(),
            stopped: AtomicBool::new(false),
            // Until the request is registered, which follows its first poll.
            defers_timers: AtomicBool::new(true),
            held: Mutex::default(),
            effects: OnceLock::new(),
            client: OnceLock::new(),
            task,
            #[cfg(feature = "proxy")]
            upstream_calls: AtomicU32::new(0),
        }
    }

    /// Returns `true` if the client declared this capability and its revision defines it.
    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.caller.capabilities.has(capability) && self.caller.features.knows(capability)
    }

    /// Returns the link to the task that the call may become.
    pub(crate) fn task(&self) -> Option<&Arc<TaskLink>> {
        self.task.as_ref()
    }

    /// Returns `true` if the call is a task, so that its client does not wait for it.
    pub(crate) fn is_task(&self) -> bool {
        self.task.as_ref().is_some_and(|task| task.is_task())
    }

    /// Returns the client's name and version, as it reports them.
    pub(crate) fn client(&self) -> &ClientInfo {
        match &self.caller.session {
            Some(session) => &session.client,
            // Parsed on first use, because few handlers need it.
            None => self.client.get_or_init(|| ClientInfo {
                apps: self.caller.capabilities.apps,
                ..client_of(&self.message)
            }),
        }
    }

    /// Returns the cancellation of the call.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel
            .lock()
            .get_or_insert_with(Cancel::default)
            .clone()
    }

    /// Returns `true` if the client cancelled the call or disconnected.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns `true` if the timers of the call can be created later: see [`Stop::defer_timers`].
    pub(crate) fn defers_timers(&self) -> bool {
        self.defers_timers.load(Ordering::Acquire)
    }

    /// Prepares another run of the handler: an earlier run may have been cancelled, and its questions are asked again.
    pub(crate) fn restart(&self) {
        *self.cancel.lock() = None;
        #[cfg(feature = "proxy")]
        self.upstream_calls.store(0, Ordering::Relaxed);
        if let Some(questions) = self.asker.replay() {
            questions.restart();
        }
    }

    /// Returns the number of a call of a tool of an upstream server: each attempt of a handler makes the same calls.
    #[cfg(feature = "proxy")]
    pub(crate) fn number_upstream_call(&self) -> u32 {
        self.upstream_calls.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns `true` if the client was asked a question, in this attempt or in an earlier one.
    pub(crate) fn has_asked(&self) -> bool {
        match &self.asker {
            Asker::Nobody | Asker::Test => false,
            Asker::Live { asked, .. } => asked.load(Ordering::Relaxed),
            Asker::Replay(questions) => questions.has_asked(),
        }
    }

    /// Keeps a value until it is released and all threads that share it have ended.
    pub(crate) fn hold(&self, value: Arc<dyn Any + Send + Sync>) {
        self.held.lock().push(value);
    }

    /// Releases a value. Threads that share it keep it.
    pub(crate) fn release(&self, value: &Arc<dyn Any + Send + Sync>) {
        self.held.lock().retain(|held| !Arc::ptr_eq(held, value));
    }

    /// Returns the held values, for a thread of the call.
    pub(crate) fn held(&self) -> Vec<Arc<dyn Any + Send + Sync>> {
        self.held.lock().clone()
    }

    /// Returns the effects of this call, in all its attempts, or `None` if they cannot be stored with the outcome of `key`.
    pub(crate) fn effects(&self, key: &str) -> Option<Arc<Effects>> {
        match self.asker.replay() {
            Some(questions) if self.is_task() => questions.task_effects(),
            Some(questions) => questions.effects(&self.origin, key),
            None => Some(Arc::clone(self.effects.get_or_init(Arc::default))),
        }
    }

    /// Returns the capabilities that questions of this call needed and the client lacks, if the protocol has an error for it.
    pub(crate) fn lacking(&self) -> Vec<Capability> {
        self.asker
            .replay()
            .map(Questions::lacking)
            .unwrap_or_default()
    }

    /// Counts the size of an effect's outcome, if it is stored.
    pub(crate) fn record(&self, key: &str, outcome: &Value) {
        if let Some(questions) = self.asker.replay().filter(|_| !self.is_task()) {
            questions.record(key, outcome);
        }
    }

    /// Returns an effect of a call that is replayed, if other replicas may run it, too.
    pub(crate) fn shared_effect(&self, key: &str) -> Option<SharedEffect> {
        let questions = self.asker.replay().filter(|_| !self.is_task())?;
        questions.shared_effect(&self.origin, key)
    }

    /// Ends the call with an error when it is suspended next: an effect must not run.
    pub(crate) fn forbid_effects(&self) {
        if let Some(questions) = self.asker.replay() {
            questions.forbid_effects();
        }
    }

    /// Returns a guard; the call is not suspended while it is alive.
    pub(crate) fn begin_effect(&self) -> Option<Counted<'_>> {
        self.asker.replay().map(Questions::begin_effect)
    }
}

/// Returns the name and version of the client that a stateless request contains.
pub(crate) fn client_of(message: &Message) -> ClientInfo {
    let params = message.params().ok();
    let info = params.and_then(|params| params.meta().client_info());
    info.map(ClientInfo::parse).unwrap_or_default()
}

impl Stop for CallContext {
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.cancel().set();
        self.notifier.abandon();
    }

    fn defer_timers(&self, is_deferred: bool) {
        self.defers_timers.store(is_deferred, Ordering::Release);
    }
}

/// The way in which the client of a call can be asked.
#[allow(clippy::large_enum_variant)] // the large variant is the usual one
pub(crate) enum Asker {
    /// The client cannot be asked.
    Nobody,
    /// The call of a unit test, which polls the handler itself. Questions fail.
    Test,
    /// The client is asked while the call waits.
    Live {
        session: [u8; 16],
        /// The number of questions without an answer.
        waiting: AtomicUsize,
        /// `true` if the call has asked a question.
        asked: AtomicBool,
    },
    /// The call ends with its questions, and is replayed with the answers.
    Replay(Questions),
}

impl Asker {
    /// Returns the questions of a call that can be replayed.
    pub(crate) fn replay(&self) -> Option<&Questions> {
        match self {
            Self::Replay(questions) => Some(questions),
            Self::Live { .. } | Self::Nobody | Self::Test => None,
        }
    }

    /// Returns `true` if the call waits for the answer to a question.
    pub(crate) fn waits(&self) -> bool {
        match self {
            Self::Live { waiting, .. } => waiting.load(Ordering::Relaxed) > 0,
            // Only a task has open questions while it runs.
            Self::Replay(questions) => questions.are_open(),
            Self::Nobody | Self::Test => false,
        }
    }
}

thread_local! {
    /// The call that this thread is polling.
    static CURRENT: Cell<*const CallContext> = const { Cell::new(std::ptr::null()) };
}

/// Polls a part of a call. Questions that are asked within it belong to the call.
pub(crate) fn poll_within<R>(call: &Arc<CallContext>, part: impl FnOnce() -> R) -> R {
    poll_as(Arc::as_ptr(call), part)
}

/// Polls a future outside of any call, so that it cannot ask questions.
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

/// Returns `true` if this thread is polling this call. A call of a unit test is polled anywhere.
pub(crate) fn is_current(call: &Arc<CallContext>) -> bool {
    CURRENT.get() == Arc::as_ptr(call) || matches!(call.asker, Asker::Test)
}

/// A call of a component: its arguments and its context.
///
/// Implementations of [`Param`](crate::Param) receive it; handlers do not.
///
/// ```
/// use mcp_runtime::{Call, Description, Extraction, Param, ToolError};
///
/// /// The tenant of a request.
/// struct Tenant(String);
///
/// impl<'c> Param<'c> for Tenant {
///     fn describe(_: &mut Description<'_>) {}
///
///     fn extract(call: &'c Call, _: usize) -> Extraction<'c, Self> {
///         let tenant = call.header("x-tenant").map(|tenant| Self(tenant.to_owned()));
///         Extraction::ready(tenant.ok_or_else(|| ToolError::new("the header X-Tenant is missing")))
///     }
/// }
/// ```
pub struct Call {
    pub(crate) context: Arc<CallContext>,
    pub(crate) arguments: Arguments,
    pub(crate) signature: Arc<Signature>,
    /// The server of the function that is called, if it is not that of the call: a list has functions of several servers.
    pub(crate) server: Option<Arc<ServerContext>>,
    rejections: Mutex<Vec<String>>,
    /// `true` if there are rejections. Read without the lock, because most calls have none.
    is_rejected: AtomicBool,
    /// `true` if a rejection is about the request and not about its arguments.
    is_of_request: AtomicBool,
    /// The reason why the handler cannot run for this caller.
    of_caller: OnceLock<Box<str>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments may be secrets.
        formatter.debug_struct("Call").finish_non_exhaustive()
    }
}

impl Call {
    pub(crate) fn new(
        context: Arc<CallContext>,
        signature: Arc<Signature>,
        arguments: Arguments,
        rejections: Vec<String>,
    ) -> Self {
        Self {
            context,
            arguments,
            signature,
            server: None,
            is_rejected: AtomicBool::new(!rejections.is_empty()),
            is_of_request: AtomicBool::new(false),
            of_caller: OnceLock::new(),
            rejections: Mutex::new(rejections),
        }
    }

    /// Waits until the call is a task, if it becomes one before the function of the component begins.
    pub(crate) async fn begin_task(&self) {
        if let Some(task) = self.context.task() {
            task.pass(&self.context).await;
            if task.is_task() {
                self.context.notifier.become_task(Arc::clone(task));
            }
        }
    }

    /// Returns the state of type `T` that was registered with [`Server::state`](crate::Server::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let server = self.server.as_ref().unwrap_or(&self.context.server);
        server.state()
    }

    /// Returns the value of a header, as [`Headers::get`](crate::Headers::get) does.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.context.origin.headers.as_ref()?.get(name)
    }

    /// Returns the cancellation of the call.
    pub fn cancel(&self) -> Cancel {
        self.context.cancel()
    }

    /// Returns the argument at a position as JSON text, if it is JSON.
    #[inline]
    pub(crate) fn json(&self, index: usize) -> Option<&str> {
        match self.arguments.slot(index) {
            Slot::Json(json) => Some(json.text(self.context.message.text())),
            Slot::Fixed(fixed) => Some(fixed.text()),
            _ => None,
        }
    }

    /// Returns the argument at a position as a decoded tree, if it is JSON.
    pub(crate) fn tree(&self, index: usize) -> Option<&Tree> {
        let message = self.context.message.text();
        self.arguments.tree(message, &self.signature, index)
    }

    /// Returns the arguments of a flattened parameter as they were sent, or `None` for any other parameter.
    pub(crate) fn members(&self, index: usize) -> Option<impl Iterator<Item = (&str, &RawValue)>> {
        match self.arguments.slot(index) {
            Slot::Flattened(it) => Some(it.as_sent(self.context.message.text())),
            _ => None,
        }
    }

    /// Returns the arguments of a tool that was created at run time.
    ///
    /// # Errors
    /// Returns an error if the arguments violate the schema of the tool.
    pub(crate) fn whole(&self) -> Result<Value, ToolError> {
        let json = self.arguments.whole(self.context.message.text());
        let arguments = self.signature.read_whole(json, &self.arguments.budget);
        arguments.map_err(ToolError::refused)
    }

    /// Returns the arguments of a component that was created at run time: an object of strings, and of lists of strings.
    ///
    /// # Errors
    /// Returns an error if an argument is unknown or a required one is missing.
    pub(crate) fn texts(&self) -> Result<Value, ToolError> {
        let mut texts = Map::new();
        for (index, parameter) in self.signature.parameters.iter().enumerate() {
            let value = match self.arguments.slot(index) {
                Slot::Text(text) => text.clone().into(),
                Slot::List(list) => list.clone().into(),
                Slot::Missing | Slot::Json(_) | Slot::Fixed(_) | Slot::Flattened(_) => {
                    if parameter.required {
                        self.reject(&ToolError::new(missing(&parameter.name, "a string")));
                    }
                    continue;
                }
            };
            texts.insert(parameter.own_name().to_owned(), value);
        }
        if self.accepted() {
            Ok(texts.into())
        } else {
            Err(self.rejection())
        }
    }

    /// Records why a parameter could not be extracted.
    pub(crate) fn reject(&self, reason: &ToolError) {
        if reason.is_of_caller() {
            let _ = self.of_caller.set(reason.to_string().into());
        }
        self.rejections.lock().push(reason.to_string());
        self.is_rejected.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if every argument is known and every parameter was extracted.
    #[doc(hidden)]
    #[inline]
    pub fn accepted(&self) -> bool {
        !self.is_rejected.load(Ordering::Relaxed)
    }

    /// Records why an injected parameter could not be extracted.
    pub(crate) fn reject_request(&self, reason: &ToolError) {
        self.is_of_request.store(true, Ordering::Relaxed);
        self.reject(reason);
    }

    /// Returns the error with all mistakes in the arguments. If the handler cannot run for this caller, that is the error,
    /// because no other arguments would correct it.
    pub(crate) fn rejection(&self) -> ToolError {
        if let Some(reason) = self.of_caller.get() {
            return ToolError::of_caller(&**reason);
        }
        let reasons = self.rejections.lock();
        let is_of_request = self.is_of_request.load(Ordering::Relaxed);
        let what = if is_of_request {
            "request"
        } else {
            self.signature.noun
        };
        let heading = format!("Invalid {what}:");
        let text = reasons.iter().fold(heading, |mut text, reason| {
            text.push_str("\n- ");
            text.push_str(reason);
            text
        });
        ToolError::refused(text)
    }
}
