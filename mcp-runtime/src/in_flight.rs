//! Requests in flight: their limit, their owners, and their cancellation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::owner::Owner;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The scope in which the id of a request is, or should be, unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A connection that carries all messages of its client.
    Connection(u64),
    /// A legacy session over HTTP. Some clients use the same id for all their requests.
    Session([u8; 16]),
}

/// A request that can be stopped before its future is dropped, also while the future is being polled.
pub(crate) trait Stop: Send + Sync {
    /// Prevents the request from sending further messages, and signals the cancellation to its handler.
    fn stop(&self);
}

/// The bit of [`InFlight::running`] that is set when the server stops. The number then exceeds every limit, so that
/// [`InFlight::permit`] needs no second check.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// The part of all permits that one account can hold is one over this number.
const SHARES: usize = 4;

/// The interval at which a stopping server checks whether requests are still in flight. To be woken up by the last of them
/// would cost each call some instructions.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The requests in flight.
pub(crate) struct InFlight {
    limit: usize,
    /// The requests of the server in which this one is mounted, whose limit applies, too.
    outer: Option<Arc<Self>>,
    /// The maximum number of running requests of one account. Local callers have no such limit: stdio has one client.
    share: usize,
    /// The number of held permits, and [`CLOSED`].
    running: AtomicUsize,
    /// The number of held permits of cancelled requests, whose handlers still run on threads.
    abandoned: AtomicUsize,
    /// `true` once all requests were cancelled because the server stops.
    stopped: AtomicBool,
    waiting: Mutex<Registered>,
    /// The number of registered requests, so that a request that does not wait needs no lock.
    registered: AtomicUsize,
}

/// The requests that wait, because their handlers did not finish at the first poll.
#[derive(Default)]
struct Registered {
    next: u64,
    /// The requests, in the order of their registration.
    requests: BTreeMap<u64, Request>,
    /// The number of requests of each account.
    accounts: HashMap<Owner, usize>,
}

struct Request {
    /// `None` if only the end of its connection cancels the request.
    key: Option<(Scope, Id)>,
    account: Owner,
    /// The length of the message.
    bytes: usize,
    stop: Arc<dyn Stop>,
    waker: Option<Waker>,
}

impl InFlight {
    /// Returns a registry of at most `limit` requests.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            outer: None,
            limit: limit.min(CLOSED),
            share: limit.div_ceil(SHARES),
            running: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            waiting: Mutex::default(),
            registered: AtomicUsize::new(0),
        }
    }

    /// Returns a registry of at most `limit` requests, which are also requests of the outer server.
    pub(crate) fn within(limit: usize, outer: Arc<Self>) -> Self {
        Self {
            outer: Some(outer),
            ..Self::new(limit)
        }
    }

    /// Returns this registry and those of the servers around it.
    #[inline]
    fn levels(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |inner| inner.outer.as_deref())
    }

    /// Returns the number of running requests.
    #[cfg(feature = "metrics")]
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed) & !CLOSED
    }

    /// Takes a permit to run one request of an account.
    ///
    /// # Errors
    /// Returns an error if the limit of requests is reached, or that of the account, or if the server stops.
    pub(crate) fn permit(
        self: &Arc<Self>,
        account: impl Fn() -> Owner,
    ) -> Result<Permit, RpcError> {
        let permit = Permit {
            in_flight: Arc::clone(self),
            held: true,
            abandoned: false,
        };
        let mut checked = Ok(());
        for level in self.levels() {
            let running = level.running.fetch_add(1, Ordering::AcqRel);
            // An account cannot have more requests than all accounts together.
            if running >= level.share {
                checked = checked.and_then(|()| level.check(running, &account()));
            }
        }
        checked.map(|()| permit)
    }

    /// Returns an error if a further request exceeds a limit.
    #[cold]
    fn check(&self, running: usize, account: &Owner) -> Result<(), RpcError> {
        if self.is_closed() {
            return Err(stopping());
        }
        if running >= self.limit {
            return Err(self.overloaded());
        }
        let requests = self.waiting.lock().accounts.get(account).copied();
        if *account == Owner::Local || requests.unwrap_or(0) < self.share {
            return Ok(());
        }
        tracing::warn!(limit = self.share, %account, "a request is refused: too many of its caller are in flight");
        Err(RpcError::too_many(format!(
            "{} of your requests are in flight, which is the limit: try again later",
            self.share
        )))
    }

    fn overloaded(&self) -> RpcError {
        self.log_busiest_owner();
        RpcError::overloaded(format!(
            "The server is busy: {} requests are in flight, which is its limit; try again later",
            self.limit
        ))
    }

    /// Accepts no further requests.
    pub(crate) fn close(&self) {
        self.running.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Returns `true` if no further requests are accepted, because the server stops.
    pub(crate) fn is_closed(&self) -> bool {
        self.running.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Returns `true` once all requests were cancelled, because the server stops.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Waits until no request is in flight.
    pub(crate) async fn finished(&self) {
        self.poll_until(|| {
            let running = self.running.load(Ordering::Acquire) & !CLOSED;
            running == self.abandoned.load(Ordering::Acquire)
                && self.waiting.lock().requests.is_empty()
        })
        .await;
    }

    /// Waits until no handler runs, including those of cancelled requests.
    pub(crate) async fn idle(&self) {
        self.poll_until(|| self.running.load(Ordering::Acquire) & !CLOSED == 0)
            .await;
    }

    async fn poll_until(&self, is_done: impl Fn() -> bool) {
        while !is_done() {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Logs the owner with the most requests.
    fn log_busiest_owner(&self) {
        let waiting = self.waiting.lock();
        let mut owners: HashMap<&Owner, (usize, usize)> = HashMap::new();
        for request in waiting.requests.values() {
            let (requests, bytes) = owners.entry(&request.account).or_default();
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

    /// Returns `true` if a request with this id is in flight.
    pub(crate) fn contains(&self, scope: Scope, id: &Id) -> bool {
        // Requests of one connection are registered and looked up by one task.
        self.registered.load(Ordering::Acquire) > 0 && self.waiting.lock().find(scope, id).is_some()
    }

    /// Registers a waiting request until the ticket is dropped.
    pub(crate) fn enter(
        self: &Arc<Self>,
        key: Option<(Scope, Id)>,
        account: Owner,
        bytes: usize,
        stop: Arc<dyn Stop>,
    ) -> Ticket {
        let mut waiting = self.waiting.lock();
        let number = waiting.next;
        waiting.next += 1;
        *waiting.accounts.entry(account.clone()).or_default() += 1;
        let request = Request {
            key,
            account,
            bytes,
            stop,
            waker: None,
        };
        waiting.requests.insert(number, request);
        self.registered
            .store(waiting.requests.len(), Ordering::Release);
        Ticket {
            in_flight: Arc::clone(self),
            number,
        }
    }

    fn remove(&self, waiting: &mut Registered, number: u64) -> Option<Request> {
        let removed = waiting.remove(number);
        self.registered
            .store(waiting.requests.len(), Ordering::Release);
        removed
    }

    /// Cancels the newest request with this id. Does nothing if no such request is in flight.
    pub(crate) fn cancel(&self, scope: Scope, id: &Id) {
        let mut waiting = self.waiting.lock();
        let request = waiting
            .find(scope, id)
            .and_then(|number| self.remove(&mut waiting, number));
        drop(waiting);
        request.into_iter().for_each(Request::cancel);
    }

    /// Cancels all requests of a scope, or all requests because the server stops.
    pub(crate) fn cancel_all(&self, scope: Option<Scope>) {
        if scope.is_none() {
            self.stopped.store(true, Ordering::Release);
        }
        let is_in_scope = |request: &Request| {
            scope.is_none_or(|scope| matches!(request.key, Some((other, _)) if other == scope))
        };
        let mut waiting = self.waiting.lock();
        let in_scope = waiting.requests.iter().filter(|(_, it)| is_in_scope(it));
        let numbers: Vec<u64> = in_scope.map(|(number, _)| *number).collect();
        let removed = numbers
            .into_iter()
            .filter_map(|number| self.remove(&mut waiting, number));
        let cancelled: Vec<Request> = removed.collect();
        drop(waiting);
        cancelled.into_iter().for_each(Request::cancel);
    }
}

/// Returns the error of a request that arrives, or is cancelled, while the server stops.
pub(crate) fn stopping() -> RpcError {
    RpcError::overloaded("The server is stopping: send the request again later")
}

impl Registered {
    fn remove(&mut self, number: u64) -> Option<Request> {
        let request = self.requests.remove(&number)?;
        if let Some(requests) = self.accounts.get_mut(&request.account) {
            *requests -= 1;
            if *requests == 0 {
                self.accounts.remove(&request.account);
            }
        }
        Some(request)
    }

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

/// A registered request. Dropping the ticket removes the request.
pub(crate) struct Ticket {
    in_flight: Arc<InFlight>,
    number: u64,
}

impl Ticket {
    /// Returns `Ready` when the request is cancelled.
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

    /// Removes the request. Returns `false` if it was cancelled, in which case it gets no reply.
    pub(crate) fn finish(&self) -> bool {
        let mut waiting = self.in_flight.waiting.lock();
        self.in_flight.remove(&mut waiting, self.number).is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A permit to run a request. There are [`Limits::requests`](crate::Limits::requests) permits. Dropping a permit
/// releases it.
pub(crate) struct Permit {
    in_flight: Arc<InFlight>,
    held: bool,
    /// `true` if the request was cancelled while its handler runs on a thread.
    abandoned: bool,
}

impl Permit {
    /// Releases the permit while the client is asked, or takes it again. Taking it again ignores the limit, so that a
    /// started call always continues.
    pub(crate) fn set_held(&mut self, held: bool) {
        if self.held == held {
            return;
        }
        for level in self.in_flight.levels() {
            if held {
                level.running.fetch_add(1, Ordering::AcqRel);
            } else {
                level.running.fetch_sub(1, Ordering::AcqRel);
            }
        }
        self.held = held;
    }

    /// Marks the request as cancelled while its handler runs on a thread. The permit is held until the thread ends, but a
    /// server that stops does not wait for it.
    pub(crate) fn abandon(&mut self) {
        if !std::mem::replace(&mut self.abandoned, true) {
            for level in self.in_flight.levels() {
                level.abandoned.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.set_held(false);
        if self.abandoned {
            for level in self.in_flight.levels() {
                level.abandoned.fetch_sub(1, Ordering::AcqRel);
            }
        }
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
        let mut first = in_flight.permit(|| Owner::Local).expect("below the limit");
        assert!(in_flight.permit(|| Owner::Local).is_err());
        first.set_held(false);
        let second = in_flight
            .permit(|| Owner::Local)
            .expect("the first permit is released");
        first.set_held(true);
        drop(second);
        assert!(
            in_flight.permit(|| Owner::Local).is_err(),
            "the first permit is held again"
        );
        drop(first);
        assert!(in_flight.permit(|| Owner::Local).is_ok());
        assert_eq!(in_flight.running.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_account_has_a_quarter_of_the_permits_and_others_the_rest() {
        let in_flight = Arc::new(InFlight::new(8));
        let accounts = [1, 2, 3].map(|number| Owner::Session([number; 16]));
        let run = |account: &Owner| {
            let permit = in_flight.permit(|| account.clone()).ok()?;
            let ticket = in_flight.enter(None, account.clone(), 1, Arc::new(Nothing));
            Some((permit, ticket))
        };
        let first: Vec<_> = (0..8).filter_map(|_| run(&accounts[0])).collect();
        assert_eq!(first.len(), 2);
        let second: Vec<_> = (0..8).filter_map(|_| run(&accounts[1])).collect();
        assert_eq!(second.len(), 2);
        let local: Vec<_> = (0..8).filter_map(|_| run(&Owner::Local)).collect();
        assert_eq!(local.len(), 4, "the rest");
        assert!(run(&accounts[2]).is_none(), "all permits are held");
        drop(first);
        assert!(run(&accounts[0]).is_some());
        drop((second, local));
        assert!(in_flight.waiting.lock().accounts.is_empty());
    }

    /// Returns `true` if a future resolves in time.
    async fn is_done(future: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::from_secs(60), future)
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopping_server_refuses_requests_and_waits_for_all_but_abandoned_threads() {
        let in_flight = Arc::new(InFlight::new(2));
        let mut thread = in_flight.permit(|| Owner::Local).expect("below the limit");
        let call = in_flight.permit(|| Owner::Local).expect("below the limit");
        let ticket = enter(&in_flight, Scope::Connection(1), 1);
        in_flight.close();
        let refused = in_flight
            .permit(|| Owner::Local)
            .err()
            .expect("the server stops");
        assert!(refused.to_string().contains("stopping"), "{refused}");
        thread.abandon();
        assert!(!is_done(in_flight.finished()).await, "a call runs");
        drop(call);
        assert!(!is_done(in_flight.finished()).await, "a request waits");
        drop(ticket);
        assert!(is_done(in_flight.finished()).await);
        assert!(!is_done(in_flight.idle()).await, "a thread runs");
        drop(thread);
        assert!(is_done(in_flight.idle()).await && is_done(in_flight.finished()).await);
    }
}
