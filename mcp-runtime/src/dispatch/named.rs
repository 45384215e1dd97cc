//! Requests that wait, and that the log of the process names.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::logs::{RequestIds, enter_request};
use crate::service::{Pending, Reply};

/// Returns the future of a request. The log attributes the events of the thread to the request while it is polled.
pub(super) fn named(ids: RequestIds, pending: Pending) -> Pending {
    Box::pin(Named {
        ids: Some(ids),
        pending: Some(pending),
    })
}

struct Named {
    /// `None` while the request is polled.
    ids: Option<RequestIds>,
    /// `None` after the end of the request.
    pending: Option<Pending>,
}

impl Future for Named {
    type Output = Option<Reply>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Reply>> {
        let entered = enter_request(self.ids.take());
        let polled = match &mut self.pending {
            Some(pending) => pending.as_mut().poll(context),
            None => Poll::Ready(None),
        };
        self.ids = entered.leave();
        polled
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _entered = enter_request(self.ids.take());
        drop(self.pending.take());
    }
}
