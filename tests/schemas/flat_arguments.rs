//! `#[arg(flatten)]`: the fields of a struct as arguments of a tool or prompt.

#![allow(clippy::unused_async, clippy::elidable_lifetime_names)] // these signatures are tested
#![allow(dead_code)] // structs are only shown

use std::collections::BTreeMap;

use mcp_runtime::prelude::*;
use mcp_runtime::{Components, Revision};
use mcp_tests::client::Connect as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fuzz::mutate;
use crate::types::{Color, Internal};
use crate::values::{Values, cases};

/// The part of a list that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
struct Paging {
    /// How many items.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: u8,
    /// Where to go on.
    #[schemars(extend("x-mcp-header" = "Cursor"))]
    cursor: Option<String>,
}

fn ten() -> u8 {
    10
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Filter {
    /// The color of all.
    base_color: Color,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(flatten)]
    size: Size,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Range {
    from: i64,
    to: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Size {
    width: u16,
    height: Option<f64>,
}

type AliasOfPaging = Paging;

/// Lists what fits.
#[tool]
async fn find(
    /// The words to find.
    query: &str,
    #[arg(flatten)] filter: Filter,
    #[arg(flatten)] paging: AliasOfPaging,
) -> String {
    format!("{query} {filter:?} {paging:?}")
}

struct Shop;

#[tools]
impl Shop {
    /// Lists what fits.
    #[tool(name = "method")]
    async fn find(
        &self,
        #[arg(flatten)] paging: Paging,
        query: &str,
        _context: Context,
        #[arg(flatten)] filter: Filter,
    ) -> String {
        format!("{query} {filter:?} {paging:?}")
    }
}

/// Lists what fits.
#[tool(name = "blocking")]
fn blocking(
    #[arg(flatten)] filter: Filter,
    query: String,
    #[arg(flatten)] paging: Paging,
) -> String {
    format!("{query} {filter:?} {paging:?}")
}

/// Lists what fits.
#[tool(name = "inline", inline)]
fn inline(#[arg(flatten)] filter: Filter, #[arg(flatten)] paging: Paging, query: String) -> String {
    format!("{query} {filter:?} {paging:?}")
}

const FINDERS: [&str; 4] = ["find", "method", "blocking", "inline"];

fn finders() -> Server {
    Server::new("flat", "1")
        .with(components![find, blocking, inline])
        .with(Shop)
}

#[tokio::test]
async fn the_fields_are_arguments_in_the_schema() {
    let tools = finders().connect().await.tools().await.unwrap();
    assert_eq!(tools.len(), FINDERS.len());
    for tool in tools {
        let schema = &tool["inputSchema"];
        let expected = json!({
            "query": { "type": "string" },
            "baseColor": { "description": "The color of all.", "type": "string", "enum": ["red", "green", "blue"] },
            "type": { "type": "string" },
            "ranges": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "from": { "type": "integer" }, "to": { "type": "integer" } },
                    "required": ["from"],
                    "additionalProperties": false,
                },
            },
            "width": { "type": "integer", "minimum": 0, "maximum": 65535 },
            "height": { "type": "number" },
            "limit": { "description": "How many items.", "type": "integer", "minimum": 1, "maximum": 100, "default": 10 },
            "cursor": { "description": "Where to go on.", "type": "string", "x-mcp-header": "Cursor" },
        });
        let mut properties = schema["properties"].clone();
        if let Some(query) = properties["query"].as_object_mut() {
            query.shift_remove("description");
        }
        assert_eq!(properties, expected, "{tool:#}");
        let mut required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        required.sort_unstable();
        assert_eq!(required, ["baseColor", "query", "width"], "{tool:#}");
        assert_eq!(schema["additionalProperties"], false, "{tool:#}");
    }
}

#[tokio::test]
async fn the_fields_are_read_like_other_arguments() {
    const ALL: &str = "q Filter { base_color: Red, kind: Some(\"k\"), ranges: [Range { from: 1, to: None }], \
        size: Size { width: 3, height: Some(1.5) } } Paging { limit: 7, cursor: Some(\"c\\n\") }";
    const LEAST: &str = "q Filter { base_color: Red, kind: None, ranges: [], size: Size { width: 3, height: None } } \
        Paging { limit: 10, cursor: None }";
    for revision in [Revision::V2024_11_05, Revision::V2026_07_28] {
        let client = finders().connect().revision(revision).await;
        for (arguments, expected) in [
            (
                json!({ "query": "q", "baseColor": "red", "type": "k", "ranges": [{ "from": 1 }], "width": 3, "height": 1.5, "limit": 7, "cursor": "c\n" }),
                ALL,
            ),
            // What models send in another form is repaired.
            (
                json!({ "cursor": "c\n", "limit": "7", "height": "1.5", "width": 3.0, "ranges": "[{\"from\": \"1\", \"to\": null}]", "type": "k", "baseColor": "red", "query": "q" }),
                ALL,
            ),
            (
                json!({ "query": "q", "baseColor": "red", "width": 3 }),
                LEAST,
            ),
            (
                json!({ "query": "q", "baseColor": "red", "width": 3, "type": null, "ranges": null, "limit": null, "cursor": null }),
                LEAST,
            ),
        ] {
            for tool in FINDERS {
                let reply = client.call(tool, arguments.clone()).await.unwrap();
                assert_eq!(reply.text(), expected, "{tool} {arguments}");
            }
        }
    }
}

#[tokio::test]
async fn mistakes_in_fields_have_the_words_and_places_of_arguments() {
    let client = finders().connect().await;
    for (arguments, mistakes) in [
        (
            json!({}),
            vec![
                "`query` is missing; expected a string",
                "`baseColor` is missing; expected one of \"red\", \"green\", \"blue\"",
                "`width` is missing; expected an integer from 0 to 65535",
            ],
        ),
        (
            json!({ "query": "q", "baseColor": "gren", "width": -1, "limit": 0, "cursor": 3 }),
            vec![
                "`baseColor`: expected one of \"red\", \"green\", \"blue\", got the string \"gren\"; did you mean \"green\"?",
                "`width`: expected an integer from 0 to 65535, got -1",
                "`limit`: expected an integer from 1 to 100, got 0",
                "`cursor`: expected a string, got 3",
            ],
        ),
        (
            json!({ "query": "q", "baseColor": "red", "width": 3, "ranges": [{ "from": 1 }, { "form": 2, "to": "x" }] }),
            vec![
                "`ranges[1].from` is missing; expected an integer",
                "unknown field `ranges[1].form`; did you mean `from`?",
                "`ranges[1].to`: expected an integer, got the string \"x\"",
            ],
        ),
        (
            json!({ "query": "q", "baseColor": "red", "width": 3, "limits": 3, "filter": {}, "heigth": 1 }),
            vec![
                "unknown argument `limits`; did you mean `limit`?",
                "unknown argument `filter`; known: `query`, `baseColor`, `type`, `ranges`, `width`, `height`, `limit`, `cursor`",
                "unknown argument `heigth`; did you mean `height`?",
            ],
        ),
        (
            json!({ "query": "q", "baseColor": null, "width": 3, "ranges": [{ "from": 1e18 }] }),
            vec!["`baseColor`: expected one of \"red\", \"green\", \"blue\", got null"],
        ),
        (
            json!({ "query": "q", "baseColor": "red", "width": 3, "ranges": [{ "from": 1e18 }] }),
            vec![
                "`ranges[0].from`: expected an integer, got 1e+18; beyond 2^53 it is exact only without a fraction and an exponent",
            ],
        ),
    ] {
        for tool in FINDERS {
            let text = client.call(tool, arguments.clone()).await.unwrap().text();
            let text = text.strip_prefix("Invalid arguments:\n- ").unwrap_or(&text);
            let mut told: Vec<&str> = text.split("\n- ").collect();
            let mut expected = mistakes.clone();
            // The order follows that of the parameters.
            told.sort_unstable();
            expected.sort_unstable();
            // So does the list of known arguments.
            let is_list = |line: &&str| line.contains("known: ");
            let lists = (told.iter().any(is_list), expected.iter().any(is_list));
            told.retain(|line| tool == "find" || !is_list(line));
            expected.retain(|line| tool == "find" || !is_list(line));
            assert_eq!((told, lists.0), (expected, lists.1), "{tool} {arguments}");
        }
    }
}

/// Repeats what it gets.
#[tool]
async fn any(first: Option<u8>, #[arg(flatten)] rest: Map<String, Value>) -> String {
    format!("{first:?} {}", Value::from(rest))
}

/// Some fields and all others.
#[derive(Debug, Deserialize, JsonSchema)]
struct WithOthers {
    name: String,
    #[serde(flatten)]
    others: BTreeMap<String, i32>,
}

/// Counts the others.
#[tool]
async fn others(#[arg(flatten)] with: WithOthers) -> String {
    format!("{} {:?}", with.name, with.others)
}

/// Exact digits and borrowed texts.
#[derive(Debug, Deserialize, JsonSchema)]
struct Exact<'a> {
    huge: u128,
    #[serde(borrow)]
    text: &'a str,
}

/// Keeps what it gets.
#[tool(strict)]
async fn exact<'a>(#[arg(flatten)] exact: Exact<'a>) -> String {
    format!("{exact:?}")
}

/// Only takes what it knows, and ignores the rest.
#[tool(open)]
async fn open(#[arg(flatten)] paging: Paging) -> String {
    format!("{paging:?}")
}

/// A period that does not end before it begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Days")]
struct Period(u8, u8);

#[derive(Deserialize, JsonSchema)]
struct Days {
    from: u8,
    to: u8,
}

impl TryFrom<Days> for Period {
    type Error = &'static str;

    fn try_from(days: Days) -> Result<Self, Self::Error> {
        if days.from > days.to {
            return Err("the period ends before it begins");
        }
        Ok(Self(days.from, days.to))
    }
}

/// Takes a period.
#[tool]
async fn period(#[arg(flatten)] period: Period) -> String {
    format!("{period:?}")
}

/// Takes a period as one argument.
#[tool]
async fn whole(period: Period) -> String {
    format!("{period:?}")
}

#[tokio::test]
async fn maps_and_structs_of_other_kinds_are_flattened_too() {
    let server =
        Server::new("flat", "1").with(components![any, others, exact, open, period, whole]);
    let client = server.connect().await;
    let tools = client.tools().await.unwrap();
    let rest = |index: usize| tools[index]["inputSchema"].get("additionalProperties");
    assert_eq!(rest(0), Some(&json!(true)));
    assert_eq!(rest(1).unwrap()["type"], "integer");
    assert_eq!(rest(2), Some(&json!(false)));
    assert_eq!(rest(3), None);
    for (tool, arguments, expected) in [
        (
            "any",
            json!({ "a": [1], "first": 2, "b c": null, "query": "5" }),
            r#"Some(2) {"a":[1],"b c":null,"query":"5"}"#,
        ),
        ("any", json!({}), "None {}"),
        (
            "others",
            json!({ "name": "n", "x": 1, "y": "2" }),
            r#"n {"x": 1, "y": 2}"#,
        ),
        ("others", json!({ "name": "n" }), "n {}"),
        (
            "others",
            json!({ "x y": 1.5, "x": "?" }),
            "Invalid arguments:\n- `name` is missing; expected a string\n\
             - `[\"x y\"]`: expected an integer from -2147483648 to 2147483647, got 1.5\n\
             - `x`: expected an integer from -2147483648 to 2147483647, got the string \"?\"",
        ),
        (
            "exact",
            json!({ "text": "t\n", "huge": 18_446_744_073_709_551_615_u64 }),
            r#"Exact { huge: 18446744073709551615, text: "t\n" }"#,
        ),
        (
            "exact",
            json!({ "text": "t", "huge": "1" }),
            "Invalid arguments:\n- `huge`: expected an integer of at least 0, got the string \"1\"",
        ),
        (
            "open",
            json!({ "limit": 3, "unknown": { "limit": 4 } }),
            "Paging { limit: 3, cursor: None }",
        ),
        ("period", json!({ "to": 3, "from": 2 }), "Period(2, 3)"),
        (
            "period",
            json!({ "to": 1, "from": 2 }),
            "Invalid arguments:\n- `to`, `from`: the period ends before it begins",
        ),
        (
            "whole",
            json!({ "period": { "to": 1, "from": 2 } }),
            "Invalid arguments:\n- `period`: expected an object, got an object: the period ends before it begins",
        ),
    ] {
        let reply = client.call(tool, arguments.clone()).await.unwrap();
        assert_eq!(reply.text(), expected, "{tool} {arguments}");
    }
}

#[tokio::test]
async fn repeated_and_unreadable_fields_are_told_of() {
    let mut client = crate::raw::Raw::to(finders().with(components![any, exact]));
    for (tool, arguments, expected) in [
        (
            "find",
            r#"{"query":"q","baseColor":"red","width":3,"limit":1,"limit":2}"#,
            "`limit` is given twice",
        ),
        (
            "find",
            r#"{"query":"q","baseColor":"red","width":1e999}"#,
            "`width` cannot be read: it has a number that is too large, or a text with an unpaired surrogate",
        ),
        (
            "any",
            r#"{"odd name":{"x":1,"x":2}}"#,
            "`[\"odd name\"].x` is given twice",
        ),
    ] {
        let answer = client.call(tool, arguments).await;
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        let told = text.strip_prefix("Invalid arguments:\n- ");
        assert_eq!(told, Some(expected), "{arguments}");
    }
    let huge = r#"{"huge":340282366920938463463374607431768211455,"text":"é"}"#;
    let answer = client.call("exact", huge).await;
    assert_eq!(
        answer["result"]["content"][0]["text"],
        r#"Exact { huge: 340282366920938463463374607431768211455, text: "é" }"#
    );
}

macro_rules! wrong {
    ($($name:ident($($(#[$arg:meta])* $parameter:ident: $type:ty),*) $mistake:literal;)*) => {
        $(
            /// Is refused.
            #[tool]
            async fn $name($($(#[$arg])* $parameter: $type),*) {
                $(let _ = $parameter;)*
            }
        )*
        fn wrong() -> Vec<(Components, &'static str)> {
            vec![$((components![$name], $mistake)),*]
        }
    };
}

#[derive(Deserialize, JsonSchema)]
struct Wrapped(Option<Paging>);

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
struct Crowded {
    a: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
struct WithChoice {
    #[serde(flatten)]
    choice: Internal,
}

wrong! {
    optional(#[arg(flatten)] value: Option<Paging>)
        "tool `optional`: `value` is optional, and an optional struct cannot be flattened: take the struct itself, and make its fields optional";
    wrapped(#[arg(flatten)] value: Wrapped)
        "tool `wrapped`: `value` is optional, and an optional struct cannot be flattened";
    choice(#[arg(flatten)] value: Internal)
        "tool `choice`: `value` cannot be flattened, because clients refuse `oneOf` in the schema of all arguments: remove `flatten`, which makes it one argument";
    inner_choice(#[arg(flatten)] value: WithChoice)
        "tool `inner_choice`: `value` cannot be flattened, because clients refuse `oneOf`";
    crowded(#[arg(flatten)] value: Crowded)
        "tool `crowded`: `value` cannot be flattened, because clients refuse `minProperties`";
    color(#[arg(flatten)] value: Color)
        "tool `color`: `value` is one of \"red\", \"green\", \"blue\", and only structs and maps can be flattened: remove `flatten`";
    nothing(#[arg(flatten)] value: Value)
        "tool `nothing`: `value` is a value that fits the schema, and only structs and maps can be flattened";
    conflict(limit: u8, #[arg(flatten)] paging: Paging)
        "tool `conflict`: two arguments are named `limit`: one is a field of the flattened `paging`, which `#[serde(rename = \"...\")]` renames";
    same(#[arg(flatten)] one: Paging, #[arg(flatten)] two: Paging)
        "tool `same`: two arguments are named `cursor`: one is a field of the flattened `one`";
    all_others(#[arg(flatten)] one: WithOthers, #[arg(flatten)] two: BTreeMap<String, u8>)
        "tool `all_others`: `one` and `two` are flattened, and each takes all arguments without a parameter: flatten one of them";
}

#[tokio::test]
async fn what_cannot_be_flattened_is_told_when_the_server_is_built() {
    for (component, mistake) in wrong() {
        let server = Server::new("wrong", "1").with(component);
        let error = server
            .connect()
            .await
            .tools()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(mistake), "{mistake}\n{error}");
    }
}

/// Creates two tools for each type, which takes its value as one argument or flattened.
macro_rules! pairs {
    ($($name:ident: $type:ty,)*) => {
        mod one {
            use super::*;
            $(
                /// Returns what it gets.
                #[tool]
                pub(super) async fn $name(value: $type) -> Json<$type> {
                    Json(value)
                }
            )*
        }

        mod several {
            use super::*;
            $(
                /// Returns what it gets.
                #[tool]
                pub(super) async fn $name(#[arg(flatten)] value: $type) -> Json<$type> {
                    Json(value)
                }
            )*
        }

        fn pairs() -> [Components; 2] {
            [components![$(one::$name),*], components![$(several::$name),*]]
        }
    };
}

pairs! {
    plain: crate::types::Plain,
    nested: crate::types::Nested,
    inner: crate::types::Inner,
    flat_struct: crate::types::Flat,
    flat_map: crate::types::FlatMap,
    closed: crate::types::Closed,
    ruled: crate::types::Ruled,
    node: crate::types::Node,
    period_of_time: std::time::Duration,
    map: BTreeMap<String, u16>,
    values: Map<String, Value>,
}

/// Returns the mistakes without the places of their arguments. Unknown members have other words as arguments.
fn mistakes(text: &str) -> Vec<String> {
    let lines = text.split("\n- ").skip(1);
    let lines = lines.map(|line| {
        if line.starts_with("unknown ") {
            return "unknown".to_owned();
        }
        let line = line.replacen("`value.", "`", 1);
        line.replacen("`value[", "`[", 1)
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_struct_takes_the_same_flattened_or_not() {
    let mut outcomes = [0, 0];
    let mut clients = Vec::new();
    for components in pairs() {
        clients.push(Server::new("pairs", "1").with(components).connect().await);
    }
    for (number, tool) in clients[0].tools().await.unwrap().iter().enumerate() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let mut values = Values::of(schema.get("$defs"), 77 + number as u64);
        for round in 0..cases(60) {
            let mut value = values.of_schema(&schema["properties"]["value"], 4);
            for _ in 0..round % 4 {
                mutate(&mut value, &mut values);
            }
            if !value.is_object() {
                continue;
            }
            let one = clients[0]
                .call(name, json!({ "value": value }))
                .await
                .unwrap();
            let several = clients[1].call(name, value.clone()).await.unwrap();
            outcomes[usize::from(one.is_error())] += 1;
            if one.is_error() {
                let (one, mut several) = (mistakes(&one.text()), mistakes(&several.text()));
                // A type is tried if its schema allows the value, and an unknown argument is not part of the value.
                if one.iter().any(|line| line == "unknown") {
                    several.retain(|line| one.contains(line));
                }
                assert_eq!(several, one, "{name} {value}");
            } else {
                assert_eq!(
                    several.structured(),
                    one.structured(),
                    "{name} {value}: {several:?}"
                );
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 50), "{outcomes:?}");
}
