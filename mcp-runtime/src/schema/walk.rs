//! Every schema within a schema, with the place of the values that it speaks of.

use serde_json::{Map, Value};

use crate::json_path;

/// The keywords whose value is no schema, whatever it looks like.
const VALUES: [&str; 5] = ["default", "const", "enum", "examples", "required"];

/// Calls a function with a schema and with all schemas within it. Definitions have their names for places.
pub(crate) fn walk(schema: &Value, path: &str, look: &mut impl FnMut(&Map<String, Value>, &str)) {
    let Some(rules) = schema.as_object() else {
        return;
    };
    look(rules, path);
    for (keyword, value) in rules {
        match (keyword.as_str(), value) {
            (keyword, _) if VALUES.contains(&keyword) => {}
            ("properties", Value::Object(named)) => {
                for (name, schema) in named {
                    walk(schema, &format!("{path}{}", json_path::member(name)), look);
                }
            }
            ("$defs" | "definitions", Value::Object(named)) => {
                for (name, schema) in named {
                    walk(schema, name, look);
                }
            }
            ("patternProperties" | "dependentSchemas", Value::Object(named)) => {
                for schema in named.values() {
                    walk(schema, path, look);
                }
            }
            ("items", items) => walk(items, &format!("{path}[]"), look),
            (_, Value::Array(schemas)) => {
                for schema in schemas {
                    walk(schema, path, look);
                }
            }
            (_, schema) => walk(schema, path, look),
        }
    }
}
