//! A conversation with a server: every message of the server is validated, replies against the request with the same id.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::schemas::{self, Checked, MODERN, REVISIONS, expect};

/// The default limit of a server for the size of a message, in bytes. The id of a larger message may not be read.
const READABLE: usize = 4 << 20;

/// The number of messages from which a batch is refused as a whole.
const LONGEST_BATCH: usize = 64;

/// The length of the longest id that a server reads, in bytes of JSON.
const LONGEST_ID: usize = 258;

/// The requests that have no reply yet. Clones share the conversation.
#[derive(Debug, Clone)]
pub struct Conversation(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The revision of requests without a version.
    revision: String,
    /// The revisions of all requests.
    spoken: BTreeSet<String>,
    /// The requests by their ids as JSON; requests without a readable id are under [`UNREADABLE`].
    pending: HashMap<String, Vec<Pending>>,
    /// The beginning of an incomplete line.
    partial: Vec<u8>,
}

const UNREADABLE: &str = "";

#[derive(Debug, Clone)]
struct Pending {
    revision: String,
    /// `None` if the message is not a request, so that it can only be refused.
    method: Option<String>,
}

impl Conversation {
    /// Creates a conversation. Requests are of this revision unless they name another or a handshake chooses one.
    pub fn new(revision: &str) -> Self {
        Self(Arc::new(Mutex::new(State {
            revision: revision.to_owned(),
            spoken: BTreeSet::new(),
            pending: HashMap::new(),
            partial: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision of requests without a version.
    pub fn revision(&self) -> String {
        self.state().revision.clone()
    }

    /// Records a complete message that was sent.
    pub fn sent(&self, message: &[u8]) {
        self.state().sent(message);
    }

    /// Records bytes that were sent on a stream of lines.
    pub fn wrote(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.partial.extend_from_slice(bytes);
        while let Some(end) = state.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = state.partial.drain(..=end).collect();
            state.sent_line(&line);
        }
    }

    /// Validates a message of the server.
    ///
    /// # Errors
    /// Returns an error if the message is not valid.
    pub fn receive(&self, message: &Value) -> Checked {
        match message.as_array() {
            Some(batch) if batch.is_empty() => Err("an empty batch".to_owned()),
            Some(batch) => batch.iter().try_for_each(|one| self.state().receive(one)),
            None => self.state().receive(message),
        }
    }

    /// Fails if a message of the server is not valid.
    #[track_caller]
    pub fn received(&self, message: &Value) {
        expect(self.receive(message));
    }

    /// Fails if a message is not valid as a refusal that was sent before the request was read.
    #[track_caller]
    pub fn refused(&self, message: &Value) {
        expect(schemas::reply(&self.revision(), None, message, false));
    }
}

impl State {
    fn sent_line(&mut self, line: &[u8]) {
        if !line.trim_ascii().is_empty() {
            self.sent(line);
        }
    }

    fn sent(&mut self, message: &[u8]) {
        let message = message.trim_ascii();
        let message = message
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(message);
        if message.len() > READABLE {
            return self.await_refusal();
        }
        match message.first() {
            Some(b'[') => match serde_json::from_slice::<Vec<&RawValue>>(message) {
                Ok(batch) => self.sent_batch(&batch),
                Err(_) => self.await_refusal(),
            },
            _ => self.sent_one(message),
        }
    }

    fn sent_batch(&mut self, batch: &[&RawValue]) {
        if batch.is_empty() || self.revision != "2025-03-26" {
            self.await_refusal();
        }
        if batch.len() > LONGEST_BATCH {
            return self.await_refusal();
        }
        for one in batch {
            self.sent_one(one.get().as_bytes());
        }
    }

    fn sent_one(&mut self, message: &[u8]) {
        let Ok(members) = serde_json::from_slice::<Members<'_>>(message) else {
            return self.await_refusal();
        };
        let is_given = |name| members.all(name).next().is_some();
        let is_response = is_given("result") || is_given("error");
        let method = members.text("method");
        let is_message = members.text("jsonrpc").as_deref() == Some("2.0") && method.is_some();
        if !is_given("method") && is_response || is_message && !is_given("id") {
            return;
        }
        let Some(id) = members.id().filter(|id| id.len() <= LONGEST_ID) else {
            return self.await_refusal();
        };
        let revision = self.revision_of(method.as_deref(), &members.inside("params"));
        self.spoken.insert(revision.clone());
        self.pending
            .entry(id)
            .or_default()
            .push(Pending { revision, method });
    }

    fn revision_of(&self, method: Option<&str>, params: &Members<'_>) -> String {
        let meta = params.inside("_meta");
        if meta
            .all("io.modelcontextprotocol/protocolVersion")
            .next()
            .is_some()
        {
            return MODERN.to_owned();
        }
        let asked = params
            .text("protocolVersion")
            .filter(|_| method == Some("initialize"));
        let known = asked.filter(|asked| REVISIONS[..4].contains(&asked.as_str()));
        known.unwrap_or_else(|| self.revision.clone())
    }

    fn await_refusal(&mut self) {
        let revision = self.revision.clone();
        let refused = Pending {
            revision,
            method: None,
        };
        self.pending
            .entry(UNREADABLE.to_owned())
            .or_default()
            .push(refused);
    }

    fn receive(&mut self, message: &Value) -> Checked {
        if message.get("method").is_none() {
            return self.receive_reply(message);
        }
        let check = match message.get("id") {
            Some(_) => schemas::request,
            None => schemas::notification,
        };
        if !message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].is_null() {
            return check(MODERN, message);
        }
        // The notification may belong to any request of the connection.
        let mut revisions: Vec<&str> = self.spoken.iter().map(String::as_str).collect();
        if revisions.is_empty() {
            revisions.push(&self.revision);
        }
        any(&revisions, |revision| check(revision, message)).map(drop)
    }

    fn receive_reply(&mut self, reply: &Value) -> Checked {
        let id = reply.get("id").map(Value::to_string);
        let mut key = id.clone().unwrap_or_else(|| UNREADABLE.to_owned());
        if self.candidates(&key).is_empty() {
            // The last line may lack its line break.
            let last = std::mem::take(&mut self.partial);
            self.sent_line(&last);
        }
        if self.candidates(&key).is_empty() {
            UNREADABLE.clone_into(&mut key);
        }
        let candidates = self.candidates(&key).to_vec();
        if candidates.is_empty() {
            return Err(format!("no request has this reply: {reply}"));
        }
        let was_read = key != UNREADABLE;
        let position = any(&candidates, |one| one.check(reply, was_read))?;
        let answered = candidates[position].clone();
        self.pending
            .entry(key)
            .and_modify(|all| drop(all.remove(position)));
        if answered.method.as_deref() == Some("initialize") && reply.get("result").is_some() {
            self.revision = answered.agreed(reply);
        }
        Ok(())
    }

    fn candidates(&self, key: &str) -> &[Pending] {
        self.pending.get(key).map_or(&[], Vec::as_slice)
    }
}

impl Pending {
    fn check(&self, reply: &Value, id_was_read: bool) -> Checked {
        let revision = self.agreed(reply);
        schemas::reply(&revision, self.method.as_deref(), reply, id_was_read)
    }

    /// The revision of the reply: the one that the server chose in a handshake.
    fn agreed(&self, reply: &Value) -> String {
        let chosen = reply["result"]["protocolVersion"].as_str();
        let chosen = chosen.filter(|_| self.method.as_deref() == Some("initialize"));
        chosen.unwrap_or(&self.revision).to_owned()
    }
}

/// The position of the first item that passes, or the last error.
fn any<T>(items: &[T], check: impl Fn(&T) -> Checked) -> Result<usize, String> {
    let mut problem = String::new();
    for (position, item) in items.iter().enumerate() {
        match check(item) {
            Ok(()) => return Ok(position),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

/// The members of an object as written. Names may be repeated, and values may be invalid as a [`Value`].
#[derive(Default)]
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a RawValue> + 's {
        let named = self.0.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| *value)
    }

    /// The first member of a name, if it is a string.
    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.all(name).next()?.get()).ok()
    }

    /// The members of a nested object; empty if the member is not an object.
    fn inside(&self, name: &str) -> Self {
        let value = self.all(name).next();
        let members = value.and_then(|value| serde_json::from_str(value.get()).ok());
        members.unwrap_or_default()
    }

    /// The id as JSON, if it is a string or a whole number; a repeated id must be the same each time.
    fn id(&self) -> Option<String> {
        let mut ids = self.all("id").map(|id| whole(id.get()));
        let first = ids.next()??;
        ids.all(|id| id.as_ref() == Some(&first)).then_some(first)
    }
}

/// An id in its shortest form.
fn whole(id: &str) -> Option<String> {
    let id: Value = serde_json::from_str(id).ok()?;
    let is_whole = |number: &f64| number.fract() == 0.0;
    match &id {
        Value::String(_) => Some(id.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(id.to_string()),
        // The tests use fractions of zero with small numbers only.
        #[allow(clippy::cast_possible_truncation)]
        Value::Number(number) => number
            .as_f64()
            .filter(is_whole)
            .map(|number| (number as i64).to_string()),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
