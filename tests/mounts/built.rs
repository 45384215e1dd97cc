//! The errors of servers that cannot be built with their mounts.

use mcp_runtime::prelude::*;
use mcp_runtime::{MemoryStore, Prompt, Resource, SchemaDialect, ServeError, Tool, ToolSearch};
use serde_json::{Value, json};

use crate::{inner, outer, own};

async fn nothing(_: Value, _: Context) -> &'static str {
    ""
}

fn tool(name: &str) -> Tool {
    Tool::new(name, json!({ "type": "object" }), nothing)
}

fn of(name: &str) -> Server {
    Server::new(name, "1")
}

async fn problems(server: Server) -> String {
    match server.start().await {
        Err(ServeError::Build(error)) => error.problems().collect::<Vec<_>>().join("\n"),
        other => panic!("the server was built: {:?}", other.is_ok()),
    }
}

#[tokio::test]
async fn conflicts_name_both_components() {
    let prompt = |name: &str| Prompt::new(name, [], nothing);
    for (server, expected) in [
        (
            of("x")
                .with(tool("a_b"))
                .mount("a", of("y").with(tool("b"))),
            "two tools are called `a_b`, one of the server itself and `b` of the mounted server `y`",
        ),
        (
            of("x")
                .mount("a", of("y").with(tool("b_c")))
                .mount("a_b", of("z").with(tool("c"))),
            "two tools are called `a_b_c`, `b_c` of the mounted server `y` and `c` of the mounted server `z`",
        ),
        (
            of("x")
                .mount_without_prefix(of("y").with(prompt("p")))
                .with(prompt("p")),
            "two prompts are called `p`, one of the server itself and `p` of the mounted server `y`",
        ),
        (
            of("x")
                .with(Resource::new("db://A/cities", "x", nothing))
                .mount(
                    "a",
                    of("y").with(Resource::new("db://cities", "y", nothing)),
                ),
            "two resources are called `db://a/cities`, one of the server itself and `db://cities` of the mounted server `y`",
        ),
        (
            of("x")
                .with(Resource::new("db://a/{id}", "x", nothing))
                .mount("a", of("y").with(Resource::new("db://{id}", "y", nothing))),
            "two resources are called `db://a/{id}`, one of the server itself and `db://{id}` of the mounted server `y`",
        ),
        (
            of("x").mount(
                "a",
                of("y")
                    .with(tool("b_c"))
                    .mount("b", of("z").with(tool("c"))),
            ),
            "in the mounted server `y`: two tools are called `b_c`, one of the server itself and `c` of the mounted server `z`",
        ),
    ] {
        let problems = problems(server).await;
        assert!(problems.contains(expected), "{problems}\n{expected}");
        assert!(problems.contains("another prefix"), "{problems}");
    }
}

#[tokio::test]
async fn a_mounted_tool_cannot_have_the_name_of_a_tool_of_search() {
    let mounted = of("y").with(tool("tools"));
    let server = outer()
        .tool_search(ToolSearch::new())
        .mount("search", mounted);
    let problems = problems(server).await;
    let expected = "a tool is called `search_tools` (`tools` of the mounted server `y`), as a tool of `Server::tool_search` is";
    assert!(problems.contains(expected), "{problems}");
}

#[tokio::test]
async fn prefixes_and_names_follow_the_rules() {
    for prefix in ["", "a b", "..", "a/b", "{a}"] {
        let problems = problems(outer().mount(prefix, inner())).await;
        assert!(problems.contains("`inner` is mounted as"), "{problems}");
        assert!(
            problems.contains("a prefix is a letter or digit"),
            "{problems}"
        );
    }
    let long = "x".repeat(120);
    let problems = problems(outer().mount("prefix-of-nine", of("y").with(tool(&long)))).await;
    assert!(problems.contains("choose a shorter prefix"), "{problems}");
}

#[tokio::test]
async fn options_of_the_outermost_server_are_refused() {
    for (server, option) in [
        (inner().session_keys([[7; 32]]), "session_keys"),
        (
            inner().single_use_state(MemoryStore::default()),
            "single_use_state",
        ),
        (
            inner().schema_dialect(SchemaDialect::Gemini),
            "schema_dialect",
        ),
        (inner().tool_search(ToolSearch::new()), "tool_search"),
        #[cfg(feature = "auth")]
        (
            inner().auth(mcp_runtime::Auth::api_keys([mcp_runtime::ApiKey::new(
                "ada",
                "3f2b8c1d9e0a4756f1c8e2d7b6a59034",
            )])),
            "auth",
        ),
        #[cfg(feature = "audit")]
        (inner().audit(mcp_runtime::Audit::log()), "audit"),
        #[cfg(feature = "metrics")]
        (inner().metrics(), "metrics"),
    ] {
        let problems = problems(outer().mount("a", of("middle").mount("b", server))).await;
        let expected = format!("the mounted server `inner` has `.{option}(..)`");
        assert!(problems.contains(&expected), "{problems}");
    }
}

#[tokio::test]
async fn problems_of_mounted_servers_name_them() {
    let missing = of("y").with(components![own]);
    for (server, expected) in [
        (
            outer().mount("a", missing),
            "in the mounted server `y`: tool `own` takes `State<",
        ),
        (
            outer().mount("a", of("z")),
            "in the mounted server `z`: the server has no component",
        ),
        (
            outer()
                .mount(
                    "a",
                    of("z")
                        .with(tool("t"))
                        .extension("com.example/x", json!({ "a": 1 })),
                )
                .extension("com.example/x", json!({})),
            "the extension `com.example/x` has other settings in the mounted server `z`",
        ),
        (
            outer().mount("a", inner()).only_tagged(["none"]),
            "no component has the tag `none`",
        ),
    ] {
        let problems = problems(server).await;
        assert!(problems.contains(expected), "{problems}");
    }
}
