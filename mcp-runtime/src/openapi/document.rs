//! The text of a specification as a tree, and the references within it.

use std::fmt::Write as _;

use mcp_grammar::percent;
use serde::de::DeserializeSeed as _;
use serde_json::{Map, Value};

use super::parse::Kind;

/// The maximum size of a specification in bytes.
const LARGEST: usize = 64 << 20;

/// The maximum number of references that lead from one to the next.
const LONGEST_CHAIN: usize = 16;

/// A specification.
#[derive(Debug)]
pub(super) struct Document {
    root: Value,
    /// `true` for OpenAPI 3.0, whose schemas are not JSON Schema 2020-12.
    pub(super) is_3_0: bool,
}

impl Document {
    /// Parses a specification in JSON or YAML.
    ///
    /// # Errors
    /// Returns an error if the text is too large, is neither JSON nor YAML, or is not OpenAPI 3.0 or later.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LARGEST {
            return Err(format!(
                "the specification has {} bytes, and at most {LARGEST} are read",
                text.len()
            ));
        }
        let text = text.trim_start_matches('\u{feff}');
        let root = if text.trim_start().starts_with('{') {
            json(text).map_err(|error| format!("the specification is not valid JSON: {error}"))?
        } else {
            let yaml = yaml_serde::Deserializer::from_str(text);
            Kind::Keywords
                .deserialize(yaml)
                .map_err(|error| format!("the specification is not valid YAML: {error}"))?
        };
        let is_3_0 = version(&root)?;
        Ok(Self { root, is_3_0 })
    }

    /// Returns a member of the specification, or null.
    pub(super) fn member(&self, name: &str) -> &Value {
        &self.root[name]
    }

    /// Returns an object of the components, such as `securitySchemes`.
    pub(super) fn components(&self, kind: &str) -> Option<&Map<String, Value>> {
        self.root.get("components")?.get(kind)?.as_object()
    }

    /// Returns the target of a reference.
    ///
    /// # Errors
    /// Returns an error if the target is not in this document: nothing is ever fetched.
    pub(super) fn target(&self, reference: &str) -> Result<&Value, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!(
                "`{reference}` is in another document, which is never fetched: put all parts into one file, with `npx @redocly/cli \
                 bundle` for instance"
            ));
        };
        let pointer = percent::decode(fragment);
        let found = pointer.and_then(|pointer| self.root.pointer(&pointer));
        found.ok_or_else(|| format!("`{reference}` is not in the specification: add it there"))
    }

    /// Follows the references of a value that is an object or `{ "$ref": .. }`.
    ///
    /// # Errors
    /// Returns an error if a target is not in this document, or if references lead to each other.
    pub(super) fn resolve<'d>(&'d self, mut value: &'d Value) -> Result<&'d Value, String> {
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            value = self.target(reference)?;
        }
        let reference = &value["$ref"];
        Err(format!("{reference} leads to itself or to too many others"))
    }
}

fn json(text: &str) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let root = Kind::Keywords.deserialize(&mut json)?;
    json.end()?;
    Ok(root)
}

/// Returns `true` for OpenAPI 3.0, and `false` for a later version.
fn version(root: &Value) -> Result<bool, String> {
    if root.get("swagger").is_some() {
        return Err(
            "the specification is Swagger 2.0: convert it to OpenAPI 3, with `npx swagger2openapi` for instance"
                .to_owned(),
        );
    }
    let Some(version) = root.get("openapi").and_then(Value::as_str) else {
        return Err(
            "the text is not an OpenAPI specification: it has no member `openapi` such as `3.1.0`"
                .to_owned(),
        );
    };
    if version.starts_with("3.") {
        Ok(version.starts_with("3.0"))
    } else {
        Err(format!(
            "OpenAPI {version} is not supported: convert the specification to 3.0 or 3.1"
        ))
    }
}

/// Appends text with all bytes percent-encoded but those that `keeps` allows.
pub(super) fn push_encoded(out: &mut String, text: &str, keeps: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if keeps(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Returns text with all characters percent-encoded but unreserved ones.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_encoded(&mut out, text, |byte| percent::UNRESERVED.contains(byte));
    out
}
