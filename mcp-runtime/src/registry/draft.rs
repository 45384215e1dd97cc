//! A snapshot under construction, and the problems of its components.

use std::sync::Arc;

use mcp_grammar::app::{MIME, SCHEME};

use super::NeededState;
use super::component_kind::ComponentKind;
use super::components::Component;
use super::list::{List, Listed as _};
use super::mounted::Mountable;
use super::resource::ResourceEntry;
use super::snapshot::Snapshot;
use super::tool::ToolEntry;
use super::transform::{Transformable, Transforms};
use crate::mount::Mount;

/// A snapshot under construction, with the states it needs and the problems found.
pub(super) struct Draft {
    snapshot: Snapshot,
    transforms: Arc<Transforms>,
    states: Vec<(String, NeededState)>,
    problems: Vec<String>,
}

impl Draft {
    pub(super) fn of(now: &Snapshot, transforms: &Arc<Transforms>, problems: Vec<String>) -> Self {
        Self {
            snapshot: now.clone(),
            transforms: Arc::clone(transforms),
            states: Vec::new(),
            problems,
        }
    }

    pub(super) fn resources(&mut self) -> &mut List<ResourceEntry> {
        &mut self.snapshot.resources
    }

    /// Returns the snapshot. Tools up to the number `before` are not checked again.
    ///
    /// # Errors
    /// Returns all problems.
    pub(super) fn finish(mut self, before: u64) -> Result<Snapshot, Vec<String>> {
        self.check_interfaces(before);
        #[cfg(feature = "skills")]
        self.snapshot.offer_skills();
        if self.problems.is_empty() {
            Ok(self.snapshot)
        } else {
            Err(self.problems)
        }
    }

    /// Adds the components of a mounted server that follow this number in its order.
    pub(super) fn mount(&mut self, mount: &Arc<Mount>, inner: &Snapshot, after: u64) {
        self.mount_list(mount, inner.tools.after(after), Self::insert_tool);
        self.mount_list(mount, inner.resources.after(after), |draft, entry| {
            draft.insert(|it| &mut it.resources, entry, false);
        });
        self.mount_list(mount, inner.templates.after(after), |draft, entry| {
            draft.insert(|it| &mut it.templates, entry, false);
        });
        self.mount_list(mount, inner.prompts.after(after), |draft, entry| {
            draft.insert(|it| &mut it.prompts, entry, false);
        });
        self.snapshot.completes |= inner.completes;
        #[cfg(feature = "skills")]
        self.snapshot.skills.offer(&inner.skills);
        self.snapshot.offers.extend(&inner.offers);
    }

    fn mount_list<T: Mountable>(
        &mut self,
        mount: &Arc<Mount>,
        entries: &[(u64, Arc<T>)],
        insert: fn(&mut Self, T),
    ) {
        for (_, entry) in entries {
            match entry.mount(mount) {
                Ok(entry) => insert(self, entry),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    pub(super) fn add(&mut self, component: Component) {
        let (states, problems) = (&mut self.states, &mut self.problems);
        match component {
            Component::Tool(tool) => {
                let entry = tool.finish(states, problems);
                self.insert_tool(entry);
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

    fn insert_tool(&mut self, entry: ToolEntry) {
        // The tools of the server itself stay as they are.
        let is_own = self.snapshot.is_own_tool(entry.key()) || entry.tool.stands_for.is_some();
        let transformed = if is_own {
            Some(entry)
        } else {
            self.transforms.apply(entry, &mut self.problems)
        };
        if let Some(mut entry) = transformed {
            self.snapshot.as_tools |= entry.tool.stands_for.is_some();
            // Hosts must know the tools of pages, which models cannot search.
            entry.listed = self.snapshot.lists_tool(entry.key()) || !entry.is_for_models();
            self.insert_transformed(|snapshot| &mut snapshot.tools, entry, false);
        }
    }

    fn insert<T: Transformable>(
        &mut self,
        list: fn(&mut Snapshot) -> &mut List<T>,
        entry: T,
        completes: bool,
    ) {
        if let Some(entry) = self.transforms.apply(entry, &mut self.problems) {
            self.insert_transformed(list, entry, completes);
        }
    }

    fn insert_transformed<T: Mountable>(
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
        if let Err((entry, other)) = list(snapshot).insert(order, entry) {
            let is_search =
                T::KIND == ComponentKind::Tool && self.snapshot.is_own_tool(entry.key());
            let option = other.option().or(is_search.then_some("tool_search"));
            self.problems.push(match option {
                Some(option) => conflict_with_option(&*entry, option),
                None => conflict(&*entry, &*other),
            });
        }
    }

    pub(super) fn check_states(&mut self, has_state: impl Fn(&NeededState) -> bool) {
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
        let has_interface = tools.entries().any(|it| it.tool.interface.is_some());
        for (_, tool) in tools.after(before).iter().filter(|it| !it.1.tool.relayed) {
            let name = &tool.definition().name;
            if !has_interface && !tool.is_for_models() {
                self.problems.push(format!(
                    "tool `{name}` is visible only to pages, and no tool of the server has one: give a tool `ui = \"{SCHEME}..\"`"
                ));
            }
            let Some(uri) = &tool.tool.interface else {
                continue;
            };
            let place = format!("tool `{name}`: its interface `{uri}`");
            if !uri.starts_with(SCHEME) {
                self.problems
                    .push(format!("{place} must begin with `{SCHEME}`"));
                continue;
            }
            let mut resources = resources.entries().chain(templates.entries());
            let found = resources.find(|entry| entry.template.match_uri(uri).is_some());
            match found.map(|entry| entry.resource.mime.as_deref()) {
                Some(Some(MIME)) => {}
                Some(_) => self.problems.push(format!(
                    "{place} is a resource that hosts do not show: make it a page with `app`, as in `#[resource(\"{uri}\", app)]`"
                )),
                None => self.problems.push(format!(
                    "{place} is not a resource of the server: add one with `#[resource(\"{uri}\", app)]`"
                )),
            }
        }
    }
}

/// Returns the problem of two components of one name or URI.
fn conflict<T: Mountable>(entry: &T, other: &T) -> String {
    let two = format!("two {} are called `{}`", T::KIND.plural(), entry.key());
    if entry.definition().version.is_some() || other.definition().version.is_some() {
        return version_conflict(entry, other, &two);
    }
    let is_plain = |it: &T| it.mounted().is_none() && it.definition().original_name.is_none();
    if is_plain(entry) && is_plain(other) {
        return format!("{two}: rename one, with `name = \"..\"` for instance");
    }
    let is_mounted = entry.mounted().is_some() || other.mounted().is_some();
    let fix = if is_mounted {
        ", or mount the server with another prefix"
    } else {
        ""
    };
    let (one, other) = (other.describe_origin(), entry.describe_origin());
    format!("{two}, {one} and {other}: rename one{fix}")
}

/// Returns the problem of two components of one name or URI, of which at least one has a version.
fn version_conflict<T: Mountable>(entry: &T, other: &T, two: &str) -> String {
    match (&entry.definition().version, &other.definition().version) {
        (Some(version), Some(_)) => format!(
            "{two} and have the version `{version}`: give them different ones, or rename one"
        ),
        _ => format!("{two}, and one has no version: give it one, or rename one"),
    }
}

/// Returns the problem of a tool with the name of one of the tools that an option of the server adds.
fn conflict_with_option<T: Mountable>(entry: &T, option: &str) -> String {
    let name = entry.key();
    let origin = match entry.mounted() {
        Some(_) => format!(" ({})", entry.describe_origin()),
        None => String::new(),
    };
    format!(
        "a tool is called `{name}`{origin}, as a tool of `Server::{option}` is: rename it, with `name = \"..\"` for instance"
    )
}
