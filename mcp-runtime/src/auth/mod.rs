//! Authentication: who sends a request, and which OAuth scopes they were granted.
//!
//! An [`Authenticate`] turns the credentials of an HTTP request into an [`Identity`]. It runs before the body of the request
//! is read. What a caller may do with its scopes is decided by `dispatch`.

mod address;
mod algorithm;
mod api_keys;
#[cfg(feature = "tls")]
mod binding;
mod cache;
mod claims;
#[cfg(feature = "tls")]
mod client_authorities;
mod credentials;
mod environment;
mod fetch;
mod identity;
mod introspection;
mod jwt;
mod keys;
mod metadata;
#[cfg(feature = "tls")]
mod mutual_tls;
mod refreshed;
mod revocation;
mod revoked;
mod shared;
#[cfg(test)]
mod tests;
mod token_issuer;
mod unverified;

use std::fmt;
use std::sync::Arc;

use futures_core::future::BoxFuture;

pub use algorithm::SigningAlgorithm;
pub use api_keys::{ApiKey, ApiKeys};
#[cfg(feature = "tls")]
pub use client_authorities::ClientAuthorities;
pub use credentials::Credentials;
pub use environment::FromEnv;
pub use identity::Identity;
pub use introspection::Introspection;
pub use jwt::Jwt;
#[cfg(feature = "tls")]
pub use mutual_tls::{ClientCertificate, MutualTls};
pub(crate) use revocation::Revocation;
pub use revoked::RevokeError;
pub(crate) use revoked::{CheckedToken, Revoked};

/// The future that [`Authenticate::authenticate`] returns.
pub type AuthFuture<'a> = BoxFuture<'a, Result<Option<Identity>, AuthError>>;

/// The ways to authenticate callers that this crate provides, for [`Server::auth`](crate::Server::auth).
///
/// ```
/// use mcp_runtime::{Auth, Server};
///
/// let server = Server::new("calendar", "1.0.0")
///     .auth(Auth::jwt("https://login.example.com", "https://calendar.example.com/mcp"))
///     .auth(Auth::from_env());
/// ```
#[derive(Debug)]
pub enum Auth {}

/// A way to authenticate the callers of a server. See [`Server::auth`](crate::Server::auth).
///
/// ```
/// use mcp_runtime::{AuthError, AuthFuture, Authenticate, Credentials, Identity, Principal};
///
/// /// Trusts the name that a proxy puts into a header.
/// struct ProxyUser;
///
/// impl Authenticate for ProxyUser {
///     fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
///         let user = credentials.header("x-proxy-user");
///         let identity = user.map(|user| Identity::new(Principal::new(user)));
///         Box::pin(std::future::ready(Ok(identity)))
///     }
/// }
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// Returns the caller with these credentials, or `None` if they contain none of the kind that this checks. The next way
    /// is then asked.
    ///
    /// It has 10 s. A request whose credentials are not checked by then is answered with 503.
    ///
    /// # Errors
    /// Returns an error if the credentials are of this kind and are not valid, or cannot be checked at the moment.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a>;

    /// Returns the caller with these credentials if this way knows it already, for instance from a cache. Otherwise
    /// [`authenticate`](Self::authenticate) is called. A way that wraps another one should pass this on, because a known caller
    /// costs no future. The token of a known caller is not looked up among those of
    /// [`ServerHandle::revoke_token`](crate::ServerHandle::revoke_token), which therefore fails for a token that is known.
    fn known(&self, credentials: &Credentials<'_>) -> Option<Arc<Identity>> {
        let _ = credentials;
        None
    }

    /// Returns the URLs of the authorization servers that issue the tokens, for the metadata of the protected resource.
    fn authorization_servers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the names of the headers with credentials other than `Authorization`. Handlers do not see them.
    fn credential_headers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the authorities of the client certificates that this way reads with [`Credentials::certificate`]. The listener
    /// then asks for client certificates. At most one way of a server can name authorities.
    #[cfg(feature = "tls")]
    fn client_authorities(&self) -> Option<ClientAuthorities> {
        None
    }

    /// Returns the caller of stdio and of the command line, or `None` if this way is about HTTP requests.
    fn local(&self) -> Option<Identity> {
        None
    }

    /// Returns the problems for which a server with this way cannot be built, each with advice on how to fix it.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The reason why credentials are refused.
///
/// The texts are for the log; clients receive only the kind of the error.
///
/// ```
/// use mcp_runtime::{AuthError, AuthFuture, Authenticate, Credentials, Identity, Principal};
///
/// struct Sessions;
///
/// impl Authenticate for Sessions {
///     fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
///         Box::pin(async move {
///             match credentials.bearer() {
///                 None => Ok(None),
///                 Some("ada's session") => Ok(Some(Identity::new(Principal::new("ada")))),
///                 Some(_) => Err(AuthError::Invalid("the session has ended".to_owned())),
///             }
///         })
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// The credentials are malformed, expired, revoked, or meant for somebody else.
    Invalid(String),
    /// The credentials cannot be checked at the moment, for instance because the issuer cannot be reached.
    Unavailable(String),
}

impl fmt::Display for AuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) => write!(formatter, "the credentials are not valid: {reason}"),
            Self::Unavailable(reason) => {
                write!(formatter, "the credentials cannot be checked: {reason}")
            }
        }
    }
}

impl std::error::Error for AuthError {}
