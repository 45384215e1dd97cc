//! The tokens that were revoked before they expire: in the memory of this process, or in the store that replicas share.
//!
//! It knows no way of authentication: each of them asks before it accepts a token, and before it keeps one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::unverified::Parts;
use crate::cluster::{Cluster, ClusterError, Event, Member};
use crate::owner::Owner;
use crate::store::{Bounded, Lease, milliseconds, now};
use crate::sync::Mutex;

/// The maximum number of revoked tokens of a server without replicas.
const TOKENS: usize = 100_000;

/// The longest time for which a token is accepted after the time in its claim `exp`.
pub(super) const LONGEST_LEEWAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time for which a token without a readable `exp` stays revoked.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The longest time for which a token stays revoked: about 100 years, which all stores can represent.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The maximum number of revocations that an open stream has not noticed. One that misses some asks for its token.
const UNNOTICED: usize = 256;

/// What identifies a token: the first half of a SHA-256 digest.
///
/// The digest of a JWT is that of the part that is signed. Everybody can make another valid signature from one of ECDSA, so that the
/// digest of the whole would not identify the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TokenKey(u128);

impl TokenKey {
    pub(super) fn of(token: &str) -> Self {
        let identifying = Parts::of(token).map_or(token, |parts| parts.message);
        let digest: [u8; 32] = Sha256::digest(identifying).into();
        let first = digest.first_chunk().copied().unwrap_or_default();
        Self(u128::from_be_bytes(first))
    }

    fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// A token that was not revoked in an epoch of [`Revoked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckedToken {
    pub(super) key: TokenKey,
    pub(super) epoch: u64,
}

/// The reason why a token could not be revoked. See [`ServerHandle::revoke_token`](crate::ServerHandle::revoke_token).
///
/// ```
/// use mcp_runtime::{RevokeError, ServerHandle};
///
/// /// Revokes the token of a user who signs out. Returns what the user is told.
/// async fn sign_out(server: &ServerHandle, token: &str) -> &'static str {
///     match server.revoke_token(token).await {
///         Ok(()) => "You are signed out.",
///         Err(RevokeError::Store(_)) => "You are still signed in: try again later.",
///         Err(_) => "You are still signed in.",
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// The server is not running yet.
    NotRunning,
    /// The text is not a token: it is empty, or has a space, as in `Bearer TOKEN`.
    NotAToken,
    /// Too many tokens are revoked. None of them is forgotten, and this one is still accepted.
    Full(String),
    /// The store of the replicas fails. The token may have been revoked nevertheless.
    Store(String),
    /// A way of authentication of the server knows the credentials without a check: an API key, or a token that an
    /// [`Authenticate::known`](crate::Authenticate::known) of the application returns.
    Known,
}

impl fmt::Display for RevokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => formatter.write_str("the server is not running yet: start it before tokens are revoked"),
            Self::NotAToken => formatter
                .write_str("the text is not a token: pass what follows `Bearer` in the header `Authorization`"),
            Self::Full(reason) => write!(formatter, "too many tokens are revoked: {reason}"),
            Self::Store(reason) => write!(formatter, "the token may still be accepted: {reason}"),
            Self::Known => formatter.write_str(
                "a way of authentication still accepts the token, because it knows it without a check: remove an API key from the \
                 configuration, and a token from the cache of the application",
            ),
        }
    }
}

impl std::error::Error for RevokeError {}

/// The tokens that were revoked before they expire.
pub(crate) struct Revoked {
    tokens: Tokens,
    /// The number of changes so far. A token that was checked in an earlier epoch is checked again.
    epoch: AtomicU64,
    /// Tells open streams which token is not valid any more; `None` if it may be any.
    news: broadcast::Sender<Option<TokenKey>>,
}

enum Tokens {
    Here(Mutex<Bounded<TokenKey, ()>>),
    Shared(Arc<Cluster>),
}

impl Revoked {
    /// Returns the revoked tokens of a server, which are those of all its replicas if it is one of several.
    pub(crate) fn new(cluster: Option<Arc<Cluster>>) -> Arc<Self> {
        let tokens = match cluster {
            Some(cluster) => Tokens::Shared(cluster),
            None => Tokens::Here(Mutex::new(Bounded::new(TOKENS, usize::MAX))),
        };
        let revoked = Arc::new(Self {
            tokens,
            epoch: AtomicU64::new(0),
            news: broadcast::Sender::new(UNNOTICED),
        });
        if let Tokens::Shared(cluster) = &revoked.tokens {
            let member = Arc::downgrade(&revoked) as Weak<dyn Member>;
            cluster.add_member(member);
        }
        revoked
    }

    /// Returns the number of changes so far.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Revokes a token. When this returns, it is not accepted here, and other replicas are told.
    ///
    /// # Errors
    /// Returns an error if the table is full, or if the store fails.
    pub(super) async fn add(&self, token: &str) -> Result<(), RevokeError> {
        let (key, time) = (TokenKey::of(token), remaining(token));
        match &self.tokens {
            Tokens::Here(tokens) => {
                let lease = Lease {
                    owner: Owner::Local,
                    expires: now().saturating_add(milliseconds(time)),
                    bytes: 0,
                };
                let mut tokens = tokens.lock();
                let held = tokens.hold(key, lease, || ());
                held.map_err(|full| RevokeError::Full(full.to_string()))?;
                drop(tokens);
                self.changed(Some(key));
            }
            Tokens::Shared(cluster) => {
                let failed = |error: ClusterError| RevokeError::Store(error.to_string());
                let key_text = key.to_string();
                cluster.revoke(&key_text, time).await.map_err(failed)?;
                self.changed(Some(key));
                let told = cluster.in_order(Event::Revoked(key_text), |_| ()).await;
                told.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Returns `true` if a token was revoked.
    ///
    /// # Errors
    /// Returns the reason why it is not known.
    pub(super) async fn contains(&self, key: TokenKey) -> Result<bool, String> {
        match &self.tokens {
            Tokens::Here(tokens) => Ok(tokens.lock().get(&key).is_some()),
            Tokens::Shared(cluster) => {
                let found = cluster.is_revoked(&key.to_string()).await;
                found.map_err(|error| error.to_string())
            }
        }
    }

    /// Handles that the issuer does not accept a token any more, which it accepted before: the other replicas ask the issuer again
    /// before they accept any token.
    pub(super) fn withdrawn(&self, token: &str) {
        let key = TokenKey::of(token);
        self.tell_streams(Some(key));
        if let Tokens::Shared(cluster) = &self.tokens {
            cluster.tell(Event::Revoked(key.to_string()));
        }
    }

    /// Waits until a token is not valid any more, or until that cannot be known because the store fails.
    pub(crate) async fn ended(&self, token: CheckedToken) {
        let mut news = self.news.subscribe();
        let mut is_unclear = self.epoch() != token.epoch;
        loop {
            if is_unclear && self.contains(token.key).await != Ok(false) {
                return;
            }
            is_unclear = match news.recv().await {
                Ok(Some(key)) if key == token.key => return,
                Ok(Some(_)) => false,
                Ok(None) | Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return,
            };
        }
    }

    /// Begins an epoch: every token is checked again before its next use.
    fn changed(&self, key: Option<TokenKey>) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.tell_streams(key);
    }

    fn tell_streams(&self, key: Option<TokenKey>) {
        // An error says that there is no stream.
        let _ = self.news.send(key);
    }
}

impl Member for Revoked {
    fn receive(&self, own: Option<u64>, event: &Event) {
        if let (None, Event::Revoked(key)) = (own, event) {
            self.changed(TokenKey::parse(key));
        }
    }

    fn missed(self: Arc<Self>) {
        self.changed(None);
    }
}

/// Returns the time for which a token stays revoked: until every server must refuse it, by the claims that it has itself.
fn remaining(token: &str) -> Duration {
    let claims = Parts::of(token).and_then(|parts| parts.claims());
    let Some(expires) = claims
        .as_ref()
        .and_then(|claims| claims.get("exp")?.as_f64())
    else {
        return WITHOUT_EXPIRY;
    };
    let seconds = expires - Duration::from_millis(now()).as_secs_f64();
    let left = Duration::try_from_secs_f64(seconds.max(0.0));
    left.unwrap_or(LONGEST).min(LONGEST) + LONGEST_LEEWAY
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn jwt(claims: &Value, signature: &str) -> String {
        let [header, claims] = [&json!({ "alg": "ES256" }), claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{claims}.{signature}")
    }

    #[test]
    fn the_key_of_a_jwt_is_that_of_its_content() {
        let claims = json!({ "sub": "ada" });
        let key = TokenKey::of(&jwt(&claims, "AA"));
        assert_eq!(key, TokenKey::of(&jwt(&claims, "not base64!")));
        assert_ne!(key, TokenKey::of(&jwt(&json!({ "sub": "bob" }), "AA")));
        assert_ne!(
            TokenKey::of("a.b.c"),
            TokenKey::of("a.b.d"),
            "opaque tokens"
        );
        // The first half of the digest that `printf abc | sha256sum` prints.
        let text = "ba7816bf8f01cfea414140de5dae2223";
        assert_eq!(TokenKey::of("abc").to_string(), text);
        assert_eq!(TokenKey::parse(text), Some(TokenKey::of("abc")));
    }

    #[test]
    fn a_token_stays_revoked_until_no_leeway_accepts_it() {
        let seconds = now() / 1000;
        let (day, month) = (24 * 60 * 60, 30 * 24 * 60 * 60);
        for (token, expected) in [
            ("opaque".to_owned(), month),
            (jwt(&json!({}), "AA"), month),
            (jwt(&json!({ "exp": "tomorrow" }), "AA"), month),
            (jwt(&json!({ "exp": seconds + 600 }), "AA"), day + 600),
            (jwt(&json!({ "exp": seconds - 600 }), "AA"), day),
            (jwt(&json!({ "exp": 1e300 }), "AA"), LONGEST.as_secs() + day),
        ] {
            let time = remaining(&token).as_secs();
            assert!((expected - 2..=expected).contains(&time), "{token}: {time}");
        }
    }

    #[tokio::test]
    async fn a_full_table_refuses_tokens_and_forgets_none() {
        let revoked = Revoked::new(None);
        for index in 0..TOKENS {
            revoked.add(&index.to_string()).await.unwrap();
        }
        let error = revoked.add("one more").await;
        assert!(matches!(error, Err(RevokeError::Full(_))), "{error:?}");
        assert_eq!(revoked.contains(TokenKey::of("one more")).await, Ok(false));
        revoked.add("0").await.unwrap();
        for index in [0, TOKENS / 2, TOKENS - 1] {
            let key = TokenKey::of(&index.to_string());
            assert_eq!(revoked.contains(key).await, Ok(true));
        }
    }

    #[tokio::test]
    async fn events_that_may_have_been_missed_begin_an_epoch() {
        let revoked = Revoked::new(None);
        Arc::clone(&revoked).missed();
        assert_eq!(revoked.epoch(), 1);
        let event = Event::Revoked(TokenKey::of("a").to_string());
        revoked.receive(Some(1), &event);
        assert_eq!(revoked.epoch(), 1, "this replica has told it");
        revoked.receive(None, &event);
        assert_eq!(revoked.epoch(), 2);
        revoked.receive(None, &Event::Anything);
        assert_eq!(revoked.epoch(), 2);
    }

    #[tokio::test]
    async fn a_stream_that_opens_after_its_token_was_revoked_ends() {
        let revoked = Revoked::new(None);
        let token = |text: &str| CheckedToken {
            key: TokenKey::of(text),
            epoch: 0,
        };
        revoked.add("revoked").await.unwrap();
        revoked.ended(token("revoked")).await;
        let open = tokio::time::timeout(Duration::from_millis(50), revoked.ended(token("valid")));
        assert!(open.await.is_err());
    }
}
