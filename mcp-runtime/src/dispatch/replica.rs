//! What a replica of a server tells the others, and what it does with what they tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::core::Core;
use super::tasks;
use crate::bus::{Change, ChangedComponent};
use crate::cluster::{Cluster, Component, Event, Letter, List, Member, SessionEvent, SessionKey};
use crate::in_flight::Scope;
use crate::protocol::Id;
use crate::session::SessionState;
use crate::sync::Mutex;
use crate::tasks::TaskId;
use crate::uri_template::Uri;

/// The maximum number of changes whose exact form is kept until they come back.
const MAX_OWN: usize = 4096;

/// Connects a server with its replicas, if it has any.
pub(crate) fn connect(core: &Arc<Core>) {
    let Some(cluster) = &core.context.cluster else {
        return;
    };
    let replica = Arc::new(Replica {
        core: Arc::downgrade(core),
        own: Mutex::default(),
    });
    let member = Arc::downgrade(&replica) as Weak<dyn Member>;
    cluster.add_member(member);
    let cluster = Arc::clone(cluster);
    let share = move |change: &Change| replica.tell(&cluster, change);
    core.context.bus.share(Box::new(share));
}

/// This server among its replicas.
struct Replica {
    core: Weak<Core>,
    /// The changes of components that this replica has told and not received yet, by the numbers of their events. In the events,
    /// the origins of components of mounted servers are missing.
    own: Mutex<BTreeMap<u64, Change>>,
}

impl Replica {
    fn tell(&self, cluster: &Cluster, change: &Change) {
        // Locked first: the event must not come back before its change is kept.
        let mut own = self.own.lock();
        let number = cluster.tell(event_of(change));
        if matches!(change, Change::Components(..)) {
            own.insert(number, change.clone());
            if own.len() > MAX_OWN {
                own.pop_first();
            }
        }
    }

    /// Notifies the handler and the listeners of a task that another replica has changed.
    fn task_changed(core: &Arc<Core>, id: &str) {
        let Some(parsed) = TaskId::parse(id) else {
            return;
        };
        core.tasks.wake(&parsed);
        if !core.context.bus.wants_task(id) {
            return;
        }
        let (core, id) = (Arc::clone(core), id.to_owned());
        tokio::spawn(async move {
            if let tasks::State::Open(state) | tasks::State::Ended(state) =
                tasks::state(&core, &id).await
            {
                core.context.bus.deliver_state(&state);
            }
        });
    }

    /// Handles what has changed in a session.
    fn session_changed(core: &Core, key: SessionKey, event: &SessionEvent) {
        let session = SessionState::elsewhere(key);
        match event {
            SessionEvent::Initialized => core.sessions.initialized(&session),
            SessionEvent::Cancelled(id) => {
                if let Some(id) = Id::parse(id) {
                    core.in_flight.cancel(Scope::Session(key.nonce), &id);
                }
            }
            SessionEvent::Settings(shared) => {
                if let Err(full) = core.restore_session(&session, shared) {
                    tracing::warn!(%full, "the settings of a session cannot be stored");
                }
            }
            // Endpoints have the streams.
            SessionEvent::StreamOpened | SessionEvent::StreamResumed(_) => {}
        }
    }
}

impl Member for Replica {
    fn receive(&self, own: Option<u64>, event: &Event) {
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let exact = own.and_then(|number| self.own.lock().remove(&number));
        let bus = &core.context.bus;
        match event {
            Event::List(_) | Event::Components(..) | Event::Resource(_) => {
                if let Some(change) = exact.or_else(|| change_of(event)) {
                    bus.deliver(&change);
                }
            }
            Event::Anything => bus.deliver_anything(),
            Event::Task(id) if own.is_none() => Self::task_changed(&core, id),
            Event::Session(key, event) => Self::session_changed(&core, *key, event),
            // This replica knows it already. Revoked tokens concern the authentication alone.
            Event::Task(_) | Event::Revoked(_) => {}
        }
    }

    fn receive_letter(&self, letter: &Letter) {
        let Letter::Response { nonce, text } = letter;
        if let Some(core) = self.core.upgrade() {
            core.context.pending_requests.answer(*nonce, text);
        }
    }

    fn missed(self: Arc<Self>) {
        if let Some(core) = self.core.upgrade() {
            core.sessions.all_initialized();
            core.context.bus.deliver_anything();
        }
    }
}

/// Returns the change of the server that an event is.
pub(super) fn change_of(event: &Event) -> Option<Change> {
    match event {
        Event::List(of) => Some(list(*of)),
        Event::Components(of, components) => Some(changed(*of, components)),
        Event::Resource(uri) => Some(Change::Resource(Uri::new(uri))),
        Event::Anything | Event::Task(_) | Event::Revoked(_) | Event::Session(..) => None,
    }
}

/// Returns the event of a change.
fn event_of(change: &Change) -> Event {
    match change {
        Change::Tools | Change::Prompts | Change::Resources => Event::List(list_of(change)),
        Change::Resource(uri) => Event::Resource(uri.written().to_owned()),
        Change::Task { id, .. } => Event::Task((**id).to_owned()),
        Change::Components(list, components) => {
            let component = |it: &ChangedComponent| Component {
                name: it.name.clone(),
                tags: it.tags.clone(),
                hiding_scopes: it.hiding_scopes.clone(),
            };
            Event::Components(list_of(list), components.iter().map(component).collect())
        }
    }
}

fn list_of(change: &Change) -> List {
    match change {
        Change::Tools => List::Tools,
        Change::Prompts => List::Prompts,
        // Nothing else is a list.
        _ => List::Resources,
    }
}

fn list(list: List) -> Change {
    match list {
        List::Tools => Change::Tools,
        List::Prompts => Change::Prompts,
        List::Resources => Change::Resources,
    }
}

fn changed(of: List, components: &[Component]) -> Change {
    let component = |it: &Component| ChangedComponent {
        name: it.name.clone(),
        tags: it.tags.clone(),
        hiding_scopes: it.hiding_scopes.clone(),
        mounted: None,
    };
    Change::Components(
        Box::new(list(of)),
        components.iter().map(component).collect(),
    )
}
