//! What a specification says about the responses of an operation, and the schema of its result.

use serde_json::{Map, Value, json};

use super::call::Described;
use super::document::Document;
use super::lazy::Schema;
use super::links::links;
use super::operation::OpenApiOperation;
use super::response::{Output, is_json, shortened};
use super::schema::{Converter, References};

/// The maximum depth and number of the parts of a schema that are read to find whether its values are objects.
const DEEPEST: usize = 3;
const MOST_PARTS: usize = 32;

/// Returns the responses of an operation with their statuses.
fn responses<'d>(
    document: &'d Document,
    operation: &OpenApiOperation<'d>,
) -> Vec<(&'d str, &'d Value)> {
    let responses = operation.value["responses"].as_object();
    let responses = responses.into_iter().flatten();
    let responses = responses.filter_map(|(status, response)| {
        let response = document.resolve(response).ok()?;
        Some((status.as_str(), response))
    });
    responses.collect()
}

/// Returns the descriptions and links of the responses of an operation.
pub(super) fn described<'d>(
    document: &'d Document,
    operation: &OpenApiOperation<'d>,
) -> Vec<Described> {
    let responses = responses(document, operation).into_iter();
    let responses = responses.map(|(status, response)| Described {
        statuses: status.to_owned(),
        description: shortened(response["description"].as_str().unwrap_or_default(), 300),
        links: links(document, response),
    });
    responses.collect()
}

/// Returns the media types of successful responses.
pub(super) fn response_media<'d>(
    document: &'d Document,
    operation: &OpenApiOperation<'d>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (_, response) in successes(document, operation) {
        let content = response.get("content").and_then(Value::as_object);
        for media in content.into_iter().flat_map(Map::keys) {
            let is_valid = mcp_grammar::name::is_media_type(media);
            if is_valid && !found.contains(media) {
                found.push(media.clone());
            }
        }
    }
    found
}

/// Returns the successful responses, or the one of all statuses.
fn successes<'d>(
    document: &'d Document,
    operation: &OpenApiOperation<'d>,
) -> Vec<(&'d str, &'d Value)> {
    let all = responses(document, operation);
    let of = |is_wanted: fn(&str) -> bool| -> Vec<_> {
        let all = all.iter().copied();
        all.filter(|(status, _)| is_wanted(status)).collect()
    };
    let mut found = of(|status| status.starts_with('2'));
    if found.is_empty() {
        found = of(|status| status == "default");
    }
    found.sort_by_key(|(status, _)| *status);
    found
}

/// Returns how results are checked, and their schema, if all successful responses with JSON have the same.
pub(super) fn output<'d>(
    document: &'d Document,
    operation: &OpenApiOperation<'d>,
    converter: &mut Converter<'d>,
) -> Option<(Output, Value)> {
    let mut sources: Vec<&'d Value> = Vec::new();
    for (_, response) in successes(document, operation) {
        let content = response.get("content").and_then(Value::as_object);
        let json = content
            .into_iter()
            .flatten()
            .find(|(media, _)| is_json(media.split(';').next().unwrap_or_default().trim()));
        let Some(schema) = json.and_then(|(_, content)| content.get("schema")) else {
            continue;
        };
        if !sources.contains(&schema) {
            sources.push(schema);
        }
    }
    let [source] = sources[..] else {
        return None;
    };
    let mut references = References::default();
    let is_object = is_object(document, source, 0);
    let (mut schema, wraps) = if is_object {
        let mut schema = match converter.convert_target(source, &mut references) {
            Value::Object(schema) => schema,
            _ => Map::new(),
        };
        schema.insert("type".to_owned(), "object".into());
        (schema, false)
    } else {
        let result = converter.convert(source, &mut references);
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), json!({ "result": result }));
        (schema, true)
    };
    converter.define(&mut schema, references);
    let schema = Value::from(schema);
    let output = Output {
        schema: Schema::new(&schema),
        wraps,
    };
    Some((output, schema))
}

/// Returns `true` if all values of a schema are objects.
fn is_object(document: &Document, schema: &Value, depth: usize) -> bool {
    let Ok(schema) = document.resolve(schema) else {
        return false;
    };
    if depth > DEEPEST || schema["nullable"] == true {
        return false;
    }
    if let Some(types) = schema.get("type") {
        return types == "object";
    }
    let parts = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    let is_object = |part: &Value| is_object(document, part, depth + 1);
    if let Some(parts) = parts("allOf") {
        return parts.iter().take(MOST_PARTS).any(is_object);
    }
    if let Some(variants) = parts("oneOf").or_else(|| parts("anyOf")) {
        let is_small = (1..=MOST_PARTS).contains(&variants.len());
        return is_small && variants.iter().all(is_object);
    }
    schema.get("properties").is_some()
}
