//! Notifications of changes: `subscriptions/listen`, and for sessions of older revisions list changes and
//! `resources/subscribe`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions>.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use super::caller::caller_of;
use super::contain::guard;
use super::core::{Core, MethodRun, Request};
use super::resources;
use super::sight::Sight;
use super::tasks;
use crate::bus::{Change, ChangedComponent, ListenRefusal, Listener, ListenerOwner};
use crate::call::Caller;
use crate::in_flight::{Stop, stopping};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, notification, push_json};
use crate::protocol::members::{SubscriptionFilter, check_subscribed};
use crate::protocol::meta::SUBSCRIPTION_ID;
use crate::protocol::params::Params;
#[cfg(feature = "proxy")]
use crate::registry::Listed as _;
use crate::registry::{ComponentKind, ComponentView};
use crate::service::{Listening, Origin, Outbound};
use crate::session::{Session, Sessions};
use crate::sync::Mutex;
use crate::uri_template::{Uri, Uris};
use crate::visibility::Viewer;

/// The notification of the state of a task.
const TASK_CHANGED: &str = "notifications/tasks";

/// The shortest time between two reads of the states of the tasks that a client listens to.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of resources that one session may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// Returns the requested notifications that this server supports.
fn supported_filter(core: &Core, params: &Params<'_>) -> Result<SubscriptionFilter, RpcError> {
    let mut requested = params.notifications()?;
    let snapshot = core.registry.now();
    Ok(SubscriptionFilter {
        tools_list_changed: requested.tools_list_changed && snapshot.has_tools(),
        prompts_list_changed: requested.prompts_list_changed && snapshot.has_prompts(),
        resources_list_changed: requested.resources_list_changed && snapshot.has_resources(),
        resource_subscriptions: if snapshot.has_resources() {
            requested.resource_subscriptions
        } else {
            BTreeSet::new()
        },
        task_ids: if snapshot.has_tasks() {
            std::mem::take(&mut requested.task_ids)
        } else {
            BTreeSet::new()
        },
    })
}

/// Sends notifications of changes until the client or the server ends the subscription.
pub(super) fn listen(request: Request) -> Result<MethodRun, RpcError> {
    let mut filter = supported_filter(&request.core, &request.message.params()?)?;
    request.authorize_resources(filter.resource_subscriptions.iter())?;
    if filter.task_ids.is_empty() {
        return listen_for(request, filter);
    }
    if !request.caller.takes_tasks() {
        return Err(RpcError::missing_tasks());
    }
    let stop = Arc::new(LateStop::default());
    let listening = Arc::clone(&stop);
    let future = async move {
        let ids = std::mem::take(&mut filter.task_ids);
        filter.task_ids = match tasks::known(&request, ids).await {
            Ok(known) => known,
            Err(error) => return Outcome::Error(error),
        };
        match listen_for(request, filter) {
            Ok(MethodRun::Ready(outcome)) => outcome,
            Ok(MethodRun::Pending { future, stop }) => {
                let _ = listening.0.set(stop);
                future.await
            }
            Err(error) => Outcome::Error(error),
        }
    };
    Ok(tasks::polled(Box::pin(future), stop))
}

/// A request whose messages begin later.
#[derive(Default)]
struct LateStop(OnceLock<Arc<dyn Stop>>);

impl Stop for LateStop {
    fn stop(&self) {
        if let Some(stop) = self.0.get() {
            stop.stop();
        }
    }
}

/// Sends the notifications of a filter, whose tasks belong to the caller.
fn listen_for(request: Request, filter: SubscriptionFilter) -> Result<MethodRun, RpcError> {
    let Request {
        core,
        message,
        caller,
        origin,
        outbound,
        ..
    } = request;
    let held = core.hold(origin.account(), size(&filter))?;
    #[cfg(feature = "proxy")]
    watch(&core, filter.resource_subscriptions.iter());
    let connection = origin.connection;
    let request = Some(Arc::clone(&message));
    let owner = owner_of(&origin, None);
    let audience = Audience::new(&core, caller, origin, request);
    let id = id_json(&message);
    let subscription = Arc::new(Subscription {
        tag: format!("\"_meta\":{{\"{SUBSCRIPTION_ID}\":{id}}}"),
        resources: filter.resource_subscriptions.iter().collect(),
        filter,
        outbound: Mutex::new(Some(outbound)),
        connection,
        audience,
        versions: Mutex::default(),
        ended: Notify::new(),
    });
    let listener = Arc::clone(&subscription) as Arc<dyn Listener>;
    let bus = &core.context.bus;
    let guard = bus
        .listen(owner, listener, || subscription.acknowledge())
        .map_err(|refusal| refused(&core, refusal))?;
    let stop = Arc::clone(&subscription) as Arc<dyn Stop>;
    let future = Box::pin(async move {
        let _guard = (guard, held);
        tokio::select! {
            () = subscription.ended.notified() => {}
            () = subscription.follow_tasks(&core) => {}
        }
        subscription.end(&id);
        Outcome::Unsubscribed(id)
    });
    Ok(MethodRun::Pending { future, stop })
}

/// Tells the servers of resources that a client wants to know their changes.
#[cfg(feature = "proxy")]
fn watch<T: AsRef<str>>(core: &Core, uris: impl Iterator<Item = T>) {
    let snapshot = core.registry.now();
    for uri in uris {
        let uri = uri.as_ref();
        let Some((entry, _)) = snapshot.resource(uri, |_| true) else {
            continue;
        };
        let mounted = entry.mounted();
        let home = mounted.and_then(|mounted| core.home(mounted));
        let server = home.map_or(&core.context, |home| &home.context);
        if let Some(watch) = &server.watch {
            let inner = mounted.and_then(|mounted| mounted.inner_uris(uri).pop());
            watch(inner.as_deref().unwrap_or(uri));
        }
    }
}

/// The memory overhead of a URI in a filter, in bytes.
const OVERHEAD: usize = 200;

/// Returns the memory that a filter takes, in bytes: its URIs are kept as written and in their normal form.
fn size(filter: &SubscriptionFilter) -> usize {
    let (uris, tasks) = (&filter.resource_subscriptions, &filter.task_ids);
    let texts = uris.iter().chain(tasks);
    texts.map(|text| OVERHEAD + 3 * text.len()).sum()
}

/// Counts a refused listener, and returns the error for its client.
fn refused(core: &Core, refusal: ListenRefusal) -> RpcError {
    let error = match refusal {
        ListenRefusal::Stopping => return stopping(),
        ListenRefusal::Full(limit) => RpcError::overloaded(format!(
            "The server is busy: its limit of {limit} listening clients is reached; try again later"
        )),
        ListenRefusal::ShareUsed(limit) => RpcError::too_many(format!(
            "{limit} of your subscriptions and streams are open, which is the limit: end some of them first"
        )),
    };
    core.observer.metrics.refused("listeners");
    error
}

/// Returns the caller behind a listener.
fn owner_of(origin: &Origin, session: Option<&Session>) -> ListenerOwner {
    ListenerOwner {
        owner: origin.owner(session.map(|session| session.nonce)),
        account: origin.account(),
    }
}

/// Returns the id of a request as JSON.
fn id_json(message: &Message) -> Value {
    serde_json::to_value(message.id()).unwrap_or_default()
}

/// A `subscriptions/listen` request that is being served.
struct Subscription {
    tag: String,
    filter: SubscriptionFilter,
    /// The resources of the filter.
    resources: Uris,
    /// The way to the client; `None` after the end of the subscription.
    outbound: Mutex<Option<Arc<dyn Outbound>>>,
    /// The connection of the client, if it carries all of its messages.
    connection: Option<u64>,
    /// `None` if every caller sees every component.
    audience: Option<Audience>,
    /// The version of the state that was sent last, for each task.
    versions: Mutex<HashMap<Arc<str>, u64>>,
    /// Notified when the connection ends, when the server stops, and when the client is too slow to receive a message.
    ended: Notify,
}

impl Subscription {
    /// Returns the members of the parameters of a notification, or `None` if the filter excludes the change.
    fn params(&self, change: &Change) -> Option<String> {
        let included = match change {
            Change::Tools => self.filter.tools_list_changed,
            Change::Prompts => self.filter.prompts_list_changed,
            Change::Resources => self.filter.resources_list_changed,
            Change::Resource(uri) => {
                let subscribed = self.resources.find(uri)?;
                return may_see(self.audience.as_ref(), subscribed).then(|| updated(subscribed));
            }
            Change::Task { id, members, .. } => return self.task_params(id, members),
            Change::Components(list, changed) => {
                let params = self.params(list)?;
                return may_see_any(self.audience.as_ref(), list, changed).then_some(params);
            }
        };
        included.then(String::new)
    }

    fn task_params(&self, id: &str, members: &str) -> Option<String> {
        let listens = self.filter.task_ids.contains(id);
        listens.then(|| members.to_owned())
    }

    fn acknowledge(&self) {
        let mut agreed = String::from("\"notifications\":");
        push_json(&mut agreed, &self.filter);
        self.send("notifications/subscriptions/acknowledged", &agreed);
    }

    fn send(&self, method: &str, params: &str) {
        // The lock is held while sending, so that nothing is sent after the end.
        let outbound = self.outbound.lock();
        let Some(outbound) = &*outbound else {
            return;
        };
        let params = if params.is_empty() {
            format!("{{{}}}", self.tag)
        } else {
            format!("{{{params},{}}}", self.tag)
        };
        if !outbound.send(notification(method, &params)) {
            // The client would never notice a lost change, so the subscription ends and the client has to listen again.
            self.ended.notify_one();
        }
    }

    /// Ends the subscription. On a shared connection a `notifications/cancelled` is sent before the result.
    fn end(&self, id: &Value) {
        let mut outbound = self.outbound.lock();
        if let Some(outbound) = outbound.take().filter(|outbound| outbound.is_shared()) {
            let params = format!("{{\"requestId\":{},{}}}", id, self.tag);
            outbound.send(notification("notifications/cancelled", &params));
        }
    }
}

impl Subscription {
    /// Reads the states of the tasks from time to time, and sends those that are newer: a task may have ended before the client
    /// listened to it, and another process may run it. This does not end.
    async fn follow_tasks(&self, core: &Core) {
        let interval = core.tasks.poll_interval().max(SHORTEST_INTERVAL);
        let mut open = self.filter.task_ids.clone();
        while !open.is_empty() {
            for id in &self.filter.task_ids {
                if !open.contains(id) {
                    continue;
                }
                match tasks::state(core, id).await {
                    tasks::State::Open(state) => self.on_change(&state),
                    tasks::State::Ended(state) => {
                        self.on_change(&state);
                        open.remove(id);
                    }
                    tasks::State::Unknown => {
                        open.remove(id);
                    }
                    tasks::State::Hidden => {}
                }
            }
            tokio::time::sleep(interval).await;
        }
        std::future::pending::<()>().await;
    }

    /// Sends the state of a task, unless a later one was sent before.
    fn send_state(&self, id: &Arc<str>, version: u64, change: &Change) {
        let Some(params) = self.params(change) else {
            return;
        };
        // The lock is held while sending, so that the order of states is that of their versions.
        let mut versions = self.versions.lock();
        if versions.get(id).is_some_and(|last| version <= *last) {
            return;
        }
        versions.insert(Arc::clone(id), version);
        self.send(TASK_CHANGED, &params);
    }
}

impl Listener for Subscription {
    fn on_change(&self, change: &Change) {
        if let Change::Task { id, version, .. } = change {
            return self.send_state(id, *version, change);
        }
        if let Some(params) = self.params(change) {
            self.send(method(change), &params);
        }
    }

    fn on_end(&self, connection: Option<u64>) {
        if connection.is_none() || self.connection == connection {
            self.ended.notify_one();
        }
    }
}

impl Stop for Subscription {
    fn stop(&self) {
        *self.outbound.lock() = None;
    }
}

/// Encodes the notification of a change for a client that receives all of them.
pub(crate) fn notification_of(change: &Change) -> String {
    let params = match change {
        Change::Resource(uri) => updated(uri.written()),
        _ => String::new(),
    };
    notification(method(change), &format!("{{{params}}}"))
}

fn method(change: &Change) -> &'static str {
    match change {
        Change::Tools => "notifications/tools/list_changed",
        Change::Prompts => "notifications/prompts/list_changed",
        Change::Resources => "notifications/resources/list_changed",
        Change::Resource(_) => "notifications/resources/updated",
        Change::Task { .. } => TASK_CHANGED,
        Change::Components(list, _) => method(list),
    }
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

/// Returns the members of the parameters of `notifications/resources/updated`, with the URI as the client wrote it.
fn updated(uri: &str) -> String {
    let mut members = String::from("\"uri\":");
    push_json(&mut members, uri);
    members
}

/// A listener as the rules of visibility see it.
struct Audience {
    core: Arc<Core>,
    caller: Caller,
    origin: Origin,
    /// The request that listens; `None` for a session.
    message: Option<Arc<Message>>,
}

impl Audience {
    /// Returns `None` if every caller sees every component.
    fn new(
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
fn may_see(audience: Option<&Audience>, uri: &str) -> bool {
    audience.is_none_or(|audience| {
        let core = &audience.core;
        let snapshot = core.registry.now();
        let found = snapshot.resource(uri, |_| true);
        let permitted = found.is_none_or(|(entry, _)| core.permits(&audience.origin, &**entry));
        permitted && audience.decide(|sight| core.shows(sight, uri))
    })
}

/// Returns `true` if a listener sees one of the components whose change has changed a list.
fn may_see_any(audience: Option<&Audience>, list: &Change, changed: &[ChangedComponent]) -> bool {
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

/// A legacy session and the way to its client.
struct SessionListener {
    sessions: Arc<Sessions>,
    session: Session,
    /// `None` if every caller sees every component.
    audience: Option<Audience>,
    outbound: Arc<dyn Outbound>,
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
            Change::Task { .. } => None,
            _ => Some(String::new()),
        };
        let Some(params) = params else {
            return;
        };
        let message = notification(method(change), &format!("{{{params}}}"));
        if !self.outbound.send(message) {
            tracing::warn!("a notification is lost: its client is too slow");
        }
    }

    fn on_end(&self, connection: Option<u64>) {
        if connection.is_none() {
            self.outbound.end();
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
    let caller = caller_of(session);
    let listener = Arc::new(SessionListener {
        sessions: Arc::clone(&core.sessions),
        session: Arc::clone(session),
        audience: Audience::new(core, caller, origin.clone(), None),
        outbound,
    });
    let owner = owner_of(origin, Some(session));
    let guard = core.context.bus.listen(owner, listener, || ());
    let guard = guard.map_err(|refusal| refused(core, refusal))?;
    Ok(Box::new(guard))
}

/// Serves `resources/subscribe`.
pub(super) fn subscribe(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?;
    check_subscribed(&uri)?;
    resources::check(&request, &uri)?;
    #[cfg(feature = "proxy")]
    watch(&request.core, std::iter::once(&uri));
    let session = request.session()?;
    let subscriptions = &request.core.sessions.subscriptions;
    let (account, uri) = (request.origin.account(), Uri::new(uri));
    let subscribed = subscriptions.add(session, account, uri, MAX_SUBSCRIPTIONS);
    let subscribed = subscribed.map_err(|full| {
        RpcError::overloaded(format!("The subscription cannot be stored: {full}"))
    })?;
    if !subscribed {
        return Err(RpcError::invalid_params(format!(
            "The session is subscribed to {MAX_SUBSCRIPTIONS} resources, which is the limit: unsubscribe from some"
        )));
    }
    Ok(MethodRun::Ready(Outcome::Empty))
}

/// Serves `resources/unsubscribe`, which succeeds even if there was no subscription.
pub(super) fn unsubscribe(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?;
    let session = request.session()?;
    request
        .core
        .sessions
        .subscriptions
        .remove(session, &Uri::new(uri));
    Ok(MethodRun::Ready(Outcome::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(Mutex<usize>);

    impl Outbound for Count {
        fn send(&self, _: String) -> bool {
            *self.0.lock() += 1;
            true
        }
    }

    /// A subscription to the list of tools and to one task.
    fn subscription(sent: &Arc<Count>) -> Subscription {
        let outbound = Arc::clone(sent) as Arc<dyn Outbound>;
        Subscription {
            tag: "\"_meta\":{}".to_owned(),
            filter: SubscriptionFilter {
                tools_list_changed: true,
                task_ids: ["a".to_owned()].into(),
                ..SubscriptionFilter::default()
            },
            resources: Uris::default(),
            outbound: Mutex::new(Some(outbound)),
            connection: None,
            audience: None,
            versions: Mutex::default(),
            ended: Notify::new(),
        }
    }

    #[test]
    fn a_state_that_is_not_newer_is_not_told() {
        let sent = Arc::<Count>::default();
        let subscription = subscription(&sent);
        for (version, expected) in [(0, 1), (2, 2), (1, 2), (2, 2), (3, 3)] {
            subscription.on_change(&Change::Task {
                id: "a".into(),
                version,
                members: "".into(),
            });
            assert_eq!(*sent.0.lock(), expected, "{version}");
        }
    }

    #[test]
    fn a_subscription_that_was_stopped_tells_nothing() {
        let sent = Arc::<Count>::default();
        let subscription = subscription(&sent);
        subscription.on_change(&Change::Tools);
        subscription.stop();
        subscription.on_change(&Change::Tools);
        assert_eq!(*sent.0.lock(), 1);
    }
}
