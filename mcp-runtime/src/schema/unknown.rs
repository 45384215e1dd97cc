//! The constraints that a schema may state and `check` does not know.

use serde_json::{Map, Value};

use super::check::{SIGNED_KEYS, UNSIGNED_KEYS};
use super::walk::walk;

/// The keywords that `check` knows, those that need no check, and those that only hold schemas.
const KNOWN: [&str; 42] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "oneOf",
    "prefixItems",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
    "else",
    "then",
    "x-mcp-header",
];

/// The formats that no type checks: only a text can say that it is one of these. The others, such as `date` and `uuid`, come
/// with types that do.
#[cfg(feature = "cli")]
const UNCHECKED_FORMATS: [&str; 9] = [
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "iri",
    "json-pointer",
    "regex",
    "uri-reference",
    "uri-template",
];

/// Calls a function with the place of each constraint within a schema that `check` does not keep, its keyword, and the
/// schema that says it.
pub(super) fn look(
    schema: &Value,
    path: &str,
    found: &mut impl FnMut(&str, &str, &Map<String, Value>),
) {
    walk(schema, path, &mut |rules, path| {
        for (keyword, value) in rules {
            let known = match keyword.as_str() {
                "pattern" => cfg!(feature = "pattern"),
                // Which `is_within` looks at.
                "not" => value.get("const").is_some(),
                "patternProperties" => value.as_object().is_some_and(|named| {
                    named
                        .keys()
                        .all(|name| [UNSIGNED_KEYS, SIGNED_KEYS].contains(&name.as_str()))
                }),
                keyword => KNOWN.contains(&keyword) || keyword.starts_with("x-"),
            };
            if !known {
                found(path, keyword, rules);
            }
        }
    });
}

/// The constraints within the schema of a type that nobody keeps in this build, each with its place.
#[cfg(feature = "cli")]
pub(crate) fn unenforced(schema: &Value) -> Vec<(String, String)> {
    if cfg!(feature = "validate") {
        return Vec::new();
    }
    let mut unenforced = Vec::new();
    look(schema, "", &mut |path, keyword, rules| {
        let format = rules.get("format").and_then(Value::as_str);
        let kept_by_the_type = match keyword {
            "format" => !format.is_some_and(|format| UNCHECKED_FORMATS.contains(&format)),
            // It belongs to the type that the format names.
            "pattern" => format.is_some(),
            _ => false,
        };
        if !kept_by_the_type {
            let path = path.trim_start_matches('.').to_owned();
            unenforced.push((path, keyword.to_owned()));
        }
    });
    unenforced
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use serde_json::json;

    use super::unenforced;

    #[test]
    fn what_a_build_does_not_keep_is_named_with_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {
                "code": { "type": "string", "pattern": "^[A-Z]+$" },
                "day": { "type": "string", "format": "date", "pattern": "^[0-9-]+$", "maxLength": 10 },
                "format": { "type": "array", "items": { "type": "integer", "multipleOf": 2 } },
                "mail": { "properties": { "to": { "$ref": "#/$defs/Mail" } } },
                "plain": { "type": "integer", "not": { "const": 0 }, "default": { "format": "x" } },
            },
            "$defs": { "Mail": { "type": "string", "format": "email" } },
        });
        let found = unenforced(&schema);
        let found: Vec<_> = found
            .iter()
            .map(|(path, keyword)| (path.as_str(), keyword.as_str()))
            .collect();
        let mut expected = vec![
            ("code", "pattern"),
            ("format[]", "multipleOf"),
            ("Mail", "format"),
        ];
        if cfg!(feature = "pattern") {
            expected.remove(0);
        }
        if cfg!(feature = "validate") {
            expected.clear();
        }
        assert_eq!(found, expected);
    }
}
