//! Prompts: their definitions, and the encoding of those for lists.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/prompts>.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::NeededState;
use super::complete::Completer;
use super::component_kind::ComponentKind;
use super::definition::{Definition, define};
use super::handler::Handler;
use super::list::{Form, Listed};
use super::parameter::{Parameter, specify};
use super::prompt_argument::PromptArgument;
use crate::call::{Argument, Call, Renamings, Signature};
use crate::content::{IntoPrompt, PromptOutcome, push_array, push_member, push_optional};
use crate::context::Context;
use crate::mount::Mounted;
use crate::opaque::opaque_debug;
use crate::protocol::json::push_string;
use crate::schema::{is_textual, shape};

/// A prompt: a template of messages that a user can select. `#[prompt]` makes one from a function.
///
/// ```
/// use mcp_runtime::{Prompt, PromptArgument, prelude::*};
/// use serde_json::{Value, json};
///
/// async fn explain(arguments: Value, _: Context) -> String {
///     format!("Explain {}.", arguments["term"].as_str().unwrap_or_default())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let prompt = Prompt::new("explain", [PromptArgument::new("term").description("The term.")], explain);
/// let client = Server::new("app", "1.0.0").with(prompt.description("Explain a term.")).client().await;
/// let messages = client.prompt("explain", json!({ "term": "entropy" })).await?;
/// assert_eq!(messages[0]["content"]["text"], "Explain entropy.");
/// # Ok(())
/// # }
/// ```
pub struct Prompt {
    pub(crate) definition: Definition,
    pub(super) parameters: Vec<Parameter>,
    /// The arguments of a prompt that was created at run time.
    pub(super) arguments: Vec<PromptArgument>,
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
            arguments: Vec::new(),
            handler,
        }
    }

    /// Creates a prompt at run time. The handler receives the arguments as an object whose members are strings; optional
    /// arguments may be missing.
    ///
    /// ```
    /// use mcp_runtime::serde_json::Value;
    /// use mcp_runtime::{Prompt, PromptArgument, prelude::*};
    ///
    /// let arguments = [PromptArgument::new("topic").description("The topic of the poem.")];
    /// let poem = Prompt::new("poem", arguments, |arguments: Value, _context: Context| async move {
    ///     format!("Write a poem about {}.", arguments["topic"].as_str().unwrap_or_default())
    /// })
    /// .description("Write a poem.");
    /// let server = Server::new("poems", "1.0.0").with(poem);
    /// ```
    pub fn new<F, Fut, M>(
        name: impl Into<String>,
        arguments: impl IntoIterator<Item = PromptArgument>,
        handler: F,
    ) -> Self
    where
        F: Fn(Value, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoPrompt<M>> + Send + 'static,
    {
        let handler = Handler::of_closure(handler, Call::texts, |messages| {
            messages.and_then(IntoPrompt::into_prompt)
        });
        Self {
            arguments: arguments.into_iter().collect(),
            ..Self::define(&name.into(), handler)
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
        self.definition.check_name("prompt", problems);
        self.definition.check(&place, problems);
        let parameters = std::mem::take(&mut self.parameters);
        let mut specified = specify(&place, &parameters, "arguments", false, problems);
        specified.signature.texts = true;
        for argument in std::mem::take(&mut self.arguments) {
            let (spec, completer) = argument.specify();
            if specified.signature.position(&spec.name).is_some() {
                problems.push(format!("{place}: two arguments are named `{}`", spec.name));
            }
            specified.signature.parameters.push(spec);
            specified.completers.extend(completer);
        }
        specified.check_completers(&place, problems);
        states.append(&mut specified.states);
        PromptEntry {
            prompt: self,
            signature: Arc::new(specified.signature),
            completers: specified.completers,
            renamings: Renamings::default(),
            mounted: None,
        }
    }
}

/// A prompt that is served: listed and rendered on request.
pub(crate) struct PromptEntry {
    pub(crate) prompt: Prompt,
    pub(crate) signature: Arc<Signature>,
    pub(crate) completers: Vec<(String, Completer)>,
    /// The arguments that transforms have changed.
    pub(crate) renamings: Renamings,
    pub(super) mounted: Option<Box<Mounted>>,
}

impl Listed for PromptEntry {
    const KIND: ComponentKind = ComponentKind::Prompt;

    fn key(&self) -> &str {
        &self.prompt.definition.name
    }

    fn definition(&self) -> &Definition {
        &self.prompt.definition
    }

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.mounted.as_deref()
    }

    fn push_own(&self, out: &mut String, _form: &Form) {
        let arguments: Vec<_> = self.signature.arguments().collect();
        if arguments.is_empty() {
            return;
        }
        out.push_str(",\"arguments\":");
        push_array(out, &arguments, |out, argument| {
            out.push_str("{\"name\":");
            push_string(out, argument.name);
            push_optional(out, "description", description(argument).as_ref());
            push_member(out, "required", &argument.required);
            out.push('}');
        });
    }
}

/// Returns the description of an argument for clients, which send a text. It says if the text is JSON, and of which form.
fn description(argument: &Argument<'_>) -> Option<String> {
    let schema = Some(argument.schema).filter(|schema| !is_textual(schema));
    let form = schema.map(|schema| format!("JSON of the form `{}`", shape(schema)));
    let own = argument.description.map(str::to_owned);
    let texts: Vec<String> = own.into_iter().chain(form).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}
