//! The owners of requests and of stored data, for accounting.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The caller of a server, as verified by [`Server::auth`](crate::Server::auth) or by an outer layer.
///
/// Two principals are equal if both their ids and their issuers are equal: a subject is unique only within its issuer.
///
/// A tower or axum layer around [`Server::into_service`](crate::Server::into_service) that authenticates requests
/// inserts a principal into their `http::Extensions`, if the server has no authentication of its own. Handlers read it with
/// [`Context::principal`](crate::Context::principal).
///
/// ```
/// use mcp_runtime::{Principal, prelude::*};
/// use serde_json::json;
///
/// /// Return the name of the caller.
/// #[tool(read_only)]
/// async fn whoami(caller: Principal) -> String {
///     caller.id().to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let server = Server::new("app", "1.0.0").with(components![whoami]);
/// let client = server.client().principal(Principal::new("ada")).await;
/// assert_eq!(client.call("whoami", json!({})).await?.text(), "ada");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(Arc<Inner>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Inner {
    id: Arc<str>,
    issuer: Option<Arc<str>>,
}

impl Principal {
    /// Returns a principal with this id, which must be unique in the server or, with an issuer, among those of the issuer.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Inner {
            id: id.into(),
            issuer: None,
        }))
    }

    /// Sets the issuer of the id, such as the `iss` of a token.
    pub fn issued_by(mut self, issuer: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.0).issuer = Some(issuer.into());
        self
    }

    /// Returns the id, which another issuer may have given to somebody else.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns the issuer of the id, if there is one.
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }

    /// Returns a text that no other principal has, for the keys of stored data. It consists of ASCII letters, digits and `-`.
    pub(crate) fn key(&self) -> String {
        let id = hexadecimal(self.id());
        match self.issuer() {
            None => format!("principal-{id}"),
            Some(issuer) => format!("principal-{id}-{}", hexadecimal(issuer)),
        }
    }
}

/// Encodes a text as hexadecimal digits.
fn hexadecimal(text: &str) -> String {
    let digits = text.bytes().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>()
}

impl fmt::Display for Principal {
    /// Writes the id, and the issuer if there is one, as in `ada (https://id.example.com)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())?;
        self.issuer()
            .map_or(Ok(()), |issuer| write!(formatter, " ({issuer})"))
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Principal")
            .field("id", &self.id())
            .field("issuer", &self.issuer())
            .finish()
    }
}

/// The owner of a request and of its stored data: the most specific one that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    Principal(Principal),
    Session([u8; 16]),
    Peer(IpAddr),
    /// A local process with a pipe to the server, or the server itself.
    Local,
}

impl Owner {
    /// Returns a text that no other owner has, for the keys of stored data. It consists of ASCII letters, digits and `-`.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Principal(principal) => principal.key(),
            Self::Session(nonce) => format!("session-{:032x}", u128::from_be_bytes(*nonce)),
            Self::Peer(address) => format!("peer-{}", hexadecimal(&address.to_string())),
            Self::Local => "local".to_owned(),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => write!(formatter, "principal {principal}"),
            Self::Session(nonce) => {
                write!(formatter, "session {:032x}", u128::from_be_bytes(*nonce))
            }
            Self::Peer(address) => write!(formatter, "peer {address}"),
            Self::Local => formatter.write_str("a local process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_of_two_issuers_is_two_principals() {
        let ada = || Principal::new("ada");
        let all = [
            ada(),
            ada().issued_by(""),
            ada().issued_by("https://a.test"),
            ada().issued_by("https://b.test"),
            Principal::new("ada (https://a.test)"),
            Principal::new("ada-61"),
        ];
        for (index, one) in all.iter().enumerate() {
            for (other_index, other) in all.iter().enumerate() {
                assert_eq!(one == other, index == other_index, "{one:?} {other:?}");
                assert_eq!(one.key() == other.key(), index == other_index);
            }
        }
        assert_eq!(all[2].to_string(), "ada (https://a.test)");
        assert_eq!(all[0].to_string(), "ada");
    }
}
