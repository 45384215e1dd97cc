//! `resources/read`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/resources#reading-resources>.

use std::sync::Arc;

use serde_json::Value;

use super::core::{Core, MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work};
use super::start::run;
use super::versions;
use crate::call::{Arguments, Call, CallContext, Slot};
use crate::content::ResourceOutcome;
use crate::layer::{CallKind, Layer, Substitute};
use crate::mount::Mounted;
use crate::outcome::Outcome;
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::registry::{Listed as _, ResourceEntry};
use crate::service::Timeout;

pub(super) fn read(request: Request) -> Result<MethodRun, RpcError> {
    let message = Arc::clone(&request.message);
    let params = message.params()?;
    let uri = params.uri()?;
    let (entry, arguments) = look_up(&request, "resources/read", &uri)?;
    let cache = if params.is_retry() {
        // The contents depend on answers, which are not part of the cache key.
        Cache::stale(CacheScope::Private)
    } else {
        let cache = entry.cache(default_cache(&request.core, &entry));
        // A shared cache does not know who may see or read the resource.
        let is_open = entry.definition().scopes.is_empty();
        if is_open && request.core.visibility.is_total() {
            cache
        } else {
            cache.private()
        }
    };
    let inner_uris = entry
        .mounted()
        .map_or_else(Vec::new, |mounted| mounted.inner_uris(&uri));
    let given = input(
        &entry,
        arguments,
        inner_uris.last().map_or(&*uri, String::as_str),
    );
    let read = Read {
        entry,
        inner_uris,
        uri: uri.into_owned(),
        cache,
    };
    run(request, read, given)
}

/// Returns the cache hint of the server that a resource belongs to.
fn default_cache(core: &Core, entry: &ResourceEntry) -> Option<Cache> {
    let home = entry.mounted().and_then(|mounted| core.home(mounted));
    let server = home.and_then(|home| home.servers.last());
    server.map_or(core.identity.cache, |server| server.identity.cache)
}

/// Returns the input of a handler. `uri` is the one in the server of the handler.
fn input(entry: &ResourceEntry, mut arguments: Arguments, uri: &str) -> CallInput {
    if entry.resource.relayed {
        let position = entry.signature.parameters.len().saturating_sub(1);
        arguments.set(position, Slot::Text(uri.to_owned()));
    }
    CallInput {
        signature: Arc::clone(&entry.signature),
        arguments,
        rejections: Vec::new(),
    }
}

/// Returns an error if no resource or template that the caller sees matches this URI, or if the caller lacks its scopes.
pub(super) fn check(request: &Request, uri: &str) -> Result<(), RpcError> {
    look_up(request, "resources/subscribe", uri).map(|_| ())
}

fn look_up(
    request: &Request,
    method: &str,
    uri: &str,
) -> Result<(Arc<ResourceEntry>, Arguments), RpcError> {
    let snapshot = request.core.registry.now();
    let sight = request.sight();
    let wanted = if snapshot.has_resource_versions() {
        versions::wanted(&request.message)?
    } else {
        None
    };
    let has_version = |entry: &ResourceEntry| {
        let all = || snapshot.resource_versions(entry);
        entry.definition().version.is_none()
            || request.has_version(&sight, all(), entry, wanted.as_deref())
    };
    let sees = |entry: &ResourceEntry| sight.sees(entry) && has_version(entry);
    let Some((resource, arguments)) = snapshot.resource(uri, sees) else {
        return Err(if snapshot.has_resources() {
            let exists = sight.is_limited() && snapshot.resource(uri, |_| true).is_some();
            let code = request.caller.features.resource_not_found;
            RpcError::resource_not_found(code, uri).concealing(exists)
        } else {
            RpcError::unknown_method(method)
        });
    };
    request.authorize(&**resource)?;
    let arguments = arguments.map_err(|reason| refused(uri, &reason))?;
    Ok((Arc::clone(resource), arguments))
}

/// Returns the error for a URI whose variables are refused.
fn refused(uri: &str, reason: &str) -> RpcError {
    RpcError::invalid_params(format!("This URI is refused: {reason}"))
        .with_data(serde_json::json!({ "uri": uri }))
}

/// The work of reading a resource.
#[derive(Clone)]
struct Read {
    entry: Arc<ResourceEntry>,
    uri: String,
    /// The URI in each of the mounted servers that the resource is reached through.
    inner_uris: Vec<String>,
    cache: Cache,
}

impl Work for Read {
    type Output = ResourceOutcome;
    const KIND: CallKind = CallKind::Resource;

    fn name(&self) -> &str {
        self.entry.template.as_str()
    }

    fn uri(&self, level: usize) -> Option<&str> {
        let inner = level.checked_sub(1);
        let inner = inner.and_then(|index| self.inner_uris.get(index));
        Some(inner.unwrap_or(&self.uri))
    }

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.entry.mounted()
    }

    fn layers(&self) -> &[Arc<dyn Layer>] {
        &self.entry.resource.definition.layers
    }

    fn cache(&self, _: &Core) -> Option<Cache> {
        Some(self.cache)
    }

    fn input(&self, _: &Message) -> Result<CallInput, RpcError> {
        let arguments = match self.entry.match_uri(&self.uri) {
            Some(arguments) => arguments.map_err(|reason| refused(&self.uri, &reason))?,
            // A concrete resource, read at an equivalent URI.
            None => Arguments::empty(&self.entry.signature),
        };
        let uri = self.inner_uris.last().unwrap_or(&self.uri);
        Ok(input(&self.entry, arguments, uri))
    }

    fn arguments(&self, _: &Message) -> Value {
        let arguments = self.entry.match_uri(&self.uri).and_then(Result::ok);
        arguments
            .unwrap_or_default()
            .texts_as_json(&self.entry.signature)
    }

    fn output_of(substitute: Substitute) -> Option<ResourceOutcome> {
        match substitute {
            Substitute::Contents(contents) => Some(contents),
            Substitute::Error(error) => Some(Err(error)),
            _ => None,
        }
    }

    fn timeout(&self) -> Option<Timeout> {
        self.entry.resource.definition.timeout
    }

    fn start(&mut self, call: Call) -> Task<ResourceOutcome> {
        Task::of(&self.entry.resource.handler, call)
    }

    fn conclude(&mut self, call: &CallContext, output: ResourceOutcome) -> Outcome {
        match output {
            Ok(Some(mut contents)) => {
                if let Some(page) = &self.entry.page {
                    page.complete(&self.uri, &mut contents);
                }
                Outcome::Read {
                    mime: self.entry.resource.mime.clone(),
                    uri: std::mem::take(&mut self.uri),
                    contents,
                    cache: self.cache,
                }
            }
            Ok(None) => {
                let code = call.caller.features.resource_not_found;
                Outcome::Error(RpcError::resource_not_found(code, &self.uri))
            }
            Err(error) => Outcome::Error(rpc_error(call, self.name(), &error)),
        }
    }
}
