//! A limit on the number of calls in a time.

use super::caller::CallerId;
use crate::error::ToolError;
use crate::layer::{CallOutcome, Layer, LayeredCall, Next};
use crate::owner::Owner;
use crate::rate::{RateLimit, Refused, seconds};
use crate::service::BoxFuture;

impl Layer for RateLimit {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let owner = CallerId::of(call.context()).owner;
        let allowed = self.count(&owner).map_err(Refused::Reached);
        let cluster = &call.context().server().cluster;
        let limit = cluster.is_some().then(|| self.clone());
        Box::pin(async move {
            let allowed = match (allowed, limit) {
                (Ok(()), Some(limit)) => count_shared(&limit, &call, &owner).await,
                (allowed, _) => allowed,
            };
            match allowed {
                Ok(()) => next.run().await,
                Err(refused) => call.refuse(refusal(&call, refused)),
            }
        })
    }
}

/// Counts a call together with the calls at other replicas.
async fn count_shared(limit: &RateLimit, call: &LayeredCall, owner: &Owner) -> Result<(), Refused> {
    let Some(cluster) = &call.context().server().cluster else {
        return Ok(());
    };
    limit
        .count_shared(&**cluster.store(), &call.scope(), owner)
        .await
}

fn refusal(call: &LayeredCall, refused: Refused) -> ToolError {
    let name = call.name();
    match refused {
        Refused::Reached(wait) => {
            let seconds = seconds(wait);
            let message = format!("Too many calls of `{name}`: try again in {seconds} s");
            ToolError::rate_limited(message, seconds)
        }
        Refused::Uncounted(error) => {
            tracing::error!(%error, name, "a call is refused: the store of the replicas failed to count it");
            ToolError::new(format!(
                "The call of `{name}` cannot be counted, because the store of the replicas failed: try again later"
            ))
        }
    }
}
