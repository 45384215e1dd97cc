//! Flattened parameters: checks that the members of their objects can be arguments.

use serde_json::Value;

use crate::call::ParameterSpec;
use crate::schema::in_words;

/// Keywords of an object that cannot be parts of the schema of all arguments. The API of Claude refuses every request with a
/// tool that has a choice there, and the others would apply to the arguments of all parameters.
const OF_THE_WHOLE: [&str; 15] = [
    "$ref",
    "allOf",
    "anyOf",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedProperties",
];

/// Returns the reason why a parameter with this schema cannot be flattened.
pub(super) fn flattening_mistake(name: &str, schema: &Value, optional: bool) -> Option<String> {
    if optional {
        return Some(format!(
            "`{name}` is optional, and an optional struct cannot be flattened: take the struct itself, and make its fields optional"
        ));
    }
    let keyword = OF_THE_WHOLE
        .into_iter()
        .find(|keyword| schema.get(keyword).is_some());
    if let Some(keyword) = keyword {
        return Some(format!(
            "`{name}` cannot be flattened, because clients refuse `{keyword}` in the schema of all arguments: remove `flatten`, which makes it one argument"
        ));
    }
    if schema.get("type").is_some_and(|name| name == "object") {
        return None;
    }
    let words = in_words(schema);
    Some(format!(
        "`{name}` is {words}, and only structs and maps can be flattened: remove `flatten`"
    ))
}

/// Returns the conflicts between the arguments of all parameters.
pub(super) fn conflicts(specs: &[ParameterSpec]) -> Vec<String> {
    let mut found = repeated(specs);
    let open = specs.iter().filter(|spec| spec.others().is_some());
    let open: Vec<String> = open.map(|spec| format!("`{}`", spec.name)).collect();
    if open.len() > 1 {
        found.push(format!(
            "{} are flattened, and each takes all arguments without a parameter: flatten one of them",
            open.join(" and ")
        ));
    }
    found
}

/// Returns a mistake for each name that an earlier argument has too.
fn repeated(specs: &[ParameterSpec]) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: Vec<(&str, &ParameterSpec)> = Vec::new();
    for spec in specs {
        for argument in spec.arguments() {
            match known.iter().find(|(name, _)| *name == argument.name) {
                Some((name, other)) => found.push(twice(name, other, spec)),
                None => known.push((argument.name, spec)),
            }
        }
    }
    found
}

fn twice(name: &str, one: &ParameterSpec, other: &ParameterSpec) -> String {
    match [one, other].into_iter().find(|spec| spec.flattened) {
        None => format!("two arguments are named `{name}`"),
        Some(spec) => format!(
            "two arguments are named `{name}`: one is a field of the flattened `{}`, which `#[serde(rename = \"...\")]` renames",
            spec.name
        ),
    }
}
