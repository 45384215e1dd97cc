//! Options of components: timeouts, tags and scopes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream;
use mcp_runtime::prelude::*;
use mcp_runtime::{ClientError, Limits, Revision, Tool};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

const SHORT: Duration = Duration::from_millis(50);
const LATE: &str = "took longer than 50 ms and was stopped";
const ERAS: [Revision; 2] = [Revision::V2025_11_25, Revision::V2026_07_28];

async fn client(server: Server, revision: Revision) -> Client {
    server.connect().revision(revision).await
}

/// Returns the errors of building a server.
async fn problem(server: Server) -> String {
    match server.connect().await.tools().await {
        Err(ClientError::Server(message)) => message,
        other => panic!("the server was built: {other:?}"),
    }
}

async fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "the condition is still false"
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

/// Sets a flag when it is dropped.
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

    /// Wait forever.
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

    /// Work until cancelled, and then a little longer.
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
        assert!(
            client.call("nothing", json!({})).await.is_err(),
            "no free slot"
        );
        GO.store(true, Ordering::SeqCst);
        let begin = Instant::now();
        while client.call("nothing", json!({})).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "no free slot");
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

    /// Take too long on a thread, which cannot be stopped.
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
    let reply = server
        .connect()
        .await
        .call("wait", json!({}))
        .await
        .unwrap();
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

/// Tell what the weather will be.
#[tool(tags("weather"))]
async fn forecast() {}

/// Tell what the weather will be next year.
#[tool(tags("weather", "beta"))]
async fn far_forecast() {}

/// Where it is measured.
#[resource("stations://all", tags("weather"))]
async fn stations() -> &'static str {
    ""
}

/// A station.
#[resource("stations://{name}", tags("beta"))]
async fn station(name: String) -> String {
    name
}

/// Talk about the weather.
#[prompt(tags("talk", "weather"))]
async fn small_talk() -> &'static str {
    "Nice today."
}

/// Belongs nowhere.
#[tool]
async fn untagged() {}

fn weather() -> Server {
    Server::new("weather", "1").with(components![
        forecast,
        far_forecast,
        stations,
        station,
        small_talk,
        untagged
    ])
}

/// The names and URIs of everything that a server offers.
async fn offered(server: Server) -> Vec<String> {
    let client = server.connect().await;
    let mut offered = Vec::new();
    for (list, key) in [
        (client.tools().await, "name"),
        (client.resources().await, "uri"),
        (client.resource_templates().await, "uriTemplate"),
        (client.prompts().await, "name"),
    ] {
        // A list that the server does not have is an error.
        let list = list.unwrap_or_default();
        assert!(!json!(list).to_string().contains("tags"), "{list:?}");
        offered.extend(list.iter().map(|it| it[key].as_str().unwrap().to_owned()));
    }
    offered
}

#[tokio::test]
async fn tags_choose_what_is_offered() {
    let all = offered(weather()).await;
    assert_eq!(all.len(), 6, "{all:?}");
    for (server, expected) in [
        (
            weather().only_tagged(["weather"]),
            &["forecast", "far_forecast", "stations://all", "small_talk"][..],
        ),
        (
            weather().without_tagged(["beta"]),
            &["forecast", "untagged", "stations://all", "small_talk"],
        ),
        (
            weather().only_tagged(["weather"]).without_tagged(["beta"]),
            &["forecast", "stations://all", "small_talk"],
        ),
        (
            weather().only_tagged(["talk"]).only_tagged(["beta"]),
            &["far_forecast", "stations://{name}", "small_talk"],
        ),
        (
            weather()
                .with(made("another").tag("new"))
                .only_tagged(["new"]),
            &["another"],
        ),
    ] {
        assert_eq!(offered(server).await, expected);
    }
}

#[tokio::test]
async fn a_tag_that_nothing_has_cannot_be_chosen_by() {
    for (server, words) in [
        (
            weather().only_tagged(["wether"]),
            "no component has the tag `wether`; did you mean `weather`?",
        ),
        (
            weather().without_tagged(["internal"]),
            "no component has the tag `internal`; add `tags(\"internal\")` to a component",
        ),
        (
            weather().only_tagged(["talk"]).without_tagged(["weather"]),
            "leave no component",
        ),
        (
            weather().only_tagged(Vec::<String>::new()),
            "leave no component",
        ),
        (
            weather().with(made("x").tag(" ")),
            "tool `x`: a tag is empty",
        ),
    ] {
        let message = problem(server).await;
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn what_is_left_out_needs_nothing() {
    /// Uses state that the server does not have.
    #[tool(tags("admin"))]
    async fn stateful(number: State<u64>) -> u64 {
        *number
    }

    let server = || weather().with(components![stateful]);
    assert!(problem(server()).await.contains("takes `State<u64>`"));
    assert_eq!(offered(server().without_tagged(["admin"])).await.len(), 6);
}

#[tokio::test]
async fn a_component_with_scopes_is_not_offered_without_authorization() {
    /// Write to the calendar.
    #[tool(scopes("calendar:write"), tags("private"))]
    async fn note() {}

    /// The calendar.
    #[resource("calendar://{day}", scopes("calendar:read"), tags("private"))]
    async fn day(day: String) -> String {
        day
    }

    /// Plan a day.
    #[prompt(scopes("calendar:read", "plan"), tags("private"))]
    async fn plan() -> &'static str {
        ""
    }

    let server = || weather().with(components![note, day, plan]);
    let message = problem(server()).await;
    for (place, scope) in [
        ("tool `note`", "calendar:write"),
        ("resource `calendar://{day}`", "calendar:read"),
        ("prompt `plan`", "calendar:read"),
        ("prompt `plan`", "plan"),
    ] {
        let words = format!(
            "{place} needs the scope `{scope}`, and the server has no authorization: add `.auth(..)`, with the feature `auth`, or remove `scopes(..)`"
        );
        assert!(message.contains(&words), "{message}");
    }
    assert_eq!(offered(server().without_tagged(["private"])).await.len(), 6);

    let server = weather();
    let handle = server.handle();
    let client = server.connect().await;
    let refused = handle.add(made("later").scope("x")).unwrap_err();
    assert!(refused.to_string().contains("needs the scope `x`"));
    assert_eq!(client.tools().await.unwrap().len(), 3);
}

#[tokio::test]
async fn hints_that_contradict_each_other_cannot_be_built() {
    let server = Server::new("hints", "1")
        .with(made("one").read_only(true).destructive(true))
        .with(made("two").idempotent(false).read_only(true))
        .with(made("three").read_only(false).destructive(true))
        .with(
            made("four")
                .read_only(true)
                .destructive(false)
                .idempotent(true),
        );
    let message = problem(server).await;
    assert!(
        message.contains("tool `one`: its hints `read_only(true)` and `destructive(true)`"),
        "{message}"
    );
    assert!(
        message.contains("tool `two`: its hints `read_only(true)` and `idempotent(false)`"),
        "{message}"
    );
    assert!(
        !message.contains("`three`") && !message.contains("`four`"),
        "{message}"
    );
}
