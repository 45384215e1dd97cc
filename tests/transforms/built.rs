//! The errors of transforms that cannot be applied.

use mcp_runtime::{Prompt, ResultSchema, ServeError, Tool, ToolSearch, Transform, prelude::*};
use serde_json::{Value, json};

use crate::{echo, inner};

async fn problems(server: Server) -> Vec<String> {
    match server.start().await {
        Err(ServeError::Build(error)) => error.problems().map(str::to_owned).collect(),
        other => panic!("the server was built: {:?}", other.is_ok()),
    }
}

async fn expect(server: Server, expected: &str) {
    let problems = problems(server).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains(expected),
        "{expected}\n{}",
        problems[0]
    );
}

/// Arguments that are the fields of a struct.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Place {
    city: String,
}

/// Find a place.
#[tool]
async fn find(#[arg(flatten)] place: Place) -> String {
    place.city
}

#[tokio::test]
async fn mistakes_name_the_place_and_the_fix() {
    let status = || Transform::tool("status");
    let raw = || Transform::tool("raw");
    let cases: Vec<(Transform, &str)> = vec![
        (
            Transform::tool("statsu").rename("x").into(),
            "the transform of tool `statsu` has no effect, because the server offers no such tool to it: did you mean `status`?",
        ),
        (
            Transform::prompt("zzzzzzz").remove().into(),
            "add `.later()` if the prompt is added while the server runs",
        ),
        (
            Transform::resource("db://citie").remove().into(),
            "did you mean `db://cities`?",
        ),
        (
            status().rename("two words").into(),
            "the transform of tool `status` renames it to `two words`, and a name is",
        ),
        (
            status().rename("wipe").into(),
            "two tools are called `wipe`",
        ),
        (
            status().fix_argument("repoo", "x").into(),
            "the transform of tool `status`: the argument `repoo` does not exist: did you mean `repo`?",
        ),
        (
            raw().rename_argument("nothing", "x").into(),
            "the argument `nothing` does not exist: there are `repo`, `depth`, `verbose`",
        ),
        (
            status().remove_argument("repo").into(),
            "the argument `repo` is required, and cannot be removed: give it a value with `fix_argument`",
        ),
        (
            raw().remove_argument("repo").into(),
            "is required, and cannot be removed",
        ),
        (
            status().fix_argument("depth", 12).into(),
            "the argument `depth` has a fixed value that its schema refuses: `depth`",
        ),
        (
            raw().fix_argument("depth", "x").into(),
            "has a fixed value that its schema refuses",
        ),
        (
            status().rename_argument("repo", "depth").into(),
            "the argument `repo` is renamed to `depth`, as another argument is called: choose another name",
        ),
        (
            status()
                .rename_argument("repo", "path")
                .fix_argument("repo", "x")
                .into(),
            "is removed, and also renamed or described",
        ),
        (
            Transform::prompt("greet").fix_argument("nam", "x").into(),
            "the transform of prompt `greet`: the argument `nam` does not exist: did you mean `name`?",
        ),
        (
            Transform::prompt("write").remove_argument("topic").into(),
            "is required",
        ),
        (
            Transform::tool("count")
                .result(ResultSchema::Replace(json!({ "type": 7 })), |_, it| it)
                .into(),
            "the transform of tool `count`: the schema of its output must have `\"type\": \"object\"`",
        ),
        (
            Transform::filter(|_| false),
            "the transforms leave no component",
        ),
    ];
    for (transform, expected) in cases {
        expect(inner().transform(transform), expected).await;
    }
}

#[tokio::test]
async fn mistakes_of_several_components_name_them() {
    let both = inner()
        .transform(Transform::tool("status").rename("x"))
        .transform(Transform::tool("raw").rename("x"));
    expect(both, "two tools are called `x`, `status` (renamed by a transform) and `raw` (renamed by a transform): rename one").await;
    let prompts = inner()
        .with(Prompt::new("other", [], echo))
        .transform(Transform::prompt("greet").rename("other"));
    expect(prompts, "two prompts are called `other`").await;
    let mounted = Server::new("outer", "1").mount(
        "a",
        inner().transform(Transform::tool("nothing_like_it").remove()),
    );
    expect(
        mounted,
        "in the mounted server `inner`: the transform of tool `nothing_like_it`",
    )
    .await;
    let searched = inner()
        .tool_search(ToolSearch::new())
        .transform(Transform::tool("status").rename("search_tools"));
    expect(searched, "as a tool of `Server::tool_search` is").await;
}

#[tokio::test]
async fn arguments_that_cannot_be_changed_are_refused() {
    let flattened = Server::new("x", "1")
        .with(components![find])
        .transform(Transform::tool("find").rename_argument("city", "town"));
    expect(
        flattened,
        "the argument `city` is a member of a flattened parameter",
    )
    .await;
    let schema = |more: Value| {
        let mut schema =
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": {} } });
        schema
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        schema
    };
    for more in [
        json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
        json!({ "dependentRequired": { "a": ["b"] } }),
        json!({ "$defs": { "c": { "$ref": "#/properties/a" } } }),
    ] {
        let tool = || Tool::new("t", schema(more.clone()), echo);
        let server = |transform| Server::new("x", "1").with(tool()).transform(transform);
        let renamed: Transform = Transform::tool("t").rename_argument("a", "c").into();
        expect(
            server(renamed),
            "cannot be renamed or removed, because the schema has",
        )
        .await;
        let described: Transform = Transform::tool("t").describe_argument("a", "A.").into();
        assert!(server(described).start().await.is_ok());
    }
}

/// The tools of the search are not those of the server, so that no filter removes them.
#[tokio::test]
async fn transforms_leave_the_tools_of_the_search() {
    let server = inner()
        .tool_search(ToolSearch::new())
        .transform(Transform::filter(|component| component.has_tag("public")))
        .transform(
            Transform::tool("status")
                .rename("changes")
                .description("Look at novelties."),
        );
    let client = server.client().await;
    assert_eq!(client.tools().await.unwrap().len(), 2);
    let found = client
        .call("search_tools", json!({ "query": "novelties" }))
        .await
        .unwrap();
    assert_eq!(found.structured()["tools"][0]["name"], "changes");
    let call = json!({ "name": "changes", "arguments": { "repo": "r", "depth": 1 } });
    assert_eq!(
        client.call("call_tool", call).await.unwrap().text(),
        "r 1 None None"
    );
    let gone = json!({ "name": "wipe", "arguments": {} });
    assert!(client.call("call_tool", gone).await.is_err());
}
