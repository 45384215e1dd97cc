//! `tools/call`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools>.

use std::sync::Arc;

use serde_json::json;

use super::as_tools;
use super::core::{MethodRun, Request};
use super::failure::{client_text, protocol_error};
use super::header_params;
use super::run::{CallInput, Task, Work};
use super::session_task_call;
use super::start::run;
use super::task_call;
use super::tool_search;
use crate::call::{Arguments, Call, CallContext, Renamings};
use crate::content::{Content, IntoToolResult, ToolResult};
use crate::error::ToolError;
use crate::layer::{CallKind, Layer, Substitute};
use crate::mount::Mounted;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::members;
use crate::registry::{Listed as _, Snapshot, ToolEntry};
use crate::schema::{Budget, Converted, Restored, WholeSchema};
use crate::service::Timeout;

pub(super) fn call(mut request: Request) -> Result<MethodRun, RpcError> {
    let snapshot = request.core.registry.now();
    let is_replaced = snapshot.has_tool_search() && tool_search::replace(&mut request, &snapshot)?;
    let tool = find(&request, &snapshot)?;
    if let Some(stands_for) = tool.tool.stands_for {
        let (message, depth) = (&request.message, request.core.limits.depth);
        if let Some(called) = as_tools::called(tool, stands_for, message, depth)? {
            return Ok(as_tools::serve(request, stands_for, called));
        }
    }
    if let Some(dialect) = request.dialect()
        && let depth = request.core.limits.depth
        && let Some(restored) = restored(&request.message, tool.converted(dialect), depth)?
    {
        request.message = restored;
    }
    let message = Arc::clone(&request.message);
    let json = message.params()?.arguments()?;
    let given = input(tool, &message, json);
    // The headers of such a call are those of `call_tool`.
    if !tool.header_params.is_empty() && !is_replaced {
        header_params::check(&request, &tool.header_params, json)?;
    }
    if request.caller.features.session_tasks {
        session_task_call::check(&request, &snapshot, tool.tool.task)?;
    }
    let work = ToolCall(Arc::clone(tool));
    match tool.tool.task {
        None => run(request, work, given),
        Some(support) => task_call::call(request, support, work, given, call_again),
    }
}

/// Calls the tool of a task again. The request has a link to the task.
pub(super) fn call_again(request: Request) -> Result<MethodRun, RpcError> {
    let snapshot = request.core.registry.now();
    let tool = find(&request, &snapshot)?;
    let message = Arc::clone(&request.message);
    let given = input(tool, &message, message.params()?.arguments()?);
    run(request, ToolCall(Arc::clone(tool)), given)
}

/// Returns the tool that a request names.
fn find<'s>(request: &Request, snapshot: &'s Snapshot) -> Result<&'s Arc<ToolEntry>, RpcError> {
    let name = request.message.params()?.name()?;
    let found = snapshot.tool(&name);
    let seen = match found {
        Some(tool) if tool.definition().version.is_some() => {
            request.version(snapshot.tool_versions(&name), &name)?
        }
        _ => found.filter(|tool| request.sees(&***tool)),
    };
    let tool = seen.ok_or_else(|| {
        let error = request.unknown(snapshot.has_tools(), "tool", &name);
        error.concealing(found.is_some())
    })?;
    request.authorize(&**tool)?;
    Ok(tool)
}

/// Returns the message with arguments in the form of the original schema, if some are in another one. The others stay as they
/// are written.
#[cold]
fn restored(
    message: &Message,
    converted: &Converted,
    depth: usize,
) -> Result<Option<Arc<Message>>, RpcError> {
    let json = message.params()?.arguments()?;
    let sent = members(json).map(|(name, text)| {
        let value = converted.restored(&name, text);
        (name, text, value)
    });
    let sent: Vec<_> = sent.collect();
    if sent.iter().all(|(_, _, value)| *value == Restored::Same) {
        return Ok(None);
    }
    let mut arguments = Vec::new();
    for (name, text, value) in sent {
        arguments.push(match value {
            Restored::Omitted => continue,
            Restored::Changed(value) => format!("{}:{value}", json!(name)),
            Restored::Same => format!("{}:{text}", json!(name)),
        });
    }
    let arguments = format!("{{{}}}", arguments.join(","));
    message.with_part(json, &arguments, depth).map(Some)
}

/// Reads the arguments, a JSON object in the message.
fn input(tool: &ToolEntry, message: &Message, json: &str) -> CallInput {
    let (mut arguments, rejections) = Arguments::parse(&tool.signature, message.text(), json);
    if !tool.renamings.is_empty() {
        arguments.fix(&tool.signature);
    }
    CallInput {
        signature: Arc::clone(&tool.signature),
        arguments,
        rejections,
    }
}

/// The work of calling a tool.
#[derive(Clone)]
struct ToolCall(Arc<ToolEntry>);

impl ToolCall {
    /// Replaces a result that violates the output schema by an error. Most tools have the schema of a type instead.
    #[cold]
    fn check_output(&self, schema: &WholeSchema, result: ToolResult) -> Outcome {
        let mistakes = match result.structured_value() {
            Some(value) => schema.mistakes(&value, "structuredContent", &Budget::default()),
            None => vec!["`structuredContent` is missing".to_owned()],
        };
        if mistakes.is_empty() {
            let is_error = false;
            return Outcome::Tool { result, is_error };
        }
        let mistakes = mistakes.join("\n- ");
        let tool = self.name();
        tracing::error!(tool, "a result violates its output schema:\n- {mistakes}");
        self.fail(format!(
            "The result violates the output schema of the tool:\n- {mistakes}"
        ))
    }
}

impl Work for ToolCall {
    type Output = ToolResult;
    const KIND: CallKind = CallKind::Tool;

    fn name(&self) -> &str {
        &self.0.tool.definition.name
    }

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.0.mounted()
    }

    fn renamings(&self) -> Option<&Renamings> {
        Some(&self.0.renamings)
    }

    fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.0.tool.definition.layers
    }

    fn is_read_only(&self) -> bool {
        let tool = &self.0.tool;
        // Callers of one name may have different versions.
        tool.has_hint("readOnlyHint") && !tool.per_caller && tool.definition.version.is_none()
    }

    fn is_idempotent(&self) -> bool {
        self.0.tool.has_hint("readOnlyHint") || self.0.tool.has_hint("idempotentHint")
    }

    fn input(&self, message: &Message) -> Result<CallInput, RpcError> {
        let json = message.params()?.arguments()?;
        Ok(input(&self.0, message, json))
    }

    fn output_of(substitute: Substitute) -> Option<ToolResult> {
        match substitute {
            Substitute::Tool(result) => Some(result).filter(|it| it.rest.is_none()),
            Substitute::Error(error) => Some(error.into_tool_result()),
            _ => None,
        }
    }

    fn timeout(&self) -> Option<Timeout> {
        self.0.tool.definition.timeout
    }

    fn start(&mut self, call: Call) -> Task<ToolResult> {
        Task::of(&self.0.tool.handler, call)
    }

    fn conclude(&mut self, call: &CallContext, mut result: ToolResult) -> Outcome {
        let failure = result.failure.take();
        if let Some(refusal) = failure
            .as_ref()
            .and_then(|error| protocol_error(call, error))
        {
            return Outcome::Error(refusal);
        }
        let is_error = failure.is_some();
        if let Some(error) = failure.filter(ToolError::has_text) {
            let text = client_text(&call.server, &self.0.tool.definition.name, &error);
            result.content.insert(0, Content::text(text));
            // Layers must not drop the errors of handlers, whose destructors are user code.
            let is_kept = error.is_refusal() || error.retry_after().is_some();
            result.failure = is_kept.then_some(error);
        }
        result.wrap(self.0.output.as_ref());
        if !is_error && let Some(schema) = &self.0.output_rules {
            return self.check_output(schema, result);
        }
        Outcome::Tool { result, is_error }
    }

    fn fail(&self, message: String) -> Outcome {
        Outcome::Tool {
            result: ToolResult::new().content(Content::text(message)),
            is_error: true,
        }
    }
}
