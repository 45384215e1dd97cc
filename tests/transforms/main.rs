//! Transforms of what a server offers, for its own components and for those of mounted servers, in both eras and over all
//! transports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod arguments;
mod as_tools;
mod built;
mod live;
mod names;
mod results;
#[cfg(feature = "auth")]
mod scopes;
mod versions;
#[allow(dead_code)] // `callers` uses more of it
#[path = "../callers/wires.rs"]
mod wires;

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, Prompt, PromptArgument, Tool, Transform};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use wires::{ALL, Caller, ERAS, Host, Who};

/// Show the changes.
#[tool(tags("public"))]
async fn status(
    /// The path of the repository.
    repo: String,
    #[arg(range(1..=9))] depth: u8,
    verbose: Option<bool>,
    #[arg(header = "Region")] region: Option<String>,
) -> String {
    format!("{repo} {depth} {verbose:?} {region:?}")
}

/// Delete everything.
#[tool]
async fn wipe() {}

#[derive(Serialize, JsonSchema)]
struct Count {
    words: u32,
}

/// Count.
#[tool(tags("public"))]
async fn count(words: u32) -> Json<Count> {
    Json(Count { words })
}

async fn echo(arguments: Value, _: Context) -> String {
    arguments.to_string()
}

/// A tool that was created at run time, as those of proxies are.
fn raw() -> Tool {
    let schema = json!({
        "type": "object",
        "properties": {
            "repo": { "type": "string" },
            "depth": { "type": "integer", "minimum": 1, "maximum": 9 },
            "verbose": { "type": "boolean" },
        },
        "required": ["repo", "depth"],
    });
    Tool::new("raw", schema, echo).tag("public")
}

async fn names(completion: Completion) -> Vec<String> {
    vec![format!("{:?}", completion.argument("style"))]
}

/// Greet somebody.
#[prompt(tags("public"))]
async fn greet(#[arg(complete = names)] name: String, style: Option<String>) -> String {
    format!("{name} {style:?}")
}

async fn written(arguments: Value, _: Context) -> String {
    arguments.to_string()
}

fn prompt(name: &str) -> Prompt {
    Prompt::new(name, [], written)
}

fn write() -> Prompt {
    let arguments = [
        PromptArgument::new("topic"),
        PromptArgument::new("tone").optional(),
    ];
    Prompt::new("write", arguments, written).tag("public")
}

/// All cities.
#[resource("db://cities", tags("public"))]
async fn cities() -> &'static str {
    "Oslo"
}

/// A row.
#[resource("db://row/{id}")]
async fn row(id: String) -> String {
    id
}

fn inner() -> Server {
    Server::new("inner", "1")
        .with(components![status, wipe, count, greet, cities, row])
        .with(raw())
        .with(write())
}

/// Returns transforms for components with these prefixes of names and URIs.
type Make = fn(&str, &str) -> Vec<Transform>;

fn with(mut server: Server, transforms: Vec<Transform>) -> Server {
    for transform in transforms {
        server = server.transform(transform);
    }
    server
}

/// A way in which transforms reach the components of a server.
struct Way {
    what: &'static str,
    server: fn(Server, Make) -> Server,
    uris: &'static str,
}

const WAYS: [Way; 4] = [
    Way {
        what: "local",
        server: |inner, make| with(inner, make("", "")),
        uris: "",
    },
    Way {
        what: "mounted",
        server: |inner, make| {
            with(
                Server::new("outer", "1").mount("a", inner),
                make("a_", "a/"),
            )
        },
        uris: "a/",
    },
    Way {
        what: "nested",
        server: |inner, make| {
            let middle = Server::new("middle", "1").mount("b", inner);
            with(
                Server::new("outer", "1").mount("a", middle),
                make("a_b_", "a/b/"),
            )
        },
        uris: "a/b/",
    },
    Way {
        what: "in the mounted server",
        server: |inner, make| {
            Server::new("outer", "1").mount_without_prefix(with(inner, make("", "")))
        },
        uris: "",
    },
];

/// Runs a test for each way, transport and era.
async fn everywhere(make: Make, test: impl AsyncFn(&Way, &Caller)) {
    for way in &WAYS {
        for over in ALL {
            let host = Host::of((way.server)(inner(), make), over).await;
            for era in ERAS {
                let caller = host.caller(era, Who::default()).await;
                test(way, &caller).await;
            }
        }
    }
}

/// Returns the definitions of a list.
async fn list(caller: &Caller, method: &str, member: &str) -> Vec<Value> {
    let result = caller.request(method, json!({})).await.unwrap();
    result[member].as_array().unwrap().clone()
}

fn keys(definitions: &[Value], key: &str) -> Vec<String> {
    let keys = definitions
        .iter()
        .map(|it| it[key].as_str().unwrap().to_owned());
    keys.collect()
}
