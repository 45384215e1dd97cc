//! Models of changes and their listeners.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use crate::bus::{Bus, Change, Listener, ListenerOwner};
use crate::sync::Mutex;

#[derive(Default)]
struct Recorder {
    heard: Mutex<Vec<Change>>,
    began: AtomicBool,
    ended: AtomicBool,
}

impl Listener for Recorder {
    fn on_change(&self, change: &Change) {
        assert!(self.began.load(Ordering::SeqCst), "it has not begun");
        assert!(!self.ended.load(Ordering::SeqCst), "its guard was dropped");
        self.heard.lock().push(change.clone());
    }

    fn on_end(&self, _: Option<u64>) {
        assert!(self.began.load(Ordering::SeqCst));
    }
}

fn spawn(
    bus: &Arc<Bus>,
    action: impl FnOnce(&Arc<Bus>) + Send + 'static,
) -> thread::JoinHandle<()> {
    let bus = Arc::clone(bus);
    thread::spawn(move || action(&bus))
}

/// Two threads send changes to two listeners.
pub(crate) fn all_listeners_see_one_order() {
    let bus = Arc::new(Bus::new(2));
    let recorders = [Arc::new(Recorder::default()), Arc::new(Recorder::default())];
    let guards = recorders.each_ref().map(|recorder| {
        let begin = || recorder.began.store(true, Ordering::SeqCst);
        bus.listen(
            ListenerOwner::LOCAL,
            Arc::clone(recorder) as Arc<dyn Listener>,
            begin,
        )
        .expect("below the limit")
    });
    let threads = [
        spawn(&bus, |bus| {
            bus.tell(&Change::Tools);
            bus.tell(&Change::Prompts);
        }),
        spawn(&bus, |bus| bus.tell(&Change::Resources)),
    ];
    for thread in threads {
        thread.join().expect("no panic");
    }
    let [one, other] = recorders
        .each_ref()
        .map(|recorder| recorder.heard.lock().clone());
    assert!(
        one == other && one.len() == 3 && bus.changes() == 3,
        "{one:?} {other:?}"
    );
    drop(guards);
}

/// A listener comes and goes while changes are sent and the server stops.
pub(crate) fn a_listener_hears_its_time_only() {
    let bus = Arc::new(Bus::new(1));
    let listening = spawn(&bus, |bus| {
        let recorder = Arc::new(Recorder::default());
        let begin = || recorder.began.store(true, Ordering::SeqCst);
        let listener = Arc::clone(&recorder) as Arc<dyn Listener>;
        let Ok(guard) = bus.listen(ListenerOwner::LOCAL, listener, begin) else {
            return;
        };
        bus.tell(&Change::Resources);
        let heard = recorder.heard.lock().clone();
        assert!(heard.contains(&Change::Resources), "{heard:?}");
        drop(guard);
        recorder.ended.store(true, Ordering::SeqCst);
    });
    let telling = spawn(&bus, |bus| bus.tell(&Change::Tools));
    bus.close(Some(7));
    bus.close(None);
    let late = bus.listen(ListenerOwner::LOCAL, Arc::new(Recorder::default()), || {
        panic!("the server stops")
    });
    assert!(late.is_err());
    for thread in [listening, telling] {
        thread.join().expect("no panic");
    }
}
