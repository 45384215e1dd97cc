//! Requests that run: how many there may be, for whom they run, and how they are cancelled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::owner::Owner;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::sync::Mutex;

/// Where the id of a request is unique, or at least meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A connection that carries all messages of its client.
    Connection(u64),
    /// A legacy session over HTTP. Some clients give all their requests the same id.
    Session([u8; 16]),
}

/// Stops a request before its future can be dropped, which may be in the middle of a poll.
pub(crate) trait Stop: Send + Sync {
    /// Lets the request send nothing more, and its handler see that it is cancelled.
    fn stop(&self);
}

/// The requests that run.
pub(crate) struct InFlight {
    limit: usize,
    running: AtomicUsize,
    waiting: Mutex<Registered>,
}

/// The requests whose handlers were not done at once.
#[derive(Default)]
struct Registered {
    next: u64,
    /// In the order in which they began.
    requests: BTreeMap<u64, Request>,
}

struct Request {
    /// `None` where only the end of its connection cancels a request.
    key: Option<(Scope, Id)>,
    owner: Owner,
    /// The length of its message.
    bytes: usize,
    stop: Arc<dyn Stop>,
    waker: Option<Waker>,
}

impl InFlight {
    /// Returns a register of at most so many requests.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            running: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Takes a permit to run one request.
    ///
    /// # Errors
    /// As many requests run as may.
    pub(crate) fn permit(self: &Arc<Self>) -> Result<Permit, RpcError> {
        let permit = Permit {
            in_flight: Arc::clone(self),
            held: true,
        };
        if self.running.fetch_add(1, Ordering::AcqRel) < self.limit {
            return Ok(permit);
        }
        self.warn_of_the_busiest();
        Err(RpcError::overloaded(format!(
            "The server is busy: {} requests are in flight, which is its limit; try again later",
            self.limit
        )))
    }

    /// Logs who has the most requests when there is no room.
    fn warn_of_the_busiest(&self) {
        let waiting = self.waiting.lock();
        let mut owners: HashMap<&Owner, (usize, usize)> = HashMap::new();
        for request in waiting.requests.values() {
            let (requests, bytes) = owners.entry(&request.owner).or_default();
            *requests += 1;
            *bytes += request.bytes;
        }
        let busiest = owners
            .into_iter()
            .max_by_key(|(_, (requests, _))| *requests);
        if let Some((owner, (requests, bytes))) = busiest {
            tracing::warn!(limit = self.limit, %owner, requests, bytes, "a request is refused: too many are in flight");
        }
    }

    /// Returns `true` if a request with this key still runs.
    pub(crate) fn contains(&self, scope: Scope, id: &Id) -> bool {
        let waiting = self.waiting.lock();
        waiting.find(scope, id).is_some()
    }

    /// Registers a request that has to wait, until the ticket is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        key: Option<(Scope, Id)>,
        owner: Owner,
        bytes: usize,
        stop: Arc<dyn Stop>,
    ) -> Ticket {
        let mut waiting = self.waiting.lock();
        let number = waiting.next;
        waiting.next += 1;
        let request = Request {
            key,
            owner,
            bytes,
            stop,
            waker: None,
        };
        waiting.requests.insert(number, request);
        Ticket {
            in_flight: Arc::clone(self),
            number,
        }
    }

    /// Cancels the newest request with this key. One that is unknown or over is no error.
    pub(crate) fn cancel(&self, scope: Scope, id: &Id) {
        let mut waiting = self.waiting.lock();
        let request = waiting
            .find(scope, id)
            .and_then(|number| waiting.requests.remove(&number));
        drop(waiting);
        request.into_iter().for_each(Request::cancel);
    }

    /// Cancels all requests of a scope, or of all scopes.
    pub(crate) fn cancel_all(&self, scope: Option<Scope>) {
        let is_meant = |request: &Request| {
            scope.is_none_or(|scope| matches!(request.key, Some((other, _)) if other == scope))
        };
        let mut waiting = self.waiting.lock();
        let all = std::mem::take(&mut waiting.requests);
        let (cancelled, rest): (BTreeMap<_, _>, _) =
            all.into_iter().partition(|(_, request)| is_meant(request));
        waiting.requests = rest;
        drop(waiting);
        cancelled.into_values().for_each(Request::cancel);
    }
}

impl Registered {
    fn find(&self, scope: Scope, id: &Id) -> Option<u64> {
        let mut newest_first = self.requests.iter().rev();
        newest_first
            .find(|(_, request)| matches!(&request.key, Some((s, i)) if *s == scope && i == id))
            .map(|(number, _)| *number)
    }
}

impl Request {
    fn cancel(self) {
        self.stop.stop();
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }
}

/// A request in the register. Dropping it takes the request out.
pub(crate) struct Ticket {
    in_flight: Arc<InFlight>,
    number: u64,
}

impl Ticket {
    /// Ready when the request is cancelled.
    pub(crate) fn poll_cancelled(&self, context: &Context<'_>) -> Poll<()> {
        let mut waiting = self.in_flight.waiting.lock();
        let Some(request) = waiting.requests.get_mut(&self.number) else {
            return Poll::Ready(());
        };
        match &mut request.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes the request out; `false` if it was cancelled, and so gets no answer.
    pub(crate) fn finish(&self) -> bool {
        let request = self.in_flight.waiting.lock().requests.remove(&self.number);
        request.is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The right to run, of which there are as many as [`Limits::requests`](crate::Limits::requests). It is given back when this is
/// dropped.
pub(crate) struct Permit {
    in_flight: Arc<InFlight>,
    held: bool,
}

impl Permit {
    /// Gives the permit back for as long as the client is asked, or takes it again: a call that has begun goes on.
    pub(crate) fn hold(&mut self, held: bool) {
        match (self.held, held) {
            (true, false) => self.in_flight.running.fetch_sub(1, Ordering::AcqRel),
            (false, true) => self.in_flight.running.fetch_add(1, Ordering::AcqRel),
            _ => return,
        };
        self.held = held;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.hold(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Stop for Nothing {
        fn stop(&self) {}
    }

    fn enter(in_flight: &Arc<InFlight>, scope: Scope, id: i64) -> Ticket {
        let key = Some((scope, Id::Number(id)));
        in_flight.enter(key, Owner::Local, 1, Arc::new(Nothing))
    }

    fn is_cancelled(ticket: &Ticket) -> bool {
        let context = Context::from_waker(Waker::noop());
        ticket.poll_cancelled(&context).is_ready()
    }

    #[test]
    fn the_newest_request_of_an_id_is_cancelled_and_only_in_its_scope() {
        let in_flight = Arc::new(InFlight::new(1));
        let (one, other) = (Scope::Session([1; 16]), Scope::Connection(1));
        let tickets = [
            enter(&in_flight, one, 1),
            enter(&in_flight, one, 1),
            enter(&in_flight, one, 2),
            enter(&in_flight, other, 1),
        ];
        in_flight.cancel(one, &Id::Number(1));
        assert_eq!(
            tickets.each_ref().map(is_cancelled),
            [false, true, false, false]
        );
        in_flight.cancel_all(Some(one));
        assert_eq!(
            tickets.each_ref().map(is_cancelled),
            [true, true, true, false]
        );
        assert!(!tickets[0].finish() && tickets[3].finish());
        drop(tickets);
        assert!(in_flight.waiting.lock().requests.is_empty());
    }

    #[test]
    fn a_permit_that_is_not_held_makes_room() {
        let in_flight = Arc::new(InFlight::new(1));
        let mut first = in_flight.permit().expect("there is room");
        assert!(in_flight.permit().is_err());
        first.hold(false);
        let second = in_flight.permit().expect("the room of the first");
        first.hold(true);
        drop(second);
        assert!(in_flight.permit().is_err(), "the first has gone on");
        drop(first);
        assert!(in_flight.permit().is_ok());
        assert_eq!(in_flight.running.load(Ordering::Relaxed), 0);
    }
}
