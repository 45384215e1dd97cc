//! The four lists: tools, prompts, resources and resource templates, page by page.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination>.

use std::sync::Arc;
use std::vec;

use serde_json::{Value, json};

use super::core::{Core, MethodRun, Request};
use super::failure::rpc_error_of;
use super::run::{CallInput, Task, Work};
use super::sight::Sight;
use super::start::run;
use crate::call::{Arguments, Call, CallContext, ServerContext};
use crate::content::ResourceLink;
use crate::error::ToolError;
use crate::layer::{CallKind, Substitute};
use crate::mount::Mounted;
use crate::outcome::{Outcome, Page};
use crate::protocol::cache::Cache;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::registry::{
    ComponentView, Filter, Form, ListCaller, Listed, PageRequest, Registry, ResourceEntry, Snapshot,
};
use crate::schema::SchemaDialect;
use crate::visibility::Viewer;

pub(super) fn tools(request: Request) -> Result<MethodRun, RpcError> {
    list(request, "tools", Snapshot::has_tools, Registry::tools)
}

pub(super) fn prompts(request: Request) -> Result<MethodRun, RpcError> {
    list(request, "prompts", Snapshot::has_prompts, Registry::prompts)
}

pub(super) fn templates(request: Request) -> Result<MethodRun, RpcError> {
    let kind = "resourceTemplates";
    list(request, kind, Snapshot::has_resources, Registry::templates)
}

/// A function that returns the page after a cursor, or `None` if the cursor is not from this list.
type FindPage = fn(&Registry, &PageRequest<'_>) -> Option<Page>;

pub(super) fn list(
    request: Request,
    kind: &'static str,
    has: fn(&Snapshot) -> bool,
    find: FindPage,
) -> Result<MethodRun, RpcError> {
    let page = page(&request, has, find)?;
    listed(request, kind, page, Vec::new())
}

/// Returns the requested page.
fn page(request: &Request, has: fn(&Snapshot) -> bool, find: FindPage) -> Result<Page, RpcError> {
    let page = requested(request, has, find)?;
    let mut page = page.ok_or_else(|| RpcError::invalid_params(INVALID_CURSOR))?;
    // Other clients of the same server receive other schemas.
    page.is_private |= request.core.dialect == Some(SchemaDialect::ByClient);
    Ok(page)
}

/// Calls `find` with the page that is requested. The method is unknown if the server does not have what it lists.
pub(super) fn requested<R>(
    request: &Request,
    has: fn(&Snapshot) -> bool,
    find: impl FnOnce(&Registry, &PageRequest<'_>) -> R,
) -> Result<R, RpcError> {
    let registry = &request.core.registry;
    if !has(&registry.now()) {
        return Err(RpcError::unknown_method(request.message.method()));
    }
    let cursor = request.message.params()?.cursor()?;
    let sight = request.sight();
    let allows = |component: &ComponentView<'_>| sight.allows(component);
    let filter: Filter<'_> = &allows;
    let permits = |scopes: &[String], mounted: Option<&Mounted>| {
        let access = request.core.access_of(mounted);
        access.suffices(request.origin.scopes(), scopes)
    };
    let page = PageRequest {
        form: Form {
            features: request.caller.features,
            dialect: request.dialect(),
        },
        cursor: cursor.as_deref(),
        caller: ListCaller {
            filter: sight.is_limited().then_some(filter),
            permits: &permits,
        },
    };
    Ok(find(registry, &page))
}

pub(super) const INVALID_CURSOR: &str =
    "`params.cursor` is not a cursor of this list: start again without one";

/// Serves `resources/list`. The resources that templates list are added to the last page.
pub(super) fn resources(request: Request) -> Result<MethodRun, RpcError> {
    let mut page = page(&request, Snapshot::has_resources, Registry::resources)?;
    let snapshot = request.core.registry.now();
    let seen = snapshot.listers().filter(|entry| request.sees(&***entry));
    let mut listers: Vec<_> = seen.cloned().collect();
    let depends = |entry: &Arc<ResourceEntry>| {
        entry.lists_for_caller || !entry.definition().scopes.is_empty()
    };
    page.is_private |= listers.iter().any(depends);
    // What a function lists is data, which needs the scopes of the template.
    listers.retain(|entry| request.core.permits(&request.origin, &**entry));
    if page.next.is_some() {
        listers.clear();
    }
    listed(request, "resources", page, listers)
}

/// Returns the page with the resources that functions list, and runs the layers of the server.
pub(super) fn listed(
    request: Request,
    kind: &'static str,
    page: Page,
    listers: Vec<Arc<ResourceEntry>>,
) -> Result<MethodRun, RpcError> {
    if listers.is_empty() && request.core.layers.is_empty() {
        return Ok(MethodRun::Ready(Outcome::List(kind, page)));
    }
    let method = request.message.method().to_owned();
    let list = ListPage {
        core: Arc::clone(&request.core),
        kind,
        method,
        page,
        listers,
    };
    run(request, list, CallInput::default())
}

/// The work of a list.
#[derive(Clone)]
struct ListPage {
    core: Arc<Core>,
    kind: &'static str,
    method: String,
    page: Page,
    /// The templates that list their resources, after those of the page.
    listers: Vec<Arc<ResourceEntry>>,
}

impl Work for ListPage {
    type Output = Result<Vec<ResourceLink>, ListFailure>;
    const KIND: CallKind = CallKind::List;
    const MAY_ASK: bool = false;

    fn name(&self) -> &str {
        &self.method
    }

    fn cache(&self, core: &Core) -> Option<Cache> {
        // What a caller sees may depend on more than its identity.
        core.identity.cache.filter(|_| !self.page.is_private)
    }

    fn input(&self, _: &Message) -> Result<CallInput, RpcError> {
        Ok(CallInput::default())
    }

    fn arguments(&self, message: &Message) -> Value {
        let mut arguments = json!({});
        let Ok(params) = message.params() else {
            return arguments;
        };
        if let Some(cursor) = params.cursor().ok().flatten() {
            arguments["cursor"] = cursor.into();
        }
        if let Ok(uri) = params.uri() {
            arguments["uri"] = uri.into();
        }
        arguments
    }

    fn output_of(substitute: Substitute) -> Option<Self::Output> {
        match substitute {
            Substitute::Error(error) => Some(Err(ListFailure {
                error,
                server: None,
            })),
            _ => None,
        }
    }

    fn list(&mut self, definitions: &[Value]) -> Outcome {
        let mut page = Page {
            #[cfg(feature = "skills")]
            is_single: self.page.is_single,
            ..Page::default()
        };
        page.set_definitions(definitions);
        Outcome::List(self.kind, page)
    }

    fn start(&mut self, call: Call) -> Task<Self::Output> {
        let listers = std::mem::take(&mut self.listers);
        list_all(
            Arc::clone(&self.core),
            listers.into_iter(),
            call.context,
            Vec::new(),
        )
    }

    fn conclude(&mut self, call: &CallContext, output: Self::Output) -> Outcome {
        let links = match output {
            Ok(links) => links,
            Err(ListFailure { error, server }) => {
                let server = server.as_ref().unwrap_or(&call.server);
                return Outcome::Error(rpc_error_of(server, call, self.name(), &error));
            }
        };
        let mut page = std::mem::take(&mut self.page);
        let core = &self.core;
        let sight = Sight::new(core, || {
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
        Outcome::List(self.kind, page)
    }
}

/// The error of a listing function.
struct ListFailure {
    error: ToolError,
    /// The mounted server that the function belongs to.
    server: Option<Arc<ServerContext>>,
}

/// Runs the functions of the remaining templates, one after another.
fn list_all(
    core: Arc<Core>,
    mut listers: vec::IntoIter<Arc<ResourceEntry>>,
    context: Arc<CallContext>,
    mut links: Vec<ResourceLink>,
) -> Task<Result<Vec<ResourceLink>, ListFailure>> {
    let next = listers.find_map(|entry| Some((entry.resource.lister.clone()?, entry)));
    let Some((lister, entry)) = next else {
        return Task::Output(Ok(links));
    };
    let home = entry.mounted().and_then(|mounted| core.home(mounted));
    let server = home.map(|home| Arc::clone(&home.context));
    let mut call = Call::new(
        Arc::clone(&context),
        Arc::default(),
        Arguments::default(),
        Vec::new(),
    );
    call.server.clone_from(&server);
    Task::of_function(&lister, Arc::new(call), move |listed| match listed {
        Ok(more) => {
            links.extend(outer_links(&core, &entry, more));
            list_all(core, listers, context, links)
        }
        Err(error) => Task::Output(Err(ListFailure { error, server })),
    })
}

/// Returns links with the URIs that clients know.
fn outer_links(
    core: &Core,
    entry: &ResourceEntry,
    mut links: Vec<ResourceLink>,
) -> Vec<ResourceLink> {
    let mounted = entry.mounted();
    if let Some((mounted, home)) = mounted.and_then(|mounted| Some((mounted, core.home(mounted)?)))
    {
        for link in &mut links {
            link.uri = home.outer_uri(mounted, &link.uri);
        }
    }
    links
}
