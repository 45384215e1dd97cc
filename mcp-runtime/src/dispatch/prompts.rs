//! `prompts/get`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/prompts#getting-a-prompt>.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::reply::{Caching, close, failure};
use super::run::{Answer, Job, Stopped, run};
use super::tools::failed;
use super::{Core, Request};
use crate::call::{Arguments, Signature, Slot, not_a_string};
use crate::content::{Message, PromptOutcome, push_array, push_member};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::begin_result;
use crate::protocol::params::{Params, text};
use crate::registry::PromptEntry;
use crate::service::{Handling, Reply};

/// A prompt and its arguments.
pub(super) struct Found {
    prompt: Arc<PromptEntry>,
    arguments: Arguments,
    rejections: Vec<String>,
}

pub(super) fn find(core: &Core, params: &Params<'_>) -> Result<Found, RpcError> {
    let name = params.name()?;
    let snapshot = core.registry.now();
    let prompt = snapshot.prompt(&name).ok_or_else(|| {
        if snapshot.has_prompts() {
            RpcError::invalid_params(format!("Unknown prompt: `{name}`"))
        } else {
            RpcError::unknown_method("prompts/get")
        }
    })?;
    let (arguments, rejections) = arguments(&prompt.signature, params)?;
    Ok(Found {
        prompt: Arc::clone(prompt),
        arguments,
        rejections,
    })
}

/// The arguments, which are texts on the wire whatever the function takes.
fn arguments(
    signature: &Signature,
    params: &Params<'_>,
) -> Result<(Arguments, Vec<String>), RpcError> {
    let mut arguments = Arguments::empty(signature);
    let mut rejections = Vec::new();
    let Some(json) = params.arguments().filter(|json| *json != "null") else {
        return Ok((arguments, rejections));
    };
    let given: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json)
        .map_err(|error| RpcError::invalid_params(format!("`params.arguments`: {error}")))?;
    for (name, value) in given {
        match (signature.position(&name), text(value.get())) {
            (None, _) => rejections.push(signature.unknown(&name)),
            (Some(index), Some(text)) => arguments.set(index, Slot::Text(text.into_owned())),
            (Some(_), None) if value.get() == "null" => {}
            (Some(index), None) => {
                rejections.push(not_a_string(&name, value.get()));
                // So that it is not said to be missing as well.
                arguments.set(index, Slot::Text(value.get().to_owned()));
            }
        }
    }
    Ok((arguments, rejections))
}

pub(super) fn get(request: Request<'_>, found: Found) -> Result<Handling, RpcError> {
    let prompt = found.prompt;
    let job = Job {
        handler: prompt.handler.clone(),
        signature: Arc::clone(&prompt.signature),
        arguments: found.arguments,
        rejections: found.rejections,
        name: prompt.definition.name.clone(),
        timeout: prompt.definition.timeout,
    };
    run(request, job, move |answer, outcome| {
        match messages(answer, &prompt, outcome) {
            Ok(messages) => reply(answer, &prompt, &messages),
            Err(error) => failure(&answer.id, &error),
        }
    })
}

fn messages(
    answer: &Answer,
    prompt: &PromptEntry,
    outcome: Result<PromptOutcome, Stopped>,
) -> Result<Vec<Message>, RpcError> {
    match outcome {
        Ok(Ok(messages)) => Ok(messages),
        Ok(Err(error)) => Err(failed(answer, &prompt.definition.name, &error)),
        Err(stopped) => Err(RpcError::internal(stopped.message("prompt"))),
    }
}

fn reply(answer: &Answer, prompt: &PromptEntry, messages: &[Message]) -> Reply {
    let mut text = begin_result(&answer.id);
    text.push_str("{\"messages\":");
    push_array(&mut text, messages, |text, message| {
        message.push(text, answer.features);
    });
    if let Some(description) = &prompt.definition.description {
        push_member(&mut text, "description", description);
    }
    close(text, &answer.core, answer.features, Caching::Unsaid, None)
}
