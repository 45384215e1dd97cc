//! `completion/complete`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::collections::HashMap;
use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work, run};
use crate::call::{Call, CallContext};
use crate::content::Completions;
use crate::context::Context;
use crate::error::ToolError;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::members::Reference;
use crate::registry::{Completer, Completion, Snapshot};

pub(super) fn complete(request: Request) -> Result<MethodRun, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let snapshot = request.core.registry.now();
    if !snapshot.has_completers() {
        return Err(RpcError::unknown_method("completion/complete"));
    }
    let reference = params.reference()?;
    let (argument, value) = params.argument()?;
    let arguments = params.context()?;
    let Some(completer) = completer(&snapshot, &reference, &argument)? else {
        return Ok(MethodRun::Ready(
            Outcome::Completion(Completions::default()),
        ));
    };
    let complete = Complete {
        completer,
        name: format!("completion of `{argument}`"),
        value,
        arguments,
    };
    run(request, complete, CallInput::default())
}

fn completer(
    snapshot: &Snapshot,
    reference: &Reference<'_>,
    argument: &str,
) -> Result<Option<Completer>, RpcError> {
    let unknown =
        |kind: &str, name: &str| RpcError::invalid_params(format!("Unknown {kind}: `{name}`"));
    let (signature, completers) = match reference {
        Reference::Prompt(name) => {
            let prompt = snapshot
                .prompt(name)
                .ok_or_else(|| unknown("prompt", name))?;
            (&prompt.signature, &prompt.completers)
        }
        Reference::Resource(uri) => {
            let matching = || snapshot.resource(uri).map(|(resource, _)| resource);
            let template = snapshot
                .template(uri)
                .or_else(matching)
                .ok_or_else(|| unknown("resource or template", uri))?;
            (&template.signature, &template.completers)
        }
    };
    if signature.position(argument).is_none() {
        return Err(RpcError::invalid_params(signature.unknown(argument)));
    }
    let found = completers.iter().find(|(name, _)| name == argument);
    Ok(found.map(|(_, completer)| completer.clone()))
}

/// The work of completing an argument.
struct Complete {
    completer: Completer,
    name: String,
    value: String,
    arguments: HashMap<String, String>,
}

impl Work for Complete {
    type Output = Result<Completions, ToolError>;
    const KIND: &'static str = "completion";
    const MAY_ASK: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self, call: Call) -> Task<Self::Output> {
        Task::Future(self.completer.complete(Completion {
            value: std::mem::take(&mut self.value),
            arguments: std::mem::take(&mut self.arguments),
            context: Context::of(&call.context),
        }))
    }

    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome {
        match output {
            Ok(completions) => Outcome::Completion(completions),
            Err(error) => Outcome::Error(rpc_error(call, &self.name, &error)),
        }
    }
}
