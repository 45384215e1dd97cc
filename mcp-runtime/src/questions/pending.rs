//! Questions to clients with a session: requests of the server, and the responses to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Question;
use crate::error::AskError;
use crate::owner::Owner;
use crate::protocol::jsonrpc::notification;
use crate::seal::{Sealer, unique};
#[cfg(feature = "http")]
use crate::service::AskedElsewhere;
use crate::service::Outbound;
use crate::session::Sessions;
use crate::sync::Mutex;

/// The maximum number of open questions of one session. Calls with open questions hold no permit, so they need their own
/// limits.
const MAX_OPEN_PER_SESSION: usize = 256;

/// The maximum number of open questions of all sessions.
const MAX_OPEN: usize = 4096;

/// The maximum number of open questions of one account, which may have many sessions: an eighth of all.
const MAX_OPEN_PER_ACCOUNT: usize = MAX_OPEN / 8;

/// The answer of a client.
type Answer = Result<Value, AskError>;

/// The nonce of the asked session, which alone may answer, and the id of the question.
type Key = ([u8; 16], String);

/// The open questions: the channels of their answers, and their number for each account.
#[derive(Default)]
struct OpenQuestions {
    senders: BTreeMap<Key, (oneshot::Sender<Answer>, Owner)>,
    accounts: HashMap<Owner, usize>,
}

impl OpenQuestions {
    /// Returns `true` if there is capacity for another question.
    fn has_capacity(&self, session: [u8; 16], account: &Owner) -> bool {
        let of_account = self.accounts.get(account).copied().unwrap_or(0);
        self.senders.len() < MAX_OPEN
            && self.ids(session).count() < MAX_OPEN_PER_SESSION
            && (of_account < MAX_OPEN_PER_ACCOUNT || *account == Owner::Local)
    }

    fn insert(&mut self, key: Key, sender: oneshot::Sender<Answer>, account: Owner) {
        *self.accounts.entry(account.clone()).or_default() += 1;
        self.senders.insert(key, (sender, account));
    }

    fn remove(&mut self, key: &Key) -> Option<oneshot::Sender<Answer>> {
        let (sender, account) = self.senders.remove(key)?;
        if let Some(open) = self.accounts.get_mut(&account) {
            *open -= 1;
            if *open == 0 {
                self.accounts.remove(&account);
            }
        }
        Some(sender)
    }

    /// Returns the ids of the open questions to a session.
    fn ids(&self, session: [u8; 16]) -> impl Iterator<Item = &String> {
        let from_first = self.senders.range((session, String::new())..);
        from_first
            .map(|((asked, id), _)| (asked, id))
            .take_while(move |(asked, _)| **asked == session)
            .map(|(_, id)| id)
    }

    /// Returns the id of the open question to a session, if there is exactly one.
    fn only(&self, session: [u8; 16]) -> Option<String> {
        let mut ids = self.ids(session);
        ids.next().filter(|_| ids.next().is_none()).cloned()
    }
}

/// All questions that wait for a response.
pub(crate) struct PendingRequests {
    /// The prefix of the ids of questions. It is unique, so that no response reaches the question of another server.
    prefix: String,
    next: AtomicU64,
    waiting: Mutex<OpenQuestions>,
    sessions: Arc<Sessions>,
    /// Seals the ids of questions, if the server has replicas.
    sealer: Option<Arc<Sealer>>,
    /// The time that a client has to answer.
    answer_timeout: Duration,
}

impl PendingRequests {
    pub(crate) fn new(sessions: Arc<Sessions>, answer_timeout: Duration) -> Self {
        Self {
            prefix: unique(),
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
            sessions,
            sealer: None,
            answer_timeout,
        }
    }

    /// Makes these the questions of a replica. Their ids are sealed, so that another replica knows who has asked, and that the client
    /// has not made up the id.
    pub(crate) fn of_replica(mut self, replica: &str, sealer: Arc<Sealer>) -> Self {
        replica.clone_into(&mut self.prefix);
        self.sealer = Some(sealer);
        self
    }

    /// Returns the sessions of the server.
    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Returns an id that is unique among all servers.
    pub(crate) fn id(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.prefix)
    }

    /// Returns the id of a question to a session.
    fn sealed_id(&self, session: [u8; 16]) -> Result<String, AskError> {
        let id = self.id();
        let Some(sealer) = &self.sealer else {
            return Ok(id);
        };
        let token = sealer.seal(&purpose(session), id.as_bytes());
        token.map_err(|error| {
            tracing::error!(%error, "a question cannot be asked");
            AskError::Disconnected
        })
    }

    /// Asks a question as soon as the client is initialized, and waits for the answer.
    pub(crate) async fn ask(
        &self,
        session: [u8; 16],
        account: Owner,
        outbound: &dyn Outbound,
        question: &Question,
    ) -> Answer {
        let (mut open, receiver) = self.open(session, account, outbound)?;
        if !self
            .sessions
            .wait_until_initialized(session, self.answer_timeout)
            .await
        {
            return Err(AskError::TimedOut);
        }
        // This is checked after the question is registered, so that `abandon` ends every question that passes the check.
        if !outbound.can_ask() {
            return Err(AskError::Disconnected);
        }
        let request = json!({
            "jsonrpc": "2.0",
            "id": open.key.1,
            "method": question.method(),
            "params": question.params,
        });
        if !outbound.send(request.to_string()) {
            return Err(AskError::CannotBeAsked(question.needs));
        }
        open.is_sent = true;
        match timeout(self.answer_timeout, receiver).await {
            Ok(answer) => answer.unwrap_or(Err(AskError::Disconnected)),
            Err(_) => Err(AskError::TimedOut),
        }
    }

    /// Registers an open question.
    fn open<'q>(
        &'q self,
        session: [u8; 16],
        account: Owner,
        outbound: &'q dyn Outbound,
    ) -> Result<(Open<'q>, oneshot::Receiver<Answer>), AskError> {
        let mut waiting = self.waiting.lock();
        if !waiting.has_capacity(session, &account) {
            return Err(AskError::TooMany);
        }
        let key = (session, self.sealed_id(session)?);
        let (sender, receiver) = oneshot::channel();
        waiting.insert(key.clone(), sender, account);
        let open = Open {
            pending: self,
            key,
            outbound,
            is_sent: false,
        };
        Ok((open, receiver))
    }

    /// Returns the question of a response of a session, if another replica has asked it.
    #[cfg(feature = "http")]
    pub(crate) fn asked_elsewhere(
        &self,
        session: [u8; 16],
        response: &str,
    ) -> Option<AskedElsewhere> {
        let sealer = self.sealer.as_ref()?;
        let members: Members<'_> = serde_json::from_str(response).ok()?;
        let id: String = serde_json::from_str(members.get("id")?.get()).ok()?;
        let opened = String::from_utf8(sealer.open(&purpose(session), &id)?).ok()?;
        let (replica, _) = opened.rsplit_once('-')?;
        let replica = replica.to_owned();
        (replica != self.prefix).then_some(AskedElsewhere { replica, id })
    }

    /// Handles a response. A response to no open question is ignored.
    pub(crate) fn answer(&self, session: [u8; 16], response: &str) {
        // A response that cannot be parsed as an object is treated as one without members.
        let members: Members<'_> = serde_json::from_str(response).unwrap_or_default();
        let id = members.get("id").map(|id| serde_json::from_str(id.get()));
        let mut waiting = self.waiting.lock();
        let id = match id {
            Some(Ok(Value::String(id))) => Some(id),
            // A client that could not parse a question cannot repeat its id. The response is matched if one question
            // is open.
            None | Some(Ok(Value::Null)) => waiting.only(session),
            Some(_) => None,
        };
        let sender = id.and_then(|id| waiting.remove(&(session, id)));
        drop(waiting);
        let Some(sender) = sender else {
            tracing::debug!("a response is ignored: it matches no open question");
            return;
        };
        // This fails if the handler has just stopped waiting.
        let _ = sender.send(read(&members));
    }

    /// Ends all questions to a session that can no longer answer.
    pub(crate) fn abandon(&self, session: [u8; 16]) {
        let mut waiting = self.waiting.lock();
        let ids: Vec<String> = waiting.ids(session).cloned().collect();
        for id in ids {
            waiting.remove(&(session, id));
        }
    }
}

/// Returns the purpose for which the ids of the questions to a session are sealed.
fn purpose(session: [u8; 16]) -> String {
    format!("mcp-question {:032x}", u128::from_be_bytes(session))
}

/// The members of a response.
type Members<'a> = HashMap<String, &'a RawValue>;

/// Parses a response. Some clients send both `result` and `error`, one of them `null`.
fn read(members: &Members<'_>) -> Answer {
    let malformed = |reason: &str| AskError::Malformed(reason.to_owned());
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

/// An open question. Dropping it withdraws the question, and cancels the request if it was sent.
struct Open<'q> {
    pending: &'q PendingRequests,
    key: Key,
    outbound: &'q dyn Outbound,
    is_sent: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let was_open = self.pending.waiting.lock().remove(&self.key).is_some();
        if was_open && self.is_sent {
            let params = json!({ "requestId": self.key.1 }).to_string();
            self.outbound
                .send(notification("notifications/cancelled", &params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::capability::Capability;

    struct NullOutbound;

    impl Outbound for NullOutbound {
        fn send(&self, _: String) -> bool {
            true
        }
    }

    const SESSION: [u8; 16] = [1; 16];

    fn pending() -> PendingRequests {
        PendingRequests::new(Arc::new(Sessions::new()), Duration::from_millis(50))
    }

    async fn ask(pending: &PendingRequests, session: [u8; 16]) -> Answer {
        let question = Question::new(Capability::Roots, json!({}), None);
        pending
            .ask(session, Owner::Session(session), &NullOutbound, &question)
            .await
    }

    /// Returns the answer to a question with this response. `ID` in the response is replaced with the id of the question.
    async fn outcome(response: &str) -> Answer {
        let pending = pending();
        let response = response.replace("ID", &format!("\"{}-0\"", pending.prefix));
        let respond = async {
            pending.answer([2; 16], &response);
            pending.answer(SESSION, &response);
        };
        tokio::join!(biased; ask(&pending, SESSION), respond).0
    }

    #[tokio::test]
    async fn every_response_that_can_be_matched_has_an_outcome() {
        for valid in [
            r#"{"jsonrpc":"2.0","id":ID,"result":{}}"#,
            r#"{"id":ID,"error":null,"result":{}}"#,
            r#"{"id":1,"id":ID,"result":{},"result":{}}"#,
        ] {
            let outcome = outcome(valid).await;
            assert_eq!(outcome, Ok(json!({})), "{valid}");
        }
        for refused in [
            r#"{"id":ID,"error":{"message":"no"}}"#,
            r#"{"id":ID,"result":null,"error":{"message":"no"}}"#,
            r#"{"id":null,"error":{"code":-32700,"message":"no"}}"#,
            r#"{"error":{"message":"no"}}"#,
        ] {
            let outcome = outcome(refused).await;
            let expected = Err(AskError::Refused("no".to_owned()));
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
            let is_reported = matches!(outcome, Err(AskError::Malformed(_)));
            assert!(is_reported, "{malformed}: {outcome:?}");
        }
        for foreign in [
            r#"{"id":1,"result":{}}"#,
            r#"{"id":0.5,"result":{}}"#,
            r#"{"id":"0","result":{}}"#,
        ] {
            assert_eq!(outcome(foreign).await, Err(AskError::TimedOut), "{foreign}");
        }
    }

    #[tokio::test]
    async fn without_an_id_nobody_knows_which_of_two_questions_it_is() {
        let pending = pending();
        let respond = async {
            pending.answer(SESSION, r#"{"id":null,"error":{"message":"no"}}"#);
        };
        let (one, other, ()) =
            tokio::join!(biased; ask(&pending, SESSION), ask(&pending, SESSION), respond);
        assert_eq!([one, other], [const { Err(AskError::TimedOut) }; 2]);
    }

    #[tokio::test]
    async fn so_many_questions_may_be_open_of_a_session_and_of_all() {
        let pending = pending();
        let open = |session| {
            let opened = pending.open(session, Owner::Session(session), &NullOutbound);
            opened.ok()
        };
        let of_one: Vec<_> = (0..300).filter_map(|_| open(SESSION)).collect();
        assert_eq!(of_one.len(), MAX_OPEN_PER_SESSION);
        assert_eq!(ask(&pending, SESSION).await, Err(AskError::TooMany));
        let numbers = (0..MAX_OPEN).map(|number| u128::try_from(number).unwrap());
        let others: Vec<_> = numbers
            .map_while(|number| open(number.to_be_bytes()))
            .collect();
        assert_eq!(of_one.len() + others.len(), MAX_OPEN);
        assert_eq!(ask(&pending, [2; 16]).await, Err(AskError::TooMany));
        drop(of_one);
        assert_eq!(ask(&pending, [2; 16]).await, Err(AskError::TimedOut));
        pending.abandon(SESSION);
        drop(others);
        assert!(pending.waiting.lock().senders.is_empty());
        assert!(pending.waiting.lock().accounts.is_empty());
    }

    #[tokio::test]
    async fn an_account_has_an_eighth_of_all_open_questions_in_all_its_sessions() {
        let pending = pending();
        let open = |account: &Owner| -> Vec<_> {
            let questions = (0..1000_u128).map_while(|number| {
                let session = number.to_be_bytes();
                let opened = pending.open(session, account.clone(), &NullOutbound);
                opened.ok()
            });
            questions.collect()
        };
        let [one, other] = [1, 2].map(|last| Owner::Peer([192, 0, 2, last].into()));
        let of_one = open(&one);
        assert_eq!(of_one.len(), MAX_OPEN_PER_ACCOUNT);
        assert_eq!(open(&other).len(), MAX_OPEN_PER_ACCOUNT);
        assert_eq!(open(&Owner::Local).len(), 1000);
        drop(of_one);
        assert_eq!(open(&one).len(), MAX_OPEN_PER_ACCOUNT);
    }

    #[tokio::test]
    async fn a_question_that_nobody_can_answer_any_more_ends() {
        let pending = pending();
        let disconnect = async { pending.abandon(SESSION) };
        let (asked, other, ()) =
            tokio::join!(biased; ask(&pending, SESSION), ask(&pending, [2; 16]), disconnect);
        assert_eq!(asked, Err(AskError::Disconnected));
        assert_eq!(other, Err(AskError::TimedOut));
    }
}
