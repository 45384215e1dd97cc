//! What a call has learnt so far, sealed for the client to carry to its next attempt.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::error::RpcError;
use crate::seal::{SealError, Sealer, random_bytes};
use crate::store::{milliseconds, now};

/// The largest journal, in bytes of JSON: clients carry it with every attempt.
const LARGEST: usize = 256 * 1024;

/// Which question it is: its digest, and its number among equal ones.
pub(super) type QuestionKey = String;

/// What a call has learnt.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    /// Tells the attempts of one call from those of others.
    pub(super) chain: String,
    /// Tells this state from every other one.
    pub(super) id: String,
    /// Milliseconds since 1970 after which it is worth nothing; `None` if no client carries it yet.
    pub(super) expires: Option<u64>,
    /// The answers that were accepted.
    pub(super) answers: BTreeMap<QuestionKey, Value>,
    /// The names of what was asked last.
    pub(super) names: BTreeMap<QuestionKey, String>,
    /// How often the answer to a question was invalid.
    pub(super) misses: BTreeMap<QuestionKey, u8>,
    /// What effects came to, by key.
    pub(super) effects: BTreeMap<String, Value>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            // Without randomness nothing can be sealed either, and the call ends there.
            chain: random_id().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Opens what was sealed for this request; `None` if it was not, or has expired.
    pub(super) fn open(sealer: &Sealer, message: &str, token: &str) -> Option<Self> {
        let bytes = sealer.open(&purpose(message)?, token)?;
        let journal: Self = serde_json::from_slice(&bytes).ok()?;
        (now() < journal.expires?).then_some(journal)
    }

    /// Seals it for this request and no other. What comes with it is when it expires.
    ///
    /// # Errors
    /// It is too large, or there is no randomness.
    pub(super) fn seal(
        &mut self,
        sealer: &Sealer,
        message: &str,
        answer_timeout: Duration,
    ) -> Result<(String, u64), RpcError> {
        let expires = now().saturating_add(milliseconds(answer_timeout));
        self.expires = Some(expires);
        self.id = random_id().map_err(failed)?;
        let bytes = serde_json::to_vec(self).map_err(failed)?;
        if bytes.len() > LARGEST {
            let answers = serde_json::to_vec(&self.answers).map_err(failed)?;
            return Err(too_large(bytes.len(), answers.len()));
        }
        let purpose = purpose(message).ok_or_else(|| failed("no request"))?;
        let token = sealer.seal(&purpose, &bytes).map_err(failed)?;
        Ok((token, expires))
    }
}

fn failed(reason: impl Display) -> RpcError {
    RpcError::internal(format!("The question failed: {reason}"))
}

/// A journal has too many bytes, so many of them in answers of the client.
fn too_large(bytes: usize, answers: usize) -> RpcError {
    if bytes - answers > LARGEST {
        return failed(format!(
            "the call carries {bytes} bytes, and at most {LARGEST} can be carried"
        ));
    }
    RpcError::invalid_params(format!(
        "The answers so far are too long: with them the call carries {bytes} bytes, and at most {LARGEST} can be \
         carried. Begin anew with shorter ones"
    ))
}

fn random_id() -> Result<String, SealError> {
    let id: [u8; 16] = random_bytes()?;
    Ok(format!("{:032x}", u128::from_be_bytes(id)))
}

/// What a journal is bound to: the method and all parameters that say what is to be done.
fn purpose(message: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        method: String,
        #[serde(default)]
        params: Map<String, Value>,
    }
    let Message { method, mut params } = serde_json::from_str(message).ok()?;
    for of_the_attempt in ["_meta", "requestState", "inputResponses"] {
        params.shift_remove(of_the_attempt);
    }
    // Clients may write members in another order the next time.
    let mut params = Value::from(params);
    params.sort_all_objects();
    Some(format!("mcp-questions {method} {params}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn request(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
    }

    #[test]
    fn a_journal_opens_for_its_own_request_only() {
        let sealer = Sealer::from_keys(&[[1; 32]]).expect("a key");
        let first = request(r#"{"name":"book","arguments":{"a":1,"b":[{"x":1,"y":2}]}}"#);
        let (token, _) = Journal::new()
            .seal(&sealer, &first, MINUTE)
            .expect("sealed");
        let again = request(
            r#"{"requestState":"..","_meta":{"x":1},"arguments":{"b":[{"y":2,"x":1}],"a":1},"name":"book"}"#,
        );
        assert!(Journal::open(&sealer, &again, &token).is_some());
        for other in [
            r#"{"name":"buy","arguments":{"a":1,"b":[{"x":1,"y":2}]}}"#,
            r#"{"name":"book","arguments":{"a":2,"b":[{"x":1,"y":2}]}}"#,
            r#"{"name":"book"}"#,
        ] {
            assert!(
                Journal::open(&sealer, &request(other), &token).is_none(),
                "{other}"
            );
        }
        let prompt = first.replace("tools/call", "prompts/get");
        assert!(Journal::open(&sealer, &prompt, &token).is_none());
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(Journal::open(&sealer, &first, &changed).is_none());
        }
    }

    #[test]
    fn a_journal_expires_and_is_bounded() {
        let sealer = Sealer::from_keys(&[[1; 32]]).expect("a key");
        let message = request("{}");
        let mut journal = Journal::new();
        let (token, _) = journal
            .seal(&sealer, &message, Duration::ZERO)
            .expect("sealed");
        assert!(Journal::open(&sealer, &message, &token).is_none());
        let large = Value::from("x".repeat(LARGEST));
        journal.effects.insert("large".to_owned(), large);
        assert!(journal.seal(&sealer, &message, MINUTE).is_err());
    }
}
