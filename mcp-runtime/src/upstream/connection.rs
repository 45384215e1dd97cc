//! A connection to an upstream server: the messages that it sends, and the notifications and replies to it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::message::{ErrorReply, Incoming, Reply, read, read_response};
use super::notices;
use super::open::{Open, Question, Table};
use super::transport::{Outgoing, Receive, SendError, Sending, Transport};
use crate::protocol::LogLevel;
use crate::protocol::error::{INTERNAL_ERROR, METHOD_NOT_FOUND};
use crate::protocol::revision::Features;
use crate::secret::Secret;
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// The number of questions of one request that may be open.
const MAX_QUESTIONS: usize = 64;

/// The number of bytes of the replies that wait to be sent, to requests that no client answers.
const MAX_UNSENT: usize = 1 << 20;

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

/// Receives the messages that belong to no request.
pub(super) trait Watch: Send + Sync + 'static {
    fn notified(&self, method: &str, params: &str);
    fn lost(&self, why: &str);
}

/// A connection.
pub(super) struct Connection {
    pub(super) transport: OnceLock<Arc<dyn Transport>>,
    pub(super) table: Mutex<Table>,
    /// What the server speaks, after the negotiation.
    features: OnceLock<&'static Features>,
    /// The lowest level of log messages that was asked for.
    level: Mutex<Option<LogLevel>>,
    watch: Arc<dyn Watch>,
    /// The value of the header `Authorization` of the last request, for the messages that are no requests.
    authorization: Mutex<Option<Secret<String>>>,
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
            features: OnceLock::new(),
            level: Mutex::default(),
            authorization: Mutex::default(),
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

    /// Keeps the authorization of a request.
    pub(super) fn authorized(&self, authorization: &Secret<String>) {
        *self.authorization.lock() = Some(authorization.clone());
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
            authorization: self.authorization.lock().clone(),
        };
        let sending = self.transport.get().map(|it| it.send(outgoing));
        sending.unwrap_or(Sending::Done(Ok(()))).future()
    }

    /// Ends a request, if it is open.
    fn end(&self, id: Option<u64>, end: Result<Reply, SendError>) {
        let open = id.and_then(|id| self.table.lock().remove(id));
        if let Some(open) = open {
            open.end(end);
        }
    }

    /// Ends a request that could not be sent.
    pub(super) fn failed(&self, id: u64, open: &Open, error: SendError) {
        if error == SendError::NoSession {
            self.expire(&error.to_string());
        }
        self.table.lock().remove(id);
        open.end(Err(error));
    }

    /// Sends a notification or a reply, without waiting.
    pub(super) fn send(&self, method: Option<&'static str>, json: String) {
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
            return table.get(id);
        }
        let all = table.open.iter().map(|(_, open)| open);
        let fitting: Vec<_> = all.filter(|open| fits(open)).collect();
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

    /// Receives a message. `of` is the id of the request on whose stream it was sent, if it is known.
    fn received(&self, message: Result<Incoming, String>, of: Option<u64>) {
        match message {
            Ok(Incoming::Reply(Some(id), reply)) => self.end(Some(id), Ok(reply)),
            Ok(Incoming::Malformed(id, why)) => {
                self.end(Some(id), Err(SendError::Invalid(why)));
            }
            // A reply without an id belongs to the request on whose stream it came.
            Ok(Incoming::Reply(None, reply)) => {
                if let (None, Err(ErrorReply { message, .. })) = (of, &reply) {
                    tracing::warn!(message, "an upstream server could not read a message");
                }
                self.end(of, Ok(reply));
            }
            Ok(Incoming::Request { id, method, params }) => {
                self.requested(&id, &method, &params, of);
            }
            Ok(Incoming::Notification { method, params }) => {
                self.notified(&method, &params, of);
            }
            Err(error) => {
                tracing::warn!(error, "a message of an upstream server is ignored");
                let why = format!("its message is no JSON-RPC: {error}");
                self.end(of, Err(SendError::Invalid(why)));
            }
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
        let open = self.table.lock().get(it.token);
        if let Some(notices) = open.as_ref().and_then(|open| open.notices.as_ref()) {
            notices.progress(notices::Progress {
                done: it.done,
                total: it.total,
                message: it.message,
            });
        }
    }

    fn log(&self, params: &str, of: Option<u64>) {
        let Ok(it) = serde_json::from_str::<Log>(params) else {
            return;
        };
        let open = self.subject(of, |open| open.notices.is_some());
        if let Some(notices) = open.as_ref().and_then(|open| open.notices.as_ref()) {
            notices.log(it.level, it.logger, &it.data);
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

/// Receives the messages of a transport for a connection.
struct Receiver(Weak<Connection>);

impl Receive for Receiver {
    fn receive(&self, message: String, of: Option<u64>) {
        let Some(connection) = self.0.upgrade() else {
            return;
        };
        connection.received(read(message), of);
    }

    fn receive_response(&self, message: String, id: u64) -> Result<(), String> {
        let read = read_response(message, id)?;
        if let Some(connection) = self.0.upgrade() {
            connection.received(read, Some(id));
        }
        Ok(())
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
        for (_, open) in open {
            open.end(Err(SendError::Unreachable(why.to_owned())));
        }
        connection.watch.lost(why);
    }
}
