//! What a model can call next: the next page of a list, and the links that a specification describes.
//!
//! See RFC 8288 and <https://spec.openapis.org/oas/v3.1.0#link-object>.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use hyper::header::LINK;
use mcp_grammar::percent;
use serde_json::{Map, Value};

use super::document::Document;
use super::names::valid_name;
use super::parameter::{Parameter, Place};

/// The maximum number of links of one response that a model sees.
const MOST_LINKS: usize = 20;

/// The names of the tools by the ids of their operations, and by their references within the specification.
pub(super) type ToolNames = Arc<HashMap<String, String>>;

/// A link of a response to another operation.
#[derive(Debug)]
pub(super) struct Link {
    /// The operation id or the reference.
    target: String,
    parameters: Vec<(String, Value)>,
    description: Option<String>,
}

/// Returns the links of a response of the specification. Links that are not complete are left out.
pub(super) fn links(document: &Document, response: &Value) -> Vec<Link> {
    let links = response.get("links").and_then(Value::as_object);
    let links = links.into_iter().flatten().take(MOST_LINKS);
    let links = links.filter_map(|(_, link)| {
        let link = document.resolve(link).ok()?;
        let target = ["operationId", "operationRef"]
            .into_iter()
            .find_map(|name| link.get(name)?.as_str())?;
        let parameters = link.get("parameters").and_then(Value::as_object);
        let parameters = parameters.into_iter().flatten();
        Some(Link {
            target: target.to_owned(),
            parameters: parameters
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            description: link["description"].as_str().map(str::to_owned),
        })
    });
    links.collect()
}

/// The request and the response that a link refers to.
pub(super) struct Exchange<'r> {
    pub(super) parameters: &'r [Parameter],
    pub(super) arguments: &'r Map<String, Value>,
    /// The argument with the body.
    pub(super) body: Option<&'r str>,
    pub(super) response: &'r Response<Bytes>,
    pub(super) value: Option<&'r Value>,
}

impl Exchange<'_> {
    /// Returns what the model can call next, one sentence for each link.
    pub(super) fn next(&self, own: &str, links: &[Link], tools: &ToolNames) -> Vec<String> {
        let mut texts: Vec<_> = self.pages(own).collect();
        for link in links {
            let Some(tool) = tools.get(&link.target) else {
                continue;
            };
            let mut arguments = Map::new();
            let mut is_complete = true;
            for (name, value) in &link.parameters {
                match self.evaluate(value) {
                    Some(value) => {
                        // The name may begin with the place, such as `path.id`.
                        let name =
                            name.split_once('.').map_or(
                                name.as_str(),
                                |(place, name)| match place {
                                    "path" | "query" | "header" | "cookie" => name,
                                    _ => place,
                                },
                            );
                        arguments.insert(valid_name(name), value);
                    }
                    None => is_complete = false,
                }
            }
            if !is_complete {
                continue;
            }
            let mut text = format!("Next: call `{tool}` with {}.", Value::Object(arguments));
            if let Some(description) = &link.description {
                text.push(' ');
                text.push_str(description.trim());
            }
            texts.push(text);
        }
        texts
    }

    /// Returns sentences for the pages of the header `Link`.
    fn pages(&self, own: &str) -> impl Iterator<Item = String> {
        let headers = self.response.headers().get_all(LINK).into_iter();
        let targets = headers.filter_map(|it| it.to_str().ok()).flat_map(split);
        let texts = targets.filter_map(|(target, relation)| {
            let page = match relation {
                "next" => "The next page",
                "prev" | "previous" => "The previous page",
                _ => return None,
            };
            let arguments = self.arguments_of(target);
            Some(if arguments.is_empty() {
                format!("{page} is at {target}.")
            } else {
                let arguments = Value::Object(arguments);
                format!("{page}: call `{own}` again, with {arguments} among its arguments.")
            })
        });
        texts.take(MOST_LINKS).collect::<Vec<_>>().into_iter()
    }

    /// Returns the arguments that differ in the query of a URL.
    fn arguments_of(&self, url: &str) -> Map<String, Value> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let pairs = query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = percent::decode(name)?;
            let value = percent::decode(&value.replace('+', " "))?;
            let parameter = self
                .parameters
                .iter()
                .find(|it| it.place == Place::Query && it.name == name)?;
            let value = typed(&value, &parameter.schema);
            let is_new = self.arguments.get(&parameter.argument) != Some(&value);
            is_new.then(|| (parameter.argument.clone(), value))
        });
        pairs.collect()
    }

    /// Returns the value of a runtime expression, or another value as it is.
    fn evaluate(&self, value: &Value) -> Option<Value> {
        let Some(text) = value.as_str() else {
            return Some(value.clone());
        };
        if !text.starts_with('$') {
            return Some(value.clone());
        }
        if let Some(source) = text.strip_prefix("$response.") {
            if let Some(name) = source.strip_prefix("header.") {
                let value = self.response.headers().get(name)?.to_str().ok()?;
                return Some(value.into());
            }
            return at(self.value?, source);
        }
        let source = text.strip_prefix("$request.")?;
        if source.starts_with("body") {
            return at(self.arguments.get(self.body?)?, source);
        }
        let (place, name) = source.split_once('.')?;
        let parameter = self
            .parameters
            .iter()
            .find(|it| it.place.name() == place && it.name == name)?;
        self.arguments.get(&parameter.argument).cloned()
    }
}

/// Returns the value of `body` or `body#/pointer`.
fn at(value: &Value, source: &str) -> Option<Value> {
    match source.split_once('#') {
        None => (source == "body").then(|| value.clone()),
        Some((_, pointer)) => value.pointer(pointer).cloned(),
    }
}

/// Returns a text as a value of the type of a schema.
fn typed(text: &str, schema: &Value) -> Value {
    let is = |name: &str| match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|it| it == name),
        _ => false,
    };
    let parsed = (is("integer") || is("number") || is("boolean"))
        .then(|| serde_json::from_str::<Value>(text).ok());
    match parsed.flatten() {
        Some(value) if value.is_number() || value.is_boolean() => value,
        _ => text.into(),
    }
}

/// Splits a header `Link` into its targets and their relations.
fn split(header: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((target, after)) = rest
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
    {
        // A comma may be part of a quoted text, so the next target begins at `<`.
        let end = after.find('<').unwrap_or(after.len());
        let (parameters, next) = after.split_at(end);
        let relation = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_end_matches(',').trim();
            (name.trim().eq_ignore_ascii_case("rel")).then(|| value.trim_matches('"'))
        });
        let relations = relation.unwrap_or_default().split_ascii_whitespace();
        found.extend(relations.map(|relation| (target, relation)));
        rest = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_of_a_header() {
        let header = "<https://x/a?page=2>; rel=\"next\", <https://x/a?page=9>; title=\"a, b\"; rel=\"last end\", <y>; rel=prev";
        assert_eq!(
            split(header),
            [
                ("https://x/a?page=2", "next"),
                ("https://x/a?page=9", "last"),
                ("https://x/a?page=9", "end"),
                ("y", "prev"),
            ]
        );
        assert_eq!(split("nothing"), []);
        assert_eq!(split("<unclosed"), []);
        assert_eq!(split("<x>"), []);
    }
}
