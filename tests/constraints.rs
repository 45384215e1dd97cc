//! Constraints that `#[arg]` adds to the types of arguments: shown in schemas, and checked before a function runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::collections::{BTreeMap, HashSet};

use mcp_runtime::prelude::*;
use mcp_tests::client::{Client, Connect as _};
use serde::Deserialize;
use serde_json::{Value, json};

const MOST: u16 = 20;

type Tags = Option<Vec<String>>;

/// A newtype of a number.
#[derive(Deserialize, schemars::JsonSchema)]
struct Stars(#[allow(dead_code)] u8); // only its schema is used

/// A struct with constraints of its own.
#[derive(Deserialize, schemars::JsonSchema)]
struct Order {
    #[schemars(regex(pattern = "^[A-Z]{2}[0-9]+$"))]
    code: String,
    #[schemars(length(min = 1))]
    lines: Vec<Line>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Line {
    #[schemars(range(min = 1, max = 9))]
    amount: u32,
}

macro_rules! tools {
    ($($name:ident($(#[$arg:meta])* $type:ty);)*) => {
        $(
            /// Takes a value.
            #[tool]
            async fn $name($(#[$arg])* value: $type) -> bool {
                let _ = value;
                true
            }
        )*
        fn all() -> Server {
            Server::new("constraints", "1.0.0").with(components![$($name,)* narrow, order, line, named])
        }
    };
}

tools! {
    closed(#[arg(range(1..=10))] i32);
    from_one(#[arg(range(1..))] u64);
    up_to(#[arg(range(..=-3))] i8);
    below(#[arg(range(..10))] u8);
    wider(#[arg(range(-5..=300))] u8);
    huge(#[arg(range(..=9_000_000_000))] i64);
    fraction(#[arg(range(-0.5..1.0))] f64);
    ratio(#[arg(range(0..=1))] f32);
    constant(#[arg(range(1..=MOST * 2))] u16);
    perhaps(#[arg(range(1..=10))] Option<i32>);
    stars(#[arg(range(1..=5))] Stars);
    text(#[arg(length(2..=3))] String);
    borrowed(#[arg(length(1..))] &str);
    three(#[arg(length(3))] String);
    tags(#[arg(length(1..3))] Tags);
    set(#[arg(length(..=1))] HashSet<u8>);
    map(#[arg(length(1..=MOST))] BTreeMap<String, u8>);
    pair(#[arg(length(..=2))] Vec<u8>);
    word(#[arg(pattern = "^[a-z]+$", length(..=4))] String);
    part(#[arg(pattern = "b+")] Option<String>);
}

/// Takes an optional value.
#[tool(strict)]
async fn narrow(
    #[arg(default = 5, range(1..=10), example = 7)] value: i32,
    #[arg(example = Some("a word"))] word: Option<&str>,
) -> String {
    format!("{value} {word:?}")
}

/// Takes a struct.
#[tool]
async fn order(value: Order) -> usize {
    value.code.len()
        + value
            .lines
            .iter()
            .map(|line| line.amount as usize)
            .sum::<usize>()
}

/// A line of a page.
#[resource("line://{page}{?q}")]
async fn line(
    #[arg(range(1..=10))] page: u8,
    #[arg(length(2..), pattern = "^[a-z]*$")] q: Option<String>,
) -> String {
    format!("{page} {q:?}")
}

/// Repeats a name.
#[prompt]
fn named(
    #[arg(length(1..=5), example = "Ada")] name: String,
    #[arg(range(..3), default = 1)] times: u8,
) -> String {
    name.repeat(times.into())
}

async fn client() -> Client {
    all().connect().await
}

/// Returns the answer of a tool to a value.
async fn said(client: &Client, tool: &str, value: Value) -> Result<(), String> {
    let reply = client.call(tool, json!({ "value": value })).await.unwrap();
    if reply.is_error() {
        Err(reply.text())
    } else {
        Ok(())
    }
}

#[tokio::test]
async fn schemas_show_what_is_kept() {
    let tools = client().await.tools().await.unwrap();
    for (name, schema) in [
        (
            "closed",
            json!({ "type": "integer", "minimum": 1, "maximum": 10 }),
        ),
        ("from_one", json!({ "type": "integer", "minimum": 1 })),
        (
            "up_to",
            json!({ "type": "integer", "minimum": -128, "maximum": -3 }),
        ),
        (
            "below",
            json!({ "type": "integer", "minimum": 0, "exclusiveMaximum": 10 }),
        ),
        (
            "wider",
            json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        ),
        (
            "huge",
            json!({ "type": "integer", "maximum": 9_000_000_000_i64 }),
        ),
        (
            "fraction",
            json!({ "type": "number", "minimum": -0.5, "exclusiveMaximum": 1.0 }),
        ),
        (
            "ratio",
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        ),
        (
            "constant",
            json!({ "type": "integer", "minimum": 1, "maximum": 40 }),
        ),
        (
            "perhaps",
            json!({ "type": "integer", "minimum": 1, "maximum": 10 }),
        ),
        (
            "text",
            json!({ "type": "string", "minLength": 2, "maxLength": 3 }),
        ),
        (
            "three",
            json!({ "type": "string", "minLength": 3, "maxLength": 3 }),
        ),
        (
            "tags",
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2 }),
        ),
        (
            "word",
            json!({ "type": "string", "maxLength": 4, "pattern": "^[a-z]+$" }),
        ),
        (
            "narrow",
            json!({ "type": "integer", "minimum": 1, "maximum": 10, "default": 5, "examples": [7] }),
        ),
    ] {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        assert_eq!(tool["inputSchema"]["properties"]["value"], schema, "{name}");
    }
}

#[tokio::test]
async fn both_sides_of_each_bound_are_as_the_schema_says() {
    let client = client().await;
    for (tool, right, wrong) in [
        (
            "closed",
            vec![json!(1), json!(10), json!("5"), json!(5.0)],
            vec![json!(0), json!(11), json!("11")],
        ),
        ("from_one", vec![json!(1), json!(u64::MAX)], vec![json!(0)]),
        (
            "up_to",
            vec![json!(-3), json!(-128)],
            vec![json!(-2), json!(-129)],
        ),
        (
            "below",
            vec![json!(0), json!(9)],
            vec![json!(10), json!(-1)],
        ),
        (
            "wider",
            vec![json!(0), json!(255)],
            vec![json!(256), json!(-1)],
        ),
        (
            "huge",
            vec![json!(9_000_000_000_i64)],
            vec![json!(9_000_000_001_i64)],
        ),
        (
            "fraction",
            vec![json!(-0.5), json!(0.999), json!(0)],
            vec![json!(-0.51), json!(1.0), json!(1)],
        ),
        (
            "ratio",
            vec![json!(0), json!(1.0)],
            vec![json!(1.01), json!(-0.01)],
        ),
        ("constant", vec![json!(40)], vec![json!(41), json!(0)]),
        ("perhaps", vec![json!(1), Value::Null], vec![json!(0)]),
        ("stars", vec![json!(1), json!(5)], vec![json!(0), json!(6)]),
        (
            "text",
            vec![json!("ää"), json!("äöü")],
            vec![json!("ä"), json!("äöüß")],
        ),
        ("borrowed", vec![json!("a\nb")], vec![json!("")]),
        (
            "three",
            vec![json!("abc")],
            vec![json!("ab"), json!("abcd")],
        ),
        (
            "tags",
            vec![json!(["a"]), json!(["a", "b"]), Value::Null],
            vec![json!([]), json!(["a", "b", "c"])],
        ),
        ("set", vec![json!([]), json!([1])], vec![json!([1, 2])]),
        ("map", vec![json!({ "a": 1 })], vec![json!({})]),
        (
            "pair",
            vec![json!([1, 2]), json!("[1,2]")],
            vec![json!([1, 2, 3]), json!("[1,2,3]")],
        ),
        (
            "word",
            vec![json!("abcd")],
            vec![json!("abcde"), json!("aB"), json!("")],
        ),
        (
            "part",
            vec![json!("abba"), json!("b")],
            vec![json!("aa"), json!("")],
        ),
    ] {
        for value in right {
            assert_eq!(
                said(&client, tool, value.clone()).await,
                Ok(()),
                "{tool} {value}"
            );
        }
        for value in wrong {
            assert!(
                said(&client, tool, value.clone()).await.is_err(),
                "{tool} {value}"
            );
        }
    }
}

#[tokio::test]
async fn errors_say_where_what_and_instead_of_what() {
    let client = client().await;
    for (tool, value, words) in [
        (
            "closed",
            json!(11),
            "`value`: expected an integer from 1 to 10, got 11",
        ),
        (
            "below",
            json!(10),
            "`value`: expected an integer of at least 0 and below 10, got 10",
        ),
        (
            "text",
            json!("a"),
            "`value`: expected a string of 2 to 3 characters, got the string \"a\"",
        ),
        (
            "tags",
            json!([]),
            "`value`: expected an array of 1 to 2 items, got an empty array",
        ),
        (
            "map",
            json!({}),
            "`value`: expected an object of 1 to 20 members, got 0 members",
        ),
        (
            "word",
            json!("B"),
            "`value`: expected a string of at most 4 characters that matches `^[a-z]+$`, got the string \"B\"",
        ),
        (
            "closed",
            json!(null),
            "`value`: expected an integer from 1 to 10, got null",
        ),
    ] {
        let error = said(&client, tool, value).await.unwrap_err();
        assert_eq!(error, format!("Invalid arguments:\n- {words}"));
    }
}

#[tokio::test]
async fn rules_within_types_are_kept_too() {
    let client = client().await;
    let order = json!({ "code": "AB12", "lines": [{ "amount": 9 }] });
    assert_eq!(said(&client, "order", order).await, Ok(()));
    let wrong = json!({ "code": "ab12", "lines": [{ "amount": 3 }, { "amount": 10 }] });
    assert_eq!(
        said(&client, "order", wrong).await.unwrap_err(),
        "Invalid arguments:\n\
         - `value.code`: expected a string that matches `^[A-Z]{2}[0-9]+$`, got the string \"ab12\"\n\
         - `value.lines[1].amount`: expected an integer from 1 to 9, got 10"
    );
}

#[tokio::test]
async fn a_default_needs_no_value_and_an_example_is_none() {
    let client = client().await;
    let reply = client.call("narrow", json!({})).await.unwrap();
    assert_eq!(reply.text(), "5 None");
    let reply = client.call("narrow", json!({ "value": 0 })).await.unwrap();
    assert!(reply.is_error());
}

#[tokio::test]
async fn variables_of_resources_are_kept_within_their_rules() {
    let client = client().await;
    for uri in ["line://1", "line://10?q=ab"] {
        assert!(client.read(uri).await.is_ok(), "{uri}");
    }
    for (uri, words) in [
        (
            "line://0",
            "`page`: expected an integer from 1 to 10, got 0",
        ),
        ("line://11", "`page`: expected an integer from 1 to 10, got"),
        (
            "line://1?q=a",
            "`q`: expected a string of at least 2 characters that matches `^[a-z]*$`, got the string \"a\"",
        ),
        ("line://1?q=AB", "that matches"),
    ] {
        let error = client.read(uri).await.unwrap_err().to_string();
        assert!(error.contains(words), "{uri}: {error}");
    }
}

#[tokio::test]
async fn arguments_of_prompts_are_kept_within_their_rules() {
    let client = client().await;
    for right in [
        json!({ "name": "a" }),
        json!({ "name": "abcde", "times": "2" }),
    ] {
        assert!(
            client.prompt("named", right.clone()).await.is_ok(),
            "{right}"
        );
    }
    for (wrong, words) in [
        (
            json!({ "name": "" }),
            "`name`: expected a string of 1 to 5 characters",
        ),
        (
            json!({ "name": "abcdef" }),
            "`name`: expected a string of 1 to 5 characters",
        ),
        (
            json!({ "name": "a", "times": "3" }),
            "`times`: expected an integer of at least 0 and below 3",
        ),
    ] {
        let error = client
            .prompt("named", wrong.clone())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{wrong}: {error}");
    }
}

mod wrong {
    use super::*;

    const LEAST: i32 = 9;

    /// A type that the macro does not know.
    #[derive(Deserialize, schemars::JsonSchema)]
    pub(crate) struct Name(#[allow(dead_code)] pub(crate) String); // only its schema is used

    #[derive(Deserialize, schemars::JsonSchema)]
    pub(crate) struct Broken {
        #[schemars(regex(pattern = "("))]
        pub(crate) text: String,
    }

    macro_rules! tools {
        ($($name:ident($(#[$arg:meta])* $type:ty);)*) => {$(
            /// Takes a value.
            #[tool]
            pub(crate) async fn $name($(#[$arg])* value: $type) {
                let _ = value;
            }
        )*};
    }

    tools! {
        reversed(#[arg(range(LEAST..=LEAST - 1))] i32);
        beyond(#[arg(range(300..))] u8);
        infinite(#[arg(range(..f64::INFINITY))] f64);
        no_number(#[arg(range(1..=2))] Name);
        no_count(#[arg(length(LEAST - 10..))] String);
        no_length(#[arg(length(3))] Stars);
        no_text(#[arg(pattern = "a")] Stars);
        default_below(#[arg(range(LEAST..), default = 1)] i32);
        example_beyond(#[arg(range(1..=5), example = Some(6))] Option<i32>);
        long_default(#[arg(length(..=2), default = vec![1, 2, 3])] Vec<u8>);
        unmatched(#[arg(pattern = "^a", default = String::from("b"))] String);
    }

    /// Takes a broken one.
    #[tool]
    pub(crate) async fn broken(value: Broken) {
        let _ = value.text;
    }
}

async fn problem(server: Server) -> String {
    let answer = server.connect().await.tools().await;
    answer.expect_err("the server is not built").to_string()
}

#[tokio::test]
async fn what_only_the_built_server_can_know_is_a_problem_in_words() {
    for (components, words) in [
        (
            components![wrong::reversed],
            "tool `reversed`: no value of `value`, an integer from",
        ),
        (
            components![wrong::beyond],
            "no value of `value`, an integer from 0 to 255, is within its `range`",
        ),
        (
            components![wrong::infinite],
            "a bound of `value` is not a finite number",
        ),
        (
            components![wrong::no_number],
            "`range` bounds numbers, but `value` is a string",
        ),
        (
            components![wrong::no_count],
            "a bound of the `length` of `value` is not a whole number",
        ),
        (
            components![wrong::no_length],
            "`length` counts characters, items or members, and `value` has none",
        ),
        (
            components![wrong::no_text],
            "`pattern` is for strings, but `value` is an integer",
        ),
        (
            components![wrong::default_below],
            "its default breaks the rules of the argument: `value`: expected an integer",
        ),
        (
            components![wrong::example_beyond],
            "its example breaks the rules of the argument: `value`: expected an integer from 1 to 5, got 6",
        ),
        (
            components![wrong::long_default],
            "expected an array of at most 2 items, got an array of 3 items",
        ),
        (
            components![wrong::unmatched],
            "expected a string that matches `^a`, got the string \"b\"",
        ),
        (
            components![wrong::broken],
            "the pattern `(` cannot be checked",
        ),
    ] {
        let error = problem(Server::new("wrong", "1.0.0").with(components)).await;
        assert!(error.contains(words), "{error}");
    }
}

/// With the feature `validate`: constraints beyond those of types.
#[cfg(feature = "validate")]
mod validated {
    use super::*;

    /// A struct whose schema has keywords that the built-in checker does not support.
    #[derive(Deserialize, schemars::JsonSchema)]
    #[schemars(extend("dependentRequired" = { "end": ["start"] }))]
    struct Slot {
        #[schemars(extend("multipleOf" = 5))]
        minutes: u32,
        #[schemars(extend("format" = "date"))]
        day: String,
        #[schemars(extend("not" = { "type": "string", "maxLength": 1 }))]
        hall: Option<String>,
        #[schemars(extend("contains" = { "type": "string", "pattern": "@" }))]
        guests: Option<Vec<String>>,
        start: Option<u8>,
        end: Option<u8>,
    }

    /// Books a slot.
    #[tool]
    async fn book(value: Slot) -> u32 {
        let _ = (value.day, value.hall, value.guests, value.start, value.end);
        value.minutes
    }

    fn server() -> Server {
        let schema = json!({
            "type": "object",
            "properties": { "value": { "type": "integer", "multipleOf": 3 } },
            "required": ["value"],
        });
        let raw =
            mcp_runtime::Tool::new("raw", schema, |arguments: Value, _: Context| async move {
                arguments["value"].to_string()
            });
        Server::new("validated", "1.0.0")
            .with(components![book])
            .with(raw)
    }

    #[tokio::test]
    async fn all_of_a_schema_is_kept() {
        let client = server().connect().await;
        for right in [
            json!({ "minutes": 15, "day": "2026-07-28", "guests": ["a@b"], "hall": "ab" }),
            json!({ "minutes": "15", "day": "2026-07-28", "start": 1, "end": 2 }),
        ] {
            assert_eq!(said(&client, "book", right).await, Ok(()));
        }
        let with = |name: &str, value: Value| {
            let mut slot = json!({ "minutes": 15, "day": "2026-07-28" });
            slot[name] = value;
            slot
        };
        for (wrong, words) in [
            (
                with("minutes", json!(16)),
                "`value.minutes`: expected a multiple of 5, got 16",
            ),
            (
                with("minutes", json!("16")),
                "`value.minutes`: expected a multiple of 5, got 16",
            ),
            (
                with("day", json!("soon")),
                "`value.day`: expected a string in the format `date`, got the string \"soon\"",
            ),
            (
                with("hall", json!("a")),
                "`value.hall`: expected something other than a string of at most 1 characters, got the string \"a\"",
            ),
            (
                with("guests", json!(["a"])),
                "`value.guests`: expected an array that contains a string that matches `@`, got an array of 1 item",
            ),
            (with("end", json!(2)), "`value`: expected an object with"),
        ] {
            let error = said(&client, "book", wrong).await.unwrap_err();
            assert!(
                error.starts_with(&format!("Invalid arguments:\n- {words}")),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn arguments_of_a_tool_made_at_run_time_are_checked() {
        let client = server().connect().await;
        assert_eq!(said(&client, "raw", json!(9)).await, Ok(()));
        for (wrong, words) in [
            (
                json!(10),
                "`arguments.value`: expected a multiple of 3, got 10",
            ),
            (
                json!("9"),
                "`arguments.value`: expected an integer, got the string \"9\"",
            ),
        ] {
            let error = said(&client, "raw", wrong).await.unwrap_err();
            assert_eq!(error, format!("Invalid arguments:\n- {words}"));
        }
        let reply = client.call("raw", json!({})).await.unwrap();
        assert!(reply.is_error(), "{}", reply.text());
    }

    #[tokio::test]
    async fn a_schema_that_is_none_is_a_problem() {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "text" } } });
        let raw = mcp_runtime::Tool::new("raw", schema, |_: Value, _: Context| async {});
        let error = problem(Server::new("wrong", "1.0.0").with(raw)).await;
        assert!(
            error.contains("tool `raw`: the schema of its arguments is invalid"),
            "{error}"
        );
    }
}
