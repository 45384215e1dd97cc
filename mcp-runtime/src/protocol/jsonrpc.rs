//! JSON-RPC 2.0 envelopes: what a message is, and how replies and notifications are spelled.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#messages>. What a method does with
//! its parameters is not known here.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::RpcError;
use super::params::{self, Params, Parts, RawParams};
use super::text::{Span, nests_deeper_than};

/// The id of a request: a string or an integer, and the two never equal each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer id.
    Number(i64),
    /// A string id.
    String(String),
}

impl Id {
    /// Reads an id from its JSON. `1.0` is the integer 1; a fraction, `null` or anything else is no id.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        if json.starts_with('"') {
            return params::text(json).map(|text| Self::String(text.into_owned()));
        }
        json.parse()
            .ok()
            .or_else(|| whole_number(json))
            .map(Self::Number)
    }
}

/// Integers up to this are exact as a floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole_number(json: &str) -> Option<i64> {
    let number: f64 = json.parse().ok()?;
    #[allow(clippy::cast_possible_truncation)] // within the exact range and without a fraction
    (number.fract() == 0.0
        && number.abs() <= EXACT
        && json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
    .then_some(number as i64)
}

impl Id {
    /// Appends the id as JSON.
    pub(crate) fn push(&self, out: &mut String) {
        match self {
            Self::Number(number) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "{number}");
            }
            Self::String(text) => push_json(out, text),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::String(text) => write!(formatter, "{text:?}"),
        }
    }
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It wants an answer under this id.
    Request(Id),
    /// It wants no answer.
    Notification,
    /// It is an answer.
    Response,
}

/// One message, owned, with the places of its parts.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    text: String,
    kind: Kind,
    method: Span,
    params: Result<Parts, RpcError>,
}

/// Why a message was refused, and the id to answer under if it could be read.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) id: Option<Id>,
    pub(crate) error: RpcError,
}

impl From<RpcError> for Refused {
    fn from(error: RpcError) -> Self {
        Self { id: None, error }
    }
}

/// The members of a message; `P` is what is read of its `params`.
#[derive(Deserialize)]
struct Envelope<'a, P> {
    #[serde(borrow, default, deserialize_with = "params::present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "params::present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "params::present")]
    method: Option<&'a RawValue>,
    params: Option<P>,
    #[serde(borrow, default, deserialize_with = "params::present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "params::present")]
    error: Option<&'a RawValue>,
}

/// `params` that are read with the message, in one pass.
#[derive(Deserialize)]
#[serde(transparent)]
struct Together<'a> {
    #[serde(borrow, deserialize_with = "params::object")]
    params: Option<RawParams<'a>>,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// Bytes that are not UTF-8 or not JSON are -32700, JSON that is no message -32600.
    pub(crate) fn parse(bytes: Vec<u8>, depth_limit: usize) -> Result<Self, Refused> {
        let text = String::from_utf8(bytes)
            .map_err(|error| RpcError::parse(format!("The message is not UTF-8: {error}")))?;
        if nests_deeper_than(&text, depth_limit) {
            return Err(RpcError::invalid_request(format!(
                "The message nests deeper than {depth_limit} levels"
            ))
            .into());
        }
        // Checked by hand because serde takes an array for an object.
        let is_object = text.trim_ascii_start().starts_with('{');
        let (kind, method, params) = match serde_json::from_str::<Envelope<'_, Together<'_>>>(&text)
        {
            Ok(envelope) if is_object => {
                let params = envelope
                    .params
                    .as_ref()
                    .and_then(|together| together.params.as_ref());
                let parts = params.map(|params| params.parts(&text)).unwrap_or_default();
                let (kind, method) = envelope.examine(&text)?;
                (kind, method, Ok(parts))
            }
            // Something is wrong: in the message itself, or in its `params` alone.
            _ => Self::parse_apart(&text, is_object)?,
        };
        Ok(Self {
            text,
            kind,
            method,
            params,
        })
    }

    fn parse_apart(
        text: &str,
        is_object: bool,
    ) -> Result<(Kind, Span, Result<Parts, RpcError>), Refused> {
        let envelope = match serde_json::from_str::<Envelope<'_, &RawValue>>(text) {
            Ok(envelope) if is_object => envelope,
            Ok(_) => return Err(no_message(text, "it is no object").into()),
            Err(error) => return Err(no_message(text, &error.to_string()).into()),
        };
        let (kind, method) = envelope.examine(text)?;
        let params = envelope.params.map_or("null", RawValue::get);
        Ok((kind, method, Parts::read_alone(text, params)))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The id of a request.
    pub(crate) fn id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request(id) => Some(id),
            Kind::Notification | Kind::Response => None,
        }
    }

    /// Whether the message says itself all that is needed to serve it, as every one of the stateless era does.
    pub(crate) fn is_stateless(&self) -> bool {
        self.params()
            .is_ok_and(|params| params.meta().is_stateless())
    }

    /// The method; empty in a response.
    pub(crate) fn method(&self) -> &str {
        self.method.of_text(&self.text)
    }

    /// The members of `params`.
    pub(crate) fn params(&self) -> Result<Params<'_>, RpcError> {
        match &self.params {
            Ok(parts) => Ok(Params::new(&self.text, parts)),
            Err(error) => Err(error.clone()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Takes a batch apart, which is an array of messages.
///
/// # Errors
/// It is no array, or an empty one.
pub(crate) fn batch(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, RpcError> {
    let text = String::from_utf8(bytes)
        .map_err(|error| RpcError::parse(format!("The batch is not UTF-8: {error}")))?;
    let parts: Vec<&RawValue> = serde_json::from_str(&text)
        .map_err(|error| RpcError::parse(format!("The batch is not JSON: {error}")))?;
    if parts.is_empty() {
        return Err(RpcError::invalid_request("The batch is empty"));
    }
    Ok(parts
        .into_iter()
        .map(|part| part.get().as_bytes().to_vec())
        .collect())
}

/// What is wrong with a text that is no message.
fn no_message(text: &str, reason: &str) -> RpcError {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return RpcError::parse(format!("The message is not JSON: {error}"));
    }
    if text.trim_ascii_start().starts_with('[') {
        return RpcError::invalid_request(
            "Only sessions of 2025-03-26 may send batches: send one message at a time",
        );
    }
    RpcError::invalid_request(format!("Not a JSON-RPC message: {reason}"))
}

impl<P> Envelope<'_, P> {
    /// What kind of message it is, and where its method is.
    fn examine(&self, text: &str) -> Result<(Kind, Span), Refused> {
        let id = self.id.map(|raw| Id::parse(raw.get()));
        let refuse = |message: &'static str| Refused {
            id: id.clone().flatten(),
            error: RpcError::invalid_request(message),
        };
        if self.jsonrpc.is_none_or(|raw| raw.get() != "\"2.0\"") {
            return Err(refuse("`jsonrpc` must be \"2.0\""));
        }
        if id == Some(None) {
            return Err(refuse("`id` must be a string or an integer"));
        }
        let Some(method) = self.method else {
            return if self.result.is_some() ^ self.error.is_some() {
                Ok((Kind::Response, Span::of(text, "")))
            } else {
                Err(refuse("`method` is missing"))
            };
        };
        let Some(method) = plain_string(method.get()) else {
            return Err(refuse("`method` must be a string without escapes"));
        };
        let method = Span::of(text, method);
        Ok(match id.flatten() {
            Some(id) => (Kind::Request(id), method),
            None => (Kind::Notification, method),
        })
    }
}

/// A JSON string without escapes: no method of the protocol needs one.
fn plain_string(json: &str) -> Option<&str> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

/// Begins a reply: everything up to the value of `result`.
pub(crate) fn begin_result(id: &Id) -> String {
    let mut reply = String::with_capacity(256);
    reply.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    id.push(&mut reply);
    reply.push_str(",\"result\":");
    reply
}

/// An error reply. The id is left out when the request's could not be read.
pub(crate) fn error_reply(id: Option<&Id>, error: &RpcError) -> String {
    let mut reply = String::from("{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        reply.push_str(",\"id\":");
        id.push(&mut reply);
    }
    reply.push_str(",\"error\":");
    push_json(&mut reply, error);
    reply.push('}');
    reply
}

/// A notification whose `params` are given as JSON.
pub(crate) fn notification(method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}")
}

/// Appends a value as JSON. What is written here are the protocol's own types, which JSON can always hold.
pub(crate) fn push_json<T: Serialize + ?Sized>(out: &mut String, value: &T) {
    match serde_json::to_string(value) {
        Ok(json) => out.push_str(&json),
        Err(_) => out.push_str("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Message, String> {
        let refused = |refused: Refused| refused.error.message.into_owned();
        Message::parse(text.as_bytes().to_vec(), 64).map_err(refused)
    }

    /// A derived struct takes an array whose items are its members in order.
    #[test]
    fn an_array_is_no_message() {
        for array in [
            r#"["2.0",1,"ping"]"#,
            r#"["2.0",1,"ping",{}]"#,
            r#"["2.0",1,"ping",{},null,null]"#,
            r#"["2.0",1,"ping",5,null,null]"#,
        ] {
            let message = parse(array).unwrap_err();
            assert!(
                message.contains("one message at a time"),
                "{array}: {message}"
            );
        }
    }

    #[test]
    fn an_answer_is_a_result_or_an_error() {
        let kind = |members: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1{members}}}"#);
            parse(&text).map(|message| message.kind)
        };
        assert_eq!(kind(r#","result":{}"#), Ok(Kind::Response));
        assert_eq!(kind(r#","error":{}"#), Ok(Kind::Response));
        for neither in ["", r#","result":{},"error":{}"#] {
            let message = kind(neither).unwrap_err();
            assert_eq!(message, "`method` is missing", "{neither}");
        }
    }

    #[test]
    fn params_are_an_object() {
        let params = |params: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#);
            let message = parse(&text).unwrap();
            message
                .params()
                .map(|_| ())
                .map_err(|error| error.message.into_owned())
        };
        assert_eq!(params("{}"), Ok(()));
        for (other, part) in [
            ("[]", "must be an object"),
            ("5", "must be an object"),
            (r#"{"_meta":[]}"#, "expected an object"),
        ] {
            let message = params(other).unwrap_err();
            assert!(message.contains(part), "{other}: {message}");
        }
    }

    /// Who says one of the two means to say both, and is told which is missing.
    #[test]
    fn a_version_or_capabilities_make_a_request_a_modern_one() {
        let is_stateless = |meta: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"_meta":{{{meta}}}}}}}"#
            );
            let message = parse(&text).unwrap();
            message.params().unwrap().meta().is_stateless()
        };
        let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
        let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
        assert!(is_stateless(version) && is_stateless(capabilities));
        assert!(is_stateless(&format!("{version},{capabilities}")));
        assert!(!is_stateless(r#""progressToken":1"#));
    }
}
