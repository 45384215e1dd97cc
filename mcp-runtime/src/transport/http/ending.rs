//! The end of a stream of events whose request has credentials.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use super::Endpoint;
use crate::service::CredentialsEnd;

/// A future that completes when a stream must end.
pub(super) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Endpoint {
    /// Returns a future that completes when credentials expire or are revoked; `None` if neither can happen.
    #[cfg_attr(not(feature = "auth"), allow(clippy::unused_self))] // no caller has credentials
    pub(super) fn ending(&self, end: CredentialsEnd) -> Option<Ending> {
        #[cfg(feature = "auth")]
        if let (Some(token), Some(revoked)) = (end.token, self.revoked.clone()) {
            return Some(Box::pin(async move {
                let revoked = revoked.ended(token);
                match end.expires {
                    Some(expires) => {
                        // Either end is the end.
                        let _ = tokio::time::timeout(left(expires), revoked).await;
                    }
                    None => revoked.await,
                }
            }));
        }
        let expires = end.expires?;
        Some(Box::pin(tokio::time::sleep(left(expires))))
    }
}

fn left(expires: SystemTime) -> std::time::Duration {
    expires
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}
