//! The registry of a server's components, and immutable snapshots of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use mcp_grammar::near::nearest;

use super::NeededState;
use super::component_kind::ComponentKind;
use super::components::{Component, Components};
#[cfg(feature = "cli")]
use super::definition::Definition;
use super::list::{Filter, Form, List, Listed};
use super::prompt::PromptEntry;
use super::resource::ResourceEntry;
use super::tool::ToolEntry;
use super::tool_index::ToolIndex;
use crate::bus::ChangedComponent;
use crate::call::Arguments;
use crate::outcome::Page;
use crate::search::ToolSearch;
use crate::sync::RwLock;
use crate::uri_template::normal;

/// Returns the change of a list by this entry.
fn changed(entry: &impl Listed) -> ChangedComponent {
    ChangedComponent {
        name: entry.key().to_owned(),
        tags: entry.definition().tags.clone(),
        hiding_scopes: entry.definition().hiding_scopes().to_vec(),
    }
}

/// The components of a server, which may change while the server is running.
pub(crate) struct Registry {
    now: RwLock<Arc<Snapshot>>,
    page_size: usize,
}

/// An immutable set of components. A request uses one snapshot from beginning to end.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    next_order: u64,
    /// The kinds that the server declares as capabilities. A kind remains when its last component is removed, because clients
    /// read the capabilities only once.
    offers: BTreeSet<ComponentKind>,
    /// `true` if there is or was an argument that can be completed.
    completes: bool,
    tools: List<ToolEntry>,
    /// `None` if clients see all tools in their list.
    tool_search: Option<Arc<ToolSearch>>,
    tool_index: ToolIndex,
    resources: List<ResourceEntry>,
    templates: List<ResourceEntry>,
    prompts: List<PromptEntry>,
}

/// A snapshot under construction, with the states it needs and the problems found.
struct Draft {
    snapshot: Snapshot,
    states: Vec<(String, NeededState)>,
    problems: Vec<String>,
}

impl Registry {
    /// Builds a registry from components. `has_state` returns `true` for the states that the server has.
    ///
    /// # Errors
    /// Returns all problems of the components.
    pub(crate) fn build(
        mut components: Components,
        page_size: usize,
        tool_search: Option<ToolSearch>,
        has_state: impl Fn(&NeededState) -> bool,
    ) -> Result<Self, Vec<String>> {
        if components.all.is_empty() && components.problems.is_empty() {
            components.problem(NO_COMPONENT.to_owned());
        }
        let empty = Snapshot {
            tool_search: tool_search.map(Arc::new),
            ..Snapshot::default()
        };
        let registry = Self {
            now: RwLock::new(Arc::new(empty)),
            page_size,
        };
        registry.add(components, has_state)?;
        registry.now().check_always_visible()?;
        Ok(registry)
    }

    pub(crate) fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.now.read())
    }

    /// Adds components while the server is running.
    ///
    /// # Errors
    /// Returns all problems of the components. None is added then.
    pub(crate) fn add(
        &self,
        components: Components,
        has_state: impl Fn(&NeededState) -> bool,
    ) -> Result<(), Vec<String>> {
        let mut now = self.now.write();
        let mut draft = Draft {
            snapshot: Snapshot::clone(&now),
            states: Vec::new(),
            problems: components.problems,
        };
        components.all.into_iter().for_each(|it| draft.add(it));
        draft.check_states(has_state);
        draft.check_interfaces(now.next_order);
        if !draft.problems.is_empty() {
            return Err(draft.problems);
        }
        *now = Arc::new(draft.snapshot);
        Ok(())
    }

    /// Removes a tool, prompt or resource by name or URI, and returns its change, if it exists.
    pub(crate) fn remove(&self, kind: ComponentKind, key: &str) -> Option<ChangedComponent> {
        let mut now = self.now.write();
        let mut next = Snapshot::clone(&now);
        if kind == ComponentKind::Tool && next.is_own_tool(key) {
            return None;
        }
        let removed = match kind {
            ComponentKind::Tool => next.tools.remove(key).map(|it| changed(&*it)),
            ComponentKind::Prompt => next.prompts.remove(key).map(|it| changed(&*it)),
            ComponentKind::Resource => {
                let removed = next.resources.remove(&normal(key));
                let removed = removed.or_else(|| next.templates.remove(key));
                removed.map(|it| changed(&*it))
            }
        }?;
        *now = Arc::new(next);
        Some(removed)
    }

    /// Replaces all components.
    #[cfg(feature = "cli")]
    pub(crate) fn replace(&self, components: Snapshot) {
        *self.now.write() = Arc::new(components);
    }

    /// Returns a page of tools, or `None` if the cursor is invalid.
    pub(crate) fn tools(&self, page: &PageRequest<'_>) -> Option<Page> {
        self.page("tools", &self.now().tools, page)
    }

    /// Returns a page of resources, or `None` if the cursor is invalid.
    pub(crate) fn resources(&self, page: &PageRequest<'_>) -> Option<Page> {
        self.page("resources", &self.now().resources, page)
    }

    /// Returns a page of resource templates, or `None` if the cursor is invalid.
    pub(crate) fn templates(&self, page: &PageRequest<'_>) -> Option<Page> {
        self.page("templates", &self.now().templates, page)
    }

    /// Returns a page of prompts, or `None` if the cursor is invalid.
    pub(crate) fn prompts(&self, page: &PageRequest<'_>) -> Option<Page> {
        self.page("prompts", &self.now().prompts, page)
    }

    fn page<T: Listed>(&self, name: &str, list: &List<T>, page: &PageRequest<'_>) -> Option<Page> {
        list.page(name, &page.form, self.page_size, page.cursor, page.filter)
    }
}

/// The request for a page of a list.
pub(crate) struct PageRequest<'r> {
    pub(crate) form: Form,
    /// The cursor; `None` for the first page.
    pub(crate) cursor: Option<&'r str>,
    /// The components that the caller sees; `None` if it sees all.
    pub(crate) filter: Option<Filter<'r>>,
}

/// The problem of a server without components, with its usual cause.
const NO_COMPONENT: &str = "the server has no component. Components in `src/lib.rs` are linked only if `main.rs` mentions \
     the library: call a function of it, or register them with `.with(my_lib::components())`";

impl Snapshot {
    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<ToolEntry>> {
        self.tools.get(name)
    }

    /// Returns `true` if clients search tools.
    pub(crate) fn has_tool_search(&self) -> bool {
        self.tool_search.is_some()
    }

    /// Returns `true` if clients see a tool of this name in their list.
    pub(crate) fn lists_tool(&self, name: &str) -> bool {
        let search = self.tool_search.as_ref();
        search.is_none_or(|search| search.lists(name))
    }

    /// Returns `true` for the tools that search tools and call them.
    pub(crate) fn is_own_tool(&self, name: &str) -> bool {
        self.has_tool_search() && ToolSearch::is_own(name)
    }

    /// Returns the names of the tools that clients must search.
    #[cfg(feature = "cli")]
    pub(crate) fn searched_tools(&self) -> impl Iterator<Item = &str> {
        let search = self.tool_search.iter();
        search.flat_map(|search| {
            let names = self.tools.entries().map(|entry| entry.key());
            names.filter(|name| !search.shows(name))
        })
    }

    /// Returns the tools that match a query and that `sees` allows, from the best match on.
    pub(crate) fn search_tools(
        &self,
        query: &str,
        sees: impl Fn(&ToolEntry) -> bool,
    ) -> impl Iterator<Item = &Arc<ToolEntry>> {
        let found = self.tool_index.of(self.tools.entries()).search(query);
        let found = found.filter_map(|position| self.tools.entry(position));
        found.filter(move |tool| sees(tool))
    }

    /// Returns the problems of names that should stay in the list and that no tool has.
    fn check_always_visible(&self) -> Result<(), Vec<String>> {
        let names = self.tool_search.iter().flat_map(|it| &it.always_visible);
        let unknown = names.filter(|name| self.tool(name).is_none());
        let problems: Vec<String> = unknown.map(|name| self.no_such_tool(name)).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn no_such_tool(&self, name: &str) -> String {
        let known = self.tools.entries().map(|entry| entry.key());
        let fix = nearest(known, name).map_or_else(
            || "add the tool, or remove the name".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        format!(
            "`always_visible` of the tool search names `{name}`, and the server has no such tool: {fix}"
        )
    }

    pub(crate) fn prompt(&self, name: &str) -> Option<&Arc<PromptEntry>> {
        self.prompts.get(name)
    }

    /// Returns the template with exactly this text.
    pub(crate) fn template(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        self.templates.get(uri)
    }

    /// Returns the resource of a URI that `sees` allows, with the variables of its template or an error if a variable is
    /// refused.
    pub(crate) fn resource(
        &self,
        uri: &str,
        sees: impl Fn(&ResourceEntry) -> bool,
    ) -> Option<(&Arc<ResourceEntry>, Result<Arguments, String>)> {
        if let Some(entry) = self.concrete(uri).filter(|entry| sees(entry)) {
            return Some((entry, Ok(Arguments::empty(&entry.signature))));
        }
        let mut templates = self.templates.entries().filter(|entry| sees(entry));
        templates.find_map(|entry| Some((entry, entry.match_uri(uri)?)))
    }

    /// Returns the concrete resource, not a template, of a URI or an equivalent one.
    fn concrete(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        let equivalent = || self.resources.get(&normal(uri));
        self.resources.get(uri).or_else(equivalent)
    }

    /// Returns the components that need scopes: their kinds, their names or URIs, and their definitions.
    #[cfg(feature = "cli")]
    pub(crate) fn scoped(&self) -> impl Iterator<Item = (ComponentKind, &str, &Definition)> {
        fn of<T: Listed>(
            list: &List<T>,
        ) -> impl Iterator<Item = (ComponentKind, &str, &Definition)> {
            list.entries()
                .map(|it| (T::KIND, it.key(), it.definition()))
        }
        let resources = of(&self.resources).chain(of(&self.templates));
        let all = of(&self.tools).chain(resources).chain(of(&self.prompts));
        all.filter(|(_, _, definition)| !definition.scopes.is_empty())
    }

    /// Returns the scopes of all components that are not hidden.
    #[cfg(feature = "auth")]
    pub(crate) fn scopes(&self) -> BTreeSet<&str> {
        let tools = self.tools.entries().map(|entry| entry.definition());
        let prompts = self.prompts.entries().map(|entry| entry.definition());
        let resources = self.resources.entries().chain(self.templates.entries());
        let resources = resources.map(|entry| entry.definition());
        let all = tools.chain(prompts).chain(resources);
        let shown = all.filter(|definition| !definition.hidden);
        let scopes = shown.flat_map(|definition| &definition.scopes);
        scopes.map(String::as_str).collect()
    }

    /// Returns the templates that list their concrete resources.
    pub(crate) fn listers(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        let templates = self.templates.entries();
        templates.filter(|entry| entry.resource.lister.is_some())
    }

    /// Returns the definition of the component with this name or URI.
    #[cfg(feature = "cli")]
    pub(crate) fn definition(&self, kind: ComponentKind, key: &str) -> Option<&Definition> {
        let resource = || self.concrete(key).or_else(|| self.templates.get(key));
        match kind {
            ComponentKind::Tool => self.tools.get(key).map(|entry| entry.definition()),
            ComponentKind::Prompt => self.prompts.get(key).map(|entry| entry.definition()),
            ComponentKind::Resource => resource().map(|entry| entry.definition()),
        }
    }

    /// Returns the templates that list their concrete resources, as texts.
    #[cfg(feature = "cli")]
    pub(crate) fn listing_templates(&self) -> impl Iterator<Item = &str> {
        self.listers().map(|entry| entry.key())
    }

    /// Returns these components without the templates that list resources, except the one with this text.
    #[cfg(feature = "cli")]
    pub(crate) fn listing(&self, kept: Option<&str>) -> Self {
        let mut rest = self.clone();
        for lister in self.listing_templates() {
            if Some(lister) != kept {
                rest.templates.remove(lister);
            }
        }
        rest
    }

    /// Returns the arguments with completions: the kind and the key of their component, and their name.
    #[cfg(feature = "cli")]
    pub(crate) fn completed(&self) -> impl Iterator<Item = (ComponentKind, &str, &str)> {
        let prompts = self.prompts.entries();
        let prompts = prompts.map(|it| (ComponentKind::Prompt, it.key(), &it.completers));
        let templates = self.templates.entries();
        let templates = templates.map(|it| (ComponentKind::Resource, it.key(), &it.completers));
        let all = prompts.chain(templates);
        all.flat_map(|(kind, key, all)| all.iter().map(move |(name, _)| (kind, key, name.as_str())))
    }

    pub(crate) fn has_tools(&self) -> bool {
        self.offers.contains(&ComponentKind::Tool)
    }

    /// Returns `true` if any tool has an interface.
    pub(crate) fn has_interfaces(&self) -> bool {
        self.tools
            .entries()
            .any(|tool| tool.tool.interface.is_some())
    }

    pub(crate) fn has_resources(&self) -> bool {
        self.offers.contains(&ComponentKind::Resource)
    }

    pub(crate) fn has_prompts(&self) -> bool {
        self.offers.contains(&ComponentKind::Prompt)
    }

    pub(crate) fn has_completers(&self) -> bool {
        self.completes
    }
}

impl Draft {
    fn add(&mut self, component: Component) {
        let (states, problems) = (&mut self.states, &mut self.problems);
        match component {
            Component::Tool(tool) => {
                let mut entry = tool.finish(states, problems);
                entry.listed = self.snapshot.lists_tool(entry.key());
                self.insert(|snapshot| &mut snapshot.tools, entry, false);
            }
            Component::Prompt(prompt) => {
                let entry = prompt.finish(states, problems);
                let completes = !entry.completers.is_empty();
                self.insert(|snapshot| &mut snapshot.prompts, entry, completes);
            }
            Component::Resource(resource) => {
                let Some(entry) = resource.finish(states, problems) else {
                    return;
                };
                let completes = !entry.completers.is_empty();
                if entry.template.is_template() {
                    self.insert(|snapshot| &mut snapshot.templates, entry, completes);
                } else {
                    self.insert(|snapshot| &mut snapshot.resources, entry, completes);
                }
            }
        }
    }

    fn insert<T: Listed>(
        &mut self,
        list: fn(&mut Snapshot) -> &mut List<T>,
        entry: T,
        completes: bool,
    ) {
        let snapshot = &mut self.snapshot;
        snapshot.next_order += 1;
        snapshot.offers.insert(T::KIND);
        snapshot.completes |= completes;
        let order = snapshot.next_order;
        if let Err(entry) = list(snapshot).insert(order, entry) {
            let key = entry.key();
            self.problems.push(if T::KIND == ComponentKind::Tool && self.snapshot.is_own_tool(key) {
                format!("a tool is called `{key}`, as a tool of `Server::tool_search` is: rename it, with `name = \"..\"` for instance")
            } else {
                format!(
                    "two {} are called `{key}`: rename one, with `name = \"..\"` for instance",
                    T::KIND.plural(),
                )
            });
        }
    }

    fn check_states(&mut self, has_state: impl Fn(&NeededState) -> bool) {
        for (place, state) in &self.states {
            if !has_state(state) {
                self.problems.push(format!(
                    "{place} takes `State<{0}>`, but the server was given no `{0}`: add `.state(..)` with one",
                    state.1
                ));
            }
        }
    }

    /// Checks that the interface of each tool is a resource that a host can show. Tools up to the number `before` are not
    /// checked again, because their interface may have been removed since.
    fn check_interfaces(&mut self, before: u64) {
        let Snapshot {
            tools,
            resources,
            templates,
            ..
        } = &self.snapshot;
        for (_, tool) in tools.after(before) {
            let Some(uri) = &tool.tool.interface else {
                continue;
            };
            let name = &tool.definition().name;
            let place = format!("tool `{name}`: its interface `{uri}`");
            if !uri.starts_with(INTERFACE_SCHEME) {
                self.problems
                    .push(format!("{place} must begin with `{INTERFACE_SCHEME}`"));
                continue;
            }
            let mut resources = resources.entries().chain(templates.entries());
            let found = resources.find(|entry| entry.template.match_uri(uri).is_some());
            match found.map(|entry| entry.resource.mime.as_deref()) {
                Some(Some(INTERFACE_MIME)) => {}
                Some(_) => self.problems.push(format!(
                    "{place} is a resource that hosts do not show: give it `mime = \"{INTERFACE_MIME}\"`"
                )),
                None => self.problems.push(format!(
                    "{place} is not a resource of the server: add one with `#[resource(\"{uri}\", mime = \"{INTERFACE_MIME}\")]`"
                )),
            }
        }
    }
}

/// The prefix of interface URIs.
const INTERFACE_SCHEME: &str = "ui://";
/// The MIME type that hosts show as an interface.
const INTERFACE_MIME: &str = "text/html;profile=mcp-app";
