//! The registry: the components of a server, which change while it runs, also in the servers that it is mounted in.

use std::sync::{Arc, OnceLock, Weak};

use super::NeededState;
use super::component_kind::ComponentKind;
use super::components::Components;
use super::draft::Draft;
use super::list::{Form, List, ListCaller, Listed};
#[cfg(feature = "skills")]
use super::skill::InvalidCursor;
use super::snapshot::Snapshot;
use super::transform::Transforms;
use crate::bus::{Change, ChangedComponent};
use crate::mount::{Mount, Mounted};
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
        mounted: entry.mounted().cloned(),
    }
}

/// The component that is removed.
enum Which<'w> {
    /// The one of this name, URI or URI template.
    Key(&'w str),
    /// The one of this URI in its normal form.
    Normal(String),
    /// The one of a mounted server.
    Origin(&'w Mounted),
}

impl Which<'_> {
    fn remove_from<T: Listed>(&self, list: &mut List<T>) -> Option<ChangedComponent> {
        let removed = match self {
            Self::Key(key) => list.remove(key),
            Self::Normal(uri) => list.remove(uri),
            Self::Origin(origin) => {
                let is_it = |entry: &&Arc<T>| entry.mounted() == Some(*origin);
                let found = list.entries().find(is_it).cloned()?;
                list.remove(found.identity())
            }
        };
        removed.map(|entry| changed(&*entry))
    }
}

/// The components of a server, which may change while the server is running.
pub(crate) struct Registry {
    now: RwLock<Arc<Snapshot>>,
    page_size: usize,
    transforms: Arc<Transforms>,
    /// The registry of the server in which this one is mounted.
    outer: OnceLock<(Arc<Mount>, Weak<Self>)>,
}

impl Registry {
    /// Builds a registry from components. `has_state` returns `true` for the states that the server has.
    ///
    /// # Errors
    /// Returns all problems of the components.
    pub(crate) fn build(
        components: Components,
        page_size: usize,
        tool_search: Option<ToolSearch>,
        transforms: Transforms,
        has_state: impl Fn(&NeededState) -> bool,
    ) -> Result<Self, Vec<String>> {
        let empty = Snapshot {
            tool_search: tool_search.map(Arc::new),
            ..Snapshot::default()
        };
        let registry = Self {
            now: RwLock::new(Arc::new(empty)),
            page_size,
            transforms: Arc::new(transforms),
            outer: OnceLock::new(),
        };
        registry.add(components, has_state)?;
        Ok(registry)
    }

    /// Adds the components of a mounted server, and those that it adds and removes later.
    ///
    /// # Errors
    /// Returns the conflicts with other components. No component is added then.
    pub(crate) fn mount(
        self: &Arc<Self>,
        mount: &Arc<Mount>,
        inner: &Self,
    ) -> Result<(), Vec<String>> {
        self.adopt(mount, &inner.now(), 0, &[])?;
        // A server is mounted once.
        let _ = inner.outer.set((Arc::clone(mount), Arc::downgrade(self)));
        Ok(())
    }

    /// Returns the registry of the server in which this one is mounted.
    fn outer(&self) -> Option<(&Arc<Mount>, Arc<Self>)> {
        let (mount, outer) = self.outer.get()?;
        Some((mount, outer.upgrade()?))
    }

    /// Adds the components of a mounted server that follow this number in its order, in place of the `removed` resources.
    fn adopt(
        &self,
        mount: &Arc<Mount>,
        inner: &Snapshot,
        after: u64,
        removed: &[Mounted],
    ) -> Result<(), Vec<String>> {
        let mut now = self.now.write();
        let mut draft = Draft::of(&now, &self.transforms, Vec::new());
        let removed = removed.iter();
        let removed = removed
            .filter_map(|origin| Which::Origin(origin).remove_from(draft.resources()))
            .collect::<Vec<_>>();
        draft.mount(mount, inner, after);
        self.publish(&mut now, draft, &removed)
    }

    /// Replaces the components by those of a draft, from which the `removed` resources are removed, here and in the servers around
    /// this one.
    ///
    /// Each server is locked before the one around it, and none is changed if the draft has a problem in one of them.
    fn publish(
        &self,
        now: &mut Arc<Snapshot>,
        draft: Draft,
        removed: &[ChangedComponent],
    ) -> Result<(), Vec<String>> {
        let before = now.next_order;
        let next = draft.finish(before)?;
        if let Some((mount, outer)) = self.outer() {
            let origins = removed.iter();
            let origins = origins.map(|it| Mounted::new(mount, &it.name, it.mounted.as_ref()));
            outer.adopt(mount, &next, before, &origins.collect::<Vec<_>>())?;
        }
        *now = Arc::new(next);
        Ok(())
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
        let mut draft = Draft::of(&now, &self.transforms, components.problems);
        components.all.into_iter().for_each(|it| draft.add(it));
        draft.check_states(has_state);
        self.publish(&mut now, draft, &[])
    }

    /// Replaces the resources with these URIs by others, in one step. URIs without a resource are ignored.
    ///
    /// # Errors
    /// Returns all problems of the resources. Nothing is changed then.
    #[cfg(feature = "skills")]
    pub(crate) fn exchange(
        &self,
        uris: &[String],
        resources: Components,
    ) -> Result<(), Vec<String>> {
        let mut now = self.now.write();
        let mut draft = Draft::of(&now, &self.transforms, resources.problems);
        let removed = uris.iter().map(|uri| Which::Normal(normal(uri)));
        let removed = removed
            .filter_map(|which| which.remove_from(draft.resources()))
            .collect::<Vec<_>>();
        resources.all.into_iter().for_each(|it| draft.add(it));
        self.publish(&mut now, draft, &removed)
    }

    /// Removes a tool, prompt or resource by name or URI, here and in the servers around this one. Returns its change, if it
    /// exists.
    pub(crate) fn remove(&self, kind: ComponentKind, key: &str) -> Option<ChangedComponent> {
        if kind == ComponentKind::Tool {
            let now = self.now();
            let stands_for = now.tool(key).and_then(|it| it.tool.stands_for);
            if now.is_own_tool(key) || stands_for.is_some() {
                return None;
            }
        }
        self.remove_which(kind, &Which::Key(key))
    }

    fn remove_which(&self, kind: ComponentKind, which: &Which<'_>) -> Option<ChangedComponent> {
        let mut now = self.now.write();
        let mut next = Snapshot::clone(&now);
        let removed = match kind {
            ComponentKind::Tool => which.remove_from(&mut next.tools),
            ComponentKind::Prompt => which.remove_from(&mut next.prompts),
            ComponentKind::Resource => {
                let concrete = match which {
                    Which::Key(uri) => &Which::Normal(normal(uri)),
                    other => other,
                };
                let removed = concrete.remove_from(&mut next.resources);
                removed.or_else(|| which.remove_from(&mut next.templates))
            }
        }?;
        if let Some((mount, outer)) = self.outer() {
            // The outer server may have it in another name, or one of its own in place of one that it has removed.
            let origin = Mounted::new(mount, &removed.name, removed.mounted.as_ref());
            outer.remove_which(kind, &Which::Origin(&origin));
        }
        *now = Arc::new(next);
        Some(removed)
    }

    /// Returns a change of a list as clients of this server see it, or `None` if they do not see the component.
    pub(crate) fn transformed(
        &self,
        list: &Change,
        component: ChangedComponent,
    ) -> Option<ChangedComponent> {
        self.transforms.changed(list, component)
    }

    /// Returns the problems of transforms that change nothing.
    pub(crate) fn unused_transforms(&self) -> Vec<String> {
        self.transforms.unused(&self.now())
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

    /// Returns a page of skills, or `None` if the cursor is invalid.
    #[cfg(feature = "skills")]
    pub(crate) fn skills(&self, page: &PageRequest<'_>) -> Option<Page> {
        self.now().skill_page(self.page_size, page)
    }

    /// Returns a page of the files and directories in a directory of a skill, or `None` if there is no such directory.
    ///
    /// # Errors
    /// Returns an error if the cursor is invalid.
    #[cfg(feature = "skills")]
    pub(crate) fn directory(
        &self,
        uri: &str,
        page: &PageRequest<'_>,
    ) -> Option<Result<Page, InvalidCursor>> {
        self.now().directory(uri, self.page_size, page)
    }

    fn page<T: Listed>(&self, name: &str, list: &List<T>, page: &PageRequest<'_>) -> Option<Page> {
        list.page(name, &page.form, self.page_size, page.cursor, &page.caller)
    }
}

/// The request for a page of a list.
pub(crate) struct PageRequest<'r> {
    pub(crate) form: Form,
    /// The cursor; `None` for the first page.
    pub(crate) cursor: Option<&'r str>,
    pub(crate) caller: ListCaller<'r>,
}

/// The problem of a server without components, with its usual cause.
pub(crate) const NO_COMPONENT: &str = "the server has no component. Components in `src/lib.rs` are linked only if `main.rs` mentions \
     the library: call a function of it, or register them with `.with(my_lib::components())`";
