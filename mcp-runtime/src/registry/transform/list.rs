//! The transforms of a server, in their order.

use std::sync::atomic::{AtomicBool, Ordering};

use mcp_grammar::near::nearest;

use super::super::component_kind::ComponentKind;
use super::super::component_view::ComponentView;
use super::super::snapshot::Snapshot;
use super::change::{Change, Transformable};
use super::{Step, Transform};
use crate::bus::{Change as ListChange, ChangedComponent};

/// The transforms of a server.
#[derive(Default)]
pub(crate) struct Transforms {
    all: Vec<Transform>,
    /// `true` if a transform has removed a component.
    removed: AtomicBool,
}

impl Transforms {
    pub(crate) fn add(&mut self, transform: Transform) {
        self.all.push(transform);
    }

    /// Returns a component as the server offers it, or `None` if a transform removes it.
    pub(in super::super) fn apply<T: Transformable>(
        &self,
        mut entry: T,
        problems: &mut Vec<String>,
    ) -> Option<T> {
        for Transform(step) in &self.all {
            if !step.transform(&mut entry, problems) {
                self.removed.store(true, Ordering::Relaxed);
                return None;
            }
        }
        Some(entry)
    }

    /// Returns a change of a list as clients see it, or `None` if they do not see the component.
    pub(crate) fn changed(
        &self,
        list: &ListChange,
        mut component: ChangedComponent,
    ) -> Option<ChangedComponent> {
        let kind = match list {
            ListChange::Tools => ComponentKind::Tool,
            ListChange::Prompts => ComponentKind::Prompt,
            _ => ComponentKind::Resource,
        };
        let mut steps = self.all.iter();
        let is_kept = steps.all(|Transform(step)| step.transform_change(kind, &mut component));
        is_kept.then_some(component)
    }

    /// Returns the problems of transforms that change nothing, or leave nothing.
    pub(in super::super) fn unused(&self, now: &Snapshot) -> Vec<String> {
        let steps = self.all.iter().filter_map(|Transform(step)| match step {
            Step::Change(change) => Some(change),
            Step::Filter(_) => None,
        });
        let unused = steps.filter(|change| !change.is_used());
        let mut problems: Vec<String> = unused.map(|change| matches_nothing(change, now)).collect();
        if now.is_empty() && self.removed.load(Ordering::Relaxed) {
            problems.push(
                "the transforms leave no component: keep one in `Transform::filter`, or remove a transform"
                    .to_owned(),
            );
        }
        problems
    }
}

impl Step {
    /// Changes a component, and returns `false` if it is removed.
    fn transform<T: Transformable>(&self, entry: &mut T, problems: &mut Vec<String>) -> bool {
        match self {
            Self::Filter(rule) => rule(&entry.view()),
            Self::Change(change) if change.concerns(T::KIND, entry.key()) => {
                change.found();
                if !change.is_removed {
                    entry.change(change, problems);
                }
                !change.is_removed
            }
            Self::Change(_) => true,
        }
    }

    /// Changes the change of a list, and returns `false` if the component is removed.
    fn transform_change(&self, kind: ComponentKind, component: &mut ChangedComponent) -> bool {
        match self {
            Self::Filter(rule) => rule(&view(kind, component)),
            Self::Change(change) if change.concerns(kind, &component.name) => {
                component.tags.extend(change.tags.iter().cloned());
                if let Some(name) = change.new_key() {
                    component.name.clone_from(name);
                }
                !change.is_removed
            }
            Self::Change(_) => true,
        }
    }
}

fn view(kind: ComponentKind, component: &ChangedComponent) -> ComponentView<'_> {
    ComponentView::new(
        kind,
        &component.name,
        &component.tags,
        &component.hiding_scopes,
        component.mounted.as_ref(),
    )
}

fn matches_nothing(change: &Change, now: &Snapshot) -> String {
    let kind = change.kind.singular();
    let fix = nearest(now.keys(change.kind), &change.key).map_or_else(
        || {
            format!(
                "correct the name, or add `.later()` if the {kind} is added while the server runs"
            )
        },
        |near| format!("did you mean `{near}`?"),
    );
    format!(
        "the transform of {} has no effect, because the server offers no such {kind} to it: {fix}",
        change.place()
    )
}
