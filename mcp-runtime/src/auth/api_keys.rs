//! API keys: from a list, a file or the environment.
//!
//! Only the SHA-256 digests of the keys are kept. Keys are long and random, so that a digest reveals nothing about its key.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::credentials::is_token;
use super::{Auth, AuthError, AuthFuture, Authenticate, Credentials, Identity};
use crate::access::{SCOPE_RULE, is_scope};
use crate::opaque::opaque_debug;
use crate::owner::Principal;

/// The header with a key, besides `Authorization: Bearer`.
const HEADER: &str = "x-api-key";

/// The minimum length of a key: 128 bits as hexadecimal digits.
const MIN_LENGTH: usize = 32;

/// The minimum number of different characters in a key.
const MIN_DIFFERENT: usize = 8;

/// The prefix of a digest in place of its key.
const DIGEST_PREFIX: &str = "sha256:";

type KeyDigest = [u8; 32];

/// An API key and the caller that it identifies. See [`Auth::api_keys`].
///
/// ```
/// use mcp_runtime::ApiKey;
///
/// # let key_of_ada = "3f2b8c1d9e0a4756f1c8e2d7b6a59034";
/// let key = ApiKey::new("ada", key_of_ada).scope("calendar:read").scope("calendar:write");
/// ```
#[derive(Debug, Clone)]
pub struct ApiKey {
    identity: Identity,
    digest: Result<KeyDigest, String>,
}

impl ApiKey {
    /// Creates a key of this principal.
    ///
    /// `key` has at least 32 characters out of `A-Z`, `a-z`, `0-9`, `-`, `.`, `_`, `~`, `+` and `/`, at least 8 of them
    /// different, and may end with `=`. In its place it can be `sha256:` and the 64 hexadecimal digits of the key's SHA-256
    /// digest.
    pub fn new(principal: impl Into<String>, key: impl AsRef<str>) -> Self {
        Self {
            identity: Identity::new(Principal::new(principal.into())),
            digest: digest(key.as_ref()),
        }
    }

    /// Adds a scope that the caller is granted.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        let scopes = self.identity.scopes.iter().cloned();
        self.identity.scopes = scopes.chain([scope.into()]).collect();
        self
    }

    /// Reads a line of a file: the principal, the key, and the scopes.
    fn of_line(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let (Some(principal), Some(key)) = (words.next(), words.next()) else {
            return Err("write the principal, the key, and its scopes, separated by spaces".into());
        };
        Ok(words.fold(Self::new(principal, key), Self::scope))
    }

    /// Returns what is wrong with the key, without the key itself.
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        mistakes.extend(self.digest.clone().err());
        if self.identity.principal.id().trim().is_empty() {
            mistakes.push("the principal is empty: name the caller".to_owned());
        }
        let invalid = self.identity.scopes.iter().filter(|scope| !is_scope(scope));
        mistakes.extend(invalid.map(|scope| format!("`{scope}` is not a scope: {SCOPE_RULE}")));
        mistakes
    }
}

impl<P: Into<String>, K: AsRef<str>> From<(P, K)> for ApiKey {
    fn from((principal, key): (P, K)) -> Self {
        Self::new(principal, key)
    }
}

/// Returns the digest of a key.
///
/// # Errors
/// Returns an error if the key can be guessed or cannot be sent.
fn digest(key: &str) -> Result<KeyDigest, String> {
    const ADVICE: &str = "use one from `openssl rand -hex 32`";
    if let Some(digits) = key.strip_prefix(DIGEST_PREFIX) {
        let written = || format!("`{DIGEST_PREFIX}` is followed by 64 hexadecimal digits");
        return digest_of_digits(digits).ok_or_else(written);
    }
    if !is_token(key) {
        return Err(format!(
            "the key has characters that a bearer token cannot have: {ADVICE}"
        ));
    }
    let mut characters: Vec<u8> = key.bytes().collect();
    characters.sort_unstable();
    characters.dedup();
    if key.len() < MIN_LENGTH || characters.len() < MIN_DIFFERENT {
        return Err(format!(
            "the key is weak: it needs at least {MIN_LENGTH} characters, {MIN_DIFFERENT} of them different; {ADVICE}"
        ));
    }
    Ok(Sha256::digest(key).into())
}

/// Returns the digest with these hexadecimal digits.
pub(super) fn digest_of_digits(digits: &str) -> Option<KeyDigest> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = KeyDigest::default();
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// A way to authenticate callers by API keys. See [`Auth::api_keys`].
///
/// ```no_run
/// use mcp_runtime::{Auth, Server};
///
/// let server = Server::new("calendar", "1.0.0").auth(Auth::api_keys_from_file("keys.txt"));
/// ```
pub struct ApiKeys {
    /// The keys by the first bytes of their digests.
    keys: HashMap<[u8; 8], Vec<(KeyDigest, Identity)>>,
    problems: Vec<String>,
}

opaque_debug!(ApiKeys, |it| keys: it.keys.len());

impl Auth {
    /// Authenticates callers by API keys, which they send as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.
    ///
    /// The keys are kept as SHA-256 digests, and compared in constant time. With a weak key, with two equal keys or without any
    /// key the server cannot be built.
    ///
    /// ```
    /// use mcp_runtime::{ApiKey, Auth, prelude::*};
    ///
    /// # let (key_of_ada, key_of_bob) = ("3f2b8c1d9e0a4756f1c8e2d7b6a59034", "ab".repeat(8) + "0123456789cdefgh");
    /// let keys = Auth::api_keys([
    ///     ApiKey::new("ada", key_of_ada),
    ///     ApiKey::new("bob", key_of_bob).scope("calendar:write"),
    /// ]);
    /// let server = Server::new("calendar", "1.0.0").auth(keys);
    /// ```
    pub fn api_keys(keys: impl IntoIterator<Item = impl Into<ApiKey>>) -> ApiKeys {
        let mut all = ApiKeys::new();
        for (index, key) in keys.into_iter().enumerate() {
            all.add(&format!("the API key number {}", index + 1), key.into());
        }
        all.refuse_none("`Auth::api_keys`")
    }

    /// Authenticates callers by the API keys in a file, like [`Auth::api_keys`].
    ///
    /// Each line has a principal, its key, and the scopes of the key, separated by spaces. Empty lines and lines that begin
    /// with `#` are ignored. The file is read once. If it cannot be read, the server cannot be built.
    pub fn api_keys_from_file(path: impl AsRef<Path>) -> ApiKeys {
        let path = path.as_ref();
        let place = format!("the file of API keys `{}`", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => ApiKeys::of_lines(&place, text.lines()),
            Err(error) => ApiKeys::failed(format!("{place} cannot be read: {error}")),
        }
    }

    /// Authenticates callers by the API keys in an environment variable, like [`Auth::api_keys`].
    ///
    /// Its entries are the lines of [`Auth::api_keys_from_file`], separated by line breaks or `;`. If the variable is not set,
    /// the server cannot be built.
    pub fn api_keys_from_env(variable: &str) -> ApiKeys {
        let place = format!("the variable {variable} with API keys");
        match std::env::var(variable) {
            Ok(text) => ApiKeys::of_lines(&place, text.split(['\n', ';'])),
            Err(error) => ApiKeys::failed(format!("{place} cannot be read: {error}")),
        }
    }
}

impl ApiKeys {
    fn new() -> Self {
        Self {
            keys: HashMap::new(),
            problems: Vec::new(),
        }
    }

    fn failed(problem: String) -> Self {
        Self {
            problems: vec![problem],
            ..Self::new()
        }
    }

    fn of_lines<'a>(place: &str, lines: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::new();
        let lines = lines.map(str::trim).enumerate();
        for (index, line) in lines.filter(|(_, it)| !it.is_empty() && !it.starts_with('#')) {
            let place = format!("{place}, line {}", index + 1);
            match ApiKey::of_line(line) {
                Ok(key) => all.add(&place, key),
                Err(mistake) => all.problems.push(format!("{place}: {mistake}")),
            }
        }
        all.refuse_none(place)
    }

    fn add(&mut self, place: &str, key: ApiKey) {
        let mistakes = key.mistakes().into_iter();
        self.problems
            .extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        let Ok(digest) = key.digest else {
            return;
        };
        let bucket = self.keys.entry(start(&digest)).or_default();
        if bucket.iter().any(|(other, _)| *other == digest) {
            self.problems.push(format!(
                "{place} occurs twice: give each caller a key of its own"
            ));
        }
        bucket.push((digest, key.identity));
    }

    fn refuse_none(mut self, place: &str) -> Self {
        if self.keys.is_empty() && self.problems.is_empty() {
            let problem = format!("{place} has no key: add one, or nobody is authenticated");
            self.problems.push(problem);
        }
        self
    }

    /// Returns the caller with a key.
    fn find(&self, key: &str) -> Option<&Identity> {
        let digest: KeyDigest = Sha256::digest(key).into();
        // The time of this lookup reveals at most a few bytes of digests, and those of a random key help nobody to find it.
        let bucket = self.keys.get(&start(&digest))?;
        let found = bucket.iter().find(|(known, _)| known.ct_eq(&digest).into());
        found.map(|(_, identity)| identity)
    }

    /// Returns the caller of a request. A key that is unknown here may be a credential of another way.
    fn check(&self, credentials: &Credentials<'_>) -> Result<Option<Identity>, AuthError> {
        let key = if credentials.has_header(HEADER) {
            let key = credentials.header(HEADER).map(str::trim);
            let repeated = || AuthError::Invalid("the header X-API-Key is not a single key".into());
            Some(key.ok_or_else(repeated)?)
        } else {
            credentials.bearer()
        };
        Ok(key.and_then(|key| self.find(key)).cloned())
    }
}

/// Returns the first bytes of a digest.
fn start(digest: &KeyDigest) -> [u8; 8] {
    let mut start = [0; 8];
    start.copy_from_slice(&digest[..8]);
    start
}

impl Authenticate for ApiKeys {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        Box::pin(std::future::ready(self.check(credentials)))
    }

    /// Keys are compared in memory. They are removed from the configuration, and not revoked.
    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        self.check(credentials).ok()?.map(Arc::new)
    }

    fn credential_headers(&self) -> Vec<String> {
        vec![HEADER.to_owned()]
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn weak_and_malformed_keys_are_problems_that_do_not_show_the_key() {
        let long = "a".repeat(64);
        for (line, problem) in [
            ("ada", "write the principal"),
            ("ada short-key-of-24-letters", "weak"),
            (&format!("ada {long}"), "weak"),
            (&format!("ada {KEY},x"), "cannot have"),
            ("ada sha256:12", "64 hexadecimal digits"),
            (&format!("ada sha256:{}", "+1".repeat(32)), "64 hexadecimal"),
            (&format!("ada {KEY} a\"b"), "`a\"b` is not a scope"),
            (&format!("ada {KEY}\nbob {KEY}"), "line 2 occurs twice"),
            ("# nothing\n", "has no key"),
        ] {
            let problems = ApiKeys::of_lines("keys.txt", line.lines()).problems;
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert!(problems[0].starts_with("keys.txt") && problems[0].contains(problem));
            for secret in [KEY, "short-key", &long] {
                assert!(!problems[0].contains(secret), "{problems:?}");
            }
        }
    }

    #[test]
    fn a_key_and_its_digest_identify_the_same_caller() {
        let digest: KeyDigest = Sha256::digest(KEY).into();
        let digits = digest.map(|byte| format!("{byte:02X}")).concat();
        for key in [KEY.to_owned(), format!("sha256:{digits}")] {
            let line = format!("  ada\t{key} calendar:read  admin ");
            let keys = ApiKeys::of_lines("x", [line.as_str()].into_iter());
            assert_eq!(keys.problems, [""; 0]);
            let found = keys.find(KEY).expect("known");
            assert_eq!(found.principal.id(), "ada");
            assert_eq!(found.scopes[..], ["calendar:read", "admin"]);
            assert!(keys.find("x").is_none() && keys.find(&KEY[1..]).is_none());
            assert!(!format!("{keys:?}").contains("ada"));
        }
    }
}
