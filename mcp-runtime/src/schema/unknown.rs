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
        // `WholeSchema` follows the references within a schema.
        let target = rules
            .get("$ref")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_followed =
            keyword == "$ref" && !of_type && (target == "#" || target.starts_with("#/"));
        if !checked_by_the_type && !is_followed {
            let path = path.trim_start_matches('.').to_owned();
            unenforced.push((path, keyword.to_owned()));
        }
    });
    if !of_type {
        find_overlaps(schema, &mut unenforced);
    }
    unenforced
}

/// Adds each `oneOf` whose branches may allow the same value: `check` accepts a value that several of them allow. The branches
/// for types exclude each other.
#[cfg(feature = "cli")]
fn find_overlaps(schema: &Value, unenforced: &mut Vec<(String, String)>) {
    walk(schema, "", &mut |rules, path| {
        let Some(branches) = rules.get("oneOf").and_then(Value::as_array) else {
            return;
        };
        if !exclude_each_other(branches) {
            let path = path.trim_start_matches('.').to_owned();
            unenforced.push((path, "oneOf".to_owned()));
        }
    });
}

/// Returns `true` if the branches of a choice have different types, or different constants.
#[cfg(feature = "cli")]
fn exclude_each_other(branches: &[Value]) -> bool {
    let are_different = |values: Vec<Option<&Value>>| {
        let mut values = values.into_iter().enumerate();
        let all: Vec<_> = values.clone().collect();
        values.all(|(at, value)| {
            value.is_some() && all[..at].iter().all(|(_, other)| *other != value)
        })
    };
    let pick = |keyword: &str| {
        branches
            .iter()
            .map(|branch| branch.get(keyword))
            .collect::<Vec<_>>()
    };
    let types = pick("type");
    let is_one_type = types.iter().flatten().all(|name| name.is_string());
    let has = |wanted: &str| types.iter().flatten().any(|name| *name == wanted);
    let overlap = has("integer") && has("number");
    are_different(pick("const")) || (is_one_type && !overlap && are_different(types))
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "cli")]
    #[test]
    fn references_and_choices_of_a_schema_from_run_time_are_named_if_they_are_not_enforced() {
        let schema = serde_json::json!({
            "type": "object",
            "properties": {
                "types": { "oneOf": [{ "type": "string" }, { "type": "null" }] },
                "constants": { "oneOf": [{ "const": 1 }, { "const": "a" }] },
                "numbers": { "oneOf": [{ "type": "integer" }, { "type": "number" }] },
                "bounds": { "oneOf": [{ "minimum": 1 }, { "maximum": 2 }] },
                "one": { "$ref": "#/properties/types" },
                "all": { "$ref": "#" },
                "anchor": { "$ref": "#name" },
            },
        });
        let found = super::unenforced(&schema, false);
        let mut expected = vec![
            ("anchor", "$ref"),
            ("numbers", "oneOf"),
            ("bounds", "oneOf"),
        ];
        if cfg!(feature = "validate") {
            expected.clear();
        }
        let found = found
            .iter()
            .map(|(path, keyword)| (path.as_str(), keyword.as_str()));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

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
