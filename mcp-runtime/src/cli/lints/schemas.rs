//! Lints of the schemas of arguments: what is valid JSON Schema, and clients refuse.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::definitions::members;
use super::finding::{Finding, Level};
use crate::schema::{self, OPENAI_FORMATS, OPENAI_LEVELS};

/// Keywords that Claude's API and `OpenAI` refuse at the root of a schema, and those that only `OpenAI` refuses.
const CHOICES: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const CHOICE_SOURCES: &str = "https://github.com/anthropics/claude-code/issues/45106 https://github.com/langchain-ai/langchainjs/issues/9804";
const ROOT_VALUES: [&str; 3] = ["enum", "const", "not"];
const ROOT_VALUE_SOURCE: &str = "https://github.com/goruck/home-generative-agent/pull/545";

/// Gemini CLI fails each request if one tool has a recursive schema.
const RECURSION_SOURCE: &str = "https://github.com/google-gemini/gemini-cli/issues/14945";

/// VS Code: "tool parameters array type must have items", also if they are `false`; `OpenAI`: "array schema missing items".
const ITEMS_SOURCES: &str =
    "https://github.com/microsoft/vscode/issues/284536 https://github.com/ogx-ai/ogx/issues/3004";
const TUPLE_SOURCES: &str = "https://github.com/microsoft/vscode-copilot-chat/blob/main/src/extension/tools/common/toolSchemaNormalizer.ts https://github.com/gaopengbin/cesium-mcp/pull/37";
/// Claude's API refuses the tuples of older dialects, which are a list of schemas in `items`.
const OLD_TUPLE_SOURCE: &str = "https://github.com/AlexGladkov/claude-in-mobile/issues/57";
/// `OpenAI` refuses all tuples in strict schemas.
const STRICT_TUPLE_SOURCE: &str = "https://github.com/openai/openai-agents-python/pull/4753";

const ARRAY_TYPES_SOURCE: &str = "https://github.com/anomalyco/opencode/issues/48073";
const ITEM_TYPES_SOURCE: &str = "https://github.com/github/copilot-cli/issues/4623";

const FORMAT_SOURCES: &str = "https://github.com/tailcallhq/forgecode/issues/2974 https://github.com/cyanheads/git-mcp-server/issues/47";

/// The number of properties that `OpenAI` allows in all objects of a strict schema.
const MAX_PROPERTIES: usize = 5000;
const SIZE_SOURCE: &str = "https://developers.openai.com/api/docs/guides/structured-outputs";

/// Checks the schema of a tool's arguments.
pub(super) fn check(tool: &str, schema: &Value, found: &mut Vec<Finding>) {
    let mut add = |level, text: String, sources| {
        found.push(Finding::of_clients(
            level,
            format!("tool `{tool}`: {text}"),
            sources,
        ));
    };
    check_root(schema, &mut add);
    schema::walk(schema, "", &mut |rules, path| {
        let path = path.trim_start_matches('.');
        check_array(rules, path, &mut add);
        check_types(rules, path, &mut add);
        check_format(rules, path, &mut add);
    });
    check_size(schema, &mut add);
}

/// A function that adds a finding: its level, its text and its sources.
trait Add: FnMut(Level, String, &'static str) {}
impl<F: FnMut(Level, String, &'static str)> Add for F {}

fn check_root(schema: &Value, add: &mut impl Add) {
    for keyword in CHOICES.iter().filter(|it| schema.get(it).is_some()) {
        let text = format!(
            "Claude's API and OpenAI refuse `{keyword}` at the root of a schema: move it into an argument"
        );
        add(Level::Error, text, CHOICE_SOURCES);
    }
    for keyword in ROOT_VALUES.iter().filter(|it| schema.get(it).is_some()) {
        let text =
            format!("OpenAI refuses `{keyword}` at the root of a schema: move it into an argument");
        add(Level::Error, text, ROOT_VALUE_SOURCE);
    }
}

fn check_array(rules: &Map<String, Value>, path: &str, add: &mut impl Add) {
    let (is_array, is_tuple) = (has_type(rules, "array"), rules.contains_key("prefixItems"));
    let items = rules.get("items").filter(|items| **items != false);
    let (level, text, sources) = match items {
        Some(Value::Array(_)) => (
            Level::Error,
            "is a tuple in the form of older dialects, which Claude's API refuses: use a struct with named fields",
            OLD_TUPLE_SOURCE,
        ),
        None if is_array && is_tuple => (
            Level::Error,
            "is a tuple, which VS Code refuses: use a struct with named fields",
            TUPLE_SOURCES,
        ),
        None if is_array => (
            Level::Error,
            "is an array without `items`, which VS Code and OpenAI refuse: declare the type of its items",
            ITEMS_SOURCES,
        ),
        _ if is_tuple => (
            Level::Warning,
            "is a tuple, which OpenAI refuses in a strict schema: use a struct with named fields",
            STRICT_TUPLE_SOURCE,
        ),
        _ => return,
    };
    add(level, format!("`{path}` {text}"), sources);
}

/// Checks for several types of one value, in the two places where a client fails to convert them for Gemini.
fn check_types(rules: &Map<String, Value>, path: &str, add: &mut impl Add) {
    if rules.get("type").is_some_and(Value::is_array) && has_type(rules, "array") {
        let text = format!(
            "`{path}` is an array or has another type, and opencode fails with such a tool and Gemini: use one type"
        );
        add(Level::Warning, text, ARRAY_TYPES_SOURCE);
    }
    let items = rules.get("items").and_then(|items| items.get("type"));
    if items.is_some_and(Value::is_array) {
        let text = format!(
            "`{path}[]` has several types, and Copilot CLI fails with such a tool and Gemini: use one type, such as a list without null"
        );
        add(Level::Warning, text, ITEM_TYPES_SOURCE);
    }
}

fn check_format(rules: &Map<String, Value>, path: &str, add: &mut impl Add) {
    let format = rules.get("format").and_then(Value::as_str);
    let Some(format) =
        format.filter(|it| !OPENAI_FORMATS.contains(it) && has_type(rules, "string"))
    else {
        return;
    };
    add(
        Level::Warning,
        format!(
            "`{path}` has the format `{format}`, which OpenAI refuses in a strict schema: leave the format out, and describe it in words"
        ),
        FORMAT_SOURCES,
    );
}

fn has_type(rules: &Map<String, Value>, name: &str) -> bool {
    match rules.get("type") {
        Some(Value::Array(names)) => names.iter().any(|it| it == name),
        Some(only) => only == name,
        None => false,
    }
}

fn check_size(schema: &Value, add: &mut impl Add) {
    let recursive = recursive(schema);
    for name in &recursive {
        let text = format!(
            "its schema is recursive in `{name}`, and Gemini CLI fails with such a tool: use a fixed depth, or take the value as a string"
        );
        add(Level::Error, text, RECURSION_SOURCE);
    }
    if recursive.is_empty() {
        let levels = levels(schema, schema, &mut HashMap::new());
        if levels > OPENAI_LEVELS {
            let text = format!(
                "its schema nests {levels} levels of objects, and OpenAI allows {OPENAI_LEVELS} in a strict schema: make it flatter"
            );
            add(Level::Warning, text, SIZE_SOURCE);
        }
    }
    let properties = properties(schema);
    if properties > MAX_PROPERTIES {
        let text = format!(
            "its schema has {properties} properties, and OpenAI allows {MAX_PROPERTIES} in a strict schema: use fewer properties"
        );
        add(Level::Warning, text, SIZE_SOURCE);
    }
}

/// Returns the names of the definitions that refer to themselves, directly or through others, and `#` if there is a reference
/// to the whole schema.
pub(super) fn recursive(schema: &Value) -> Vec<&str> {
    let definitions = || members(schema, "$defs");
    let leads_back = |name: &str| {
        let mut reached: Vec<&str> = targets(&schema["$defs"][name]);
        let mut next = 0;
        while let Some(target) = reached.get(next).copied() {
            if target == name {
                return true;
            }
            for further in targets(&schema["$defs"][target]) {
                if !reached.contains(&further) {
                    reached.push(further);
                }
            }
            next += 1;
        }
        false
    };
    let root = schema::references(schema).contains(&"#").then_some("#");
    definitions()
        .map(|(name, _)| name)
        .filter(|name| leads_back(name))
        .chain(root)
        .collect()
}

/// Returns the names of the definitions that a schema refers to.
fn targets(schema: &Value) -> Vec<&str> {
    let references = schema::references(schema).into_iter();
    references.filter_map(definition).collect()
}

/// Returns the name of the definition that a reference points to.
fn definition(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/$defs/")
}

/// Counts the properties in a schema and its definitions.
fn properties(schema: &Value) -> usize {
    let mut count = 0;
    schema::walk(schema, "", &mut |rules, _| {
        let own = rules.get("properties").and_then(Value::as_object);
        count += own.map_or(0, serde_json::Map::len);
    });
    count
}

/// Returns the number of nested levels of objects in a part of a schema, which must not be recursive. `known` caches the
/// levels of definitions.
fn levels<'s>(part: &'s Value, schema: &'s Value, known: &mut HashMap<&'s str, usize>) -> usize {
    let own = usize::from(part.get("properties").is_some());
    let mut most = 0;
    for inner in schema::parts(part).filter(|inner| !inner.is_definition()) {
        most = most.max(levels(inner.schema, schema, known));
    }
    let reference = part.get("$ref").and_then(Value::as_str);
    if let Some(name) = reference.and_then(definition) {
        let referred = known.get(name).copied().unwrap_or_else(|| {
            let levels = levels(&schema["$defs"][name], schema, known);
            known.insert(name, levels);
            levels
        });
        most = most.max(referred);
    }
    own + most
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{of_argument, of_tools, tool};
    use super::*;

    #[test]
    fn keywords_that_clients_refuse_at_the_root_of_a_schema_are_found() {
        for (keyword, client) in [
            ("anyOf", "Claude"),
            ("oneOf", "Claude"),
            ("allOf", "Claude"),
            ("enum", "OpenAI"),
            ("const", "OpenAI"),
            ("not", "OpenAI"),
        ] {
            let found = of_tools([tool("x", &json!({ "type": "object", keyword: [] }))]);
            assert_eq!(found.len(), 1, "{found:?}");
            let words = format!("`{keyword}` at the root");
            assert!(found[0].contains(&words) && found[0].contains(client));
            let source = found[0].ends_with(')') && found[0].contains("(https://github.com/");
            assert!(source, "{found:?}");
            assert!(of_argument(json!({ keyword: [] }), &json!({})).is_empty());
        }
    }

    #[test]
    fn arrays_that_clients_refuse_are_found_at_any_depth() {
        let bare = json!({ "type": "array" });
        let tuple = json!({ "type": "array", "prefixItems": [{}, {}] });
        let old_tuple = json!({ "type": "array", "items": [{}, {}] });
        let closed_tuple = json!({ "type": "array", "prefixItems": [{}], "items": false });
        let open_tuple =
            json!({ "type": "array", "prefixItems": [{}], "items": { "type": "string" } });
        let any_tuple = json!({ "prefixItems": [{}, {}] });
        for (array, start) in [
            (bare, "tool `x`: `PATH` is an array without `items`"),
            (tuple, "tool `x`: `PATH` is a tuple, which VS Code"),
            (closed_tuple, "tool `x`: `PATH` is a tuple, which VS Code"),
            (old_tuple, "tool `x`: `PATH` is a tuple in the form of"),
            (
                open_tuple,
                "warning: tool `x`: `PATH` is a tuple, which OpenAI",
            ),
            (
                any_tuple,
                "warning: tool `x`: `PATH` is a tuple, which OpenAI",
            ),
        ] {
            for (schema, path) in [
                (array.clone(), "a"),
                (json!({ "items": array }), "a[]"),
                (json!({ "anyOf": [array] }), "a"),
                (
                    json!({ "properties": { "b": { "description": "One.", "anyOf": [array] } } }),
                    "a.b",
                ),
            ] {
                let found = of_argument(schema.clone(), &json!({}));
                assert_eq!(found.len(), 1, "{schema}: {found:?}");
                let start = start.replace("PATH", path);
                assert!(found[0].starts_with(&start), "{schema}: {found:?}");
            }
            let found = of_argument(json!({ "$ref": "#/$defs/A" }), &json!({ "A": array }));
            assert!(found[0].contains("`A` is"), "{found:?}");
        }
        let list = json!({ "type": "array", "items": {} });
        assert!(of_argument(list, &json!({})).is_empty());
        assert!(of_argument(json!({ "default": { "type": "array" } }), &json!({})).is_empty());
    }

    #[test]
    fn several_types_that_clients_cannot_convert_are_warnings() {
        let one = json!({ "type": "string" });
        let several = json!({ "type": ["string", "null"] });
        let list = |types: Value, items: &Value| json!({ "type": types, "items": items });
        let nullable = || json!(["array", "null"]);
        for (schema, starts) in [
            (list(nullable(), &one), &["`a` is an array or"][..]),
            (list(json!("array"), &several), &["`a[]` has several types"]),
            (
                list(nullable(), &several),
                &["`a` is an array or", "`a[]` has several types"],
            ),
            (
                list(json!("array"), &list(nullable(), &one)),
                &["`a[]` is an array or", "`a[]` has several types"],
            ),
            (several, &[]),
            (list(json!("array"), &one), &[]),
        ] {
            let mut found = of_argument(schema.clone(), &json!({}));
            found.sort();
            assert_eq!(found.len(), starts.len(), "{schema}: {found:?}");
            for start in starts {
                let start = format!("warning: tool `x`: {start}");
                assert!(found.iter().any(|it| it.starts_with(&start)), "{found:?}");
            }
        }
        // It is an error, too: it has no items.
        let found = of_argument(json!({ "type": nullable() }), &json!({}));
        assert!(found[0].contains("without `items`"), "{found:?}");
    }

    #[test]
    fn formats_that_a_client_refuses_are_warnings() {
        let with = |format: &str| json!({ "type": "string", "format": format });
        for format in ["uri", "regex", "int64"] {
            let found = of_argument(
                json!({ "type": "array", "items": with(format) }),
                &json!({}),
            );
            let words = format!("`a[]` has the format `{format}`, which OpenAI refuses");
            let found = found.iter().find(|line| line.contains(&words));
            assert!(found.is_some_and(|line| line.starts_with("warning: ")));
        }
        for schema in [
            with("date-time"),
            with("uuid"),
            json!({ "type": "integer", "format": "int64" }),
            json!({ "default": with("uri") }),
        ] {
            assert!(of_argument(schema, &json!({})).is_empty());
        }
    }

    #[test]
    fn recursive_schemas_are_found() {
        let described = |mut schema: Value| {
            schema["description"] = "One.".into();
            schema
        };
        let to = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
        let list = |name: &str| json!({ "type": "array", "items": to(name) });
        let definitions =
            json!({ "A": list("B"), "B": { "properties": { "a": described(to("A")) } } });
        let found = of_argument(to("A"), &definitions);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("in `A`"), "{found:?}");
        let whole = of_argument(json!({ "$ref": "#" }), &json!({}));
        assert_eq!(whole.len(), 1, "{whole:?}");
        assert!(whole[0].contains("in `#`"), "{whole:?}");
        let straight = json!({ "A": list("B"), "B": { "type": "string" } });
        assert!(of_argument(to("A"), &straight).is_empty());
        // Each definition is walked once, however many paths lead to it.
        let wide: serde_json::Map<String, Value> = (0..64)
            .map(|index| {
                let next = to(&format!("D{}", index + 1));
                (format!("D{index}"), json!({ "anyOf": [next, next] }))
            })
            .collect();
        assert!(of_argument(to("D0"), &wide.into()).is_empty());
        // A property named `$ref` and a `$ref` inside of data are not references.
        let members = described(json!({ "default": to("A") }));
        let members = json!({ "A": { "properties": { "$ref": members } } });
        assert!(of_argument(to("A"), &members).is_empty());
    }

    #[test]
    fn schemas_that_are_too_large_are_found() {
        let nest = |levels: usize| {
            (0..levels).fold(
                json!({ "type": "string", "description": "One." }),
                |inner, _| json!({ "description": "One.", "properties": { "b": inner } }),
            )
        };
        assert!(of_argument(nest(OPENAI_LEVELS - 1), &json!({})).is_empty());
        let found = of_argument(nest(OPENAI_LEVELS), &json!({}));
        assert!(found[0].contains("nests 11 levels"), "{found:?}");
        let found = of_argument(
            json!({ "$ref": "#/$defs/A" }),
            &json!({ "A": nest(OPENAI_LEVELS) }),
        );
        assert!(found[0].contains("nests 11 levels"), "{found:?}");

        let wide = |count: usize| {
            let names =
                (0..count).map(|index| (index.to_string(), json!({ "description": "One." })));
            json!({ "properties": Value::Object(names.collect()) })
        };
        assert!(of_argument(wide(MAX_PROPERTIES - 1), &json!({})).is_empty());
        let found = of_argument(wide(MAX_PROPERTIES), &json!({}));
        assert!(found[0].contains("has 5001 properties"), "{found:?}");
    }
}
