//! Access tokens that only their issuer understands: the issuer says what they mean (RFC 7662).

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::address::Address;
use super::cache::Version;
use super::claims::identity;
use super::metadata::Issuer;
use super::refreshed::Refreshed;
use super::shared::Shared;
use super::token_issuer::{TokenIssuer, check_length};
use super::{Auth, AuthError, AuthFuture, Authenticate, Credentials, Identity};
use crate::opaque::opaque_debug;
use crate::owner::Owner;
use crate::store::{Bounded, Lease, milliseconds, now, system_time};
use crate::sync::Mutex;

/// The maximum number of accepted tokens whose end is told to the other replicas.
const ACCEPTED: usize = 10_000;

/// The time for which an accepted token that does not expire is remembered.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A way to authenticate callers by asking the issuer of their tokens. See [`Auth::introspection`].
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{Auth, Server};
///
/// # let secret = "";
/// let tokens = Auth::introspection("https://login.example.com", "https://app.example.com/mcp", "app", secret);
/// let server = Server::new("app", "1.0.0").auth(tokens.cache_for(Duration::from_secs(10)));
/// ```
pub struct Introspection {
    tokens: TokenIssuer,
    /// The value of the header `Authorization` for the issuer.
    authorization: String,
    cache_for: Duration,
    endpoint: Refreshed<Address>,
    /// The tokens about which the issuer is being asked, by their hashes and epochs of the revoked tokens: an answer that may be older
    /// than a revocation is not shared with later requests.
    asked: Shared<(u128, u64), Result<Identity, AuthError>>,
    /// The tokens that the issuer has accepted, by their hashes.
    accepted: Mutex<Bounded<u128, ()>>,
}

opaque_debug!(Introspection, |it| audience: it.tokens.audience, cache_for: it.cache_for);

impl Auth {
    /// Authenticates callers by access tokens of any format, which they send as `Authorization: Bearer TOKEN`. The server asks
    /// the issuer what a token means (RFC 7662).
    ///
    /// `issuer` is the issuer identifier of the authorization server, exactly as in its metadata. `audience` is the URL of this
    /// server, exactly as in the member `aud` of the answer. `client_id` and `client_secret` are those of this server at the
    /// issuer, sent by HTTP Basic authentication.
    ///
    /// The endpoint comes from the metadata of the issuer. A token is accepted if the answer says that it is active, and has the
    /// audience, and if its members `iss`, `exp`, `nbf` and `token_type`, which are optional, do not contradict. The answer is
    /// cached until the token expires, and for at most 60 s. Requests that arrive while the issuer is asked about their token
    /// share its answer.
    ///
    /// Every token is taken for one of this issuer. So add the other ways to authenticate callers before this one.
    ///
    /// ```
    /// use mcp_runtime::{Auth, prelude::*};
    ///
    /// # let secret = "";
    /// let tokens = Auth::introspection(
    ///     "https://login.example.com",
    ///     "https://calendar.example.com/mcp",
    ///     "calendar-server",
    ///     secret,
    /// );
    /// let server = Server::new("calendar", "1.0.0").auth(tokens);
    /// ```
    pub fn introspection(
        issuer: impl AsRef<str>,
        audience: impl Into<String>,
        client_id: impl AsRef<str>,
        client_secret: impl AsRef<str>,
    ) -> Introspection {
        let [id, secret] = [client_id.as_ref(), client_secret.as_ref()].map(form_encoded);
        Introspection {
            tokens: TokenIssuer::new(issuer.as_ref(), audience.into()),
            authorization: format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
            cache_for: Duration::from_secs(60),
            endpoint: Refreshed::new(),
            asked: Shared::new(),
            accepted: Mutex::new(Bounded::new(ACCEPTED, usize::MAX)),
        }
    }
}

impl Introspection {
    /// Sets the maximum time for which an answer is cached. The default is 60 s.
    ///
    /// It is the time after which a token that the issuer has revoked is not accepted any more. With
    /// [`Server::cluster`](crate::Server::cluster), a replica that learns it sooner tells the others, which then ask again. With zero, the issuer is asked
    /// for each request that arrives while it is not asked about the same token.
    pub fn cache_for(mut self, time: Duration) -> Self {
        self.cache_for = time;
        self
    }

    /// Accepts an issuer with addresses in a private network, or on this host. See [`Jwt::private_network`](super::Jwt::private_network).
    pub fn private_network(mut self) -> Self {
        self.tokens.allow_private_network();
        self
    }

    /// Returns the caller with this token. Concurrent requests with one token ask once.
    async fn identify(
        &self,
        credentials: &Credentials<'_>,
        token: &str,
    ) -> Result<Option<Identity>, AuthError> {
        check_length(token)?;
        let verifying = Box::pin(self.verify(credentials, token));
        let identity = match self.tokens.verified.hash(token) {
            Some(hash) => {
                let question = (hash, credentials.epoch());
                self.asked.ask(question, verifying).await
            }
            None => verifying.await,
        };
        identity.map(Some)
    }

    async fn verify(
        &self,
        credentials: &Credentials<'_>,
        token: &str,
    ) -> Result<Identity, AuthError> {
        let issuer = self.tokens.issuer()?;
        // Before the request: the answer is not newer than this.
        let ends = now().saturating_add(milliseconds(self.cache_for));
        let answer = self
            .ask(issuer, token)
            .await
            .map_err(AuthError::Unavailable)?;
        if answer.get("active") == Some(&Value::Bool(false)) {
            self.forget(credentials, token);
        }
        let mut identity = self.identity(issuer, answer)?;
        self.remember(token, &identity);
        credentials.refuse_revoked(&mut identity).await?;
        let version = version(credentials);
        self.tokens.verified.keep(token, &identity, ends, version);
        Ok(identity)
    }

    /// Notes that the issuer has accepted a token.
    fn remember(&self, token: &str, identity: &Identity) {
        let Some(hash) = self.tokens.verified.hash(token) else {
            return;
        };
        let expires = identity.expires.unwrap_or_else(|| system_time() + KEPT);
        let since = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let lease = Lease {
            owner: Owner::Local,
            expires: milliseconds(since),
            bytes: 0,
        };
        self.accepted.lock().cache(hash, lease, ());
    }

    /// Tells the replicas that a token is not active any more, if the issuer has accepted it before. Unknown tokens are not told:
    /// everybody can send them.
    fn forget(&self, credentials: &Credentials<'_>, token: &str) {
        let hash = self.tokens.verified.hash(token);
        let forgotten = hash.and_then(|hash| self.accepted.lock().remove(&hash));
        if let (Some(()), Some(revoked)) = (forgotten, credentials.revoked()) {
            revoked.withdrawn(token);
        }
    }

    async fn ask(&self, issuer: &Issuer, token: &str) -> Result<Map<String, Value>, String> {
        let endpoint = self.endpoint(issuer).await?;
        let form = format!("token={}&token_type_hint=access_token", form_encoded(token));
        let answer = issuer
            .fetch
            .post(&endpoint, &self.authorization, form)
            .await;
        answer.map_err(|error| {
            let (origin, target) = (endpoint.origin(), endpoint.target());
            format!("the introspection endpoint {origin}{target} cannot be used: {error}")
        })
    }

    /// Returns the URL of the endpoint, which is loaded with the metadata.
    async fn endpoint(&self, issuer: &Issuer) -> Result<Address, String> {
        let seen = self.endpoint.seen(now());
        let due = self.endpoint.is_due(now());
        if let Some(attempts) = seen.attempt.filter(|_| due || seen.value.is_none()) {
            let issuer = issuer.clone();
            let load = async move { issuer.metadata().await?.introspection() };
            let loading = self.endpoint.load(attempts, load);
            if seen.value.is_none() {
                loading.await;
            }
        }
        let seen = self.endpoint.seen(now());
        match seen.value {
            Some((address, _)) => Ok(Address::clone(&address)),
            None => Err(seen.failure.unwrap_or_default()),
        }
    }

    fn identity(&self, issuer: &Issuer, answer: Map<String, Value>) -> Result<Identity, AuthError> {
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                return Err(AuthError::Invalid("the token is not active".to_owned()));
            }
            _ => {
                let problem = "the answer of the introspection endpoint has no `active`";
                return Err(AuthError::Unavailable(problem.to_owned()));
            }
        }
        let rules = self.tokens.rules(issuer, Duration::ZERO);
        check_type(&answer)
            .and_then(|()| rules.check(&answer))
            .and_then(|()| identity(answer, rules))
            .map_err(AuthError::Invalid)
    }
}

/// Returns the version of what is verified for a request. The issuer has no keys here.
fn version(credentials: &Credentials<'_>) -> Version {
    Version {
        generation: 0,
        epoch: credentials.epoch(),
    }
}

/// Refuses tokens that need a proof besides the token, such as those of DPoP.
fn check_type(answer: &Map<String, Value>) -> Result<(), String> {
    let kind = answer.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token is not a bearer token (`token_type`)".to_owned());
    }
    Ok(())
}

impl Authenticate for Introspection {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        if let Some(identity) = self.known(credentials) {
            return Box::pin(ready(Ok(Some(Identity::clone(&identity)))));
        }
        match credentials.bearer() {
            Some(token) => Box::pin(self.identify(credentials, token)),
            None => Box::pin(ready(Ok(None))),
        }
    }

    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        let verified = &self.tokens.verified;
        verified.get(credentials.bearer_bytes()?, version(credentials), now())
    }

    fn authorization_servers(&self) -> Vec<String> {
        self.tokens.authorization_servers()
    }

    fn problems(&self) -> Vec<String> {
        self.tokens.problems("Auth::introspection")
    }
}

/// Encodes a text for `application/x-www-form-urlencoded`. RFC 6749 asks for it in client credentials too.
fn form_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| match byte {
            byte if is_plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
