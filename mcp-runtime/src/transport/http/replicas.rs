//! The sessions of a server that is one of several replicas: each request of a session may reach another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Endpoint;
use super::event_stream::StreamReader;
use super::reply::Rejection;
use super::stream_log::{Changes, Missed};
use crate::cluster::{
    Cluster, ClusterError, Event, Letter, Member, SessionEvent, Setting, SharedSession,
};
use crate::owner::Principal;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Message, MessageKind};
use crate::service::{Origin, Outbound};
use crate::session::{Session, SessionState, account_elsewhere};
use crate::sync::Mutex;
use crate::transport::incoming::Incoming;

/// A new GET stream.
pub(super) struct Opened {
    reader: StreamReader,
    /// The position of the log of the cluster from which it has the changes of the server.
    position: u64,
}

/// Different notifications.
#[derive(Default)]
struct Distinct(Mutex<BTreeSet<String>>);

impl Outbound for Distinct {
    fn send(&self, message: String) -> bool {
        self.0.lock().insert(message);
        true
    }
}

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
        let Some(session) = known.or_else(|| self.tokens.unseal(token, principal)) else {
            return Ok(None);
        };
        if self.tokens.known(token, principal).is_none() {
            if !self.restore(cluster, &session).await? {
                return Ok(None);
            }
            self.tokens.remember(token, &session);
        }
        Ok((!self.tokens.is_ended(&session)).then_some(session))
    }

    /// Reads the settings of a session, and returns `false` if it has ended.
    async fn restore(&self, cluster: &Cluster, session: &Session) -> Result<bool, Rejection> {
        let shared = cluster.session(session.shared_key()).await;
        let Some(shared) = shared.map_err(|error| unavailable(&error))? else {
            return Ok(true);
        };
        if shared.ended {
            self.end(session, &shared);
        }
        let restored = self.service.restore_session(session, &shared);
        restored.map_err(|error| Rejection::of(&error))?;
        Ok(!shared.ended)
    }

    /// Ends a session that was ended at any replica.
    fn end(&self, session: &Session, shared: &SharedSession) {
        if !self.tokens.end(session, account_elsewhere(&shared.account)) {
            // There is no space for it. It is read from the store before its next use.
            self.tokens.forget_opened();
        }
        self.streams.forget(session);
    }

    /// Ends a session for all replicas.
    ///
    /// # Errors
    /// Returns an error if there is no space for it, or if the store fails. It may have ended nevertheless.
    pub(super) async fn end_shared(
        &self,
        cluster: &Arc<Cluster>,
        session: &Session,
        origin: &Origin,
    ) -> Result<(), Rejection> {
        let counted = self.service.count(origin);
        counted.map_err(|error| Rejection::of(&error))?;
        let account = origin.account().key();
        if !self.tokens.can_end(session, &account_elsewhere(&account)) {
            return Err(Rejection::method_not_allowed("POST"));
        }
        let ended = cluster
            .change_session(session.shared_key(), account, Setting::Ended)
            .await;
        ended.map(|_| ()).map_err(|error| unavailable(&error))
    }

    /// Opens the stream of a session for messages that belong to no request, and ends those at other replicas: a message is sent on
    /// one of them only, and none is lost between them.
    ///
    /// # Errors
    /// Returns an error if the store fails, and the one of the stream if there are too many listeners, or if the server stops.
    pub(super) async fn open_only_get_stream(
        self: &Arc<Self>,
        cluster: &Cluster,
        session: &Session,
        origin: &Origin,
    ) -> Result<Opened, Rejection> {
        let counted = self.service.count(origin);
        counted.map_err(|error| Rejection::of(&error))?;
        let event = Event::Session(session.shared_key(), SessionEvent::StreamOpened);
        let (endpoint, session) = (Arc::downgrade(self), Arc::clone(session));
        let origin = origin.clone();
        let open = move |position| {
            let endpoint = endpoint.upgrade()?;
            let streams = &endpoint.streams;
            let opened = streams.open_get_stream(&*endpoint.service, &session, &origin);
            Some(opened.map(|reader| Opened { reader, position }))
        };
        let opened = cluster.in_order(event, open).await;
        let opened = opened.map_err(|error| unavailable(&error))?;
        let opened = opened.ok_or_else(|| Rejection::not_ready("The server is stopping"))?;
        opened.map_err(|error| Rejection::of(&error))
    }

    /// Sends what a client has missed of its earlier stream on a new one. Changes are told once, because their notifications say only
    /// that something has changed.
    ///
    /// # Errors
    /// Returns an error if the store fails. The client may resume its earlier stream again.
    pub(super) async fn catch_up(
        &self,
        cluster: &Cluster,
        session: &Session,
        origin: &Origin,
        missed: Missed,
        Opened { reader, position }: Opened,
    ) -> Result<StreamReader, Rejection> {
        for message in missed.messages {
            reader.send(message);
        }
        let notifications = Arc::new(Distinct::default());
        let outbound = Arc::clone(&notifications) as Arc<dyn Outbound>;
        let notify = self.service.notifying(session, origin, outbound);
        match missed.changes {
            Changes::Nothing => {}
            Changes::Anything => notify(&Event::Anything),
            Changes::Since(last) => {
                let read = cluster.read_between(last, position, notify);
                read.await.map_err(|error| unavailable(&error))?;
            }
        }
        for notification in std::mem::take(&mut *notifications.0.lock()) {
            reader.send(notification);
        }
        Ok(reader)
    }

    /// Ends the readers of a stream at other replicas, because its client reads it here.
    pub(super) fn tell_resumed(&self, session: &Session, last_event: &str) {
        let Some(cluster) = self.service.cluster() else {
            return;
        };
        if let Some((stream, _)) = last_event.rsplit_once('-') {
            let event = SessionEvent::StreamResumed(stream.to_owned());
            // Without it, an older reader ends with its connection.
            let _ = cluster.tell_session(session.shared_key(), event);
        }
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
                    let told = cluster.tell_session(session.shared_key(), event);
                    told.map_err(|error| unavailable(&error))?;
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
        let Some(asked) = self.service.asked_elsewhere(session, response) else {
            return Ok(());
        };
        let letter = Letter::Response {
            nonce: session.nonce,
            text: response.text().to_owned(),
        };
        let sent = cluster
            .send_answer(&asked.replica, &asked.id, &letter)
            .await;
        sent.map_err(|error| unavailable(&error))
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
        let Event::Session(key, event) = event else {
            return;
        };
        match event {
            SessionEvent::Settings(shared) if shared.ended => {
                self.end(&Arc::new(SessionState::elsewhere(*key)), shared);
            }
            SessionEvent::StreamOpened if own.is_none() => {
                self.streams.close_get_stream(key.nonce);
            }
            SessionEvent::StreamResumed(name) if own.is_none() => self.streams.leave(name),
            _ => {}
        }
    }

    fn missed(self: Arc<Self>) {
        // The next use of each token reads its session again. Clients that only listen have no next use, and another replica may have a
        // newer stream of theirs: they open their streams again.
        self.tokens.forget_opened();
        self.streams.close_get_streams();
    }
}
