//! The members that a request's `params` can have, in every method and revision: one pass finds them all.
//!
//! Each stays raw JSON: what a member means is for the method that reads it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::RpcError;
use super::jsonrpc::Id;

/// A member that tells `null` from absent, as `Option` alone would not.
pub(super) fn present<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The members of `params`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Params<'a> {
    #[serde(rename = "_meta", borrow, default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    uri: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) arguments: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    cursor: Option<&'a RawValue>,
    #[serde(rename = "ref", borrow, default, deserialize_with = "present")]
    pub(crate) reference: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) argument: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) context: Option<&'a RawValue>,
    #[serde(
        rename = "protocolVersion",
        borrow,
        default,
        deserialize_with = "present"
    )]
    protocol_version: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) capabilities: Option<&'a RawValue>,
    #[serde(rename = "clientInfo", borrow, default, deserialize_with = "present")]
    pub(crate) client_info: Option<&'a RawValue>,
    #[serde(rename = "requestId", borrow, default, deserialize_with = "present")]
    request_id: Option<&'a RawValue>,
}

impl<'a> Params<'a> {
    /// Reads `params`; a request without any has none of the members.
    pub(crate) fn parse(text: Option<&'a str>) -> Result<Self, RpcError> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        if !text.starts_with('{') {
            return Err(RpcError::invalid_params(
                "`params` must be an object with named members",
            ));
        }
        serde_json::from_str(text)
            .map_err(|error| RpcError::invalid_params(format!("`params`: {error}")))
    }

    /// The request's `_meta`.
    pub(crate) fn meta(&self) -> Result<Meta<'a>, RpcError> {
        let Some(raw) = self.meta else {
            return Ok(Meta::default());
        };
        if !raw.get().starts_with('{') {
            return Err(RpcError::missing_metadata("`_meta` must be an object"));
        }
        serde_json::from_str(raw.get())
            .map(|meta| Meta {
                raw: Some(raw),
                ..meta
            })
            .map_err(|error| RpcError::missing_metadata(format!("`_meta`: {error}")))
    }

    /// `name`, which the method needs.
    pub(crate) fn name(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.name, "name")
    }

    /// `uri`, which the method needs.
    pub(crate) fn uri(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.uri, "uri")
    }

    /// `cursor`, if the client asks for a later page.
    pub(crate) fn cursor(&self) -> Result<Option<Cow<'a, str>>, RpcError> {
        self.cursor.map(|raw| string(raw, "cursor")).transpose()
    }

    /// `protocolVersion` of `initialize`.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        required(self.protocol_version, "protocolVersion")
    }

    /// `requestId` of `notifications/cancelled`, if it is one.
    pub(crate) fn request_id(&self) -> Option<Id> {
        self.request_id.and_then(|raw| Id::parse(raw.get()))
    }
}

/// What `_meta` of a request can hold.
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Meta<'a> {
    #[serde(skip)]
    pub(crate) raw: Option<&'a RawValue>,
    #[serde(
        rename = "io.modelcontextprotocol/protocolVersion",
        borrow,
        default,
        deserialize_with = "present"
    )]
    protocol_version: Option<&'a RawValue>,
    #[serde(
        rename = "io.modelcontextprotocol/clientCapabilities",
        borrow,
        default,
        deserialize_with = "present"
    )]
    pub(crate) capabilities: Option<&'a RawValue>,
    #[serde(
        rename = "io.modelcontextprotocol/clientInfo",
        borrow,
        default,
        deserialize_with = "present"
    )]
    pub(crate) client_info: Option<&'a RawValue>,
    #[serde(
        rename = "progressToken",
        borrow,
        default,
        deserialize_with = "present"
    )]
    progress_token: Option<&'a RawValue>,
}

impl<'a> Meta<'a> {
    /// Whether the request opens as a modern one: it says, or tries to say, its own version or capabilities.
    pub(crate) fn is_stateless(&self) -> bool {
        self.protocol_version.is_some() || self.capabilities.is_some()
    }

    /// The version that the request is written in.
    pub(crate) fn protocol_version(&self) -> Result<Cow<'a, str>, RpcError> {
        let key = "_meta[\"io.modelcontextprotocol/protocolVersion\"]";
        let Some(raw) = self.protocol_version else {
            return Err(RpcError::missing_metadata(format!("{key} is missing")));
        };
        serde_json::from_str(raw.get())
            .map_err(|_| RpcError::missing_metadata(format!("{key} must be a string")))
    }

    /// The token under which progress is wanted, kept as it was written.
    pub(crate) fn progress_token(&self) -> Result<Option<&'a str>, RpcError> {
        match self.progress_token {
            None => Ok(None),
            Some(raw) if Id::parse(raw.get()).is_some() => Ok(Some(raw.get())),
            Some(_) => Err(RpcError::invalid_params(
                "`_meta.progressToken` must be a string or an integer",
            )),
        }
    }
}

fn required<'a>(member: Option<&'a RawValue>, name: &str) -> Result<Cow<'a, str>, RpcError> {
    match member {
        Some(raw) => string(raw, name),
        None => Err(RpcError::invalid_params(format!(
            "`params.{name}` is missing"
        ))),
    }
}

fn string<'a>(raw: &'a RawValue, name: &str) -> Result<Cow<'a, str>, RpcError> {
    text(raw.get())
        .ok_or_else(|| RpcError::invalid_params(format!("`params.{name}` must be a string")))
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
