//! Enums of texts in the form that most clients support: one `enum`, instead of a choice of constants.

use serde_json::{Map, Value, json};

use super::tidy::sort;
use super::walk::change_parts;
use super::words::strings;

/// The keywords that a text variant may have.
const KEYWORDS: [&str; 5] = ["type", "const", "enum", "title", "description"];

/// Merges the text variants of each enum within a schema: some clients refuse `const` within `oneOf`, the form of
/// variants with doc comments. The texts of the variants are appended to the description of the enum.
///
/// It must run after a parameter has replaced the description of its type.
pub(crate) fn gather_variants(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    change_parts(schema, |_, _, part| gather_variants(part));
    let Some(Value::Array(branches)) = schema.get("oneOf") else {
        return;
    };
    if !branches.iter().any(|branch| branch.get("const").is_some()) {
        return;
    }
    let (variants, mut others): (Vec<Value>, Vec<Value>) =
        branches.iter().cloned().partition(is_variant);
    if variants.is_empty() {
        return;
    }
    let is_nullable = others == [json!({ "type": "null" })];
    if others.is_empty() || is_nullable {
        schema.shift_remove("oneOf");
        merge(&variants, is_nullable, schema);
    } else {
        let mut merged = Map::new();
        merge(&variants, false, &mut merged);
        others.insert(0, merged.into());
        schema.insert("oneOf".to_owned(), others.into());
    }
}

fn is_variant(branch: &Value) -> bool {
    let keywords = branch.as_object().into_iter().flat_map(Map::keys);
    let mut keywords = keywords.map(String::as_str);
    strings(branch).is_some() && keywords.all(|keyword| KEYWORDS.contains(&keyword))
}

/// Adds an enum of these variants to a schema.
fn merge(variants: &[Value], is_nullable: bool, schema: &mut Map<String, Value>) {
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for variant in variants {
        for value in strings(variant).unwrap_or_default() {
            lines.push(line(&value, variant));
            values.push(Value::from(value));
        }
    }
    if variants.iter().any(|variant| !summary(variant).is_empty()) {
        let own = schema.get("description").and_then(Value::as_str);
        let own = own.map(|own| format!("{own}\n\n")).unwrap_or_default();
        schema.insert("description".to_owned(), (own + &lines.join("\n")).into());
    }
    let mut kind = json!("string");
    if is_nullable {
        values.push(Value::Null);
        kind = json!(["string", "null"]);
    }
    schema.insert("type".to_owned(), kind);
    schema.insert("enum".to_owned(), values.into());
    sort(schema);
}

/// Returns the item for a variant in a Markdown list.
fn line(value: &str, variant: &Value) -> String {
    match summary(variant).as_str() {
        "" => format!("- `{value}`"),
        summary => format!("- `{value}`: {}", summary.replace('\n', "\n  ")),
    }
}

/// Returns the title and the description of a variant.
fn summary(variant: &Value) -> String {
    let texts = ["title", "description"].map(|keyword| variant.get(keyword)?.as_str());
    texts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
