//! On what terms components are offered: timeouts, tags and scopes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream;
use mcp_runtime::prelude::*;
use mcp_runtime::{Client, ClientError, Limits, Revision, Tool};
use serde_json::{Value, json};

const SHORT: Duration = Duration::from_millis(50);
const LATE: &str = "took longer than 50 ms and was stopped";
const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

async fn client(server: Server, revision: Revision) -> Client {
    server.client().revision(revision).await
}

/// What keeps a server from being built.
async fn problem(server: Server) -> String {
    match server.client().await.tools().await {
        Err(ClientError::Server(message)) => message,
        other => panic!("it was built: {other:?}"),
    }
}

async fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "nothing happened"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn message(error: &ClientError) -> (i64, &str) {
    match error {
        ClientError::Rpc { code, message, .. } => (*code, message),
        other => panic!("{other}"),
    }
}

/// Tells that it was dropped.
struct Told<'a>(&'a AtomicU32);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_async_tool_that_is_late_is_dropped_and_the_session_lives_on() {
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    static CANCELLED: AtomicU32 = AtomicU32::new(0);

    /// Wait for ever.
    #[tool(timeout = SHORT)]
    async fn wait(context: Context, cancel: Cancel) {
        let _told = Told(&DROPPED);
        context.progress(1.0, None, Some("before"));
        tokio::spawn(async move {
            cancel.cancelled().await;
            context.progress(2.0, None, Some("after the end"));
            CANCELLED.fetch_add(1, Ordering::SeqCst);
        });
        std::future::pending::<()>().await;
    }

    for (done, era) in (1..).zip(ERAS) {
        let client = client(Server::new("late", "1").with(components![wait]), era).await;
        let call = json!({ "name": "wait", "_meta": { "progressToken": 7 } });
        let reply = client.request("tools/call", call).await.unwrap();
        assert_eq!(reply["isError"], true);
        assert_eq!(reply["content"][0]["text"], format!("`wait` {LATE}"));
        assert_eq!(DROPPED.load(Ordering::SeqCst), done);
        until(|| CANCELLED.load(Ordering::SeqCst) == done).await;
        assert_eq!(client.tools().await.unwrap().len(), 1);
        let told = client.take_notifications();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["params"]["message"], "before");
    }
}

#[tokio::test]
async fn a_thread_that_is_late_is_told_so_and_keeps_its_place() {
    static GO: AtomicBool = AtomicBool::new(false);
    static SEEN: AtomicBool = AtomicBool::new(false);

    /// Work until told to stop, and then a little longer.
    #[tool(timeout = SHORT)]
    fn work(cancel: Cancel) {
        while !cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        SEEN.store(true, Ordering::SeqCst);
        while !GO.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Do nothing.
    #[tool]
    async fn nothing() {}

    for era in ERAS {
        GO.store(false, Ordering::SeqCst);
        let mut limits = Limits::default();
        limits.requests = 1;
        let server = Server::new("late", "1")
            .with(components![work, nothing])
            .limits(limits);
        let client = client(server, era).await;
        let reply = client.call("work", json!({})).await.unwrap();
        assert_eq!(reply.text(), format!("`work` {LATE}"));
        until(|| SEEN.load(Ordering::SeqCst)).await;
        assert!(client.call("nothing", json!({})).await.is_err(), "no room");
        GO.store(true, Ordering::SeqCst);
        let begin = Instant::now();
        while client.call("nothing", json!({})).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "no room");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn what_is_done_in_time_or_cannot_be_stopped_gives_its_result() {
    /// Take a while, but not too long.
    #[tool(timeout = 30)]
    async fn soon() -> &'static str {
        tokio::time::sleep(Duration::from_millis(5)).await;
        "done"
    }

    /// Take too long where nobody can stop it.
    #[tool(timeout = Duration::from_millis(1), inline)]
    fn long() -> &'static str {
        std::thread::sleep(Duration::from_millis(20));
        "done"
    }

    for era in ERAS {
        let client = client(Server::new("soon", "1").with(components![soon, long]), era).await;
        for name in ["soon", "long"] {
            assert_eq!(client.call(name, json!({})).await.unwrap().text(), "done");
        }
    }
}

#[tokio::test]
async fn the_time_of_a_stream_counts() {
    /// Begin, and never end.
    #[tool(timeout = SHORT, inline)]
    fn trickle() -> impl futures_util::Stream<Item = String> {
        stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some(("drop".to_owned(), ()))
        })
    }

    for era in ERAS {
        let client = client(Server::new("drops", "1").with(components![trickle]), era).await;
        let reply = client.call("trickle", json!({})).await.unwrap();
        assert_eq!(reply.text(), format!("`trickle` {LATE}"));
    }
}

#[tokio::test]
async fn resources_and_prompts_that_are_late_are_internal_errors() {
    /// A page that never comes.
    #[resource("slow://{page}", timeout = SHORT)]
    async fn slow(page: u32) -> String {
        std::future::pending::<()>().await;
        page.to_string()
    }

    /// A prompt that never comes.
    #[prompt(timeout = SHORT)]
    async fn unready() -> String {
        std::future::pending().await
    }

    for era in ERAS {
        let server = Server::new("late", "1").with(components![slow, unready]);
        let client = client(server.mask_errors(), era).await;
        let error = client.read("slow://1").await.unwrap_err();
        let words = format!("`slow://{{page}}` {LATE}");
        assert_eq!(message(&error), (-32603, words.as_str()));
        let error = client.prompt("unready", json!({})).await.unwrap_err();
        let words = format!("`unready` {LATE}");
        assert_eq!(message(&error), (-32603, words.as_str()));
    }
}

fn made(name: &str) -> Tool {
    Tool::new(
        name,
        json!({ "type": "object" }),
        |_: Value, _: Context| async { std::future::pending::<()>().await },
    )
}

#[tokio::test]
async fn tools_made_at_run_time_have_timeouts() {
    let server = Server::new("late", "1").with(made("wait").timeout(SHORT));
    let reply = server.client().await.call("wait", json!({})).await.unwrap();
    assert_eq!(reply.text(), format!("`wait` {LATE}"));
}

#[tokio::test]
async fn a_timeout_of_zero_cannot_be_built() {
    let message =
        problem(Server::new("none", "1").with(made("wait").timeout(Duration::ZERO))).await;
    assert!(
        message.contains("tool `wait`: a timeout of zero stops every call"),
        "{message}"
    );
}
