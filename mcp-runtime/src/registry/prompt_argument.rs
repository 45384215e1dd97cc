//! The arguments of prompts that are created at run time.

use std::sync::Arc;

use serde_json::json;

use super::complete::{CompleteWith, Completer};
use crate::call::ParameterSpec;
use crate::opaque::opaque_debug;

/// An argument of a prompt that is created with [`Prompt::new`](crate::Prompt::new). Clients send it as a string.
///
/// ```
/// use mcp_runtime::{Completion, PromptArgument};
///
/// fn languages(_: Completion) -> Vec<&'static str> {
///     vec!["French", "German"]
/// }
///
/// let argument = PromptArgument::new("language").description("The language.").optional().complete(languages);
/// ```
pub struct PromptArgument {
    name: String,
    description: Option<String>,
    required: bool,
    completer: Option<Completer>,
}

opaque_debug!(PromptArgument, |it| name: it.name, required: it.required);

impl PromptArgument {
    /// Creates a required argument.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            required: true,
            completer: None,
        }
    }

    /// Sets the description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Makes the argument optional.
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Sets the function that completes values of the argument.
    pub fn complete<M>(mut self, function: impl CompleteWith<M>) -> Self {
        self.completer = Some(Completer::new(function, Arc::new(())));
        self
    }

    /// Returns the specification of the argument, and its completer with its name.
    pub(super) fn specify(self) -> (ParameterSpec, Option<(String, Completer)>) {
        let completer = self.completer.map(|it| (self.name.clone(), it));
        let spec = ParameterSpec {
            name: self.name,
            schema: Some(json!({ "type": "string" })),
            exact: true,
            required: self.required,
            description: self.description,
            ..ParameterSpec::default()
        };
        (spec, completer)
    }
}
