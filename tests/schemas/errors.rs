//! Errors of arguments, as models see them: the place, the expected value, the received value, and a suggestion.

use mcp_runtime::prelude::*;
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::raw::Raw;
use crate::types::{Color, Expression, External, Inner, Internal, Nested, Node, Untagged, server};

/// Order things.
#[tool]
async fn order(
    items: Vec<Inner>,
    color: Color,
    shape: Option<Internal>,
    #[arg(default = 10)] limit: u8,
) -> String {
    drop((items, color, shape));
    limit.to_string()
}

/// Take what has many parts.
#[tool]
async fn parts(
    nested: Option<Nested>,
    external: Option<External>,
    untagged: Option<Untagged>,
    tree: Option<Node>,
    expression: Option<Expression>,
    when: Option<Vec<chrono::NaiveDate>>,
    site: Option<std::collections::BTreeMap<String, url::Url>>,
) {
    drop((nested, external, untagged, tree, expression, when, site));
}

/// Ignore what it does not know.
#[tool(open)]
async fn lenient(inner: Inner) -> Json<Inner> {
    Json(inner)
}

/// Paint something.
#[prompt]
fn paint(color: Color, times: Option<u8>) -> String {
    format!("{color:?} {times:?}")
}

async fn told(tool: &str, arguments: Value) -> Vec<String> {
    let client = Server::new("errors", "1")
        .with(components![order, parts])
        .connect()
        .await;
    let reply = client.call(tool, arguments).await.unwrap();
    assert!(reply.is_error(), "{reply:?}");
    let text = reply.text();
    let list = text.strip_prefix("Invalid arguments:\n- ").unwrap();
    list.split("\n- ").map(str::to_owned).collect()
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_each_with_its_place() {
    let arguments = json!({
        "items": [
            { "price": 1, "amount": 1 },
            { "price": "a lot", "amount": 256 },
            { "amount": 1.5, "prise": 2 },
            7,
        ],
        "color": "Green",
        "shape": { "type": "circel", "radius": 1 },
        "limits": 3,
    });
    assert_eq!(
        told("order", arguments).await,
        [
            "unknown argument `limits`; did you mean `limit`?",
            "`items[1].price`: expected a number, got the string \"a lot\"",
            "`items[1].amount`: expected an integer from 0 to 255, got 256",
            "`items[2].price` is missing; expected a number",
            "`items[2].amount`: expected an integer from 0 to 255, got 1.5",
            "unknown field `items[2].prise`; did you mean `price`?",
            "`items[3]`: expected an object, got 7",
            "`color`: expected one of \"red\", \"green\", \"blue\", got the string \"Green\"; did you mean \"green\"?",
            "`shape.type`: expected one of \"nothing\", \"circle\", \"rectangle\", \"inside\", got the string \"circel\"; did you mean \"circle\"?",
        ]
    );
}

#[tokio::test]
async fn each_kind_of_mistake_has_its_words() {
    for (arguments, words) in [
        (
            json!({ "nested": [] }),
            "`nested`: expected an object, got an empty array",
        ),
        (
            json!({ "nested": { "inner": null, "list": {}, "map": { "odd key": { "price": 1 } }, "holes": [null, 1], "colour": 1 } }),
            "`nested.inner`: expected an object, got null\n\
             `nested.list`: expected an array, got an object\n\
             `nested.map[\"odd key\"].amount` is missing; expected an integer from 0 to 255\n\
             `nested.holes[1]`: expected an object or null, got 1\n\
             unknown field `nested.colour`; did you mean `color`?",
        ),
        (
            json!({ "external": { "Name": { "x": 1 } } }),
            "unknown field `external.Name`; did you mean `Named`?",
        ),
        (
            json!({ "external": { "Two": [1, "x", 3] } }),
            "`external.Two`: expected an array of 2 items, got an array of 3 items\n\
             `external.Two[1]`: expected true or false, got the string \"x\"",
        ),
        (
            json!({ "external": {} }),
            "`external`: expected an object with one member of `One`, `Two`, `Named`, `Inside`, got 0 members",
        ),
        (
            json!({ "external": "nothing" }),
            "`external`: expected \"Nothing\", got the string \"nothing\"; did you mean \"Nothing\"?",
        ),
        (
            json!({ "external": 1 }),
            "`external`: expected \"Nothing\" or an object with one member of `One`, `Two`, `Named`, `Inside`, got 1",
        ),
        (
            json!({ "untagged": { "x": "far" } }),
            "`untagged.x`: expected an integer from -2147483648 to 2147483647, got the string \"far\"",
        ),
        (
            json!({ "untagged": 1.5 }),
            "`untagged`: expected an integer, true or false, a string, an array or an object with the member `x`, got 1.5",
        ),
        (
            json!({ "tree": { "name": "a", "children": [{ "name": "b", "children": [{}] }] } }),
            "`tree.children[0].children[0].name` is missing; expected a string\n\
             `tree.children[0].children[0].children` is missing; expected an array",
        ),
        (
            json!({ "expression": { "add": [{ "number": 1 }, { "negate": { "of": { "number": true } } }] } }),
            "`expression.add[1].negate.of.number`: expected a number, got true",
        ),
        (
            json!({ "when": ["2026-01-01", "soon"] }),
            "`when[1]`: expected a string in the format `date`, got the string \"soon\": input contains invalid characters",
        ),
        (
            json!({ "site": { "home": "https://example.com", "the other": "example" } }),
            "`site[\"the other\"]`: expected a string in the format `uri`, got the string \"example\": relative URL without a base: \"example\"",
        ),
    ] {
        let told = told("parts", arguments.clone()).await;
        assert_eq!(told.join("\n"), words, "{arguments}");
    }
}

#[tokio::test]
async fn a_bound_of_64_bits_is_told_where_it_is_what_is_wrong() {
    let client = server(false).connect().await;
    for (tool, value, words) in [
        (
            "int64",
            json!("x"),
            "expected an integer, got the string \"x\"",
        ),
        (
            "int64",
            json!(u64::MAX),
            "expected an integer from -9223372036854775808 to 9223372036854775807, got 18446744073709551615",
        ),
        (
            "uint64",
            json!(-1),
            "expected an integer from 0 to 18446744073709551615, got -1",
        ),
        (
            "nonzero_int8",
            json!(0),
            "expected an integer from -128 to 127 other than 0, got 0",
        ),
        (
            "char",
            json!("ab"),
            "expected a string of one character, got the string \"ab\"",
        ),
        (
            "array",
            json!([1]),
            "expected an array of 3 items, got an array of 1 item",
        ),
    ] {
        let reply = client.call(tool, json!({ "value": value })).await.unwrap();
        assert_eq!(
            reply.text(),
            format!("Invalid arguments:\n- `value`: {words}")
        );
    }
}

#[tokio::test]
async fn many_mistakes_and_long_texts_are_cut_short() {
    let many: Vec<Value> = (0..1000)
        .map(|number| json!({ "price": 1, "amount": number + 256 }))
        .collect();
    let told_of_many = told("order", json!({ "items": many, "color": "red" })).await;
    assert_eq!(told_of_many.len(), 21);
    assert_eq!(told_of_many[20], "and 980 more");
    let long = "x\n".repeat(100_000);
    let mut arguments = json!({ "items": [], "color": long });
    arguments[long.as_str()] = json!(1);
    let told_of_long = told("order", arguments).await;
    assert_eq!(told_of_long.len(), 2);
    assert!(
        told_of_long.iter().all(|line| line.len() < 400),
        "{told_of_long:?}"
    );
}

#[tokio::test]
async fn an_open_tool_ignores_what_is_unknown_at_any_depth() {
    let client = Server::new("open", "1")
        .with(components![lenient])
        .connect()
        .await;
    let arguments = json!({ "inner": { "price": 1, "amount": 2, "note": "x" }, "more": true });
    let reply = client.call("lenient", arguments).await.unwrap();
    assert_eq!(reply.structured(), &json!({ "price": 1.0, "amount": 2 }));
    let schema = &client.tools().await.unwrap()[0]["inputSchema"];
    assert!(
        !schema.to_string().contains("additionalProperties"),
        "{schema}"
    );
}

#[tokio::test]
async fn arguments_of_prompts_have_the_same_words_once() {
    let client = Server::new("prompts", "1")
        .with(components![paint])
        .connect()
        .await;
    let error = client
        .prompt("paint", json!({ "color": "gren", "times": "often" }))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Invalid arguments: `color`: expected one of \"red\", \"green\", \"blue\", got the string \"gren\"; did you mean \"green\"?; \
         `times`: expected an integer from 0 to 255, got the string \"often\" (-32602)"
    );
    let mut many: serde_json::Map<String, Value> =
        (0..1000).map(|n| (format!("x{n}"), json!(1))).collect();
    many.insert("color".to_owned(), json!("red"));
    let error = client.prompt("paint", many.into()).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("and 980 more"), "{error}");
    let error = client
        .prompt("paint", json!({ "color": 3, "times": null }))
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("`color`: expected a string, as all arguments of prompts are, got 3")
            && !error.contains("missing")
            && !error.contains("times"),
        "{error}"
    );
}

/// Keys and numbers that the schema accepts and the type refuses.
#[allow(clippy::too_many_arguments)] // one of each type
#[tool]
async fn numbers(
    count: Option<u64>,
    signed: Option<i64>,
    huge: Option<u128>,
    by_number: Option<std::collections::BTreeMap<i32, u8>>,
    by_byte: Option<std::collections::BTreeMap<u8, u8>>,
    by_bool: Option<std::collections::BTreeMap<bool, u8>>,
    by_char: Option<std::collections::BTreeMap<char, u8>>,
    by_color: Option<std::collections::BTreeMap<Color, u8>>,
    counts: Option<Vec<u64>>,
    inner: Option<Inner>,
    untagged: Option<Untagged>,
    even: Option<Vec<Even>>,
) {
    drop((
        count, signed, huge, by_number, by_byte, by_bool, by_char, by_color, counts, inner,
        untagged, even,
    ));
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
struct Even(#[allow(dead_code)] String);

impl TryFrom<String> for Even {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.len()
            .is_multiple_of(2)
            .then_some(Self(text))
            .ok_or("it has an odd length")
    }
}

#[tokio::test]
async fn what_only_the_type_refuses_is_told_as_what_it_is() {
    let mut client = Raw::to(Server::new("numbers", "1").with(components![numbers]));
    for (arguments, words) in [
        (
            r#"{"count":1e300}"#,
            "`count`: expected an integer from 0 to 18446744073709551615, got 1e+300",
        ),
        (
            r#"{"count":9007199254740994.0}"#,
            "`count`: expected an integer of at least 0, got 9007199254740994.0; beyond 2^53 it is exact only without a fraction and an exponent",
        ),
        (
            r#"{"count":1e19}"#,
            "`count`: expected an integer of at least 0, got 1e+19; beyond 2^53 it is exact only without a fraction and an exponent",
        ),
        (
            r#"{"count":1e20}"#,
            "`count`: expected an integer from 0 to 18446744073709551615, got 1e+20",
        ),
        (
            r#"{"signed":-1e18}"#,
            "`signed`: expected an integer, got -1e+18; beyond 2^53 it is exact only without a fraction and an exponent",
        ),
        (
            r#"{"huge":1e20}"#,
            "`huge`: expected an integer of at least 0, got 1e+20; beyond 2^53 it is exact only without a fraction and an exponent",
        ),
        (
            r#"{"counts":[1,1e16]}"#,
            "`counts[1]`: expected an integer of at least 0, got 1e+16; beyond 2^53 it is exact only without a fraction and an exponent",
        ),
        (
            r#"{"by_number":{"1":1,"x":2}}"#,
            "`by_number.x`: expected a key that is a whole number",
        ),
        (
            r#"{"by_number":{"3000000000":1}}"#,
            r#"`by_number["3000000000"]`: expected a key that is an integer from -2147483648 to 2147483647"#,
        ),
        (
            r#"{"by_number":{"1":1,"5000000000":300}}"#,
            r#"`by_number["5000000000"]`: expected an integer from 0 to 255, got 300"#,
        ),
        (
            r#"{"by_byte":{"256":1}}"#,
            r#"`by_byte["256"]`: expected a key that is an integer from 0 to 255"#,
        ),
        (
            r#"{"by_byte":{"-1":1}}"#,
            r#"`by_byte["-1"]`: expected a key that is a whole number, not below 0"#,
        ),
        (
            r#"{"by_bool":{"yes":1}}"#,
            "`by_bool.yes`: expected a key that is true or false",
        ),
        (
            r#"{"by_char":{"ab":1}}"#,
            "`by_char.ab`: expected a key that is one character",
        ),
        (
            r#"{"by_color":{"purple":1}}"#,
            "unknown field `by_color.purple`; known: `blue`, `green`, `red`",
        ),
        (
            r#"{"even":["ab","abc"]}"#,
            "`even`: expected an array, got an array of 2 items: it has an odd length",
        ),
        (
            r#"{"count":1e999}"#,
            "`count` cannot be read: it has a number that is too large, or a text with an unpaired surrogate",
        ),
        (
            r#"{"inner":{"price":1e999,"amount":1}}"#,
            "`inner.price` cannot be read: it has a number that is too large, or a text with an unpaired surrogate",
        ),
        (
            r#"{"even":["\ud800"]}"#,
            "`even[0]` cannot be read: it has a number that is too large, or a text with an unpaired surrogate",
        ),
        (
            r#"{"untagged":"\ud800"}"#,
            "`untagged` cannot be read: it has a number that is too large, or a text with an unpaired surrogate",
        ),
    ] {
        let answer = client.call("numbers", arguments).await;
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        let told = text.strip_prefix("Invalid arguments:\n- ");
        assert_eq!(told, Some(words), "{arguments}");
    }
}

#[tokio::test]
async fn a_tool_made_at_run_time_tells_of_json_that_it_cannot_read() {
    let handler = |_: Value, _: Context| async {};
    let raw = mcp_runtime::Tool::new("raw", json!({ "type": "object" }), handler);
    let mut client = Raw::to(Server::new("raw", "1").with(raw));
    let answer = client.call("raw", r#"{"a":1e999}"#).await;
    assert_eq!(
        answer["result"]["content"][0]["text"],
        "Invalid arguments:\n- `arguments.a` cannot be read: it has a number that is too large, or a text with an unpaired surrogate"
    );
}
