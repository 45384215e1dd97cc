//! The four lists: tools, prompts, resources and resource templates, page by page.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination>.

use std::sync::Arc;

use super::core::{Core, MethodRun, Request};
use super::failure::rpc_error;
use super::run::{CallInput, Task, Work, run};
use crate::call::{Call, CallContext};
use crate::content::ResourceLink;
use crate::error::ToolError;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::registry::{
    ComponentView, Filter, Page, PageRequest, Registry, ResourceEntry, Snapshot,
};
use crate::service::BoxFuture;
use crate::visibility::{Sight, Viewer};

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
type FindPage = fn(&Registry, &PageRequest<'_>) -> Option<Page>;

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
    let sight = request.sight();
    let allows = |component: &ComponentView<'_>| sight.allows(component);
    let filter: Filter<'_> = &allows;
    let page = PageRequest {
        features: request.caller.features,
        cursor: cursor.as_deref(),
        filter: sight.is_limited().then_some(filter),
    };
    find(registry, &page).ok_or_else(|| RpcError::invalid_params(INVALID_CURSOR))
}

const INVALID_CURSOR: &str =
    "`params.cursor` is not a cursor of this list: start again without one";

/// Serves `resources/list`. The resources that templates list are added to the last page.
pub(super) fn resources(request: Request) -> Result<MethodRun, RpcError> {
    let mut page = page(&request, Snapshot::has_resources, Registry::resources)?;
    let snapshot = request.core.registry.now();
    let seen = snapshot.listers().filter(|entry| request.sees(&***entry));
    let listers: Vec<_> = seen.cloned().collect();
    page.is_private |= listers.iter().any(|entry| entry.lists_for_caller);
    if page.next.is_some() || listers.is_empty() {
        return Ok(MethodRun::Ready(Outcome::List("resources", page)));
    }
    let list = ListResources {
        core: Arc::clone(&request.core),
        page,
        listers,
    };
    run(request, list, CallInput::default())
}

/// The work of listing the resources of templates.
struct ListResources {
    core: Arc<Core>,
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
        let core = &self.core;
        let sight = Sight::new(&core.visibility, || {
            Viewer::new(
                &core.context,
                &call.caller,
                &call.origin,
                Some(&call.message),
            )
        });
        let is_shown = |link: &&ResourceLink| link.has_scheme && core.shows(&sight, &link.uri);
        for link in links.iter().filter(is_shown) {
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
    let call = Arc::new(call);
    Box::pin(async move {
        let mut links = Vec::new();
        for lister in listers
            .iter()
            .filter_map(|entry| entry.resource.lister.as_ref())
        {
            links.extend(lister.run(Arc::clone(&call)).await?);
        }
        Ok(links)
    })
}
