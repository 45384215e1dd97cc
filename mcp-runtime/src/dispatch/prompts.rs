//! `prompts/get`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt>.

use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work};
use super::start::run;
use crate::call::{Arguments, Call, CallContext, Renamings, Signature, Slot, not_a_string};
use crate::content::PromptOutcome;
use crate::layer::{CallKind, Layer, Substitute};
use crate::mount::Mounted;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::json::string;
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::members;
use crate::protocol::params::Params;
use crate::protocol::text::Span;
use crate::registry::{Listed as _, PromptEntry};
use crate::schema::Mistakes;
use crate::service::Timeout;

pub(super) fn get(request: Request) -> Result<MethodRun, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let name = params.name()?;
    let snapshot = request.core.registry.now();
    let found = snapshot.prompt(&name);
    let seen = match found {
        Some(prompt) if prompt.definition().version.is_some() => {
            request.version(snapshot.prompt_versions(&name), &name)?
        }
        _ => found.filter(|prompt| request.sees(&***prompt)),
    };
    let prompt = seen.ok_or_else(|| {
        let error = request.unknown(snapshot.has_prompts(), "prompt", &name);
        error.concealing(found.is_some())
    })?;
    request.authorize(&**prompt)?;
    let given = input(prompt, message.text(), &params)?;
    run(request, Get(Arc::clone(prompt)), given)
}

fn input(prompt: &PromptEntry, message: &str, params: &Params<'_>) -> Result<CallInput, RpcError> {
    let signature = &prompt.signature;
    let (mut arguments, rejections) = arguments(signature, message, params)?;
    if !prompt.renamings.is_empty() {
        arguments.fix(signature);
    }
    Ok(CallInput {
        signature: Arc::clone(signature),
        arguments,
        rejections,
    })
}

/// Parses the arguments. On the wire they are strings, whatever types the function takes.
fn arguments(
    signature: &Signature,
    message: &str,
    params: &Params<'_>,
) -> Result<(Arguments, Vec<String>), RpcError> {
    let mut arguments = Arguments::empty(signature);
    let mut rejections = Mistakes::default();
    for (name, json) in members(params.arguments()?) {
        let Some(index) = signature.position(&name) else {
            rejections.note(|| signature.unknown(&name));
            continue;
        };
        if json == "null" {
            continue;
        }
        let text = string(json);
        if text.is_none() {
            rejections.note(|| not_a_string(&name, json));
        }
        if !matches!(arguments.slot(index), Slot::Missing | Slot::Flattened(_)) {
            rejections.note(|| format!("`{name}` is given twice"));
        }
        // An argument that is not a string is kept, so that it is not reported as missing as well.
        if signature.is_json(index) {
            arguments.add(index, &name, Span::of(message, json));
        } else {
            let text = text.unwrap_or(json.into()).into_owned();
            arguments.set(index, Slot::Text(text));
        }
    }
    Ok((arguments, rejections.told()))
}

/// The work of getting a prompt.
#[derive(Clone)]
struct Get(Arc<PromptEntry>);

impl Work for Get {
    type Output = PromptOutcome;
    const KIND: CallKind = CallKind::Prompt;

    fn name(&self) -> &str {
        &self.0.prompt.definition.name
    }

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.0.mounted()
    }

    fn is_read_only(&self) -> bool {
        // Callers of one name may have different versions.
        self.0.definition().version.is_none()
    }

    fn renamings(&self) -> Option<&Renamings> {
        Some(&self.0.renamings)
    }

    fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.0.prompt.definition.layers
    }

    fn input(&self, message: &Message) -> Result<CallInput, RpcError> {
        input(&self.0, message.text(), &message.params()?)
    }

    fn output_of(substitute: Substitute) -> Option<PromptOutcome> {
        match substitute {
            Substitute::Messages(messages) => Some(messages),
            Substitute::Error(error) => Some(Err(error)),
            _ => None,
        }
    }

    fn timeout(&self) -> Option<Timeout> {
        self.0.prompt.definition.timeout
    }

    fn start(&mut self, call: Call) -> Task<PromptOutcome> {
        Task::of(&self.0.prompt.handler, call)
    }

    fn conclude(&mut self, call: &CallContext, output: PromptOutcome) -> Outcome {
        match output {
            Ok(messages) => Outcome::Prompt {
                description: self.0.prompt.definition.description.clone(),
                messages,
            },
            Err(error) => Outcome::Error(rpc_error(call, self.name(), &error)),
        }
    }
}
