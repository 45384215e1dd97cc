//! All that the server offers at one moment, and how it changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::NeededState;
use super::components::{Component, Components, Kind};
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
pub(crate) struct Snapshot {
    next_order: u64,
    offers: BTreeSet<Offer>,
    tools: List<ToolEntry>,
    resources: List<ResourceEntry>,
    templates: List<ResourceEntry>,
    prompts: List<PromptEntry>,
}

/// What a server with certain components offers. A server that offered it once offers it as long as it runs: clients
/// read its capabilities at the beginning, and rely on them when the last of the components is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Offer {
    Tools,
    Resources,
    Prompts,
    /// Some argument can be completed.
    Completions,
}

/// Components on their way into a snapshot.
#[derive(Default)]
struct Draft {
    next_order: u64,
    offers: BTreeSet<Offer>,
    tools: Vec<(u64, Arc<ToolEntry>)>,
    resources: Vec<(u64, Arc<ResourceEntry>)>,
    templates: Vec<(u64, Arc<ResourceEntry>)>,
    prompts: Vec<(u64, Arc<PromptEntry>)>,
    states: Vec<(String, NeededState)>,
    /// The tools that are new here and have an interface, with its URI.
    interfaces: Vec<(String, String)>,
    problems: Vec<String>,
}

impl Registry {
    /// Puts components together, `has_state` telling which states there are.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn build(
        components: Components,
        page_size: usize,
        has_state: impl Fn(&NeededState) -> bool,
    ) -> Result<Self, Vec<String>> {
        let mut draft = Draft::default();
        if components.all.is_empty() && components.problems.is_empty() {
            draft.problems.push(NOTHING.to_owned());
        }
        draft.add(components);
        draft.check_states(has_state);
        Ok(Self {
            now: RwLock::new(Arc::new(draft.finish()?)),
            page_size,
        })
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
        let mut draft = now.draft();
        draft.add(components);
        draft.check_states(has_state);
        *now = Arc::new(draft.finish()?);
        Ok(())
    }

    /// Removes a tool, prompt or resource by name or URI; `false` if there is none.
    pub(crate) fn remove(&self, kind: Kind, key: &str) -> bool {
        let mut now = self.now.write();
        let mut draft = now.draft();
        let removed = match kind {
            Kind::Tool => remove(&mut draft.tools, key),
            Kind::Prompt => remove(&mut draft.prompts, key),
            Kind::Resource => {
                remove(&mut draft.resources, &normal(key)) || remove(&mut draft.templates, key)
            }
        };
        if removed {
            *now = Arc::new(draft.into_snapshot());
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

fn remove<T: Listed>(entries: &mut Vec<(u64, Arc<T>)>, key: &str) -> bool {
    let before = entries.len();
    entries.retain(|(_, entry)| entry.identity() != key);
    entries.len() < before
}

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
        self.templates
            .entries()
            .iter()
            .find_map(|(_, entry)| Some((entry, entry.match_uri(uri)?)))
    }

    /// The resource that is no template of a URI, or of one that is equivalent.
    fn concrete(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        let equivalent = || self.resources.get(&normal(uri));
        self.resources.get(uri).or_else(equivalent)
    }

    /// The templates that list concrete resources of their own.
    pub(crate) fn listers(&self) -> impl Iterator<Item = &Arc<ResourceEntry>> {
        self.templates
            .entries()
            .iter()
            .map(|(_, entry)| entry)
            .filter(|entry| entry.lister.is_some())
    }

    /// The tags of the component with this name or URI.
    #[cfg(feature = "cli")]
    pub(crate) fn tags(&self, kind: Kind, key: &str) -> &[String] {
        let resource = || self.concrete(key).or_else(|| self.templates.get(key));
        let tags = match kind {
            Kind::Tool => self.tools.get(key).map(|entry| &entry.definition.tags),
            Kind::Prompt => self.prompts.get(key).map(|entry| &entry.definition.tags),
            Kind::Resource => resource().map(|entry| &entry.definition.tags),
        };
        tags.map_or(&[], Vec::as_slice)
    }

    /// Whether this is the URI of a resource that is no template.
    #[cfg(feature = "cli")]
    pub(crate) fn defines_resource(&self, uri: &str) -> bool {
        self.concrete(uri).is_some()
    }

    pub(crate) fn has_tools(&self) -> bool {
        self.offers.contains(&Offer::Tools)
    }

    /// Whether any tool has an interface.
    pub(crate) fn has_interfaces(&self) -> bool {
        let mut tools = self.tools.entries().iter();
        tools.any(|(_, tool)| tool.interface.is_some())
    }

    pub(crate) fn has_resources(&self) -> bool {
        self.offers.contains(&Offer::Resources)
    }

    pub(crate) fn has_prompts(&self) -> bool {
        self.offers.contains(&Offer::Prompts)
    }

    pub(crate) fn has_completers(&self) -> bool {
        self.offers.contains(&Offer::Completions)
    }

    fn draft(&self) -> Draft {
        Draft {
            next_order: self.next_order,
            offers: self.offers.clone(),
            tools: self.tools.entries().to_vec(),
            resources: self.resources.entries().to_vec(),
            templates: self.templates.entries().to_vec(),
            prompts: self.prompts.entries().to_vec(),
            ..Draft::default()
        }
    }
}

impl Draft {
    fn add(&mut self, components: Components) {
        self.problems.extend(components.problems);
        for component in components.all {
            self.next_order += 1;
            let order = self.next_order;
            match component {
                Component::Tool(tool) => {
                    let entry = tool.finish(&mut self.states, &mut self.problems);
                    self.offers.insert(Offer::Tools);
                    let interface = entry.interface.clone();
                    self.interfaces
                        .extend(interface.map(|uri| (entry.definition.name.clone(), uri)));
                    push_unique("tool", &mut self.tools, order, entry, &mut self.problems);
                }
                Component::Prompt(prompt) => {
                    let entry = prompt.finish(&mut self.states, &mut self.problems);
                    self.offer(Offer::Prompts, !entry.completers.is_empty());
                    push_unique(
                        "prompt",
                        &mut self.prompts,
                        order,
                        entry,
                        &mut self.problems,
                    );
                }
                Component::Resource(resource) => {
                    let Some(entry) = resource.finish(&mut self.states, &mut self.problems) else {
                        continue;
                    };
                    self.offer(Offer::Resources, !entry.completers.is_empty());
                    let list = if entry.template.is_template() {
                        &mut self.templates
                    } else {
                        &mut self.resources
                    };
                    push_unique("resource", list, order, entry, &mut self.problems);
                }
            }
        }
    }

    fn offer(&mut self, offer: Offer, completes: bool) {
        self.offers.insert(offer);
        self.offers.extend(completes.then_some(Offer::Completions));
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

    /// The interface of a tool is a resource that a host can read and show.
    fn check_interfaces(&mut self) {
        for (name, uri) in &self.interfaces {
            let place = format!("tool `{name}`: its interface `{uri}`");
            if !uri.starts_with(INTERFACE_SCHEME) {
                self.problems
                    .push(format!("{place} must begin with `{INTERFACE_SCHEME}`"));
                continue;
            }
            let mut resources = self.resources.iter().chain(&self.templates);
            let found = resources.find(|(_, entry)| entry.template.match_uri(uri).is_some());
            match found.map(|(_, entry)| entry.mime.as_deref()) {
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

    fn finish(mut self) -> Result<Snapshot, Vec<String>> {
        self.check_interfaces();
        if self.problems.is_empty() {
            Ok(self.into_snapshot())
        } else {
            Err(self.problems)
        }
    }

    fn into_snapshot(self) -> Snapshot {
        Snapshot {
            next_order: self.next_order,
            offers: self.offers,
            tools: List::new(self.tools),
            resources: List::new(self.resources),
            templates: List::new(self.templates),
            prompts: List::new(self.prompts),
        }
    }
}

/// How the URIs of interfaces begin.
const INTERFACE_SCHEME: &str = "ui://";
/// What hosts show as an interface.
const INTERFACE_MIME: &str = "text/html;profile=mcp-app";

fn push_unique<T: Listed>(
    kind: &str,
    entries: &mut Vec<(u64, Arc<T>)>,
    order: u64,
    entry: T,
    problems: &mut Vec<String>,
) {
    if entries
        .iter()
        .any(|(_, other)| other.identity() == entry.identity())
    {
        problems.push(format!(
            "two {kind}s are called `{}`: rename one, with `name = \"..\"` for instance",
            entry.key()
        ));
    }
    entries.push((order, Arc::new(entry)));
}
