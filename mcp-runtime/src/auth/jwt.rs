//! Access tokens that are JWTs (RFC 7519, RFC 9068), verified with the keys of their issuer.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::algorithm::SigningAlgorithm;
use super::cache::Version;
use super::claims::identity;
use super::keys::{Keys, Wanted};
use super::metadata::Issuer;
use super::revoked::LONGEST_LEEWAY;
use super::token_issuer::{TokenIssuer, check_length};
use super::unverified::{Header, parse};
use super::{Auth, AuthError, AuthFuture, Authenticate, Credentials, Identity};
use crate::opaque::opaque_debug;
use crate::store::now;

/// The values of `typ` in the header of an access token. RFC 9068 asks for `at+jwt`, but many servers write `JWT` or nothing.
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "jwt"];

/// A way to authenticate callers by JWTs. See [`Auth::jwt`].
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{Auth, Server, SigningAlgorithm};
///
/// let tokens = Auth::jwt("https://login.example.com", "https://app.example.com/mcp")
///     .algorithms([SigningAlgorithm::ES256])
///     .leeway(Duration::from_secs(5));
/// let server = Server::new("app", "1.0.0").auth(tokens);
/// ```
pub struct Jwt {
    tokens: TokenIssuer,
    algorithms: Vec<SigningAlgorithm>,
    leeway: Duration,
    keys: Keys,
}

opaque_debug!(Jwt, |it| audience: it.tokens.audience, algorithms: it.algorithms);

impl Auth {
    /// Authenticates callers by access tokens that are JWTs, which they send as `Authorization: Bearer TOKEN`.
    ///
    /// `issuer` is the issuer identifier of the authorization server, exactly as in its metadata and in the claim `iss` of its
    /// tokens. `audience` is the URL of this server, exactly as in the claim `aud` (RFC 8707). Clients ask for tokens with the URL
    /// of [`Server::resource_url`](crate::Server::resource_url).
    ///
    /// The keys come from the metadata of the issuer (RFC 8414 and OpenID Connect Discovery). They are loaded by `https` when
    /// the first token arrives. They are loaded again after 10 minutes, and when a token names an unknown key, but not within
    /// 10 s of the last attempt. While the issuer cannot be reached, they are used for up to 24 h.
    ///
    /// A token is accepted if all of this is true:
    ///
    /// - It is signed with an asymmetric algorithm, and with a key of the issuer for that algorithm. The keys and URLs in the
    ///   header of the token are ignored.
    /// - `iss` is the issuer, and `aud` is the audience or an array with it.
    /// - It has not expired (`exp`), and is valid already (`nbf`, `iat`). Clocks may differ by 30 s.
    /// - It is an access token: `typ` in the header is `at+jwt`, `JWT` or missing, and it has no claims of an ID token.
    /// - It is not bound to a key of its client (`cnf`), because the server cannot check the proof. With the feature `tls`, it may
    ///   be bound to the client certificate of its connection (`x5t#S256`, RFC 8705). See `ClientAuthorities`.
    /// - It names a caller, and has at most 16 KiB.
    ///
    /// The principal is the subject (`sub`) of the issuer, or the client (`client_id`) if there is no subject. The scopes are
    /// those of `scope` and `scp`. A token that is not a JWT, or is one of another issuer, is left to the other ways of
    /// the server.
    ///
    /// ```
    /// use mcp_runtime::{Auth, prelude::*};
    ///
    /// let tokens = Auth::jwt("https://login.example.com", "https://calendar.example.com/mcp");
    /// let server = Server::new("calendar", "1.0.0").auth(tokens);
    /// ```
    pub fn jwt(issuer: impl AsRef<str>, audience: impl Into<String>) -> Jwt {
        Jwt {
            tokens: TokenIssuer::new(issuer.as_ref(), audience.into()),
            algorithms: SigningAlgorithm::ALL.to_vec(),
            leeway: Duration::from_secs(30),
            keys: Keys::new(),
        }
    }
}

impl Jwt {
    /// Accepts these algorithms only. The default is [`SigningAlgorithm::ALL`].
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the accepted difference between the clocks of the issuer and of this server. The default is 30 s. With more than 24 h
    /// the server cannot be built.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the minimum time between two attempts to load the keys. The default is 10 s.
    ///
    /// Tokens with unknown keys are refused meanwhile.
    pub fn key_cooldown(mut self, cooldown: Duration) -> Self {
        self.keys.refreshed.pace.cooldown = cooldown;
        self
    }

    /// Sets the age at which the keys are loaded again. The default is 10 minutes.
    ///
    /// It is the time after which a key that the issuer has withdrawn is not accepted any more.
    pub fn key_refresh(mut self, age: Duration) -> Self {
        self.keys.refreshed.pace.refresh = age;
        self
    }

    /// Sets the age up to which keys are used while they cannot be loaded again. The default is 24 h.
    pub fn keep_keys(mut self, age: Duration) -> Self {
        self.keys.refreshed.pace.keep = age;
        self
    }

    /// Accepts an issuer with addresses in a private network, such as 10.0.0.0/8, or on this host.
    ///
    /// By default the metadata and the keys are read from public addresses only, so that nobody who controls the metadata or
    /// the DNS can make the server send requests into its own network. A literal loopback address as the issuer is always
    /// accepted.
    pub fn private_network(mut self) -> Self {
        self.tokens.allow_private_network();
        self
    }

    /// Verifies tokens with these keys alone.
    #[cfg(any(test, fuzzing))]
    pub(crate) async fn fixed_keys(mut self, published: Vec<Value>) -> Self {
        if let Ok(issuer) = self.tokens.issuer() {
            self.keys.fix(issuer, published).await;
        }
        self
    }

    async fn verify(
        &self,
        credentials: &Credentials<'_>,
        token: &str,
    ) -> Result<Option<Identity>, AuthError> {
        let issuer = self.tokens.issuer()?;
        check_length(token)?;
        let parsed = parse(token).map_err(AuthError::Invalid)?;
        let Some(parsed) = parsed.filter(|token| token.is_from(&issuer.id)) else {
            return Ok(None);
        };
        let algorithm = self
            .check_header(&parsed.header)
            .map_err(AuthError::Invalid)?;
        let wanted = Wanted {
            id: parsed.header.kid.as_deref(),
            algorithm,
        };
        let found = self.keys.find(issuer, wanted).await?;
        let (message, signature) = (parsed.message.as_bytes(), &parsed.signature);
        if !found.key.verifies(algorithm, message, signature) {
            return Err(AuthError::Invalid(
                "the signature of the token is wrong".to_owned(),
            ));
        }
        let mut identity = self
            .identity(issuer, parsed.claims)
            .map_err(AuthError::Invalid)?;
        credentials.refuse_revoked(&mut identity).await?;
        let version = Version {
            generation: found.generation,
            epoch: credentials.epoch(),
        };
        let verified = &self.tokens.verified;
        verified.keep(token, &identity, found.ends, version);
        Ok(Some(identity))
    }

    /// Returns the algorithm of a token that may be an access token.
    fn check_header(&self, header: &Header) -> Result<SigningAlgorithm, String> {
        if header.crit.is_some() {
            return Err("the token has critical extensions (`crit`)".to_owned());
        }
        let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !TYPES.contains(&kind.as_str()) {
            return Err("the token is not an access token (`typ`)".to_owned());
        }
        SigningAlgorithm::named(&header.alg)
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or_else(|| "the algorithm of the token is not accepted (`alg`)".to_owned())
    }

    fn identity(&self, issuer: &Issuer, claims: Map<String, Value>) -> Result<Identity, String> {
        let rules = self.tokens.rules(issuer, self.leeway);
        rules.check_token(&claims)?;
        identity(claims, rules)
    }
}

impl Authenticate for Jwt {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        if let Some(identity) = self.known(credentials) {
            return Box::pin(ready(Ok(Some(Identity::clone(&identity)))));
        }
        match credentials.bearer() {
            Some(token) => Box::pin(self.verify(credentials, token)),
            None => Box::pin(ready(Ok(None))),
        }
    }

    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        let token = credentials.bearer_bytes()?;
        let now = now();
        if let Ok(issuer) = self.tokens.issuer() {
            self.keys.refresh(issuer, now);
        }
        let version = Version {
            generation: self.keys.refreshed.generation(),
            epoch: credentials.epoch(),
        };
        self.tokens.verified.get(token, version, now)
    }

    fn authorization_servers(&self) -> Vec<String> {
        self.tokens.authorization_servers()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.tokens.problems("Auth::jwt");
        if self.algorithms.is_empty() {
            problems.push("`Auth::jwt`: no algorithm is accepted: name one".to_owned());
        }
        if self.leeway > LONGEST_LEEWAY {
            problems.push(
                "`Auth::jwt`: the leeway is longer than 24 h: set the clocks of the hosts"
                    .to_owned(),
            );
        }
        problems
    }
}
