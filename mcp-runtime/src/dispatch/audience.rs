//! What listeners may hear of: the rules of visibility, and the scopes of resources.

use std::sync::Arc;

use super::contain::guard;
use super::core::Core;
use super::sight::Sight;
use crate::bus::{Change, ChangedComponent};
use crate::call::Caller;
use crate::protocol::jsonrpc::Message;
use crate::registry::{ComponentKind, ComponentView};
use crate::service::Origin;
use crate::visibility::Viewer;

/// A listener as the rules of visibility see it.
pub(super) struct Audience {
    core: Arc<Core>,
    caller: Caller,
    origin: Origin,
    /// The request that listens; `None` for a session.
    message: Option<Arc<Message>>,
}

impl Audience {
    /// Returns `None` if every caller sees every component.
    pub(super) fn new(
        core: &Arc<Core>,
        caller: Caller,
        origin: Origin,
        message: Option<Arc<Message>>,
    ) -> Option<Self> {
        core.limits_listeners().then(|| Self {
            core: Arc::clone(core),
            caller,
            origin,
            message,
        })
    }

    fn sight(&self) -> Sight<'_> {
        Sight::new(&self.core, || {
            let (server, message) = (&self.core.context, self.message.as_deref());
            Viewer::new(server, &self.caller, &self.origin, message)
        })
    }

    /// Returns what a rule of visibility decides. A rule that panics hides.
    fn decide(&self, rule: impl FnOnce(&Sight<'_>) -> bool) -> bool {
        guard(|| rule(&self.sight())).unwrap_or_else(|panic| {
            panic.log("visibility rule");
            false
        })
    }
}

/// Returns `true` if a listener may receive an update of this resource.
pub(super) fn may_see(audience: Option<&Audience>, uri: &str) -> bool {
    audience.is_none_or(|audience| {
        let core = &audience.core;
        let snapshot = core.registry.now();
        let found = snapshot.resource(uri, |_| true);
        let permitted = found.is_none_or(|(entry, _)| core.permits(&audience.origin, &**entry));
        permitted && audience.decide(|sight| core.shows(sight, uri))
    })
}

/// Returns `true` if a listener sees one of the components whose change has changed a list.
pub(super) fn may_see_any(
    audience: Option<&Audience>,
    list: &Change,
    changed: &[ChangedComponent],
) -> bool {
    let is_seen = |sight: &Sight<'_>, it: &ChangedComponent| {
        sight.allows(&ComponentView::new(
            kind(list),
            &it.name,
            &it.tags,
            &it.hiding_scopes,
            it.mounted.as_ref(),
        ))
    };
    audience
        .is_none_or(|audience| audience.decide(|sight| changed.iter().any(|it| is_seen(sight, it))))
}

/// Returns the kind of the components in a list that has changed.
fn kind(list: &Change) -> ComponentKind {
    match list {
        Change::Tools => ComponentKind::Tool,
        Change::Prompts => ComponentKind::Prompt,
        // Tasks are in no list.
        Change::Resources | Change::Resource(_) | Change::Task { .. } => ComponentKind::Resource,
        Change::Components(list, _) => kind(list),
    }
}
