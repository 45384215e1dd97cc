//! Immutable snapshots of the components of a server.

use std::collections::BTreeSet;
use std::sync::Arc;

use mcp_grammar::near::nearest;

use super::component_kind::ComponentKind;
#[cfg(feature = "cli")]
use super::component_view::ComponentView;
#[cfg(feature = "cli")]
use super::definition::Definition;
use super::list::{List, ListCaller, Listed};
use super::prompt::PromptEntry;
use super::resource::ResourceEntry;
#[cfg(feature = "skills")]
use super::skill::Skills;
use super::tool::ToolEntry;
use super::tool_index::ToolIndex;
use crate::call::Arguments;
use crate::search::ToolSearch;
use crate::uri_template::normal;

/// An immutable set of components. A request uses one snapshot from beginning to end.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(super) next_order: u64,
    /// The kinds that the server declares as capabilities. A kind remains when its last component is removed, because clients
    /// read the capabilities only once.
    pub(super) offers: BTreeSet<ComponentKind>,
    /// `true` if there is or was an argument that can be completed.
    pub(super) completes: bool,
    pub(super) tools: List<ToolEntry>,
    /// `None` if clients see all tools in their list.
    pub(super) tool_search: Option<Arc<ToolSearch>>,
    pub(super) tool_index: ToolIndex,
    /// `true` if the calls of some tools stand for other requests.
    pub(super) as_tools: bool,
    pub(super) resources: List<ResourceEntry>,
    pub(super) templates: List<ResourceEntry>,
    pub(super) prompts: List<PromptEntry>,
    #[cfg(feature = "skills")]
    pub(super) skills: Skills,
}

impl Snapshot {
    pub(crate) fn tool(&self, name: &str) -> Option<&Arc<ToolEntry>> {
        self.tools.get(name)
    }

    /// Returns `true` if clients search tools.
    pub(crate) fn has_tool_search(&self) -> bool {
        self.tool_search.is_some()
    }

    /// Returns `true` if resources or prompts are tools, too.
    pub(crate) fn has_as_tools(&self) -> bool {
        self.as_tools
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
        sees: impl Fn(&Arc<ToolEntry>) -> bool,
    ) -> impl Iterator<Item = &Arc<ToolEntry>> {
        let found = self.tool_index.of(self.tools.entries()).search(query);
        let found = found.filter_map(|position| self.tools.entry(position));
        found.filter(move |tool| sees(tool))
    }

    /// Returns the problems of names that should stay in the list and that no tool has.
    pub(crate) fn check_always_visible(&self) -> Result<(), Vec<String>> {
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

    /// Returns the names or URIs of all components of a kind.
    pub(super) fn keys(&self, kind: ComponentKind) -> Vec<&str> {
        let resources = self.resources.entries().chain(self.templates.entries());
        match kind {
            ComponentKind::Tool => self.tools.entries().map(|it| it.key()).collect(),
            ComponentKind::Prompt => self.prompts.entries().map(|it| it.key()).collect(),
            ComponentKind::Resource => resources.map(|it| it.key()).collect(),
        }
    }

    /// Returns `true` if there is no component.
    pub(super) fn is_empty(&self) -> bool {
        use ComponentKind::{Prompt, Resource, Tool};
        [Tool, Prompt, Resource]
            .iter()
            .all(|kind| self.keys(*kind).is_empty())
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
        let versions = self
            .concrete(uri)
            .map(|entry| self.resources.versions(entry.identity()));
        let mut concrete = versions.into_iter().flatten();
        if let Some(entry) = concrete.find(|entry| sees(entry)) {
            return Some((entry, Ok(Arguments::empty(&entry.signature))));
        }
        let mut templates = self.templates.entries().filter(|entry| sees(entry));
        templates.find_map(|entry| Some((entry, entry.match_uri(uri)?)))
    }

    /// Returns all versions of a tool, from the highest on.
    pub(crate) fn tool_versions(&self, name: &str) -> &[Arc<ToolEntry>] {
        self.tools.versions(name)
    }

    /// Returns all versions of a prompt, from the highest on.
    pub(crate) fn prompt_versions(&self, name: &str) -> &[Arc<PromptEntry>] {
        self.prompts.versions(name)
    }

    /// Returns `true` if a resource or template has a version.
    pub(crate) fn has_resource_versions(&self) -> bool {
        self.resources.has_versions() || self.templates.has_versions()
    }

    /// Returns all versions of a resource or template, from the highest on.
    pub(crate) fn resource_versions(&self, entry: &ResourceEntry) -> &[Arc<ResourceEntry>] {
        if entry.template.is_template() {
            self.templates.versions(entry.identity())
        } else {
            self.resources.versions(entry.identity())
        }
    }

    /// Returns `true` if a caller has no higher version of a tool.
    pub(crate) fn shows_tool(&self, tool: &Arc<ToolEntry>, caller: &ListCaller<'_>) -> bool {
        self.tools.shown(tool, caller).is_some()
    }

    /// Returns the concrete resource, not a template, of a URI or an equivalent one.
    pub(super) fn concrete(&self, uri: &str) -> Option<&Arc<ResourceEntry>> {
        let equivalent = || self.resources.get(&normal(uri));
        self.resources.get(uri).or_else(equivalent)
    }

    /// Returns the components that need scopes, and their definitions.
    #[cfg(feature = "cli")]
    pub(crate) fn scoped(&self) -> impl Iterator<Item = (ComponentView<'_>, &Definition)> {
        fn of<T: Listed>(list: &List<T>) -> impl Iterator<Item = (ComponentView<'_>, &Definition)> {
            list.entries().map(|it| (it.view(), it.definition()))
        }
        let resources = of(&self.resources).chain(of(&self.templates));
        let all = of(&self.tools).chain(resources).chain(of(&self.prompts));
        all.filter(|(_, definition)| !definition.scopes.is_empty())
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

    /// Returns `true` if the calls of any tool can become tasks.
    pub(crate) fn has_tasks(&self) -> bool {
        self.tools.entries().any(|tool| tool.tool.task.is_some())
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
