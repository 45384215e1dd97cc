//! Things that must never happen, each with a trap that detects it.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mcp_runtime::prelude::*;
use mcp_runtime::{EmbeddedResource, Icon, Resource, ResourceContents, Revision, Tool};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use super::subscriptions::{open_listen, untagged};
use crate::connection::{MODERN, describe, headers, spawn_http};
use crate::http::{self, Exchange};

/// A port that must receive no connection.
struct Trap {
    listener: TcpListener,
    url: String,
}

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    fn is_empty(&self) -> bool {
        match self.listener.accept() {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                true
            }
        }
    }
}

/// A server whose URLs all lead to the trap.
fn tempted(url: &str) -> Server {
    let icon = || Icon::new(format!("{url}/icon.png").replace("http:", "https:"));
    let schema = json!({ "type": "object", "properties": { "at": { "type": "string", "format": "uri" } }, "$id": url });
    let (own, page) = (url.to_owned(), url.to_owned());
    let links = Tool::new("links", schema.clone(), move |_: Value, _: Context| {
        let url = own.clone();
        async move {
            (
                ResourceLink::new(format!("{url}/link"), "link"),
                EmbeddedResource::new(format!("{url}/inside"), ResourceContents::text("x")),
                format!("{url}/text"),
            )
        }
    });
    let asks = Tool::new("asks", schema, move |_: Value, context: Context| {
        let url = page.clone();
        async move {
            let page = context.elicit_url("go", url).await;
            let roots = context.roots().await;
            format!("{page:?} {roots:?}")
        }
    });
    Server::new("tempted", "1.0.0")
        .website(url)
        .icons(icon())
        .with(links.icons(icon()))
        .with(asks)
        .with(fetched())
}

/// A tool that accepts the URI of any page. It is made at run time, so that the fixture does not collect it.
fn fetched() -> Resource {
    let page = |variables: Value, _: Context| async move { variables.to_string() };
    Resource::new("http://{+rest}", "fetched", page)
}

/// Answers every question with the URL of the trap.
fn lure(url: &str, question: &Value) -> Value {
    match question["method"].as_str() {
        Some("roots/list") => json!({ "roots": [{ "uri": url }, { "uri": format!("{url}/x") }] }),
        _ => json!({ "action": "accept", "content": { "url": url } }),
    }
}

#[tokio::test]
async fn no_url_is_ever_fetched() {
    let trap = Trap::set();
    assert!(trap.is_empty());
    let probe = TcpStream::connect(trap.url.strip_prefix("http://").unwrap());
    assert!(probe.is_ok() && !trap.is_empty(), "the trap does not work");
    for &revision in Revision::ALL {
        let url = trap.url.clone();
        let server = tempted(&trap.url).connect().revision(revision);
        let client = server
            .answer_with(move |question| lure(&url, question))
            .await;
        for method in [
            "tools/list",
            "prompts/list",
            "resources/list",
            "resources/templates/list",
        ] {
            // A server may lack some kinds of components.
            let _ = client.request(method, json!({})).await;
        }
        let arguments = json!({ "at": format!("{}/argument", trap.url) });
        let links = client.call("links", arguments.clone()).await.unwrap();
        assert!(!links.is_error(), "{}", links.text());
        // Not every revision supports questions.
        let _ = client.call("asks", arguments).await;
        let reference = json!({ "$ref": format!("{}/schema", trap.url), "$schema": trap.url });
        client.call("links", reference).await.unwrap();
        let _ = client.read(&format!("{}/resource", trap.url)).await;
        let _ = client.read(&format!("{}/a/../b?c#d", trap.url)).await;
        client.close().await;
    }
    // A schema that refers to another document is refused when the server is built, and is not fetched.
    let elsewhere = json!({ "type": "object", "properties": { "x": { "$ref": format!("{}/schema", trap.url) } } });
    let tool = Tool::new("elsewhere", elsewhere, |_: Value, _: Context| async { "x" });
    let client = Server::new("refused", "1.0.0").with(tool).connect().await;
    assert!(client.call("elsewhere", json!({})).await.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(trap.is_empty(), "a URL was fetched");
}

/// Ends a thread when the test is over, whatever its outcome.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Another thread sends changes all the time while clients begin to listen.
#[tokio::test]
async fn no_change_comes_before_the_acknowledgement() {
    let over = Arc::new(AtomicBool::new(false));
    let _end = End(Arc::clone(&over));
    let schema = json!({ "type": "object" });
    let spin = Tool::new("spin", schema, move |_: Value, context: Context| {
        let (notifier, over) = (context.notify(), Arc::clone(&over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                notifier.resources_changed();
                // The code that begins to listen needs the lock too.
                (0..1000).for_each(|_| std::hint::spin_loop());
            }
        });
        async { "" }
    });
    let client = Server::new("spinning", "1.0.0")
        .with(spin)
        .with(fetched())
        .connect()
        .await;
    client.call("spin", json!({})).await.unwrap();
    // The acknowledgement takes longer than a change.
    let many: Vec<_> = (0..1000).map(|number| format!("text://{number}")).collect();
    let wishes = json!({ "resourcesListChanged": true, "resourceSubscriptions": many });
    let mut changes = 0;
    for _ in 0..5 {
        let listening = client.listen(wishes.clone()).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        drop(listening);
        let told = client.take_notifications();
        let methods: Vec<_> = told.iter().map(|told| &told["method"]).collect();
        assert_eq!(methods[0], "notifications/subscriptions/acknowledged");
        for method in &methods[1..] {
            assert_eq!(*method, "notifications/resources/list_changed");
            changes += 1;
        }
    }
    assert!(changes > 0, "no change was sent");
}

/// [`no_change_comes_before_the_acknowledgement`], with a stream for each subscription.
#[test]
fn the_first_event_of_a_stream_is_the_acknowledgement() {
    let server = spawn_http();
    let mut params = json!({ "name": "announce", "arguments": { "what": "tools" } });
    describe(&mut params);
    let announce = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let names = headers(MODERN, None, &announce);
    let names: Vec<_> = names.iter().map(|(a, b)| (&**a, &**b)).collect();
    let body = announce.to_string();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer =
                        http::request(&server.address, "POST", "/mcp", &names, body.as_bytes());
                    assert_eq!(answer.status, 200);
                }
            });
        }
        let wishes = json!({ "toolsListChanged": true });
        for number in 0..30 {
            let id = json!(number);
            let mut stream = open_listen(&server, &id, &wishes);
            let mut heard = || untagged(stream.next(), &id).0;
            let (first, second) = (heard(), heard());
            is_over.store(number == 29, Ordering::Relaxed);
            assert_eq!(first, "notifications/subscriptions/acknowledged");
            assert_eq!(second, "notifications/tools/list_changed");
        }
    });
}

/// A thread goes on after its call was cancelled: the stream of the call ends, and no other stream of the session receives
/// its messages.
#[test]
fn a_cancelled_call_of_a_session_is_not_heard_any_more() {
    let server = spawn_http();
    let revision = "2025-11-25";
    let client = json!({ "name": "x", "version": "1" });
    let begin = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
    let send = |session: Option<&str>, message: &Value| {
        let names = headers(revision, session, message);
        let names: Vec<_> = names.iter().map(|(a, b)| (&**a, &**b)).collect();
        let body = message.to_string();
        http::open(&server.address, "POST", "/mcp", &names, body.as_bytes())
    };
    let message = |id: i64, method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let opened = send(None, &message(0, "initialize", begin)).read();
    let session = opened.header("mcp-session-id").unwrap();
    let mut beside = Exchange::of_session(&server.address, session);
    let chatter = json!({ "name": "chatter", "arguments": { "milliseconds": 1000 }, "_meta": { "progressToken": 7 } });
    let mut stream = send(Some(session), &message(7, "tools/call", chatter));
    stream.next();
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    assert_eq!(send(Some(session), &cancel).read().status, 202);
    let begin = Instant::now();
    let rest = stream.rest();
    assert!(
        begin.elapsed() < Duration::from_millis(700),
        "the stream did not end"
    );
    let is_reply = |told: &Value| told.get("method").is_none();
    assert!(!rest.iter().any(is_reply), "{rest:?}");
    let announce = json!({ "name": "announce", "arguments": { "what": "tools" } });
    send(Some(session), &message(8, "tools/call", announce)).read();
    assert_eq!(beside.next()["method"], "notifications/tools/list_changed");
}
