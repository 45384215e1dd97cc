//! The threads of a store, each with a connection: SQLite blocks, and must not block the runtime.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::fault::Fault;
use super::file::File;
use crate::store::StoreError;

/// The most calls that wait for a thread. Further calls wait for their turn.
const QUEUE: usize = 256;

/// The time limit of a call, longer than SQLite waits for the lock of another process.
const LIMIT: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread that runs the calls of a store one after another. It ends with the store.
pub(super) struct Worker(mpsc::Sender<Job>);

impl Worker {
    pub(super) fn start(
        name: &str,
        mut connection: Connection,
        file: &Arc<File>,
    ) -> Result<Self, StoreError> {
        let (jobs, mut next) = mpsc::channel::<Job>(QUEUE);
        let run = move || {
            while let Some(job) = next.blocking_recv() {
                job(&mut connection);
            }
        };
        match thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(_) => Ok(Self(jobs)),
            Err(error) => Err(file.error(&format!("the system starts no thread: {error}"))),
        }
    }

    /// Runs a call, unless its future is dropped before its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        file: &File,
        call: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if !reply.is_closed() {
                let _ = reply.send(call(connection));
            }
        });
        let run = async {
            let _ = self.0.send(job).await;
            result.await
        };
        match timeout(LIMIT, run).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(fault))) => Err(file.fault(fault)),
            Ok(Err(_)) => Err(file.error("the thread of the store has ended")),
            Err(_) => Err(file.error(&format!("not done within {} s", LIMIT.as_secs()))),
        }
    }
}
