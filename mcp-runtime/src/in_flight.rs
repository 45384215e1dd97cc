//! Requests in flight: their limit, their owners, and their cancellation.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::owner::Owner;
use crate::protocol::Id;
use crate::protocol::error::RpcError;
use crate::service::LONG_WAIT;
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

    /// Sets whether the request may create its timers later, because its task will be woken when it has waited for [`LONG_WAIT`].
    fn defer_timers(&self, is_deferred: bool) {
        let _ = is_deferred;
    }
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
    /// The requests with lower numbers have been woken because they waited for long.
    woken: u64,
    /// `true` while a task wakes the requests that wait for long.
    is_watched: bool,
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

    /// Returns the registries of the servers around this one.
    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.outer.as_deref(), |it| it.outer.as_deref())
    }

    #[inline(never)] // keeps the path of servers that are not mounted short
    fn set_held_around(&self, held: bool) {
        for outer in self.around() {
            if held {
                outer.running.fetch_add(1, Ordering::AcqRel);
            } else {
                outer.running.fetch_sub(1, Ordering::AcqRel);
            }
        }
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
        let running = self.running.fetch_add(1, Ordering::AcqRel);
        // An account cannot have more requests than all accounts together.
        if running < self.share && self.outer.is_none() {
            return Ok(permit);
        }
        self.check_all(running, &account)?;
        Ok(permit)
    }

    /// Counts a request in the servers around this one, and returns an error if it exceeds a limit.
    #[inline(never)] // keeps the path of servers that are not mounted short
    fn check_all(&self, running: usize, account: &dyn Fn() -> Owner) -> Result<(), RpcError> {
        let outer = self.outer.as_ref().map_or(Ok(()), |outer| {
            let running = outer.running.fetch_add(1, Ordering::AcqRel);
            outer.check_all(running, account)
        });
        if running >= self.share {
            self.check(running, &account())?;
        }
        outer
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
        if *account == Owner::Local || self.waiting.lock().count(account) < self.share {
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

    /// Waits until something is done that nobody is woken by.
    pub(crate) async fn poll_until(&self, is_done: impl Fn() -> bool) {
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
        let is_watched = std::mem::replace(&mut waiting.is_watched, true);
        stop.defer_timers(true);
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
        drop(waiting);
        if !is_watched {
            self.watch();
        }
        Ticket {
            in_flight: Arc::clone(self),
            number,
            is_removed: false,
        }
    }

    /// Starts the task that wakes the requests that wait for long. It ends when it has woken all.
    #[cold]
    fn watch(self: &Arc<Self>) {
        let watch = Watch {
            in_flight: Arc::downgrade(self),
            has_ended: false,
        };
        // Without a runtime there are no timers, and nothing waits for long.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(watch.run());
        }
    }

    /// Wakes the requests with numbers below this one, whose timers are not deferred any more. Returns `false` if there is no other.
    fn wake_waiting(&self, before: u64) -> bool {
        let mut waiting = self.waiting.lock();
        let from = waiting.woken.min(before);
        waiting.woken = waiting.woken.max(before);
        let requests = waiting.requests.range(from..before);
        let wakers = requests.filter_map(|(_, request)| {
            request.stop.defer_timers(false);
            request.waker.clone()
        });
        let wakers: Vec<Waker> = wakers.collect();
        let is_watched = waiting.requests.range(before..).next().is_some();
        waiting.is_watched = is_watched;
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
        is_watched
    }

    fn remove(&self, waiting: &mut Registered, number: u64) -> Option<Request> {
        let removed = waiting.requests.remove(&number);
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

/// The task that wakes the requests that wait for long.
struct Watch {
    in_flight: Weak<InFlight>,
    has_ended: bool,
}

impl Watch {
    fn next(&self) -> Option<u64> {
        let in_flight = self.in_flight.upgrade()?;
        let next = in_flight.waiting.lock().next;
        Some(next)
    }

    async fn run(mut self) {
        while !self.has_ended
            && let Some(before) = self.next()
        {
            tokio::time::sleep(LONG_WAIT).await;
            let in_flight = self.in_flight.upgrade();
            self.has_ended = in_flight.is_none_or(|it| !it.wake_waiting(before));
        }
    }
}

impl Drop for Watch {
    /// Wakes all requests if the runtime of the task ends, because they may be served by another one.
    fn drop(&mut self) {
        if !self.has_ended
            && let (Some(in_flight), Some(next)) = (self.in_flight.upgrade(), self.next())
        {
            in_flight.wake_waiting(next);
        }
    }
}

impl Registered {
    /// Returns the number of requests of an account. They are counted when a limit is near, because to keep the number would
    /// cost each request a hash.
    fn count(&self, account: &Owner) -> usize {
        let requests = self.requests.values();
        requests.filter(|it| it.account == *account).count()
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
    is_removed: bool,
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
    pub(crate) fn finish(&mut self) -> bool {
        self.is_removed = true;
        let mut waiting = self.in_flight.waiting.lock();
        let removed = self.in_flight.remove(&mut waiting, self.number);
        drop(waiting);
        removed.is_some()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_removed {
            self.finish();
        }
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
        match (self.held, held) {
            (true, false) => self.in_flight.running.fetch_sub(1, Ordering::AcqRel),
            (false, true) => self.in_flight.running.fetch_add(1, Ordering::AcqRel),
            _ => return,
        };
        if self.in_flight.outer.is_some() {
            self.in_flight.set_held_around(held);
        }
        self.held = held;
    }

    /// Marks the request as cancelled while its handler runs on a thread. The permit is held until the thread ends, but a
    /// server that stops does not wait for it.
    pub(crate) fn abandon(&mut self) {
        if !std::mem::replace(&mut self.abandoned, true) {
            self.in_flight.abandoned.fetch_add(1, Ordering::AcqRel);
            for outer in self.in_flight.around() {
                outer.abandoned.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.set_held(false);
        if self.abandoned {
            self.in_flight.abandoned.fetch_sub(1, Ordering::AcqRel);
            for outer in self.in_flight.around() {
                outer.abandoned.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
#[path = "in_flight/tests.rs"] // also where `tests/interleavings` includes this file
mod tests;
