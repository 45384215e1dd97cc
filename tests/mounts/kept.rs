//! What a mounted server keeps: states, lifespans, layers, masking, timeouts, session data and rules about visible components.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    CallOutcome, ComponentView, LayeredCall, Next, Principal, ResponseLimit, Revision, ServeError,
    Viewer,
};
use mcp_tests::client::Connect as _;
use serde_json::json;

use crate::wires::{ALL, ERAS, Host, Who};
use crate::{Name, WAYS, cities, inner, outer, own, row, whoami};

type Log = Arc<Mutex<Vec<String>>>;

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// A lifespan that records its start and its end.
fn spanned(server: Server, name: &'static str, log: &Log, fails: bool) -> Server {
    let (starts, stops) = (Arc::clone(log), Arc::clone(log));
    server.lifespan(
        move || async move {
            starts.lock().unwrap().push(format!("{name} starts"));
            if fails { Err("it failed") } else { Ok(0_u8) }
        },
        move |_| async move { stops.lock().unwrap().push(format!("{name} stops")) },
    )
}

fn lifespans(log: &Log, failing: &str) -> Server {
    let server = |name: &'static str| {
        let server = Server::new(name, "1")
            .with(components![whoami])
            .state(Name(name));
        spanned(server, name, log, name == failing)
    };
    let first = server("first").mount("inside", server("first.inside"));
    server("outer")
        .mount("one", first)
        .mount("two", server("second"))
}

#[tokio::test]
async fn lifespans_start_in_the_order_of_mounts_and_stop_in_reverse() {
    let log = Log::default();
    let running = lifespans(&log, "").start().await.unwrap();
    let starts = ["outer", "first", "first.inside", "second"];
    assert_eq!(taken(&log), starts.map(|name| format!("{name} starts")));
    running.stop().await;
    let mut stops = starts.map(|name| format!("{name} stops"));
    stops.reverse();
    assert_eq!(taken(&log), stops);
}

#[tokio::test]
async fn a_lifespan_that_fails_stops_those_that_have_started() {
    for (failing, expected) in [
        ("outer", vec!["outer starts"]),
        (
            "first.inside",
            vec![
                "outer starts",
                "first starts",
                "first.inside starts",
                "first stops",
                "outer stops",
            ],
        ),
    ] {
        let log = Log::default();
        let error = lifespans(&log, failing).start().await.err().unwrap();
        assert!(matches!(error, ServeError::Start(_)), "{error}");
        assert_eq!(taken(&log), expected);
    }
}

/// Records the name, the URI and the state that a layer sees.
fn recording(server: Server, layer: &'static str, log: &Log) -> Server {
    let log = Arc::clone(log);
    server.layer(move |call: LayeredCall, next: Next| {
        let state = call.state::<Name>().map_or("none", |name| name.0);
        let uri = call.uri().unwrap_or_default().to_owned();
        let line = format!("{layer}: {} {uri} {state}", call.name());
        log.lock().unwrap().push(line);
        async move { next.run().await }
    })
}

#[tokio::test]
async fn layers_of_the_outer_server_are_outside_and_each_has_the_names_of_its_server() {
    let log = Log::default();
    for over in ALL {
        let host = Host::of(recorded(&log), over).await;
        for era in ERAS {
            let caller = host.caller(era, Who::default()).await;
            taken(&log);
            assert_eq!(caller.call("a_b_whoami", json!({})).await.unwrap(), "inner");
            assert_eq!(
                taken(&log),
                [
                    "outer: a_b_whoami  outer",
                    "middle: b_whoami  middle",
                    "inner: whoami  inner"
                ]
            );
            assert_eq!(caller.call("own", json!({})).await.unwrap(), "outer");
            assert_eq!(taken(&log), ["outer: own  outer"]);
            let params = json!({ "uri": "db://a/b/row/7" });
            let read = caller.request("resources/read", params).await.unwrap();
            assert_eq!(read["contents"][1]["uri"], "db://a/b/cities");
            assert_eq!(
                taken(&log),
                [
                    "outer: db://a/b/row/{id} db://a/b/row/7 outer",
                    "middle: db://b/row/{id} db://b/row/7 middle",
                    "inner: db://row/{id} db://row/7 inner"
                ]
            );
            let reference = json!({ "type": "ref/prompt", "name": "a_b_ask" });
            let argument = json!({ "name": "what", "value": "" });
            let params = json!({ "ref": reference, "argument": argument });
            caller.request("completion/complete", params).await.unwrap();
            assert_eq!(
                taken(&log),
                [
                    "outer: a_b_ask  outer",
                    "middle: b_ask  middle",
                    "inner: ask  inner"
                ]
            );
        }
    }
}

fn recorded(log: &Log) -> Server {
    let middle = Server::new("middle", "1").state(Name("middle"));
    let middle = recording(middle, "middle", log).mount("b", recording(inner(), "inner", log));
    recording(outer(), "outer", log).mount("a", middle)
}

/// Return a long text.
#[tool]
async fn long() -> String {
    "x".repeat(1000)
}

#[tokio::test]
async fn the_link_of_a_layer_has_the_uri_that_clients_know() {
    for (way, prefix) in [(1, "a/"), (3, "a/b/c/"), (0, "")] {
        let (limit, spilled) = ResponseLimit::new(100).spill(Duration::from_secs(60));
        let inner = Server::new("inner", "1")
            .with(components![long])
            .with(spilled)
            .layer(limit);
        let way = &WAYS[way];
        let client = (way.server)(inner).connect().await;
        let reply = client
            .call(&format!("{}long", way.names), json!({}))
            .await
            .unwrap();
        let link = reply
            .content()
            .iter()
            .find_map(|it| it["uri"].as_str())
            .unwrap()
            .to_owned();
        assert!(link.starts_with(&format!("spilled://{prefix}")), "{link}");
        let read = client.read(&link).await.unwrap();
        assert_eq!(
            read[0]["text"].as_str().unwrap().len(),
            1000,
            "{}",
            way.what
        );
    }
}

/// Fail.
#[tool]
async fn fails() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("the cause"))
}

/// Fail, too.
#[resource("fails://{id}", list = failing_list)]
async fn fails_to_read(id: String) -> Result<String, std::io::Error> {
    Err(std::io::Error::other(format!("the cause {id}")))
}

async fn failing_list() -> Result<Vec<mcp_runtime::ResourceLink>, std::io::Error> {
    Err(std::io::Error::other("the cause"))
}

#[tokio::test]
async fn errors_are_masked_by_the_server_that_they_come_from() {
    for (is_outer, is_inner) in [(false, false), (true, false), (false, true), (true, true)] {
        let masked =
            |server: Server, masks: bool| if masks { server.mask_errors() } else { server };
        let inner = Server::new("inner", "1").with(components![fails, fails_to_read]);
        let outer = Server::new("outer", "1").with(components![fails]);
        let client = masked(outer, is_outer)
            .mount("a", masked(inner, is_inner))
            .connect()
            .await;
        let texts = [
            (
                client.call("fails", json!({})).await.unwrap().text(),
                is_outer,
            ),
            (
                client.call("a_fails", json!({})).await.unwrap().text(),
                is_inner,
            ),
            (
                client.read("fails://a/1").await.unwrap_err().to_string(),
                is_inner,
            ),
            (client.resources().await.unwrap_err().to_string(), is_inner),
        ];
        for (text, is_masked) in texts {
            assert_eq!(text.contains("the cause"), !is_masked, "{text}");
        }
    }
}

/// Wait for ever.
#[tool]
async fn waits() {
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn the_default_time_limit_is_that_of_the_server() {
    let server = |name: &str, seconds| {
        let server = Server::new(name, "1").with(components![waits]);
        server.timeout(Duration::from_secs(seconds))
    };
    let client = server("outer", 3)
        .mount("a", server("inner", 5))
        .connect()
        .await;
    for (tool, expected) in [("waits", "longer than 3 s"), ("a_waits", "longer than 5 s")] {
        let reply = client.call(tool, json!({})).await.unwrap();
        assert!(reply.text().contains(expected), "{}", reply.text());
        assert!(
            reply.text().contains(&format!("`{tool}`")),
            "{}",
            reply.text()
        );
    }
}

/// Count the calls of the caller.
#[tool]
async fn count(context: Context) -> Result<u64, ToolError> {
    let session = context.session()?;
    let count = session.get::<u64>("count").await?.unwrap_or_default() + 1;
    session.set("count", &count).await?;
    Ok(count)
}

#[tokio::test]
async fn the_data_of_sessions_is_apart() {
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        let server = |name: &str| Server::new(name, "1").with(components![count]);
        let client = server("outer").mount("a", server("inner")).connect();
        let client = client
            .revision(revision)
            .principal(Principal::new("ada"))
            .await;
        for (tool, expected) in [
            ("count", "1"),
            ("count", "2"),
            ("a_count", "1"),
            ("count", "3"),
        ] {
            assert_eq!(client.call(tool, json!({})).await.unwrap().text(), expected);
        }
    }
}

/// An outer rule hides `a_whoami`, and an inner one `cities`, by the names of their servers.
fn visible() -> Server {
    let hides = |hidden: &'static str, state: &'static str| {
        move |viewer: &Viewer<'_>, component: &ComponentView<'_>| {
            assert_eq!(viewer.state::<Name>().unwrap().0, state);
            component.name() != hidden
        }
    };
    let inner = Server::new("inner", "1")
        .with(components![whoami, own, cities, row])
        .state(Name("inner"))
        .visible(hides("db://cities", "inner"));
    outer()
        .mount("a", inner)
        .visible(hides("a_whoami", "outer"))
}

#[tokio::test]
async fn the_rules_of_both_servers_must_allow_a_component() {
    for over in ALL {
        let host = Host::of(visible(), over).await;
        for era in ERAS {
            let caller = host.caller(era, Who::default()).await;
            let tools = caller.request("tools/list", json!({})).await.unwrap();
            let tools = tools["tools"].as_array().unwrap().iter();
            let tools: Vec<_> = tools
                .map(|it| it["name"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(tools, ["own", "a_own"]);
            let hidden = caller.call("a_whoami", json!({})).await.unwrap_err();
            assert!(hidden.contains("Unknown tool"), "{hidden}");
            assert_eq!(caller.call("a_own", json!({})).await.unwrap(), "inner");
            let params = json!({ "uri": "db://a/cities" });
            assert!(caller.request("resources/read", params).await.is_err());
            let params = json!({ "uri": "db://a/row/1" });
            assert!(caller.request("resources/read", params).await.is_ok());
        }
    }
}

#[tokio::test]
async fn tags_select_among_mounted_components() {
    /// A tool with a tag.
    #[tool(tags("beta"))]
    async fn beta() {}

    /// Another one.
    #[tool(tags("stable"))]
    async fn stable() {}

    let server = || Server::new("inner", "1").with(components![beta, stable]);
    let without = Server::new("outer", "1")
        .mount("a", server())
        .without_tagged(["beta"]);
    let tools = without.connect().await.tools().await.unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0]["name"], "a_stable");
    let only = outer().mount("a", server().only_tagged(["beta"]));
    let tools = only.connect().await.tools().await.unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["own", "a_beta"]);
}

/// A layer that refuses everything.
async fn refuse(call: LayeredCall, _: Next) -> CallOutcome {
    call.refuse(ToolError::new(format!("{} is refused", call.name())))
}

#[tokio::test]
async fn a_layer_of_a_mounted_server_does_not_run_for_others() {
    let client = outer().mount("a", inner().layer(refuse)).connect().await;
    assert_eq!(client.call("own", json!({})).await.unwrap().text(), "outer");
    let refused = client.call("a_whoami", json!({})).await.unwrap();
    assert!(refused.is_error() && refused.text().contains("whoami is refused"));
    assert!(client.tools().await.unwrap().len() > 1);
}

#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    name: String,
}

/// Ask two questions, and count how often the work between them is done.
#[tool]
async fn greet(context: Context, done: State<AtomicU32>) -> Result<String, ToolError> {
    let first: Answer = context.elicit("Who?").await?;
    let work = async { done.fetch_add(1, Ordering::SeqCst) };
    context.once("work", work).await?;
    let second: Answer = context.elicit("And who else?").await?;
    Ok(format!("{} and {}", first.name, second.name))
}

#[tokio::test]
async fn a_mounted_tool_asks_questions_and_does_its_work_once() {
    for revision in ERAS {
        let done = Arc::new(AtomicU32::new(0));
        let inner = Server::new("inner", "1").with(components![greet]);
        let server = outer().mount("a", inner.shared_state(Arc::clone(&done)));
        let client = server.connect().revision(revision);
        let client = client
            .answer_with(|question| {
                let name = question["params"]["message"].as_str().unwrap();
                json!({ "action": "accept", "content": { "name": name } })
            })
            .await;
        let reply = client.call("a_greet", json!({})).await.unwrap();
        assert_eq!(reply.text(), "Who? and And who else?");
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn the_outermost_server_introduces_itself_and_declares_all_extensions() {
    let inner = inner()
        .instructions("inner")
        .extension("com.example/x", json!({ "a": 1 }));
    let server = outer().instructions("outer").mount("a", inner);
    let client = server.connect().await;
    let discovered = client.request("server/discover", json!({})).await.unwrap();
    assert_eq!(discovered["instructions"], "outer");
    let capabilities = &discovered["capabilities"];
    assert_eq!(
        capabilities["extensions"]["com.example/x"],
        json!({ "a": 1 })
    );
    assert!(capabilities["prompts"].is_object() && capabilities["completions"].is_object());
}
