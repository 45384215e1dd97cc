//! The constraints of a schema that `check` does not enforce.

use serde_json::{Map, Value};

use super::check::are_numeric_keys;
#[cfg(feature = "cli")]
use super::tidy::is_checked_by_types;
use super::walk::walk;

/// The keywords of constraints that `check` never enforces. Unknown keywords are annotations, which constrain nothing.
const UNCHECKED: [&str; 10] = [
    "$dynamicRef",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "format",
    "if",
    "multipleOf",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Calls a function for each constraint in a schema that `check` does not enforce, with the path of the values, the
/// keyword, and the schema that contains it.
pub(super) fn find_unchecked(
    schema: &Value,
    path: &str,
    found: &mut impl FnMut(&str, &str, &Map<String, Value>),
) {
    walk(schema, path, &mut |rules, path| {
        for (keyword, value) in rules {
            let is_checked = match keyword.as_str() {
                "pattern" => cfg!(feature = "pattern"),
                // `is_within` checks it.
                "not" => value.get("const").is_some(),
                "patternProperties" => are_numeric_keys(value),
                // Other references lead to no definition.
                "$ref" => value.as_str().is_some_and(|it| it.starts_with("#/$defs/")),
                keyword => !UNCHECKED.contains(&keyword),
            };
            if !is_checked {
                found(path, keyword, rules);
            }
        }
    });
}

/// Returns the constraints in a schema that this build does not enforce, each with its path. `of_type` says that a type
/// enforces its own formats.
#[cfg(feature = "cli")]
pub(crate) fn unenforced(schema: &Value, of_type: bool) -> Vec<(String, String)> {
    if cfg!(feature = "validate") {
        return Vec::new();
    }
    let mut unenforced = Vec::new();
    find_unchecked(schema, "", &mut |path, keyword, rules| {
        let format = rules.get("format").and_then(Value::as_str);
        let checked_by_the_type = match keyword {
            "format" => of_type && format.and_then(is_checked_by_types) == Some(true),
            // The pattern belongs to the type that the format names.
            "pattern" => of_type && format.is_some(),
            _ => false,
        };
        if !checked_by_the_type {
            let path = path.trim_start_matches('.').to_owned();
            unenforced.push((path, keyword.to_owned()));
        }
    });
    unenforced
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "cli")]
    #[test]
    fn what_a_build_does_not_keep_is_named_with_its_place() {
        let schema = serde_json::json!({
            "type": "object",
            "properties": {
                "code": { "type": "string", "pattern": "^[A-Z]+$" },
                "day": { "type": "string", "format": "date", "pattern": "^[0-9-]+$", "maxLength": 10 },
                "format": { "type": "array", "items": { "type": "integer", "multipleOf": 2 } },
                "mail": { "properties": { "to": { "$ref": "#/$defs/Mail" } } },
                "plain": { "type": "integer", "not": { "const": 0 }, "default": { "format": "x" } },
                "noted": { "type": "string", "enum": ["a"], "enumNames": ["An a"] },
                "iri": { "type": "string", "format": "iri-reference" },
            },
            "$defs": { "Mail": { "type": "string", "format": "email" } },
        });
        let found = super::unenforced(&schema, true);
        let found: Vec<_> = found
            .iter()
            .map(|(path, keyword)| (path.as_str(), keyword.as_str()))
            .collect();
        let mut expected = vec![
            ("code", "pattern"),
            ("format[]", "multipleOf"),
            ("iri", "format"),
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
