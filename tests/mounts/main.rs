//! Servers that are mounted in others: names, what each server keeps, changes while they run, and errors of construction.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

mod built;
mod kept;
mod limits;
mod live;
mod names;
#[cfg(feature = "auth")]
mod scopes;
mod search;
#[allow(dead_code)] // `callers` uses more of it
#[path = "../callers/wires.rs"]
mod wires;

use mcp_runtime::prelude::*;
use mcp_runtime::{Components, EmbeddedResource, ResourceLink};

/// The server that a component belongs to, as a state of each server.
struct Name(&'static str);

/// Return the name of the server.
#[tool]
async fn whoami(name: State<Name>) -> &'static str {
    name.0
}

/// Return the name of the outer server.
#[tool]
async fn own(name: State<Name>) -> &'static str {
    name.0
}

/// Take too long.
#[tool(timeout = std::time::Duration::from_millis(20))]
async fn slow() {
    std::future::pending::<()>().await;
}

/// Return links: to resources of the server, and to another page.
#[tool]
async fn links() -> Vec<ResourceLink> {
    vec![
        ResourceLink::new("db://cities", "cities"),
        ResourceLink::new("db://row/7", "row"),
        ResourceLink::new("https://example.com/page", "page"),
    ]
}

/// Return an embedded resource.
#[tool]
async fn embedded() -> EmbeddedResource {
    EmbeddedResource::new("db://cities", ResourceContents::text("Oslo"))
}

/// All cities.
#[resource("db://cities")]
async fn cities(name: State<Name>) -> String {
    format!("the cities of {}", name.0)
}

/// Rows, with a part at another URI.
#[resource("db://row/{id}", list = rows)]
async fn row(#[arg(complete = ids)] id: String) -> Vec<ResourceContents> {
    vec![
        ResourceContents::text(format!("row {id}")),
        ResourceContents::text("cities").uri("db://cities"),
    ]
}

async fn rows(name: State<Name>) -> Vec<ResourceLink> {
    vec![ResourceLink::new(
        "db://row/1",
        format!("row of {}", name.0),
    )]
}

async fn ids(name: State<Name>) -> Vec<&'static str> {
    vec![name.0]
}

/// Ask for something.
#[prompt]
async fn ask(#[arg(complete = ids)] what: String, name: State<Name>) -> String {
    format!("{what} of {}", name.0)
}

fn components() -> Components {
    components![whoami, slow, links, embedded, cities, row, ask]
}

/// A server with components of all kinds.
fn inner() -> Server {
    Server::new("inner", "1")
        .with(components())
        .state(Name("inner"))
}

/// A server with a tool, and a state of the same type as that of the inner one.
fn outer() -> Server {
    Server::new("outer", "1")
        .with(components![own])
        .state(Name("outer"))
}

/// A way in which the inner server is reached.
struct Way {
    what: &'static str,
    server: fn(Server) -> Server,
    /// The prefix of names.
    names: &'static str,
    /// The prefix of URIs.
    uris: &'static str,
}

const WAYS: [Way; 5] = [
    Way {
        what: "not mounted",
        server: |inner| inner,
        names: "",
        uris: "",
    },
    Way {
        what: "with a prefix",
        server: |inner| outer().mount("a", inner),
        names: "a_",
        uris: "a/",
    },
    Way {
        what: "without a prefix",
        server: |inner| outer().mount_without_prefix(inner),
        names: "",
        uris: "",
    },
    Way {
        what: "three levels",
        server: |inner| {
            let third = Server::new("third", "1").mount("c", inner);
            let second = Server::new("second", "1")
                .with(components![own])
                .state(Name("second"));
            outer().mount("a", second.mount("b", third))
        },
        names: "a_b_c_",
        uris: "a/b/c/",
    },
    Way {
        what: "beside others",
        server: |inner| {
            let second = Server::new("second", "1")
                .mount("x", super_server("x"))
                .mount("c", inner);
            outer()
                .mount("w", super_server("w"))
                .mount_without_prefix(second)
        },
        names: "c_",
        uris: "c/",
    },
];

/// Another server with the same components and another state.
fn super_server(name: &'static str) -> Server {
    Server::new(name, "1").with(components()).state(Name(name))
}
