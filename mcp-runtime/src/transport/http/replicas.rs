//! The sessions of a server that is one of several replicas: each request of a session may reach another one.

use std::sync::{Arc, Weak};

use super::Endpoint;
use super::event_stream::StreamReader;
use super::reply::Rejection;
use crate::cluster::{Cluster, ClusterError, Event, Letter, Member, SessionEvent, SessionKey};
use crate::owner::{Owner, Principal};
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, MessageKind};
use crate::service::Origin;
use crate::session::{Session, SessionState};
use crate::transport::incoming::Incoming;

/// Returns the rejection of a request that needs the other replicas.
pub(super) fn unavailable(error: &ClusterError) -> Rejection {
    Rejection::of(&RpcError::overloaded(format!("{error}; try again later")))
}

impl Endpoint {
    /// Returns the session of a token as [`Tokens::open`](crate::session::Tokens::open) does. Before the first use of a token, its
    /// session is read from the store.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(super) async fn open_shared(
        &self,
        cluster: &Cluster,
        token: &str,
        principal: Option<&Principal>,
    ) -> Result<Option<Session>, Rejection> {
        let known = self.tokens.known(token, principal);
        let session = match known {
            Some(session) => session,
            None => {
                let Some(session) = self.tokens.unseal(token, principal) else {
                    return Ok(None);
                };
                self.restore(cluster, &session).await?;
                self.tokens.remember(token, &session);
                session
            }
        };
        Ok((!self.tokens.is_ended(&session)).then_some(session))
    }

    /// Reads the settings of a session, and whether it has ended.
    async fn restore(&self, cluster: &Cluster, session: &Session) -> Result<(), Rejection> {
        let shared = cluster.session(session.shared_key()).await;
        let shared = shared.map_err(|error| unavailable(&error))?;
        if shared.ended {
            self.end(session);
            return Ok(());
        }
        let restored = self.service.restore_session(session, &shared);
        restored.map_err(|error| Rejection::of(&error))
    }

    /// Ends a session that was ended at another replica.
    fn end(&self, session: &Session) {
        if !self.tokens.end(session, Owner::Session(session.nonce)) {
            // There is no space for it. It is read from the store before its next use.
            self.tokens.forget_opened();
        }
        self.streams.forget(session);
    }

    /// Opens the stream of a session for messages that belong to no request, and ends those at other replicas: a message is sent on
    /// one of them only, and none is lost between them.
    ///
    /// # Errors
    /// Returns an error if there are too many listeners, if the server stops, or if the store fails.
    pub(super) async fn open_only_get_stream(
        self: &Arc<Self>,
        cluster: &Cluster,
        session: Session,
        origin: Origin,
    ) -> Result<StreamReader, Rejection> {
        let event = Event::Session(session.shared_key(), SessionEvent::StreamOpened);
        let endpoint = Arc::clone(self);
        let open = move || {
            endpoint
                .streams
                .open_get_stream(&*endpoint.service, &session, &origin)
        };
        let opened = cluster.in_order(event, open).await;
        let opened = opened.map_err(|error| unavailable(&error))?;
        opened.map_err(|error| Rejection::of(&error))
    }

    /// Tells other replicas of the messages of a session that concern them: answers to their questions, cancellations, and the end
    /// of the handshake.
    ///
    /// # Errors
    /// Returns an error if the client sends too many of them, or if an answer cannot be sent because the store fails.
    pub(super) async fn tell_replicas(
        &self,
        session: Option<&Session>,
        origin: &Origin,
        incoming: &Incoming,
    ) -> Result<(), Rejection> {
        let (Some(session), Some(cluster)) = (session, self.service.cluster()) else {
            return Ok(());
        };
        let messages = match incoming {
            Incoming::One(message) => std::slice::from_ref(message).iter().collect(),
            Incoming::Batch(messages) => messages.iter().flatten().collect::<Vec<_>>(),
        };
        for message in messages {
            let event = match message.kind() {
                MessageKind::Request(_) => continue,
                MessageKind::Response => None,
                MessageKind::Notification => match event_of(message) {
                    None => continue,
                    event => event,
                },
            };
            // Each of them is a write to the store.
            let counted = self.service.count(origin);
            counted.map_err(|error| Rejection::of(&error))?;
            match event {
                Some(event) => {
                    cluster.tell(Event::Session(session.shared_key(), event));
                }
                None => self.forward_response(cluster, session, message).await?,
            }
        }
        Ok(())
    }

    /// Sends the answer to a question to the replica that has asked it.
    async fn forward_response(
        &self,
        cluster: &Cluster,
        session: &Session,
        response: &Message,
    ) -> Result<(), Rejection> {
        let Some(replica) = self.service.replica_of(response) else {
            return Ok(());
        };
        let letter = Letter::Response {
            nonce: session.nonce,
            text: response.text().to_owned(),
        };
        let sent = cluster.send_to(&replica, &letter).await;
        if !sent.map_err(|error| unavailable(&error))? {
            tracing::debug!("a response is ignored: the replica that asked is gone");
        }
        Ok(())
    }
}

/// Returns what a notification changes in its session at other replicas.
fn event_of(notification: &Message) -> Option<SessionEvent> {
    match notification.method() {
        "notifications/initialized" => Some(SessionEvent::Initialized),
        "notifications/cancelled" => {
            let id = notification.params().ok()?.request_id()?;
            Some(SessionEvent::Cancelled(serde_json::to_string(&id).ok()?))
        }
        _ => None,
    }
}

impl Member for Endpoint {
    fn receive(&self, own: Option<u64>, event: &Event) {
        let (None, Event::Session(key, event)) = (own, event) else {
            return;
        };
        match event {
            SessionEvent::Ended => self.end(&Arc::new(SessionState::elsewhere(*key))),
            SessionEvent::StreamOpened => self.streams.close_get_stream(key.nonce),
            _ => {}
        }
    }

    fn missed(self: Arc<Self>) {
        // The next use of each token reads its session again.
        self.tokens.forget_opened();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // The others have no next use: their clients only listen.
        let listening = self.streams.listening();
        let endpoint = Arc::downgrade(&self);
        runtime.spawn(async move {
            for key in listening {
                restore_listening(&endpoint, key).await;
            }
        });
    }
}

/// Reads the settings of a session that listens.
async fn restore_listening(endpoint: &Weak<Endpoint>, key: SessionKey) {
    let Some(endpoint) = endpoint.upgrade() else {
        return;
    };
    let Some(cluster) = endpoint.service.cluster() else {
        return;
    };
    let session = Arc::new(SessionState::elsewhere(key));
    if endpoint.restore(cluster, &session).await.is_err() {
        tracing::warn!("the stream of a session ends: its settings cannot be read");
        endpoint.streams.close_get_stream(key.nonce);
    }
}
