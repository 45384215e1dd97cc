//! Requests in flight: what their callers wait for.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use serde_json::Value;

use super::connection::Connection;
use super::message::ErrorReply;
use super::notices::Notices;
use super::open::{Event, Open, Question};
use super::request::Request;
use super::transport::{Outgoing, SendError, Sending};
use crate::call::CallContext;
use crate::service::BoxFuture;
use crate::sync::Mutex;

impl Connection {
    /// Starts a request.
    pub(super) fn start(
        self: &Arc<Self>,
        mut request: Request<'_>,
        notices: Option<Arc<Notices>>,
    ) -> Exchange {
        let open = Arc::new(Open {
            state: Mutex::default(),
            notices,
            may_ask: request.may_ask,
        });
        let id = {
            let mut table = self.table.lock();
            table.next += 1;
            let id = table.next;
            match &table.lost {
                Some(why) => open.end(Err(SendError::Unreachable(why.clone()))),
                None => table.open.push_back((id, Arc::clone(&open))),
            }
            id
        };
        if let Some(authorization) = &request.authorization {
            self.authorized(authorization);
        }
        let outgoing = Outgoing {
            json: request.end(id),
            id: Some(id),
            method: Some(request.method),
            name: request.name,
            params: request.headers,
            revision: self
                .features()
                .map(|features| features.name)
                .or(request.revision),
            authorization: request.authorization,
        };
        let sending = match self.transport.get().map(|it| it.send(outgoing)) {
            None | Some(Sending::Done(Ok(()))) => None,
            Some(Sending::Done(Err(error))) => {
                self.failed(id, &open, error);
                None
            }
            Some(Sending::Pending(sending)) => Some(sending),
        };
        Exchange {
            connection: Arc::clone(self),
            id,
            open,
            sending,
            is_done: false,
        }
    }
}

/// A request in flight. Dropping it before its end cancels the request.
pub(super) struct Exchange {
    connection: Arc<Connection>,
    id: u64,
    open: Arc<Open>,
    sending: Option<BoxFuture<Result<(), SendError>>>,
    is_done: bool,
}

impl Exchange {
    /// Waits for the next event. After a reply or a loss there is none.
    pub(super) async fn next(&mut self) -> Event {
        poll_fn(|task| self.poll_next(task)).await
    }

    /// Polls for the next event.
    pub(super) fn poll_next(&mut self, task: &mut Task<'_>) -> Poll<Event> {
        let event = self.poll_event(task);
        if let Poll::Ready(event) = &event {
            self.is_done = !matches!(event, Event::Question(_));
        }
        event
    }

    /// Polls for a question only. Returns `None` if the request has ended.
    pub(super) fn poll_question(&mut self, task: &mut Task<'_>) -> Poll<Option<Question>> {
        let mut state = self.open.state.lock();
        if let Some(question) = state.questions.pop_front() {
            return Poll::Ready(Some(question));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        state.waker = Some(task.waker().clone());
        drop(state);
        self.poll_sending(task);
        Poll::Pending
    }

    fn poll_sending(&mut self, task: &mut Task<'_>) {
        if let Some(sending) = &mut self.sending
            && let Poll::Ready(sent) = sending.as_mut().poll(task)
        {
            self.sending = None;
            if let Err(error) = sent {
                self.connection.failed(self.id, &self.open, error);
            }
        }
    }

    fn poll_event(&mut self, task: &mut Task<'_>) -> Poll<Event> {
        self.poll_sending(task);
        let mut state = self.open.state.lock();
        if let Some(question) = state.questions.pop_front() {
            return Poll::Ready(Event::Question(question));
        }
        match state.end.take() {
            Some(Ok(reply)) => Poll::Ready(Event::Reply(reply)),
            Some(Err(error)) => Poll::Ready(Event::Lost(error)),
            None => {
                if !state
                    .waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(task.waker()))
                {
                    state.waker = Some(task.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Waits for the reply of a request that asks nothing.
    pub(super) async fn reply(mut self) -> Result<Result<String, ErrorReply>, SendError> {
        loop {
            match self.next().await {
                Event::Reply(reply) => return Ok(reply.map(|answer| answer.json().to_owned())),
                Event::Lost(error) => return Err(error),
                Event::Question(question) => {
                    self.answer(&question, Err("This question cannot be asked"));
                }
            }
        }
    }

    /// Sends the progress and the log messages of the server to a call that repeats the earlier one.
    pub(super) fn go_on(&self, call: &Arc<CallContext>) {
        if let Some(notices) = &self.open.notices {
            notices.go_on(call);
        }
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Answers a question of the server.
    pub(super) fn answer(&self, question: &Question, answer: Result<&Value, &str>) {
        self.connection.answer(question, answer);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let was_open = self.connection.table.lock().remove(self.id).is_some();
        let features = self.connection.features();
        // Before the negotiation, and after the reply, there is nothing to cancel.
        let Some(features) = features.filter(|_| was_open) else {
            return;
        };
        let meta = if features.stateless {
            // Over HTTP the end of the stream is the cancellation, and the server ignores this one.
            ",\"_meta\":{}"
        } else {
            ""
        };
        let params = format!("{{\"requestId\":{}{meta}}}", self.id);
        self.connection.send(
            Some("notifications/cancelled"),
            format!(
                "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}"
            ),
        );
    }
}
