//! Each keyword in both forms, and arguments that are turned back.

use serde_json::{Value, json};

use super::Restored::{Changed, Omitted, Same};
use super::*;

/// Returns the form of the argument `a` with this schema.
fn of(dialect: Dialect, schema: &Value) -> Value {
    let whole = json!({ "type": "object", "properties": { "a": schema }, "required": ["a"] });
    Converted::new(&whole, dialect).schema["properties"]["a"].take()
}

/// A schema, its form for Gemini, and its form for `OpenAI`.
#[allow(clippy::too_many_lines)] // a table
fn forms() -> Vec<(Value, Value, Value)> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let both = |schema: Value, form: Value| (schema, form.clone(), form);
    vec![
        both(
            json!({ "type": "string", "description": "One." }),
            text("One."),
        ),
        both(
            json!({ "type": "boolean", "title": "On" }),
            json!({ "type": "boolean", "description": "On" }),
        ),
        both(
            json!({ "type": "string", "format": "date-time", "pattern": "^2" }),
            json!({ "type": "string", "format": "date-time", "pattern": "^2" }),
        ),
        (
            json!({ "type": "string", "format": "uuid", "minLength": 1, "maxLength": 9, "description": "One." }),
            json!({ "type": "string", "description": "One. (format uuid)", "minLength": 1, "maxLength": 9 }),
            json!({ "type": "string", "description": "One. (1 to 9 characters)", "format": "uuid" }),
        ),
        both(
            json!({ "type": "string", "format": "uri", "default": "x", "examples": ["y"] }),
            text("default \"x\"; example \"y\"; format uri"),
        ),
        (
            json!({ "type": "integer", "exclusiveMinimum": 0, "maximum": 9, "multipleOf": 3 }),
            json!({ "type": "integer", "description": "greater than 0; a multiple of 3", "maximum": 9 }),
            json!({ "type": "integer", "maximum": 9, "exclusiveMinimum": 0, "multipleOf": 3 }),
        ),
        both(
            json!({ "const": "x" }),
            json!({ "type": "string", "enum": ["x"] }),
        ),
        (
            json!({ "enum": [1, 2] }),
            json!({ "type": "integer", "description": "one of 1, 2" }),
            json!({ "type": "integer", "enum": [1, 2] }),
        ),
        (
            json!({ "enum": ["x", null], "description": "One." }),
            json!({ "type": "string", "enum": ["x"], "description": "One.", "nullable": true }),
            json!({ "anyOf": [{ "type": "string", "enum": ["x"] }, { "type": "null" }], "description": "One." }),
        ),
        (
            json!({ "type": ["string", "null"] }),
            json!({ "type": "string", "nullable": true }),
            json!({ "type": ["string", "null"] }),
        ),
        (
            json!({ "type": ["string", "integer"], "description": "One.", "minimum": 1 }),
            json!({ "anyOf": [text("One."), { "type": "integer", "description": "One.", "minimum": 1 }] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }], "description": "One." }),
        ),
        both(
            json!({ "oneOf": [{ "const": "x", "description": "An x." }, { "const": "y" }], "description": "One." }),
            json!({ "type": "string", "enum": ["x", "y"], "description": "One.\n`x`: An x." }),
        ),
        both(json!({}), text("JSON text of any value")),
        both(json!(true), text("JSON text of any value")),
        both(
            json!({ "type": "object", "additionalProperties": { "type": "integer" }, "description": "One." }),
            text(
                "One. (JSON text that fits the schema {\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}})",
            ),
        ),
        both(
            json!({ "type": "object", "properties": { "b": {} }, "additionalProperties": { "type": "integer" } }),
            text(
                "JSON text that fits the schema {\"type\":\"object\",\"properties\":{\"b\":{}},\"additionalProperties\":{\"type\":\"integer\"}}",
            ),
        ),
        (
            json!({ "type": "object", "additionalProperties": false }),
            text(
                "JSON text that fits the schema {\"type\":\"object\",\"additionalProperties\":false}",
            ),
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false }),
        ),
        (
            json!({ "type": "null" }),
            text("JSON text that fits the schema {\"type\":\"null\"}"),
            json!({ "type": "null" }),
        ),
        both(
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }),
            json!({ "type": "array", "items": { "type": "string" }, "description": "no item twice", "minItems": 1 }),
        ),
        both(
            json!({ "type": "array" }),
            json!({ "type": "array", "items": text("JSON text of any value") }),
        ),
        both(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false }),
            json!({
                "type": "array",
                "items": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
                "description": "the first items fit these schemas in this order: [{\"type\":\"string\"},{\"type\":\"integer\"}]",
            }),
        ),
        both(
            json!({ "type": "string", "not": { "const": "x" } }),
            text("must also fit the schema {\"not\":{\"const\":\"x\"}}"),
        ),
        both(
            json!({ "allOf": [{ "type": "integer", "minimum": 1 }, { "minimum": 3, "maximum": 9 }] }),
            json!({ "type": "integer", "minimum": 3, "maximum": 9 }),
        ),
        (
            json!({ "type": "object", "properties": { "b": { "type": "string" }, "c": { "type": "integer" } }, "required": ["b"], "additionalProperties": false }),
            json!({ "type": "object", "properties": { "b": { "type": "string" }, "c": { "type": "integer" } }, "required": ["b"] }),
            json!({
                "type": "object",
                "properties": { "b": { "type": "string" }, "c": { "type": ["integer", "null"] } },
                "required": ["b", "c"],
                "additionalProperties": false,
            }),
        ),
    ]
}

#[test]
fn each_keyword_has_its_form() {
    for (schema, gemini, openai) in forms() {
        assert_eq!(of(Dialect::Gemini, &schema), gemini, "{schema}");
        assert_eq!(of(Dialect::OpenAi, &schema), openai, "{schema}");
    }
}

#[test]
fn references_are_inlined_and_recursion_is_cut_for_gemini() {
    let node = json!({
        "type": "object",
        "properties": { "value": { "type": "string" }, "next": { "$ref": "#/$defs/Node" } },
        "required": ["value"],
    });
    let leaf = json!({ "type": "integer", "description": "A leaf." });
    let schema = json!({
        "type": "object",
        "properties": {
            "leaf": { "$ref": "#/$defs/Leaf", "description": "One." },
            "node": { "$ref": "#/$defs/Node" },
        },
        "required": ["leaf", "node"],
        "$defs": { "Node": node, "Leaf": leaf },
    });
    let gemini = Converted::new(&schema, Dialect::Gemini).schema;
    assert_eq!(
        gemini["properties"]["leaf"],
        json!({ "type": "integer", "description": "One." })
    );
    let next = &gemini["properties"]["node"]["properties"]["next"];
    let text = "JSON text of the form `Node`, like a value around it";
    assert_eq!(*next, json!({ "type": "string", "description": text }));
    assert!(gemini.get("$defs").is_none());
    let openai = Converted::new(&schema, Dialect::OpenAi).schema;
    let next = json!({ "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] });
    assert_eq!(openai["properties"]["node"]["properties"]["next"], next);
    assert_eq!(openai["$defs"]["Node"]["properties"]["next"], next);
}

#[test]
fn references_that_multiply_do_not() {
    let mut schema = json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/d0" } } });
    for index in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", index + 1) });
        schema["$defs"][format!("d{index}")] =
            json!({ "type": "object", "properties": { "l": next, "r": next } });
    }
    for dialect in [Dialect::Gemini, Dialect::OpenAi] {
        let length = Converted::new(&schema, dialect).schema.to_string().len();
        assert!(length < 1_000_000, "{dialect:?}: {length}");
    }
}

#[test]
fn choices_between_groups_of_arguments_become_optional_arguments() {
    let group =
        |name: &str| json!({ "properties": { name: { "type": "string" } }, "required": [name] });
    let schema = json!({
        "type": "object",
        "properties": { "c": { "type": "boolean" } },
        "required": ["c"],
        "oneOf": [group("a"), group("b")],
    });
    let gemini = Converted::new(&schema, Dialect::Gemini).schema;
    assert_eq!(gemini["required"], json!(["c"]));
    let names: Vec<&String> = gemini["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["c", "a", "b"]);
    let note = "give one of these groups of arguments: [\"a\"] or [\"b\"]";
    assert_eq!(gemini["description"], note);
    assert!(gemini.get("oneOf").is_none());
}

#[test]
fn long_enums_are_not_sent_to_openai() {
    let values = |count: usize, length: usize| -> Vec<String> {
        (0..count)
            .map(|index| format!("{index:0length$}"))
            .collect()
    };
    for (count, length, is_sent) in [
        (250, 100, true),
        (251, 60, false),
        (1000, 4, true),
        (1001, 4, false),
    ] {
        let form = of(Dialect::OpenAi, &json!({ "enum": values(count, length) }));
        assert_eq!(form.get("enum").is_some(), is_sent, "{count}, {length}");
    }
}

#[test]
fn objects_beyond_ten_levels_are_text_for_openai() {
    let schema = (0..12).fold(
        json!({ "type": "string" }),
        |inner, _| json!({ "type": "object", "properties": { "a": inner }, "required": ["a"] }),
    );
    let openai = Converted::new(&schema, Dialect::OpenAi).schema;
    let path = |levels: usize| "/properties/a".repeat(levels);
    assert_eq!(openai.pointer(&path(9)).unwrap()["type"], "object");
    assert_eq!(openai.pointer(&path(10)).unwrap()["type"], "string");
}

#[test]
fn a_header_stays_at_its_argument() {
    for schema in [
        json!({ "type": "string", "x-mcp-header": "Region" }),
        json!({ "enum": ["a"], "x-mcp-header": "Region" }),
    ] {
        let whole = json!({ "type": "object", "properties": { "a": schema } });
        for dialect in [Dialect::Gemini, Dialect::OpenAi] {
            let form = Converted::new(&whole, dialect).schema;
            assert_eq!(form["properties"]["a"]["x-mcp-header"], "Region", "{form}");
        }
    }
}

#[test]
fn arguments_are_turned_back() {
    let map = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
    let point = json!({
        "type": "object",
        "properties": { "x": { "type": "number" }, "label": { "type": "string" }, "map": map },
        "required": ["x"],
    });
    let whole = json!({
        "type": "object",
        "properties": {
            "map": map,
            "point": point,
            "points": { "type": "array", "items": point },
            "either": { "anyOf": [{ "type": "string" }, point, map] },
            "only": { "anyOf": [map, { "type": "string" }] },
            "any": {},
            "nullable": { "type": ["string", "null"] },
            "optional": { "type": "string" },
        },
        "required": ["map"],
    });
    let dense = json!({ "x": 1, "label": null, "map": null });
    let sparse = json!({ "x": 1 });
    for (name, sent, openai, gemini) in [
        (
            "map",
            json!("{\"k\":1}"),
            Changed(json!({ "k": 1 })),
            Changed(json!({ "k": 1 })),
        ),
        ("map", json!({ "k": 1 }), Same, Same),
        ("map", json!("no JSON"), Same, Same),
        ("point", dense.clone(), Changed(sparse.clone()), Same),
        (
            "point",
            json!({ "x": 1, "map": "{}" }),
            Changed(json!({ "x": 1, "map": {} })),
            Changed(json!({ "x": 1, "map": {} })),
        ),
        (
            "points",
            json!([dense, sparse]),
            Changed(json!([sparse, sparse])),
            Same,
        ),
        ("either", json!("a text"), Same, Same),
        (
            "either",
            json!("{\"k\":1}"),
            Changed(json!({ "k": 1 })),
            Changed(json!({ "k": 1 })),
        ),
        ("either", dense.clone(), Changed(sparse.clone()), Same),
        ("only", json!("5"), Same, Same),
        ("only", json!("{}"), Changed(json!({})), Changed(json!({}))),
        (
            "any",
            json!("[5]"),
            Changed(json!([5])),
            Changed(json!([5])),
        ),
        ("nullable", Value::Null, Same, Same),
        ("optional", Value::Null, Omitted, Same),
        ("unknown", Value::Null, Same, Same),
    ] {
        for (dialect, expected) in [(Dialect::OpenAi, openai), (Dialect::Gemini, gemini)] {
            let restored = Converted::new(&whole, dialect).restored(name, &sent.to_string());
            assert_eq!(restored, expected, "{dialect:?}: {name} {sent}");
        }
    }
}

#[test]
fn a_recursive_value_is_turned_back_at_every_level() {
    let node = json!({
        "type": "object",
        "properties": { "value": { "type": "integer" }, "next": { "$ref": "#/$defs/Node" } },
        "required": ["value"],
    });
    let schema = json!({ "type": "object", "properties": { "node": { "$ref": "#/$defs/Node" } }, "$defs": { "Node": node } });
    let converted = Converted::new(&schema, Dialect::OpenAi);
    let sent = json!({ "value": 1, "next": { "value": 2, "next": { "value": 3, "next": null } } });
    let back = json!({ "value": 1, "next": { "value": 2, "next": { "value": 3 } } });
    assert_eq!(
        converted.restored("node", &sent.to_string()),
        Restored::Changed(back)
    );
}
