//! The end of a stream of events whose request has credentials.

use std::future::Future;
use std::pin::Pin;
#[cfg(feature = "auth")]
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

#[cfg(feature = "auth")]
use crate::auth::Revoked;
#[cfg(feature = "auth")]
use crate::service::CredentialsEnd;

/// A future that completes when a stream must end.
pub(super) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns a future that completes when credentials expire or are revoked; `None` if neither can happen.
#[cfg(feature = "auth")]
pub(super) fn ending(end: CredentialsEnd, revoked: Option<&Arc<Revoked>>) -> Option<Ending> {
    let (Some(token), Some(revoked)) = (end.token, revoked) else {
        return expiry(end.expires);
    };
    let revoked = Arc::clone(revoked);
    Some(Box::pin(async move {
        let revoked = revoked.ended(token);
        match end.expires {
            Some(expires) => {
                // Either end is the end.
                let _ = tokio::time::timeout(left(expires), revoked).await;
            }
            None => revoked.await,
        }
    }))
}

/// Returns a future that completes at a time.
pub(super) fn expiry(expires: Option<SystemTime>) -> Option<Ending> {
    Some(Box::pin(sleep(left(expires?))))
}

fn left(expires: SystemTime) -> Duration {
    let left = expires.duration_since(SystemTime::now());
    left.unwrap_or_default()
}
