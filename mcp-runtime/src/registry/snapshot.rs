//! All that the server offers at one moment, and how it changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::NeededState;
use super::component_kind::ComponentKind;
use super::components::{Component, Components};
use super::list::{List, Listed, Page};
use super::prompt::PromptEntry;
use super::resource::ResourceEntry;
use super::tool::ToolEntry;
use crate::call::Arguments;
use crate::protocol::revision::Features;
use crate::sync::RwLock;
use crate::uri_template::normal;

/// The components of a server, which may change while it serves.
pub(crate) struct Registry {
    now: RwLock<Arc<Snapshot>>,
    page_size: usize,
}

/// The components at one moment. A request sees one snapshot from beginning to end.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    next_order: u64,
    /// The kinds that a server with these components offers. It offers them as long as it runs: clients read its
    /// capabilities at the beginning, and rely on them when the last of the components is gone.
    offers: BTreeSet<ComponentKind>,
    /// Whether some argument can be completed, or could be once.
    completes: bool,
    tools: List<ToolEntry>,
    resources: List<ResourceEntry>,
    templates: List<ResourceEntry>,
    prompts: List<PromptEntry>,
}

/// A snapshot to be, and what was found out about it.
struct Draft {
    snapshot: Snapshot,
    states: Vec<(String, NeededState)>,
    problems: Vec<String>,
}

impl Registry {
    /// Puts components together, `has_state` telling which states there are.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn build(
        mut components: Components,
        page_size: usize,
        has_state: impl Fn(&NeededState) -> bool,
    ) -> Result<Self, Vec<String>> {
        if components.all.is_empty() && components.problems.is_empty() {
            components.problem(NOTHING.to_owned());
        }
        let registry = Self {
            now: RwLock::default(),
            page_size,
        };
        registry.add(components, has_state)?;
        Ok(registry)
    }

    pub(crate) fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.now.read())
    }

    /// Adds components while serving.
    ///
    /// # Errors
    /// All that is wrong with them; then nothing is added.
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

    /// Removes a tool, prompt or resource by name or URI; `false` if there is none.
    pub(crate) fn remove(&self, kind: ComponentKind, key: &str) -> bool {
        let mut now = self.now.write();
        let mut next = Snapshot::clone(&now);
        let removed = match kind {
            ComponentKind::Tool => next.tools.remove(key),
            ComponentKind::Prompt => next.prompts.remove(key),
            ComponentKind::Resource => {
                next.resources.remove(&normal(key)) || next.templates.remove(key)
            }
        };
        if removed {
            *now = Arc::new(next);
        }
        removed
    }

    /// A page of tools; `None` for a cursor that is none of ours.
    pub(crate) fn tools(&self, features: &Features, cursor: Option<&str>) -> Option<Page> {
        self.now().tools.page(features, self.page_size, cursor)
    }

    /// A page of resources.
    pub(crate) fn resources(&self, features: &Features, cursor: Option<&str>) -> Option<Page> {
        self.now().resources.page(features, self.page_size, cursor)
    }

    /// A page of resource templates.
    pub(crate) fn templates(&self, features: &Features, cursor: Option<&str>) -> Option<Page> {
        self.now().templates.page(features, self.page_size, cursor)
    }

    /// A page of prompts.
    pub(crate) fn prompts(&self, features: &Features, cursor: Option<&str>) -> Option<Page> {
        self.now().prompts.page(features, self.page_size, cursor)
    }
}

/// What an empty server says, with the usual cause.
const NOTHING: &str = "the server has no component. Components in `src/lib.rs` are linked only if `main.rs` mentions \
     the library: call a function of it, or register them with `.with(my_lib::components())`";

impl Snapshot {
    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<ToolEntry>> {
        self.tools.get(name)
    }

    pub(crate) fn prompt(&self, name: &str) -> Option<&Arc<PromptEntry>> {
        self.prompts.get(name)
    }

    /// The template spelled like this.
    pub(crate) fn template(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        self.templates.get(uri)
    }

    /// The resource of a URI and the variables of its template. An error says why a variable is refused.
    pub(crate) fn resource(
        &self,
        uri: &str,
    ) -> Option<(&Arc<ResourceEntry>, Result<Arguments, String>)> {
        if let Some(entry) = self.concrete(uri) {
            return Some((entry, Ok(Arguments::empty(&entry.signature))));
        }
        let mut templates = self.templates.entries();
        templates.find_map(|entry| Some((entry, entry.match_uri(uri)?)))
    }

    /// The resource that is no template of a URI, or of one that is equivalent.
    fn concrete(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        let equivalent = || self.resources.get(&normal(uri));
        self.resources.get(uri).or_else(equivalent)
    }

    /// The templates that list concrete resources of their own.
    pub(crate) fn listers(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        let templates = self.templates.entries();
        templates.filter(|entry| entry.resource.lister.is_some())
    }

    /// The tags of the component with this name or URI.
    #[cfg(feature = "cli")]
    pub(crate) fn tags(&self, kind: ComponentKind, key: &str) -> &[String] {
        let resource = || self.concrete(key).or_else(|| self.templates.get(key));
        let tags = match kind {
            ComponentKind::Tool => self.tools.get(key).map(|entry| &entry.definition().tags),
            ComponentKind::Prompt => self.prompts.get(key).map(|entry| &entry.definition().tags),
            ComponentKind::Resource => resource().map(|entry| &entry.definition().tags),
        };
        tags.map_or(&[], Vec::as_slice)
    }

    /// Whether this is the URI of a resource that is no template.
    #[cfg(feature = "cli")]
    pub(crate) fn defines_resource(&self, uri: &str) -> bool {
        self.concrete(uri).is_some()
    }

    pub(crate) fn has_tools(&self) -> bool {
        self.offers.contains(&ComponentKind::Tool)
    }

    /// Whether any tool has an interface.
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
                let entry = tool.finish(states, problems);
                self.put(|snapshot| &mut snapshot.tools, entry, false);
            }
            Component::Prompt(prompt) => {
                let entry = prompt.finish(states, problems);
                let completes = !entry.completers.is_empty();
                self.put(|snapshot| &mut snapshot.prompts, entry, completes);
            }
            Component::Resource(resource) => {
                let Some(entry) = resource.finish(states, problems) else {
                    return;
                };
                let completes = !entry.completers.is_empty();
                if entry.template.is_template() {
                    self.put(|snapshot| &mut snapshot.templates, entry, completes);
                } else {
                    self.put(|snapshot| &mut snapshot.resources, entry, completes);
                }
            }
        }
    }

    fn put<T: Listed>(
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
            self.problems.push(format!(
                "two {} are called `{}`: rename one, with `name = \"..\"` for instance",
                T::KIND.plural(),
                entry.key()
            ));
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

    /// The interface of a tool is a resource that a host can read and show. Tools that were there `before` may have lost
    /// theirs.
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
                    "{place} is no resource of the server: add one with `#[resource(\"{uri}\", mime = \"{INTERFACE_MIME}\")]`"
                )),
            }
        }
    }
}

/// How the URIs of interfaces begin.
const INTERFACE_SCHEME: &str = "ui://";
/// What hosts show as an interface.
const INTERFACE_MIME: &str = "text/html;profile=mcp-app";
