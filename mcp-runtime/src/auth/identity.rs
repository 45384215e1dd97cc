//! The caller of a request, as verified.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::revoked::CheckedToken;
use crate::owner::Principal;
use crate::store::system_time;

/// The caller of a request, as an [`Authenticate`](super::Authenticate) verified it. A clone is cheap.
///
/// ```
/// use mcp_runtime::{Identity, Principal};
///
/// let identity = Identity::new(Principal::new("ada")).scopes(["calendar:read", "calendar:write"]);
/// assert_eq!(identity.scopes.len(), 2);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Identity {
    /// The caller.
    pub principal: Principal,
    /// The OAuth scopes that the caller was granted.
    pub scopes: Arc<[String]>,
    /// The claims of the token, or what else is known of the caller.
    pub claims: Arc<Map<String, Value>>,
    /// The time after which the credentials are not valid any more. Responses that are streams of events end then, also those of
    /// calls; a call of a session continues, and its client can resume the stream with new credentials.
    pub expires: Option<SystemTime>,
    /// The token of the caller, if it was checked that nobody has revoked it.
    pub(crate) token: Option<CheckedToken>,
}

impl Identity {
    /// Returns the identity of a caller without scopes and claims.
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            scopes: Arc::default(),
            claims: Arc::default(),
            expires: None,
            token: None,
        }
    }

    /// Sets the scopes that the caller was granted.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what else is known of the caller.
    pub fn claims(mut self, claims: Map<String, Value>) -> Self {
        self.claims = Arc::new(claims);
        self
    }

    /// Returns `true` if the credentials are not valid any more.
    pub(crate) fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= system_time())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Claims may be personal data.
        formatter
            .debug_struct("Identity")
            .field("principal", &self.principal)
            .field("scopes", &self.scopes)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
