//! Components that are created at run time, from schemas and closures instead of functions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use mcp_runtime::prelude::*;
use mcp_runtime::{
    ClientError, Completion, Prompt, PromptArgument, Resource, ResourceLink, Revision, Tool,
};
use mcp_tests::client::{Client, Connect as _};
use serde_json::{Value, json};

fn echo(schema: Value) -> Server {
    let echo = Tool::new("echo", schema, |arguments: Value, _: Context| async move {
        arguments.to_string()
    });
    Server::new("run-time", "1").with(echo)
}

async fn call(client: &Client, arguments: Value) -> Result<String, String> {
    let reply = client.call("echo", arguments).await.unwrap();
    if reply.is_error() {
        Err(reply.text())
    } else {
        Ok(reply.text())
    }
}

#[tokio::test]
async fn arguments_are_checked_and_never_repaired() {
    let schema = json!({
        "type": "object",
        "properties": {
            "count": { "type": "integer", "minimum": 1, "maximum": 9 },
            "name": { "type": "string", "minLength": 2, "maxLength": 4 },
            "color": { "enum": ["red", "blue", 1] },
            "tags": { "type": "array", "items": { "type": "string" }, "maxItems": 2, "uniqueItems": true },
            "point": { "$ref": "#/$defs/Point" },
            "either": { "oneOf": [{ "type": "string" }, { "type": "null" }] },
            "headers": { "type": "object", "patternProperties": { "^x-": { "type": "string" } }, "additionalProperties": false },
        },
        "required": ["count"],
        "additionalProperties": false,
        "$defs": { "Point": { "type": "object", "properties": { "x": { "type": "number" } }, "required": ["x"] } },
    });
    let client = echo(schema).connect().await;
    for right in [
        json!({ "count": 1 }),
        json!({ "count": 3.0, "name": "äöüß", "color": 1.0, "tags": ["a", "b"] }),
        json!({ "count": 9, "point": { "x": 1.5, "y": 2 }, "either": null }),
        json!({ "count": 2, "headers": { "x-one": "1" } }),
    ] {
        let said = call(&client, right.clone()).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), right);
    }
    for (wrong, place) in [
        (json!({}), "`arguments.count`"),
        (json!({ "count": "1" }), "`arguments.count`"),
        (json!({ "count": 1.5 }), "`arguments.count`"),
        (json!({ "count": 10 }), "`arguments.count`"),
        (json!({ "count": null }), "`arguments.count`"),
        (json!({ "count": 1, "name": "x" }), "`arguments.name`"),
        (json!({ "count": 1, "name": "abcde" }), "`arguments.name`"),
        (json!({ "count": 1, "name": null }), "`arguments.name`"),
        (json!({ "count": 1, "color": "green" }), "`arguments.color`"),
        (
            json!({ "count": 1, "tags": ["a", "b", "c"] }),
            "`arguments.tags`",
        ),
        (
            json!({ "count": 1, "tags": ["a", "a"] }),
            "`arguments.tags[1]`",
        ),
        (json!({ "count": 1, "tags": [7] }), "`arguments.tags[0]`"),
        (json!({ "count": 1, "tags": "a" }), "`arguments.tags`"),
        (json!({ "count": 1, "point": {} }), "`arguments.point"),
        (
            json!({ "count": 1, "point": { "x": "1" } }),
            "`arguments.point.x`",
        ),
        (json!({ "count": 1, "either": 1 }), "`arguments.either`"),
        (json!({ "count": 1, "unknown": 1 }), "unknown"),
    ] {
        let error = call(&client, wrong.clone()).await.expect_err("refused");
        assert!(
            error.starts_with("Invalid arguments:\n- "),
            "{wrong}: {error}"
        );
        assert!(error.contains(place), "{wrong}: {error}");
    }
}

/// Ways of writing a schema that have the same meaning, and those that are easily overlooked.
#[tokio::test]
async fn a_schema_may_be_written_in_any_way() {
    let schema = json!({
        "type": "object",
        "properties": {
            "nested": { "enum": [[0], { "a": [1] }] },
            "only": { "const": { "a": [{ "b": 2 }] } },
            "few": { "type": "array", "maxItems": 2.0 },
            "short": { "type": "string", "minLength": 2.0 },
            "pair": { "prefixItems": [true, { "type": "string" }], "items": false },
            "never": { "anyOf": [false, false] },
            "chain": { "$ref": "#/$defs/A" },
            "beside": { "$ref": "#/$defs/List", "minItems": 1 },
            "encoded": { "$ref": "#/$defs/50%25~1" },
            "inside": { "$ref": "#/$defs/Point/properties/x" },
            "sibling": { "$ref": "#/properties/short" },
            "again": { "$ref": "#" },
            "undefined": { "oneOf": [{ "type": "object", "properties": { "a": {} }, "required": ["b"] }, { "type": "null" }] },
        },
        "additionalProperties": false,
        "$defs": {
            "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#/$defs/C" }, "C": { "type": "integer" },
            "List": { "type": "array" }, "50%/": { "type": "integer" },
            "Point": { "properties": { "x": { "type": "number" } } },
        },
    });
    let client = echo(schema.clone()).connect().await;
    let list = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(
        list["tools"][0]["inputSchema"], schema,
        "it is sent unchanged"
    );
    for (name, right, wrong) in [
        ("nested", json!([0.0]), json!([1])),
        ("nested", json!({ "a": [1.0] }), json!({ "a": [1], "b": 1 })),
        (
            "only",
            json!({ "a": [{ "b": 2.0 }] }),
            json!({ "a": [{ "b": 3 }] }),
        ),
        ("few", json!([1, 2]), json!([1, 2, 3])),
        ("short", json!("ab"), json!("a")),
        ("pair", json!([1, "a"]), json!([1, "a", 2])),
        ("chain", json!(1), json!("1")),
        ("beside", json!([1]), json!([])),
        ("beside", json!([1]), json!("a")),
        ("encoded", json!(1), json!("a")),
        ("inside", json!(1.5), json!("a")),
        ("sibling", json!("ab"), json!("a")),
        (
            "again",
            json!({ "again": { "chain": 1 } }),
            json!({ "again": { "chain": "a" } }),
        ),
        ("undefined", json!({ "b": 1 }), json!(5)),
        ("again", json!({}), json!({ "unknown": 1 })),
    ] {
        call(&client, json!({ name: right })).await.unwrap();
        let error = call(&client, json!({ name: wrong })).await.unwrap_err();
        assert!(error.contains(&format!("`arguments.{name}")), "{error}");
    }
    assert!(call(&client, json!({ "never": 1 })).await.is_err());
}

/// Checks terminate for schemas with circular references, and for values that match in very many ways.
#[tokio::test]
async fn no_schema_makes_a_check_endless() {
    let circle = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/A" } }, "$defs": { "A": { "$ref": "#/$defs/A" } } });
    let deep = json!({ "anyOf": [{ "$ref": "#/$defs/D" }, { "$ref": "#/$defs/D" }, { "type": "integer" }] });
    let deep = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/D" } },
        "$defs": { "D": { "type": "array", "items": deep } } });
    let mut nested = json!("leaf");
    for _ in 0..40 {
        nested = json!([nested]);
    }
    for schema in [circle, deep] {
        let client = echo(schema).connect().await;
        let began = std::time::Instant::now();
        let _ = call(&client, json!({ "a": nested })).await;
        assert!(began.elapsed().as_secs() < 5);
    }
}

/// The built-in checker refuses nothing that a complete validator accepts.
#[tokio::test]
async fn a_complete_validator_refuses_all_that_is_refused() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut refused, mut missed, mut allowed) = (0, 0, 0);
    for _ in 0..400 {
        let schema = json!({ "type": "object", "properties": { "v": any_schema(&mut random, 3) } });
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let client = echo(schema.clone()).connect().await;
        for _ in 0..10 {
            let value = json!({ "v": any_value(&mut random, 3) });
            match (
                call(&client, value.clone()).await,
                validator.is_valid(&value),
            ) {
                (Err(error), true) => panic!("{schema} allows {value}: {error}"),
                (Err(_), false) => refused += 1,
                (Ok(_), false) => missed += 1,
                (Ok(_), true) => allowed += 1,
            }
        }
    }
    assert!(refused > 500 && allowed > 500, "{refused} {allowed}");
    // Keywords that are only checked with the feature `validate`.
    assert!(missed * 5 < refused, "{missed} of {refused}");
}

fn any_schema(random: &mut fastrand::Rng, depth: u32) -> Value {
    let leaf = depth == 0;
    let types = [
        "string", "integer", "number", "boolean", "null", "array", "object",
    ];
    match random.u8(..if leaf { 6 } else { 14 }) {
        0 => json!({ "type": types[random.usize(..types.len())] }),
        1 => json!({ "type": ["null", types[random.usize(..4)]] }),
        2 => {
            json!({ "type": "integer", "minimum": random.i8(..), "exclusiveMaximum": random.i8(..) })
        }
        3 => json!({ "type": "string", "minLength": random.u8(..3), "maxLength": random.u8(..4) }),
        4 => json!({ "enum": [any_value(random, 0), any_value(random, 1)] }),
        5 => json!({ "const": any_value(random, 0) }),
        6 => {
            json!({ "type": "array", "items": any_schema(random, depth - 1), "minItems": random.u8(..2), "maxItems": random.u8(..4) })
        }
        7 => {
            json!({ "prefixItems": [any_schema(random, depth - 1), any_schema(random, depth - 1)] })
        }
        8 => {
            json!({ "type": "object", "properties": { "a": any_schema(random, depth - 1), "b": any_schema(random, depth - 1) }, "required": ["a"] })
        }
        9 => {
            json!({ "type": "object", "properties": { "a": any_schema(random, depth - 1) }, "additionalProperties": random.bool() })
        }
        10 => json!({ "type": "object", "additionalProperties": any_schema(random, depth - 1) }),
        11 => json!({ "anyOf": [any_schema(random, depth - 1), any_schema(random, depth - 1)] }),
        12 => json!({ "allOf": [any_schema(random, depth - 1), any_schema(random, depth - 1)] }),
        _ => {
            json!({ "type": "object", "patternProperties": { "^a": any_schema(random, depth - 1) }, "additionalProperties": false })
        }
    }
}

fn any_value(random: &mut fastrand::Rng, depth: u32) -> Value {
    match random.u8(..if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i8(..).into(),
        3 => (f64::from(random.i8(..4)) / 2.0).into(),
        4 => "ab"[..random.usize(..3)].into(),
        5 => "ä".into(),
        6 => (0..random.u8(..4))
            .map(|_| any_value(random, depth - 1))
            .collect(),
        7 => json!({ "a": any_value(random, depth - 1) }),
        _ => {
            json!({ "a": any_value(random, depth - 1), "b": any_value(random, depth - 1), "c": 1 })
        }
    }
}

#[tokio::test]
async fn results_fit_the_output_schema_or_are_errors() {
    let output = json!({ "type": "object", "properties": { "sum": { "type": "integer" } }, "required": ["sum"] });
    let schema = json!({ "type": "object" });
    let tool = Tool::new("echo", schema, |arguments: Value, _: Context| async move {
        match arguments["way"].as_str() {
            Some("text") => Ok(ToolResult::new().content(Content::text("no data"))),
            Some("failure") => Err(ToolError::new("failed on purpose")),
            _ => ToolResult::new().structured(&arguments["data"]),
        }
    })
    .output_schema(output.clone());
    let client = Server::new("run-time", "1").with(tool).connect().await;
    let list = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(list["tools"][0]["outputSchema"], output);
    let right = client
        .call("echo", json!({ "data": { "sum": 3 } }))
        .await
        .unwrap();
    assert_eq!(right.structured(), &json!({ "sum": 3 }));
    for (wrong, words) in [
        (json!({ "data": { "sum": "3" } }), "`structuredContent.sum`"),
        (json!({ "data": {} }), "`structuredContent.sum`"),
        (json!({ "data": [3] }), "`structuredContent`"),
        (json!({ "way": "text" }), "`structuredContent` is missing"),
        (json!({ "way": "failure" }), "failed on purpose"),
    ] {
        let error = call(&client, wrong.clone()).await.expect_err("an error");
        assert!(error.contains(words), "{wrong}: {error}");
        assert_eq!(
            error.contains("output schema"),
            wrong["way"] != "failure",
            "{error}"
        );
    }
    for (schema, words) in [
        (
            json!({ "type": "array" }),
            "the schema of its output must have",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "$ref": "https://example.com/a" } } }),
            "refers to",
        ),
    ] {
        let tool = Tool::new(
            "echo",
            json!({ "type": "object" }),
            |_: Value, _: Context| async {},
        );
        let client = Server::new("wrong", "1")
            .with(tool.output_schema(schema))
            .connect()
            .await;
        let error = client.request("tools/list", json!({})).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

fn components() -> Server {
    let readme = Resource::new("text://readme", "readme", |_: Value, _: Context| async {
        "Read me."
    });
    let post = Resource::new(
        "users://{id}/posts{?tag*,limit}",
        "posts",
        |variables: Value, _: Context| async move {
            (variables["id"] != "nobody").then(|| variables.to_string())
        },
    )
    .complete("id", |completion: Completion| {
        vec![format!("{}!", completion.value())]
    })
    .list(|| vec![ResourceLink::new("users://7/posts", "of 7")]);
    let bytes = Resource::new("bytes://{name}", "bytes", |_: Value, _: Context| async {
        vec![0_u8, 255]
    });
    let poem = Prompt::new(
        "poem",
        [
            PromptArgument::new("topic").description("Its topic."),
            PromptArgument::new("style")
                .optional()
                .complete(|_: Completion| async { vec!["haiku"] }),
        ],
        |arguments: Value, _: Context| async move { arguments.to_string() },
    );
    Server::new("run-time", "1")
        .with(readme)
        .with(post)
        .with(bytes)
        .with(poem)
}

#[tokio::test]
async fn resources_and_prompts_are_served_in_every_revision() {
    for &revision in Revision::ALL {
        let client = components().connect().revision(revision).await;
        let read = |uri: &str| {
            let (client, params) = (&client, json!({ "uri": uri }));
            async move { client.request("resources/read", params).await }
        };
        let contents = read("text://readme").await.unwrap();
        assert_eq!(contents["contents"][0]["text"], "Read me.", "{revision:?}");
        assert_eq!(contents["contents"][0]["mimeType"], "text/plain");
        for (uri, variables) in [
            ("users://7/posts", json!({ "id": "7" })),
            (
                "users://a%20b/posts?limit=3",
                json!({ "id": "a b", "limit": "3" }),
            ),
            (
                "users://7/posts?tag=x&tag=y",
                json!({ "id": "7", "tag": ["x", "y"] }),
            ),
        ] {
            let contents = read(uri).await.unwrap();
            let text = contents["contents"][0]["text"].as_str().unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(text).unwrap(),
                variables,
                "{uri}"
            );
        }
        assert_eq!(
            read("bytes://x").await.unwrap()["contents"][0]["blob"],
            "AP8="
        );
        for missing in [
            "users://nobody/posts",
            "users://..%2F/posts",
            "text://other",
        ] {
            assert!(
                matches!(read(missing).await, Err(ClientError::Rpc { .. })),
                "{missing}"
            );
        }
        let resources = client.request("resources/list", json!({})).await.unwrap();
        assert_eq!(resources["resources"].as_array().unwrap().len(), 2);

        let got = client
            .request(
                "prompts/get",
                json!({ "name": "poem", "arguments": { "topic": "rain" } }),
            )
            .await;
        assert_eq!(
            got.unwrap()["messages"][0]["content"]["text"],
            r#"{"topic":"rain"}"#
        );
        for (arguments, words) in [
            (json!({}), "`topic` is missing"),
            (json!({ "topic": 7 }), "expected a string"),
            (
                json!({ "topic": "rain", "sytle": "x" }),
                "did you mean `style`",
            ),
        ] {
            let params = json!({ "name": "poem", "arguments": arguments });
            let error = client.request("prompts/get", params).await.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        let prompts = client.request("prompts/list", json!({})).await.unwrap();
        assert_eq!(
            prompts["prompts"][0]["arguments"],
            json!([{ "name": "topic", "description": "Its topic.", "required": true }, { "name": "style", "required": false }])
        );
        for (reference, name, value) in [
            (
                json!({ "type": "ref/prompt", "name": "poem" }),
                "style",
                "haiku",
            ),
            (
                json!({ "type": "ref/resource", "uri": "users://{id}/posts{?tag*,limit}" }),
                "id",
                "7!",
            ),
        ] {
            let argument = json!({ "name": name, "value": "7" });
            let params = json!({ "ref": reference, "argument": argument });
            let completed = client.request("completion/complete", params).await.unwrap();
            assert_eq!(completed["completion"]["values"], json!([value]));
        }
    }
}

#[tokio::test]
async fn mistakes_are_said_when_the_server_is_built() {
    let twice = Prompt::new(
        "twice",
        [PromptArgument::new("a"), PromptArgument::new("a")],
        |_: Value, _: Context| async { "" },
    );
    let other = Resource::new("x://{a}", "other", |_: Value, _: Context| async { "" })
        .complete("b", |_: Completion| Vec::<String>::new());
    let client = Server::new("wrong", "1")
        .with(twice)
        .with(other)
        .connect()
        .await;
    let error = client
        .request("prompts/list", json!({}))
        .await
        .unwrap_err()
        .to_string();
    for words in [
        "prompt `twice`: two arguments are named `a`",
        "the completed variable `b` is not in the URI",
    ] {
        assert!(error.contains(words), "{error}");
    }
}
