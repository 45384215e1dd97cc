//! The members that a request's `params` can have, in every method and revision: one pass over the message finds them.
//!
//! Each stays JSON: what a member means is for the method that reads it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::RpcError;
use super::id::Id;
use super::json::string;
use super::log_level::LogLevel;
use super::members::{self, Reference, Wishes};
use super::reader::{Fault, Reader};
use super::text::Span;

macro_rules! parts {
    ($(#[$doc:meta])* $parts:ident { $($name:literal $field:ident,)* } $($nested:ident: $nested_parts:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $parts {
            $($field: Option<Span>,)*
            $($nested: Option<$nested_parts>,)?
        }

        impl $parts {
            /// The place of the member of this name; `None` if nothing reads such a member.
            fn place(&mut self, name: &str) -> Option<&mut Option<Span>> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            /// Reads one member. Returns whether it is the first one of its name.
            fn read_member(&mut self, reader: &mut Reader<'_>, name: &str) -> Result<bool, Fault> {
                let span = reader.span()?;
                Ok(self.place(name).is_none_or(|place| place.replace(span).is_none()))
            }
        }
    };
}

parts! {
    /// Where the members of `_meta` are in their message.
    ///
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
    MetaParts {
        "io.modelcontextprotocol/protocolVersion" protocol_version,
        "io.modelcontextprotocol/clientCapabilities" capabilities,
        "io.modelcontextprotocol/clientInfo" client_info,
        "progressToken" progress_token,
        "io.modelcontextprotocol/logLevel" log_level,
    }
}

parts! {
    /// Where the members of `params` are in their message.
    Parts {
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
    meta: MetaParts
}

impl Parts {
    /// Reads `params`. Returns what is wrong with them, which does not keep the message from being read.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<Option<RpcError>, Fault> {
        if !reader.enter_object()? {
            return Ok((reader.value()? != "null").then(|| {
                RpcError::invalid_params("`params` must be an object with named members")
            }));
        }
        let mut wrong = None;
        while let Some(name) = reader.name()? {
            let found = if name == "_meta" {
                self.read_meta(reader)?
            } else if self.read_member(reader, &name)? {
                None
            } else {
                Some(members::twice("params", &name))
            };
            if let Some(message) = found {
                wrong.get_or_insert(message);
            }
        }
        Ok(wrong.map(RpcError::missing_metadata))
    }

    /// Returns what is wrong with `_meta`.
    fn read_meta(&mut self, reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
        if !reader.enter_object()? {
            reader.value()?;
            let message = "`params._meta` must be an object: leave it out if it has no members";
            return Ok(Some(message.to_owned()));
        }
        let mut wrong = (self.meta.is_some()).then(|| members::twice("params", "_meta"));
        let meta = self.meta.insert(MetaParts::default());
        while let Some(name) = reader.name()? {
            if !meta.read_member(reader, &name)? {
                wrong = Some(members::twice("params._meta", &name));
            }
        }
        Ok(wrong)
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

    /// `arguments` as JSON: an object, which is empty if there are none.
    pub(crate) fn arguments(&self) -> Result<&'a str, RpcError> {
        members::arguments(self.json(self.parts.arguments))
    }

    /// `cursor`, if the client asks for a later page.
    pub(crate) fn cursor(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        let json = self.json(self.parts.cursor);
        json.map(|json| required(Some(json), "cursor")).transpose()
    }

    /// `ref` of a completion.
    pub(crate) fn reference(&self) -> Result<Reference<'a>, RpcError> {
        members::reference(self.json(self.parts.reference))
    }

    /// `notifications` that a client wants to listen for.
    pub(crate) fn notifications(&self) -> Result<Wishes, RpcError> {
        members::wishes(self.json(self.parts.notifications))
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

    /// `argument` of a completion: its name, and its value so far.
    pub(crate) fn argument(&self) -> Result<(String, String), RpcError> {
        members::argument(self.json(self.parts.argument))
    }

    /// The arguments that `context` of a completion knows.
    pub(crate) fn context(&self) -> Result<HashMap<String, String>, RpcError> {
        members::context(self.json(self.parts.context))
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
        self.json(self.parts.reason).and_then(string)
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
        string(json).ok_or_else(|| RpcError::missing_metadata(format!("{key} must be a string")))
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
    members::string(member, format_args!("params.{name}"))
}
