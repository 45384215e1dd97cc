//! Upstream servers that violate the protocol: each call is answered, and what is well-formed keeps working.

use std::time::Duration;

use mcp_runtime::{RunningServer, Server, Upstream};
use serde_json::json;

use super::peer::{Peer, says, text, until};
use super::places::{ERAS, own};

fn crooked(list: &str) -> Upstream {
    let program = Upstream::command(env!("CARGO_BIN_EXE_crooked-server")).name("crooked");
    program.env("CROOKED_LIST", list).revision(ERAS[0])
}

async fn gateway(upstream: Upstream) -> RunningServer {
    let server = Server::new("gateway", "1.0.0").with(own());
    server.mount("up", upstream).start().await.unwrap()
}

#[tokio::test]
async fn each_call_is_answered() {
    let timeout = Err("longer than 1 s");
    let malformed = Err("its result is malformed");
    let cases = [
        ("fine", Ok("fine")),
        ("chatty", Ok("fine")),
        ("no_json", timeout),
        ("wrong_id", timeout),
        ("text_id", timeout),
        ("no_id", timeout),
        ("unknown_id", Ok("fine")),
        ("twice", Ok("fine")),
        ("text_result", malformed),
        ("list_result", malformed),
        ("wrong_content", malformed),
        ("deep_content", malformed),
        ("wrong_error", Err("its error is malformed")),
        ("both", Err("it is an error")),
        ("neither", Err("neither a request nor a reply")),
        ("too_large", Err("more than 4194304 bytes")),
        ("too_large_first", Err("more than 4194304 bytes")),
        ("too_large_log", Ok("fine")),
        ("not_utf8", Ok("fine")),
        ("not_utf8_reply", Err("its response is not UTF-8")),
        ("batch", timeout),
        ("unknown_request", Ok("fine")),
        ("returns", Ok("fine")),
        ("hang", timeout),
        ("exit", Err("the program has ended (exit status: 3)")),
    ];
    for client in ERAS {
        let gateway = gateway(crooked("").timeout(Duration::from_secs(1))).await;
        let peer = Peer::connect(&gateway, client, says("Ada")).await;
        for (tool, expected) in cases {
            let said = peer.call(&format!("up_{tool}"), json!({})).await;
            match (&said, expected) {
                (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{client:?}: {tool}"),
                (Err(error), Err(expected)) => {
                    assert!(error.contains(expected), "{client:?}: {tool}: {error}");
                }
                _ => panic!("{client:?}: {tool}: {said:?}"),
            }
            assert_eq!(peer.call("own", json!({})).await.as_deref(), Ok("own"));
            // A process that has ended is started again.
            let works = async || peer.call("up_fine", json!({})).await.as_deref() == Ok("fine");
            until(tool, works).await;
        }
    }
}

/// A client must not send messages of its own to a process, in lines within its message.
#[tokio::test]
async fn a_message_of_a_client_is_one_line() {
    for client in ERAS {
        let gateway = gateway(crooked("")).await;
        let peer = Peer::connect(&gateway, client, |_| None).await;
        let process = peer.call("up_process", json!({})).await;
        for end in ["\n", "\r"] {
            for member in ["arguments", "_meta"] {
                let mut params = json!({ "name": "up_one_line", "arguments": {} });
                params[member] = json!({ "com.example/a": { "jsonrpc": "2.0", "method": "x" } });
                let pretty = |message: &serde_json::Value| {
                    serde_json::to_string_pretty(message)
                        .unwrap()
                        .replace('\n', end)
                };
                let reply = peer.start_as("tools/call", params, pretty).reply().await;
                assert_eq!(
                    text(reply).as_deref(),
                    Ok("fine"),
                    "{client:?}: {member}, {end:?}"
                );
            }
        }
        assert_eq!(peer.call("up_process", json!({})).await, process);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_no_other_call() {
    for client in ERAS {
        let gateway = gateway(crooked("")).await;
        let peer = Peer::connect(&gateway, client, |_| None).await;
        let process = peer.call("up_process", json!({})).await.unwrap();
        let params = json!({ "name": "up_flood_progress", "arguments": { "milliseconds": 500 } });
        let other = peer.start("tools/call", params);
        for tool in ["up_too_large", "up_too_large_first"] {
            let error = peer.call(tool, json!({})).await.unwrap_err();
            assert!(
                error.contains("its response has more than 4194304 bytes"),
                "{error}"
            );
        }
        assert_eq!(
            peer.call("up_too_large_log", json!({})).await.as_deref(),
            Ok("fine")
        );
        other.reply().await.unwrap();
        let after = peer.call("up_process", json!({})).await;
        assert_eq!(after.as_ref(), Ok(&process), "{client:?}");
    }
}

#[tokio::test]
async fn the_well_formed_definitions_of_a_list_are_there() {
    let cases: [(&str, &[&str]); 4] = [
        // A tool that can only be called as a task.
        ("tasks", &["own", "up_forbidden", "up_optional"]),
        ("duplicates", &["own", "up_fine", "up_large"]),
        ("crooked", &["own", "up_fine", "up_large"]),
        ("no_list", &["own"]),
    ];
    for (list, expected) in cases {
        let gateway = gateway(crooked(list)).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        let mut tools = peer.tools().await;
        tools.sort();
        assert_eq!(tools, expected, "{list}");
    }
}

#[tokio::test]
async fn a_list_without_end_hides_only_its_server() {
    // The pages of `heavy` have 60 MiB.
    for list in [
        "endless",
        "same_cursor",
        "two_cursors",
        "no_list",
        "text",
        "heavy",
    ] {
        let gateway = gateway(crooked(list)).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        assert_eq!(peer.tools().await, ["own"], "{list}");
        assert_eq!(
            peer.call("own", json!({})).await.as_deref(),
            Ok("own"),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_long_list_is_cut_off() {
    let gateway = gateway(crooked("many").max_components(1500)).await;
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    let tools = peer.tools().await;
    assert_eq!(tools.len(), 1501);
    assert!(
        tools.contains(&"up_tool_1499".to_owned()),
        "{:?}",
        tools.last()
    );
}

#[tokio::test]
async fn floods_are_survived() {
    for client in ERAS {
        let gateway = gateway(crooked("")).await;
        let peer = Peer::connect(&gateway, client, |_| None).await;
        for flood in [
            "flood_pings",
            "flood_progress",
            "flood_logs",
            "flood_large_logs",
            "flood_list_changes",
            "flood_updates",
            "flood_replies",
        ] {
            let said = peer
                .call(&format!("up_{flood}"), json!({ "milliseconds": 300 }))
                .await;
            let sent: u64 = said.as_ref().map_or(0, |it| it.parse().unwrap());
            assert!(sent > 0, "{client:?}: {flood}: {said:?}");
            assert_eq!(peer.call("own", json!({})).await.as_deref(), Ok("own"));
            assert_eq!(peer.call("up_fine", json!({})).await.as_deref(), Ok("fine"));
        }
    }
}

/// A total that the server does not know is not said.
#[tokio::test]
async fn completions_have_the_total_that_their_server_sent() {
    for client in ERAS {
        let gateway = gateway(crooked("completions")).await;
        let peer = Peer::connect(&gateway, client, |_| None).await;
        for (value, expected) in [
            ("none", json!({ "values": [], "hasMore": false })),
            ("more", json!({ "values": ["more of it"], "hasMore": true })),
            (
                "total",
                json!({ "values": ["total of it"], "total": 7, "hasMore": true }),
            ),
        ] {
            let params = json!({
                "ref": { "type": "ref/prompt", "name": "up_plain" },
                "argument": { "name": "a", "value": value },
            });
            let completed = peer.request("completion/complete", params).await.unwrap();
            assert_eq!(completed["completion"], expected, "{client:?}");
        }
    }
}

#[tokio::test]
async fn names_that_are_not_what_they_look_like_are_left_out() {
    for client in ERAS {
        let gateway = gateway(crooked("names")).await;
        let peer = Peer::connect(&gateway, client, |_| None).await;
        for (method, member, key, expected) in [
            ("tools/list", "tools", "name", &["own", "up_plain"][..]),
            ("prompts/list", "prompts", "name", &["up_plain"]),
            (
                "resources/list",
                "resources",
                "uri",
                &["text://up/one", "text://up/plain"],
            ),
        ] {
            let list = peer.request(method, json!({})).await.unwrap();
            let names = list[member].as_array().unwrap().iter();
            let mut names: Vec<&str> = names.map(|it| it[key].as_str().unwrap()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{client:?}");
        }
    }
}

/// Each is named once, on a line of its own, without the characters.
#[test]
fn the_log_shows_names_without_hidden_characters() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut gateway = std::process::Command::new(env!("CARGO_BIN_EXE_locked-gateway"));
    gateway.env("LOCK", folder.path().join("mcp.lock"));
    gateway.env("UPSTREAM_COMMAND", env!("CARGO_BIN_EXE_crooked-server"));
    gateway.env("CROOKED_LIST", "names").arg("manifest");
    let log = String::from_utf8(gateway.output().unwrap().stderr).unwrap();
    for kind in ["tool", "prompt", "resource"] {
        let start = format!("the {kind} `");
        let lines = log
            .lines()
            .filter(|it| it.contains(&start) && it.contains("left out"));
        assert_eq!(lines.count(), 7, "{kind}: {log}");
    }
    for hidden in ['\u{200b}', '\u{202e}', '\u{1b}', '\u{85}'] {
        assert!(!log.contains(hidden), "{hidden:?}: {log}");
    }
    assert_eq!(log.lines().count(), 21, "{log}");
}
