//! Validation of the HTTP headers of a message against its body.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation>.
//! `header_params` validates the headers `Mcp-Param-*`, which depend on the called tool.

use std::borrow::Cow;

use crate::protocol::error::RpcError;
use crate::protocol::header::decoded;
use crate::protocol::jsonrpc::{Message, MessageKind};
use crate::protocol::params::Params;
use crate::protocol::{HeaderSource, Revision};
use crate::service::Exchange;

const PROTOCOL_VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// Returns an error if the headers of a message violate the rules of its era. Other transports have no headers.
pub(super) fn check(exchange: &Exchange) -> Result<(), RpcError> {
    let Some(headers) = exchange.origin.http_headers() else {
        return Ok(());
    };
    let message = &exchange.message;
    match message.params() {
        Ok(params) if params.meta().is_stateless() => agree(headers, message, &params),
        params if revision(headers).is_some_and(|revision| revision.features().stateless) => {
            match message.kind() {
                MessageKind::Request(_) if params.is_ok() => Err(RpcError::missing_metadata(
                    "MCP-Protocol-Version requires `_meta[\"io.modelcontextprotocol/protocolVersion\"]`, which \
                     is missing",
                )),
                MessageKind::Response => Err(RpcError::invalid_request(
                    "A response was not expected: clients of this revision send requests and notifications only",
                )),
                MessageKind::Request(_) | MessageKind::Notification => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Returns the revision in the headers, if they contain a known one.
fn revision(headers: &dyn HeaderSource) -> Option<Revision> {
    let name = headers.single(PROTOCOL_VERSION).ok().flatten()?;
    Revision::from_name(name)
}

/// Returns the revision of a message that belongs to no session.
pub(super) fn legacy_revision(headers: &dyn HeaderSource) -> Revision {
    revision(headers).unwrap_or(Revision::UNSAID)
}

/// Returns an error if the headers differ from the body of a stateless message.
///
/// All headers are required on a request; on a notification only those present are checked. The `caller` module reports
/// members that the message itself lacks, and a version that is unknown in both places.
fn agree(
    headers: &dyn HeaderSource,
    message: &Message,
    params: &Params<'_>,
) -> Result<(), RpcError> {
    let Ok(version) = params.meta().protocol_version() else {
        return Ok(());
    };
    let check = HeaderCheck {
        headers,
        required: matches!(message.kind(), MessageKind::Request(_)),
    };
    check.check(PROTOCOL_VERSION, &version, plain)?;
    if Revision::stateless(&version).is_none() {
        return Ok(());
    }
    check.check(METHOD, message.method(), plain)?;
    match name(message.method(), params) {
        Some(name) => check.check(NAME, &name, decoded),
        None => Ok(()),
    }
}

/// Returns the value that `Mcp-Name` must repeat. Other methods do not have this header.
fn name<'a>(method: &str, params: &Params<'a>) -> Option<Cow<'a, str>> {
    match method {
        "tools/call" | "prompts/get" => params.name().ok(),
        "resources/read" => params.uri().ok(),
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task_id().ok(),
        _ => None,
    }
}

/// A check of headers that repeat values of the body.
struct HeaderCheck<'a> {
    headers: &'a dyn HeaderSource,
    required: bool,
}

impl HeaderCheck<'_> {
    fn check(
        &self,
        name: &str,
        in_body: &str,
        decode: fn(&str) -> Option<Cow<'_, str>>,
    ) -> Result<(), RpcError> {
        let value = self
            .headers
            .single(name)
            .map_err(RpcError::header_mismatch)?;
        let Some(value) = value else {
            return if self.required {
                Err(mismatch(&format!(
                    "{name} is missing; the body says `{in_body}`"
                )))
            } else {
                Ok(())
            };
        };
        match decode(value) {
            Some(text) if text == in_body => Ok(()),
            Some(text) => Err(mismatch(&format!(
                "{name} is `{text}`, the body says `{in_body}`"
            ))),
            None => Err(mismatch(&format!("{name} is not valid base64 of UTF-8"))),
        }
    }
}

fn mismatch(detail: &str) -> RpcError {
    RpcError::header_mismatch(format!("Header mismatch: {detail}"))
}

/// Returns a header value that needs no decoding.
#[allow(clippy::unnecessary_wraps)] // the signature is that of `decoded`
fn plain(value: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(value))
}
