//! The members of `params` in every method and revision, found in one pass over the message.
//!
//! Values stay JSON: each method parses the members that it reads.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::RpcError;
use super::id::Id;
use super::json::string;
use super::log_level::LogLevel;
use super::members::{self, Reference, SubscriptionFilter};
use super::reader::{Fault, Reader, decode};
use super::text::Span;

macro_rules! members {
    ($($(#[$doc:meta])* $names:ident { $($name:literal $member:ident,)* })*) => {
        /// A member that the server reads.
        #[derive(Clone, Copy)]
        pub(super) enum Member {
            $($($member,)*)*
        }

        /// The number of members.
        const COUNT: usize = [$($(Member::$member,)*)*].len();

        $(
            $(#[$doc])*
            fn $names(name: &str) -> Option<Member> {
                Some(match name {
                    $($name => Member::$member,)*
                    _ => return None,
                })
            }
        )*
    };
}

members! {
    /// Returns the member of a message with this name.
    in_message {
        "jsonrpc" JsonRpc,
        "id" Id,
        "method" Method,
        "params" Params,
        "result" Result,
        "error" Error,
    }

    /// Returns the member of `params` with this name.
    in_params {
        "name" Name,
        "arguments" Arguments,
        "_meta" Meta,
        "uri" Uri,
        "cursor" Cursor,
        "ref" Reference,
        "argument" Argument,
        "context" Context,
        "protocolVersion" InitializeVersion,
        "capabilities" InitializeCapabilities,
        "clientInfo" InitializeInfo,
        "requestId" RequestId,
        "reason" Reason,
        "notifications" Notifications,
        "level" Level,
        "requestState" RequestState,
        "inputResponses" InputResponses,
        "taskId" TaskId,
        "task" Task,
    }

    /// Returns the member of `_meta` with this name.
    ///
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
    in_meta {
        "io.modelcontextprotocol/protocolVersion" ProtocolVersion,
        "io.modelcontextprotocol/clientCapabilities" Capabilities,
        "io.modelcontextprotocol/clientInfo" ClientInfo,
        "progressToken" ProgressToken,
        "io.modelcontextprotocol/logLevel" LogLevel,
    }
}

/// The path of `_meta`.
const META: &str = "params._meta";

/// The spans of the members of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    places: [Option<Span>; COUNT],
    /// The error of a message that repeats one of its own members.
    pub(super) repeated: Option<Box<RpcError>>,
    /// The error in `params`: the last repeated member, or else the first error. The message itself is still parsed.
    pub(super) wrong: Option<Box<RpcError>>,
    /// `true` if `_meta` has members that are not known here.
    #[cfg_attr(not(feature = "proxy"), allow(dead_code))]
    // a server in front of others passes them on
    has_other_meta: bool,
}

impl Parts {
    /// Reads a message and checks that nothing follows it.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut parts = Self::default();
        if reader.enter_object()? {
            parts.read_members(reader, "", in_message)?;
        }
        reader.end()?;
        Ok(parts)
    }

    fn read_members(
        &mut self,
        reader: &mut Reader<'_>,
        path: &str,
        find: impl Fn(&str) -> Option<Member>,
    ) -> Result<(), Fault> {
        while let Some(name) = reader.raw_name()? {
            let member = find(name).or_else(|| find(&decode(name)?));
            let Some(member) = member else {
                self.has_other_meta |= path == META;
                reader.skip()?;
                continue;
            };
            let start = reader.place();
            match member {
                Member::Params => self.read_params(reader)?,
                Member::Meta => self.read_meta(reader)?,
                _ => reader.skip()?,
            }
            let place = Span::new(start, reader.place());
            if self.places[member as usize].replace(place).is_some() {
                self.note_repeated(path, name);
            }
        }
        Ok(())
    }

    fn read_params(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        if reader.enter_object()? {
            return self.read_members(reader, "params", in_params);
        }
        if reader.value()? != "null" {
            let message = "`params` must be an object with named members";
            self.note(RpcError::invalid_params(message));
        }
        Ok(())
    }

    fn read_meta(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        if reader.enter_object()? {
            return self.read_members(reader, META, in_meta);
        }
        let message = "`params._meta` must be an object: leave it out if it has no members";
        self.note(RpcError::missing_metadata(message));
        reader.skip()
    }

    #[cold]
    fn note_repeated(&mut self, path: &str, name: &str) {
        let name = decode(name).map_or(Cow::Borrowed(name), Cow::Owned);
        if path.is_empty() {
            let message = format!("The message has `{name}` twice");
            self.repeated = Some(Box::new(RpcError::invalid_request(message)));
        } else {
            // It replaces an error about the members of a repeated object, which are repeated with it.
            let error = RpcError::missing_metadata(members::twice(path, &name));
            self.wrong = Some(Box::new(error));
        }
    }

    #[cold]
    fn note(&mut self, error: RpcError) {
        self.wrong.get_or_insert_with(|| Box::new(error));
    }

    /// Returns a member as JSON, if it is present.
    pub(super) fn json<'a>(&self, text: &'a str, member: Member) -> Option<&'a str> {
        self.places[member as usize].map(|place| place.of_text(text))
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

    fn json(&self, member: Member) -> Option<&'a str> {
        self.parts.json(self.text, member)
    }

    /// Returns the request's `_meta`.
    pub(crate) fn meta(&self) -> Meta<'a> {
        Meta(*self)
    }

    /// Returns `name`, which the method requires.
    pub(crate) fn name(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(Member::Name), "name")
    }

    /// Returns `name` as JSON, if it is present.
    pub(crate) fn name_json(&self) -> Option<&'a str> {
        self.json(Member::Name)
    }

    /// Returns `uri`, which the method requires.
    pub(crate) fn uri(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(Member::Uri), "uri")
    }

    /// Returns `arguments` as JSON: an object, which is empty if there are none.
    pub(crate) fn arguments(&self) -> Result<&'a str, RpcError> {
        members::arguments(self.json(Member::Arguments))
    }

    /// Returns `cursor`, if the client requests a later page.
    pub(crate) fn cursor(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        let json = self.json(Member::Cursor);
        json.map(|json| required(Some(json), "cursor")).transpose()
    }

    /// Returns the `ref` of a completion.
    pub(crate) fn reference(&self) -> Result<Reference<'a>, RpcError> {
        members::reference(self.json(Member::Reference))
    }

    /// Returns the `notifications` that a client subscribes to.
    pub(crate) fn notifications(&self) -> Result<SubscriptionFilter, RpcError> {
        members::subscription_filter(self.json(Member::Notifications))
    }

    /// Returns the state of the previous attempts, as JSON.
    pub(crate) fn request_state(&self) -> Option<&'a str> {
        self.json(Member::RequestState)
    }

    /// Returns the answers to the questions of the previous attempts, as JSON.
    pub(crate) fn input_responses(&self) -> Option<&'a str> {
        self.json(Member::InputResponses)
    }

    /// Returns `taskId`, which the method requires.
    pub(crate) fn task_id(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(Member::TaskId), "taskId")
    }

    /// Returns `true` if the client asks for a task in place of the result.
    pub(crate) fn asks_for_task(&self) -> bool {
        self.json(Member::Task).is_some_and(|task| task != "null")
    }

    /// Returns the time for which the requested task should exist, in milliseconds, or `None` if the client names none.
    pub(crate) fn task_ttl(&self) -> Result<Option<u64>, RpcError> {
        members::task_ttl(self.json(Member::Task))
    }

    /// Returns `true` if this is a further attempt of a call that asked questions.
    pub(crate) fn is_retry(&self) -> bool {
        self.request_state().is_some() || self.input_responses().is_some()
    }

    /// Returns the `argument` of a completion: its name and its partial value.
    pub(crate) fn argument(&self) -> Result<(String, String), RpcError> {
        members::argument(self.json(Member::Argument))
    }

    /// Returns the `argument` of a completion, as JSON.
    #[cfg(feature = "audit")]
    pub(crate) fn argument_json(&self) -> Option<&'a str> {
        self.json(Member::Argument)
    }

    /// Returns the arguments in the `context` of a completion.
    pub(crate) fn context(&self) -> Result<HashMap<String, String>, RpcError> {
        members::context(self.json(Member::Context))
    }

    /// Returns the `protocolVersion` of `initialize`.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.json(Member::InitializeVersion), "protocolVersion")
    }

    /// Returns the `capabilities` of `initialize`, as JSON.
    pub(crate) fn capabilities(&self) -> Option<&'a str> {
        self.json(Member::InitializeCapabilities)
    }

    /// Returns the `clientInfo` of `initialize`, as JSON.
    pub(crate) fn client_info(&self) -> Option<&'a str> {
        self.json(Member::InitializeInfo)
    }

    /// Returns the `requestId` of `notifications/cancelled`, if it is a valid id.
    pub(crate) fn request_id(&self) -> Option<Id> {
        self.json(Member::RequestId).and_then(Id::parse)
    }

    /// Returns the `reason` of `notifications/cancelled`, if it has one.
    pub(crate) fn reason(&self) -> Option<Cow<'a, str>> {
        self.json(Member::Reason).and_then(string)
    }

    /// Returns the `level` of `logging/setLevel`.
    pub(crate) fn level(&self) -> Result<LogLevel, RpcError> {
        log_level(self.json(Member::Level).unwrap_or("null"), "params.level")
    }
}

/// The members of the `_meta` of a request.
#[derive(Clone, Copy)]
pub(crate) struct Meta<'a>(Params<'a>);

impl<'a> Meta<'a> {
    /// Returns the whole `_meta` as JSON, if there is one.
    pub(crate) fn json(&self) -> Option<&'a str> {
        self.0.json(Member::Meta)
    }

    /// Returns the whole `_meta` as JSON, if it has members besides those that the server reads.
    #[cfg(feature = "proxy")]
    pub(crate) fn with_others(&self) -> Option<&'a str> {
        self.json().filter(|_| self.0.parts.has_other_meta)
    }

    /// Returns `true` if the request is a stateless one: it has a protocol version or client capabilities, valid or
    /// not.
    pub(crate) fn is_stateless(&self) -> bool {
        self.0.json(Member::ProtocolVersion).is_some() || self.capabilities().is_some()
    }

    /// Returns the protocol version of the request.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        let key = "_meta[\"io.modelcontextprotocol/protocolVersion\"]";
        let Some(json) = self.0.json(Member::ProtocolVersion) else {
            return Err(RpcError::missing_metadata(format!("{key} is missing")));
        };
        string(json).ok_or_else(|| RpcError::missing_metadata(format!("{key} must be a string")))
    }

    /// Returns the client's capabilities, as JSON.
    pub(crate) fn capabilities(&self) -> Option<&'a str> {
        self.0.json(Member::Capabilities)
    }

    /// Returns the client's name and version, as JSON.
    pub(crate) fn client_info(&self) -> Option<&'a str> {
        self.0.json(Member::ClientInfo)
    }

    /// Returns the token for progress notifications, as it was written.
    pub(crate) fn progress_token(&self) -> Result<Option<&'a str>, RpcError> {
        match self.0.json(Member::ProgressToken) {
            None => Ok(None),
            Some(json) if Id::parse(json).is_some() => Ok(Some(json)),
            Some(_) => Err(RpcError::invalid_params(
                "`_meta.progressToken` must be an integer, or a string of at most 256 bytes",
            )),
        }
    }

    /// Returns the lowest level of the log messages that the client requests.
    pub(crate) fn log_level(&self) -> Result<Option<LogLevel>, RpcError> {
        self.0
            .json(Member::LogLevel)
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
