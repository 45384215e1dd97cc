//! The questions that servers ask during a call, as they are asked to its client.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::Connection;
use super::failure::{Failure, lost, malformed};
use super::message::Answer;
use super::open::{Event, Question};
use super::parked::{Kept, Parked, Waiting};
use crate::ask;
use crate::call::CallContext;
use crate::context::Context;
use crate::error::{AskError, ToolError};
use crate::protocol::capability::Capability;
use crate::questions;

/// The time within which questions are asked at the same time.
const TOGETHER: Duration = Duration::from_millis(10);

/// The error of a question that lacks a parameter, such as `message` and `requestedSchema`.
const MALFORMED_QUESTION: &str = "its question is malformed";

/// A question of a modern server.
#[derive(Deserialize)]
struct InputRequest {
    method: String,
    #[serde(default)]
    params: Value,
}

/// A call, and the prefix of what is recorded of it.
pub(super) struct Scoped<'a> {
    pub(super) context: &'a Context,
    pub(super) scope: &'a str,
}

impl std::ops::Deref for Scoped<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

impl Scoped<'_> {
    /// Returns the key of the step of a round.
    pub(super) fn key(&self, round: usize) -> String {
        format!("upstream-{}{round}", self.scope)
    }
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
pub(super) fn askable(call: &CallContext, question: &Question) -> Result<(), String> {
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
pub(super) async fn ask_all(
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
pub(super) async fn converse(
    context: &Scoped<'_>,
    waiting: &mut Waiting,
) -> Result<Answer, Failure> {
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
pub(super) async fn resume(
    parked: &Arc<Parked>,
    context: &Scoped<'_>,
    key: String,
) -> Result<Answer, Failure> {
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
    waiting.exchange.go_on(context.call_context());
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
