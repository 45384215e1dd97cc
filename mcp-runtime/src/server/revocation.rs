//! The revocation of tokens through the handle of a server.

use super::ServerHandle;
use crate::auth::RevokeError;

impl ServerHandle {
    /// Revokes an access token, for instance when its user signs out. From its return on, this server refuses the token as it refuses
    /// any invalid one: with 401. `token` is what follows `Bearer` in the header `Authorization`.
    ///
    /// A token is revoked until 24 h after it expires (the claim `exp` of a JWT). A token whose expiry cannot be read from its text, such
    /// as one for [`Auth::introspection`](crate::Auth::introspection) that is not a JWT, is revoked for 30 days: revoke one that is
    /// valid for longer at its issuer, too. A JWT is revoked with all signatures of its content.
    ///
    /// A server without replicas keeps up to 100,000 revoked tokens in memory, and forgets them when it stops. With
    /// [`Server::cluster`](crate::Server::cluster) they are in the store. Replicas that start later refuse the token as well. Those that
    /// run verify every token again before its next use when they read of the revocation, which takes them milliseconds. A replica that
    /// cannot reach the store accepts the tokens that it has verified before until it can. A token that it has not verified is
    /// answered with 503 meanwhile.
    ///
    /// Subscriptions and GET streams of clients with the token end; their calls in flight do not. Only tokens of the header
    /// `Authorization: Bearer` can be revoked, and no API keys.
    ///
    /// ```
    /// use mcp_runtime::{Auth, RevokeError, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new("calendar", "1.0.0")
    ///     .auth(Auth::jwt("https://login.example.com", "https://calendar.example.com/mcp"));
    /// let handle = server.handle();
    /// let service = server.into_service().await?;
    /// handle.revoke_token("eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl").await?;
    /// assert_eq!(handle.revoke_token("Bearer eyJ").await, Err(RevokeError::NotAToken));
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server is not running yet, if the text is not a token, if too many tokens are revoked, if the store of
    /// the replicas fails, or if a way of authentication still accepts the token, such as an API key.
    pub async fn revoke_token(&self, token: &str) -> Result<(), RevokeError> {
        let core = self.0.core().ok_or(RevokeError::NotRunning)?;
        match &core.context.revocation {
            Some(revocation) => revocation.revoke(token).await,
            None => Err(RevokeError::NotRunning),
        }
    }
}
