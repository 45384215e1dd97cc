//! The revocation of tokens by the application, and the check of each token that was not checked before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::revoked::{CheckedToken, RevokeError, Revoked, TokenKey};
use super::{AuthError, Authenticate, Credentials, Identity};

/// The revoked tokens, and the ways of authentication that must refuse them.
pub(crate) struct Revocation {
    pub(crate) revoked: Arc<Revoked>,
    pub(crate) ways: Vec<Arc<dyn Authenticate>>,
}

impl Revocation {
    /// Revokes a token. See [`ServerHandle::revoke_token`](crate::ServerHandle::revoke_token).
    pub(crate) async fn revoke(&self, token: &str) -> Result<(), RevokeError> {
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(RevokeError::NotAToken);
        }
        self.revoked.add(token).await?;
        if self.is_known(token) {
            return Err(RevokeError::Known);
        }
        Ok(())
    }

    /// Returns `true` if a way accepts a token without a check.
    fn is_known(&self, token: &str) -> bool {
        let mut headers = HeaderMap::new();
        let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else {
            return false;
        };
        headers.insert(AUTHORIZATION, value);
        let credentials = Credentials::new(&headers, None).with_revoked(&self.revoked);
        self.ways.iter().any(|way| {
            // It may be code of the application.
            let known = AssertUnwindSafe(|| way.known(&credentials).is_some());
            catch_unwind(known).unwrap_or(true)
        })
    }
}

impl Credentials<'_> {
    /// Checks that the token of a caller was not revoked, unless the way that has identified the caller has done it.
    ///
    /// # Errors
    /// Returns an error if it was revoked, or if the store with the revoked tokens fails.
    pub(crate) async fn refuse_revoked(&self, identity: &mut Identity) -> Result<(), AuthError> {
        let (Some(revoked), Some(token)) = (self.revoked(), self.bearer()) else {
            return Ok(());
        };
        let (key, epoch) = (TokenKey::of(token), self.epoch());
        let checked = Some(CheckedToken { key, epoch });
        if identity.token == checked {
            return Ok(());
        }
        if revoked
            .contains(key)
            .await
            .map_err(AuthError::Unavailable)?
        {
            return Err(AuthError::Invalid("the token was revoked".to_owned()));
        }
        identity.token = checked;
        Ok(())
    }
}
