//! The public keys of an issuer (RFC 7517).

use std::sync::Arc;
#[cfg(any(test, fuzzing))]
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde::Deserialize;
use serde_json::Value;

use super::AuthError;
use super::address::Address;
use super::algorithm::{KeyKind, SigningAlgorithm};
use super::metadata::Issuer;
use super::refreshed::{Refreshed, Seen};
use crate::store::{milliseconds, now};

/// The keys of an issuer, which are loaded when they are first needed, when they are old, and when a token names a key that
/// is not among them.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) refreshed: Refreshed<KeySet>,
}

/// The key that a token names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) algorithm: SigningAlgorithm,
}

/// A key, and how long it may be used.
pub(super) struct Found {
    pub(super) key: Arc<Key>,
    /// The time at which the key must not be used any more, in milliseconds since 1970.
    pub(super) ends: u64,
    /// The generation of the keys of the issuer.
    pub(super) generation: u64,
}

/// The keys as published.
#[derive(Debug)]
pub(super) struct KeySet {
    /// The URL of the keys, and the time at which the metadata named it.
    address: Address,
    discovered: u64,
    published: Vec<Value>,
    keys: Vec<Arc<Key>>,
}

/// A key that verifies signatures.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    kind: KeyKind,
    /// The only algorithm for which the key may be used, if it has one.
    algorithm: Option<SigningAlgorithm>,
    decoding: DecodingKey,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            refreshed: Refreshed::new(),
        }
    }

    /// Returns the key that a token names. Loads the keys if it is not known.
    ///
    /// # Errors
    /// Returns [`AuthError::Invalid`] if the issuer has no such key, and [`AuthError::Unavailable`] if the keys cannot be
    /// loaded.
    pub(super) async fn find(
        &self,
        issuer: &Issuer,
        wanted: Wanted<'_>,
    ) -> Result<Found, AuthError> {
        let seen = self.refreshed.seen(now());
        if let Some(found) = seen.find(wanted) {
            return Ok(found);
        }
        let Some(attempts) = seen.attempt else {
            return Err(seen.refusal());
        };
        let keys = self.keys(issuer, seen);
        self.refreshed.load(attempts, keys).await;
        let seen = self.refreshed.seen(now());
        seen.find(wanted).ok_or_else(|| seen.refusal())
    }

    /// Uses these keys, and never loads others.
    #[cfg(any(test, fuzzing))]
    pub(super) async fn fix(&mut self, issuer: &Issuer, published: Vec<Value>) {
        let pace = &mut self.refreshed.pace;
        (pace.cooldown, pace.refresh, pace.keep) = (Duration::MAX, Duration::MAX, Duration::MAX);
        let keys = Address::parse(&issuer.id).map(|address| KeySet::new(address, 0, published));
        self.refreshed.load(0, std::future::ready(keys)).await;
    }

    /// Loads the keys, without waiting for them, if they are old at this time, in milliseconds since 1970.
    pub(super) fn refresh(&self, issuer: &Issuer, now: u64) {
        if !self.refreshed.is_due(now) {
            return;
        }
        let seen = self.refreshed.seen(now);
        if let Some(attempts) = seen.attempt {
            let keys = self.keys(issuer, seen);
            drop(self.refreshed.load(attempts, keys));
        }
    }

    /// Loads the keys. The metadata is read again when it is old, and after a failure.
    fn keys(
        &self,
        issuer: &Issuer,
        seen: Seen<KeySet>,
    ) -> impl Future<Output = Result<KeySet, String>> + Send + use<> {
        let issuer = issuer.clone();
        let recent = now().saturating_sub(milliseconds(self.refreshed.pace.refresh));
        let known = seen.value.filter(|_| seen.failure.is_none());
        async move {
            match known {
                Some((known, _)) if recent < known.discovered => {
                    KeySet::load(&issuer, known.address.clone(), known.discovered).await
                }
                _ => {
                    let address = issuer.metadata().await?.keys()?;
                    KeySet::load(&issuer, address, now()).await
                }
            }
        }
    }
}

impl Seen<KeySet> {
    fn find(&self, wanted: Wanted<'_>) -> Option<Found> {
        let (set, ends) = self.value.as_ref()?;
        Some(Found {
            key: set.find(wanted)?,
            ends: *ends,
            generation: self.generation,
        })
    }

    /// Returns the error of a token whose key is not known.
    fn refusal(&self) -> AuthError {
        match &self.failure {
            Some(failure) => AuthError::Unavailable(failure.clone()),
            None => AuthError::Invalid("the issuer has no key for the token".to_owned()),
        }
    }
}

/// Two sets are equal if the same keys are published.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.published == other.published
    }
}

impl KeySet {
    async fn load(issuer: &Issuer, address: Address, discovered: u64) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = issuer.fetch.get(&address).await.map_err(|error| {
            let (origin, target) = (address.origin(), address.target());
            format!(
                "the keys of the issuer {} at {origin}{target} cannot be read: {error}",
                issuer.id
            )
        })?;
        Ok(Self::new(address, discovered, document.keys))
    }

    fn new(address: Address, discovered: u64, published: Vec<Value>) -> Self {
        let keys = published.iter().filter_map(Key::parse).map(Arc::new);
        Self {
            address,
            discovered,
            keys: keys.collect(),
            published,
        }
    }

    /// Returns the key with the id of a token. A token without an id is accepted if only one key can have signed it.
    fn find(&self, wanted: Wanted<'_>) -> Option<Arc<Key>> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(wanted));
        let key = fitting.next()?;
        (wanted.id.is_some() || fitting.next().is_none()).then(|| Arc::clone(key))
    }
}

/// The members of a key in the format of RFC 7517 and RFC 7518.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

impl Jwk {
    /// Returns `true` unless the key is declared to be for something else than the verification of signatures.
    fn is_for_signatures(&self) -> bool {
        let operations = self.key_ops.as_ref();
        self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && operations.is_none_or(|operations| operations.iter().any(|one| one == "verify"))
    }

    fn kind(&self) -> Option<KeyKind> {
        match (self.kty.as_str(), self.crv.as_str()) {
            ("RSA", _) => Some(KeyKind::Rsa),
            ("EC", "P-256") => Some(KeyKind::P256),
            ("EC", "P-384") => Some(KeyKind::P384),
            ("OKP", "Ed25519") => Some(KeyKind::Ed25519),
            _ => None,
        }
    }

    fn decoding(&self, kind: KeyKind) -> Option<DecodingKey> {
        match kind {
            KeyKind::Rsa => DecodingKey::from_rsa_components(&self.n, &self.e),
            KeyKind::P256 | KeyKind::P384 => DecodingKey::from_ec_components(&self.x, &self.y),
            KeyKind::Ed25519 => DecodingKey::from_ed_components(&self.x),
        }
        .ok()
    }
}

impl Key {
    /// Parses a key. Returns `None` for a key that cannot verify signatures of tokens, such as a symmetric one: RFC 7517 says
    /// to ignore it.
    fn parse(value: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(value).ok()?;
        let kind = jwk.kind().filter(|_| jwk.is_for_signatures())?;
        let algorithm = match &jwk.alg {
            Some(name) => Some(SigningAlgorithm::named(name)?),
            None => None,
        };
        Some(Self {
            decoding: jwk.decoding(kind)?,
            id: jwk.kid,
            kind,
            algorithm,
        })
    }

    fn fits(&self, wanted: Wanted<'_>) -> bool {
        self.kind == wanted.algorithm.key_kind()
            && self.algorithm.is_none_or(|only| only == wanted.algorithm)
            && wanted.id.is_none_or(|id| self.id.as_deref() == Some(id))
    }

    /// Returns `true` if the signature of the message was made with this key. RSA keys must have at least 2,048 bits.
    pub(super) fn verifies(
        &self,
        algorithm: SigningAlgorithm,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> bool {
        // The provider is named, because the default is ambiguous if another crate enables a second one.
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm.verified(), &self.decoding);
        verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}
