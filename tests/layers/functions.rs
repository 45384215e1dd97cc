//! Plain functions that complete and list: they run on threads, which count like those of handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{Cancel, Completion, ConcurrencyLimit, Limits, ResourceLink, Revision};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

/// The longest time that a test waits for something.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Blocks the threads of functions.
#[derive(Default)]
struct Gate {
    is_open: AtomicBool,
    /// The number of threads that wait or run on.
    inside: AtomicUsize,
}

impl Gate {
    /// Blocks until the gate opens. If the call is cancelled and `heeds` that, it continues soon.
    fn pass(&self, cancel: &Cancel, heeds: bool) {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        let is_cancelled = || heeds && cancel.is_cancelled();
        while !self.is_open.load(Ordering::SeqCst)
            && !is_cancelled()
            && begin.elapsed() < LONGEST_WAIT
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        if is_cancelled() {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until a thread is inside.
    async fn is_entered(&self) {
        let begin = Instant::now();
        while self.inside.load(Ordering::SeqCst) == 0 {
            assert!(begin.elapsed() < LONGEST_WAIT, "no thread has started");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// `true` if the functions end when their calls are cancelled.
#[derive(Clone, Copy)]
struct Heeds(bool);

fn complete(
    _: Completion,
    gate: State<Arc<Gate>>,
    cancel: Cancel,
    heeds: State<Heeds>,
) -> Vec<String> {
    gate.pass(&cancel, heeds.0);
    vec!["completed".to_owned()]
}

fn list(gate: State<Arc<Gate>>, cancel: Cancel, heeds: State<Heeds>) -> Vec<ResourceLink> {
    gate.pass(&cancel, heeds.0);
    vec![ResourceLink::new("gate://listed", "listed")]
}

/// A second template, whose function follows that of the first.
async fn list_more() -> Vec<ResourceLink> {
    vec![ResourceLink::new("more://listed", "listed")]
}

/// A prompt.
#[prompt]
async fn prompt(#[arg(complete = complete)] it: String) -> String {
    it
}

/// A template.
#[resource("gate://{it}", list = list)]
async fn template(#[arg(complete = complete)] it: String) -> String {
    it
}

/// Another template.
#[resource("more://{it}", list = list_more)]
async fn another(it: String) -> String {
    it
}

fn server(gate: &Arc<Gate>, heeds: bool) -> Server {
    Server::new("functions", "1")
        .with(components![prompt, template, another])
        .state(Arc::clone(gate))
        .state(Heeds(heeds))
}

type Request = (&'static str, Value);

/// The requests that run a function on a thread.
fn requests() -> [Request; 3] {
    let complete = |reference: Value| {
        let argument = json!({ "name": "it", "value": "" });
        let params = json!({ "ref": reference, "argument": argument });
        ("completion/complete", params)
    };
    [
        complete(json!({ "type": "ref/prompt", "name": "prompt" })),
        complete(json!({ "type": "ref/resource", "uri": "gate://{it}" })),
        ("resources/list", json!({})),
    ]
}

async fn ask(peer: &Peer, (method, params): &Request) -> Value {
    peer.ask(method, params.clone()).await
}

/// Returns the message of an error, or an empty text.
fn error(reply: &Value) -> &str {
    reply["error"]["message"].as_str().unwrap_or_default()
}

/// The ways to end a call while its thread runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    TimedOut,
    Cancelled,
}

/// Starts a request, and ends it while its thread runs.
async fn leave(peer: &Peer, request: &Request, gate: &Gate, end: End) {
    let asked = ask(peer, request);
    if end == End::TimedOut {
        let reply = asked.await;
        assert!(error(&reply).contains("took longer than"), "{reply}");
        return;
    }
    // The client drops the call, which cancels it.
    tokio::select! {
        reply = asked => panic!("{reply}"),
        () = gate.is_entered() => {}
    }
}

#[tokio::test]
async fn a_thread_counts_until_it_ends() {
    type Limit = fn(Server) -> Server;
    let in_flight: Limit = |server| {
        let mut limits = Limits::default();
        limits.requests = 1;
        server.limits(limits)
    };
    let concurrency: Limit = |server| server.layer(ConcurrencyLimit::new(1).queue(0));
    for (limit, refusal) in [
        (in_flight, "The server is busy"),
        (concurrency, "is busy, and"),
    ] {
        for era in ERAS {
            for (transport, end) in [
                (Transport::Memory, End::Cancelled),
                (Transport::Memory, End::TimedOut),
                (Transport::Streams, End::TimedOut),
                (Transport::Http, End::TimedOut),
            ] {
                for request in requests() {
                    let what = format!("{refusal} {era:?} {transport:?} {end:?} {request:?}");
                    let gate = Arc::<Gate>::default();
                    let mut server = limit(server(&gate, false));
                    if end == End::TimedOut {
                        server = server.timeout(Duration::from_millis(30));
                    }
                    let peer = Peer::connect(server, transport, era).await;
                    leave(&peer, &request, &gate, end).await;
                    let refused = ask(&peer, &request).await;
                    assert!(error(&refused).contains(refusal), "{what}: {refused}");
                    gate.is_open.store(true, Ordering::SeqCst);
                    let again = timeout(LONGEST_WAIT, async {
                        while ask(&peer, &request).await["result"].is_null() {
                            tokio::time::sleep(Duration::from_millis(2)).await;
                        }
                    });
                    again.await.expect(&what);
                }
            }
        }
    }
}

/// The functions of all templates run, on threads and in place.
#[tokio::test]
async fn functions_run_one_after_another() {
    for transport in TRANSPORTS {
        for era in ERAS {
            let gate = Arc::<Gate>::default();
            gate.is_open.store(true, Ordering::SeqCst);
            let peer = Peer::connect(server(&gate, false), transport, era).await;
            let [prompt, template, list] = requests();
            for request in [prompt, template] {
                let reply = ask(&peer, &request).await;
                let values = &reply["result"]["completion"]["values"];
                assert_eq!(*values, json!(["completed"]), "{reply}");
            }
            let reply = ask(&peer, &list).await;
            let resources = reply["result"]["resources"].as_array().unwrap();
            let uris: Vec<_> = resources.iter().map(|it| &it["uri"]).collect();
            assert_eq!(uris, ["gate://listed", "more://listed"]);
        }
    }
}

/// A shutdown cancels calls after the grace period, and waits a moment for their threads.
#[tokio::test]
async fn a_state_ends_after_a_thread_that_heeds_its_cancellation() {
    for era in ERAS {
        for request in requests() {
            let gate = Arc::<Gate>::default();
            let at_stop = Arc::new(AtomicUsize::new(usize::MAX));
            let (inside, seen) = (Arc::clone(&gate), Arc::clone(&at_stop));
            let mut limits = Limits::default();
            limits.shutdown_grace = Duration::from_millis(30);
            let server = server(&gate, true).limits(limits).lifespan(
                || async { Ok::<_, std::io::Error>(0_u8) },
                |_| async move {
                    seen.store(inside.inside.load(Ordering::SeqCst), Ordering::SeqCst);
                },
            );
            let handle = server.handle();
            let peer = Peer::connect(server, Transport::Http, era).await;
            let stop = async {
                gate.is_entered().await;
                handle.stop().await;
            };
            let (reply, ()) = tokio::join!(ask(&peer, &request), stop);
            let what = format!("{era:?} {request:?}");
            assert_eq!(reply["error"]["code"], -32603, "{what}: {reply}");
            assert_eq!(at_stop.load(Ordering::SeqCst), 0, "{what}");
        }
    }
}

/// A client that disconnects cancels the call.
#[tokio::test]
async fn a_function_is_told_of_its_cancellation() {
    for request in requests() {
        let gate = Arc::<Gate>::default();
        let server = server(&gate, true);
        let peer = Peer::connect(server, Transport::Http, Revision::V2026_07_28).await;
        leave(&peer, &request, &gate, End::Cancelled).await;
        let begin = Instant::now();
        while gate.inside.load(Ordering::SeqCst) > 0 {
            assert!(begin.elapsed() < LONGEST_WAIT / 2, "{request:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
