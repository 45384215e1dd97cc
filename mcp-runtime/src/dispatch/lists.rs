//! The four lists: tools, prompts, resources and resource templates, page by page.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination>.

use std::sync::Arc;

use super::caller::Caller;
use super::completion::once;
use super::reply::{Caching, close, failure};
use super::run::{Answer, Job, Stopped, run};
use super::tools::shown;
use super::{Core, Request, Route};
use crate::call::{Arguments, Signature};
use crate::content::{ResourceLink, push_member};
use crate::error::ToolError;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::begin_result;
use crate::protocol::params::Params;
use crate::protocol::revision::Features;
use crate::registry::{Listing, Page, ResourceEntry};
use crate::service::{Handling, Reply};

pub(super) fn tools(
    core: &Core,
    id: &Id,
    caller: &Caller,
    params: &Params<'_>,
) -> Result<Reply, RpcError> {
    if !core.registry.now().has_tools() {
        return Err(RpcError::unknown_method("tools/list"));
    }
    let page = page(params, |cursor| {
        core.registry.tools(caller.features, cursor)
    })?;
    Ok(reply(core, id, caller.features, "tools", &page))
}

pub(super) fn prompts(
    core: &Core,
    id: &Id,
    caller: &Caller,
    params: &Params<'_>,
) -> Result<Reply, RpcError> {
    if !core.registry.now().has_prompts() {
        return Err(RpcError::unknown_method("prompts/list"));
    }
    let page = page(params, |cursor| {
        core.registry.prompts(caller.features, cursor)
    })?;
    Ok(reply(core, id, caller.features, "prompts", &page))
}

pub(super) fn templates(
    core: &Core,
    id: &Id,
    caller: &Caller,
    params: &Params<'_>,
) -> Result<Reply, RpcError> {
    if !core.registry.now().has_resources() {
        return Err(RpcError::unknown_method("resources/templates/list"));
    }
    let page = page(params, |cursor| {
        core.registry.templates(caller.features, cursor)
    })?;
    Ok(reply(core, id, caller.features, "resourceTemplates", &page))
}

/// The last page of the resources, to which templates add those that they list themselves.
pub(super) struct Dynamic {
    page: Page,
    listers: Vec<Arc<ResourceEntry>>,
}

pub(super) fn resources(
    core: &Core,
    id: &Id,
    caller: &Caller,
    params: &Params<'_>,
) -> Result<Route, RpcError> {
    let snapshot = core.registry.now();
    if !snapshot.has_resources() {
        return Err(RpcError::unknown_method("resources/list"));
    }
    let page = page(params, |cursor| {
        core.registry.resources(caller.features, cursor)
    })?;
    let listers: Vec<_> = snapshot.listers().cloned().collect();
    if page.next.is_some() || listers.is_empty() {
        return Ok(Route::Answer(reply(
            core,
            id,
            caller.features,
            "resources",
            &page,
        )));
    }
    Ok(Route::Resources(Dynamic { page, listers }))
}

pub(super) fn list_resources(request: Request<'_>, found: Dynamic) -> Result<Handling, RpcError> {
    let Dynamic { mut page, listers } = found;
    let states = Arc::clone(&request.core.states);
    let job = Job {
        handler: once(move || {
            Box::pin(async move {
                let mut links = Vec::new();
                for lister in listers.iter().filter_map(|entry| entry.lister.as_ref()) {
                    let listing = Listing {
                        states: Arc::clone(&states),
                    };
                    links.extend(lister.list(listing).await?);
                }
                Ok(links)
            })
        }),
        signature: Arc::new(Signature::default()),
        arguments: Arguments::default(),
        rejections: Vec::new(),
        name: "list of resources".to_owned(),
        timeout: None,
    };
    let finish =
        move |answer: &Answer, outcome: Result<Result<Vec<ResourceLink>, ToolError>, Stopped>| {
            let error = match outcome {
                Ok(Ok(links)) => {
                    for link in links {
                        if !page.items.is_empty() {
                            page.items.push(',');
                        }
                        link.push_definition(&mut page.items, answer.features);
                    }
                    return reply(
                        &answer.core,
                        &answer.id,
                        answer.features,
                        "resources",
                        &page,
                    );
                }
                Ok(Err(error)) => shown(&answer.core, "list of resources", &error),
                Err(stopped) => stopped.message("list"),
            };
            failure(&answer.id, &RpcError::internal(error))
        };
    run(request, job, finish)
}

/// The page that the client asks for.
fn page(
    params: &Params<'_>,
    find: impl FnOnce(Option<&str>) -> Option<Page>,
) -> Result<Page, RpcError> {
    let cursor = params.cursor()?;
    find(cursor.as_deref()).ok_or_else(|| {
        RpcError::invalid_params(
            "`params.cursor` is none that this list gave: begin again without one",
        )
    })
}

fn reply(core: &Core, id: &Id, features: &Features, kind: &str, page: &Page) -> Reply {
    let mut text = begin_result(id);
    text.push_str("{\"");
    text.push_str(kind);
    text.push_str("\":[");
    text.push_str(&page.items);
    text.push(']');
    if let Some(next) = &page.next {
        push_member(&mut text, "nextCursor", next);
    }
    close(text, core, features, Caching::Server, None)
}
