//! The layer `ResponseCache`: what is kept, for whom and for how long.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{CacheScope, Resource, ResponseCache, Revision, Tool};
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

pub(super) const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Count(AtomicU32);

impl Count {
    pub(super) fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Return the number of runs.
#[tool(read_only)]
async fn reading(word: Option<String>, count: State<Count>) -> String {
    format!("{word:?} {}", count.next())
}

/// Change the number of runs.
#[tool(idempotent)]
async fn writing(count: State<Count>) -> String {
    format!("{}", count.next())
}

/// Fail.
#[tool(read_only)]
async fn failing(count: State<Count>) -> Result<String, ToolError> {
    Err(ToolError::new(format!("{}", count.next())))
}

/// Announce a change.
#[tool]
async fn announce(context: Context) {
    context.notify().resource_updated("count://public");
}

/// A public number.
#[resource("count://public", cache(ttl = 60, scope = public))]
async fn public(count: State<Count>) -> String {
    format!("{}", count.next())
}

/// A private number.
#[resource("count://private", cache(ttl = 60))]
async fn private(count: State<Count>) -> String {
    format!("{}", count.next())
}

/// A number that depends on a header: it is never public.
#[resource("count://header", cache(ttl = 60, scope = public))]
async fn header(count: State<Count>, headers: Headers) -> String {
    format!("{} {headers:?}", count.next())
}

/// A number that is stale at once.
#[resource("count://stale")]
async fn stale(count: State<Count>) -> String {
    format!("{}", count.next())
}

/// A prompt with a number.
#[prompt]
async fn prompt(#[arg(complete = complete)] word: Option<String>, count: State<Count>) -> String {
    format!("{word:?} {}", count.next())
}

/// A prompt with two arguments that are completed.
#[prompt]
async fn place(
    #[arg(complete = complete)] city: String,
    #[arg(complete = complete)] country: String,
) -> String {
    city + &country
}

async fn complete(count: State<Count>) -> Vec<String> {
    vec![format!("{}", count.next())]
}

fn server(cache: ResponseCache) -> Server {
    Server::new("cache", "1")
        .state(Count::default())
        .with(components![
            reading, writing, failing, announce, public, private, header, stale, prompt, place
        ])
        .layer(cache)
}

pub(super) type Request = (&'static str, Value);

fn tool(name: &str, arguments: Value) -> Request {
    (
        "tools/call",
        json!({ "name": name, "arguments": arguments }),
    )
}

pub(super) fn read(uri: &str) -> Request {
    ("resources/read", json!({ "uri": uri }))
}

fn completion() -> Request {
    let reference = json!({ "type": "ref/prompt", "name": "prompt" });
    let argument = json!({ "name": "word", "value": "" });
    (
        "completion/complete",
        json!({ "ref": reference, "argument": argument }),
    )
}

/// Returns the completion of one argument of `place`, with the text of the other.
fn completion_of(argument: &str, other: &str) -> Request {
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "place" },
        "argument": { "name": argument, "value": argument },
        "context": { "arguments": { other: other } },
    });
    ("completion/complete", params)
}

/// Returns a reply without its id.
pub(super) async fn result(peer: &Peer, request: &Request) -> Value {
    let mut reply = peer.ask(request.0, request.1.clone()).await;
    reply["id"].take();
    reply
}

async fn is_kept(peer: &Peer, request: &Request) -> bool {
    result(peer, request).await == result(peer, request).await
}

#[tokio::test]
async fn results_are_kept_by_their_hints() {
    let results = |scope| ResponseCache::new().results(LONG, scope);
    for transport in TRANSPORTS {
        for era in ERAS {
            // A stateless HTTP request without a principal cannot be told from others.
            let is_known = !(transport == Transport::Http && era == Revision::V2026_07_28);
            for (cache, kept) in [
                (ResponseCache::new(), false),
                (results(CacheScope::Private), is_known),
                (results(CacheScope::Public), true),
            ] {
                let peer = Peer::connect(server(cache), transport, era).await;
                for (request, expected) in [
                    (tool("reading", json!({})), kept),
                    (("prompts/get", json!({ "name": "prompt" })), kept),
                    (completion(), kept),
                    (tool("writing", json!({})), false),
                    (tool("failing", json!({})), false),
                    (read("count://public"), true),
                    (read("count://private"), is_known),
                    (read("count://header"), is_known),
                    (read("count://stale"), false),
                ] {
                    let what = format!("{transport:?} {era:?} {request:?}");
                    assert_eq!(is_kept(&peer, &request).await, expected, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn other_arguments_are_another_call() {
    for era in ERAS {
        let cache = ResponseCache::new().results(LONG, CacheScope::Public);
        let peer = Peer::connect(server(cache), Transport::Memory, era).await;
        let mut all = Vec::new();
        for request in [
            tool("reading", json!({})),
            tool("reading", json!({ "word": "a" })),
            tool("reading", json!({ "word": "b" })),
            (
                "prompts/get",
                json!({ "name": "prompt", "arguments": { "word": "a" } }),
            ),
            (
                "prompts/get",
                json!({ "name": "prompt", "arguments": { "word": "b" } }),
            ),
            read("count://public"),
            read("count://private"),
            completion_of("city", "country"),
            completion_of("country", "city"),
        ] {
            let reply = result(&peer, &request).await;
            assert_eq!(reply, result(&peer, &request).await);
            assert!(!all.contains(&reply), "{reply}");
            all.push(reply);
        }
    }
}

#[tokio::test]
async fn private_results_belong_to_one_caller() {
    for era in ERAS {
        let cache = ResponseCache::new().results(LONG, CacheScope::Private);
        let service = server(cache).into_service().await.unwrap();
        let ada = Peer::over(&service, era, Some("ada")).await;
        let again = Peer::over(&service, era, Some("ada")).await;
        let bob = Peer::over(&service, era, Some("bob")).await;
        let nobody = Peer::over(&service, era, None).await;
        for (request, is_public) in [
            (tool("reading", json!({})), false),
            (read("count://private"), false),
            (read("count://header"), false),
            (read("count://public"), true),
        ] {
            let of_ada = result(&ada, &request).await;
            assert_eq!(of_ada, result(&again, &request).await, "{request:?}");
            for other in [&bob, &nobody] {
                let of_other = result(other, &request).await;
                assert_eq!(of_ada == of_other, is_public, "{request:?}");
            }
            assert_eq!(of_ada, result(&ada, &request).await, "{request:?}");
        }
    }
}

#[tokio::test]
async fn connections_do_not_share_private_results() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, split};
    let cache = ResponseCache::new().results(LONG, CacheScope::Private);
    let running = server(cache).start().await.unwrap();
    let mut replies = Vec::new();
    for _ in 0..2 {
        let (ours, theirs) = duplex(1 << 16);
        let running = running.clone();
        tokio::spawn(async move { running.serve(Socket::new(theirs)).await });
        let (reader, mut writer) = split(ours);
        let params = json!({
            "name": "reading",
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let mut lines = BufReader::new(reader).lines();
        for _ in 0..2 {
            writer
                .write_all(format!("{call}\n").as_bytes())
                .await
                .unwrap();
            replies.push(lines.next_line().await.unwrap().unwrap());
        }
    }
    assert_eq!(replies[0], replies[1]);
    assert_eq!(replies[2], replies[3]);
    assert_ne!(replies[0], replies[2]);
}

/// A transport of lines.
struct Socket {
    reader: tokio::sync::Mutex<
        tokio::io::Lines<tokio::io::BufReader<tokio::io::ReadHalf<tokio::io::DuplexStream>>>,
    >,
    writer: tokio::sync::Mutex<tokio::io::WriteHalf<tokio::io::DuplexStream>>,
}

impl Socket {
    fn new(stream: tokio::io::DuplexStream) -> Self {
        use tokio::io::AsyncBufReadExt as _;
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: tokio::io::BufReader::new(reader).lines().into(),
            writer: writer.into(),
        }
    }
}

impl mcp_runtime::Transport for Socket {
    async fn receive(&self) -> std::io::Result<Option<Vec<u8>>> {
        let line = self.reader.lock().await.next_line().await?;
        Ok(line.map(String::into_bytes))
    }

    async fn send(&self, message: String) -> std::io::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        let line = message + "\n";
        self.writer.lock().await.write_all(line.as_bytes()).await
    }
}

#[tokio::test]
async fn announced_changes_and_new_components_empty_the_cache() {
    for era in ERAS {
        let cache = ResponseCache::new().results(LONG, CacheScope::Public);
        let server = server(cache).cache(LONG, CacheScope::Public);
        let handle = server.handle();
        let peer = Peer::connect(server, Transport::Memory, era).await;
        let request = read("count://public");
        let first = result(&peer, &request).await;
        peer.call("announce", json!({})).await;
        assert_ne!(first, result(&peer, &request).await);
        let list = ("tools/list", json!({}));
        let before = result(&peer, &list).await;
        assert_eq!(before, result(&peer, &list).await);
        let new = |name: &str| Tool::new(name, json!({ "type": "object" }), |_, _| async { "new" });
        handle.add(new("new")).unwrap();
        assert_ne!(before, result(&peer, &list).await, "the new tool is listed");
    }
}

#[tokio::test]
async fn results_expire_and_the_oldest_make_space() {
    for era in ERAS {
        let short = Duration::from_millis(100);
        let cache = ResponseCache::new().results(short, CacheScope::Public);
        let peer = Peer::connect(server(cache), Transport::Memory, era).await;
        let request = tool("reading", json!({}));
        let first = result(&peer, &request).await;
        tokio::time::sleep(short * 2).await;
        assert_ne!(first, result(&peer, &request).await);

        for cache in [
            ResponseCache::new().capacity(1, 1 << 20),
            ResponseCache::new().capacity(100, 600),
        ] {
            let cache = cache.results(LONG, CacheScope::Public);
            let peer = Peer::connect(server(cache), Transport::Memory, era).await;
            let (one, other) = (request.clone(), tool("reading", json!({ "word": "x" })));
            let first = result(&peer, &one).await;
            assert_eq!(first, result(&peer, &one).await);
            result(&peer, &other).await;
            assert_ne!(first, result(&peer, &one).await);
        }
        // A result that is larger than the cache is not kept.
        let cache = ResponseCache::new().capacity(100, 10);
        let cache = cache.results(LONG, CacheScope::Public);
        let peer = Peer::connect(server(cache), Transport::Memory, era).await;
        assert!(!is_kept(&peer, &request).await);
    }
}

/// A form.
#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    text: String,
}

/// Ask for a text.
#[tool(read_only)]
async fn ask(context: Context) -> Result<String, ToolError> {
    let Answer { text } = context.elicit("Which?").await?;
    Ok(text)
}

#[tokio::test]
async fn answers_of_users_are_not_kept() {
    for era in ERAS {
        let cache = ResponseCache::new().results(LONG, CacheScope::Public);
        let server = Server::new("ask", "1").with(components![ask]).layer(cache);
        let mut number = 0;
        let answer = move |_: &Value| {
            number += 1;
            json!({ "action": "accept", "content": { "text": number.to_string() } })
        };
        let client = server.connect().revision(era).answer_with(answer).await;
        for expected in ["1", "2"] {
            let reply = client.call("ask", json!({})).await.unwrap();
            assert_eq!(reply.text(), expected, "{era:?}");
        }
    }
}

#[tokio::test]
async fn results_of_revisions_differ() {
    // A list is written in the format of its revision.
    let cache = ResponseCache::new();
    let resource = Resource::new("a://b", "b", |_, _| async { "b" }).title("B");
    let server = Server::new("revisions", "1")
        .with(resource)
        .cache(LONG, CacheScope::Public)
        .layer(cache);
    let service = server.into_service().await.unwrap();
    for (era, has_title) in [
        (Revision::V2026_07_28, true),
        (Revision::V2024_11_05, false),
        (Revision::V2026_07_28, true),
    ] {
        let peer = Peer::over(&service, era, None).await;
        let reply = peer.ask("resources/list", json!({})).await;
        let title = &reply["result"]["resources"][0]["title"];
        assert_eq!(title.is_string(), has_title, "{era:?} {reply}");
    }
}
