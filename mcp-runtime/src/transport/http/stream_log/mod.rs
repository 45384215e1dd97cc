//! The logs of streams in the store of a cluster: a client resumes its stream at any replica, also after the one that had it stopped.
//!
//! A task for each stream ([`writer`]) appends its events to a log, and a [`Follower`] at another replica sends what the log has.
//! Only event streams of sessions have logs.

mod entry;
mod follower;
mod health;
mod resumed;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::event_stream::EventStream;
use crate::cluster::Cluster;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::service::Held;
use crate::session::Session;
use entry::{About, Owned};
use follower::Followers;
use health::Health;
use writer::Writer;

pub(super) use follower::Follower;
pub(super) use resumed::{Changes, Missed, Resumed};

/// What a stream is for.
pub(super) enum StreamKind {
    /// Messages that belong to no request.
    Get,
    /// The answer to the request with this id, or to a batch.
    Answer(Option<Id>),
}

/// The logs of the streams of one replica, and the logs of others that it reads.
pub(crate) struct StreamLog {
    cluster: Arc<Cluster>,
    /// `true` from when the server stops. It waits for the receivers, until the grace period is over.
    stopping: watch::Sender<bool>,
    grace: Duration,
    followers: Followers,
    health: Arc<Health>,
}

impl StreamLog {
    /// Returns the logs of a replica. When `stopping` turns true, the server waits until its receivers are dropped, at most for the
    /// grace period.
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        stopping: watch::Sender<bool>,
        grace: Duration,
    ) -> Self {
        Self {
            cluster,
            stopping,
            grace,
            followers: Followers::default(),
            health: Arc::default(),
        }
    }

    /// Returns the id of the replica, with which the names of its streams begin.
    pub(super) fn replica(&self) -> &str {
        self.cluster.replica()
    }

    /// Starts the task that writes the events of a stream until it ends.
    pub(super) fn write(
        &self,
        name: &str,
        session: &Session,
        events: &Arc<EventStream>,
        kind: StreamKind,
    ) {
        events.start_log();
        let writer = Writer {
            cluster: Arc::clone(&self.cluster),
            health: Arc::clone(&self.health),
            owned: Owned::by(session),
            log: log_of(name),
            events: Arc::clone(events),
            about: match kind {
                // The writer knows the position when it writes its first entry.
                StreamKind::Get => About::Changes(0),
                StreamKind::Answer(id) => {
                    let id = id.and_then(|id| serde_json::to_string(&id).ok());
                    id.map_or(About::Batch, About::Request)
                }
            },
        };
        tokio::spawn(writer.run(self.stopping.subscribe(), self.grace));
    }

    /// Resumes a stream from its log, after the event with this id. A GET stream goes on as a new one, which begins with the rest. `held` is the share of the client in the budget of unsent
    /// messages. The other readers of the stream at this replica end.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    pub(super) async fn resume(
        &self,
        session: &Session,
        last_event: &str,
        held: Held,
    ) -> Result<Resumed<Follower>, RpcError> {
        let Some((name, after)) = parse_event_id(last_event) else {
            return Ok(Resumed::New(Missed::default()));
        };
        let owned = Owned::by(session);
        let log = log_of(&name);
        let cluster = Arc::clone(&self.cluster);
        let resumed = follower::open(cluster, owned, log, (&name, after), held).await?;
        let stopping = self.stopping.subscribe();
        Ok(match resumed {
            Resumed::Rest(follow) => Resumed::Rest(self.followers.add(name, follow, stopping)),
            Resumed::New(missed) => Resumed::New(missed),
        })
    }

    /// Ends the follower of a stream, because its client reads the stream elsewhere.
    pub(super) fn leave(&self, name: &str) {
        self.followers.end(name);
    }
}

/// Returns the name of the log of a stream. The names of streams are unique, because they begin with the id of their replica.
fn log_of(name: &str) -> String {
    format!("stream-{name}")
}

/// Returns the name of the stream and the number of the event that an id names; `None` if no replica gave this id.
fn parse_event_id(id: &str) -> Option<(String, u64)> {
    let (name, event) = id.rsplit_once('-')?;
    let (replica, number) = name.split_once('-')?;
    let is_replica = replica.len() == 16 && replica.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number: u64 = number.parse().ok()?;
    let event = event.parse().ok()?;
    is_replica.then(|| (format!("{replica}-{number}"), event))
}
