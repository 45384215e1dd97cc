//! Questions to clients that have a session: requests of the server, and the responses to them.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::Question;
use crate::error::AskError;
use crate::protocol::jsonrpc::{notification, push_json};
use crate::seal::unique;
use crate::service::Outbound;
use crate::session::Sessions;
use crate::sync::{Mutex, MutexGuard};

/// What a client answered.
type Answer = Result<Value, AskError>;

/// All questions that wait for a response.
pub(crate) struct Live {
    /// With what the ids of questions begin, so that no response reaches the question of another server.
    name: String,
    next: AtomicU64,
    waiting: Mutex<HashMap<String, Waiting>>,
    sessions: Arc<Sessions>,
}

struct Waiting {
    /// Only the session that was asked may answer.
    session: [u8; 16],
    sender: oneshot::Sender<Answer>,
}

impl Live {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        Self {
            name: unique(),
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            sessions,
        }
    }

    /// Returns the sessions that can be asked.
    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Returns an id that nothing else of any server has.
    pub(crate) fn id(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.name)
    }

    /// Waits until a client may be asked, and tells whether that was in time: a new session has to be initialized first.
    pub(crate) fn may_ask(
        &self,
        session: [u8; 16],
        patience: Duration,
    ) -> impl Future<Output = bool> + Send + use<> {
        self.sessions.wait_for(session, patience)
    }

    /// Asks; `None` if the client does not take messages.
    pub(crate) fn ask(
        self: &Arc<Self>,
        session: [u8; 16],
        outbound: &Arc<dyn Outbound>,
        question: &Question,
        patience: Duration,
    ) -> Option<LiveAnswer> {
        let id = self.id();
        let (sender, receiver) = oneshot::channel();
        let waiting = Waiting { session, sender };
        self.waiting().insert(id.clone(), waiting);
        // An id needs no escapes.
        let mut request = format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{id}\",\"method\":");
        push_json(&mut request, question.method);
        request.push_str(",\"params\":");
        request.push_str(&question.params);
        request.push('}');
        let answer = LiveAnswer {
            live: Arc::clone(self),
            id,
            outbound: Arc::clone(outbound),
            receiver,
            overdue: Box::pin(tokio::time::sleep(patience)),
        };
        outbound.send(request).then_some(answer)
    }

    /// Takes a response. One that nobody waits for is none of our concern.
    pub(crate) fn answer(&self, session: [u8; 16], response: &str) {
        // What is no object, or has a name that is no text, has no members.
        let members: Members<'_> = serde_json::from_str(response).unwrap_or_default();
        let id = members.get("id").map(|id| serde_json::from_str(id.get()));
        let mut waiting = self.waiting();
        let id = match id {
            Some(Ok(Value::String(id))) => Some(id),
            // Who could not read a question does not know its id. If there is only one, it is that.
            None | Some(Ok(Value::Null)) => only(&waiting, session),
            Some(_) => None,
        };
        let asked = id
            .filter(|id| waiting.get(id).is_some_and(|one| one.session == session))
            .and_then(|id| waiting.remove(&id));
        drop(waiting);
        let Some(Waiting { sender, .. }) = asked else {
            tracing::debug!("no question waits for a response, which is dropped");
            return;
        };
        // It fails if the handler has just given up.
        let _ = sender.send(read(&members));
    }

    /// Ends the questions to a session that nobody answers any more.
    pub(crate) fn abandon(&self, session: [u8; 16]) {
        self.waiting()
            .retain(|_, waiting| waiting.session != session);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock()
    }
}

/// The members of a response.
type Members<'a> = HashMap<String, &'a RawValue>;

/// The id of the question that waits for an answer of a session, if it is one.
fn only(waiting: &HashMap<String, Waiting>, session: [u8; 16]) -> Option<String> {
    let mut asked = waiting.iter().filter(|(_, one)| one.session == session);
    match (asked.next(), asked.next()) {
        (Some((id, _)), None) => Some(id.clone()),
        _ => None,
    }
}

/// What a response says. Some clients write both members, of which one is `null`.
fn read(members: &Members<'_>) -> Answer {
    let malformed = |what: &str| AskError::Malformed(what.to_owned());
    let member = |name| match members
        .get(name)
        .map(|json| serde_json::from_str(json.get()))
    {
        None | Some(Ok(Value::Null)) => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(malformed("it cannot be read")),
    };
    match (member("result")?, member("error")?) {
        (Some(_), None) if members.get("id").is_none_or(|id| id.get() == "null") => {
            Err(malformed("it has no id"))
        }
        (Some(result), None) => Ok(result),
        (None, Some(error)) => match error["message"].as_str() {
            Some(message) => Err(AskError::Refused(message.to_owned())),
            None => Err(malformed("its error has no message")),
        },
        (Some(_), Some(_)) => Err(malformed("it has a result and an error")),
        (None, None) => Err(malformed("it has neither a result nor an error")),
    }
}

/// The response to a question; `None` if it did not come in time. When this is dropped nobody waits any longer.
pub(crate) struct LiveAnswer {
    live: Arc<Live>,
    id: String,
    outbound: Arc<dyn Outbound>,
    receiver: oneshot::Receiver<Answer>,
    overdue: Pin<Box<Sleep>>,
}

impl Future for LiveAnswer {
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        if let Poll::Ready(answer) = Pin::new(&mut self.receiver).poll(context) {
            return Poll::Ready(answer.ok());
        }
        self.overdue.as_mut().poll(context).map(|()| None)
    }
}

impl Drop for LiveAnswer {
    fn drop(&mut self) {
        let waited = self.live.waiting().remove(&self.id).is_some();
        if waited {
            let params = format!("{{\"requestId\":\"{}\"}}", self.id);
            self.outbound
                .send(notification("notifications/cancelled", &params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::capability::Capability;
    use crate::seal::Sealer;

    struct Nowhere;

    impl Outbound for Nowhere {
        fn send(&self, _: String) -> bool {
            true
        }
    }

    const SESSION: [u8; 16] = [1; 16];

    fn live() -> Arc<Live> {
        let sealer = Arc::new(Sealer::random().unwrap());
        Arc::new(Live::new(Arc::new(Sessions::new(sealer))))
    }

    fn ask(live: &Arc<Live>) -> LiveAnswer {
        let outbound: Arc<dyn Outbound> = Arc::new(Nowhere);
        let question = Question {
            method: "roots/list",
            params: "{}".to_owned(),
            needs: Capability::Roots,
            key: None,
        };
        let patience = Duration::from_millis(50);
        live.ask(SESSION, &outbound, &question, patience).unwrap()
    }

    /// What comes of a question when this is the response to it, in which `ID` stands for its id.
    async fn outcome(response: &str) -> Option<Answer> {
        let live = live();
        let asked = ask(&live);
        let response = response.replace("ID", &format!("\"{}\"", asked.id));
        live.answer([2; 16], &response);
        live.answer(SESSION, &response);
        asked.await
    }

    #[tokio::test]
    async fn every_response_that_can_be_matched_has_an_outcome() {
        for well in [
            r#"{"jsonrpc":"2.0","id":ID,"result":{}}"#,
            r#"{"id":ID,"error":null,"result":{}}"#,
            r#"{"id":1,"id":ID,"result":{},"result":{}}"#,
        ] {
            let outcome = outcome(well).await;
            assert_eq!(outcome, Some(Ok(serde_json::json!({}))), "{well}");
        }
        for refused in [
            r#"{"id":ID,"error":{"message":"no"}}"#,
            r#"{"id":ID,"result":null,"error":{"message":"no"}}"#,
            r#"{"id":null,"error":{"code":-32700,"message":"no"}}"#,
            r#"{"error":{"message":"no"}}"#,
        ] {
            let outcome = outcome(refused).await;
            let expected = Some(Err(AskError::Refused("no".to_owned())));
            assert_eq!(outcome, expected, "{refused}");
        }
        for malformed in [
            r#"{"id":ID,"result":{},"error":{"message":"no"}}"#,
            r#"{"id":ID}"#,
            r#"{"id":ID,"result":null}"#,
            r#"{"id":ID,"error":"no"}"#,
            r#"{"id":ID,"error":[]}"#,
            r#"{"id":ID,"error":{}}"#,
            r#"{"id":ID,"error":{"message":5}}"#,
            r#"{"id":ID,"result":{"x":1e999}}"#,
            r#"{"id":ID,"result":{"x":"\ud800"}}"#,
            r#"{"id":null,"result":{}}"#,
            r#"{"result":{}}"#,
            r#"{"id":null}"#,
        ] {
            let outcome = outcome(malformed).await;
            let is_told = matches!(outcome, Some(Err(AskError::Malformed(_))));
            assert!(is_told, "{malformed}: {outcome:?}");
        }
        for foreign in [
            r#"{"id":1,"result":{}}"#,
            r#"{"id":0.5,"result":{}}"#,
            r#"{"id":"0","result":{}}"#,
        ] {
            assert_eq!(outcome(foreign).await, None, "{foreign}");
        }
    }

    #[tokio::test]
    async fn without_an_id_nobody_knows_which_of_two_questions_it_is() {
        let live = live();
        let (one, other) = (ask(&live), ask(&live));
        live.answer(SESSION, r#"{"id":null,"error":{"message":"no"}}"#);
        assert_eq!((one.await, other.await), (None, None));
    }
}
