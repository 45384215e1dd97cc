//! The connections to Redis: one for all commands, and one for each waiting reader.
//!
//! The connection manager of the crate keeps a connection that does not answer. Here, a command without a reply in time ends its
//! connection, so that the next one has a new connection.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult, Value, cmd,
};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::command::{Command, Repeat};
use super::fault::{Fault, is_broken, is_starting};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::sync;

/// The pause after a failed attempt to connect, which doubles up to the second value.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that was not used for this long is checked before a command that cannot be repeated.
const IDLE: Duration = Duration::from_secs(1);

/// The pause before a command is repeated that Redis refused because it was starting.
const STARTING: Duration = Duration::from_millis(50);

/// The most connections of waiting readers.
const WAITERS: usize = 32;

/// The connections to one server.
pub(super) struct Connections {
    client: Client,
    /// Host and port, for errors.
    pub(super) address: String,
    /// The time limit of a command.
    pub(super) limit: Duration,
    slot: Mutex<Slot>,
    /// Connections of readers that do not wait at the moment.
    waiters: sync::Mutex<Vec<MultiplexedConnection>>,
    waiting: Semaphore,
}

/// The connection for commands, and the attempts to make it.
struct Slot {
    live: Option<MultiplexedConnection>,
    /// Counts the connections.
    number: u64,
    used: Instant,
    pause: Duration,
    next_attempt: Instant,
}

/// A connection that no other reader uses.
pub(super) struct Waiter<'a> {
    connection: Option<MultiplexedConnection>,
    _permit: SemaphorePermit<'a>,
}

impl Connections {
    pub(super) fn new(url: &Secret<String>, limit: Duration) -> Result<Self, StoreError> {
        let client = Client::open(url.expose().as_str()).map_err(|error| {
            StoreError::new(format!(
                "the URL of Redis is not one like `rediss://user:password@host:6379/0`: {error}"
            ))
        })?;
        if url.expose().starts_with("rediss:") || url.expose().starts_with("valkeys:") {
            use_crypto_provider();
        }
        let now = Instant::now();
        Ok(Self {
            address: client.get_connection_info().addr().to_string(),
            client,
            limit,
            slot: Mutex::new(Slot {
                live: None,
                number: 0,
                used: now,
                pause: FIRST_PAUSE,
                next_attempt: now,
            }),
            waiters: sync::Mutex::default(),
            waiting: Semaphore::new(WAITERS),
        })
    }

    /// Returns an error that names the server.
    pub(super) fn error(&self, fault: &Fault) -> StoreError {
        StoreError::new(format!("the store at {}: {}", self.address, fault.text()))
    }

    /// Runs a command within the time limit.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        repeat: Repeat,
        command: &Command<'_>,
    ) -> Result<T, Fault> {
        // The connection that the command uses, and the last error of an attempt to connect.
        let (mut number, mut refused) = (0, None);
        let run = self.try_run(repeat, command, &mut number, &mut refused);
        if let Ok(result) = timeout(self.limit, run).await {
            return result;
        }
        self.forget(number);
        Err(refused.map_or(Fault::TimedOut(self.limit), Fault::NotConnected))
    }

    async fn try_run<T: FromRedisValue>(
        &self,
        repeat: Repeat,
        command: &Command<'_>,
        number: &mut u64,
        refused: &mut Option<RedisError>,
    ) -> Result<T, Fault> {
        let mut was_lost = false;
        loop {
            let mut connection;
            (connection, *number) = self.connection(repeat, refused).await?;
            *refused = None;
            let error = match command.send(&mut connection).await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            if is_starting(&error) {
                sleep(STARTING).await;
            } else if !is_broken(&error) {
                return Err(Fault::Refused(error));
            } else {
                self.forget(*number);
                if repeat == Repeat::Never || was_lost {
                    return Err(Fault::Lost(error));
                }
                was_lost = true;
            }
        }
    }

    /// Returns the connection, or makes one, as soon as the server accepts it. Errors that time does not heal end the attempts.
    async fn connection(
        &self,
        repeat: Repeat,
        refused: &mut Option<RedisError>,
    ) -> Result<(MultiplexedConnection, u64), Fault> {
        let mut slot = self.slot.lock().await;
        loop {
            if let Some(live) = slot.live.clone() {
                if repeat == Repeat::IfLost
                    || slot.used.elapsed() < IDLE
                    || self.answers(&live).await
                {
                    slot.used = Instant::now();
                    return Ok((live, slot.number));
                }
                slot.live = None;
            }
            sleep_until(slot.next_attempt).await;
            match self.connect().await {
                Ok(live) => {
                    slot.live = Some(live);
                    slot.number += 1;
                    slot.used = Instant::now();
                    slot.pause = FIRST_PAUSE;
                }
                Err(error) => {
                    slot.next_attempt = Instant::now() + slot.pause;
                    slot.pause = (slot.pause * 2).min(LAST_PAUSE);
                    if !error.is_io_error() && !is_starting(&error) {
                        return Err(Fault::NotConnected(error));
                    }
                    *refused = Some(error);
                }
            }
        }
    }

    async fn answers(&self, connection: &MultiplexedConnection) -> bool {
        let mut connection = connection.clone();
        let ping = cmd("PING");
        let ping = ping.query_async::<Value>(&mut connection);
        matches!(timeout(self.limit / 2, ping).await, Ok(Ok(_)))
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        // `run` has the time limit of all commands.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limit))
            .set_response_timeout(None);
        let client = &self.client;
        client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Forgets a connection that does not work. If the slot is locked, its holder is replacing the connection.
    fn forget(&self, number: u64) {
        if let Ok(mut slot) = self.slot.try_lock()
            && slot.number == number
        {
            slot.live = None;
        }
    }

    /// Returns a connection for a reader that waits, or `None` if too many wait.
    pub(super) fn waiter(&self) -> Option<Waiter<'_>> {
        let permit = self.waiting.try_acquire().ok()?;
        let connection = self.waiters.lock().pop();
        Some(Waiter {
            connection,
            _permit: permit,
        })
    }

    /// Waits until a blocking command has a reply. The connection of a wait that is dropped is closed, which ends the command.
    pub(super) async fn block(
        &self,
        waiter: Waiter<'_>,
        command: &Cmd,
        time: Duration,
    ) -> Result<(), Fault> {
        let limit = time + self.limit;
        let wait = async {
            let mut connection = match waiter.connection {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            command.query_async::<Value>(&mut connection).await?;
            Ok(connection)
        };
        match timeout(limit, wait).await {
            Ok(Ok(connection)) => {
                self.waiters.lock().push(connection);
                Ok(())
            }
            // The reader reads the log again, which waits for the server to come back.
            Ok(Err(error)) if is_broken(&error) || is_starting(&error) => {
                sleep(STARTING).await;
                Ok(())
            }
            Ok(Err(error)) => Err(Fault::Refused(error)),
            Err(_) => Err(Fault::TimedOut(limit)),
        }
    }
}

/// rustls takes the provider of the process; if the program has not chosen one, it is that of the rest of this crate.
fn use_crypto_provider() {
    use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
    if CryptoProvider::get_default().is_none() {
        let _ = aws_lc_rs::default_provider().install_default();
    }
}
