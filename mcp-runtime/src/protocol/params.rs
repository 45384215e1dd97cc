//! The members that a request's `params` can have, in every method and revision: one pass over the message finds them.
//!
//! Each stays JSON: what a member means is for the method that reads it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::LogLevel;
use super::error::RpcError;
use super::jsonrpc::Id;
use super::text::Span;

/// A member that tells `null` from absent, as `Option` alone would not.
pub(super) fn present<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A member that must be an object. A derived struct alone would take an array as well.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

macro_rules! members {
    ($(#[$doc:meta])* $raw:ident $parts:ident { $($name:literal $field:ident,)* } $($nested_name:literal $nested:ident $nested_raw:ident $nested_parts:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        pub(super) struct $raw<'a> {
            $(#[serde(rename = $name, borrow, default, deserialize_with = "present")]
            $field: Option<&'a RawValue>,)*
            $(#[serde(rename = $nested_name, borrow, default, deserialize_with = "object")]
            $nested: Option<$nested_raw<'a>>,)?
        }

        /// Where these members are in their message.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $parts {
            $($field: Option<Span>,)*
            $($nested: Option<$nested_parts>,)?
        }

        impl $raw<'_> {
            /// The places of the members in the text that they were read from.
            pub(super) fn parts(&self, text: &str) -> $parts {
                $parts {
                    $($field: self.$field.map(|raw| Span::of(text, raw.get())),)*
                    $($nested: self.$nested.as_ref().map(|nested| nested.parts(text)),)?
                }
            }
        }
    };
}

members! {
    /// What `_meta` of a request can hold.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
    RawMeta MetaParts {
        "io.modelcontextprotocol/protocolVersion" protocol_version,
        "io.modelcontextprotocol/clientCapabilities" capabilities,
        "io.modelcontextprotocol/clientInfo" client_info,
        "progressToken" progress_token,
        "io.modelcontextprotocol/logLevel" log_level,
    }
}

members! {
    /// What `params` can hold.
    RawParams Parts {
        "name" name,
        "uri" uri,
        "arguments" arguments,
        "cursor" cursor,
        "ref" reference,
        "argument" argument,
        "context" context,
        "protocolVersion" protocol_version,
        "capabilities" capabilities,
        "clientInfo" client_info,
        "requestId" request_id,
        "reason" reason,
        "notifications" notifications,
        "level" level,
        "requestState" request_state,
        "inputResponses" input_responses,
    }
    "_meta" meta RawMeta MetaParts
}

impl Parts {
    /// What is wrong with `params` that could not be read as a part of their message; they may be right after all.
    pub(super) fn read_alone(text: &str, params: &str) -> Result<Self, RpcError> {
        if !params.starts_with('{') {
            return Err(RpcError::invalid_params(
                "`params` must be an object with named members",
            ));
        }
        match serde_json::from_str::<RawParams<'_>>(params) {
            Ok(raw) => Ok(raw.parts(text)),
            Err(error) => Err(RpcError::missing_metadata(format!("`params`: {error}"))),
        }
    }
}

/// The members of the `params` of a message.
#[derive(Clone, Copy)]
pub(crate) struct Params<'a> {
    text: &'a str,
    parts: &'a Parts,
}

impl<'a> Params<'a> {
    pub(super) fn new(text: &'a str, parts: &'a Parts) -> Self {
        Self { text, parts }
    }

    fn json(&self, member: Option<Span>) -> Option<&'a str> {
        member.map(|span| span.of_text(self.text))
    }

    /// The request's `_meta`.
    pub(crate) fn meta(&self) -> Meta<'a> {
        const NONE: &MetaParts = &MetaParts {
            protocol_version: None,
            capabilities: None,
            client_info: None,
            progress_token: None,
            log_level: None,
        };
        Meta {
            text: self.text,
            parts: self.parts.meta.as_ref().unwrap_or(NONE),
        }
    }

    /// `name`, which the method needs.
    pub(crate) fn name(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(self.parts.name), "name")
    }

    /// `uri`, which the method needs.
    pub(crate) fn uri(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(self.parts.uri), "uri")
    }

    /// `arguments`, as JSON.
    pub(crate) fn arguments(&self) -> Option<&'a str> {
        self.json(self.parts.arguments)
    }

    /// `cursor`, if the client asks for a later page.
    pub(crate) fn cursor(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        self.json(self.parts.cursor)
            .map(|json| string(json, "cursor"))
            .transpose()
    }

    /// `ref` of a completion, as JSON.
    pub(crate) fn reference(&self) -> Option<&'a str> {
        self.json(self.parts.reference)
    }

    /// `notifications` that a client wants to listen for, as JSON.
    pub(crate) fn notifications(&self) -> Option<&'a str> {
        self.json(self.parts.notifications)
    }

    /// The state of the attempts before, as JSON.
    pub(crate) fn request_state(&self) -> Option<&'a str> {
        self.json(self.parts.request_state)
    }

    /// The answers to the questions of the attempts before, as JSON.
    pub(crate) fn input_responses(&self) -> Option<&'a str> {
        self.json(self.parts.input_responses)
    }

    /// Whether this is a further attempt of a call that asked questions.
    pub(crate) fn is_retry(&self) -> bool {
        self.parts.request_state.is_some() || self.parts.input_responses.is_some()
    }

    /// `argument` of a completion, as JSON.
    pub(crate) fn argument(&self) -> Option<&'a str> {
        self.json(self.parts.argument)
    }

    /// `context` of a completion, as JSON.
    pub(crate) fn context(&self) -> Option<&'a str> {
        self.json(self.parts.context)
    }

    /// `protocolVersion` of `initialize`.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(self.parts.protocol_version), "protocolVersion")
    }

    /// `capabilities` of `initialize`, as JSON.
    pub(crate) fn capabilities(&self) -> Option<&'a str> {
        self.json(self.parts.capabilities)
    }

    /// `clientInfo` of `initialize`, as JSON.
    pub(crate) fn client_info(&self) -> Option<&'a str> {
        self.json(self.parts.client_info)
    }

    /// `requestId` of `notifications/cancelled`, if it is one.
    pub(crate) fn request_id(&self) -> Option<Id> {
        self.json(self.parts.request_id).and_then(Id::parse)
    }

    /// `reason` of `notifications/cancelled`, if it says one.
    pub(crate) fn reason(&self) -> Option<Cow<'a, str>> {
        self.json(self.parts.reason).and_then(text)
    }

    /// `level` of `logging/setLevel`.
    pub(crate) fn level(&self) -> Result<LogLevel, RpcError> {
        log_level(
            self.json(self.parts.level).unwrap_or("null"),
            "params.level",
        )
    }
}

/// The members of the `_meta` of a request.
#[derive(Clone, Copy)]
pub(crate) struct Meta<'a> {
    text: &'a str,
    parts: &'a MetaParts,
}

impl<'a> Meta<'a> {
    fn json(&self, member: Option<Span>) -> Option<&'a str> {
        member.map(|span| span.of_text(self.text))
    }

    /// Whether the request opens as a modern one: it says, or tries to say, its own version or capabilities.
    pub(crate) fn is_stateless(&self) -> bool {
        self.parts.protocol_version.is_some() || self.parts.capabilities.is_some()
    }

    /// The version that the request is written in.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        let key = "_meta[\"io.modelcontextprotocol/protocolVersion\"]";
        let Some(json) = self.json(self.parts.protocol_version) else {
            return Err(RpcError::missing_metadata(format!("{key} is missing")));
        };
        text(json).ok_or_else(|| RpcError::missing_metadata(format!("{key} must be a string")))
    }

    /// The client's capabilities, as JSON.
    pub(crate) fn capabilities(&self) -> Option<&'a str> {
        self.json(self.parts.capabilities)
    }

    /// Who the client says it is, as JSON.
    pub(crate) fn client_info(&self) -> Option<&'a str> {
        self.json(self.parts.client_info)
    }

    /// The token under which progress is wanted, kept as it was written.
    pub(crate) fn progress_token(&self) -> Result<Option<&'a str>, RpcError> {
        match self.json(self.parts.progress_token) {
            None => Ok(None),
            Some(json) if Id::parse(json).is_some() => Ok(Some(json)),
            Some(_) => Err(RpcError::invalid_params(
                "`_meta.progressToken` must be a string or an integer",
            )),
        }
    }

    /// The lowest level of the log messages that are wanted.
    pub(crate) fn log_level(&self) -> Result<Option<LogLevel>, RpcError> {
        self.json(self.parts.log_level)
            .map(|json| log_level(json, "_meta[\"io.modelcontextprotocol/logLevel\"]"))
            .transpose()
    }
}

fn log_level(json: &str, key: &str) -> Result<LogLevel, RpcError> {
    LogLevel::parse(json).ok_or_else(|| {
        RpcError::invalid_params(format!(
            "`{key}` must be \"debug\", \"info\", \"notice\", \"warning\", \"error\", \"critical\", \"alert\" \
             or \"emergency\""
        ))
    })
}

fn required<'a>(member: Option<&'a str>, name: &str) -> Result<Cow<'a, str>, RpcError> {
    match member {
        Some(json) => string(json, name),
        None => Err(RpcError::invalid_params(format!(
            "`params.{name}` is missing"
        ))),
    }
}

fn string<'a>(json: &'a str, name: &str) -> Result<Cow<'a, str>, RpcError> {
    text(json).ok_or_else(|| RpcError::invalid_params(format!("`params.{name}` must be a string")))
}

/// A JSON string, borrowed where it has no escapes.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}
