//! The messages of an upstream server: what they are, and what is wrong with them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A message of an upstream server.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorReply>,
}

/// The error that an upstream server answered with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ErrorReply {
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) data: Option<Value>,
}

/// The reply to a request: a result as JSON, or an error.
pub(crate) type Reply = Result<String, ErrorReply>;

/// A message of an upstream server, by its kind.
pub(super) enum Incoming<'a> {
    /// The reply to the request with this id. The id is `None` if the server could not read it.
    Reply(Option<u64>, Reply),
    /// A reply to the request with this id, whose result is no object.
    Malformed(u64),
    Request {
        id: &'a RawValue,
        method: Cow<'a, str>,
        params: &'a str,
    },
    Notification {
        method: Cow<'a, str>,
        params: &'a str,
    },
}

/// Reads a message.
///
/// # Errors
/// Returns an error if it is no JSON-RPC message.
pub(super) fn read(json: &str) -> Result<Incoming<'_>, String> {
    let wire: Wire<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let params = wire.params.map_or("{}", RawValue::get);
    match (wire.method, wire.id) {
        (Some(method), Some(id)) => Ok(Incoming::Request { id, method, params }),
        (Some(method), None) => Ok(Incoming::Notification { method, params }),
        (None, id) => {
            let id: Option<u64> = id.and_then(|id| id.get().parse().ok());
            let reply = match (wire.result, wire.error) {
                (_, Some(error)) => Err(error),
                (Some(result), None) if result.get().starts_with('{') => {
                    Ok(result.get().to_owned())
                }
                (Some(_), None) => {
                    let id = id.ok_or("its result is no object")?;
                    return Ok(Incoming::Malformed(id));
                }
                (None, None) => return Err("it is neither a request nor a reply".to_owned()),
            };
            Ok(Incoming::Reply(id, reply))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_message_is_told_apart() {
        let request = r#"{"jsonrpc":"2.0","id":"a","method":"roots/list"}"#;
        assert!(
            matches!(read(request), Ok(Incoming::Request { id, params: "{}", .. }) if id.get() == "\"a\"")
        );
        let notification = r#"{"method":"notifications/message","params":{"level":"info"}}"#;
        assert!(
            matches!(read(notification), Ok(Incoming::Notification { params, .. }) if params == r#"{"level":"info"}"#)
        );
        let reply = r#"{"id":7,"result":{"a": [1]}}"#;
        assert!(
            matches!(read(reply), Ok(Incoming::Reply(Some(7), Ok(result))) if result == r#"{"a": [1]}"#)
        );
        for result in ["null", "[]", "7", "\"text\""] {
            let reply = format!(r#"{{"id":7,"result":{result}}}"#);
            assert!(!matches!(read(&reply), Ok(Incoming::Reply(..))), "{result}");
        }
        let error = r#"{"id":null,"error":{"code":-32700,"message":"no JSON"}}"#;
        assert!(
            matches!(read(error), Ok(Incoming::Reply(None, Err(error))) if error.code == -32700)
        );
        for wrong in [
            "",
            "[]",
            "7",
            "{}",
            r#"{"id":1}"#,
            r#"{"error":{"message":"x"}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
