//! The messages of an upstream server: what they are, and what is wrong with them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::transport::on_one_line;
use crate::protocol::Id;
use crate::protocol::json::string;
use crate::protocol::reader::{Fault, Reader, decode};
use crate::protocol::text::Span;

/// The error that an upstream server answered with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ErrorReply {
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) data: Option<Value>,
}

/// A result, which is an object, within its message.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    message: String,
    places: Places,
}

/// A member that a client reads.
#[derive(Clone, Copy)]
enum Member {
    Id,
    Method,
    Params,
    Error,
    Result,
    Content,
    Structured,
    IsError,
    ResultType,
    Meta,
}

impl Member {
    const COUNT: usize = Self::Meta as usize + 1;

    /// Returns the member of a message with this name.
    fn of_message(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "method" => Self::Method,
            "params" => Self::Params,
            "error" => Self::Error,
            "result" => Self::Result,
            _ => return None,
        })
    }

    /// Returns the member of a result with this name.
    fn of_result(name: &str) -> Option<Self> {
        Some(match name {
            "content" => Self::Content,
            "structuredContent" => Self::Structured,
            "isError" => Self::IsError,
            "resultType" => Self::ResultType,
            "_meta" => Self::Meta,
            _ => return None,
        })
    }
}

/// The places of the members of a message and of its result.
#[derive(Debug, Clone, Default)]
struct Places {
    of: [Option<Span>; Member::COUNT],
    /// The text of `content`, as JSON, if that is one block with nothing but a text.
    text: Option<Span>,
    /// `true` if `_meta` has members that may not be of the protocol.
    has_own_meta: bool,
}

impl Answer {
    /// Reads a result that was recorded as JSON.
    ///
    /// # Errors
    /// Returns an error if it is no object.
    pub(super) fn recorded(json: &str) -> Result<Self, String> {
        match read(format!("{{\"id\":0,\"result\":{json}}}"))? {
            Incoming::Reply(_, Ok(answer)) => Ok(answer),
            _ => Err("it is no result".to_owned()),
        }
    }

    fn part(&self, member: Member) -> Option<&str> {
        self.places.json(&self.message, member)
    }

    /// Returns the result as JSON.
    pub(super) fn json(&self) -> &str {
        self.part(Member::Result).unwrap_or_default()
    }

    /// Returns `content` as JSON.
    pub(super) fn content(&self) -> Option<&str> {
        self.part(Member::Content)
    }

    /// Returns the text of `content`, if that is one block with nothing but a text.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        self.places
            .text
            .and_then(|text| string(text.of_text(&self.message)))
    }

    /// Returns `structuredContent` as JSON.
    pub(super) fn structured(&self) -> Option<&str> {
        self.part(Member::Structured)
    }

    /// Returns `isError` as JSON.
    pub(super) fn is_error(&self) -> Option<&str> {
        self.part(Member::IsError)
    }

    /// Returns `true` if the server asks questions before it answers.
    pub(super) fn asks(&self) -> bool {
        let kind = self.part(Member::ResultType).and_then(string);
        kind.is_some_and(|kind| kind == "input_required")
    }

    /// Returns `_meta` as JSON, if it has members that may not be of the protocol.
    pub(super) fn own_meta(&self) -> Option<&str> {
        self.part(Member::Meta).filter(|_| self.places.has_own_meta)
    }
}

/// The reply to a request.
pub(crate) type Reply = Result<Answer, ErrorReply>;

/// A message of an upstream server, by its kind.
pub(super) enum Incoming {
    /// The reply to the request with this id. The id is `None` if the server could not read it.
    Reply(Option<u64>, Reply),
    /// A malformed reply to the request with this id, and what is wrong with it.
    Malformed(u64, String),
    Request {
        id: Box<RawValue>,
        method: String,
        params: String,
    },
    Notification {
        method: String,
        params: String,
    },
}

impl Places {
    /// Reads the members of an object.
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        find: fn(&str) -> Option<Member>,
    ) -> Result<(), Fault> {
        while let Some(name) = reader.raw_name()? {
            let Some(member) = find(name).or_else(|| find(&decode(name)?)) else {
                reader.skip()?;
                continue;
            };
            let start = reader.place();
            match member {
                Member::Result if reader.enter_object()? => {
                    self.forget_result();
                    self.read(reader, Member::of_result)?;
                }
                Member::Content => self.text = only_text(reader)?,
                Member::Meta => self.has_own_meta = has_own_member(reader)?,
                _ => reader.skip()?,
            }
            self.of[member as usize] = Some(Span::new(start, reader.place()));
        }
        Ok(())
    }

    /// Forgets the members of a result before this one, so that the members of two results are not mixed.
    fn forget_result(&mut self) {
        for member in [
            Member::Content,
            Member::Structured,
            Member::IsError,
            Member::ResultType,
            Member::Meta,
        ] {
            self.of[member as usize] = None;
        }
        self.text = None;
        self.has_own_meta = false;
    }

    /// Returns `true` if the message is the response to the request with this id.
    fn are_of_response_to(&self, message: &str, id: u64) -> bool {
        let has = |member: Member| self.of[member as usize].is_some();
        !has(Member::Method)
            && (has(Member::Result) || has(Member::Error))
            && self.json(message, Member::Id).and_then(number) == Some(id)
    }

    fn json<'a>(&self, message: &'a str, member: Member) -> Option<&'a str> {
        self.of[member as usize].map(|place| place.of_text(message))
    }
}

/// Reads `_meta`. Returns `true` if a member may not be of the protocol.
fn has_own_member(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    let mut has_own = false;
    if !reader.enter_object()? {
        reader.skip()?;
        return Ok(false);
    }
    while let Some(name) = reader.raw_name()? {
        has_own |= !name.starts_with("io.modelcontextprotocol/");
        reader.skip()?;
    }
    Ok(has_own)
}

/// Reads `content`. Returns the place of its text, if it is one block with nothing but a text.
fn only_text(reader: &mut Reader<'_>) -> Result<Option<Span>, Fault> {
    if !reader.enter_array()? {
        reader.skip()?;
        return Ok(None);
    }
    let (mut text, mut count) = (None, 0);
    while reader.item()? {
        text = plain_text(reader)?;
        count += 1;
    }
    Ok(text.filter(|_| count == 1))
}

/// Reads a block of content. Returns the place of its text, as JSON, if it has nothing but a text.
pub(super) fn plain_text(reader: &mut Reader<'_>) -> Result<Option<Span>, Fault> {
    if !reader.enter_object()? {
        reader.skip()?;
        return Ok(None);
    }
    let (mut is_text, mut is_plain, mut text) = (false, true, None);
    while let Some(name) = reader.raw_name()? {
        let start = reader.place();
        let value = reader.value()?;
        match name {
            "type" => is_text = value == "\"text\"",
            "text" => text = Some(Span::new(start, reader.place())),
            _ => is_plain = false,
        }
    }
    Ok(text.filter(|_| is_plain && is_text))
}

/// Finds the members of a message.
///
/// # Errors
/// Returns an error if it is not a JSON object.
fn places(message: &str) -> Result<Places, String> {
    let mut reader = Reader::new(message, usize::MAX);
    let mut places = Places::default();
    let read = match reader.enter_object() {
        Ok(false) => return Err("it is no object".to_owned()),
        Ok(true) => places.read(&mut reader, Member::of_message),
        Err(fault) => Err(fault),
    };
    let read = read.and_then(|()| reader.end());
    read.map_err(|fault| described(fault, message))?;
    Ok(places)
}

/// Returns `true` if a message is the response to the request with this id.
#[cfg(test)]
pub(super) fn is_response_to(message: &str, id: u64) -> bool {
    places(message).is_ok_and(|places| places.are_of_response_to(message, id))
}

/// Reads a message that is the response to the request with this id. Returns another message as it is.
pub(super) fn read_response(message: String, id: u64) -> Result<Result<Incoming, String>, String> {
    match places(&message) {
        Ok(places) if places.are_of_response_to(&message, id) => {
            Ok(incoming(message, places, Some(id)))
        }
        _ => Err(message),
    }
}

/// Reads a message. Its parts have no line breaks: they are passed on to clients as they are, also in lines and events.
///
/// # Errors
/// Returns an error if it is no JSON-RPC message.
pub(super) fn read(message: String) -> Result<Incoming, String> {
    let places = places(&message)?;
    let id = places.json(&message, Member::Id).and_then(number);
    incoming(message, places, id)
}

/// Returns what a message with members at these places is, and with this id if that is the number of a request of this server.
///
/// # Errors
/// Returns an error if it is no JSON-RPC message.
fn incoming(message: String, places: Places, id: Option<u64>) -> Result<Incoming, String> {
    // After validation, so that a line break within a string is still an error. The places stay the same.
    let message = on_one_line(message);
    let given = |member| {
        let json = places.json(&message, member);
        json.filter(|json| *json != "null")
    };
    if let Some(method) = given(Member::Method) {
        return called(method, given(Member::Id), given(Member::Params));
    }
    if let Some(error) = given(Member::Error) {
        return match serde_json::from_str(error) {
            Ok(error) => Ok(Incoming::Reply(id, Err(error))),
            Err(error) => malformed(id, format!("its error is malformed: {error}")),
        };
    }
    match given(Member::Result) {
        Some(result) if result.starts_with('{') => {
            Ok(Incoming::Reply(id, Ok(Answer { message, places })))
        }
        Some(_) => malformed(id, "its result is malformed: it is no object".to_owned()),
        None => malformed(id, "it is neither a request nor a reply".to_owned()),
    }
}

/// Returns the number of a request of this server in the JSON of an id. Some servers repeat it as `1.0`.
fn number(id: &str) -> Option<u64> {
    match Id::parse(id)? {
        Id::Number(number) => u64::try_from(number).ok(),
        Id::String(_) => None,
    }
}

/// Returns a malformed reply, or an error if it belongs to no request.
fn malformed(id: Option<u64>, why: String) -> Result<Incoming, String> {
    match id {
        Some(id) => Ok(Incoming::Malformed(id, why)),
        None => Err(why),
    }
}

/// Returns a request or a notification.
fn called(method: &str, id: Option<&str>, params: Option<&str>) -> Result<Incoming, String> {
    let method = string(method).ok_or("its method is no text")?.into_owned();
    let params = params.unwrap_or("{}").to_owned();
    Ok(match id {
        None => Incoming::Notification { method, params },
        Some(id) => {
            let id = RawValue::from_string(id.to_owned()).map_err(|error| error.to_string())?;
            Incoming::Request { id, method, params }
        }
    })
}

#[cold]
fn described(fault: Fault, message: &str) -> String {
    let error = fault.error("the message", message, usize::MAX);
    error.message.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str) -> Result<Incoming, String> {
        read(message.to_owned())
    }

    #[test]
    fn parts_have_no_line_breaks() {
        let message =
            "{\"id\":7,\n\"result\":\r{\"structuredContent\":{\"a\":\n{\"b\":\"\\n\"}\r}}}";
        let Ok(Incoming::Reply(Some(7), Ok(answer))) = text(message) else {
            panic!("no reply");
        };
        let expected = "{\"a\": {\"b\":\"\\n\"} }";
        assert_eq!(answer.structured(), Some(expected));
        assert_eq!(
            answer.json(),
            format!("{{\"structuredContent\":{expected}}}")
        );
        let request = "{\"id\":\"a\",\"method\":\"x\",\"params\":{\r\n}}";
        assert!(matches!(text(request), Ok(Incoming::Request { params, .. }) if params == "{  }"));
        assert!(text("{\"id\":7,\"result\":{\"a\":\"\n\"}}").is_err());
    }

    #[test]
    fn the_last_of_several_results_is_read() {
        let message = r#"{"id":1.0,"result":{"content":[],"isError":true,"_meta":{"a":1}},"result":{"content":[1]}}"#;
        let Ok(Incoming::Reply(Some(1), Ok(answer))) = text(message) else {
            panic!("no reply");
        };
        assert_eq!(answer.json(), r#"{"content":[1]}"#);
        assert_eq!(answer.content(), Some("[1]"));
        assert_eq!([answer.is_error(), answer.own_meta()], [None; 2]);
    }

    #[test]
    fn each_kind_of_message_is_told_apart() {
        let request = r#"{"jsonrpc":"2.0","id":"a","method":"roots/list"}"#;
        assert!(
            matches!(text(request), Ok(Incoming::Request { id, params, .. }) if id.get() == "\"a\"" && params == "{}")
        );
        let notification = r#"{"method":"notifications/message","params":{"level":"info"}}"#;
        assert!(
            matches!(text(notification), Ok(Incoming::Notification { params, .. }) if params == r#"{"level":"info"}"#)
        );
        let reply = r#"{"id":7,"result":{"a": [1]}}"#;
        assert!(
            matches!(text(reply), Ok(Incoming::Reply(Some(7), Ok(result))) if result.json() == r#"{"a": [1]}"#)
        );
        for result in ["null", "[]", "7", "\"text\""] {
            let reply = format!(r#"{{"id":7,"result":{result}}}"#);
            assert!(!matches!(text(&reply), Ok(Incoming::Reply(..))), "{result}");
        }
        let error = r#"{"id":null,"error":{"code":-32700,"message":"no JSON"}}"#;
        assert!(
            matches!(text(error), Ok(Incoming::Reply(None, Err(error))) if error.code == -32700)
        );
        for malformed in [r#"{"id":1}"#, r#"{"id":1,"error":"x"}"#] {
            assert!(
                matches!(text(malformed), Ok(Incoming::Malformed(1, _))),
                "{malformed}"
            );
        }
        for wrong in ["", "[]", "7", "{}", r#"{"error":{"message":"x"}}"#] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
