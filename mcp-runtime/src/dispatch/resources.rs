//! `resources/read`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources>.

use std::sync::Arc;

use super::caller::Caller;
use super::reply::{Caching, close, failure};
use super::run::{Answer, Job, Stopped, run};
use super::tools::failed;
use super::{Core, Request};
use crate::call::Arguments;
use crate::content::{Contents, ResourceOutcome, push_array};
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::begin_result;
use crate::protocol::params::Params;
use crate::registry::ResourceEntry;
use crate::service::{Handling, Reply};

/// A resource and the variables of its URI.
pub(super) struct Found {
    resource: Arc<ResourceEntry>,
    arguments: Arguments,
    uri: String,
    /// Whether somebody answered questions for it.
    answered: bool,
}

pub(super) fn find(core: &Core, caller: &Caller, params: &Params<'_>) -> Result<Found, RpcError> {
    let uri = params.uri()?;
    let (resource, arguments) = look_up(core, caller, "resources/read", &uri)?;
    Ok(Found {
        resource,
        arguments,
        uri: uri.into_owned(),
        answered: params.is_retry(),
    })
}

/// Whether there is a resource, or a template, for this URI.
pub(super) fn check(core: &Core, caller: &Caller, uri: &str) -> Result<(), RpcError> {
    look_up(core, caller, "resources/subscribe", uri).map(|_| ())
}

fn look_up(
    core: &Core,
    caller: &Caller,
    method: &str,
    uri: &str,
) -> Result<(Arc<ResourceEntry>, Arguments), RpcError> {
    let snapshot = core.registry.now();
    let Some((resource, arguments)) = snapshot.resource(uri) else {
        return Err(if snapshot.has_resources() {
            not_found(caller.features.resource_not_found, uri)
        } else {
            RpcError::unknown_method(method)
        });
    };
    let arguments = arguments.map_err(|reason| {
        RpcError::invalid_params(format!("This URI is refused: {reason}"))
            .with_data(serde_json::json!({ "uri": uri }))
    })?;
    Ok((Arc::clone(resource), arguments))
}

fn not_found(code: i32, uri: &str) -> RpcError {
    RpcError::resource_not_found(code, uri)
}

pub(super) fn read(request: Request<'_>, found: Found) -> Result<Handling, RpcError> {
    let Found {
        resource,
        arguments,
        uri,
        answered,
    } = found;
    let job = Job {
        handler: resource.handler.clone(),
        signature: Arc::clone(&resource.signature),
        arguments,
        rejections: Vec::new(),
        name: resource.template.as_str().to_owned(),
        timeout: resource.definition.timeout,
    };
    run(request, job, move |answer, outcome| {
        match contents(answer, &resource, &uri, outcome) {
            Ok(contents) => {
                let cache = if answered {
                    // It is made of answers that are no part of what caches know it by.
                    Cache::stale(CacheScope::Private)
                } else {
                    resource.cache(answer.core.identity.cache)
                };
                let mime = resource.mime.as_deref();
                reply(answer, mime, &uri, &contents, cache)
            }
            Err(error) => failure(&answer.id, &error),
        }
    })
}

fn contents(
    answer: &Answer,
    resource: &ResourceEntry,
    uri: &str,
    outcome: Result<ResourceOutcome, Stopped>,
) -> Result<Contents, RpcError> {
    match outcome {
        Ok(Ok(Some(contents))) => Ok(contents),
        Ok(Ok(None)) => Err(not_found(answer.features.resource_not_found, uri)),
        Ok(Err(error)) => Err(failed(answer, resource.template.as_str(), &error)),
        Err(stopped) => Err(RpcError::internal(stopped.message("resource"))),
    }
}

fn reply(
    answer: &Answer,
    mime: Option<&str>,
    uri: &str,
    contents: &Contents,
    cache: Cache,
) -> Reply {
    let mut text = begin_result(&answer.id);
    text.push_str("{\"contents\":");
    push_array(&mut text, contents, |text, part| {
        part.push(text, uri, mime, answer.features);
    });
    close(
        text,
        &answer.core,
        answer.features,
        Caching::Said(cache),
        None,
    )
}
