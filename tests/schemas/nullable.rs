//! Null as a value of its own: `Option<Option<T>>`, `#[arg(nullable)]`, and fields that are marked as nullable.

#![allow(clippy::option_option)] // it is tested
#![allow(dead_code)] // structs are only shown

use mcp_runtime::prelude::*;
use mcp_runtime::{Components, Revision};
use mcp_tests::client::Connect as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::types::{Color, Documented, Inner, Internal, Node};

type Alias<T> = Option<Option<T>>;

#[derive(Debug, Deserialize, JsonSchema)]
struct Newtype(Option<u8>);

/// Creates three tools for each type: with `Option<Option<_>>`, `Option<_>` and `#[arg(nullable)] Option<_>`.
macro_rules! tools {
    ($($name:ident: $type:ty, $value:expr, $shown:literal;)*) => {
        mod twice {
            use super::*;
            $(
                /// Shows what it gets.
                #[tool]
                pub(super) async fn $name(value: Alias<$type>) -> String {
                    format!("{value:?}")
                }
            )*
        }

        mod once {
            use super::*;
            $(
                /// Shows what it gets.
                #[tool]
                pub(super) async fn $name(value: Option<$type>) -> String {
                    format!("{value:?}")
                }
            )*
        }

        mod nullable {
            use super::*;
            $(
                /// Shows what it gets.
                #[tool]
                pub(super) async fn $name(#[arg(nullable)] value: Option<$type>) -> String {
                    format!("{value:?}")
                }
            )*
        }

        fn cases() -> Vec<(&'static str, Value, &'static str)> {
            vec![$((stringify!($name), json!($value), $shown)),*]
        }

        fn components() -> [Components; 3] {
            [
                components![$(twice::$name),*],
                components![$(once::$name),*],
                components![$(nullable::$name),*],
            ]
        }
    };
}

tools! {
    int: i64, -1, "-1";
    byte: u8, 255, "255";
    float: f64, 1.5, "1.5";
    flag: bool, true, "true";
    text: String, "a", "\"a\"";
    color: Color, "red", "Red";
    documented: Documented, "Straight", "Straight";
    date: chrono::NaiveDate, "2026-01-02", "2026-01-02";
    list: Vec<Option<u8>>, json!([1, null]), "[Some(1), None]";
    inner: Inner, json!({ "price": 1, "amount": 2 }), "Inner { price: 1.0, amount: 2 }";
    internal: Internal, json!({ "type": "circle", "radius": 1 }), "Circle { radius: 1.0 }";
    node: Node, json!({ "name": "a", "children": [] }), "Node { name: \"a\", children: [], next: None }";
}

#[tokio::test]
async fn null_is_a_value_where_the_type_or_the_option_says_so() {
    for revision in [Revision::V2025_06_18, Revision::V2026_07_28] {
        for (kind, components) in components().into_iter().enumerate() {
            let server = Server::new("nullable", "1").page_size(100).with(components);
            let client = server.connect().revision(revision).await;
            let tools = client.tools().await.unwrap();
            for (tool, (name, value, shown)) in tools.iter().zip(cases()) {
                // Of no argument, null and a value: what a handler gets, or `None` for an error.
                let some = format!("Some({shown})");
                let (expected, takes_null) = match kind {
                    0 => (
                        [
                            Some("None".to_owned()),
                            Some("Some(None)".to_owned()),
                            Some(format!("Some({some})")),
                        ],
                        true,
                    ),
                    1 => (
                        [Some("None".to_owned()), Some("None".to_owned()), Some(some)],
                        false,
                    ),
                    _ => ([None, Some("None".to_owned()), Some(some)], true),
                };
                let schema = jsonschema::draft202012::new(&tool["inputSchema"]).unwrap();
                for (arguments, expected) in [
                    json!({}),
                    json!({ "value": null }),
                    json!({ "value": value }),
                ]
                .into_iter()
                .zip(&expected)
                {
                    let reply = client.call(name, arguments.clone()).await.unwrap();
                    let got = (!reply.is_error()).then(|| reply.text());
                    assert_eq!(got, *expected, "{name} {kind} {arguments}: {reply:?}");
                    let is_valid = expected.is_some()
                        && (takes_null
                            || arguments["value"] != Value::Null
                            || arguments == json!({}));
                    assert_eq!(
                        schema.is_valid(&arguments),
                        is_valid,
                        "{kind} {arguments} {tool:#}"
                    );
                }
                let wrong = client
                    .call(name, json!({ "value": { "no": 1 } }))
                    .await
                    .unwrap();
                assert!(
                    wrong.text().starts_with("Invalid arguments:\n- "),
                    "{wrong:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn null_is_in_the_type_of_such_arguments_only() {
    let mut types = Vec::new();
    for components in components() {
        let server = Server::new("nullable", "1").page_size(100).with(components);
        let tools = server.connect().await.tools().await.unwrap();
        let value = |name: &str| {
            let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
            tool["inputSchema"]["properties"]["value"].clone()
        };
        types.push([value("int"), value("text"), value("color")]);
    }
    let optional = [
        json!({ "type": "integer" }),
        json!({ "type": "string" }),
        json!({ "description": "A color.", "type": "string", "enum": ["red", "green", "blue"] }),
    ];
    let nullable = [
        json!({ "type": ["integer", "null"] }),
        json!({ "type": ["string", "null"] }),
        json!({ "description": "A color.", "type": ["string", "null"], "enum": ["red", "green", "blue", null] }),
    ];
    assert_eq!(types, [nullable.clone(), optional, nullable]);
}

/// Shows what it gets.
#[tool]
async fn rules(
    #[arg(nullable, default = Some(5), range(1..=10))] count: Option<u8>,
    #[arg(length(1..=3))] name: Option<Option<String>>,
    #[arg(nullable, range(0..))] ratio: Option<f64>,
    newtype: Option<Newtype>,
) -> String {
    format!("{count:?} {name:?} {ratio:?} {newtype:?}")
}

#[tokio::test]
async fn rules_and_defaults_are_for_what_is_not_null() {
    let client = Server::new("nullable", "1")
        .with(components![rules])
        .connect()
        .await;
    let schema = &client.tools().await.unwrap()[0]["inputSchema"];
    assert_eq!(
        schema["properties"]["count"],
        json!({ "type": ["integer", "null"], "minimum": 1, "maximum": 10, "default": 5 })
    );
    assert_eq!(
        schema["properties"]["name"],
        json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 3 })
    );
    assert_eq!(schema["required"], json!(["ratio"]));
    for (arguments, expected) in [
        (json!({ "ratio": null }), "Some(5) None None None"),
        (
            json!({ "ratio": 1, "count": null, "name": null, "newtype": null }),
            "None Some(None) Some(1.0) Some(Newtype(None))",
        ),
        (
            json!({ "ratio": "0.5", "count": 7, "name": "abc", "newtype": 1 }),
            "Some(7) Some(Some(\"abc\")) Some(0.5) Some(Newtype(Some(1)))",
        ),
        (
            json!({ "ratio": -1, "count": 11, "name": "abcd" }),
            "Invalid arguments:\n- `count`: expected an integer from 1 to 10 or null, got 11\n\
             - `name`: expected a string of 1 to 3 characters or null, got the string \"abcd\"\n\
             - `ratio`: expected a number of at least 0 or null, got -1",
        ),
        (
            json!({ "count": 1 }),
            "Invalid arguments:\n- `ratio` is missing; expected a number of at least 0 or null",
        ),
    ] {
        let reply = client.call("rules", arguments.clone()).await.unwrap();
        assert_eq!(reply.text(), expected, "{arguments}");
    }
}

/// A change of an entry.
#[derive(Debug, Deserialize, JsonSchema)]
struct Change {
    #[serde(default, deserialize_with = "mcp_runtime::nullable")]
    #[schemars(extend("nullable" = true))]
    title: Option<Option<String>>,
    #[serde(default, deserialize_with = "mcp_runtime::nullable")]
    #[schemars(extend("nullable" = true), range(max = 9))]
    rank: Option<Option<u8>>,
    #[serde(default, deserialize_with = "mcp_runtime::nullable")]
    #[schemars(extend("nullable" = true))]
    inner: Option<Option<Inner>>,
    /// Not nullable.
    plain: Option<String>,
    /// A member whose name is the keyword.
    nullable: Option<bool>,
}

/// Shows what it gets.
#[tool]
async fn nested(change: Change) -> String {
    format!("{change:?}")
}

/// Shows what it gets.
#[tool]
async fn flat(#[arg(flatten)] change: Change) -> String {
    format!("{change:?}")
}

#[tokio::test]
async fn fields_that_are_marked_are_nullable() {
    let server = Server::new("nullable", "1").with(components![nested, flat]);
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    for schema in [
        &tools[0]["inputSchema"]["properties"]["change"],
        &tools[1]["inputSchema"],
    ] {
        let fields = &schema["properties"];
        assert_eq!(fields["title"], json!({ "type": ["string", "null"] }));
        assert_eq!(
            fields["rank"],
            json!({ "type": ["integer", "null"], "minimum": 0, "maximum": 9 })
        );
        assert_eq!(fields["plain"]["type"], "string");
        assert_eq!(fields["nullable"]["type"], "boolean");
        assert_eq!(schema.get("required"), None);
        let validator = jsonschema::draft202012::new(schema).unwrap();
        assert!(validator.is_valid(&json!({ "title": null, "rank": null, "inner": null })));
        assert!(!validator.is_valid(&json!({ "plain": null })));
    }
    for (change, expected) in [
        (
            json!({}),
            "Change { title: None, rank: None, inner: None, plain: None, nullable: None }",
        ),
        (
            json!({ "title": null, "rank": null, "inner": null, "plain": null, "nullable": null }),
            "Change { title: Some(None), rank: Some(None), inner: Some(None), plain: None, nullable: None }",
        ),
        (
            json!({ "title": "a", "rank": "9", "inner": { "price": 1, "amount": 2 }, "plain": "b", "nullable": true }),
            "Change { title: Some(Some(\"a\")), rank: Some(Some(9)), inner: Some(Some(Inner { price: 1.0, amount: 2 })), \
             plain: Some(\"b\"), nullable: Some(true) }",
        ),
    ] {
        let reply = client
            .call("nested", json!({ "change": change }))
            .await
            .unwrap();
        assert_eq!(reply.text(), expected, "{change}");
        let reply = client.call("flat", change.clone()).await.unwrap();
        assert_eq!(reply.text(), expected, "{change}");
    }
}

/// Is refused.
#[tool]
async fn never(#[arg(nullable)] value: Vec<u8>) -> usize {
    value.len()
}

/// Takes anything.
#[tool]
async fn anything(#[arg(nullable)] value: Option<Value>) -> String {
    format!("{value:?}")
}

#[tokio::test]
async fn what_is_never_null_is_not_nullable() {
    let server = Server::new("nullable", "1").with(components![never]);
    let error = server
        .connect()
        .await
        .tools()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "tool `never`: `value` is never null: make it an `Option`, or remove `nullable`"
        ),
        "{error}"
    );
    let client = Server::new("nullable", "1")
        .with(components![anything])
        .connect()
        .await;
    for (arguments, expected) in [
        (json!({ "value": null }), "None"),
        (json!({ "value": 1 }), "Some(Number(1))"),
        (
            json!({}),
            "Invalid arguments:\n- `value` is missing; expected a value that fits the schema",
        ),
    ] {
        let reply = client.call("anything", arguments).await.unwrap();
        assert_eq!(reply.text(), expected);
    }
}
