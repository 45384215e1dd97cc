//! Sealed tokens: bytes that a client may carry but neither read nor change.
//!
//! The cipher is XChaCha20-Poly1305. Its 24-byte nonce is long enough to be random for every token, so replicas with
//! the same key need no shared counter.
//!
//! This module is independent of the protocol: the content of a token, its lifetime and its number of uses belong in
//! the plaintext and are checked by the caller.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::sync::RwLock;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The reason why a token could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealError {
    /// The operating system returned no random bytes.
    NoRandomness,
    /// The plaintext exceeds the limit of the cipher (256 GiB).
    TooLong,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRandomness => "the operating system gave no random bytes",
            Self::TooLong => "the content is too long to be sealed",
        })
    }
}

impl std::error::Error for SealError {}

/// Seals tokens and opens them, with keys that can be replaced while it is in use.
pub(crate) struct Sealer {
    keys: RwLock<Arc<Keys>>,
    lasting: bool,
}

/// A ring of keys. The first one seals; all of them open, so that a key can be replaced while its tokens are still
/// valid.
struct Keys {
    newest: XChaCha20Poly1305,
    older: Vec<XChaCha20Poly1305>,
}

impl Keys {
    /// Returns a ring with these keys, or `None` if there is no key.
    fn new(keys: &[[u8; KEY_BYTES]]) -> Option<Self> {
        let (newest, older) = keys.split_first()?;
        Some(Self {
            newest: cipher(newest),
            older: older.iter().map(cipher).collect(),
        })
    }

    fn ciphers(&self) -> impl Iterator<Item = &XChaCha20Poly1305> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl Sealer {
    /// Returns a sealer with one new random key: its tokens are valid only in this process.
    pub(crate) fn random() -> Result<Self, SealError> {
        let keys = Keys {
            newest: cipher(&random_bytes()?),
            older: Vec::new(),
        };
        Ok(Self {
            keys: RwLock::new(Arc::new(keys)),
            lasting: false,
        })
    }

    /// Returns a sealer with these keys, or `None` if there is no key.
    pub(crate) fn from_keys(keys: &[[u8; KEY_BYTES]]) -> Option<Self> {
        Some(Self {
            keys: RwLock::new(Arc::new(Keys::new(keys)?)),
            lasting: true,
        })
    }

    /// Replaces the keys; does nothing if there is no key. The first one seals from now on.
    pub(crate) fn set_keys(&self, keys: &[[u8; KEY_BYTES]]) {
        if let Some(keys) = Keys::new(keys) {
            *self.keys.write() = Arc::new(keys);
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read())
    }

    /// Returns `true` if tokens stay valid after this process ends, and in other processes with the same keys.
    pub(crate) fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// Returns a URL-safe token that only [`Sealer::open`] with the same `purpose` can turn back into `plaintext`.
    pub(crate) fn seal(&self, purpose: &str, plaintext: &[u8]) -> Result<String, SealError> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let ciphertext = self
            .keys()
            .newest
            .encrypt(&XNonce::from(nonce), payload(purpose, plaintext))
            .map_err(|_| SealError::TooLong)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Returns the sealed plaintext, or `None` if the token was not sealed with one of these keys for this purpose, or
    /// was changed. The reason is not returned, since it would only help to forge tokens.
    pub(crate) fn open(&self, purpose: &str, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let nonce = XNonce::from(*nonce);
        let keys = self.keys();
        keys.ciphers()
            .find_map(|cipher| cipher.decrypt(&nonce, payload(purpose, ciphertext)).ok())
    }
}

/// Shows only the number of keys.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("keys", &self.keys().ciphers().count())
            .finish_non_exhaustive()
    }
}

/// Returns random bytes from the operating system, fit for keys and identifiers that must not be guessable.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
    Ok(bytes)
}

/// Returns a text that is unique in this process and among other processes. It separates ids, and is not a secret.
pub(crate) fn unique() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:x}", hasher.finish())
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

/// The purpose is authenticated with the content but is not part of it: a cursor is never accepted as a session.
fn payload<'a>(purpose: &'a str, content: &'a [u8]) -> Payload<'a, 'a> {
    Payload {
        msg: content,
        aad: purpose.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::from_keys(&[[7; 32]]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens() {
        for plaintext in [&b""[..], b"x", &[0, 255, 128], &[9; 10_000]] {
            let token = sealer().seal("cursor", plaintext).unwrap();
            assert_eq!(sealer().open("cursor", &token).unwrap(), plaintext);
        }
    }

    #[test]
    fn a_token_is_safe_in_urls_and_headers() {
        let token = sealer().seal("cursor", &[255; 100]).unwrap();
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }

    #[test]
    fn the_same_content_never_gives_the_same_token() {
        assert_ne!(
            sealer().seal("a", b"x").unwrap(),
            sealer().seal("a", b"x").unwrap()
        );
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let token = sealer().seal("cursor", b"content").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                let changed = URL_SAFE_NO_PAD.encode(changed);
                assert_eq!(sealer().open("cursor", &changed), None);
            }
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        // Seven bytes of content leave unused bits in the last character, which a lax decoder would ignore.
        let token = sealer().seal("cursor", b"content").unwrap();
        assert_ne!(token.len() % 4, 0);
        for index in 0..token.len() {
            for other in ["A", "Q", "g", "w", "z", "_", "=", "+", " ", "é"] {
                if &token[index..=index] != other {
                    let mut changed = token.clone();
                    changed.replace_range(index..=index, other);
                    assert_eq!(sealer().open("cursor", &changed), None);
                }
            }
        }
    }

    #[test]
    fn another_purpose_is_refused() {
        let token = sealer().seal("cursor", b"content").unwrap();
        for purpose in ["", "curso", "cursor ", "session"] {
            assert_eq!(sealer().open(purpose, &token), None);
        }
    }

    #[test]
    fn another_key_is_refused() {
        let token = sealer().seal("cursor", b"content").unwrap();
        assert_eq!(Sealer::random().unwrap().open("cursor", &token), None);
    }

    #[test]
    fn an_old_key_opens_but_no_longer_seals() {
        let old = sealer();
        let rotated = Sealer::from_keys(&[[8; 32], [7; 32]]).unwrap();
        let token = old.seal("cursor", b"content").unwrap();
        assert_eq!(rotated.open("cursor", &token).unwrap(), b"content");
        let token = rotated.seal("cursor", b"content").unwrap();
        assert_eq!(old.open("cursor", &token), None);
    }

    #[test]
    fn keys_are_replaced_while_a_sealer_is_in_use() {
        let sealer = sealer();
        let old = sealer.seal("cursor", b"content").unwrap();
        sealer.set_keys(&[[8; 32], [7; 32]]);
        let new = sealer.seal("cursor", b"content").unwrap();
        sealer.set_keys(&[]);
        assert!(sealer.open("cursor", &old).is_some() && sealer.open("cursor", &new).is_some());
        sealer.set_keys(&[[8; 32]]);
        assert!(sealer.open("cursor", &old).is_none() && sealer.open("cursor", &new).is_some());
    }

    #[test]
    fn a_shortened_or_lengthened_token_is_refused() {
        let token = sealer().seal("cursor", b"content").unwrap();
        for length in 0..token.len() {
            assert_eq!(sealer().open("cursor", &token[..length]), None);
        }
        for more in ["A", "AA", "AAAA", "=", "=="] {
            let longer = format!("{token}{more}");
            assert_eq!(sealer().open("cursor", &longer), None);
        }
    }

    #[test]
    fn text_that_is_no_token_is_refused() {
        for text in ["", "é", "日本語", "not a token", "A", &"A".repeat(10_000)] {
            assert_eq!(sealer().open("cursor", text), None);
        }
    }

    #[test]
    fn a_ring_needs_a_key() {
        assert!(Sealer::from_keys(&[]).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", sealer()), "Sealer { keys: 1, .. }");
    }

    #[test]
    fn unique_texts_differ() {
        assert_ne!(unique(), unique());
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random_bytes::<16>().unwrap(), random_bytes::<16>().unwrap());
    }
}
