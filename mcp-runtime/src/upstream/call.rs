//! Calls that are forwarded to an upstream server, with the questions that it asks meanwhile.
//!
//! A question is asked to the client of the call. Between an upstream server and a client of the same era it is the same
//! exchange; between different eras:
//!
//! - A modern server answers a call with its questions. A client with a session answers them while its call waits, and the call is
//!   sent to the server again with the answers.
//! - A server with a session asks while its call runs. A modern client receives the question as the result of its call, and the
//!   call at the server is kept until the client repeats its own with the answer ([`Parked`]). It runs once.
//!
//! What has happened at the server is recorded in the state that the modern client carries, like the outcome of an effect
//! ([`Context::once`]), so that a repeated call goes on where the last one stopped.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::connection::{Connection, Event, Exchange, Observer, Question, Request};
use super::link::{CallerKey, Link, Opened, modern_meta};
use super::message::ErrorReply;
use super::transport::SendError;
use crate::ask;
use crate::call::CallContext;
use crate::context::Context;
use crate::error::{AskError, ToolError};
use crate::protocol::LogLevel;
use crate::protocol::capability::Capability;
use crate::protocol::error::{HEADER_MISMATCH, RpcError, UNSUPPORTED_VERSION};
use crate::protocol::json::push_string;
use crate::protocol::members::members;
use crate::questions;
use crate::seal::random_bytes;
use crate::sync::Mutex;

/// The time for which a call waits at the server for the answer of a modern client.
const PARKED_FOR: Duration = Duration::from_secs(600);
/// The time within which questions are asked at the same time.
const TOGETHER: Duration = Duration::from_millis(10);
/// The time that a server has to set the level of its log messages.
const LEVEL_LIMIT: Duration = Duration::from_secs(2);
/// The number of calls that wait at the server.
const MAX_PARKED: usize = 1024;
/// The number of times that a server may ask before it answers a call.
const MAX_ROUNDS: usize = 100;

/// The error of a question that lacks a parameter, such as `message` and `requestedSchema`.
const MALFORMED_QUESTION: &str = "its question is malformed";

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an error.
    Reply(ErrorReply),
    /// The server did not answer.
    Unavailable(String),
    /// A question of the server was not answered.
    Ask(AskError),
    /// No request could be made.
    Own(ToolError),
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

impl Failure {
    /// Returns the error for the client, in a message about the server of this name.
    pub(super) fn into_error(self, name: &str) -> ToolError {
        match self {
            Self::Reply(error) => match i32::try_from(error.code) {
                // These are about the messages between this server and the other one.
                Ok(HEADER_MISMATCH | UNSUPPORTED_VERSION) | Err(_) => ToolError::new(format!(
                    "The server `{name}` refuses the call: {}",
                    error.message
                )),
                Ok(code) => ToolError::relayed(RpcError::relayed(code, error.message, error.data)),
            },
            Self::Unavailable(why) => {
                ToolError::new(format!("The server `{name}` is not available: {why}"))
            }
            Self::Ask(error) => error.into(),
            Self::Own(error) => error,
        }
    }
}

/// What a call waits for at the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Step {
    /// The answers to the questions with which a modern server has answered.
    Round {
        requests: Map<String, Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<Value>,
    },
    /// The answer to a question of a server with a session. The call is kept under this key.
    Parked(String),
}

/// The members of a result that ask questions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rounds {
    #[serde(default)]
    input_requests: Map<String, Value>,
    request_state: Option<Value>,
}

/// A question of a modern server.
#[derive(Deserialize)]
struct InputRequest {
    method: String,
    #[serde(default)]
    params: Value,
}

/// The calls that wait at servers for answers of modern clients, by key.
#[derive(Default)]
pub(super) struct Parked(Mutex<BTreeMap<String, Waiting>>);

struct Waiting {
    exchange: Exchange,
    /// The questions without an answer.
    questions: Vec<Question>,
    since: Instant,
}

impl Waiting {
    fn new(exchange: Exchange, questions: Vec<Question>) -> Self {
        let since = Instant::now();
        Self {
            exchange,
            questions,
            since,
        }
    }
}

impl Parked {
    /// Keeps a call for some time. The oldest one ends if there are too many.
    fn put(self: &Arc<Self>, key: String, waiting: Waiting) {
        let ended = {
            let mut all = self.0.lock();
            all.insert(key.clone(), waiting);
            let oldest = all.iter().min_by_key(|(_, waiting)| waiting.since);
            let oldest = oldest.filter(|_| all.len() > MAX_PARKED);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key))
        };
        drop(ended);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let place = Arc::downgrade(self);
        runtime.spawn(async move {
            tokio::time::sleep(PARKED_FOR).await;
            let Some(place) = place.upgrade() else {
                return;
            };
            // The call may wait for a later question meanwhile.
            let is_old = |waiting: &Waiting| waiting.since.elapsed() >= PARKED_FOR;
            let mut all = place.0.lock();
            let ended = all.get(&key).is_some_and(is_old).then(|| all.remove(&key));
            drop(all);
            drop(ended);
        });
    }
}

/// A call that goes back to [`Parked`] if its handler is dropped while it waits for the client.
struct Kept {
    place: Arc<Parked>,
    key: String,
    call: Arc<CallContext>,
    waiting: Option<Waiting>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A call that its client cancelled is cancelled at the server, too.
        if let Some(waiting) = self.waiting.take().filter(|_| !self.call.is_stopped()) {
            self.place.put(std::mem::take(&mut self.key), waiting);
        }
    }
}

/// Sends progress and log messages of the server to the client of a call.
struct Notices(Arc<CallContext>);

impl Observer for Notices {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.0.notifier.progress(done, total, message);
    }

    fn log(&self, level: LogLevel, logger: Option<&str>, data: &Value) {
        if self.0.notifier.wants(level) {
            self.0.notifier.log(level, logger, &data.to_string());
        }
    }
}

/// Returns the observer of a call, if its client wants to know anything.
fn notices(call: &Arc<CallContext>) -> Option<Arc<dyn Observer>> {
    let wants = call.notifier.reports_progress() || call.notifier.level().is_some();
    wants.then(|| Arc::new(Notices(Arc::clone(call))) as Arc<dyn Observer>)
}

/// Who makes a call.
pub(super) fn caller(call: &CallContext) -> CallerKey {
    let session = call.caller.session.as_ref().map(|session| session.nonce);
    let is_anonymous = call.origin.principal.is_none() && session.is_none();
    CallerKey {
        owner: call.origin.owner(session),
        connection: call.origin.connection.filter(|_| is_anonymous),
        principal: call.origin.principal.clone(),
        capabilities: call.caller.capabilities,
    }
}

/// Forwards the call of a client, and asks the questions of the server to this client. Returns the result as JSON.
///
/// # Errors
/// Returns an error if there is no result.
pub(super) async fn forward(
    link: &Link,
    parked: &Arc<Parked>,
    context: &Context,
    request: impl Fn(&Opened) -> Request + Sync,
) -> Result<String, Failure> {
    let context = &Scoped { context, scope: "" };
    run(link, parked, context, request).await
}

/// Makes one of the calls of a handler, and asks the questions of the server to the client of the handler. The result is recorded
/// for the attempts of a client that repeats its call, because the call at the server may have ended before the handler.
///
/// # Errors
/// Returns an error if there is no result.
pub(super) async fn call(
    link: &Link,
    parked: &Arc<Parked>,
    context: &Context,
    request: impl Fn(&Opened) -> Request + Sync,
) -> Result<String, Failure> {
    let number = context.call_context().number_upstream_call();
    let scope = &format!("call-{number}-");
    let key = format!("upstream-{scope}result");
    let is_repeated = context.call_context().has_asked();
    if let Some(result) = is_repeated.then(|| context.recorded(&key)).flatten() {
        return Ok(result);
    }
    let result = run(link, parked, &Scoped { context, scope }, request).await?;
    if context.call_context().asker.replay().is_none() {
        return Ok(result);
    }
    Ok(context.once(&key, std::future::ready(result)).await?)
}

/// A call, and the prefix of what is recorded of it.
struct Scoped<'a> {
    context: &'a Context,
    scope: &'a str,
}

impl std::ops::Deref for Scoped<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

impl Scoped<'_> {
    /// Returns the key of the step of a round.
    fn key(&self, round: usize) -> String {
        format!("upstream-{}{round}", self.scope)
    }
}

async fn run(
    link: &Link,
    parked: &Arc<Parked>,
    context: &Scoped<'_>,
    request: impl Fn(&Opened) -> Request + Sync,
) -> Result<String, Failure> {
    let mut round = 0;
    let mut answers: Option<(Map<String, Value>, Option<Value>)> = None;
    // The call is one of a client that repeats it with answers.
    let mut is_repeated = context.call_context().has_asked();
    loop {
        let recorded = if is_repeated {
            context.recorded::<Step>(&context.key(round))
        } else {
            None
        };
        is_repeated = recorded.is_some();
        let step = match recorded {
            Some(step) => step,
            None => match start(link, parked, context, &request, answers.take(), round).await? {
                Started::Done(result) => return Ok(result),
                Started::Asked(step) => step,
            },
        };
        match step {
            Step::Round { requests, state } => {
                answers = Some((ask_all(context, requests, round).await?, state));
            }
            Step::Parked(key) => return resume(parked, context, key).await,
        }
        round += 1;
        if round > MAX_ROUNDS {
            let why = format!("it asks more than {MAX_ROUNDS} times before it answers");
            return Err(Failure::Unavailable(why));
        }
    }
}

enum Started {
    Done(String),
    Asked(Step),
}

/// Sends the request, with the answers to the questions of the last round, and waits until the server answers or asks.
async fn start(
    link: &Link,
    parked: &Arc<Parked>,
    context: &Scoped<'_>,
    request: &(impl Fn(&Opened) -> Request + Sync),
    answers: Option<(Map<String, Value>, Option<Value>)>,
    round: usize,
) -> Result<Started, Failure> {
    let call = context.call_context();
    let (mut opened, mut exchange) = send(link, context, request, answers.as_ref()).await?;
    let mut is_first = true;
    let first = loop {
        match exchange.next().await {
            Event::Reply(Ok(result)) => {
                opened.info.has_answered.store(true, Ordering::Relaxed);
                let Some(step) = asked(&opened, &result)? else {
                    return Ok(Started::Done(result));
                };
                return Ok(Started::Asked(record(context, round, step).await?));
            }
            Event::Reply(Err(error)) => return Err(Failure::Reply(error)),
            // The server has refused the request, and not run it.
            Event::Lost(SendError::NoSession) if is_first => {
                is_first = false;
                (opened, exchange) = send(link, context, request, answers.as_ref()).await?;
            }
            Event::Lost(error) => return Err(lost(&error)),
            Event::Question(question) => match askable(call, &question) {
                Err(why) => exchange.answer(&question, Err(&why)),
                Ok(()) => break question,
            },
        }
    };
    if call.asker.replay().is_none() {
        let mut waiting = Waiting::new(exchange, vec![first]);
        return Ok(Started::Done(converse(context, &mut waiting).await?));
    }
    let key = random_key().map_err(Failure::Own)?;
    let step = record(context, round, Step::Parked(key.clone())).await?;
    parked.put(key, Waiting::new(exchange, vec![first]));
    Ok(Started::Asked(step))
}

/// Sends a request, with answers to questions.
async fn send(
    link: &Link,
    context: &Context,
    request: &(impl Fn(&Opened) -> Request + Sync),
    answers: Option<&(Map<String, Value>, Option<Value>)>,
) -> Result<(Opened, Exchange), Failure> {
    let (opened, mut request) = prepare(link, context, request).await?;
    if let Some((answers, state)) = answers {
        request = request.param("inputResponses", &json!(answers).to_string());
        if let Some(state) = state {
            request = request.param("requestState", &state.to_string());
        }
    }
    let notices = notices(context.call_context());
    let exchange = opened.connection.start(request, notices);
    Ok((opened, exchange))
}

fn lost(error: &SendError) -> Failure {
    Failure::Unavailable(error.to_string())
}

/// Returns a connection and the request for it.
async fn prepare(
    link: &Link,
    context: &Context,
    request: &(impl Fn(&Opened) -> Request + Sync),
) -> Result<(Opened, Request), Failure> {
    let call = context.call_context();
    let opened = link.connection(|| caller(call)).await;
    let opened = opened.map_err(|error| Failure::Unavailable(error.to_string()))?;
    let mut request = request(&opened);
    let is_modern = opened.connection.features().is_some_and(|it| it.stateless);
    if is_modern {
        request.meta = modern_meta(call.caller.capabilities, call.notifier.level());
    }
    request.meta.push_str(&passed_on(context));
    request.progress = call.notifier.reports_progress();
    request.may_ask = !is_modern;
    if link.options.credentials.is_some() {
        let principal = call
            .origin
            .principal
            .as_ref()
            .filter(|_| link.options.per_caller);
        let authorization = link.authorization(principal).await;
        request.authorization = authorization.map_err(Failure::Unavailable)?;
    }
    if let Some(level) = call.notifier.level().filter(|_| !is_modern)
        && opened.info.has("logging")
        && opened.connection.lowers_level(level)
    {
        // Each client receives only what it wants: see `Notices`.
        let mut asking = Request::new("logging/setLevel").param("level", &json!(level).to_string());
        asking.authorization.clone_from(&request.authorization);
        let _ =
            tokio::time::timeout(LEVEL_LIMIT, opened.connection.start(asking, None).reply()).await;
    }
    Ok((opened, request))
}

/// Returns the members of `_meta` that are passed on, each followed by a comma: the trace, and what is not of the protocol.
fn passed_on(context: &Context) -> String {
    let call = context.call_context();
    let mut passed = String::new();
    let params = call.message.params().ok();
    let Some(meta) = params.and_then(|params| params.meta().json()) else {
        return passed;
    };
    let mut has_trace = false;
    for (name, value) in members(meta) {
        if name == "traceparent" || name == "tracestate" || name == "baggage" {
            has_trace = true;
        } else if name != "progressToken" && !name.starts_with("io.modelcontextprotocol/") {
            push_string(&mut passed, &name);
            passed.push(':');
            passed.push_str(value);
            passed.push(',');
        }
    }
    if has_trace || cfg!(feature = "otel") {
        for (name, value) in context.outgoing_trace().headers() {
            push_string(&mut passed, name);
            passed.push(':');
            push_string(&mut passed, value);
            passed.push(',');
        }
    }
    passed
}

/// The kind of a modern server's result.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    result_type: String,
}

/// Returns the questions of a modern server's result, if it has some.
fn asked(opened: &Opened, result: &str) -> Result<Option<Step>, Failure> {
    let is_modern = opened.connection.features().is_some_and(|it| it.stateless);
    if !is_modern || !result.contains("input_required") {
        return Ok(None);
    }
    let kind: Kind = serde_json::from_str(result).map_err(|error| malformed(&error))?;
    if kind.result_type != "input_required" {
        return Ok(None);
    }
    let rounds: Rounds = serde_json::from_str(result).map_err(|error| malformed(&error))?;
    Ok(Some(Step::Round {
        requests: rounds.input_requests,
        state: rounds.request_state,
    }))
}

pub(super) fn malformed(error: &serde_json::Error) -> Failure {
    Failure::Unavailable(format!("its result is malformed: {error}"))
}

/// Records a step for the attempts of a modern client. Concurrent attempts have the same step.
async fn record(context: &Scoped<'_>, round: usize, step: Step) -> Result<Step, Failure> {
    if context.call_context().asker.replay().is_none() {
        return Ok(step);
    }
    Ok(context
        .once(&context.key(round), std::future::ready(step))
        .await?)
}

/// Returns the capability that a question needs.
fn capability(method: &str, params: &Value) -> Option<Capability> {
    Some(match method {
        "elicitation/create" if params["mode"] == "url" => Capability::ElicitationUrl,
        "elicitation/create" => Capability::ElicitationForm,
        "sampling/createMessage" => Capability::Sampling,
        "roots/list" => Capability::Roots,
        _ => return None,
    })
}

/// Returns `true` if a question has what a client needs to answer it.
fn is_well_formed(method: &str, params: &Value) -> bool {
    match method {
        "elicitation/create" if params["mode"] == "url" => {
            params["message"].is_string() && params["url"].is_string()
        }
        "elicitation/create" => {
            params["message"].is_string() && params["requestedSchema"].is_object()
        }
        "sampling/createMessage" => params["messages"].is_array() && params["maxTokens"].is_u64(),
        _ => true,
    }
}

/// Returns why a question cannot be asked to the client of a call.
fn askable(call: &CallContext, question: &Question) -> Result<(), String> {
    let needed = capability(&question.method, &question.params);
    let needed = needed.ok_or_else(|| "This client has no such method".to_owned())?;
    if !is_well_formed(&question.method, &question.params) {
        return Err(MALFORMED_QUESTION.to_owned());
    }
    if call.can(needed) {
        Ok(())
    } else {
        Err(AskError::CannotBeAsked(needed).to_string())
    }
}

/// Returns a question as it is asked to the client. Parts that belong to the session with the server are left out.
fn translated(
    method: &str,
    params: &Value,
    name: Option<String>,
    number: String,
) -> Result<questions::Question, Failure> {
    let needs = capability(method, params).ok_or_else(|| {
        Failure::Unavailable(format!("it asks with the unknown method `{method}`"))
    })?;
    if !is_well_formed(method, params) {
        return Err(Failure::Unavailable(MALFORMED_QUESTION.to_owned()));
    }
    let mut params = params.clone();
    if let Some(params) = params.as_object_mut() {
        params.shift_remove("_meta");
        params.shift_remove("task");
        if needs == Capability::ElicitationForm {
            params.shift_remove("mode");
        }
    } else {
        params = Value::Object(Map::new());
    }
    Ok(questions::Question::new(needs, params, name).numbered(number))
}

/// Asks the questions of a modern server, all at once.
async fn ask_all(
    context: &Scoped<'_>,
    requests: Map<String, Value>,
    round: usize,
) -> Result<Map<String, Value>, Failure> {
    let (mut names, mut asking) = (Vec::new(), Vec::new());
    for (name, request) in requests {
        let request: InputRequest =
            serde_json::from_value(request).map_err(|error| malformed(&error))?;
        let InputRequest { method, params } = request;
        let question = translated(
            &method,
            &params,
            Some(name.clone()),
            format!("{}{round}", context.scope),
        )?;
        names.push(name);
        asking.push(ask::relay(context, question));
    }
    let answers = ask::relay_all(asking).await?;
    Ok(names.into_iter().zip(answers).collect())
}

/// Asks the questions of a server with a session until it answers the call.
async fn converse(context: &Scoped<'_>, waiting: &mut Waiting) -> Result<String, Failure> {
    let call = context.call_context();
    let Waiting {
        exchange,
        questions,
        ..
    } = waiting;
    let connection = exchange.connection();
    let ask = |question: Question| Box::pin(answer(context, Arc::clone(&connection), question));
    let mut asking: Vec<_> = questions.iter().cloned().map(ask).collect();
    poll_fn(|task| {
        loop {
            asking.retain_mut(|answering| answering.as_mut().poll(task).is_pending());
            questions.retain(|question| !question.is_answered());
            match exchange.poll_next(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Event::Reply(reply)) => {
                    connection.hand_over(std::mem::take(questions));
                    return Poll::Ready(reply.map_err(Failure::Reply));
                }
                Poll::Ready(Event::Lost(error)) => return Poll::Ready(Err(lost(&error))),
                Poll::Ready(Event::Question(question)) => {
                    if let Err(why) = askable(call, &question) {
                        exchange.answer(&question, Err(&why));
                    } else {
                        questions.push(question.clone());
                        asking.push(ask(question));
                    }
                }
            }
        }
    })
    .await
}

/// Asks a question of a server with a session, and sends the answer to it.
async fn answer(context: &Scoped<'_>, connection: Arc<Connection>, question: Question) {
    let asked = translated(
        &question.method,
        &question.params,
        None,
        format!("{}{}", context.scope, question.number()),
    );
    let answer = match asked {
        Ok(asked) => ask::relay(context, asked)
            .await
            .map_err(|error| error.to_string()),
        Err(_) => Err("This client has no such method".to_owned()),
    };
    connection.answer(&question, answer.as_ref().map_err(String::as_str));
}

/// Goes on with a call that waits at the server for answers.
async fn resume(
    parked: &Arc<Parked>,
    context: &Scoped<'_>,
    key: String,
) -> Result<String, Failure> {
    let waiting = parked.0.lock().remove(&key);
    let waiting = waiting.ok_or_else(|| {
        Failure::Own(ToolError::new(
            "The call does not wait for this answer any more: make it again",
        ))
    })?;
    let mut kept = Kept {
        place: Arc::clone(parked),
        key,
        call: Arc::clone(context.call_context()),
        waiting: Some(waiting),
    };
    let Some(waiting) = &mut kept.waiting else {
        return Err(Failure::Unavailable("the call has ended".to_owned()));
    };
    gather(waiting, context.call_context()).await;
    // The handler is dropped here while the client answers.
    let result = converse(context, waiting).await;
    kept.waiting = None;
    result
}

/// Waits for further questions that the server asks at the same time, so that the client gets all of them at once.
async fn gather(waiting: &mut Waiting, call: &CallContext) {
    let Waiting {
        exchange,
        questions,
        ..
    } = waiting;
    let more = poll_fn(|task| {
        loop {
            match exchange.poll_question(task) {
                Poll::Ready(Some(question)) => match askable(call, &question) {
                    Err(why) => exchange.answer(&question, Err(&why)),
                    Ok(()) => questions.push(question),
                },
                // It has ended, which the next poll tells again.
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    let _ = tokio::time::timeout(TOGETHER, more).await;
}

fn random_key() -> Result<String, ToolError> {
    let bytes: [u8; 16] = random_bytes()?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
