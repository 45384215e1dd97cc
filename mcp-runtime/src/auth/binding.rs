//! Tokens that are bound to the client certificate of their connection (RFC 8705, section 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{AuthError, Credentials, Identity};

/// The claim with the confirmation method of a token (RFC 7800).
pub(super) const CONFIRMATION: &str = "cnf";

/// The confirmation method of a token that is bound to a certificate: the SHA-256 digest of the certificate.
const THUMBPRINT: &str = "x5t#S256";

/// Returns `true` for a confirmation method that [`Credentials::confirm`] checks, and that has no other.
pub(super) fn is_supported(confirmation: &Value) -> bool {
    let members = confirmation.as_object();
    members.is_some_and(|members| {
        members.len() == 1 && members.get(THUMBPRINT).is_some_and(Value::is_string)
    })
}

impl Credentials<'_> {
    /// Checks that the caller has the certificate that its token is bound to.
    ///
    /// It is checked for each request, and not together with the token, because a token that was verified before can arrive on
    /// another connection.
    pub(crate) fn confirm(&self, identity: &Identity) -> Result<(), AuthError> {
        let confirmation = identity.claims.get(CONFIRMATION);
        let Some(bound) = confirmation.and_then(|methods| methods.get(THUMBPRINT)) else {
            return Ok(());
        };
        let problem = match self.certificate() {
            Some(own) if *bound == URL_SAFE_NO_PAD.encode(own.sha256()) => return Ok(()),
            Some(_) => "the token is bound to another client certificate (`cnf`)",
            None => {
                "the token is bound to a client certificate (`cnf`), and the connection has none"
            }
        };
        Err(AuthError::Invalid(problem.to_owned()))
    }
}
