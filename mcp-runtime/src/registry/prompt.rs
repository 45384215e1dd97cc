//! Prompts: their definitions, and the encoding of those for lists.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/prompts>.

use std::sync::Arc;

use super::NeededState;
use super::complete::Completer;
use super::component_kind::ComponentKind;
use super::definition::{Definition, define};
use super::handler::Handler;
use super::list::Listed;
use super::parameter::{Parameter, specify};
use crate::call::Signature;
use crate::content::{PromptOutcome, push_array, push_member, push_optional};
use crate::opaque::opaque_debug;
use crate::protocol::json::push_string;
use crate::protocol::revision::Features;

/// A prompt: a template of messages that a user can select. `#[prompt]` makes one from a function.
pub struct Prompt {
    pub(crate) definition: Definition,
    parameters: Vec<Parameter>,
    pub(crate) handler: Handler<PromptOutcome>,
}

opaque_debug!(Prompt, |it| name: it.definition.name);

define!(Prompt);

impl Prompt {
    #[doc(hidden)]
    pub fn define(name: &str, handler: Handler<PromptOutcome>) -> Self {
        Self {
            definition: Definition::new(name),
            parameters: Vec::new(),
            handler,
        }
    }

    #[doc(hidden)]
    pub fn param(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn finish(
        mut self,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> PromptEntry {
        let place = format!("prompt `{}`", self.definition.name);
        self.definition.check("prompt", &place, problems);
        let parameters = std::mem::take(&mut self.parameters);
        let specified = specify(&place, &parameters, "arguments", false, problems);
        specified.check_textual(&place, &[], problems);
        states.extend(specified.states.iter().map(|state| (place.clone(), *state)));
        PromptEntry {
            prompt: self,
            signature: Arc::new(specified.signature),
            completers: specified.completers,
        }
    }
}

/// A prompt that is served: listed and rendered on request.
pub(crate) struct PromptEntry {
    pub(crate) prompt: Prompt,
    pub(crate) signature: Arc<Signature>,
    pub(crate) completers: Vec<(String, Completer)>,
}

impl Listed for PromptEntry {
    const KIND: ComponentKind = ComponentKind::Prompt;

    fn key(&self) -> &str {
        &self.prompt.definition.name
    }

    fn definition(&self) -> &Definition {
        &self.prompt.definition
    }

    fn push_own(&self, out: &mut String, _features: &Features) {
        let parameters = self.signature.parameters.iter();
        let arguments: Vec<_> = parameters.filter(|it| it.schema.is_some()).collect();
        if arguments.is_empty() {
            return;
        }
        out.push_str(",\"arguments\":");
        push_array(out, &arguments, |out, argument| {
            out.push_str("{\"name\":");
            push_string(out, &argument.name);
            push_optional(out, "description", argument.description.as_ref());
            push_member(out, "required", &argument.required);
            out.push('}');
        });
    }
}
