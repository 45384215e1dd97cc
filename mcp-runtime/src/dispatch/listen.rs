//! Telling clients of changes: `subscriptions/listen`, and what sessions of older revisions get without asking or by
//! `resources/subscribe`.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions> and
//! <https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions>.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::core::{Core, MethodRun, Request};
use super::resources;
use crate::bus::{Change, Listener};
use crate::in_flight::Stop;
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, notification, push_json};
use crate::protocol::members::SubscriptionFilter;
use crate::protocol::params::Params;
use crate::service::{Listening, Outbound};
use crate::session::{Session, Sessions};
use crate::sync::Mutex;
use crate::uri_template::{Uri, Uris};

/// How many resources one session may subscribe to.
const SUBSCRIPTIONS: usize = 1000;

/// What of the wishes this server can fulfil.
fn wishes(core: &Core, params: &Params<'_>) -> Result<SubscriptionFilter, RpcError> {
    let wishes = params.notifications()?;
    let snapshot = core.registry.now();
    Ok(SubscriptionFilter {
        tools_list_changed: wishes.tools_list_changed && snapshot.has_tools(),
        prompts_list_changed: wishes.prompts_list_changed && snapshot.has_prompts(),
        resources_list_changed: wishes.resources_list_changed && snapshot.has_resources(),
        resource_subscriptions: if snapshot.has_resources() {
            wishes.resource_subscriptions
        } else {
            BTreeSet::new()
        },
    })
}

/// Tells of changes until the client or the server ends it.
pub(super) fn listen(request: Request) -> Result<MethodRun, RpcError> {
    let wishes = wishes(&request.core, &request.message.params()?)?;
    let Request {
        core,
        message,
        outbound,
        ..
    } = request;
    let id = json(&message);
    let subscription = Arc::new(Subscription {
        tag: format!("\"_meta\":{{\"{SUBSCRIPTION_ID}\":{id}}}"),
        resources: wishes.resource_subscriptions.iter().collect(),
        wishes,
        outbound: Mutex::new(Some(outbound)),
        broken: Notify::new(),
    });
    let listener = Arc::clone(&subscription) as Arc<dyn Listener>;
    let bus = &core.context.bus;
    let ear = bus
        .listen(listener, || subscription.acknowledge())
        .ok_or_else(|| no_room(&core))?;
    let stop = Arc::clone(&subscription) as Arc<dyn Stop>;
    let future = Box::pin(async move {
        tokio::select! {
            () = ear.closed() => {}
            () = subscription.broken.notified() => {}
        }
        subscription.end(&id);
        Outcome::Unsubscribed(id)
    });
    Ok(MethodRun::Pending { future, stop })
}

fn no_room(core: &Core) -> RpcError {
    RpcError::overloaded(format!(
        "The server is busy: {} clients listen, which is its limit; try again later",
        core.limits.listeners
    ))
}

/// The key of `_meta` by which a client knows which of its requests a message belongs to.
pub(super) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The id of a request as JSON.
fn json(message: &Message) -> Value {
    serde_json::to_value(message.id()).unwrap_or_default()
}

/// A `subscriptions/listen` request that is being served.
struct Subscription {
    tag: String,
    wishes: SubscriptionFilter,
    /// The resources among the wishes.
    resources: Uris,
    /// `None` once it is over.
    outbound: Mutex<Option<Arc<dyn Outbound>>>,
    /// The client does not keep up.
    broken: Notify,
}

impl Subscription {
    /// The members of the parameters that tell of a change, if it is one of those.
    fn told(&self, change: &Change) -> Option<String> {
        let listed = match change {
            Change::Tools => self.wishes.tools_list_changed,
            Change::Prompts => self.wishes.prompts_list_changed,
            Change::Resources => self.wishes.resources_list_changed,
            Change::Resource(uri) => return self.resources.find(uri).map(updated),
        };
        listed.then(String::new)
    }

    fn acknowledge(&self) {
        let mut agreed = String::from("\"notifications\":");
        push_json(&mut agreed, &self.wishes);
        self.send("notifications/subscriptions/acknowledged", &agreed);
    }

    fn send(&self, method: &str, params: &str) {
        // Sent under the lock, so that nothing is sent after the end.
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
            // A change that is left out would go unnoticed for ever: the client has to listen anew.
            self.broken.notify_one();
        }
    }

    /// The server ends it. Where other messages share the way, a notification says so before the result does.
    fn end(&self, id: &Value) {
        let mut outbound = self.outbound.lock();
        if let Some(outbound) = outbound.take().filter(|outbound| outbound.is_shared()) {
            let params = format!("{{\"requestId\":{},{}}}", id, self.tag);
            outbound.send(notification("notifications/cancelled", &params));
        }
    }
}

impl Listener for Subscription {
    fn hear(&self, change: &Change) {
        if let Some(params) = self.told(change) {
            self.send(method(change), &params);
        }
    }
}

impl Stop for Subscription {
    fn stop(&self) {
        *self.outbound.lock() = None;
    }
}

fn method(change: &Change) -> &'static str {
    match change {
        Change::Tools => "notifications/tools/list_changed",
        Change::Prompts => "notifications/prompts/list_changed",
        Change::Resources => "notifications/resources/list_changed",
        Change::Resource(_) => "notifications/resources/updated",
    }
}

/// The members of the parameters of `notifications/resources/updated`, with the URI as the client wrote it.
fn updated(uri: &str) -> String {
    let mut members = String::from("\"uri\":");
    push_json(&mut members, uri);
    members
}

/// A legacy session and the way to its client.
struct SessionListener {
    sessions: Arc<Sessions>,
    session: Session,
    outbound: Arc<dyn Outbound>,
}

impl Listener for SessionListener {
    fn hear(&self, change: &Change) {
        let params = match change {
            Change::Resource(uri) => {
                let found = self.sessions.subscriptions.find(&self.session, uri);
                found.map(|uri| updated(&uri))
            }
            _ => Some(String::new()),
        };
        let Some(params) = params else {
            return;
        };
        let message = notification(method(change), &format!("{{{params}}}"));
        if !self.outbound.send(message) {
            tracing::warn!("a client does not keep up: a notification is lost to it");
        }
    }
}

/// Tells a legacy session of changes until what this gives is dropped.
pub(super) fn session(
    core: &Core,
    session: &Session,
    outbound: Arc<dyn Outbound>,
) -> Option<Listening> {
    let listener = Arc::new(SessionListener {
        sessions: Arc::clone(&core.sessions),
        session: Arc::clone(session),
        outbound,
    });
    let ear = core.context.bus.listen(listener, || ())?;
    Some(Box::new(ear))
}

/// `resources/subscribe`.
pub(super) fn subscribe(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?;
    resources::check(&request.core, &request.caller, &uri)?;
    let session = request.session()?;
    let subscriptions = &request.core.sessions.subscriptions;
    let subscribed = subscriptions.add(session, Uri::new(uri), SUBSCRIPTIONS);
    let subscribed = subscribed
        .map_err(|full| RpcError::overloaded(format!("The subscription cannot be kept: {full}")))?;
    if !subscribed {
        return Err(RpcError::invalid_params(format!(
            "The session is subscribed to {SUBSCRIPTIONS} resources, which is the limit: unsubscribe from some"
        )));
    }
    Ok(MethodRun::Ready(Outcome::Empty))
}

/// `resources/unsubscribe`. It is no error if there was no subscription.
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

    #[test]
    fn a_subscription_that_was_stopped_tells_nothing() {
        let sent = Arc::<Count>::default();
        let outbound = Arc::clone(&sent) as Arc<dyn Outbound>;
        let subscription = Subscription {
            tag: "\"_meta\":{}".to_owned(),
            wishes: SubscriptionFilter {
                tools_list_changed: true,
                ..SubscriptionFilter::default()
            },
            resources: Uris::default(),
            outbound: Mutex::new(Some(outbound)),
            broken: Notify::new(),
        };
        subscription.hear(&Change::Tools);
        subscription.stop();
        subscription.hear(&Change::Tools);
        assert_eq!(*sent.0.lock(), 1);
    }
}
