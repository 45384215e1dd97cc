//! Notifications of changes: `subscriptions/listen`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions>.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use super::audience::{Audience, may_see, may_see_any};
use super::core::{Core, MethodRun, Request};
use super::polled::polled;
use super::tasks;
use crate::bus::{Change, ListenRefusal, Listener, ListenerOwner};
use crate::in_flight::{Stop, stopping};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, notification, push_json};
use crate::protocol::members::SubscriptionFilter;
use crate::protocol::meta::SUBSCRIPTION_ID;
use crate::protocol::params::Params;
#[cfg(feature = "proxy")]
use crate::registry::Listed as _;
use crate::service::{Origin, Outbound};
use crate::session::Session;
use crate::sync::Mutex;
use crate::uri_template::{Uri, Uris};

/// The notification of the state of a task.
const TASK_CHANGED: &str = "notifications/tasks";

/// The shortest time between two reads of the states of the tasks that a client listens to.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

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
    Ok(polled(Box::pin(future), stop))
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
pub(super) fn watch<T: AsRef<str>>(core: &Core, uris: impl Iterator<Item = T>) {
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
pub(super) fn refused(core: &Core, refusal: ListenRefusal) -> RpcError {
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
pub(super) fn owner_of(origin: &Origin, session: Option<&Session>) -> ListenerOwner {
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

    fn on_missed_updates(&self) {
        for uri in &self.filter.resource_subscriptions {
            self.on_change(&Change::Resource(Uri::new(uri)));
        }
    }

    fn wants_task(&self, id: &str) -> bool {
        self.filter.task_ids.contains(id)
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

pub(super) fn method(change: &Change) -> &'static str {
    match change {
        Change::Tools => "notifications/tools/list_changed",
        Change::Prompts => "notifications/prompts/list_changed",
        Change::Resources => "notifications/resources/list_changed",
        Change::Resource(_) => "notifications/resources/updated",
        Change::Task { .. } => TASK_CHANGED,
        Change::Components(list, _) => method(list),
    }
}

/// Returns the members of the parameters of `notifications/resources/updated`, with the URI as the client wrote it.
pub(super) fn updated(uri: &str) -> String {
    let mut members = String::from("\"uri\":");
    push_json(&mut members, uri);
    members
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
                of_session: None,
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
