//! `tools/call`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools#calling-tools>.

use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::failure::{client_text, missing_capability};
use super::header_params;
use super::run::{CallInput, Task, Work};
use super::start::run;
use crate::call::{Arguments, Call, CallContext};
use crate::content::{Content, IntoToolResult, ToolResult};
use crate::error::ToolError;
use crate::layer::{CallKind, Layer, Substitute};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::registry::ToolEntry;
use crate::schema::{Budget, WholeSchema};
use crate::service::Timeout;

pub(super) fn call(request: Request) -> Result<MethodRun, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let name = params.name()?;
    let snapshot = request.core.registry.now();
    let tool = snapshot
        .tool(&name)
        .filter(|tool| request.sees(&***tool))
        .ok_or_else(|| request.unknown(snapshot.has_tools(), "tool", &name))?;
    let json = params.arguments()?;
    let given = input(tool, &message, json);
    if !tool.header_params.is_empty() {
        header_params::check(&request, &tool.header_params, json)?;
    }
    run(request, ToolCall(Arc::clone(tool)), given)
}

/// Reads the arguments, a JSON object in the message.
fn input(tool: &ToolEntry, message: &Message, json: &str) -> CallInput {
    let (arguments, rejections) = Arguments::parse(&tool.signature, message.text(), json);
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

    fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.0.tool.definition.layers
    }

    fn is_read_only(&self) -> bool {
        self.0.tool.has_hint("readOnlyHint")
    }

    fn is_idempotent(&self) -> bool {
        self.is_read_only() || self.0.tool.has_hint("idempotentHint")
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
            .and_then(|error| missing_capability(call, error))
        {
            return Outcome::Error(refusal);
        }
        let is_error = failure.is_some();
        if let Some(error) = failure.filter(ToolError::has_text) {
            let text = client_text(call, &self.0.tool.definition.name, &error);
            result.content.insert(0, Content::text(text));
            // Layers must not drop the errors of handlers, whose destructors are user code.
            result.failure = Some(error).filter(ToolError::is_refusal);
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
