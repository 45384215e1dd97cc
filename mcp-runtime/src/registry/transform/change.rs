//! The change of one component by its name.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mcp_grammar::name::{RULE, is_component};
use serde_json::Value;

use super::super::component_kind::ComponentKind;
use super::super::definition::Definition;
use super::super::mounted::Mountable;
use super::super::prompt::PromptEntry;
use super::super::resource::ResourceEntry;
use super::super::tool::ToolEntry;
use super::super::version::{VERSION_RULE, is_version};
use super::result::ResultChange;

/// The change of one component.
pub(in super::super) struct Change {
    pub(super) kind: ComponentKind,
    /// The name or URI before the change.
    pub(super) key: String,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<Arc<str>>,
    pub(super) tags: Vec<String>,
    pub(super) version: Option<String>,
    pub(super) is_removed: bool,
    /// `true` if the component may be added later.
    pub(super) is_later: bool,
    pub(super) arguments: Vec<ArgumentChange>,
    pub(super) results: Vec<ResultChange>,
    /// `true` once there was such a component.
    is_found: AtomicBool,
}

/// The change of one argument.
#[derive(Default)]
pub(super) struct ArgumentChange {
    /// The name before the change.
    pub(super) key: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    /// Set if clients do not send it.
    pub(super) removed: Option<Removed>,
}

/// An argument that clients do not send.
#[derive(Clone)]
pub(super) enum Removed {
    /// It never has a value.
    Missing,
    /// It always has this value.
    Fixed(Value),
}

impl Removed {
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Missing => None,
            Self::Fixed(value) => Some(value),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of arguments may be secrets.
        formatter.write_str(&self.place())
    }
}

impl Change {
    pub(super) fn new(kind: ComponentKind, key: String) -> Self {
        Self {
            kind,
            key,
            name: None,
            title: None,
            description: None,
            tags: Vec::new(),
            version: None,
            is_removed: false,
            is_later: false,
            arguments: Vec::new(),
            results: Vec::new(),
            is_found: AtomicBool::new(false),
        }
    }

    /// Returns the kind and the name, for messages.
    pub(super) fn place(&self) -> String {
        format!("{} `{}`", self.kind.singular(), self.key)
    }

    /// Returns the change of an argument.
    pub(super) fn argument(&mut self, name: impl Into<String>) -> &mut ArgumentChange {
        let key = name.into();
        let found = self.arguments.iter().position(|it| it.key == key);
        let index = found.unwrap_or_else(|| {
            self.arguments.push(ArgumentChange {
                key,
                ..ArgumentChange::default()
            });
            self.arguments.len() - 1
        });
        &mut self.arguments[index]
    }

    pub(super) fn concerns(&self, kind: ComponentKind, key: &str) -> bool {
        self.kind == kind && self.key == key
    }

    pub(super) fn found(&self) {
        self.is_found.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if there was such a component, or if there may be one later.
    pub(super) fn is_used(&self) -> bool {
        self.is_later || self.is_found.load(Ordering::Relaxed)
    }

    /// Returns the name under which clients find the component, if it changes. Resources are found by their URIs.
    pub(super) fn new_key(&self) -> Option<&String> {
        let name = self.name.as_ref();
        name.filter(|_| self.kind != ComponentKind::Resource)
    }

    /// Changes the properties that all kinds of components have.
    fn apply(&self, definition: &mut Definition, problems: &mut Vec<String>) {
        self.check(problems);
        if let Some(name) = &self.name {
            let old = std::mem::replace(&mut definition.name, name.clone());
            definition.original_name.get_or_insert(old);
        }
        if self.title.is_some() {
            definition.title.clone_from(&self.title);
        }
        if self.description.is_some() {
            definition.description.clone_from(&self.description);
        }
        if self.version.is_some() {
            definition.version.clone_from(&self.version);
        }
        definition.tags.extend(self.tags.iter().cloned());
    }

    /// Records the mistakes of a new name and of a version.
    fn check(&self, problems: &mut Vec<String>) {
        let place = self.place();
        if let Some(name) = self.name.as_ref().filter(|it| !is_component(it)) {
            problems.push(format!(
                "the transform of {place} renames it to `{name}`, and a name is {RULE}"
            ));
        }
        if let Some(version) = self.version.as_ref().filter(|it| !is_version(it)) {
            problems.push(format!(
                "the transform of {place}: `{version}` is not a version: {VERSION_RULE}"
            ));
        }
    }
}

/// A component that a transform can change.
pub(in super::super) trait Transformable: Mountable {
    /// Changes the component, and records the mistakes of the change.
    fn change(&mut self, change: &Change, problems: &mut Vec<String>);
}

impl Transformable for ToolEntry {
    fn change(&mut self, change: &Change, problems: &mut Vec<String>) {
        change.change_tool_arguments(self, problems);
        for result in &change.results {
            result.apply(self, &change.place(), problems);
        }
        change.apply(&mut self.tool.definition, problems);
    }
}

impl Transformable for PromptEntry {
    fn change(&mut self, change: &Change, problems: &mut Vec<String>) {
        change.change_prompt_arguments(self, problems);
        change.apply(&mut self.prompt.definition, problems);
    }
}

impl Transformable for ResourceEntry {
    fn change(&mut self, change: &Change, problems: &mut Vec<String>) {
        change.apply(&mut self.resource.definition, problems);
    }
}
