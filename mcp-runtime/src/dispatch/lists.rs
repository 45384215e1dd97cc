//! The four lists: tools, prompts, resources and resource templates, page by page.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination>.

use std::sync::Arc;

use super::core::{MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work, run};
use crate::call::{Call, CallContext};
use crate::content::ResourceLink;
use crate::context::Context;
use crate::error::ToolError;
use crate::outcome::{Outcome, Page};
use crate::protocol::error::RpcError;
use crate::protocol::revision::Features;
use crate::registry::{Listing, Registry, ResourceEntry, Snapshot};
use crate::service::BoxFuture;

pub(super) fn tools(request: Request) -> Result<MethodRun, RpcError> {
    list(&request, "tools", Snapshot::has_tools, Registry::tools)
}

pub(super) fn prompts(request: Request) -> Result<MethodRun, RpcError> {
    list(
        &request,
        "prompts",
        Snapshot::has_prompts,
        Registry::prompts,
    )
}

pub(super) fn templates(request: Request) -> Result<MethodRun, RpcError> {
    let kind = "resourceTemplates";
    list(&request, kind, Snapshot::has_resources, Registry::templates)
}

/// A function that returns the page after a cursor, or `None` if the cursor is not from this list.
type FindPage = fn(&Registry, &Features, Option<&str>) -> Option<Page>;

fn list(
    request: &Request,
    kind: &'static str,
    has: fn(&Snapshot) -> bool,
    find: FindPage,
) -> Result<MethodRun, RpcError> {
    let page = page(request, has, find)?;
    Ok(MethodRun::Ready(Outcome::List(kind, page)))
}

/// Returns the requested page.
fn page(request: &Request, has: fn(&Snapshot) -> bool, find: FindPage) -> Result<Page, RpcError> {
    let registry = &request.core.registry;
    if !has(&registry.now()) {
        return Err(RpcError::unknown_method(request.message.method()));
    }
    let cursor = request.message.params()?.cursor()?;
    find(registry, request.caller.features, cursor.as_deref()).ok_or_else(|| {
        RpcError::invalid_params(
            "`params.cursor` is not a cursor of this list: start again without one",
        )
    })
}

/// Serves `resources/list`. The resources that templates list are added to the last page.
pub(super) fn resources(request: Request) -> Result<MethodRun, RpcError> {
    let page = page(&request, Snapshot::has_resources, Registry::resources)?;
    let snapshot = request.core.registry.now();
    let listers: Vec<_> = snapshot.listers().cloned().collect();
    if page.next.is_some() || listers.is_empty() {
        return Ok(MethodRun::Ready(Outcome::List("resources", page)));
    }
    run(
        request,
        ListResources { page, listers },
        CallInput::default(),
    )
}

/// The work of listing the resources of templates.
struct ListResources {
    page: Page,
    listers: Vec<Arc<ResourceEntry>>,
}

impl Work for ListResources {
    type Output = Result<Vec<ResourceLink>, ToolError>;
    const KIND: &'static str = "list";
    const MAY_ASK: bool = false;

    fn name(&self) -> &'static str {
        "list of resources"
    }

    fn start(&mut self, call: Call) -> Task<Self::Output> {
        Task::Future(list_all(std::mem::take(&mut self.listers), call))
    }

    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome {
        let links = match output {
            Ok(links) => links,
            Err(error) => return Outcome::Error(rpc_error(call, self.name(), &error)),
        };
        let mut page = std::mem::take(&mut self.page);
        for link in links.iter().filter(|link| link.has_scheme) {
            if !page.items.is_empty() {
                page.items.push(',');
            }
            link.push_definition(&mut page.items, call.caller.features);
        }
        Outcome::List("resources", page)
    }
}

fn list_all(
    listers: Vec<Arc<ResourceEntry>>,
    call: Call,
) -> BoxFuture<Result<Vec<ResourceLink>, ToolError>> {
    Box::pin(async move {
        let mut links = Vec::new();
        for lister in listers
            .iter()
            .filter_map(|entry| entry.resource.lister.as_ref())
        {
            let context = Context::of(&call.context);
            links.extend(lister.list(Listing { context }).await?);
        }
        Ok(links)
    })
}
