//! Questions to clients that have a session: requests of the server, and the responses to them.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::Question;
use crate::protocol::jsonrpc::{notification, push_json};
use crate::service::Outbound;
use crate::sync::{Mutex, MutexGuard};

/// What a client answered, or the message of its error.
pub(crate) type Answer = Result<Value, String>;

/// All questions that wait for a response.
#[derive(Default)]
pub(crate) struct Live {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

struct Waiting {
    /// Only the session that was asked may answer.
    session: [u8; 16],
    sender: oneshot::Sender<Answer>,
}

impl Live {
    /// Asks; `None` if the client does not take messages.
    pub(crate) fn ask(
        self: &Arc<Self>,
        session: [u8; 16],
        outbound: &Arc<dyn Outbound>,
        question: &Question,
        patience: Duration,
    ) -> Option<LiveAnswer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(number, Waiting { session, sender });
        let answer = LiveAnswer {
            live: Arc::clone(self),
            number,
            outbound: Arc::clone(outbound),
            receiver,
            overdue: Box::pin(tokio::time::sleep(patience)),
        };
        let mut request = format!("{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":");
        push_json(&mut request, question.method);
        request.push_str(",\"params\":");
        request.push_str(&question.params);
        request.push('}');
        outbound.send(request).then_some(answer)
    }

    /// Takes a response. One that nobody waits for is none of our concern.
    pub(crate) fn answer(&self, session: [u8; 16], response: &str) {
        #[derive(Deserialize)]
        struct Response {
            id: u64,
            result: Option<Value>,
            error: Option<Value>,
        }
        let Ok(response) = serde_json::from_str::<Response>(response) else {
            return;
        };
        let mut waiting = self.waiting();
        if waiting
            .get(&response.id)
            .is_none_or(|waiting| waiting.session != session)
        {
            return;
        }
        if let Some(Waiting { sender, .. }) = waiting.remove(&response.id) {
            let message = |error: Value| {
                let message = error["message"].as_str().unwrap_or("no reason given");
                message.to_owned()
            };
            let answer = match (response.result, response.error) {
                (Some(result), _) => Ok(result),
                (None, error) => Err(message(error.unwrap_or_default())),
            };
            // It fails if the handler has just given up.
            let _ = sender.send(answer);
        }
    }

    /// Ends the questions to a session that nobody answers any more.
    pub(crate) fn abandon(&self, session: [u8; 16]) {
        self.waiting()
            .retain(|_, waiting| waiting.session != session);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock()
    }
}

/// The response to a question; `None` if it did not come in time. When this is dropped nobody waits any longer.
pub(crate) struct LiveAnswer {
    live: Arc<Live>,
    number: u64,
    outbound: Arc<dyn Outbound>,
    receiver: oneshot::Receiver<Answer>,
    overdue: Pin<Box<Sleep>>,
}

impl Future for LiveAnswer {
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        if let Poll::Ready(answer) = Pin::new(&mut self.receiver).poll(context) {
            return Poll::Ready(answer.ok());
        }
        self.overdue.as_mut().poll(context).map(|()| None)
    }
}

impl Drop for LiveAnswer {
    fn drop(&mut self) {
        let waited = self.live.waiting().remove(&self.number).is_some();
        if waited {
            let params = format!("{{\"requestId\":{}}}", self.number);
            self.outbound
                .send(notification("notifications/cancelled", &params));
        }
    }
}
