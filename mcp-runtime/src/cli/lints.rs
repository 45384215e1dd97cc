//! The lints of `check`: definitions that are valid by the protocol, and that some models or clients do not handle.
//!
//! Lints read definitions as clients see them. Violations of the protocol are errors when the server is built.

use std::collections::HashMap;

use mcp_grammar::name::is_at_most;
use serde_json::Value;

use crate::schema;

/// The longest name of a tool that `OpenAI` and Claude Desktop allow, in characters. Their pattern is
/// `^[a-zA-Z0-9_-]{1,64}$`; the protocol allows 128 characters, and also `.`. See
/// <https://developers.openai.com/api/docs/guides/function-calling>.
const MAX_NAME_LENGTH: usize = 64;

/// The number of nested levels of objects that `OpenAI` allows for a strict tool, and the number of properties in all of them.
/// See <https://developers.openai.com/api/docs/guides/structured-outputs>.
const MAX_LEVELS: usize = 10;
const MAX_PROPERTIES: usize = 5000;

/// The number of words from which on a description in the instructions is a repetition, not a coincidence.
const MIN_REPEATED_WORDS: usize = 4;

/// All definitions of a server, and its instructions.
#[derive(Default)]
pub(super) struct Definitions {
    pub(super) instructions: String,
    pub(super) tools: Vec<Value>,
    /// The keywords of schemas that no call is checked against, by the names of the tools.
    pub(super) unenforced: Vec<(String, Vec<(String, String)>)>,
    /// The resources with a definition. Resources that a function lists are data, and are not checked.
    pub(super) resources: Vec<Value>,
    pub(super) templates: Vec<Value>,
    pub(super) prompts: Vec<Value>,
}

/// Returns all findings, one line each.
pub(super) fn findings(definitions: &Definitions) -> Vec<String> {
    let mut found = Vec::new();
    for tool in &definitions.tools {
        check_tool(tool, &mut found);
    }
    for (tool, unenforced) in &definitions.unenforced {
        check_unenforced(tool, unenforced, &mut found);
    }
    check_case(&definitions.tools, &mut found);
    for (resources, key) in [
        (&definitions.resources, "uri"),
        (&definitions.templates, "uriTemplate"),
    ] {
        for resource in resources {
            check_description("resource", text(&resource[key]), resource, &mut found);
        }
    }
    for prompt in &definitions.prompts {
        let name = text(&prompt["name"]);
        check_description("prompt", name, prompt, &mut found);
        for argument in prompt["arguments"].as_array().into_iter().flatten() {
            let place = format!("prompt `{name}`");
            check_argument_description(&place, text(&argument["name"]), argument, &mut found);
        }
    }
    check_instructions(definitions, &mut found);
    found
}

/// Checks for descriptions that the instructions of the server repeat. Clients send both to the model.
fn check_instructions(definitions: &Definitions, found: &mut Vec<String>) {
    let words = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let instructions = words(&definitions.instructions);
    for (kind, key, all) in [
        ("tool", "name", &definitions.tools),
        ("resource", "uri", &definitions.resources),
        ("resource", "uriTemplate", &definitions.templates),
        ("prompt", "name", &definitions.prompts),
    ] {
        for definition in all {
            let description = words(text(&definition["description"]));
            let is_sentence = description.split(' ').count() >= MIN_REPEATED_WORDS;
            if is_sentence && instructions.contains(description.trim_end_matches('.')) {
                found.push(format!(
                    "the instructions of the server repeat the description of {kind} `{}`: remove it from them, because models read both",
                    text(&definition[key])
                ));
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn check_tool(tool: &Value, found: &mut Vec<String>) {
    let (name, schema) = (text(&tool["name"]), &tool["inputSchema"]);
    let place = format!("tool `{name}`");
    check_description("tool", name, tool, found);
    if name.len() > MAX_NAME_LENGTH {
        found.push(format!(
            "{place}: its name has {} characters, and some clients allow {MAX_NAME_LENGTH}: shorten it",
            name.len()
        ));
    }
    if name.contains('.') {
        found.push(format!(
            "{place}: some clients refuse `.` in a name: use `_` or `-`"
        ));
    }
    for (argument, schema) in members(schema, "properties") {
        check_argument_description(&place, argument, schema, found);
        check_argument_name(&place, argument, found);
    }
    check_schema(&place, schema, found);
}

fn check_description(kind: &str, key: &str, definition: &Value, found: &mut Vec<String>) {
    if text(&definition["description"]).trim().is_empty() {
        found.push(format!(
            "{kind} `{key}` has no description: write a doc comment on the function, or set `description`"
        ));
    }
}

fn check_argument_description(
    place: &str,
    argument: &str,
    schema: &Value,
    found: &mut Vec<String>,
) {
    if text(&schema["description"]).trim().is_empty() {
        found.push(format!(
            "{place}: argument `{argument}` has no description: write a doc comment on the parameter, or set `description`"
        ));
    }
}

/// Checks the name of an argument. Claude's API refuses tools with other keys: "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'".
fn check_argument_name(place: &str, argument: &str, found: &mut Vec<String>) {
    if !is_at_most(MAX_NAME_LENGTH, argument) {
        found.push(format!(
            "{place}: some clients refuse the name of its argument `{argument}`: use 1 to {MAX_NAME_LENGTH} letters, digits, `_`, `-` and `.`"
        ));
    }
}

/// Checks for names that differ only in case. Models and people confuse them.
fn check_case(tools: &[Value], found: &mut Vec<String>) {
    let mut earlier: HashMap<String, &str> = HashMap::new();
    for name in tools.iter().map(|tool| text(&tool["name"])) {
        if let Some(other) = earlier.insert(name.to_ascii_lowercase(), name) {
            found.push(format!(
                "tool `{name}`: its name differs from that of tool `{other}` only in case: rename one"
            ));
        }
    }
}

fn check_schema(place: &str, schema: &Value, found: &mut Vec<String>) {
    // Claude's API answers every request with such a tool with 400: "input_schema does not support oneOf, allOf, or anyOf
    // at the top level".
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if schema.get(keyword).is_some() {
            found.push(format!(
                "{place}: some clients refuse `{keyword}` at the root of a schema: move it into an argument"
            ));
        }
    }
    // <https://platform.claude.com/docs/en/build-with-claude/structured-outputs> lists recursion as not supported.
    let recursive = recursive(schema);
    for name in &recursive {
        found.push(format!(
            "{place}: its schema is recursive in `{name}`, which strict clients refuse: use a fixed depth, or take the value as a string"
        ));
    }
    if recursive.is_empty() {
        let levels = levels(schema, schema, &mut HashMap::new());
        if levels > MAX_LEVELS {
            found.push(format!(
                "{place}: its schema nests {levels} levels of objects, and some clients allow {MAX_LEVELS}: make it flatter"
            ));
        }
    }
    let properties = properties(schema);
    if properties > MAX_PROPERTIES {
        found.push(format!(
            "{place}: its schema has {properties} properties, and some clients allow {MAX_PROPERTIES}: use fewer properties"
        ));
    }
}

fn check_unenforced(tool: &str, keywords: &[(String, String)], found: &mut Vec<String>) {
    for (path, keyword) in keywords {
        let feature = if keyword == "pattern" {
            "pattern"
        } else {
            "validate"
        };
        found.push(format!(
            "tool `{tool}`: `{path}` declares `{keyword}`, which is not checked: use a type that checks it, or enable the feature `{feature}` of mcp-runtime"
        ));
    }
}

/// Returns the named schemas under a keyword.
fn members<'s>(schema: &'s Value, keyword: &str) -> impl Iterator<Item = (&'s str, &'s Value)> {
    let members = schema.get(keyword).and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members.map(|(name, schema)| (name.as_str(), schema))
}

/// Returns the names of the definitions that refer to themselves, directly or through others.
fn recursive(schema: &Value) -> Vec<&str> {
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
    definitions()
        .map(|(name, _)| name)
        .filter(|name| leads_back(name))
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
    use super::*;
    use serde_json::json;

    fn tool(name: &str, schema: &Value) -> Value {
        json!({ "name": name, "description": "Does it.", "inputSchema": schema })
    }

    fn of_tools(tools: impl IntoIterator<Item = Value>) -> Vec<String> {
        findings(&Definitions {
            tools: tools.into_iter().collect(),
            ..Definitions::default()
        })
    }

    /// Returns the findings for a tool whose only argument has this schema.
    fn of_argument(mut schema: Value, definitions: &Value) -> Vec<String> {
        schema["description"] = "One.".into();
        let schema =
            json!({ "type": "object", "properties": { "a": schema }, "$defs": definitions });
        of_tools([tool("x", &schema)])
    }

    #[test]
    fn what_has_no_description_is_found() {
        let found = findings(&Definitions {
            tools: vec![
                json!({ "name": "add", "inputSchema": { "properties": { "a": { "type": "number" } } } }),
            ],
            resources: vec![json!({ "uri": "a://b" })],
            templates: vec![json!({ "uriTemplate": "a://{b}", "description": " " })],
            prompts: vec![json!({ "name": "p", "arguments": [{ "name": "b" }] })],
            ..Definitions::default()
        });
        assert_eq!(
            found,
            [
                "tool `add` has no description: write a doc comment on the function, or set `description`",
                "tool `add`: argument `a` has no description: write a doc comment on the parameter, or set `description`",
                "resource `a://b` has no description: write a doc comment on the function, or set `description`",
                "resource `a://{b}` has no description: write a doc comment on the function, or set `description`",
                "prompt `p` has no description: write a doc comment on the function, or set `description`",
                "prompt `p`: argument `b` has no description: write a doc comment on the parameter, or set `description`",
            ]
        );
    }

    #[test]
    fn instructions_that_repeat_a_description_are_found() {
        let described = |key: &str, name: &str, description: &str| json!({ key: name, "description": description });
        let found = |instructions: &str| {
            let found = findings(&Definitions {
                instructions: instructions.to_owned(),
                tools: vec![
                    json!({ "name": "add", "description": "Adds two\n whole numbers.", "inputSchema": {} }),
                    json!({ "name": "get", "description": "Gets it.", "inputSchema": {} }),
                ],
                resources: vec![described("uri", "a://b", "The notes of this week.")],
                templates: vec![described("uriTemplate", "a://{b}", "The notes of one day.")],
                prompts: vec![described("name", "p", "Greets the user by name.")],
                ..Definitions::default()
            });
            let repeated = "the instructions of the server repeat the description of ";
            let names = found.iter().map(|it| it.strip_prefix(repeated).expect(it));
            names
                .map(|it| it.split_once(':').map_or("", |(name, _)| name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found("Call add before get. Gets it. Notes change daily."),
            [""; 0]
        );
        assert_eq!(
            found("`add` adds two whole  numbers, then more."),
            ["tool `add`"]
        );
        assert_eq!(
            found("The notes of this week. The notes of one day. greets the user by name"),
            ["resource `a", "resource `a", "prompt `p`"]
        );
    }

    #[test]
    fn names_that_some_clients_refuse_are_found() {
        let schema = json!({ "type": "object" });
        let found = of_tools([tool(&"a".repeat(65), &schema), tool("a.b", &schema)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("has 65 characters"), "{found:?}");
        assert!(found[1].contains("refuse `.`"), "{found:?}");
        assert!(of_tools([tool(&"a".repeat(64), &schema), tool("a-b_C", &schema)]).is_empty());
    }

    #[test]
    fn names_of_arguments_that_some_clients_refuse_are_found() {
        let named = |name: &str| {
            let schema = json!({ "properties": { name: { "description": "One." } } });
            of_tools([tool("x", &schema)])
        };
        for name in ["a b", "$ref", "gr\u{f6}\u{df}e", "", &"a".repeat(65)] {
            let found = named(name);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(name), "{found:?}");
        }
        assert!(named("a_b-c.D1").is_empty());
    }

    #[test]
    fn names_that_differ_in_case_only_are_found() {
        let schema = json!({ "type": "object" });
        let found = of_tools(["get", "put", "Get"].map(|name| tool(name, &schema)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("tool `Get`"), "{found:?}");
    }

    #[test]
    fn a_choice_at_the_root_of_a_schema_is_found() {
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let found = of_tools([tool("x", &json!({ "type": "object", keyword: [] }))]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(keyword), "{found:?}");
        }
        assert!(of_argument(json!({ "anyOf": [{ "type": "string" }] }), &json!({})).is_empty());
    }

    #[test]
    fn a_schema_that_holds_itself_is_found() {
        let to = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
        let list = |name: &str| json!({ "type": "array", "items": to(name) });
        let definitions = json!({ "A": list("B"), "B": { "properties": { "a": to("A") } } });
        let found = of_argument(to("A"), &definitions);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("in `A`"), "{found:?}");
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
        let members = json!({ "A": { "properties": { "$ref": { "default": to("A") } } } });
        assert!(of_argument(to("A"), &members).is_empty());
    }

    #[test]
    fn schemas_that_are_too_large_are_found() {
        let nest = |levels: usize| {
            (0..levels).fold(
                json!({ "type": "string" }),
                |inner, _| json!({ "properties": { "b": inner } }),
            )
        };
        assert!(of_argument(nest(MAX_LEVELS - 1), &json!({})).is_empty());
        let found = of_argument(nest(MAX_LEVELS), &json!({}));
        assert!(found[0].contains("nests 11 levels"), "{found:?}");
        let found = of_argument(
            json!({ "$ref": "#/$defs/A" }),
            &json!({ "A": nest(MAX_LEVELS) }),
        );
        assert!(found[0].contains("nests 11 levels"), "{found:?}");

        let wide = |count: usize| {
            let names = (0..count).map(|index| (index.to_string(), json!({})));
            json!({ "properties": Value::Object(names.collect()) })
        };
        assert!(of_argument(wide(MAX_PROPERTIES - 1), &json!({})).is_empty());
        let found = of_argument(wide(MAX_PROPERTIES), &json!({}));
        assert!(found[0].contains("has 5001 properties"), "{found:?}");
    }

    #[test]
    fn promises_that_nothing_keeps_are_found() {
        let keywords = [("a.mail", "format"), ("Code", "pattern")];
        let keywords = keywords.map(|(path, keyword)| (path.to_owned(), keyword.to_owned()));
        let found = findings(&Definitions {
            unenforced: vec![("x".to_owned(), keywords.to_vec())],
            ..Definitions::default()
        });
        let words = [
            ["tool `x`", "`a.mail` declares `format`", "`validate`"],
            ["tool `x`", "`Code` declares `pattern`", "`pattern`"],
        ];
        assert_eq!(found.len(), words.len(), "{found:?}");
        for (found, words) in found.iter().zip(words) {
            assert!(words.iter().all(|words| found.contains(words)), "{found}");
        }
    }
}
