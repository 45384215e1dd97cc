//! The journal of a call: its answers and outcomes so far, sealed and carried by the client to the next attempt.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::owner::Principal;
use crate::protocol::error::RpcError;
use crate::seal::{SealError, Sealer, random_bytes};
use crate::store::{milliseconds, now};

/// The maximum size of a journal, in bytes of JSON. Clients carry it with every attempt.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// The key of a question: its digest, and its number among equal questions.
pub(super) type QuestionKey = String;

/// The answers and outcomes of a call so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The identifier shared by all attempts of one call.
    pub(super) chain: String,
    /// The identifier of this version of the journal: each seal creates a new one.
    pub(super) id: String,
    /// The expiry time in milliseconds since 1970; `None` if no client carries the journal yet.
    pub(super) expires: Option<u64>,
    /// The accepted answers.
    pub(super) answers: BTreeMap<QuestionKey, Value>,
    /// The wire names of the questions in the last round.
    pub(super) names: BTreeMap<QuestionKey, String>,
    /// The number of invalid answers to each question.
    pub(super) misses: BTreeMap<QuestionKey, u8>,
    /// The outcomes of effects, by key.
    pub(super) effects: BTreeMap<String, Value>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            // If random bytes are unavailable, sealing fails as well and ends the call.
            chain: random_id().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Opens a journal. Returns `None` if it was not sealed for this request of this caller, or has expired.
    pub(super) fn open(
        sealer: &Sealer,
        message: &str,
        principal: Option<&Principal>,
        token: &str,
    ) -> Option<Self> {
        let bytes = sealer.open(&purpose(message, principal)?, token)?;
        let journal: Self = serde_json::from_slice(&bytes).ok()?;
        (now() < journal.expires?).then_some(journal)
    }

    /// Seals the journal for this request of this caller only. Returns the token and its expiry time.
    ///
    /// # Errors
    /// Returns an error if the journal is too large or if random bytes are unavailable.
    pub(super) fn seal(
        &mut self,
        sealer: &Sealer,
        message: &str,
        principal: Option<&Principal>,
        answer_timeout: Duration,
    ) -> Result<(String, u64), RpcError> {
        let expires = now().saturating_add(milliseconds(answer_timeout));
        self.expires = Some(expires);
        self.id = random_id().map_err(failed)?;
        let bytes = serde_json::to_vec(self).map_err(failed)?;
        if bytes.len() > MAX_BYTES {
            let answers = serde_json::to_vec(&self.answers).map_err(failed)?;
            return Err(too_large(bytes.len(), answers.len()));
        }
        let purpose = purpose(message, principal).ok_or_else(|| failed("no request"))?;
        let token = sealer.seal(&purpose, &bytes).map_err(failed)?;
        Ok((token, expires))
    }
}

fn failed(reason: impl Display) -> RpcError {
    RpcError::internal(format!("The question failed: {reason}"))
}

/// Returns the error for a journal of `bytes` bytes, of which `answers` bytes are answers of the client.
fn too_large(bytes: usize, answers: usize) -> RpcError {
    if bytes - answers > MAX_BYTES {
        return failed(format!(
            "the state of the call has {bytes} bytes, and the limit is {MAX_BYTES}"
        ));
    }
    RpcError::invalid_params(format!(
        "The answers so far are too long: with them the state of the call has {bytes} bytes, and the limit is \
         {MAX_BYTES}. Start again with shorter answers"
    ))
}

fn random_id() -> Result<String, SealError> {
    let id: [u8; 16] = random_bytes()?;
    Ok(format!("{:032x}", u128::from_be_bytes(id)))
}

/// Returns the purpose for which a journal is sealed: the caller, the method, and all parameters except those that change with
/// each attempt.
fn purpose(message: &str, principal: Option<&Principal>) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        method: String,
        #[serde(default)]
        params: Map<String, Value>,
    }
    let Message { method, mut params } = serde_json::from_str(message).ok()?;
    for per_attempt in ["_meta", "requestState", "inputResponses"] {
        params.shift_remove(per_attempt);
    }
    // Clients may send the members in a different order in the next attempt.
    let mut params = Value::from(params);
    params.sort_all_objects();
    let caller = principal.map(Principal::key).unwrap_or_default();
    Some(format!("mcp-questions {caller} {method} {params}"))
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
            .seal(&sealer, &first, None, MINUTE)
            .expect("sealed");
        let again = request(
            r#"{"requestState":"..","_meta":{"x":1},"arguments":{"b":[{"y":2,"x":1}],"a":1},"name":"book"}"#,
        );
        let open = |message: &str, token: &str| Journal::open(&sealer, message, None, token);
        assert!(open(&again, &token).is_some());
        for other in [
            r#"{"name":"buy","arguments":{"a":1,"b":[{"x":1,"y":2}]}}"#,
            r#"{"name":"book","arguments":{"a":2,"b":[{"x":1,"y":2}]}}"#,
            r#"{"name":"book"}"#,
        ] {
            assert!(open(&request(other), &token).is_none(), "{other}");
        }
        let prompt = first.replace("tools/call", "prompts/get");
        assert!(open(&prompt, &token).is_none());
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(open(&first, &changed).is_none());
        }
    }

    #[test]
    fn a_journal_opens_for_its_own_caller_only() {
        let sealer = Sealer::from_keys(&[[1; 32]]).expect("a key");
        let message = request("{}");
        let ada = Principal::new("ada");
        let callers = [
            None,
            Some(ada.clone()),
            Some(ada.issued_by("https://id.test")),
            Some(Principal::new("bob")),
        ];
        for (index, one) in callers.iter().enumerate() {
            let state = Journal::new().seal(&sealer, &message, one.as_ref(), MINUTE);
            let (token, _) = state.expect("sealed");
            for (other_index, other) in callers.iter().enumerate() {
                let opened = Journal::open(&sealer, &message, other.as_ref(), &token);
                assert_eq!(opened.is_some(), index == other_index, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_journal_expires_and_is_bounded() {
        let sealer = Sealer::from_keys(&[[1; 32]]).expect("a key");
        let message = request("{}");
        let mut journal = Journal::new();
        let (token, _) = journal
            .seal(&sealer, &message, None, Duration::ZERO)
            .expect("sealed");
        assert!(Journal::open(&sealer, &message, None, &token).is_none());
        let large = Value::from("x".repeat(MAX_BYTES));
        journal.effects.insert("large".to_owned(), large);
        assert!(journal.seal(&sealer, &message, None, MINUTE).is_err());
    }
}
