//! Lints of descriptions: those that are missing, and those that the server's instructions repeat.

use std::collections::HashMap;

use serde_json::Value;

use super::definitions::{Definitions, text};
use super::finding::Finding;
use crate::schema;

/// The number of words from which on a description in the instructions is a repetition, not a coincidence.
const MIN_REPEATED_WORDS: usize = 4;

/// Checks the description of a component.
pub(super) fn check(kind: &str, key: &str, definition: &Value, found: &mut Vec<Finding>) {
    if !is_described(definition) {
        found.push(Finding::new(format!(
            "{kind} `{key}` has no description: write a doc comment on the function, or set `description`"
        )));
    }
}

/// Checks the descriptions of a prompt and its arguments.
pub(super) fn check_prompt(prompt: &Value, found: &mut Vec<Finding>) {
    let name = text(&prompt["name"]);
    check("prompt", name, prompt, found);
    for argument in prompt["arguments"].as_array().into_iter().flatten() {
        if !is_described(argument) {
            missing_argument("prompt", name, text(&argument["name"]), found);
        }
    }
}

fn missing_argument(kind: &str, component: &str, argument: &str, found: &mut Vec<Finding>) {
    found.push(Finding::new(format!(
        "{kind} `{component}`: argument `{argument}` has no description: write a doc comment on the parameter, or set `description`"
    )));
}

fn is_described(definition: &Value) -> bool {
    !text(&definition["description"]).trim().is_empty()
}

/// Checks the descriptions of a tool's arguments, and of all fields within them.
pub(super) fn check_fields(tool: &str, schema: &Value, found: &mut Vec<Finding>) {
    let mut fields = Fields {
        root: schema,
        is_described: Vec::new(),
        positions: HashMap::new(),
    };
    fields.collect(schema, "", false);
    let arguments = schema::parts(schema).filter(|part| part.keyword == "properties");
    let arguments: HashMap<String, &str> = arguments
        .filter_map(|part| Some((part.path(""), part.name?)))
        .collect();
    for (path, _) in fields.is_described.iter().filter(|(_, it)| !it) {
        match arguments.get(path) {
            Some(argument) => missing_argument("tool", tool, argument, found),
            None => found.push(Finding::new(format!(
                "tool `{tool}`: field `{}` has no description: write a doc comment on the field or variant, or use a type that has one",
                path.trim_start_matches('.')
            ))),
        }
    }
}

/// The fields of objects in a schema, by path. A field of several variants is described if it is so in one of them.
struct Fields<'s> {
    root: &'s Value,
    is_described: Vec<(String, bool)>,
    positions: HashMap<String, usize>,
}

impl Fields<'_> {
    fn collect(&mut self, schema: &Value, path: &str, is_variant: bool) {
        // The description of a variant is that of its data, in `{"Circle": {..}}` and in `{"kind": "circle", "data": {..}}`.
        let by_variant = is_variant && is_described(schema) && data_members(schema) == 1;
        for part in schema::parts(schema) {
            // These are conditions on values, not fields.
            if ["contains", "if", "not"].contains(&part.keyword) {
                continue;
            }
            let path = part.path(path);
            if part.keyword == "properties" {
                self.add(&path, by_variant || self.is_clear(part.schema));
            }
            let is_variant = ["anyOf", "oneOf"].contains(&part.keyword);
            self.collect(part.schema, &path, is_variant);
        }
    }

    fn add(&mut self, path: &str, is_described: bool) {
        if let Some(position) = self.positions.get(path) {
            self.is_described[*position].1 |= is_described;
            return;
        }
        let position = self.is_described.len();
        self.positions.insert(path.to_owned(), position);
        self.is_described.push((path.to_owned(), is_described));
    }

    /// Returns `true` if a field has a description or a definition that has one, or if it has only one value, such as the tag
    /// of a variant.
    fn is_clear(&self, field: &Value) -> bool {
        let reference = field.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|it| self.root.pointer(it.strip_prefix('#')?));
        let values = field["enum"].as_array();
        is_described(field)
            || target.is_some_and(is_described)
            || field.get("const").is_some()
            || values.is_some_and(|values| values.len() == 1)
    }
}

/// Returns the number of members that are not tags.
fn data_members(schema: &Value) -> usize {
    let members = schema["properties"].as_object().into_iter().flatten();
    members.filter(|(_, it)| it.get("const").is_none()).count()
}

/// Checks for descriptions that the instructions of the server repeat. Clients send both to the model.
pub(super) fn check_instructions(definitions: &Definitions, found: &mut Vec<Finding>) {
    let words = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let instructions = words(definitions.instructions());
    for component in definitions.components() {
        let description = words(text(&component.definition["description"]));
        let is_sentence = description.split(' ').count() >= MIN_REPEATED_WORDS;
        if is_sentence && instructions.contains(description.trim_end_matches('.')) {
            found.push(Finding::new(format!(
                "the instructions of the server repeat the description of {component}: remove it from them, because models read both"
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, of_argument, of_tools, tool};
    use super::*;

    #[test]
    fn components_without_a_description_are_found() {
        let found = lines(&Definitions {
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

    /// Returns the paths of the fields without a description.
    fn fields(schema: Value, definitions: &Value) -> Vec<String> {
        let found = of_argument(schema, definitions);
        let paths = found.iter().map(|line| {
            let rest = line.strip_prefix("tool `x`: field `").expect(line);
            let end = "` has no description: write a doc comment on the field or variant, or use a type that has one";
            rest.strip_suffix(end).expect(line).to_owned()
        });
        paths.collect()
    }

    #[test]
    fn fields_without_a_description_are_found_at_any_depth() {
        let object = json!({ "type": "object", "properties": { "b": { "type": "string" } } });
        let list = json!({ "type": "array", "items": object });
        let reference = json!({ "$ref": "#/$defs/B" });
        for (schema, expected) in [
            (object.clone(), "a.b"),
            (list.clone(), "a[].b"),
            (
                json!({ "type": "object", "additionalProperties": list }),
                "a[].b",
            ),
            (json!({ "anyOf": [{ "type": "null" }, object] }), "a.b"),
            (json!({ "oneOf": [{ "type": "null" }, list] }), "a[].b"),
            (json!({ "allOf": [object] }), "a.b"),
            (reference, "B.b"),
        ] {
            let definitions = if expected == "B.b" {
                json!({ "B": object })
            } else {
                json!({})
            };
            assert_eq!(fields(schema.clone(), &definitions), [expected], "{schema}");
        }
        let nested = json!({ "properties": { "b": { "description": "One.", "properties": { "c d": {} } } } });
        assert_eq!(fields(nested, &json!({})), ["a.b[\"c d\"]"]);
    }

    #[test]
    fn fields_that_are_clear_are_not_reported() {
        let none: [&str; 0] = [];
        let field = |schema: Value| json!({ "properties": { "b": schema } });
        let described = json!({ "type": "string", "description": "One." });
        let variant = json!({
            "description": "A circle.",
            "properties": { "Circle": { "properties": { "radius": described } } },
        });
        let adjacent = json!({
            "description": "A square.",
            "properties": { "kind": { "const": "square" }, "data": { "type": "number" } },
        });
        let tagged =
            json!({ "properties": { "kind": { "const": "circle" }, "radius": described } });
        for schema in [
            field(described.clone()),
            field(json!({ "const": 1 })),
            field(json!({ "enum": ["one"] })),
            field(json!({ "$ref": "#/$defs/B" })),
            json!({ "oneOf": [variant, tagged, adjacent] }),
            json!({ "oneOf": [field(json!({})), field(described.clone())] }),
            json!({ "if": field(json!({})), "not": field(json!({})), "contains": field(json!({})) }),
            // Data that looks like a schema.
            json!({ "default": field(json!({})), "examples": [field(json!({}))] }),
        ] {
            let definitions = json!({ "B": described });
            assert_eq!(fields(schema.clone(), &definitions), none, "{schema}");
        }
        // The description of a struct does not describe its only field.
        let schema = json!({ "properties": { "b": variant } });
        assert_eq!(fields(schema, &json!({})), ["a.b.Circle"]);
    }

    #[test]
    fn an_argument_with_a_dot_in_its_name_is_an_argument() {
        let found = of_tools([tool("x", &json!({ "properties": { "a.b": {} } }))]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("argument `a.b`"), "{found:?}");
    }

    #[test]
    fn instructions_that_repeat_a_description_are_found() {
        let described = |key: &str, name: &str, description: &str| json!({ key: name, "description": description });
        let found = |instructions: &str| {
            let found = lines(&Definitions {
                about: json!({ "instructions": instructions }),
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
}
