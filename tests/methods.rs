//! Methods as components: one value that all calls share, in both eras.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests
#![allow(clippy::unused_async, clippy::needless_lifetimes)] // these signatures are tested

use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, Listing};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

/// Counts, in steps.
struct Counter {
    count: AtomicU32,
    step: u32,
}

#[tools]
impl Counter {
    /// The largest step.
    const LARGEST: u32 = 10;

    fn new(step: u32) -> Self {
        Self {
            count: AtomicU32::new(0),
            step,
        }
    }

    /// Count on.
    #[tool(idempotent = false)]
    async fn count(
        &self,
        /// How often.
        #[arg(default = Self::ONCE)]
        times: u32,
    ) -> u32 {
        let more = times * self.step;
        self.count.fetch_add(more, Ordering::SeqCst) + more
    }

    /// Reset the count.
    #[tool(inline)]
    fn reset(&self, context: Context) -> String {
        self.count.store(0, Ordering::SeqCst);
        context.request_id().to_string()
    }

    /// The largest step.
    #[tool(name = "largest-step")]
    fn largest_step() -> u32 {
        Self::LARGEST
    }

    /// The count.
    #[resource("count://now")]
    fn now(&self) -> String {
        self.shown()
    }

    /// The count in steps of a given size.
    #[resource("count://after/{steps}", list = Self::listed)]
    async fn after<'a>(&'a self, #[arg(complete = Self::complete_steps)] steps: u32) -> String {
        (self.count.load(Ordering::SeqCst) + steps * self.step).to_string()
    }

    fn listed(&self, _: Listing) -> Vec<ResourceLink> {
        let uri = format!("count://after/{}", self.step);
        vec![ResourceLink::new(uri, "after one step")]
    }

    async fn complete_steps(&self, completion: Completion) -> Vec<String> {
        vec![format!("{}{}", completion.value(), self.step)]
    }

    fn complete_ends(completion: Completion) -> Vec<String> {
        vec![completion.value().to_uppercase()]
    }

    /// Ask to count.
    #[prompt]
    fn please(&self, #[arg(complete = Self::complete_ends)] to: String) -> String {
        format!("Count from {} to {to}.", self.shown())
    }

    fn shown(&self) -> String {
        self.count.load(Ordering::SeqCst).to_string()
    }

    const ONCE: u32 = 1;
}

/// A type that its completing methods name in several ways.
struct Completing {
    end: &'static str,
}

mod by_another_name {
    pub(crate) type Other = super::Completing;
}

type Outcome = Result<Vec<String>, std::fmt::Error>;

#[tools]
impl Completing {
    fn plain(&self, completion: Completion) -> Vec<String> {
        vec![format!("{} plain {}", completion.value(), self.end)]
    }

    async fn eventual(&self, completion: Completion) -> Outcome {
        tokio::task::yield_now().await;
        Ok(vec![format!(
            "{} eventual {}",
            completion.value(),
            self.end
        )])
    }

    #[allow(clippy::manual_async_fn)] // this form is tested
    fn future(&self, completion: Completion) -> impl Future<Output = Vec<String>> + Send + use<'_> {
        async move { vec![format!("{} future {}", completion.value(), self.end)] }
    }

    fn alone(completion: Completion) -> Vec<String> {
        vec![format!("{} alone", completion.value())]
    }

    async fn alone_too(completion: Completion) -> Vec<&'static str> {
        vec![if completion.value().is_empty() {
            ""
        } else {
            "alone too"
        }]
    }

    /// Ask for all of them.
    #[prompt]
    #[allow(clippy::too_many_arguments)] // one for each way to complete
    fn all(
        #[arg(complete = Self::plain)] one: String,
        #[arg(complete = Completing::eventual)] two: String,
        #[arg(complete = <Self>::future)] three: String,
        #[arg(complete = by_another_name::Other::plain)] four: String,
        #[arg(complete = crate::Completing::eventual)] five: String,
        #[arg(complete = <Completing as Offers>::offered)] six: String,
        #[arg(complete = Self::alone)] seven: String,
        #[arg(complete = Self::alone_too)] eight: String,
        #[arg(complete = free)] nine: String,
    ) -> String {
        [one, two, three, four, five, six, seven, eight, nine].concat()
    }
}

trait Offers {
    fn offered(&self, completion: Completion) -> Vec<String>;
}

impl Offers for Completing {
    fn offered(&self, completion: Completion) -> Vec<String> {
        vec![format!("{} of a trait {}", completion.value(), self.end)]
    }
}

async fn free(completion: Completion) -> Vec<String> {
    vec![format!("{} free", completion.value())]
}

#[tokio::test]
async fn methods_complete_by_any_name() {
    let value = Completing { end: "!" };
    let client = Server::new("x", "1").with(value).connect().await;
    for (argument, offered) in [
        ("one", "a plain !"),
        ("two", "a eventual !"),
        ("three", "a future !"),
        ("four", "a plain !"),
        ("five", "a eventual !"),
        ("six", "a of a trait !"),
        ("seven", "a alone"),
        ("eight", "alone too"),
        ("nine", "a free"),
    ] {
        let completed = client.complete("all", argument, "a").await.unwrap();
        assert_eq!(completed.values, [offered], "{argument}");
    }
}

async fn read(client: &Client, uri: &str) -> String {
    client.read(uri).await.unwrap()[0]["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn all_calls_share_the_value() {
    let client = Server::new("counter", "1.0.0")
        .with(Counter::new(2))
        .connect()
        .await;
    for expected in ["2", "4"] {
        assert_eq!(
            client.call("count", json!({})).await.unwrap().text(),
            expected
        );
    }
    assert_eq!(
        client
            .call("count", json!({ "times": 3 }))
            .await
            .unwrap()
            .text(),
        "10"
    );
    assert_eq!(
        client.call("largest-step", json!({})).await.unwrap().text(),
        "10"
    );
    assert_eq!(read(&client, "count://now").await, "10");
    assert_eq!(read(&client, "count://after/5").await, "20");
    client.call("reset", json!({})).await.unwrap();
    assert_eq!(read(&client, "count://now").await, "0");
}

#[tokio::test]
async fn methods_list_and_complete() {
    let client = Server::new("counter", "1.0.0")
        .with(Counter::new(4))
        .connect()
        .await;
    let listed = client.resources().await.unwrap();
    assert!(
        listed.iter().any(|it| it["uri"] == "count://after/4"),
        "{listed:?}"
    );
    let completed = |reference: Value, name: &'static str| {
        let params = json!({ "ref": reference, "argument": { "name": name, "value": "a" } });
        client.request("completion/complete", params)
    };
    let template = json!({ "type": "ref/resource", "uri": "count://after/{steps}" });
    let steps = completed(template, "steps").await.unwrap();
    assert_eq!(steps["completion"]["values"], json!(["a4"]));
    let prompt = json!({ "type": "ref/prompt", "name": "please" });
    let ends = completed(prompt, "to").await.unwrap();
    assert_eq!(ends["completion"]["values"], json!(["A"]));
}

#[tokio::test]
async fn methods_stay_what_they_are() {
    let counter = Counter::new(3);
    assert_eq!(counter.count(2).await, 6);
    assert_eq!(Counter::largest_step(), 10);
}

#[tokio::test]
async fn the_arguments_are_those_of_functions() {
    let client = Server::new("counter", "1.0.0")
        .with(Counter::new(1))
        .connect()
        .await;
    let tools = client.request("tools/list", json!({})).await.unwrap();
    let names: Vec<&str> = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["count", "reset", "largest-step"]);
    let times = &tools["tools"][0]["inputSchema"]["properties"]["times"];
    assert_eq!(times["default"], 1);
    assert_eq!(times["description"], "How often.");
    let refused = client
        .call("count", json!({ "times": "many", "self": 1 }))
        .await
        .unwrap();
    assert!(refused.is_error());
    assert!(refused.text().contains("`times`"), "{}", refused.text());
    assert!(
        refused.text().contains("unknown argument `self`"),
        "{}",
        refused.text()
    );
}

/// Says what it holds.
struct Holder<T> {
    held: T,
}

#[tools]
impl<T: Display + Clone + Send + Sync + 'static> Holder<T>
where
    T: PartialEq,
{
    /// Show it.
    #[tool]
    async fn show(&self) -> String {
        self.held.to_string()
    }

    #[cfg(any())]
    #[tool]
    fn never(&self, context: Nothing) {}
}

#[tokio::test]
async fn the_type_may_have_parameters() {
    let client = Server::new("holder", "1.0.0")
        .with(Holder { held: 7 })
        .connect()
        .await;
    assert_eq!(client.call("show", json!({})).await.unwrap().text(), "7");
    let tools = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(tools["tools"].as_array().unwrap().len(), 1);
}

/// A type with several `impl`s of tools.
struct Split {
    name: &'static str,
}

#[tools(more)]
impl Split {
    /// Come before the first `impl`.
    #[tool]
    async fn earlier(&self) -> String {
        format!("{} earlier", self.name)
    }
}

#[tools]
impl Split {
    /// Be of the first `impl`.
    #[tool]
    fn first(&self) -> String {
        format!("{} first", self.name)
    }
}

mod more {
    use super::*;

    #[tools(more)]
    impl Split {
        fn words(&self) -> Vec<String> {
            vec![format!("{} word", self.name)]
        }

        /// Be of another module.
        #[prompt]
        fn ask(&self, #[arg(complete = Self::words)] it: String) -> String {
            format!("{} asks for {it}", self.name)
        }

        /// Be of another module.
        #[resource("split://{it}")]
        async fn part(&self, it: String) -> String {
            format!("{} {it}", self.name)
        }

        #[cfg(any())]
        #[tool]
        fn never(&self, context: Nothing) {}
    }
}

#[tools(more = false)]
impl Alone {
    /// Be the only one.
    #[tool]
    fn alone() -> &'static str {
        "alone"
    }
}

struct Alone;

#[tokio::test]
async fn several_impls_of_one_type_share_the_value() {
    let server = Server::new("x", "1")
        .with(Split { name: "split" })
        .with(Alone);
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["first", "earlier", "alone"]);
    let first = client.call("first", json!({})).await.unwrap();
    let earlier = client.call("earlier", json!({})).await.unwrap();
    assert_eq!(
        (first.text(), earlier.text()),
        ("split first".to_owned(), "split earlier".to_owned())
    );
    assert_eq!(read(&client, "split://7").await, "split 7");
    let asked = client.prompt("ask", json!({ "it": "x" })).await.unwrap();
    assert_eq!(asked[0]["content"]["text"], "split asks for x");
    let completed = client.complete("ask", "it", "").await.unwrap();
    assert_eq!(completed.values, ["split word"]);
}

/// Two `impl`s with a tool of the same name.
struct Twice;

#[tools]
impl Twice {
    /// Be one.
    #[tool]
    fn same() -> u8 {
        1
    }
}

#[tools(more)]
impl Twice {
    /// Be the other.
    #[tool(name = "same")]
    fn other() -> u8 {
        2
    }
}

#[tokio::test]
async fn two_impls_with_one_name_are_an_error() {
    let client = Server::new("x", "1").with(Twice).connect().await;
    let error = client.tools().await.unwrap_err().to_string();
    assert!(error.contains("two tools are called `same`"), "{error}");
}
