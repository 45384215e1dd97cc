//! Lifespans that hang, block or panic when they stop, and a shutdown while a lifespan starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::stopping::{Probe, server};
use mcp_runtime::Server;

use super::{grace, stops};

/// A state of another type than that of the server.
type Nothing = Result<u16, std::io::Error>;

/// Serves a connection without a client until the shutdown, which starts at once.
async fn serve(server: Server) {
    let (stream, _client) = tokio::io::duplex(64);
    let (reader, writer) = tokio::io::split(stream);
    let shutdown = tokio::time::sleep(Duration::from_millis(50));
    server
        .serve_streams_with_shutdown(reader, writer, shutdown)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lifespan_that_does_not_stop_ends_with_the_grace_period() {
    for (way, seconds) in [
        ("hangs", 0.4..1.1),
        ("blocks", 0.4..1.1),
        ("panics", 0.0..0.4),
    ] {
        let probe = Arc::new(Probe::default());
        let server = server(&probe).limits(grace(400)).lifespan(
            || async { Nothing::Ok(0) },
            move |_| async move {
                match way {
                    "hangs" => std::future::pending().await,
                    "blocks" => std::thread::sleep(Duration::from_millis(1500)),
                    _ => panic!("on purpose"),
                }
            },
        );
        let begin = Instant::now();
        serve(server).await;
        let elapsed = begin.elapsed().as_secs_f64() - 0.05;
        assert!(seconds.contains(&elapsed), "{way}: {elapsed} s");
        // The lifespan that started before is stopped, too.
        super::reaches(&probe.stops, 1).await;
        assert_eq!(stops(&probe), (1, 0), "{way}");
    }
}

#[tokio::test]
async fn a_shutdown_while_a_lifespan_starts_stops_those_that_have_started() {
    let probe = Arc::new(Probe::default());
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&dropped);
    let server = server(&probe).lifespan(
        move || async move {
            let _guard = Count(counter);
            std::future::pending::<Nothing>().await
        },
        |_| async {},
    );
    let begin = Instant::now();
    serve(server).await;
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(stops(&probe), (1, 0));
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

/// Nobody polls the subscription of an in-process client.
#[tokio::test]
async fn an_in_process_client_with_a_subscription_closes_at_once() {
    let probe = Arc::new(Probe::default());
    let client = server(&probe).client().await;
    let wishes = serde_json::json!({ "toolsListChanged": true });
    let listening = client.listen(wishes).unwrap();
    let begin = Instant::now();
    client.close().await;
    assert!(begin.elapsed() < Duration::from_millis(500));
    assert_eq!(stops(&probe), (1, 0));
    drop(listening);
}

struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_server_that_has_not_started_is_not_stopped() {
    let probe = Arc::new(Probe::default());
    let server = server(&probe);
    let handle = server.handle();
    handle.stop().await;
    let client = server.client().await;
    assert_eq!(client.tools().await.unwrap().len(), 3);
    let (one, two) = (handle.clone(), handle);
    tokio::join!(one.stop(), two.stop());
    assert_eq!(stops(&probe), (1, 0), "further calls wait for the first");
}
