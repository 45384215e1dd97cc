//! Notifications of changes for sessions of older revisions: list changes and `resources/subscribe`.
//!
//! See <https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions>.

use std::sync::Arc;

use super::audience::{Audience, may_see, may_see_any};
use super::caller::caller_of;
use super::core::{Core, MethodRun, Request};
#[cfg(feature = "proxy")]
use super::listen::watch;
use super::listen::{method, owner_of, refused, updated};
#[cfg(feature = "http")]
use super::replica::change_of;
use super::resources;
use super::shared_session::{MAX_SUBSCRIPTIONS, change_session, too_many_subscriptions};
#[cfg(feature = "http")]
use crate::bus::LISTS;
use crate::bus::{Change, Listener};
#[cfg(feature = "http")]
use crate::cluster::Event;
use crate::cluster::Setting;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::notification;
use crate::protocol::members::check_subscribed;
use crate::service::{Listening, Origin, Outbound};
use crate::session::{Session, Sessions};
use crate::uri_template::Uri;

/// A legacy session and the way to its client.
struct SessionListener {
    sessions: Arc<Sessions>,
    session: Session,
    /// `None` if every caller sees every component.
    audience: Option<Audience>,
    /// The caller whose tasks the session is told the states of.
    caller: String,
    outbound: Arc<dyn Outbound>,
}

impl SessionListener {
    fn new(
        core: &Arc<Core>,
        session: &Session,
        origin: &Origin,
        outbound: Arc<dyn Outbound>,
    ) -> Self {
        Self {
            sessions: Arc::clone(&core.sessions),
            session: Arc::clone(session),
            caller: origin.owner(Some(session.nonce)).key(),
            audience: Audience::new(core, caller_of(session), origin.clone(), None),
            outbound,
        }
    }

    fn send(&self, method: &str, params: &str) {
        let message = notification(method, &format!("{{{params}}}"));
        if !self.outbound.send(message) {
            tracing::warn!(
                "a notification is not sent: its client is too slow, or its stream has ended"
            );
        }
    }

    /// Sends the state of a task of this caller.
    fn send_state(&self, members: &str, caller: Option<&str>) {
        let knows_tasks = self.session.revision.features().session_tasks;
        if knows_tasks && caller == Some(&self.caller) {
            self.send("notifications/tasks/status", members);
        }
    }
}

impl Listener for SessionListener {
    fn on_change(&self, change: &Change) {
        let params = match change {
            Change::Resource(uri) => {
                let found = self.sessions.subscriptions.find(&self.session, uri);
                let seen = found.filter(|uri| may_see(self.audience.as_ref(), uri));
                seen.map(|uri| updated(&uri))
            }
            Change::Components(list, changed) => {
                may_see_any(self.audience.as_ref(), list, changed).then(String::new)
            }
            Change::Task {
                members,
                of_session,
                ..
            } => return self.send_state(members, of_session.as_deref()),
            _ => Some(String::new()),
        };
        let Some(params) = params else {
            return;
        };
        self.send(method(change), &params);
    }

    fn on_end(&self, connection: Option<u64>) {
        if connection.is_none() {
            self.outbound.end();
        }
    }

    fn on_missed_updates(&self) {
        for uri in self.sessions.subscriptions.of(&self.session) {
            self.on_change(&Change::Resource(Uri::new(uri)));
        }
    }
}

/// Sends notifications of changes to a legacy session until the returned guard is dropped.
pub(super) fn session(
    core: &Arc<Core>,
    session: &Session,
    origin: &Origin,
    outbound: Arc<dyn Outbound>,
) -> Result<Listening, RpcError> {
    let listener = Arc::new(SessionListener::new(core, session, origin, outbound));
    let owner = owner_of(origin, Some(session));
    let guard = core.context.bus.listen(owner, listener, || ());
    let guard = guard.map_err(|refusal| refused(core, refusal))?;
    Ok(Box::new(guard))
}

/// Returns a function that sends the notifications of an event of the replicas to a legacy session.
#[cfg(feature = "http")]
pub(super) fn notifying(
    core: &Arc<Core>,
    session: &Session,
    origin: &Origin,
    outbound: Arc<dyn Outbound>,
) -> Box<dyn Fn(&Event) + Send> {
    let listener = SessionListener::new(core, session, origin, outbound);
    Box::new(move |event| {
        if *event == Event::Anything {
            for list in &LISTS {
                listener.on_change(list);
            }
            listener.on_missed_updates();
        } else if let Some(change) = change_of(event) {
            listener.on_change(&change);
        }
    })
}

/// Serves `resources/subscribe`.
pub(super) fn subscribe(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?.into_owned();
    check_subscribed(&uri)?;
    resources::check(&request, &uri)?;
    #[cfg(feature = "proxy")]
    watch(&request.core, std::iter::once(&uri));
    let session = request.session()?;
    let (sessions, own) = (Arc::clone(&request.core.sessions), Arc::clone(session));
    let account = request.origin.account();
    let setting = Setting::Subscribed(uri.clone(), MAX_SUBSCRIPTIONS);
    change_session(&request, session, setting, move || {
        let subscribed =
            sessions
                .subscriptions
                .add(&own, account, Uri::new(uri), MAX_SUBSCRIPTIONS);
        let full =
            |full| RpcError::overloaded(format!("The subscription cannot be stored: {full}"));
        if subscribed.map_err(full)? {
            return Ok(());
        }
        Err(too_many_subscriptions())
    })
}

/// Serves `resources/unsubscribe`, which succeeds even if there was no subscription.
pub(super) fn unsubscribe(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?.into_owned();
    let session = request.session()?;
    let (sessions, own) = (Arc::clone(&request.core.sessions), Arc::clone(session));
    let setting = Setting::Unsubscribed(uri.clone());
    change_session(&request, session, setting, move || {
        sessions.subscriptions.remove(&own, &Uri::new(uri));
        Ok(())
    })
}
