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

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::asking::{Scoped, ask_all, askable, converse, resume};
use super::exchange::Exchange;
use super::failure::{Failure, lost, malformed};
use super::link::{CallerKey, Link, Opened, common_meta, push_level};
use super::message::Answer;
use super::notices::Notices;
use super::open::Event;
use super::parked::{Parked, Waiting};
use super::request::Request;
use super::transport::SendError;
use crate::call::CallContext;
use crate::context::Context;
use crate::error::ToolError;
use crate::protocol::LogLevel;
use crate::protocol::json::push_string;
use crate::protocol::members::members;
use crate::seal::random_bytes;
use crate::secret::Secret;

/// The time that a server has to set the level of its log messages.
const LEVEL_LIMIT: Duration = Duration::from_secs(2);
/// The number of times that a server may ask before it answers a call.
const MAX_ROUNDS: usize = 100;

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

/// Forwards the call of a client, and asks the questions of the server to this client. Returns the result.
///
/// # Errors
/// Returns an error if there is no result.
pub(super) async fn forward(
    link: &Link,
    parked: &Arc<Parked>,
    context: &Context,
    request: MakeRequest<'_>,
) -> Result<Answer, Failure> {
    let context = Scoped { context, scope: "" };
    let call = Forwarded {
        link,
        parked,
        context,
        request,
    };
    call.run().await
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
    request: MakeRequest<'_>,
) -> Result<Answer, Failure> {
    let number = context.call_context().number_upstream_call();
    let scope = &format!("call-{number}-");
    let key = format!("upstream-{scope}result");
    let is_repeated = context.call_context().has_asked();
    if is_repeated && let Some(result) = context.recorded::<String>(&key) {
        return Answer::recorded(&result).map_err(Failure::Unavailable);
    }
    let call = Forwarded {
        link,
        parked,
        context: Scoped { context, scope },
        request,
    };
    let answer = call.run().await?;
    if context.call_context().asker.replay().is_none() {
        return Ok(answer);
    }
    let result = std::future::ready(answer.json().to_owned());
    let result: String = context.once(&key, result).await?;
    // Concurrent attempts have the same result.
    Answer::recorded(&result).map_err(Failure::Unavailable)
}

/// A function that returns the request of a call, as it is sent on a connection.
pub(super) type MakeRequest<'a> = &'a (dyn Fn(&Opened) -> Request<'a> + Sync);

/// The answers to the questions of a round, and the state of the server.
type Answers = (Map<String, Value>, Option<Value>);

/// A call that is forwarded. The futures of its rare steps are boxed, so that those of most calls are small.
struct Forwarded<'a, 'r> {
    link: &'a Link,
    parked: &'a Arc<Parked>,
    context: Scoped<'a>,
    request: MakeRequest<'r>,
}

enum Started {
    Done(Answer),
    Asked(Step),
}

impl<'r> Forwarded<'_, 'r> {
    async fn run(&self) -> Result<Answer, Failure> {
        if self.context.call_context().has_asked() {
            // The call may be one of a client that repeats it with answers.
            return Box::pin(self.rounds(None)).await;
        }
        match self.start(None, 0).await? {
            Started::Done(answer) => Ok(answer),
            Started::Asked(step) => Box::pin(self.rounds(Some(step))).await,
        }
    }

    /// Asks the questions of the server until it answers. `first` is the first step, unless steps may have been recorded.
    async fn rounds(&self, first: Option<Step>) -> Result<Answer, Failure> {
        let context = &self.context;
        let mut is_repeated = first.is_none();
        let mut known = first;
        let mut answers: Option<Answers> = None;
        for round in 0..=MAX_ROUNDS {
            if is_repeated {
                known = context.recorded::<Step>(&context.key(round));
                is_repeated = known.is_some();
            }
            let step = match known.take() {
                Some(step) => step,
                None => match self.start(answers.take().as_ref(), round).await? {
                    Started::Done(answer) => return Ok(answer),
                    Started::Asked(step) => step,
                },
            };
            match step {
                Step::Round { requests, state } => {
                    answers = Some((ask_all(context, requests, round).await?, state));
                }
                Step::Parked(key) => return resume(self.parked, context, key).await,
            }
        }
        let why = format!("it asks more than {MAX_ROUNDS} times before it answers");
        Err(Failure::Unavailable(why))
    }

    /// Sends the request, with the answers to the questions of the last round, and waits until the server answers or asks.
    async fn start(&self, answers: Option<&Answers>, round: usize) -> Result<Started, Failure> {
        let (opened, mut exchange) = self.send(answers).await?;
        match exchange.next().await {
            Event::Reply(Ok(answer)) if !asks(&opened, &answer) => {
                opened.info.has_answered.store(true, Ordering::Relaxed);
                Ok(Started::Done(answer))
            }
            event => {
                let sent = (opened, exchange);
                Box::pin(self.go_on(sent, event, answers, round)).await
            }
        }
    }

    /// Goes on with a call whose first event is not its result.
    async fn go_on(
        &self,
        (mut opened, mut exchange): (Opened, Exchange),
        mut event: Event,
        answers: Option<&Answers>,
        round: usize,
    ) -> Result<Started, Failure> {
        let context = &self.context;
        let mut is_first = true;
        let first = loop {
            match event {
                Event::Reply(Ok(answer)) => {
                    opened.info.has_answered.store(true, Ordering::Relaxed);
                    if !asks(&opened, &answer) {
                        return Ok(Started::Done(answer));
                    }
                    let step = record(context, round, asked(&answer)?).await?;
                    return Ok(Started::Asked(step));
                }
                Event::Reply(Err(error)) => return Err(Failure::Reply(error)),
                // The server has refused the request, and not run it.
                Event::Lost(SendError::NoSession) if is_first => {
                    is_first = false;
                    (opened, exchange) = self.send(answers).await?;
                }
                Event::Lost(error) => return Err(lost(&error)),
                Event::Question(question) => match askable(context.call_context(), &question) {
                    Err(why) => exchange.answer(&question, Err(&why)),
                    Ok(()) => break question,
                },
            }
            event = exchange.next().await;
        };
        self.question(Waiting::new(exchange, vec![first]), round)
            .await
    }

    /// Asks the questions of a server with a session, or keeps the call for the client that repeats its own with the answers.
    async fn question(&self, mut waiting: Waiting, round: usize) -> Result<Started, Failure> {
        let context = &self.context;
        if context.call_context().asker.replay().is_none() {
            return Ok(Started::Done(converse(context, &mut waiting).await?));
        }
        let key = random_key().map_err(Failure::Own)?;
        let step = record(context, round, Step::Parked(key.clone())).await?;
        self.parked.put(key, waiting);
        Ok(Started::Asked(step))
    }

    /// Sends the request, with answers to questions.
    async fn send(&self, answers: Option<&Answers>) -> Result<(Opened, Exchange), Failure> {
        let link = self.link;
        let call = self.context.call_context();
        let opened = link.connection(|| caller(call)).await;
        let opened = opened.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let authorization = if link.options.credentials.is_some() {
            Box::pin(authorization(link, call)).await?
        } else {
            None
        };
        let is_modern = opened.connection.features().is_some_and(|it| it.stateless);
        if let Some(level) = call.notifier.level().filter(|_| !is_modern)
            && opened.info.has("logging")
            && opened.connection.lowers_level(level)
        {
            Box::pin(lower_level(&opened, level, authorization.clone())).await;
        }
        let mut request = self.request(&opened, is_modern, answers);
        request.authorization = authorization;
        let exchange = opened.connection.start(request, Notices::of(call));
        Ok((opened, exchange))
    }

    /// Returns the request as it is sent on a connection, with answers to questions.
    fn request(&self, opened: &Opened, is_modern: bool, answers: Option<&Answers>) -> Request<'r> {
        let call = self.context.call_context();
        let mut request = (self.request)(opened);
        if let Some((answers, state)) = answers {
            request = request.param("inputResponses", &json!(answers).to_string());
            if let Some(state) = state {
                request = request.param("requestState", &state.to_string());
            }
        }
        if is_modern {
            request.common_meta = common_meta(call.caller.capabilities);
            if let Some(level) = call.notifier.level() {
                push_level(&mut request.meta, level);
            }
        }
        pass_on(&self.context, &mut request.meta);
        request.progress = call.notifier.reports_progress();
        request.may_ask = !is_modern;
        request
    }
}

/// Returns the value of the header `Authorization` for a call.
async fn authorization(link: &Link, call: &CallContext) -> Result<Option<Secret<String>>, Failure> {
    let principal = call.origin.principal.as_ref();
    let principal = principal.filter(|_| link.options.per_caller);
    let authorization = link.authorization(principal).await;
    authorization.map_err(Failure::Unavailable)
}

/// Asks a server with a session for log messages of a level. Each client receives only what it wants: see [`Notices`].
async fn lower_level(opened: &Opened, level: LogLevel, authorization: Option<Secret<String>>) {
    let mut asking = Request::new("logging/setLevel").param("level", &json!(level).to_string());
    asking.authorization = authorization;
    let _ = tokio::time::timeout(LEVEL_LIMIT, opened.connection.start(asking, None).reply()).await;
}

/// Adds the members of `_meta` that are passed on, each followed by a comma: the trace, and what is not of the protocol.
fn pass_on(context: &Context, passed: &mut String) {
    let params = context.call_context().message.params().ok();
    let meta = params.map(|params| params.meta());
    let has_trace = cfg!(feature = "otel");
    let meta = meta.and_then(|meta| {
        if has_trace {
            meta.json()
        } else {
            meta.with_others()
        }
    });
    if let Some(meta) = meta {
        pass_members_on(context, meta, has_trace, passed);
    }
}

#[inline(never)] // most calls have none
fn pass_members_on(context: &Context, meta: &str, mut has_trace: bool, passed: &mut String) {
    for (name, value) in members(meta) {
        if name == "traceparent" || name == "tracestate" || name == "baggage" {
            has_trace = true;
        } else if name != "progressToken" && !name.starts_with("io.modelcontextprotocol/") {
            push_string(passed, &name);
            passed.push(':');
            passed.push_str(value);
            passed.push(',');
        }
    }
    if has_trace {
        for (name, value) in context.outgoing_trace().headers() {
            push_string(passed, name);
            passed.push(':');
            push_string(passed, value);
            passed.push(',');
        }
    }
}

/// Returns `true` if a modern server answers with questions.
fn asks(opened: &Opened, answer: &Answer) -> bool {
    let features = opened.connection.features();
    features.is_some_and(|it| it.stateless) && answer.asks()
}

/// Returns the questions of a modern server's result.
fn asked(answer: &Answer) -> Result<Step, Failure> {
    let rounds: Rounds = serde_json::from_str(answer.json()).map_err(|error| malformed(&error))?;
    Ok(Step::Round {
        requests: rounds.input_requests,
        state: rounds.request_state,
    })
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

fn random_key() -> Result<String, ToolError> {
    let bytes: [u8; 16] = random_bytes()?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
