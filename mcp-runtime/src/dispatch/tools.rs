//! `tools/call`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools>.

use std::sync::Arc;

use super::reply::{Caching, close, failure};
use super::run::{Answer, Job, Stopped, reference, run};
use super::{Core, Request, mirror};
use crate::call::Arguments;
use crate::content::{Content, Structured, ToolResult, push_blocks};
use crate::error::ToolError;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, begin_result};
use crate::protocol::params::Params;
use crate::registry::ToolEntry;
use crate::service::{Handling, Reply};

/// A tool and the arguments of a call.
pub(super) struct Found {
    tool: Arc<ToolEntry>,
    arguments: Arguments,
    rejections: Vec<String>,
}

pub(super) fn find(core: &Core, message: &Message, params: &Params<'_>) -> Result<Found, RpcError> {
    let name = params.name()?;
    let snapshot = core.registry.now();
    let tool = snapshot.tool(&name).ok_or_else(|| {
        if snapshot.has_tools() {
            RpcError::invalid_params(format!("Unknown tool: `{name}`"))
        } else {
            RpcError::unknown_method("tools/call")
        }
    })?;
    let json = params.arguments().unwrap_or("{}");
    let json = if json == "null" { "{}" } else { json };
    if !json.starts_with('{') {
        return Err(RpcError::invalid_params(
            "`params.arguments` must be an object",
        ));
    }
    let (arguments, rejections) = Arguments::parse(&tool.signature, message.text(), json)
        .map_err(|error| RpcError::invalid_params(format!("`params.arguments`: {error}")))?;
    Ok(Found {
        tool: Arc::clone(tool),
        arguments,
        rejections,
    })
}

pub(super) fn call(request: Request<'_>, found: Found) -> Result<Handling, RpcError> {
    let tool = found.tool;
    if !tool.mirrored.is_empty() {
        let arguments = found.arguments.whole(request.exchange.message.text());
        mirror::check(&request, &tool.mirrored, arguments)?;
    }
    let job = Job {
        handler: tool.handler.clone(),
        signature: Arc::clone(&tool.signature),
        arguments: found.arguments,
        rejections: found.rejections,
        name: tool.definition.name.clone(),
        timeout: tool.definition.timeout,
    };
    run(request, job, move |answer, outcome| {
        reply(answer, &tool, outcome)
    })
}

fn reply(answer: &Answer, tool: &ToolEntry, outcome: Result<ToolResult, Stopped>) -> Reply {
    let result = outcome.unwrap_or_else(|stopped| ToolResult::error(stopped.message("tool")));
    if let Some(refusal) = result
        .failure
        .as_ref()
        .and_then(|error| lack(answer, error))
    {
        return failure(&answer.id, &refusal);
    }
    let mut text = begin_result(&answer.id);
    text.push_str("{\"content\":");
    if let Some(error) = &result.failure {
        let shown = Content::text(shown(&answer.core, &tool.definition.name, error));
        push_blocks(&mut text, &[shown], answer.features);
        text.push_str(",\"isError\":true");
    } else {
        push_blocks(&mut text, &result.content, answer.features);
        let structured = result.structured.as_ref();
        if let Some(structured) = structured.filter(|_| answer.features.structured_content) {
            push_structured(&mut text, structured, tool.wraps);
        }
    }
    close(
        text,
        &answer.core,
        answer.features,
        Caching::Unsaid,
        result.meta.as_ref(),
    )
}

fn push_structured(text: &mut String, structured: &Structured, wraps: Option<bool>) {
    let is_object = structured.json.starts_with('{');
    if structured.scalar || wraps.unwrap_or(!is_object) {
        text.push_str(",\"structuredContent\":{\"result\":");
        text.push_str(&structured.json);
        text.push('}');
    } else {
        text.push_str(",\"structuredContent\":");
        text.push_str(&structured.json);
    }
}

/// The protocol's own error for a client that lacks a capability, where the revision has it.
fn lack(answer: &Answer, error: &ToolError) -> Option<RpcError> {
    let capability = error.lack().filter(|_| answer.features.stateless)?;
    Some(RpcError::missing_capability(capability))
}

/// The error of a handler as one of the protocol, for what has no results that say so.
pub(super) fn failed(answer: &Answer, handler: &str, error: &ToolError) -> RpcError {
    if let Some(lack) = lack(answer, error) {
        lack
    } else if error.is_refusal() {
        RpcError::invalid_params(in_one_line(&error.to_string()))
    } else {
        RpcError::internal(shown(&answer.core, handler, error))
    }
}

/// A list of mistakes as the message of an error, which is one sentence.
fn in_one_line(list: &str) -> String {
    list.replacen("\n- ", " ", 1).replace("\n- ", "; ")
}

/// The text of an error that the client may see. What caused it goes to the log.
pub(super) fn shown(core: &Core, handler: &str, error: &ToolError) -> String {
    if error.is_deliberate() {
        return error.to_string();
    }
    if !core.mask_errors {
        tracing::warn!(handler, error = error.chain(), "a handler failed");
        return error.to_string();
    }
    let reference = reference();
    tracing::warn!(
        handler,
        reference,
        error = error.chain(),
        "a handler failed"
    );
    format!("It failed; the reason is in the server's log (reference {reference})")
}
