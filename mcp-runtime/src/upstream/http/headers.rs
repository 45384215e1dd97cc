//! The headers of requests.

use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};

use crate::protocol::Revision;
use crate::protocol::header::encoded;
use crate::secret::Secret;
use crate::upstream::transport::{Outgoing, SendError};

pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const PARAM: &str = "mcp-param-";

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const EITHER: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The headers that the transport sets itself.
const RESERVED: &[&str] = &[
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Returns the headers that are sent with each request.
///
/// # Errors
/// Returns an error that names the header, but not its value.
pub(super) fn fixed(headers: Vec<(String, Secret<String>)>) -> Result<HeaderMap, String> {
    let mut fixed = HeaderMap::new();
    let agent = concat!("mcp-runtime/", env!("CARGO_PKG_VERSION"));
    fixed.insert(USER_AGENT, HeaderValue::from_static(agent));
    let mut given = HeaderMap::new();
    for (name, value) in headers {
        let (name, value) = usable(&name, value.expose())?;
        given.append(name, value);
    }
    fixed.extend(given);
    Ok(fixed)
}

fn usable(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        format!("{name:?} is not the name of a header: use letters, digits and `-`")
    })?;
    if RESERVED.contains(&header.as_str()) || header.as_str().starts_with(PARAM) {
        return Err(format!(
            "the header `{name}` is set by the transport: remove it"
        ));
    }
    let value = secret(value).ok_or_else(|| {
        format!(
            "the value of the header `{name}` cannot be sent: it must be one line of ASCII text, without a line end"
        )
    })?;
    Ok((header, value))
}

fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The headers of all requests that belong to one message or to the stream of the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CommonHeaders {
    pub(super) session: Option<HeaderValue>,
    pub(super) revision: Option<&'static str>,
    pub(super) authorization: Option<HeaderValue>,
}

impl CommonHeaders {
    /// Returns the headers of a message in this session.
    pub(super) fn of(
        outgoing: &Outgoing<'_>,
        session: Option<HeaderValue>,
    ) -> Result<Self, SendError> {
        let authorization = match &outgoing.authorization {
            Some(value) => Some(secret(value.expose()).ok_or_else(|| {
                SendError::Invalid("the credentials are not one line of ASCII text".to_owned())
            })?),
            None => None,
        };
        Ok(Self {
            session,
            revision: outgoing.revision,
            authorization,
        })
    }

    /// Inserts the headers of the POST requests with messages of a method. Those that differ between messages have no value yet.
    pub(super) fn insert_of_method(&self, method: Option<&'static str>, headers: &mut HeaderMap) {
        self.insert_into(headers);
        headers.insert(ACCEPT, EITHER);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static(""));
        if self.is_stateless() {
            if let Some(method) = method {
                headers.insert(METHOD, HeaderValue::from_static(method));
            }
            headers.insert(NAME, HeaderValue::from_static(""));
        }
    }

    /// Returns `true` if the messages are of a revision without sessions and resumed streams.
    pub(super) fn is_stateless(&self) -> bool {
        self.revision.and_then(Revision::stateless).is_some()
    }

    pub(super) fn insert_into(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(revision) = self.revision {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(revision));
        }
        if let Some(session) = &self.session {
            headers.insert(SESSION_ID, session.clone());
        }
    }
}

/// Sets the headers that differ between the messages of a method.
pub(super) fn set_of_message(
    headers: &mut HeaderMap,
    outgoing: &Outgoing<'_>,
) -> Result<(), SendError> {
    headers.insert(CONTENT_LENGTH, outgoing.json.len().into());
    if outgoing.revision.and_then(Revision::stateless).is_none() {
        return Ok(());
    }
    match outgoing.name {
        Some(name) => headers.insert(NAME, value(&encoded(name), "mcp-name")?),
        None => headers.remove(NAME),
    };
    outgoing.params.iter().try_for_each(|(name, argument)| {
        let header = param(name)?;
        let argument = value(argument, header.as_str())?;
        headers.insert(header, argument);
        Ok(())
    })
}

fn param(name: &str) -> Result<HeaderName, SendError> {
    HeaderName::try_from(format!("{PARAM}{name}")).map_err(|_| {
        SendError::Invalid(format!(
            "the tool has the header {name:?}, which is not the name of a header"
        ))
    })
}

fn value(text: &str, of: &str) -> Result<HeaderValue, SendError> {
    HeaderValue::from_str(text)
        .map_err(|_| SendError::Invalid(format!("the value of the header `{of}` cannot be sent")))
}
