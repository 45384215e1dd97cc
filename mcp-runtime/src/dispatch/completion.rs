//! `completion/complete`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::core::{MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work};
use super::start::run;
use crate::call::{Call, CallContext, Signature};
use crate::content::Completions;
use crate::error::ToolError;
use crate::layer::{CallKind, Layer, Substitute};
use crate::mount::Mounted;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::Reference;
use crate::registry::{Completer, Listed as _, PromptEntry, ResourceEntry, Snapshot};

pub(super) fn complete(request: Request) -> Result<MethodRun, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let snapshot = request.core.registry.now();
    if !snapshot.has_completers() {
        return Err(RpcError::unknown_method("completion/complete"));
    }
    let reference = params.reference()?;
    // Read again by the parameter `Completion`, if the function has one.
    let (argument, _) = params.argument()?;
    params.context()?;
    let completed = completed(&request, &snapshot, &reference, &argument)?;
    let given = CallInput {
        signature: Arc::clone(completed.signature()),
        ..CallInput::default()
    };
    let complete = Complete {
        completed,
        name: format!("completion of `{argument}`"),
        argument,
    };
    run(request, complete, given)
}

/// Returns the component whose argument is completed.
fn completed(
    request: &Request,
    snapshot: &Snapshot,
    reference: &Reference<'_>,
    argument: &str,
) -> Result<Completed, RpcError> {
    let sight = request.sight();
    let unknown = |kind: &str, name: &str, exists: bool| {
        RpcError::invalid_params(format!("Unknown {kind}: `{name}`")).concealing(exists)
    };
    let completed = match reference {
        Reference::Prompt(name) => {
            let found = snapshot.prompt(name);
            let seen = match found {
                Some(prompt) if prompt.definition().version.is_some() => {
                    request.version(snapshot.prompt_versions(name), name)?
                }
                _ => found.filter(|prompt| sight.sees(&***prompt)),
            };
            seen.map(|prompt| Completed::Prompt(Arc::clone(prompt)))
                .ok_or_else(|| unknown("prompt", name, found.is_some()))?
        }
        Reference::Resource(uri) => {
            let found = snapshot.template(uri);
            let template = found.filter(|template| sight.sees(&***template));
            let matching = || snapshot.resource(uri, |entry| sight.sees(entry));
            let matching = || matching().map(|(resource, _)| resource);
            let exists = || found.is_some() || snapshot.resource(uri, |_| true).is_some();
            template
                .or_else(matching)
                .map(|resource| Completed::Resource(Arc::clone(resource)))
                .ok_or_else(|| unknown("resource or template", uri, exists()))?
        }
    };
    match &completed {
        Completed::Prompt(prompt) => request.authorize(&**prompt)?,
        Completed::Resource(resource) => request.authorize(&**resource)?,
    }
    let signature = completed.signature();
    if signature.position(argument).is_none() {
        return Err(RpcError::invalid_params(signature.unknown(argument)));
    }
    Ok(completed)
}

/// A component whose argument is completed.
#[derive(Clone)]
enum Completed {
    Prompt(Arc<PromptEntry>),
    Resource(Arc<ResourceEntry>),
}

impl Completed {
    fn signature(&self) -> &Arc<Signature> {
        match self {
            Self::Prompt(prompt) => &prompt.signature,
            Self::Resource(resource) => &resource.signature,
        }
    }

    /// Returns the completer of an argument, if it has one.
    fn completer(&self, argument: &str) -> Option<&Completer> {
        let completers = match self {
            Self::Prompt(prompt) => &prompt.completers,
            Self::Resource(resource) => &resource.completers,
        };
        let found = completers.iter().find(|(name, _)| name == argument);
        found.map(|(_, completer)| completer)
    }
}

/// The work of completing an argument.
#[derive(Clone)]
struct Complete {
    completed: Completed,
    name: String,
    argument: String,
}

impl Work for Complete {
    type Output = Result<Completions, ToolError>;
    const KIND: CallKind = CallKind::Complete;
    const MAY_ASK: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    fn component(&self) -> &str {
        match &self.completed {
            Completed::Prompt(prompt) => &prompt.prompt.definition.name,
            Completed::Resource(resource) => resource.template.as_str(),
        }
    }

    fn mounted(&self) -> Option<&Mounted> {
        match &self.completed {
            Completed::Prompt(prompt) => prompt.mounted(),
            Completed::Resource(resource) => resource.mounted(),
        }
    }

    fn layers(&self) -> &[Arc<dyn Layer>] {
        match &self.completed {
            Completed::Prompt(prompt) => &prompt.prompt.definition.layers,
            Completed::Resource(resource) => &resource.resource.definition.layers,
        }
    }

    fn input(&self, _: &Message) -> Result<CallInput, RpcError> {
        Ok(CallInput {
            signature: Arc::clone(self.completed.signature()),
            ..CallInput::default()
        })
    }

    fn arguments(&self, message: &Message) -> Value {
        let params = message.params().ok();
        let mut arguments = params.and_then(|it| it.context().ok()).unwrap_or_default();
        if let Some((name, value)) = params.and_then(|it| it.argument().ok()) {
            arguments.insert(name, value);
        }
        json!(arguments)
    }

    fn output_of(substitute: Substitute) -> Option<Self::Output> {
        match substitute {
            Substitute::Completions(completions) => Some(completions),
            Substitute::Error(error) => Some(Err(error)),
            _ => None,
        }
    }

    fn start(&mut self, call: Call) -> Task<Self::Output> {
        match self.completed.completer(&self.argument) {
            Some(completer) => Task::of_function(completer, Arc::new(call), Task::Output),
            None => Task::Output(Ok(Completions::default())),
        }
    }

    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome {
        match output {
            Ok(completions) => Outcome::Completion(completions),
            Err(error) => Outcome::Error(rpc_error(call, &self.name, &error)),
        }
    }
}
