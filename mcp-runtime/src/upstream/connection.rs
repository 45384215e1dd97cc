//! A connection to an upstream server: requests and their replies, and the messages that the server sends by itself.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context as Task, Poll, Waker};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::message::{ErrorReply, Incoming, Reply, read};
use super::transport::{Outgoing, Receive, SendError, Transport};
use crate::protocol::LogLevel;
use crate::protocol::error::{INTERNAL_ERROR, METHOD_NOT_FOUND};
use crate::protocol::json::push_string;
use crate::protocol::revision::Features;
use crate::secret::Secret;
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// The number of questions of one request that may be open.
const MAX_QUESTIONS: usize = 64;

/// The number of bytes of the replies that wait to be sent, to requests that no client answers.
const MAX_UNSENT: usize = 1 << 20;

/// A request to an upstream server.
pub(super) struct Request {
    pub(super) method: &'static str,
    /// The parameters as JSON, without the closing brace and without `_meta`: `{` or `{"name":"add",..`.
    pub(super) params: String,
    /// The members of `_meta`, each followed by a comma.
    pub(super) meta: String,
    /// The name or URI of the component.
    pub(super) name: Option<String>,
    /// The arguments that are repeated in headers.
    pub(super) headers: Vec<(String, String)>,
    /// The value of the header `Authorization`.
    pub(super) authorization: Option<Secret<String>>,
    /// The revision that the request is written in, if none was negotiated yet.
    pub(super) revision: Option<&'static str>,
    /// `true` if the progress of the request is reported.
    pub(super) progress: bool,
    /// `true` if the server may ask its questions to the caller of this request.
    pub(super) may_ask: bool,
}

impl Request {
    pub(super) fn new(method: &'static str) -> Self {
        Self {
            method,
            params: "{".to_owned(),
            meta: String::new(),
            name: None,
            headers: Vec::new(),
            authorization: None,
            revision: None,
            progress: false,
            may_ask: false,
        }
    }

    /// Adds a parameter, which is JSON.
    pub(super) fn param(mut self, name: &str, json: &str) -> Self {
        if self.params.len() > 1 {
            self.params.push(',');
        }
        push_string(&mut self.params, name);
        self.params.push(':');
        self.params.push_str(json);
        self
    }

    /// Adds a parameter that is a text, by which the request is routed.
    pub(super) fn named(self, member: &str, name: &str) -> Self {
        let mut json = String::new();
        push_string(&mut json, name);
        let mut request = self.param(member, &json);
        request.name = Some(name.to_owned());
        request
    }
}

/// A question of an upstream server to its client: a request.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// The id, as JSON.
    id: Box<RawValue>,
    /// `true` after it was answered. Clones share it.
    answered: Arc<AtomicBool>,
    pub(super) method: String,
    pub(super) params: Value,
}

impl Question {
    /// Returns the id, which no other question of the server has.
    pub(super) fn number(&self) -> String {
        self.id.get().to_owned()
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }
}

/// A report of progress.
#[derive(Deserialize)]
struct Progress {
    #[serde(rename = "progressToken")]
    token: u64,
    #[serde(rename = "progress")]
    done: f64,
    total: Option<f64>,
    message: Option<String>,
}

/// A log message.
#[derive(Deserialize)]
struct Log {
    level: LogLevel,
    logger: Option<String>,
    #[serde(default)]
    data: Value,
}

/// What happens to a request.
pub(super) enum Event {
    Reply(Reply),
    Question(Question),
    /// No reply will come.
    Lost(SendError),
}

/// Receives the progress and the log messages of a request.
pub(super) trait Observer: Send + Sync {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>);
    fn log(&self, level: LogLevel, logger: Option<&str>, data: &Value);
}

/// Receives the messages that belong to no request.
pub(super) trait Watch: Send + Sync + 'static {
    fn notified(&self, method: &str, params: &str);
    fn lost(&self, why: &str);
}

/// The state of a request that has no reply yet.
struct Open {
    state: Mutex<OpenState>,
    observer: Option<Arc<dyn Observer>>,
    may_ask: bool,
}

#[derive(Default)]
struct OpenState {
    end: Option<Result<Reply, SendError>>,
    questions: VecDeque<Question>,
    /// All questions of the request that may be without an answer.
    asked: Vec<Question>,
    waker: Option<Waker>,
}

impl OpenState {
    /// Returns `true` if a question has no answer yet.
    fn waits(&self) -> bool {
        self.asked.iter().any(|question| !question.is_answered())
    }
}

impl Open {
    fn update(&self, change: impl FnOnce(&mut OpenState)) {
        let waker = {
            let mut state = self.state.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn end(&self, end: Result<Reply, SendError>) {
        self.update(|state| {
            state.end.get_or_insert(end);
        });
    }
}

/// The requests without a reply, by id.
#[derive(Default)]
struct Table {
    open: BTreeMap<u64, Arc<Open>>,
    /// The reason why no further request is possible.
    lost: Option<String>,
}

/// A connection.
pub(super) struct Connection {
    transport: OnceLock<Arc<dyn Transport>>,
    table: Mutex<Table>,
    next: AtomicU64,
    /// What the server speaks, after the negotiation.
    features: OnceLock<&'static Features>,
    /// The lowest level of log messages that was asked for.
    level: Mutex<Option<LogLevel>>,
    watch: Arc<dyn Watch>,
    /// The bytes of replies to requests that no client answers.
    unsent: Arc<Semaphore>,
    /// `true` if all calls on this connection are those of one caller.
    is_of_one_caller: bool,
}

impl Connection {
    /// Creates a connection. `open` creates its transport.
    ///
    /// # Errors
    /// Returns the error of `open`.
    pub(super) fn new(
        watch: Arc<dyn Watch>,
        is_of_one_caller: bool,
        open: impl FnOnce(Arc<dyn Receive>) -> Result<Arc<dyn Transport>, String>,
    ) -> Result<Arc<Self>, String> {
        let this = Arc::new(Self {
            transport: OnceLock::new(),
            table: Mutex::default(),
            next: AtomicU64::new(1),
            features: OnceLock::new(),
            level: Mutex::default(),
            watch,
            unsent: Arc::new(Semaphore::new(MAX_UNSENT)),
            is_of_one_caller,
        });
        let receiver = Arc::new(Receiver(Arc::downgrade(&this)));
        let _ = this.transport.set(open(receiver)?);
        Ok(this)
    }

    /// Sets what the server speaks, and ends the handshake if there is one.
    ///
    /// # Errors
    /// Returns an error if the end of the handshake cannot be sent.
    pub(super) async fn negotiated(&self, features: &'static Features) -> Result<(), SendError> {
        let _ = self.features.set(features);
        if !features.stateless {
            let method = "notifications/initialized";
            let json = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}");
            self.sending(Some(method), json).await?;
            if let Some(transport) = self.transport.get() {
                transport.listen();
            }
        }
        Ok(())
    }

    pub(super) fn features(&self) -> Option<&'static Features> {
        self.features.get().copied()
    }

    /// Starts no further requests. Those in flight go on.
    pub(super) fn expire(&self, why: &str) {
        {
            let mut table = self.table.lock();
            if table.lost.is_some() {
                return;
            }
            table.lost = Some(why.to_owned());
        }
        self.watch.lost(why);
    }

    /// Returns `true` if a server with a session does not send log messages of this level yet.
    pub(super) fn lowers_level(&self, level: LogLevel) -> bool {
        let mut lowest = self.level.lock();
        let lowers = lowest.is_none_or(|lowest| level < lowest);
        if lowers {
            *lowest = Some(level);
        }
        lowers
    }

    pub(super) fn is_lost(&self) -> bool {
        self.table.lock().lost.is_some()
    }

    /// Starts a request.
    pub(super) fn start(
        self: &Arc<Self>,
        request: Request,
        observer: Option<Arc<dyn Observer>>,
    ) -> Exchange {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let open = Arc::new(Open {
            state: Mutex::default(),
            observer,
            may_ask: request.may_ask,
        });
        {
            let mut table = self.table.lock();
            match &table.lost {
                Some(why) => open.end(Err(SendError::Unreachable(why.clone()))),
                None => {
                    table.open.insert(id, Arc::clone(&open));
                }
            }
        }
        let outgoing = Outgoing {
            json: encode(id, &request),
            id: Some(id),
            method: Some(request.method),
            name: request.name,
            params: request.headers,
            revision: self
                .features()
                .map(|features| features.name)
                .or(request.revision),
            authorization: request.authorization,
        };
        let sending = self.transport.get().map(|it| it.send(outgoing));
        Exchange {
            connection: Arc::clone(self),
            id,
            open,
            sending,
            is_done: false,
        }
    }

    /// Sends a notification or a reply.
    fn sending(
        &self,
        method: Option<&'static str>,
        json: String,
    ) -> BoxFuture<Result<(), SendError>> {
        let outgoing = Outgoing {
            json,
            id: None,
            method,
            name: None,
            params: Vec::new(),
            revision: self.features().map(|features| features.name),
            authorization: None,
        };
        match self.transport.get() {
            Some(transport) => transport.send(outgoing),
            None => Box::pin(async { Ok(()) }),
        }
    }

    /// Sends a notification or a reply, without waiting.
    fn send(&self, method: Option<&'static str>, json: String) {
        send_later(self.sending(method, json), None);
    }

    /// Answers a question of the server.
    pub(super) fn answer(&self, question: &Question, answer: Result<&Value, &str>) {
        if !question.answered.swap(true, Ordering::AcqRel) {
            match answer {
                Ok(result) => self.send(None, reply(&question.id, Ok(result))),
                Err(why) => self.reply(&question.id, Err((INTERNAL_ERROR, why))),
            }
        }
    }

    /// Replies to a request that no client answers. The reply is left out if the server does not read the earlier ones.
    fn reply(&self, id: &RawValue, answer: Result<&Value, (i32, &str)>) {
        let json = reply(id, answer);
        let size = u32::try_from(json.len()).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.unsent).try_acquire_many_owned(size) {
            send_later(self.sending(None, json), Some(permit));
        } else {
            tracing::debug!("a request of an upstream server is not answered");
        }
    }

    /// Ends the connection.
    pub(super) fn close(&self) -> BoxFuture<()> {
        match self.transport.get() {
            Some(transport) => transport.close(),
            None => Box::pin(async {}),
        }
    }

    /// Returns the request that a message is about. If the transport does not know it, it is the only one. If all are those of
    /// one caller, it is the newest one that does not wait for the caller already.
    fn subject(&self, of: Option<u64>, fits: fn(&Open) -> bool) -> Option<Arc<Open>> {
        let table = self.table.lock();
        if let Some(id) = of {
            return table.open.get(&id).cloned();
        }
        let fitting: Vec<_> = table.open.values().filter(|open| fits(open)).collect();
        match fitting[..] {
            [only] => Some(Arc::clone(only)),
            [.., newest] if self.is_of_one_caller => {
                let runs = |open: &&&Arc<Open>| !open.state.lock().waits();
                let found = fitting.iter().rev().find(runs).unwrap_or(&newest);
                Some(Arc::clone(found))
            }
            _ => None,
        }
    }

    fn notified(&self, method: &str, params: &str, of: Option<u64>) {
        match method {
            "notifications/progress" => self.progress(params),
            "notifications/message" => self.log(params, of),
            _ => self.watch.notified(method, params),
        }
    }

    fn progress(&self, params: &str) {
        let Ok(it) = serde_json::from_str::<Progress>(params) else {
            return;
        };
        let open = self.table.lock().open.get(&it.token).cloned();
        if let Some(observer) = open.as_ref().and_then(|open| open.observer.as_ref()) {
            observer.progress(it.done, it.total, it.message.as_deref());
        }
    }

    fn log(&self, params: &str, of: Option<u64>) {
        let Ok(it) = serde_json::from_str::<Log>(params) else {
            return;
        };
        let open = self.subject(of, |open| open.observer.is_some());
        if let Some(observer) = open.as_ref().and_then(|open| open.observer.as_ref()) {
            observer.log(it.level, it.logger.as_deref(), &it.data);
        }
    }

    fn requested(&self, id: &RawValue, method: &str, params: &str, of: Option<u64>) {
        if method == "ping" {
            return self.reply(id, Ok(&serde_json::json!({})));
        }
        let is_question = matches!(
            method,
            "elicitation/create" | "sampling/createMessage" | "roots/list"
        );
        if !is_question {
            return self.reply(
                id,
                Err((METHOD_NOT_FOUND, "This client has no such method")),
            );
        }
        let Some(open) = self.subject(of, |open| open.may_ask) else {
            let why = "No client can be asked: no call is in flight, or several calls of different clients are";
            return self.reply(id, Err((INTERNAL_ERROR, why)));
        };
        let params = serde_json::from_str(params).unwrap_or_default();
        let question = Question {
            id: id.to_owned(),
            answered: Arc::default(),
            method: method.to_owned(),
            params,
        };
        self.ask(&open, question);
    }

    /// Asks a question to the caller of a request.
    fn ask(&self, open: &Open, question: Question) {
        let mut refused = !open.may_ask;
        if !refused {
            open.update(|state| {
                state.asked.retain(|question| !question.is_answered());
                refused = state.asked.len() >= MAX_QUESTIONS;
                if !refused {
                    state.asked.push(question.clone());
                    state.questions.push_back(question.clone());
                }
            });
        }
        if refused {
            self.answer(&question, Err("This question cannot be asked"));
        }
    }

    /// Asks the questions of a request that has ended to the caller of another request: a server does not end a call while it
    /// waits for an answer, so that they belong to another call of the same caller.
    pub(super) fn hand_over(&self, questions: Vec<Question>) {
        for question in questions {
            match self.subject(None, |open| open.may_ask) {
                Some(open) if self.is_of_one_caller => self.ask(&open, question),
                _ => self.answer(&question, Err("The call of this question has ended")),
            }
        }
    }
}

/// Sends a message without waiting. The permit is kept until it is sent.
fn send_later(sending: BoxFuture<Result<(), SendError>>, permit: Option<OwnedSemaphorePermit>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if let Err(error) = sending.await {
                tracing::debug!(%error, "a message to an upstream server is lost");
            }
            drop(permit);
        });
    }
}

/// Writes a reply.
fn reply(id: &RawValue, answer: Result<&Value, (i32, &str)>) -> String {
    let id = id.get();
    match answer {
        Ok(result) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}"),
        Err((code, why)) => {
            let error = serde_json::json!({ "code": code, "message": why });
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}")
        }
    }
}

/// Writes a request.
fn encode(id: u64, request: &Request) -> String {
    let mut json = String::with_capacity(96 + request.params.len() + request.meta.len());
    json.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    let mut buffer = itoa::Buffer::new();
    let number = buffer.format(id);
    json.push_str(number);
    json.push_str(",\"method\":\"");
    json.push_str(request.method);
    json.push_str("\",\"params\":");
    json.push_str(&request.params);
    if request.progress || !request.meta.is_empty() {
        if request.params.len() > 1 {
            json.push(',');
        }
        json.push_str("\"_meta\":{");
        json.push_str(&request.meta);
        if request.progress {
            json.push_str("\"progressToken\":");
            json.push_str(number);
        } else if json.ends_with(',') {
            json.pop();
        }
        json.push('}');
    }
    json.push_str("}}");
    json
}

/// Receives the messages of a transport for a connection.
struct Receiver(Weak<Connection>);

impl Receive for Receiver {
    fn receive(&self, message: String, of: Option<u64>) {
        let Some(connection) = self.0.upgrade() else {
            return;
        };
        match read(&message) {
            Ok(Incoming::Reply(Some(id), reply)) => {
                let open = connection.table.lock().open.remove(&id);
                if let Some(open) = open {
                    open.end(Ok(reply));
                }
            }
            Ok(Incoming::Malformed(id)) => {
                let open = connection.table.lock().open.remove(&id);
                if let Some(open) = open {
                    let why = "its result is malformed: it is no object".to_owned();
                    open.end(Err(SendError::Invalid(why)));
                }
            }
            // A reply without an id belongs to the request on whose stream it came.
            Ok(Incoming::Reply(None, reply)) => {
                let open = of.and_then(|id| connection.table.lock().open.remove(&id));
                match (open, reply) {
                    (Some(open), reply) => open.end(Ok(reply)),
                    (None, Err(ErrorReply { message, .. })) => {
                        tracing::warn!(message, "an upstream server could not read a message");
                    }
                    (None, Ok(_)) => {}
                }
            }
            Ok(Incoming::Request { id, method, params }) => {
                connection.requested(id, &method, params, of);
            }
            Ok(Incoming::Notification { method, params }) => {
                connection.notified(&method, params, of);
            }
            Err(error) => {
                tracing::warn!(error, "a message of an upstream server is ignored");
                let open = of.and_then(|id| connection.table.lock().open.remove(&id));
                if let Some(open) = open {
                    open.end(Err(SendError::Invalid(format!(
                        "its message is no JSON-RPC: {error}"
                    ))));
                }
            }
        }
    }

    fn lost(&self, why: &str) {
        let Some(connection) = self.0.upgrade() else {
            return;
        };
        let open = {
            let mut table = connection.table.lock();
            table.lost.get_or_insert_with(|| why.to_owned());
            std::mem::take(&mut table.open)
        };
        for open in open.into_values() {
            open.end(Err(SendError::Unreachable(why.to_owned())));
        }
        connection.watch.lost(why);
    }
}

/// A request in flight. Dropping it before its end cancels the request.
pub(super) struct Exchange {
    connection: Arc<Connection>,
    id: u64,
    open: Arc<Open>,
    sending: Option<BoxFuture<Result<(), SendError>>>,
    is_done: bool,
}

impl Exchange {
    /// Waits for the next event. After a reply or a loss there is none.
    pub(super) async fn next(&mut self) -> Event {
        poll_fn(|task| self.poll_next(task)).await
    }

    /// Polls for the next event.
    pub(super) fn poll_next(&mut self, task: &mut Task<'_>) -> Poll<Event> {
        let event = self.poll_event(task);
        if let Poll::Ready(event) = &event {
            self.is_done = !matches!(event, Event::Question(_));
        }
        event
    }

    /// Polls for a question only. Returns `None` if the request has ended.
    pub(super) fn poll_question(&mut self, task: &mut Task<'_>) -> Poll<Option<Question>> {
        let mut state = self.open.state.lock();
        if let Some(question) = state.questions.pop_front() {
            return Poll::Ready(Some(question));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        state.waker = Some(task.waker().clone());
        drop(state);
        self.poll_sending(task);
        Poll::Pending
    }

    fn poll_sending(&mut self, task: &mut Task<'_>) {
        if let Some(sending) = &mut self.sending
            && let Poll::Ready(sent) = sending.as_mut().poll(task)
        {
            self.sending = None;
            if let Err(error) = sent {
                if error == SendError::NoSession {
                    self.connection.expire(&error.to_string());
                }
                self.connection.table.lock().open.remove(&self.id);
                self.open.end(Err(error));
            }
        }
    }

    fn poll_event(&mut self, task: &mut Task<'_>) -> Poll<Event> {
        self.poll_sending(task);
        let mut state = self.open.state.lock();
        if let Some(question) = state.questions.pop_front() {
            return Poll::Ready(Event::Question(question));
        }
        match state.end.take() {
            Some(Ok(reply)) => Poll::Ready(Event::Reply(reply)),
            Some(Err(error)) => Poll::Ready(Event::Lost(error)),
            None => {
                if !state
                    .waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(task.waker()))
                {
                    state.waker = Some(task.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Waits for the reply of a request that asks nothing.
    pub(super) async fn reply(mut self) -> Result<Reply, SendError> {
        loop {
            match self.next().await {
                Event::Reply(reply) => return Ok(reply),
                Event::Lost(error) => return Err(error),
                Event::Question(question) => {
                    self.answer(&question, Err("This question cannot be asked"));
                }
            }
        }
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Answers a question of the server.
    pub(super) fn answer(&self, question: &Question, answer: Result<&Value, &str>) {
        self.connection.answer(question, answer);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let was_open = self.connection.table.lock().open.remove(&self.id).is_some();
        let features = self.connection.features();
        // Before the negotiation, and after the reply, there is nothing to cancel.
        let Some(features) = features.filter(|_| was_open) else {
            return;
        };
        let meta = if features.stateless {
            // Over HTTP the end of the stream is the cancellation, and the server ignores this one.
            ",\"_meta\":{}"
        } else {
            ""
        };
        let params = format!("{{\"requestId\":{}{meta}}}", self.id);
        self.connection.send(
            Some("notifications/cancelled"),
            format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}"
            ),
        );
    }
}
