//! The data that handlers keep for a session or a caller, in a [`Store`].
//!
//! All values of one owner are a single entry of the store, so that their number and size are limited with every store, and
//! they end together.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ToolError;
use crate::finite;
use crate::owner::{Owner, Principal};
use crate::seal::unique;
use crate::service::{Limits, Origin};
use crate::session::SessionState;
use crate::store::{MemoryStore, Store, StoreEntry, digest, now};

/// The number of owners whose data the default store keeps, and the bytes of all data.
const OWNERS: usize = 10_000;
const BYTES: usize = 64 << 20;

/// How often a change is attempted while other calls change the data of the same owner.
const ATTEMPTS: usize = 100;

/// The limits of the data of one owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataLimits {
    /// The number of values.
    pub(crate) values: usize,
    /// The size of all keys and values as JSON, in bytes.
    pub(crate) bytes: usize,
    /// The time after the last change for which the data is kept.
    pub(crate) time_to_live: Duration,
}

impl DataLimits {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            values: limits.session_values,
            bytes: limits.session_bytes,
            time_to_live: limits.session_ttl,
        }
    }
}

/// The store of a server for the data of sessions and callers.
pub(crate) struct DataStore {
    store: OnceLock<Arc<dyn Store>>,
    limits: DataLimits,
    /// A text that distinguishes the connections of this process from those of others, which may share the store.
    process: OnceLock<String>,
    /// The first part of the ids of owners, if other servers use the same store.
    scope: String,
}

impl DataStore {
    /// Returns the data in this store. Without a store, memory is used, which is allocated at the first use.
    pub(crate) fn new(store: Option<Arc<dyn Store>>, limits: DataLimits) -> Self {
        Self {
            store: store.map_or_else(OnceLock::new, OnceLock::from),
            limits,
            process: OnceLock::new(),
            scope: String::new(),
        }
    }

    /// Keeps the data apart from that of other servers in the same store.
    pub(crate) fn scoped(mut self, scope: Option<String>) -> Self {
        self.scope = scope.map_or_else(String::new, |scope| format!("{scope}-"));
        self
    }

    /// Returns the id of a connection.
    fn id_of_connection(&self, connection: u64) -> String {
        let process = self.process.get_or_init(unique);
        format!("connection-{process}-{connection}")
    }

    fn store(&self) -> Arc<dyn Store> {
        let memory = || Arc::new(MemoryStore::new(OWNERS, BYTES)) as Arc<dyn Store>;
        Arc::clone(self.store.get_or_init(memory))
    }

    /// Returns the data of a session, else of a principal, else of a connection that carries all messages of one client. Returns
    /// `None` if there is none of them.
    pub(crate) fn of(
        &self,
        session: Option<&SessionState>,
        origin: &Origin,
    ) -> Option<SessionData> {
        let principal = origin.principal.as_ref();
        let longest = self.limits.time_to_live;
        let (id, time_to_live) = match (session, principal, origin.connection) {
            // A session on a connection of its own ends with the connection, and not at its expiry.
            (Some(session), _, Some(_)) => (session.id(), longest),
            (Some(session), _, None) => (session.id(), rest(session).min(longest)),
            (None, Some(principal), _) => (principal.key(), longest),
            (None, None, Some(connection)) => (self.id_of_connection(connection), longest),
            (None, None, None) => return None,
        };
        Some(SessionData {
            store: self.store(),
            limits: DataLimits {
                time_to_live,
                ..self.limits
            },
            id: format!("{}{id}", self.scope),
            account: origin.account(),
            principal: principal.map(Principal::key),
        })
    }

    /// Removes the data of a session that has ended.
    pub(crate) fn end(&self, session: &SessionState) {
        self.remove(&session.id());
    }

    /// Removes the data of a connection that has ended.
    pub(crate) fn end_connection(&self, connection: u64) {
        // Without an id, no connection has data.
        if self.process.get().is_some() {
            self.remove(&self.id_of_connection(connection));
        }
    }

    /// Removes the data of an owner. A store that has to wait does so in a task.
    fn remove(&self, id: &str) {
        let Some(store) = self.store.get().map(Arc::clone) else {
            return;
        };
        let key = key(&format!("{}{id}", self.scope));
        let mut removal = Box::pin(async move {
            if let Err(error) = store.remove(&key).await {
                tracing::warn!(%error, "the data of an ended session could not be removed");
            }
        });
        let polled = pin!(&mut removal).poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(removal);
        }
    }
}

/// Returns the time until a session expires.
fn rest(session: &SessionState) -> Duration {
    let expires = session.expires.saturating_mul(1000);
    Duration::from_millis(expires.saturating_sub(now()))
}

/// Returns the key of an owner's data in the store, at most 100 bytes long.
fn key(id: &str) -> String {
    const LONGEST_ID: usize = 80;
    if id.len() > LONGEST_ID {
        format!("session-digest-{}", digest(id))
    } else {
        format!("session-{id}")
    }
}

/// The data of one owner, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// The principal that stored it, since several can know the id of a session, and the digests of long ids can collide.
    principal: Option<String>,
    values: Values,
}

impl Stored {
    fn new(principal: Option<String>) -> Self {
        Self {
            principal,
            values: Values::new(),
        }
    }
}

/// The values of one owner, as JSON.
type Values = BTreeMap<String, Box<RawValue>>;

/// Data that handlers keep between calls of the same session or caller. See [`Context::session`](crate::Context::session).
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Remember the language of the caller.
/// #[tool]
/// async fn speak(language: String, context: Context) -> Result<Option<String>, ToolError> {
///     let session = context.session()?;
///     let before = session.get::<String>("language").await?;
///     session.set("language", &language).await?;
///     Ok(before)
/// }
/// ```
#[derive(Clone)]
pub struct SessionData {
    store: Arc<dyn Store>,
    limits: DataLimits,
    id: String,
    account: Owner,
    principal: Option<String>,
}

impl SessionData {
    /// Returns the id of the session or, without one, of the principal or connection. It is stable and unique in the server,
    /// consists of ASCII letters, digits and `-`, and is not the secret that clients send.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the value of a key, or `None` if there is no value or it has expired.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the value is not a `T`.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ToolError> {
        let stored = self.load().await?.1;
        let json = stored.values.get(key).map(|json| json.get());
        // The message of serde may contain a part of the value.
        let other_type = |_| format!("the value `{key}` of the session has another type");
        let value = json.map(serde_json::from_str).transpose();
        Ok(value.map_err(other_type)?)
    }

    /// Sets the value of a key, in place of an earlier one. The values then live for
    /// [`Limits::session_ttl`](crate::Limits::session_ttl), at most until the session ends.
    ///
    /// # Errors
    /// Returns an error if the value cannot be serialised as JSON, if a limit is exceeded
    /// ([`Limits::session_values`](crate::Limits::session_values) and
    /// [`Limits::session_bytes`](crate::Limits::session_bytes)), or if the store is full or fails. Nothing has changed then.
    pub async fn set(&self, key: &str, value: &impl Serialize) -> Result<(), ToolError> {
        let json = RawValue::from_string(finite::to_json(value)?)?;
        self.change(|values| {
            values.insert(key.to_owned(), json.clone());
        })
        .await
    }

    /// Removes the value of a key, if there is one.
    ///
    /// ```
    /// use mcp_runtime::{TestContext, ToolError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ToolError> {
    /// let test = TestContext::new();
    /// let session = test.context().session()?;
    /// session.set("cart", &["apple", "pear"]).await?;
    /// session.remove("cart").await?;
    /// assert_eq!(session.get::<Vec<String>>("cart").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub async fn remove(&self, key: &str) -> Result<(), ToolError> {
        if self.load().await?.1.values.contains_key(key) {
            self.change(|values| {
                values.remove(key);
            })
            .await?;
        }
        Ok(())
    }

    /// Returns the stored bytes and the data in them.
    async fn load(&self) -> Result<(Option<Vec<u8>>, Stored), ToolError> {
        let bytes = self.store.get(&key(&self.id)).await.map_err(failed)?;
        let Some(bytes) = bytes else {
            return Ok((None, Stored::new(self.principal.clone())));
        };
        let stored: Stored =
            serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        if stored.principal != self.principal {
            return Err(ToolError::new(
                "The data of this session belongs to another caller",
            ));
        }
        Ok((Some(bytes), stored))
    }

    /// Changes the values, and repeats the change if another call has changed them meanwhile.
    async fn change(&self, change: impl Fn(&mut Values)) -> Result<(), ToolError> {
        let key = key(&self.id);
        for _ in 0..ATTEMPTS {
            let (old, mut stored) = self.load().await?;
            change(&mut stored.values);
            self.check(&stored.values)?;
            let new = serde_json::to_vec(&stored)?;
            let entry = StoreEntry {
                owner: self.account.clone(),
                ..StoreEntry::new(&new, self.limits.time_to_live)
            };
            let changed = match &old {
                Some(old) => self.store.replace(&key, old, entry).await,
                None => self.store.put_if_absent(&key, entry).await,
            };
            if changed.map_err(failed)? {
                return Ok(());
            }
        }
        Err(ToolError::new(
            "The data of the session is changed by too many calls at once",
        ))
    }

    fn check(&self, values: &Values) -> Result<(), ToolError> {
        let DataLimits {
            values: count,
            bytes,
            ..
        } = self.limits;
        let sizes = values
            .iter()
            .map(|(key, json)| key.len() + json.get().len());
        let excess = if values.len() > count {
            format!("more than {count} values")
        } else if sizes.sum::<usize>() > bytes {
            format!("values of more than {bytes} bytes")
        } else {
            return Ok(());
        };
        let message = format!("The session has {excess}, which is the limit: remove some");
        Err(ToolError::new(message))
    }
}

impl fmt::Debug for SessionData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionData")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn failed(error: Box<dyn Error + Send + Sync>) -> ToolError {
    // The cause is for the log.
    #[derive(Debug)]
    struct Failed(Box<dyn Error + Send + Sync>);
    impl fmt::Display for Failed {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("the data of the session is not available")
        }
    }
    impl Error for Failed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }
    Failed(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_data_of_a_caller_is_refused_to_another_one() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(OWNERS, BYTES));
        let data = |principal: &str| SessionData {
            store: Arc::clone(&store),
            limits: DataLimits::of(&Limits::default()),
            id: "session".to_owned(),
            account: Owner::Local,
            principal: Some(principal.to_owned()),
        };
        data("ada").set("cart", &1).await.expect("stored");
        for stranger in ["bob", ""] {
            let read = data(stranger).get::<u8>("cart").await;
            let error = read.expect_err("refused").to_string();
            assert!(error.contains("another caller"), "{error}");
            assert!(data(stranger).set("cart", &2).await.is_err());
            assert!(data(stranger).remove("cart").await.is_err());
        }
        let own = data("ada").get("cart").await.expect("readable");
        assert_eq!(own, Some(1));
    }
}
