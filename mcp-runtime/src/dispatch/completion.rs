//! `completion/complete`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/completion>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::reply::{Caching, close, failure};
use super::run::{Answer, Job, Stopped, run};
use super::tools::shown;
use super::{Core, Request};
use crate::call::{Arguments, Signature};
use crate::content::push_member;
use crate::error::ToolError;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{begin_result, push_json};
use crate::protocol::params::Params;
use crate::registry::{Completer, Completion, Completions, Handler, Snapshot};
use crate::service::{Handling, Reply};

/// The most values that a reply may hold.
const MOST_VALUES: usize = 100;

/// What completes an argument, and what there is to complete. An argument that nothing completes has no completer.
pub(super) struct Found {
    completer: Option<Completer>,
    completion: Completion,
    name: String,
}

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

pub(super) fn find(core: &Core, params: &Params<'_>) -> Result<Found, RpcError> {
    let snapshot = core.registry.now();
    if !snapshot.has_completers() {
        return Err(RpcError::unknown_method("completion/complete"));
    }
    let reference: Reference<'_> = member(params.reference(), "ref")?;
    let argument: Argument = member(params.argument(), "argument")?;
    let known: Known = match params.context() {
        Some(json) => member(Some(json), "context")?,
        None => Known::default(),
    };
    Ok(Found {
        completer: completer(&snapshot, &reference, &argument.name)?,
        completion: Completion {
            value: argument.value,
            arguments: known.arguments,
            states: Arc::clone(&core.states),
        },
        name: format!("completion of `{}`", argument.name),
    })
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

type Outcome = Result<Completions, ToolError>;

pub(super) fn complete(request: Request<'_>, found: Found) -> Result<Handling, RpcError> {
    let Found {
        completer,
        completion,
        name,
    } = found;
    let job = Job {
        handler: once(move || match completer {
            Some(completer) => completer.complete(completion),
            None => Box::pin(std::future::ready(Ok(Completions::default()))),
        }),
        signature: Arc::new(Signature::default()),
        arguments: Arguments::default(),
        rejections: Vec::new(),
        name: name.clone(),
        timeout: None,
    };
    run(
        request,
        job,
        move |answer, outcome: Result<Outcome, Stopped>| match outcome {
            Ok(Ok(completions)) => reply(answer, &completions),
            Ok(Err(error)) => failure(
                &answer.id,
                &RpcError::internal(shown(&answer.core, &name, &error)),
            ),
            Err(stopped) => failure(
                &answer.id,
                &RpcError::internal(stopped.message("completion")),
            ),
        },
    )
}

/// A handler that is called once, and has what it needs already.
pub(super) fn once<R: Send + 'static>(
    function: impl FnOnce() -> crate::service::BoxFuture<R> + Send + 'static,
) -> Handler<R> {
    let function = crate::sync::Mutex::new(Some(function));
    Handler::Async(Arc::new(move |_call| {
        let function = function.lock().take();
        Box::pin(async move {
            match function {
                Some(function) => function().await,
                None => std::future::pending().await,
            }
        })
    }))
}

fn reply(answer: &Answer, completions: &Completions) -> Reply {
    let values = &completions.values;
    let shown = &values[..values.len().min(MOST_VALUES)];
    let total = completions.total.unwrap_or(values.len()).max(values.len());
    let mut text = begin_result(&answer.id);
    text.push_str("{\"completion\":{\"values\":");
    push_json(&mut text, shown);
    push_member(&mut text, "total", &total);
    push_member(&mut text, "hasMore", &(total > shown.len()));
    text.push('}');
    close(text, &answer.core, answer.features, Caching::Unsaid, None)
}
