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
    let mut tickets = [
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
    assert!(in_flight.waiting.lock().requests.is_empty());
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

#[test]
fn a_request_of_a_mounted_server_counts_in_all_servers_around_it() {
    let outer = Arc::new(InFlight::new(9));
    let middle = Arc::new(InFlight::within(2, Arc::clone(&outer)));
    let inner = Arc::new(InFlight::within(9, Arc::clone(&middle)));
    let running = || [&outer, &middle, &inner].map(|it| it.running.load(Ordering::Relaxed));
    let mut one = inner.permit(|| Owner::Local).expect("below the limits");
    let other = middle.permit(|| Owner::Local).expect("below the limits");
    assert_eq!(running(), [2, 2, 1]);
    // A request that is refused counts in none of them.
    assert!(inner.permit(|| Owner::Local).is_err());
    assert_eq!(running(), [2, 2, 1]);
    one.set_held(false);
    assert_eq!(running(), [1, 1, 0]);
    one.set_held(true);
    one.abandon();
    let abandoned = [&outer, &middle, &inner].map(|it| it.abandoned.load(Ordering::Relaxed));
    assert_eq!((running(), abandoned), ([2, 2, 1], [1, 1, 1]));
    drop((one, other));
    assert_eq!(running(), [0, 0, 0]);
    assert!(outer.permit(|| Owner::Local).is_ok());
}

/// A request that keeps whether its timers are deferred.
#[derive(Default)]
struct Deferred(AtomicBool);

impl Stop for Deferred {
    fn stop(&self) {}

    fn defer_timers(&self, is_deferred: bool) {
        self.0.store(is_deferred, Ordering::Relaxed);
    }
}

impl Deferred {
    fn enter(self: &Arc<Self>, in_flight: &Arc<InFlight>) -> Ticket {
        in_flight.enter(None, Owner::Local, 1, Arc::clone(self) as Arc<dyn Stop>)
    }

    fn is_deferred(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_long_is_woken_once() {
    let in_flight = Arc::new(InFlight::new(2));
    // The task that wakes requests ends, and is started again.
    for _ in 0..2 {
        let request = Arc::new(Deferred::default());
        let ticket = request.enter(&in_flight);
        assert!(request.is_deferred());
        let begin = tokio::time::Instant::now();
        let mut is_first = true;
        std::future::poll_fn(|context| {
            assert!(ticket.poll_cancelled(context).is_pending());
            if std::mem::replace(&mut is_first, false) {
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        let waited = begin.elapsed();
        assert!(waited >= LONG_WAIT && waited < 2 * LONG_WAIT, "{waited:?}");
        assert!(!request.is_deferred());
        assert!(!in_flight.waiting.lock().is_watched);
    }
}

#[test]
fn timers_are_not_deferred_without_the_runtime_that_wakes_requests() {
    let in_flight = Arc::new(InFlight::new(2));
    let requests = [(); 2].map(|()| Arc::new(Deferred::default()));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().build().expect("a runtime");
    let entered = runtime.block_on(async { requests[0].enter(&in_flight) });
    assert!(requests[0].is_deferred());
    drop(runtime);
    assert!(!requests[0].is_deferred());
    let later = requests[1].enter(&in_flight);
    assert!(!requests[1].is_deferred());
    drop((entered, later));
}
