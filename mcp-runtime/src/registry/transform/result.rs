//! Changes of the results of tools.

use std::sync::Arc;

use serde_json::Value;

use super::super::tool::{ToolEntry, whole_schema};
use crate::content::OutputSchema;
use crate::error::ToolError;
use crate::layer::{CallOutcome, Layer, LayeredCall, Next};
use crate::outcome::OutcomeKind;
use crate::schema::{Budget, WholeSchema};
use crate::service::BoxFuture;

/// The output schema of a tool whose results a transform changes.
#[derive(Debug, Clone)]
pub enum ResultSchema {
    /// The tool keeps its output schema, if it has one. Each changed result is checked against it.
    Keep,
    /// The tool has no output schema any more.
    Drop,
    /// The tool has this JSON Schema, an object, and each changed result is checked against it.
    Replace(Value),
}

/// A function that changes results.
type ChangeFn = Arc<dyn Fn(&LayeredCall, CallOutcome) -> CallOutcome + Send + Sync>;

/// A change of the results of a tool.
pub(super) struct ResultChange {
    schema: ResultSchema,
    change: ChangeFn,
}

impl ResultChange {
    pub(super) fn new(
        schema: ResultSchema,
        change: impl Fn(&LayeredCall, CallOutcome) -> CallOutcome + Send + Sync + 'static,
    ) -> Self {
        let change = Arc::new(change);
        Self { schema, change }
    }

    /// Adds the function to the layers of a tool, as the outermost one.
    pub(super) fn apply(&self, tool: &mut ToolEntry, place: &str, problems: &mut Vec<String>) {
        match &self.schema {
            ResultSchema::Keep => {}
            ResultSchema::Drop => tool.output = None,
            ResultSchema::Replace(schema) => {
                let (schema, wraps) = (schema.clone(), false);
                tool.output = Some(OutputSchema { schema, wraps });
            }
        }
        // The result of the handler is checked no more, because it is not what the client receives.
        tool.output_rules = None;
        let place = format!("the transform of {place}: the schema of its output");
        let output = tool.output.as_ref();
        let rules = output.and_then(|output| whole_schema(&place, &output.schema, problems));
        let (change, rules) = (Arc::clone(&self.change), rules.map(Arc::new));
        let layer = ChangedResult { change, rules };
        tool.tool.definition.layers.insert(0, Arc::new(layer));
    }
}

/// The layer that changes results.
struct ChangedResult {
    change: ChangeFn,
    rules: Option<Arc<WholeSchema>>,
}

impl Layer for ChangedResult {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let (change, rules) = (Arc::clone(&self.change), self.rules.clone());
        Box::pin(async move {
            let outcome = next.run().await;
            if outcome.kind() != OutcomeKind::Ok {
                return outcome;
            }
            let outcome = change(&call, outcome);
            match rules {
                Some(rules) => checked(&call, outcome, &rules),
                None => outcome,
            }
        })
    }
}

/// Replaces a result that violates the output schema by an error.
fn checked(call: &LayeredCall, outcome: CallOutcome, rules: &WholeSchema) -> CallOutcome {
    let mistakes = mistakes(&outcome, rules);
    if mistakes.is_empty() {
        return outcome;
    }
    let (mistakes, tool) = (mistakes.join("\n- "), call.name());
    tracing::error!(
        tool,
        "a transform's result violates the output schema:\n- {mistakes}"
    );
    call.refuse(ToolError::new(format!(
        "The result violates the output schema of the tool:\n- {mistakes}"
    )))
}

fn mistakes(outcome: &CallOutcome, rules: &WholeSchema) -> Vec<String> {
    match outcome.structured() {
        _ if outcome.kind() != OutcomeKind::Ok => Vec::new(),
        Some(value) => rules.mistakes(&value, "structuredContent", &Budget::default()),
        None => vec!["`structuredContent` is missing".to_owned()],
    }
}
