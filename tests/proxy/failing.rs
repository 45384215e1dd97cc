//! Upstream servers that end, hang, are absent, or come back without their sessions.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mcp_runtime::{RunningServer, Server, Upstream};
use serde_json::json;
use tokio::net::TcpListener;

use super::extras;
use super::peer::{Peer, text, until};
use super::places::{ERAS, HttpServer, own, process};

/// Starts a gateway with this upstream server and a server of this process.
async fn gateway(upstream: Upstream) -> RunningServer {
    let other = Server::new("other", "1.0.0").with(own());
    let gateway = Server::new("gateway", "1.0.0")
        .mount("up", upstream)
        .mount("other", other);
    gateway.start().await.unwrap()
}

async fn other_mount_works(peer: &Peer) {
    assert_eq!(
        peer.call("other_own", json!({})).await.as_deref(),
        Ok("own")
    );
}

#[tokio::test]
async fn calls_of_a_process_that_is_killed_are_answered_and_it_is_started_again() {
    for revision in ERAS {
        let gateway = gateway(process().revision(revision)).await;
        let peer = Arc::new(Peer::connect(&gateway, ERAS[1], |_| None).await);
        let before = peer.call("up_process", json!({})).await.unwrap();
        let wait = json!({ "name": "up_wait_counted", "arguments": { "milliseconds": 60_000 } });
        let calls: Vec<_> = (0..50)
            .map(|_| peer.start("tools/call", wait.clone()))
            .collect();
        until("they run", async || {
            peer.call("up_counted", json!({})).await.as_deref() == Ok("50 0")
        })
        .await;
        let killed = Command::new("kill")
            .args(["-KILL", &before])
            .status()
            .unwrap();
        assert!(killed.success());
        for call in calls {
            let error = text(call.reply().await).unwrap_err();
            assert!(
                error.contains("upstream") && error.contains("has ended"),
                "{revision:?}: {error}"
            );
        }
        other_mount_works(&peer).await;
        assert!(
            peer.tools().await.contains(&"up_echo_owned".to_owned()),
            "{revision:?}"
        );
        let works = async || {
            peer.call("up_echo_owned", json!({ "text": "x" }))
                .await
                .as_deref()
                == Ok("x")
        };
        until("it works again", works).await;
        assert_ne!(
            peer.call("up_process", json!({})).await,
            Ok(before),
            "{revision:?}"
        );
    }
}

#[tokio::test]
async fn a_process_that_ends_again_and_again_is_started_at_growing_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("starts");
    let script = format!("echo x >> {}; exit 1", log.display());
    let upstream = Upstream::command("sh")
        .args(["-c", &script])
        .name("upstream");
    let gateway = gateway(upstream.revision(ERAS[0])).await;
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    other_mount_works(&peer).await;
    let starts = std::fs::read_to_string(&log).unwrap().lines().count();
    assert!((2..=6).contains(&starts), "{starts} starts");
}

#[tokio::test]
async fn a_process_that_reads_nothing_delays_nobody_else() {
    let crooked = Upstream::command(env!("CARGO_BIN_EXE_crooked-server")).revision(ERAS[0]);
    let gateway = gateway(crooked.timeout(Duration::from_secs(1))).await;
    for revision in ERAS {
        let peer = Peer::connect(&gateway, revision, |_| None).await;
        // The level of log messages is set before the first call.
        let _answer_or_error = peer.call("up_fine", json!({})).await;
        let deaf = peer.start("tools/call", json!({ "name": "up_deaf", "arguments": {} }));
        // More than the pipe and the queue take.
        let large = json!({ "name": "up_fine", "arguments": { "text": "x".repeat(3 << 19) } });
        let calls: Vec<_> = (0..15)
            .map(|_| peer.start("tools/call", large.clone()))
            .collect();
        other_mount_works(&peer).await;
        for call in calls.into_iter().chain([deaf]) {
            let error = text(call.reply().await).unwrap_err();
            let expected = ["1 s", "The server is busy", "it does not read"];
            let is_expected = expected.iter().any(|words| error.contains(words));
            assert!(is_expected, "{revision:?}: {error}");
        }
        other_mount_works(&peer).await;
    }
}

#[tokio::test]
async fn a_server_that_is_absent_at_first_is_added_when_it_is_there() {
    for revision in ERAS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let upstream = Upstream::url(format!("http://{address}/mcp")).name("upstream");
        let gateway = gateway(upstream.revision(revision)).await;
        let peer = Peer::connect(&gateway, ERAS[0], |_| None).await;
        other_mount_works(&peer).await;
        assert_eq!(peer.tools().await, ["other_own"], "{revision:?}");
        let listener = TcpListener::bind(address).await.unwrap();
        let _server = HttpServer::on(listener, extras::server()).await;
        let is_there = async || peer.tools().await.contains(&"up_echo_owned".to_owned());
        until("its tools are there", is_there).await;
        peer.wait_for("notifications/tools/list_changed").await;
        assert_eq!(
            peer.call("up_echo_owned", json!({ "text": "x" }))
                .await
                .as_deref(),
            Ok("x")
        );
    }
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named_and_hides_nothing_else() {
    let gateway = gateway(Upstream::command("/nowhere/no-such-program")).await;
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    assert_eq!(peer.tools().await, ["other_own"]);
    other_mount_works(&peer).await;
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_session_gets_the_call_once_more() {
    for revision in ERAS {
        for per_caller in [false, true] {
            let server = HttpServer::start(extras::server()).await;
            let upstream = server.upstream().revision(revision);
            let upstream = if per_caller {
                upstream.per_caller()
            } else {
                upstream
            };
            let gateway = gateway(upstream).await;
            let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
            peer.call("up_wait_counted", json!({ "milliseconds": 0 }))
                .await
                .unwrap();
            // The next connection may be made at once only if the last one was open for a while.
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.restart(extras::server()).await;
            let said = peer
                .call("up_wait_counted", json!({ "milliseconds": 0 }))
                .await;
            assert_eq!(said.as_deref(), Ok("waited"), "{revision:?}, {per_caller}");
            assert_eq!(
                peer.call("up_counted", json!({})).await.as_deref(),
                Ok("1 0"),
                "{revision:?}"
            );
        }
    }
}

/// The lists of a server that was replaced by another version are read again.
#[tokio::test]
async fn a_server_that_is_replaced_has_the_components_of_the_new_one() {
    let server = HttpServer::start(extras::server()).await;
    let gateway = gateway(server.upstream().revision(ERAS[0])).await;
    let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
    assert!(!peer.tools().await.contains(&"up_own".to_owned()));
    server.restart(extras::server().with(own())).await;
    peer.call("up_echo_owned", json!({ "text": "x" }))
        .await
        .unwrap();
    until("its new tool is there", async || {
        peer.tools().await.contains(&"up_own".to_owned())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_fails_for_a_while_is_used_again() {
    for revision in ERAS {
        let server = HttpServer::start(extras::server()).await;
        let gateway = gateway(server.upstream().revision(revision)).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        peer.call("up_echo_owned", json!({ "text": "x" }))
            .await
            .unwrap();
        let before = server.requests.lock().unwrap().len();
        server.is_broken.store(true, Ordering::SeqCst);
        server.handle.add(own()).unwrap();
        until("its list is read", async || {
            server.requests.lock().unwrap().len() > before
        })
        .await;
        let error = peer
            .call("up_echo_owned", json!({ "text": "x" }))
            .await
            .unwrap_err();
        assert!(error.contains("not available"), "{revision:?}: {error}");
        // The session is ended after a pause.
        let seen = server.requests.lock().unwrap().len();
        until("it is tried again", async || {
            server.requests.lock().unwrap().len() > seen
        })
        .await;
        server.is_broken.store(false, Ordering::SeqCst);
        let works = async || {
            peer.call("up_echo_owned", json!({ "text": "x" }))
                .await
                .as_deref()
                == Ok("x")
        };
        until(&format!("{revision:?}: it works again"), works).await;
        let has_own = async || peer.tools().await.contains(&"up_own".to_owned());
        until(&format!("{revision:?}: its new tool is there"), has_own).await;
    }
}

/// The connection of a single caller has worked each time, so that no attempt to connect waits for a pause.
#[tokio::test]
async fn the_process_of_a_caller_that_has_worked_is_started_again_at_once() {
    for revision in ERAS {
        let gateway = gateway(process().revision(revision).per_caller()).await;
        let peer = Peer::connect(&gateway, ERAS[1], |_| None).await;
        for round in 0..6 {
            let works = peer.call("up_process", json!({})).await;
            assert!(works.is_ok(), "{revision:?}, {round}: {works:?}");
            let ended = peer.call("up_exit", json!({})).await;
            assert!(ended.is_err(), "{revision:?}, {round}: {ended:?}");
        }
    }
}
