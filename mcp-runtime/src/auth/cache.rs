//! The tokens that were verified before.
//!
//! The key of a token is its `HighwayHash` with 128 bits, whose own key of 256 bits is random in each process. Like `SipHash`,
//! `HighwayHash` is built as a pseudorandom function (<https://arxiv.org/abs/1612.06257>), and neither its key nor a hash leaves
//! the process, so that nobody can find two tokens with the same hash. `SipHash` takes three times the instructions, and
//! SHA-256 would be the most expensive part of a call.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use highway::{HighwayHash as _, HighwayHasher, Key};

use super::Identity;
use crate::owner::Owner;
use crate::seal::random_bytes;
use crate::store::{Bounded, Lease, milliseconds};
use crate::sync::RwLock;

/// The maximum number of tokens.
const TOKENS: usize = 10_000;

/// The maximum size of all tokens, by the estimate of [`size`].
const BYTES: usize = 32 * 1024 * 1024;

/// Verified tokens. When there is no space, those that expire next are forgotten.
pub(super) struct VerifiedTokens {
    /// `None` if the operating system has no random bytes: then no token is kept.
    key: Option<Key>,
    tokens: RwLock<Bounded<u128, Verified, BuildHasherDefault<Uniform>>>,
}

struct Verified {
    identity: Arc<Identity>,
    version: Version,
}

/// What a verified token depends on. It is verified again when one of them has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// The generation of the keys of the issuer.
    pub(super) generation: u64,
    /// The number of changes of the revoked tokens.
    pub(super) epoch: u64,
}

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        Self {
            key: random_bytes().ok().map(key),
            tokens: RwLock::new(Bounded::with_hasher(
                TOKENS,
                BYTES,
                BuildHasherDefault::new(),
            )),
        }
    }

    /// Returns the caller with this token, if it was verified in this version and has not expired at this time, in milliseconds
    /// since 1970.
    pub(super) fn get(
        &self,
        token: impl AsRef<[u8]>,
        version: Version,
        now: u64,
    ) -> Option<Arc<Identity>> {
        let hash = self.hash(token)?;
        let tokens = self.tokens.read();
        let verified = tokens.get_at(&hash, now)?;
        (verified.version == version).then(|| Arc::clone(&verified.identity))
    }

    /// Keeps a token until it expires, and at most until `ends`, in milliseconds since 1970.
    pub(super) fn keep(&self, token: &str, identity: &Identity, ends: u64, version: Version) {
        let Some(hash) = self.hash(token) else {
            return;
        };
        let expires = identity.expires.map_or(u64::MAX, |expires| {
            let since = expires.duration_since(UNIX_EPOCH);
            milliseconds(since.unwrap_or(Duration::ZERO))
        });
        let lease = Lease {
            owner: Owner::Principal(identity.principal.clone()),
            expires: expires.min(ends),
            bytes: size(identity),
        };
        let verified = Verified {
            identity: Arc::new(identity.clone()),
            version,
        };
        let mut tokens = self.tokens.write();
        tokens.remove(&hash);
        tokens.cache(hash, lease, verified);
    }

    /// Returns the hash of a token; `None` if the process has no random key.
    pub(super) fn hash(&self, token: impl AsRef<[u8]>) -> Option<u128> {
        let [low, high] = HighwayHasher::new(self.key?).hash128(token.as_ref());
        Some(u128::from(high) << 64 | u128::from(low))
    }
}

/// The hash of a key that is a hash of a token: its last 8 bytes.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_ne_bytes(*last);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns the key of the hash function with these bytes.
fn key(bytes: [u8; 32]) -> Key {
    let (words, _) = bytes.as_chunks();
    Key(std::array::from_fn(|index| {
        u64::from_ne_bytes(words[index])
    }))
}

/// Returns an estimate of the memory that a token needs here. Parsed claims take about five times the space of their text.
fn size(identity: &Identity) -> usize {
    let claims = serde_json::to_vec(&*identity.claims).map_or(0, |text| text.len());
    let scopes: usize = identity.scopes.iter().map(String::len).sum();
    512 + 5 * claims + 2 * scopes
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::*;
    use crate::owner::Principal;
    use crate::store::now;

    const HOUR: u64 = 60 * 60 * 1000;
    const ONE: Version = version(1, 0);

    const fn version(generation: u64, epoch: u64) -> Version {
        Version { generation, epoch }
    }

    fn identity(name: &str) -> Identity {
        let mut identity = Identity::new(Principal::new(name));
        identity.expires = Some(SystemTime::now() + Duration::from_secs(60));
        identity
    }

    #[test]
    fn a_token_is_known_in_its_version_until_it_expires() {
        let tokens = VerifiedTokens::new();
        assert!(tokens.get("a", ONE, now()).is_none());
        tokens.keep("a", &identity("ada"), now() + HOUR, ONE);
        assert_eq!(tokens.get("a", ONE, now()).unwrap().principal.id(), "ada");
        assert!(
            tokens.get("a", version(2, 0), now()).is_none()
                && tokens.get("b", ONE, now()).is_none()
        );
        assert!(tokens.get("a", version(1, 1), now()).is_none());
        tokens.keep("a", &identity("bob"), now() + HOUR, version(2, 0));
        assert_eq!(
            tokens
                .get("a", version(2, 0), now())
                .unwrap()
                .principal
                .id(),
            "bob"
        );
        tokens.keep("c", &identity("ada"), now(), ONE);
        assert!(tokens.get("c", ONE, now()).is_none(), "the keys end");
        let mut expired = identity("ada");
        expired.expires = Some(SystemTime::now());
        tokens.keep("d", &expired, now() + HOUR, ONE);
        assert!(tokens.get("d", ONE, now()).is_none(), "the token expires");
        let mut unlimited = identity("ada");
        unlimited.expires = None;
        tokens.keep("e", &unlimited, now() + HOUR, ONE);
        assert!(tokens.get("e", ONE, now()).is_some());
    }

    #[test]
    fn every_part_of_a_token_counts() {
        let tokens = VerifiedTokens::new();
        let token = "a".repeat(900);
        tokens.keep(&token, &identity("ada"), now() + HOUR, ONE);
        for index in 0..900 {
            let mut other = token.clone();
            other.replace_range(index..=index, "b");
            assert!(tokens.get(&other, ONE, now()).is_none());
        }
        for other in [&token[1..], &format!("{token}a"), &format!("{token}\0"), ""] {
            assert!(tokens.get(other, ONE, now()).is_none());
        }
        assert!(tokens.get(&token, ONE, now()).is_some());
        let other = VerifiedTokens::new();
        assert_ne!(
            other.hash(&token),
            tokens.hash(&token),
            "the keys are random"
        );
    }

    #[test]
    fn the_number_of_tokens_and_their_size_are_bounded() {
        let tokens = VerifiedTokens::new();
        for index in 0..TOKENS + 50 {
            let name = index.to_string();
            tokens.keep(&name, &identity(&name), now() + HOUR, ONE);
        }
        let known = |tokens: &VerifiedTokens, count: usize| {
            let known =
                (0..count).filter(|index| tokens.get(index.to_string(), ONE, now()).is_some());
            known.count()
        };
        assert_eq!(known(&tokens, TOKENS + 50), TOKENS);
        let tokens = VerifiedTokens::new();
        let claims = json!({ "large": "x".repeat(100_000) });
        for index in 0..100 {
            let large = identity("ada").claims(claims.as_object().unwrap().clone());
            tokens.keep(&index.to_string(), &large, now() + HOUR, ONE);
        }
        let kept = known(&tokens, 100);
        assert!((1..=BYTES / 500_000).contains(&kept), "{kept}");
    }
}
