//! Each row of the table finds what breaks it, and nothing else.

mod document;

use serde_json::{Value, json};

use super::*;

/// Returns a server that every client takes as it is.
fn plain() -> Definitions {
    let argument = json!({ "type": "string", "description": "One." });
    let schema = json!({ "type": "object", "properties": { "a": argument }, "required": ["a"] });
    Definitions {
        about: json!({ "name": "s", "instructions": "Call it." }),
        tools: vec![json!({ "name": "get", "description": "Gets it.", "inputSchema": schema })],
        ..Definitions::default()
    }
}

fn with_argument(schema: Value) -> Definitions {
    let mut all = plain();
    all.tools[0]["inputSchema"]["properties"]["a"] = schema;
    all
}

fn with_tool(member: &str, value: Value) -> Definitions {
    let mut all = plain();
    all.tools[0][member] = value;
    all
}

fn with_tools(count: usize) -> Definitions {
    let mut all = plain();
    all.tools = vec![all.tools[0].clone(); count];
    all
}

/// Returns a server at the limit of a rule, if it has one, and a server beyond it.
#[allow(clippy::too_many_lines)] // a table
fn around(rule: &Rule) -> (Definitions, Definitions) {
    let text = |length: usize| json!("a".repeat(length));
    let named = |name: &str| with_tool("name", name.into());
    let server = |name: &str| {
        let mut all = plain();
        all.about["name"] = name.into();
        all
    };
    let rooted = |keyword: &str| {
        let mut all = plain();
        all.tools[0]["inputSchema"][keyword] = json!([]);
        all
    };
    let argument = |name: &str| {
        let schema = json!({ "properties": { name: { "type": "string" } } });
        with_tool("inputSchema", schema)
    };
    match *rule {
        Rule::ToolLetters(_) => (named("a-b_C"), named("a.b")),
        Rule::ToolLength(max) => (
            with_tool("name", text(max)),
            with_tool("name", text(max + 1)),
        ),
        Rule::PrefixedLength(prefix, max) => {
            let prefix = prefix
                .replace("{server}", "s")
                .replace("{uuid}", &"u".repeat(36));
            let rest = max - prefix.len();
            (
                with_tool("name", text(rest)),
                with_tool("name", text(rest + 1)),
            )
        }
        Rule::ReservedServers(all) => (server("workspaces"), server(all[0])),
        Rule::ServerLetter(letter) => (server("a-b"), server(&format!("a{letter}b"))),
        Rule::ArgumentNames(others, letter_first) => {
            let last = others.chars().last().unwrap();
            let odd = if letter_first { "1a" } else { "a b" };
            (argument(&format!("a{last}b")), argument(odd))
        }
        Rule::Tools(max) => (with_tools(max), with_tools(max + 1)),
        Rule::Description(max) => (
            with_tool("description", text(max)),
            with_tool("description", text(max + 1)),
        ),
        Rule::Instructions(max) => {
            let about = |length| {
                let mut all = plain();
                all.about["instructions"] = text(length);
                all
            };
            (about(max), about(max + 1))
        }
        Rule::RootKeywords(keywords) => (
            with_argument(json!({ keywords[0]: [] })),
            rooted(keywords[0]),
        ),
        Rule::Keywords(keywords) => (plain(), with_argument(json!({ keywords[2]: {} }))),
        Rule::OtherKeywords(known) => (
            with_argument(json!({ known[0]: {}, "title": "A" })),
            with_argument(json!({ "minimum": 1 })),
        ),
        Rule::OtherFormats(known) => {
            let of = |format: &str| with_argument(json!({ "type": "string", "format": format }));
            (of(known[0]), of("uri"))
        }
        Rule::Recursion => {
            let of = |target: &str| {
                let mut all = with_argument(json!({ "$ref": "#/$defs/A" }));
                all.tools[0]["inputSchema"]["$defs"] =
                    json!({ "A": { "items": { "$ref": target } }, "B": {} });
                all
            };
            (of("#/$defs/B"), of("#/$defs/A"))
        }
        Rule::BareArrays => (
            with_argument(json!({ "type": "array", "items": {} })),
            with_argument(json!({ "type": "array" })),
        ),
        Rule::NumericEnums => (
            with_argument(json!({ "enum": ["1"] })),
            with_argument(json!({ "enum": [1] })),
        ),
        Rule::EmptyObjects => {
            let inner = json!({ "type": "object", "properties": { "b": { "type": "string" } } });
            (
                with_argument(inner),
                with_argument(json!({ "type": "object" })),
            )
        }
        Rule::Maps => (
            with_argument(json!({ "additionalProperties": false })),
            with_argument(json!({ "additionalProperties": { "type": "string" } })),
        ),
        Rule::ItemTypes => (
            with_argument(json!({ "items": { "type": "string" } })),
            with_argument(json!({ "items": { "type": ["string", "null"] } })),
        ),
        Rule::Prompts => {
            let mut all = plain();
            all.prompts = vec![json!({ "name": "p" })];
            (plain(), all)
        }
        Rule::Resources => {
            let (mut interface, mut both) = (plain(), plain());
            interface.resources = vec![json!({ "uri": "ui://page" })];
            both.templates = vec![json!({ "uriTemplate": "a://{b}" })];
            (interface, both)
        }
        Rule::Meta(key, max) => (
            with_tool("_meta", json!({ key: max })),
            with_tool("_meta", json!({ key: max + 1 })),
        ),
        Rule::AtRunTime(_) => (plain(), plain()),
    }
}

#[test]
fn each_row_finds_what_is_beyond_its_limit_and_nothing_at_the_limit() {
    let mut rows = 0;
    for client in CLIENTS {
        for row in client.rows {
            rows += 1;
            let (at, beyond) = around(&row.rule);
            let own = |all: &Definitions| row.rule.violations(all).len();
            let start = format!("{} {} ", client.title, row.effect.verb());
            if matches!(row.rule, Rule::AtRunTime(_)) {
                assert_eq!(own(&beyond), 0);
                assert!(client.notes().iter().any(|note| note.starts_with(&start)));
                continue;
            }
            let limits = format!("{}, {:?}", client.name, row.sources);
            assert_eq!((own(&at), own(&beyond)), (0, 1), "{limits}");
            let found = client.findings(&beyond);
            let line = found
                .iter()
                .map(Finding::to_string)
                .find(|line| line.contains(&start));
            let line = line.unwrap_or_else(|| panic!("{limits}: {found:?}"));
            assert!(
                line.contains(row.fix) && line.contains("(https://"),
                "{line}"
            );
            let is_error = row.effect == Effect::Refuses;
            assert!(found.iter().any(|it| it.is_warning() != is_error), "{line}");
        }
    }
    assert!(rows > 50, "{rows}");
}

#[test]
fn a_plain_server_has_no_findings_in_any_client() {
    for client in CLIENTS {
        assert_eq!(client.findings(&plain()), [], "{}", client.name);
    }
}

#[test]
fn clients_have_different_names_and_their_rows_have_sources() {
    for (index, client) in CLIENTS.iter().enumerate() {
        let others = &CLIENTS[index + 1..];
        assert!(
            others.iter().all(|other| other.name > client.name),
            "{}",
            client.name
        );
        assert!(!client.rows.is_empty(), "{}", client.name);
        for row in client.rows {
            let are_pages = row.sources.split(' ').all(|it| it.starts_with("https://"));
            assert!(are_pages, "{}: {}", client.name, row.sources);
        }
    }
}

#[test]
fn a_finding_names_the_places_of_a_schema() {
    let mut all = plain();
    let inner = json!({ "type": "array", "items": { "oneOf": [], "const": 1 } });
    all.tools[0]["inputSchema"]["properties"]["b"] = inner;
    let found = client("gemini").unwrap().findings(&all);
    assert_eq!(found.len(), 1, "{found:?}");
    let start = "tool `get`: Gemini's API (function declarations) refuses `oneOf` in `b[]`; `const` in `b[]`: serve with `--dialect gemini`";
    assert!(found[0].to_string().starts_with(start), "{found:?}");
}

/// The forms that a client receives by its name are those of its model.
#[test]
fn the_names_of_clients_are_those_of_the_dialects() {
    use crate::schema::Dialect;
    let dialects = CLIENTS.iter().flat_map(|client| {
        let names = client.introduced_as.iter();
        names.map(|name| (client.name, Dialect::of_client(name)))
    });
    for (client, dialect) in dialects {
        let expected = match client {
            "chatgpt" | "codex" => Some(Dialect::OpenAi),
            "gemini-cli" => Some(Dialect::Gemini),
            _ => None,
        };
        assert_eq!(dialect, expected, "{client}");
    }
}
