//! Models of requests in flight.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use crate::in_flight::{InFlight, Scope, Stop, Ticket};
use crate::owner::Owner;
use crate::protocol::Id;

const SCOPE: Scope = Scope::Connection(1);
const ID: Id = Id::Number(1);

/// Counts how often a request is stopped or its task is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Stop for Count {
    fn stop(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn enter(in_flight: &Arc<InFlight>, stopped: &Arc<Count>) -> Ticket {
    in_flight.enter(
        Some((SCOPE, ID)),
        Owner::Local,
        1,
        Arc::clone(stopped) as Arc<dyn Stop>,
    )
}

/// One thread ends a request, others cancel it by its id, with its connection, and with the server.
pub(crate) fn a_request_ends_once() {
    let in_flight = Arc::new(InFlight::new(4));
    let stopped = Arc::new(Count::default());
    let mut ticket = enter(&in_flight, &stopped);
    let cancel: [fn(&InFlight); 3] = [
        |in_flight| in_flight.cancel(SCOPE, &ID),
        |in_flight| in_flight.cancel_all(Some(SCOPE)),
        |in_flight| in_flight.cancel_all(None),
    ];
    let threads = cancel.map(|cancel| {
        let in_flight = Arc::clone(&in_flight);
        thread::spawn(move || cancel(&in_flight))
    });
    let finished = ticket.finish();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(stopped.get(), usize::from(!finished));
    assert!(!ticket.finish() && !in_flight.contains(SCOPE, &ID));
    assert!(in_flight.is_stopped());
}

/// A task polls its request while another thread cancels it: either the poll sees the cancellation, or the task is woken.
pub(crate) fn a_cancelled_request_is_woken() {
    let in_flight = Arc::new(InFlight::new(4));
    let (stopped, woken) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let ticket = enter(&in_flight, &stopped);
    let canceller = Arc::clone(&in_flight);
    let thread = thread::spawn(move || canceller.cancel(SCOPE, &ID));
    let waker = Waker::from(Arc::clone(&woken));
    let context = Context::from_waker(&waker);
    let is_ready = ticket.poll_cancelled(&context).is_ready();
    thread.join().expect("no panic");
    assert!(is_ready || woken.get() == 1);
    assert!(ticket.poll_cancelled(&context).is_ready() && stopped.get() == 1);
}

/// Several threads take permits, release them while they wait, and take them again.
pub(crate) fn permits_stay_below_the_limit() {
    const LIMIT: usize = 2;
    let in_flight = Arc::new(InFlight::new(LIMIT));
    let started = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (in_flight, started) = (Arc::clone(&in_flight), Arc::clone(&started));
            thread::spawn(move || {
                let Ok(mut permit) = in_flight.permit(|| Owner::Local) else {
                    return;
                };
                assert!(started.fetch_add(1, Ordering::SeqCst) < LIMIT);
                started.fetch_sub(1, Ordering::SeqCst);
                permit.set_held(false);
                permit.set_held(true);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    let all: Vec<_> = (0..LIMIT)
        .map(|_| in_flight.permit(|| Owner::Local))
        .collect();
    assert!(all.iter().all(Result::is_ok), "a permit was lost");
    assert!(
        in_flight.permit(|| Owner::Local).is_err(),
        "a permit was released twice"
    );
}

/// The server stops while requests start. Afterwards none starts, and none is left.
pub(crate) fn a_closed_registry_becomes_idle() {
    let in_flight = Arc::new(InFlight::new(2));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let in_flight = Arc::clone(&in_flight);
            thread::spawn(move || {
                if let Ok(mut permit) = in_flight.permit(|| Owner::Local) {
                    let ticket = enter(&in_flight, &Arc::default());
                    permit.abandon();
                    drop(ticket);
                }
            })
        })
        .collect();
    in_flight.close();
    assert!(in_flight.is_closed() && in_flight.permit(|| Owner::Local).is_err());
    for thread in threads {
        thread.join().expect("no panic");
    }
    for future in [
        Box::pin(in_flight.idle()) as std::pin::Pin<Box<dyn Future<Output = ()>>>,
        Box::pin(in_flight.finished()),
    ] {
        let mut future = future;
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_ready());
    }
}
