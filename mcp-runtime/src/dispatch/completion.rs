//! `completion/complete`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Request;
use super::run::{Given, Task, Work, run};
use super::serving::Running;
use super::tools::failed;
use crate::call::{Call, Surroundings};
use crate::context::Context;
use crate::error::ToolError;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::registry::{Completer, Completion, Completions, Snapshot};

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Reference<'a> {
    #[serde(rename = "ref/prompt")]
    Prompt { name: Cow<'a, str> },
    #[serde(rename = "ref/resource")]
    Resource { uri: Cow<'a, str> },
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
struct Known {
    #[serde(default)]
    arguments: HashMap<String, String>,
}

pub(super) fn complete(request: Request) -> Result<Running, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let snapshot = request.core.registry.now();
    if !snapshot.has_completers() {
        return Err(RpcError::unknown_method("completion/complete"));
    }
    let reference: Reference<'_> = member(params.reference(), "ref")?;
    let argument: Argument = member(params.argument(), "argument")?;
    let known: Known = match params.context() {
        Some(json) => member(Some(json), "context")?,
        None => Known::default(),
    };
    let Some(completer) = completer(&snapshot, &reference, &argument.name)? else {
        return Ok(Running::Ready(Outcome::Completion(Completions::default())));
    };
    let complete = Complete {
        completer,
        name: format!("completion of `{}`", argument.name),
        value: argument.value,
        arguments: known.arguments,
    };
    run(request, complete, Given::default())
}

fn member<'a, T: Deserialize<'a>>(json: Option<&'a str>, name: &str) -> Result<T, RpcError> {
    let json =
        json.ok_or_else(|| RpcError::invalid_params(format!("`params.{name}` is missing")))?;
    // Checked by hand because serde takes an array for an object.
    if !json.starts_with('{') {
        return Err(RpcError::invalid_params(format!(
            "`params.{name}` must be an object"
        )));
    }
    serde_json::from_str(json)
        .map_err(|error| RpcError::invalid_params(format!("`params.{name}`: {error}")))
}

fn completer(
    snapshot: &Snapshot,
    reference: &Reference<'_>,
    argument: &str,
) -> Result<Option<Completer>, RpcError> {
    let unknown =
        |kind: &str, name: &str| RpcError::invalid_params(format!("Unknown {kind}: `{name}`"));
    let (signature, completers) = match reference {
        Reference::Prompt { name } => {
            let prompt = snapshot
                .prompt(name)
                .ok_or_else(|| unknown("prompt", name))?;
            (&prompt.signature, &prompt.completers)
        }
        Reference::Resource { uri } => {
            let template = snapshot
                .template(uri)
                .ok_or_else(|| unknown("resource template", uri))?;
            (&template.signature, &template.completers)
        }
    };
    if signature.position(argument).is_none() {
        return Err(RpcError::invalid_params(signature.unknown(argument)));
    }
    let found = completers.iter().find(|(name, _)| name == argument);
    Ok(found.map(|(_, completer)| completer.clone()))
}

/// A completion of an argument.
struct Complete {
    completer: Completer,
    name: String,
    value: String,
    arguments: HashMap<String, String>,
}

impl Work for Complete {
    type Output = Result<Completions, ToolError>;
    const KIND: &'static str = "completion";

    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self, call: Call) -> Task<Self::Output> {
        Task::Future(self.completer.complete(Completion {
            value: std::mem::take(&mut self.value),
            arguments: std::mem::take(&mut self.arguments),
            context: Context::of(&call.surroundings),
        }))
    }

    fn conclude(&mut self, call: &Surroundings, output: Self::Output) -> Outcome {
        match output {
            Ok(completions) => Outcome::Completion(completions),
            Err(error) => Outcome::Error(failed(call, &self.name, &error)),
        }
    }
}
