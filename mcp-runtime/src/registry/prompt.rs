//! Prompts: how they are defined, and what of a definition a list shows.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/prompts>.

use std::sync::Arc;
use std::time::Duration;

use super::complete::Completer;
use super::extras::{Extras, extras};
use super::handler::Handler;
use super::list::Listed;
use super::parameter::{Parameter, specify};
use super::terms::{Terms, terms};
use super::{NeededState, check_name};
use crate::call::Signature;
use crate::content::{PromptOutcome, push_member, push_text};
use crate::protocol::revision::Features;

/// A prompt: a template of messages that a person can pick. `#[prompt]` makes one from a function.
pub struct Prompt {
    name: String,
    title: Option<String>,
    description: Option<String>,
    extras: Extras,
    pub(super) terms: Terms,
    parameters: Vec<Parameter>,
    handler: Handler<PromptOutcome>,
}

extras!(Prompt);
terms!(Prompt);

impl Prompt {
    #[doc(hidden)]
    pub fn define(name: &str, handler: Handler<PromptOutcome>) -> Self {
        Self {
            name: name.to_owned(),
            title: None,
            description: None,
            extras: Extras::default(),
            terms: Terms::default(),
            parameters: Vec::new(),
            handler,
        }
    }

    /// Sets the name that people read.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says what the prompt is for.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    #[doc(hidden)]
    pub fn param(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn finish(
        self,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> PromptEntry {
        let place = format!("prompt `{}`", self.name);
        check_name("prompt", &self.name, problems);
        self.extras.check(&place, problems);
        self.terms.check(&place, problems);
        let specified = specify(&place, &self.parameters, "arguments", false, problems);
        specified.check_textual(&place, &[], problems);
        states.extend(specified.states.iter().map(|state| (place.clone(), *state)));
        PromptEntry {
            name: self.name,
            title: self.title,
            description: self.description,
            extras: self.extras,
            handler: self.handler,
            timeout: self.terms.timeout,
            tags: self.terms.tags,
            signature: Arc::new(specified.signature),
            completers: specified.completers,
        }
    }
}

/// A prompt that can be listed and got.
pub(crate) struct PromptEntry {
    pub(crate) name: String,
    title: Option<String>,
    pub(crate) description: Option<String>,
    extras: Extras,
    pub(crate) handler: Handler<PromptOutcome>,
    pub(crate) timeout: Option<Duration>,
    #[cfg_attr(not(feature = "cli"), allow(dead_code))] // only the command line shows them
    pub(super) tags: Vec<String>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) completers: Vec<(String, Completer)>,
}

impl Listed for PromptEntry {
    const KIND: &'static str = "prompts";

    fn key(&self) -> &str {
        &self.name
    }

    fn push(&self, out: &mut String, features: &Features) {
        out.push_str("{\"name\":");
        push_text(out, &self.name);
        if let Some(title) = self.title.as_ref().filter(|_| features.titles_and_meta) {
            push_member(out, "title", title);
        }
        if let Some(description) = &self.description {
            push_member(out, "description", description);
        }
        let mut before = ",\"arguments\":[";
        for parameter in &self.signature.parameters {
            if parameter.schema.is_none() {
                continue;
            }
            out.push_str(before);
            before = ",";
            out.push_str("{\"name\":");
            push_text(out, &parameter.name);
            if let Some(description) = &parameter.description {
                push_member(out, "description", description);
            }
            push_member(out, "required", &parameter.required);
            out.push('}');
        }
        if before == "," {
            out.push(']');
        }
        self.extras.push(out, features);
        out.push('}');
    }
}
