//! What the ways of authentication by tokens of an authorization server have in common.

use std::time::Duration;

use super::AuthError;
use super::cache::VerifiedTokens;
use super::claims::Rules;
use super::metadata::Issuer;

/// The maximum length of a token in bytes.
const LONGEST: usize = 16 * 1024;

/// An authorization server, the audience of its tokens for this server, and those that were verified before.
pub(super) struct TokenIssuer {
    issuer: Result<Issuer, String>,
    pub(super) audience: String,
    pub(super) verified: VerifiedTokens,
}

impl TokenIssuer {
    pub(super) fn new(issuer: &str, audience: String) -> Self {
        Self {
            issuer: Issuer::new(issuer),
            audience,
            verified: VerifiedTokens::new(),
        }
    }

    /// Accepts an issuer with addresses in a private network, or on this host.
    pub(super) fn allow_private_network(&mut self) {
        if let Ok(issuer) = &mut self.issuer {
            issuer.fetch.reach.private = true;
        }
    }

    /// Returns the authorization server.
    ///
    /// # Errors
    /// Returns an error if its identifier is not valid.
    pub(super) fn issuer(&self) -> Result<&Issuer, AuthError> {
        let issuer = self.issuer.as_ref();
        issuer.map_err(|problem| AuthError::Unavailable(problem.clone()))
    }

    /// Returns the rules for the claims of a token.
    pub(super) fn rules<'a>(&'a self, issuer: &'a Issuer, leeway: Duration) -> Rules<'a> {
        Rules {
            issuer: &issuer.id,
            audience: &self.audience,
            leeway,
        }
    }

    pub(super) fn authorization_servers(&self) -> Vec<String> {
        self.issuer.iter().map(|issuer| issuer.id.clone()).collect()
    }

    /// Returns the problems for which a server with this way cannot be built. `way` is the function that creates it.
    pub(super) fn problems(&self, way: &str) -> Vec<String> {
        let issuer = self.issuer.as_ref().err();
        let mut problems = Vec::from_iter(issuer.map(|problem| format!("`{way}`: {problem}")));
        if self.audience.is_empty() {
            problems.push(format!(
                "`{way}`: the audience is empty: use the URL of this server"
            ));
        }
        problems
    }
}

/// Checks the length of a token.
///
/// # Errors
/// Returns an error if it is too long.
pub(super) fn check_length(token: &str) -> Result<(), AuthError> {
    if token.len() > LONGEST {
        return Err(AuthError::Invalid(format!(
            "the token is longer than {LONGEST} bytes"
        )));
    }
    Ok(())
}
