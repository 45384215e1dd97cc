//! The layer `ConcurrencyLimit`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mcp_runtime::ConcurrencyLimit;
use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use serde_json::json;

use super::peer::ERAS;

/// The number of calls that run, and the largest number so far.
#[derive(Default)]
struct Running {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Work for a while.
#[tool(layer = ConcurrencyLimit::new(3).queue(4))]
async fn work(running: State<Running>) -> &'static str {
    let now = running.now.fetch_add(1, Ordering::SeqCst) + 1;
    running.most.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.now.fetch_sub(1, Ordering::SeqCst);
    "done"
}

/// Return the largest number of calls that ran at once.
#[tool]
async fn most(running: State<Running>) -> usize {
    running.most.load(Ordering::SeqCst)
}

/// Work without a limit.
#[tool]
async fn free() -> &'static str {
    "free"
}

#[tokio::test]
async fn calls_wait_in_a_bounded_queue() {
    for era in ERAS {
        let server = Server::new("work", "1")
            .with(components![work, free, most])
            .state(Running::default());
        let client = server.connect().revision(era).await;
        let calls = join_all((0..10).map(|_| client.call("work", json!({}))));
        let free = async {
            tokio::task::yield_now().await;
            client.call("free", json!({})).await
        };
        let (replies, free) = tokio::join!(calls, free);
        assert_eq!(free.unwrap().text(), "free", "other tools are not limited");
        let texts: Vec<String> = replies.into_iter().map(|it| it.unwrap().text()).collect();
        let done = texts.iter().filter(|text| *text == "done").count();
        assert_eq!(done, 7, "{texts:?}");
        let refused: Vec<&String> = texts.iter().filter(|text| *text != "done").collect();
        let message = "`work` is busy, and its queue of 4 calls is full: try again later";
        assert!(refused.iter().all(|text| *text == message), "{refused:?}");
        let most = client.call("most", json!({})).await.unwrap();
        assert_eq!(most.text(), "3", "calls that ran at once");
        // All permits are free again.
        let again = join_all((0..7).map(|_| client.call("work", json!({})))).await;
        assert!(again.into_iter().all(|it| it.unwrap().text() == "done"));
    }
}

static GO: AtomicBool = AtomicBool::new(false);

/// Work on a thread, which ignores its cancellation.
#[tool(timeout = Duration::from_millis(30), layer = ConcurrencyLimit::new(1).queue(0))]
fn stubborn() -> &'static str {
    let begin = std::time::Instant::now();
    while !GO.load(Ordering::SeqCst) && begin.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(1));
    }
    "done"
}

#[tokio::test]
async fn a_thread_counts_until_it_ends() {
    for era in ERAS {
        GO.store(false, Ordering::SeqCst);
        let server = Server::new("work", "1").with(components![stubborn]);
        let client = server.connect().revision(era).await;
        let call = async || client.call("stubborn", json!({})).await.unwrap().text();
        let late = "`stubborn` took longer than 30 ms and was stopped";
        assert_eq!(call().await, late);
        assert!(call().await.contains("is busy"), "the thread still runs");
        GO.store(true, Ordering::SeqCst);
        let begin = std::time::Instant::now();
        while call().await != "done" {
            assert!(begin.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_cancelled_call_leaves_the_queue() {
    for era in ERAS {
        let server = Server::new("work", "1")
            .with(components![work])
            .state(Running::default());
        let client = server.connect().revision(era).await;
        let calls = join_all((0..7).map(|_| client.call("work", json!({}))));
        // The client drops the calls, which cancels them: those that run and those that wait.
        let dropped = tokio::time::timeout(Duration::from_millis(10), calls).await;
        assert!(dropped.is_err());
        let again = join_all((0..7).map(|_| client.call("work", json!({})))).await;
        let texts: Vec<String> = again.into_iter().map(|it| it.unwrap().text()).collect();
        assert!(texts.iter().all(|text| text == "done"), "{texts:?}");
    }
}
