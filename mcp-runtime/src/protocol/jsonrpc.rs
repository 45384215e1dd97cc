//! JSON-RPC 2.0 envelopes: parsing messages, and writing replies and notifications.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic#messages>. The meaning of parameters belongs to
//! the methods.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::RpcError;
use super::id::Id;
pub(crate) use super::json::push_json;
use super::json::string;
use super::outline::{Outline, Outliner};
use super::params::{Member, Params, Parts};
use super::reader::{Fault, Reader};
use super::text::Span;

/// The kind of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// A request with this id, which must be answered.
    Request(Id),
    /// A notification, which has no answer.
    Notification,
    /// The answer to a request.
    Response,
}

/// An owned message with the spans of its parts.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    text: String,
    kind: MessageKind,
    parts: Parts,
    /// The decoded method, if it is written with escapes.
    decoded: Option<Box<str>>,
}

/// The error of a refused message, and the id for the error reply if it could be read.
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

impl Message {
    /// Parses one message.
    ///
    /// # Errors
    /// Returns -32700 if the bytes are not UTF-8 or not JSON, and -32600 if the JSON is not a message.
    pub(crate) fn parse(bytes: Vec<u8>, depth_limit: usize) -> Result<Arc<Self>, Refused> {
        let text = utf8(bytes, "The message")?;
        let mut reader = Reader::new(&text, depth_limit);
        if reader.peek() != Some(b'{') {
            return Err(not_an_object(&text, depth_limit).into());
        }
        let unread = |error| Self::unread(Outliner::read(text.as_bytes()), error);
        let mut parts = match Parts::read(&mut reader) {
            Ok(parts) => parts,
            Err(fault) => {
                let error = fault.error("The message", &text, depth_limit);
                return match fault {
                    Fault::TooDeep => unread(error),
                    Fault::Syntax(_) => Err(error.into()),
                };
            }
        };
        if let Some(error) = parts.repeated.take() {
            return unread(*error);
        }
        let (kind, decoded) = examine(&text, &parts)?;
        Ok(Arc::new(Self {
            text,
            kind,
            parts,
            decoded,
        }))
    }

    /// Handles a message that was not parsed because of this error. A response is replaced by one that carries the
    /// error, since responses are never answered.
    pub(crate) fn unread(outline: Outline, error: RpcError) -> Result<Arc<Self>, Refused> {
        let Outline { id, is_response } = outline;
        if !is_response {
            return Err(Refused { id, error });
        }
        Ok(Arc::new(Self {
            text: error_reply(id.as_ref(), &error),
            kind: MessageKind::Response,
            parts: Parts::default(),
            decoded: None,
        }))
    }

    pub(crate) fn kind(&self) -> &MessageKind {
        &self.kind
    }

    /// Returns the id of a request.
    pub(crate) fn id(&self) -> Option<&Id> {
        match &self.kind {
            MessageKind::Request(id) => Some(id),
            MessageKind::Notification | MessageKind::Response => None,
        }
    }

    /// Returns the method, which is empty in a response.
    pub(crate) fn method(&self) -> &str {
        if let Some(method) = &self.decoded {
            return method;
        }
        let json = self.parts.json(&self.text, Member::Method);
        json.and_then(|json| json.get(1..json.len() - 1))
            .unwrap_or_default()
    }

    /// Returns the members of `params`.
    pub(crate) fn params(&self) -> Result<Params<'_>, RpcError> {
        match &self.parts.wrong {
            None => Ok(Params::new(&self.text, &self.parts)),
            Some(error) => Err((**error).clone()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the parameters as JSON.
    pub(crate) fn params_json(&self) -> Option<&str> {
        self.parts.json(&self.text, Member::Params)
    }

    /// Returns a request with the id of this one.
    ///
    /// # Errors
    /// Returns an error if the new message is too deeply nested.
    pub(crate) fn with_method(
        &self,
        method: &str,
        params: &str,
        depth_limit: usize,
    ) -> Result<Arc<Self>, RpcError> {
        let mut text = String::from("{\"jsonrpc\":\"2.0\",");
        if let Some(id) = self.parts.json(&self.text, Member::Id) {
            text.push_str("\"id\":");
            text.push_str(id);
            text.push(',');
        }
        text.push_str("\"method\":");
        push_json(&mut text, method);
        text.push_str(",\"params\":");
        text.push_str(params);
        text.push('}');
        let parsed = Self::parse(text.into_bytes(), depth_limit);
        parsed.map_err(|refused| refused.error)
    }

    /// Returns the same message with another text in place of a part of it.
    ///
    /// # Errors
    /// Returns an error if the new message is too deeply nested.
    pub(crate) fn with_part(
        &self,
        part: &str,
        text: &str,
        depth_limit: usize,
    ) -> Result<Arc<Self>, RpcError> {
        let (before, after) = Span::of(&self.text, part).around(&self.text);
        let changed = [before, text, after].concat();
        let parsed = Self::parse(changed.into_bytes(), depth_limit);
        parsed.map_err(|refused| refused.error)
    }
}

/// The maximum number of messages in a batch.
const LONGEST_BATCH: usize = 64;

/// Splits a batch, an array of messages.
///
/// # Errors
/// Returns an error if it is not an array, is empty, or has too many messages. Then none of them is served.
pub(crate) fn batch(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, RpcError> {
    let text = utf8(bytes, "The batch")?;
    let parts = items(&text).map_err(|fault| fault.error("The batch", &text, usize::MAX))?;
    if parts.is_empty() {
        return Err(RpcError::invalid_request("The batch is empty"));
    }
    if parts.len() > LONGEST_BATCH {
        return Err(RpcError::invalid_request(format!(
            "The batch has more than {LONGEST_BATCH} messages: send several smaller batches"
        )));
    }
    Ok(parts)
}

/// Returns the items of an array. One more than the longest batch are enough to refuse it.
fn items(text: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let mut items = Vec::new();
    let mut reader = Reader::new(text, usize::MAX);
    if reader.enter_array()? {
        while reader.item()? {
            let item = reader.value()?;
            if items.len() <= LONGEST_BATCH {
                items.push(item.as_bytes().to_vec());
            }
        }
    }
    reader.end()?;
    Ok(items)
}

fn utf8(bytes: Vec<u8>, what: &str) -> Result<String, RpcError> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        RpcError::parse(format!("{what} is not UTF-8: byte {place} is unexpected"))
    })
}

/// Returns the error for a text that does not begin an object.
fn not_an_object(text: &str, depth_limit: usize) -> RpcError {
    let mut reader = Reader::new(text, depth_limit);
    match reader.value().and_then(|_| reader.end()) {
        Err(fault) => fault.error("The message", text, depth_limit),
        Ok(()) if text.trim_ascii_start().starts_with('[') => RpcError::invalid_request(
            "Only sessions of 2025-03-26 may send batches: send one message at a time",
        ),
        Ok(()) => RpcError::invalid_request(
            "A JSON-RPC message is an object, such as {\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"ping\"}",
        ),
    }
}

/// Returns the kind of the message, and its decoded method if that has escapes.
fn examine(text: &str, parts: &Parts) -> Result<(MessageKind, Option<Box<str>>), Refused> {
    let json = |member| parts.json(text, member);
    let method = json(Member::Method);
    if method.is_none() && json(Member::Result).or(json(Member::Error)).is_some() {
        return Ok((MessageKind::Response, None));
    }
    let id = json(Member::Id).map(Id::parse);
    let refuse = |message: &'static str| Refused {
        id: id.clone().flatten(),
        error: RpcError::invalid_request(message),
    };
    let version = json(Member::JsonRpc);
    if version != Some("\"2.0\"") && version.and_then(string).as_deref() != Some("2.0") {
        return Err(refuse("`jsonrpc` must be \"2.0\""));
    }
    if id == Some(None) {
        return Err(refuse(
            "`id` must be an integer, or a string of at most 256 bytes",
        ));
    }
    let method = method.ok_or_else(|| refuse("`method` is missing"))?;
    let decoded = match string(method) {
        Some(Cow::Borrowed(_)) => None,
        Some(Cow::Owned(method)) => Some(method.into()),
        None => return Err(refuse("`method` must be a string")),
    };
    let kind = id
        .flatten()
        .map_or(MessageKind::Notification, MessageKind::Request);
    Ok((kind, decoded))
}

/// Begins a reply: returns everything before the value of `result`.
pub(crate) fn begin_result(id: &Id) -> String {
    let mut reply = String::with_capacity(512);
    reply.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    id.push(&mut reply);
    reply.push_str(",\"result\":");
    reply
}

/// Returns an error reply. The id is left out if that of the request could not be read.
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

/// Returns a notification with these `params`, given as JSON.
pub(crate) fn notification(method: &str, params: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arc<Message>, String> {
        let refused = |refused: Refused| refused.error.message.into_owned();
        Message::parse(text.as_bytes().to_vec(), 64).map_err(refused)
    }

    /// A derived struct would accept an array with its fields in order.
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
            parse(&text).map(|message| message.kind.clone())
        };
        assert_eq!(kind(r#","result":{}"#), Ok(MessageKind::Response));
        assert_eq!(kind(r#","error":{}"#), Ok(MessageKind::Response));
        assert_eq!(
            kind(r#","result":{},"error":{}"#),
            Ok(MessageKind::Response)
        );
        assert_eq!(kind("").unwrap_err(), "`method` is missing");
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
            (r#"{"_meta":[]}"#, "`params._meta` must be an object"),
        ] {
            let message = params(other).unwrap_err();
            assert!(message.contains(part), "{other}: {message}");
        }
    }

    /// A client that sends only one of the two means to send both, and the error names the missing one.
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
