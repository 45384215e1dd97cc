//! The order of layers, and what they see of the calls inside of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{
    BoxFuture, CallOutcome, Completion, Layer, LayeredCall, Next, OutcomeKind, Prompt,
    PromptArgument, Resource, Tool,
};
use serde_json::{Value, json};

use super::peer::{ERAS, Peer, TRANSPORTS, Transport};

/// The names of layers in the order in which they begin (`+`) and end (`-`).
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn push(&self, event: String) {
        self.0.lock().unwrap().push(event);
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }

    fn layer(&self, name: &'static str) -> Traced {
        Traced(self.clone(), name)
    }
}

/// A layer with a name.
struct Traced(Trace, &'static str);

impl Layer for Traced {
    fn serve(&self, _: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let (trace, name) = (self.0.clone(), self.1);
        Box::pin(async move {
            trace.push(format!("+{name}"));
            let outcome = next.run().await;
            trace.push(format!("-{name}:{}", outcome.kind().as_str()));
            outcome
        })
    }
}

fn run_time(trace: &Trace) -> Server {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let tool = |name: &str| {
        let inner = trace.clone();
        // The other one is stopped while it waits.
        let milliseconds = if name == "quick" { 60_000 } else { 20 };
        Tool::new(name, schema.clone(), move |_: Value, _: Context| {
            let inner = inner.clone();
            async move {
                inner.push("handler".to_owned());
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                "done"
            }
        })
        .layer(trace.layer("c"))
        .layer(trace.layer("d"))
    };
    let read = |_: Value, _: Context| async { "data" };
    let completer = |_: Completion| vec!["x"];
    let resource = Resource::new("a://b", "b", read).layer(trace.layer("c"));
    let template = Resource::new("a://b/{x}", "t", read)
        .complete("x", completer)
        .layer(trace.layer("c"));
    let prompt = Prompt::new("p", [PromptArgument::new("x")], read).layer(trace.layer("c"));
    Server::new("order", "1")
        .layer(trace.layer("a"))
        .with(tool("normal"))
        .with(tool("quick").timeout(Duration::from_millis(2)))
        .with(resource)
        .with(template)
        .with(prompt)
        .layer(trace.layer("b"))
}

#[tokio::test]
async fn layers_of_the_server_are_outside_and_the_first_is_the_outermost() {
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "a://b/{x}" },
        "argument": { "name": "x", "value": "" },
    });
    let table = [
        (
            "tools/call",
            json!({ "name": "normal", "arguments": {} }),
            "+a +b +c +d handler -d:ok -c:ok -b:ok -a:ok",
        ),
        // The timeout is inside of all layers.
        (
            "tools/call",
            json!({ "name": "quick", "arguments": {} }),
            "+a +b +c +d handler -d:timed_out -c:timed_out -b:timed_out -a:timed_out",
        ),
        // Arguments are checked by the handler.
        (
            "tools/call",
            json!({ "name": "normal", "arguments": { "n": "x" } }),
            "+a +b +c +d -d:tool_error -c:tool_error -b:tool_error -a:tool_error",
        ),
        (
            "resources/read",
            json!({ "uri": "a://b" }),
            "+a +b +c -c:ok -b:ok -a:ok",
        ),
        (
            "resources/read",
            json!({ "uri": "a://b/1" }),
            "+a +b +c -c:ok -b:ok -a:ok",
        ),
        (
            "prompts/get",
            json!({ "name": "p", "arguments": { "x": "1" } }),
            "+a +b +c -c:ok -b:ok -a:ok",
        ),
        (
            "prompts/get",
            json!({ "name": "p", "arguments": { "y": "1" } }),
            "+a +b +c -c:protocol_error -b:protocol_error -a:protocol_error",
        ),
        (
            "completion/complete",
            complete,
            "+a +b +c -c:ok -b:ok -a:ok",
        ),
        ("tools/list", json!({}), "+a +b -b:ok -a:ok"),
    ];
    for transport in TRANSPORTS {
        for era in ERAS {
            let trace = Trace::default();
            let peer = Peer::connect(run_time(&trace), transport, era).await;
            for (method, params, expected) in &table {
                peer.ask(method, params.clone()).await;
                assert_eq!(trace.take(), *expected, "{transport:?} {era:?} {params}");
            }
        }
    }
}

/// Appends a word to every text.
fn append(word: &'static str) -> impl Layer {
    move |_: LayeredCall, next: Next| async move {
        let mut outcome = next.run().await;
        outcome.change_texts(|text| *text = format!("{text} {word}"));
        outcome
    }
}

async fn shout(_: LayeredCall, next: Next) -> CallOutcome {
    let mut outcome = next.run().await;
    outcome.change_texts(|text| text.push('!'));
    outcome
}

/// A tool with one layer.
#[tool(layer = shout)]
async fn one() -> &'static str {
    "one"
}

/// A resource with two layers.
#[resource("layers://two", layer = [append("outer"), append("inner")])]
async fn two() -> &'static str {
    "two"
}

/// A prompt with a closure as its layer.
#[prompt(layer = |_: LayeredCall, next: Next| async move { next.run().await }, title = "Three")]
async fn three() -> &'static str {
    "three"
}

struct Methods(&'static str);

#[tools]
impl Methods {
    /// A method with layers.
    #[tool(layer = [shout, append("outside")], inline)]
    fn method(&self) -> &'static str {
        self.0
    }
}

#[tokio::test]
async fn attributes_add_layers() {
    for era in ERAS {
        let server = Server::new("attributes", "1")
            .with(components![one, two, three])
            .with(Methods("method"));
        let peer = Peer::connect(server, Transport::Memory, era).await;
        for (method, params, text) in [
            ("tools/call", json!({ "name": "one" }), "\"one!\""),
            (
                "tools/call",
                json!({ "name": "method" }),
                "\"method outside!\"",
            ),
            (
                "resources/read",
                json!({ "uri": "layers://two" }),
                "\"two inner outer\"",
            ),
            ("prompts/get", json!({ "name": "three" }), "\"three\""),
        ] {
            let reply = peer.ask(method, params).await.to_string();
            assert!(reply.contains(text), "{reply}");
        }
    }
}

/// A form.
#[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
struct Answer {
    text: String,
}

/// Ask a question.
#[tool]
async fn ask(context: Context, word: String) -> Result<String, ToolError> {
    let Answer { text } = context.elicit(format!("{word}?")).await?;
    Ok(format!("{word} {text}"))
}

#[tokio::test]
async fn questions_pass_layers() {
    use mcp_tests::client::Connect as _;
    for (era, expected) in ERAS.into_iter().zip([
        &[OutcomeKind::Ok][..],
        &[OutcomeKind::InputRequired, OutcomeKind::Ok],
    ]) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let server = Server::new("ask", "1").with(components![ask]).layer(
            move |call: LayeredCall, next: Next| {
                let log = Arc::clone(&log);
                async move {
                    assert_eq!(call.arguments(), &json!({ "word": "who" }));
                    let outcome = next.run().await;
                    log.lock().unwrap().push(outcome.kind());
                    outcome
                }
            },
        );
        let answer = |_: &Value| json!({ "action": "accept", "content": { "text": "me" } });
        let client = server.connect().revision(era).answer_with(answer).await;
        let reply = client.call("ask", json!({ "word": "who" })).await.unwrap();
        assert_eq!(reply.text(), "who me");
        assert_eq!(*seen.lock().unwrap(), expected, "{era:?}");
    }
}

#[tokio::test]
async fn a_layer_cannot_ask() {
    use mcp_tests::client::Connect as _;
    for era in ERAS {
        let server = Server::new("ask", "1").with(components![one]).layer(
            |call: LayeredCall, _: Next| async move {
                let asked = call.context().elicit::<Answer>("Why?").await;
                call.tool_result(format!("{:?}", asked.err()))
            },
        );
        let answer = |_: &Value| json!({ "action": "accept", "content": { "text": "me" } });
        let client = server.connect().revision(era).answer_with(answer).await;
        let reply = client.call("one", json!({})).await.unwrap();
        assert_eq!(reply.text(), "Some(OutsideCall)", "{era:?}");
    }
}
