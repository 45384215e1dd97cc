//! Arguments of prompts, which are texts on the wire: scalars as they are, and everything else as JSON.

#![allow(clippy::unused_async, clippy::option_option)] // these signatures are tested
#![allow(dead_code)] // structs are only shown

use std::collections::{BTreeMap, BTreeSet};

use mcp_runtime::prelude::*;
use mcp_runtime::{Completion, Revision};
use mcp_tests::client::{Client, Connect as _};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fuzz::mutate;
use crate::types::{Color, Documented, External, Inner, Internal, Node, Untagged};
use crate::values::{Values, cases};

fn suggest(completion: Completion) -> Vec<String> {
    vec![format!("[{}]", completion.value())]
}

/// Creates for each type a prompt that shows its argument.
macro_rules! prompts {
    ($($name:ident: $type:ty,)*) => {
        $(
            /// Shows what it gets.
            #[prompt]
            async fn $name(#[arg(complete = suggest)] value: $type) -> String {
                format!("{value:?}")
            }
        )*

        async fn client(revision: Revision) -> Client {
            let server = Server::new("texts", "1").page_size(100);
            let server = server.with(components![$($name,)* described, flat, rest]).with(Method);
            server.connect().revision(revision).await
        }
    };
}

prompts! {
    text: String,
    number: f64,
    flag: bool,
    color: Color,
    documented: Documented,
    perhaps: Option<u8>,
    twice: Option<Option<u8>>,
    list: Vec<String>,
    lists: Vec<Vec<i64>>,
    optional_list: Option<Vec<u8>>,
    set: BTreeSet<u8>,
    map: BTreeMap<String, u8>,
    tuple: (u8, String),
    inner: Inner,
    tree: Node,
    external: External,
    internal: Internal,
    untagged: Untagged,
    any: Value,
}

/// Shows what it gets.
#[prompt]
async fn described(
    /// What to order.
    items: Vec<Inner>,
    /// How to pay.
    #[arg(default = "cash", length(1..=8))]
    pay: String,
    #[arg(length(1..=2))] some: Option<Vec<u8>>,
) -> String {
    format!("{items:?} {pay} {some:?}")
}

/// Where to look.
#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// The words to find.
    words: Vec<String>,
    color: Color,
    #[serde(default)]
    limit: u8,
    text: Option<String>,
}

/// Shows what it gets.
#[prompt]
fn flat(first: u8, #[arg(flatten)] search: Search) -> String {
    format!("{first} {search:?}")
}

/// Shows what it gets.
#[prompt]
fn rest(first: Option<u8>, #[arg(flatten)] rest: BTreeMap<String, Vec<u8>>) -> String {
    format!("{first:?} {rest:?}")
}

struct Method;

#[tools]
impl Method {
    /// Shows what it gets.
    #[prompt]
    async fn method(&self, #[arg(flatten)] search: Search, first: u8) -> String {
        format!("{first} {search:?}")
    }
}

async fn told(client: &Client, prompt: &str, arguments: Value) -> String {
    match client.prompt(prompt, arguments).await {
        Ok(messages) => messages[0]["content"]["text"].as_str().unwrap().to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn each_type_is_read_from_its_text() {
    for revision in [Revision::V2024_11_05, Revision::V2026_07_28] {
        let client = client(revision).await;
        for (prompt, text, expected) in [
            ("text", "[1]", r#""[1]""#),
            ("text", "null", r#""null""#),
            ("number", "1.5", "1.5"),
            ("flag", "true", "true"),
            ("color", "red", "Red"),
            ("documented", "Straight", "Straight"),
            ("perhaps", "7", "Some(7)"),
            ("twice", "7", "Some(Some(7))"),
            ("list", r#"["a", "b\n"]"#, r#"["a", "b\n"]"#),
            ("list", "[]", "[]"),
            ("lists", "[[1, \"2\"], []]", "[[1, 2], []]"),
            ("optional_list", "[1, 2.0]", "Some([1, 2])"),
            ("set", " [2, 1, 2] ", "{1, 2}"),
            ("map", r#"{"a": 1}"#, r#"{"a": 1}"#),
            ("tuple", r#"[1, "x"]"#, r#"(1, "x")"#),
            (
                "inner",
                r#"{"price": 1, "amount": "2"}"#,
                "Inner { price: 1.0, amount: 2 }",
            ),
            (
                "tree",
                r#"{"name": "a", "children": [{"name": "b", "children": []}], "next": null}"#,
                r#"Node { name: "a", children: [Node { name: "b", children: [], next: None }], next: None }"#,
            ),
            ("external", "Nothing", "Nothing"),
            ("external", r#""Nothing""#, "Nothing"),
            ("external", r#"{"One": 1}"#, "One(1)"),
            (
                "internal",
                r#"{"type": "circle", "radius": 2}"#,
                "Circle { radius: 2.0 }",
            ),
            ("untagged", "5", "Number(5)"),
            ("untagged", "false", "Flag(false)"),
            ("untagged", "word", r#"Text("word")"#),
            ("untagged", r#""5""#, r#"Text("5")"#),
            ("untagged", "[1]", "Many([1])"),
            ("any", r#"{"a": [1]}"#, r#"Object {"a": Array [Number(1)]}"#),
            ("any", "word", r#"String("word")"#),
        ] {
            let shown = told(&client, prompt, json!({ "value": text })).await;
            assert_eq!(shown, expected, "{prompt} {text}");
        }
        for (prompt, shown) in [
            ("perhaps", "None"),
            ("twice", "None"),
            ("optional_list", "None"),
        ] {
            for arguments in [json!({}), json!({ "value": null })] {
                assert_eq!(told(&client, prompt, arguments).await, shown, "{prompt}");
            }
        }
    }
}

#[tokio::test]
async fn mistakes_in_texts_have_their_place() {
    let client = client(Revision::LATEST).await;
    for (prompt, arguments, expected) in [
        (
            "list",
            json!({ "value": "a, b" }),
            "`value`: expected JSON of the form `[string]`, got the string \"a, b\"",
        ),
        (
            "list",
            json!({ "value": "" }),
            "`value`: expected JSON of the form `[string]`, got the string \"\"",
        ),
        (
            "list",
            json!({ "value": "{}" }),
            "`value`: expected an array, got an object",
        ),
        ("list", json!({}), "`value` is missing; expected an array"),
        (
            "list",
            json!({ "value": ["a"] }),
            "`value`: expected a string, as all arguments of prompts are, got an array of 1 item",
        ),
        (
            "lists",
            json!({ "value": "[[1], [\"x\"]]" }),
            "`value[1][0]`: expected an integer, got the string \"x\"",
        ),
        (
            "inner",
            json!({ "value": r#"{"prise": 1, "amount": 256, "amount": 3}"# }),
            "`value.amount` is given twice; `value.price` is missing; expected a number; \
             unknown field `value.prise`; did you mean `price`?; `value.amount`: expected an integer from 0 to 255, got 256",
        ),
        (
            "external",
            json!({ "value": "nothing" }),
            "`value`: expected JSON of the form `\"Nothing\" | {\"One\": integer} | {\"Two\": [integer, boolean]} | \
             {\"Named\": {\"x\": integer, \"y\"?: integer}} | {\"Inside\": {\"price\": number, \"amount\": integer}}`, \
             got the string \"nothing\"",
        ),
        (
            "described",
            json!({ "items": "[{\"price\": 1}]", "pay": "by a long cheque", "some": "[1, 2, 3]" }),
            "`items[0].amount` is missing; expected an integer from 0 to 255; \
             `pay`: expected a string of 1 to 8 characters, got the string \"by a long cheque\"; \
             `some`: expected an array of 1 to 2 items, got an array of 3 items",
        ),
        (
            "flat",
            json!({ "first": "x", "words": "a", "color": "gren", "limit": "-1", "txt": "" }),
            "unknown argument `txt`; did you mean `text`?; `first`: expected an integer from 0 to 255, got the string \"x\"; \
             `words`: expected JSON of the form `[string]`, got the string \"a\"",
        ),
        (
            "flat",
            json!({ "words": "[1]", "color": "gren", "limit": "-1", "first": "1" }),
            "`words[0]`: expected a string, got 1; \
             `color`: expected one of \"red\", \"green\", \"blue\", got the string \"gren\"; did you mean \"green\"?; \
             `limit`: expected an integer from 0 to 255, got -1",
        ),
        (
            "method",
            json!({ "first": "1" }),
            "`words` is missing; expected an array; `color` is missing; expected one of \"red\", \"green\", \"blue\"",
        ),
    ] {
        let told = told(&client, prompt, arguments.clone()).await;
        let expected = format!("Invalid arguments: {expected} (-32602)");
        assert_eq!(told, expected, "{prompt} {arguments}");
    }
}

#[tokio::test]
async fn the_description_tells_the_form_of_json() {
    let client = client(Revision::LATEST).await;
    let all = client.prompts().await.unwrap();
    let arguments = |name: &str| {
        let prompt = all.iter().find(|prompt| prompt["name"] == name).unwrap();
        prompt["arguments"].clone()
    };
    for (prompt, form) in [
        ("text", None),
        ("number", None),
        ("color", None),
        ("documented", None),
        ("perhaps", None),
        ("twice", None),
        ("list", Some("[string]")),
        ("optional_list", Some("[integer]")),
        ("map", Some("{string: integer}")),
        ("tuple", Some("[integer, string]")),
        ("inner", Some(r#"{"price": number, "amount": integer}"#)),
        (
            "tree",
            Some(r#"{"name": string, "children": [Node], "next"?: Node}"#),
        ),
        (
            "untagged",
            Some(r#"integer | boolean | string | [integer] | {"x": integer}"#),
        ),
        ("any", Some("any")),
    ] {
        let form = form.map(|form| json!(format!("JSON of the form `{form}`")));
        assert_eq!(
            arguments(prompt)[0].get("description"),
            form.as_ref(),
            "{prompt}"
        );
    }
    assert_eq!(
        arguments("described"),
        json!([
            {
                "name": "items",
                "description": "What to order.\nJSON of the form `[{\"price\": number, \"amount\": integer}]`",
                "required": true,
            },
            { "name": "pay", "description": "How to pay.", "required": false },
            { "name": "some", "description": "JSON of the form `[integer]`", "required": false },
        ])
    );
    let search = [
        json!({ "name": "words", "description": "The words to find.\nJSON of the form `[string]`", "required": true }),
        json!({ "name": "color", "description": "A color.", "required": true }),
        json!({ "name": "limit", "required": false }),
        json!({ "name": "text", "required": false }),
    ];
    let first = json!({ "name": "first", "required": true });
    let flat: Vec<Value> = [std::slice::from_ref(&first), &search[..]].concat();
    assert_eq!(arguments("flat"), Value::from(flat));
    let method: Vec<Value> = [&search[..], &[first]].concat();
    assert_eq!(arguments("method"), Value::from(method));
}

#[tokio::test]
async fn fields_of_flattened_structs_are_texts_too() {
    let client = client(Revision::LATEST).await;
    let arguments = json!({ "first": "1", "words": "[\"a\", \"b\"]", "color": "blue", "limit": "7", "text": "[8]" });
    let expected = r#"1 Search { words: ["a", "b"], color: Blue, limit: 7, text: Some("[8]") }"#;
    let least = json!({ "first": "1", "words": "[]", "color": "red", "text": null });
    let of_least = "1 Search { words: [], color: Red, limit: 0, text: None }";
    let others = json!({ "first": "1", "a": "[2]", "b c": "[]" });
    assert_eq!(
        told(&client, "rest", others).await,
        r#"Some(1) {"a": [2], "b c": []}"#
    );
    let wrong = json!({ "b c": "[x]" });
    assert_eq!(
        told(&client, "rest", wrong).await,
        "Invalid arguments: `[\"b c\"]`: expected JSON of the form `[integer]`, got the string \"[x]\" (-32602)"
    );
    for prompt in ["flat", "method"] {
        assert_eq!(told(&client, prompt, arguments.clone()).await, expected);
        assert_eq!(told(&client, prompt, least.clone()).await, of_least);
    }
}

#[tokio::test]
async fn arguments_of_all_types_are_completed() {
    let client = client(Revision::LATEST).await;
    for prompt in ["text", "list", "inner", "any"] {
        let completed = client.complete(prompt, "value", "1").await.unwrap();
        assert_eq!(completed.values, ["[1]"], "{prompt}");
    }
    // The values of an enum, in a flattened struct as well.
    for prompt in ["flat", "method"] {
        let completed = client.complete(prompt, "color", "g").await.unwrap();
        assert_eq!(completed.values, ["green"], "{prompt}");
    }
}

/// Creates a tool and a prompt for each type, which return what they get.
macro_rules! pairs {
    ($($name:ident: $type:ty,)*) => {
        mod tool {
            use super::*;
            $(
                /// Returns what it gets.
                #[tool]
                pub(super) async fn $name(value: $type) -> String {
                    format!("{value:?}")
                }
            )*
        }

        mod prompt {
            use super::*;
            $(
                /// Returns what it gets.
                #[prompt]
                pub(super) async fn $name(value: $type) -> String {
                    format!("{value:?}")
                }
            )*
        }

        fn pairs() -> Server {
            let server = Server::new("pairs", "1").page_size(100);
            server.with(components![$(tool::$name),*]).with(components![$(prompt::$name),*])
        }
    };
}

pairs! {
    vec: Vec<u64>,
    holes: Vec<Option<Inner>>,
    option: Option<Inner>,
    map: BTreeMap<String, i32>,
    tuple: (u8, bool),
    plain: crate::types::Plain,
    nested: crate::types::Nested,
    ruled: crate::types::Ruled,
    flat_map: crate::types::FlatMap,
    external: External,
    internal: Internal,
    adjacent: crate::types::Adjacent,
    node: Node,
    expression: crate::types::Expression,
    dates: Vec<chrono::NaiveDate>,
}

#[tokio::test]
async fn json_in_a_text_is_read_like_an_argument_of_a_tool() {
    let client = pairs().connect().await;
    let mut outcomes = [0, 0];
    for (number, tool) in client.tools().await.unwrap().iter().enumerate() {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let mut values = Values::of(schema.get("$defs"), 99 + number as u64);
        for round in 0..cases(60) {
            let mut value = values.of_schema(&schema["properties"]["value"], 4);
            for _ in 0..round % 4 {
                mutate(&mut value, &mut values);
            }
            // A tool takes null as no argument, and repairs JSON in a string, which is JSON in a text in a text here.
            if value.is_null() || value.is_string() {
                continue;
            }
            let reply = client.call(name, json!({ "value": value })).await.unwrap();
            let text = value.to_string();
            let rendered = client.prompt(name, json!({ "value": text })).await;
            outcomes[usize::from(reply.is_error())] += 1;
            match rendered {
                Ok(messages) => assert_eq!(messages[0]["content"]["text"], reply.text(), "{text}"),
                Err(error) => {
                    let expected = reply.text().replace("\n- ", "; ");
                    let expected = expected.replacen(":; ", ": ", 1);
                    assert_eq!(
                        error.to_string(),
                        format!("{expected} (-32602)"),
                        "{name} {text}"
                    );
                }
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 50), "{outcomes:?}");
}

#[tokio::test]
async fn a_repeated_argument_is_told_of() {
    let mut client =
        crate::raw::Raw::to(Server::new("texts", "1").with(components![list, text, flat]));
    for (prompt, arguments, repeated) in [
        ("list", r#"{"value":"[]","value":"[\"a\"]"}"#, "value"),
        ("text", r#"{"value":"a","value":"b"}"#, "value"),
        (
            "flat",
            r#"{"first":"1","words":"[]","color":"red","words":"[]"}"#,
            "words",
        ),
    ] {
        let answer = client.get(prompt, arguments).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(
            message,
            format!("Invalid arguments: `{repeated}` is given twice")
        );
    }
}
