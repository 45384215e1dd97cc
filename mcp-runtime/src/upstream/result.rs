//! Results of tools of upstream servers. Most are one text, which is read without a tree.

use serde_json::{Map, Value};

use super::call::{Failure, malformed};
use crate::content::{Content, Structured, ToolResult};
use crate::error::ToolError;
use crate::protocol::json::string;
use crate::protocol::members::{items, members};
use crate::protocol::meta::{Prefix, prefix};

/// Reads the result of a tool, which is a JSON object.
///
/// # Errors
/// Returns an error if it is malformed.
pub(super) fn tool_result(json: &str) -> Result<ToolResult, Failure> {
    let mut result = ToolResult::default();
    for (name, value) in members(json) {
        match &*name {
            "content" => result.content = blocks(value)?,
            "structuredContent" if value != "null" => {
                result.structured = Some(Structured::Json(value.to_owned()));
            }
            "isError" => match value {
                "true" => result.failure = Some(ToolError::of_content()),
                "false" | "null" => {}
                _ => return Err(wrong("`isError` is no boolean")),
            },
            "_meta" => result.meta = own_meta(value),
            _ => {}
        }
    }
    Ok(result)
}

fn wrong(what: &str) -> Failure {
    Failure::Unavailable(format!("its result is malformed: {what}"))
}

fn blocks(json: &str) -> Result<Vec<Content>, Failure> {
    if !json.starts_with('[') {
        return Err(wrong("`content` is no list"));
    }
    let block = |json| match text(json) {
        Some(text) => Ok(Content::text(text)),
        None => serde_json::from_str(json).map_err(|error| malformed(&error)),
    };
    items(json).map(block).collect()
}

/// Returns the text of a block that has nothing else.
fn text(block: &str) -> Option<String> {
    let (mut is_text, mut found) = (false, None);
    for (name, value) in members(block) {
        match &*name {
            "type" if value == "\"text\"" => is_text = true,
            "text" => found = Some(string(value)?.into_owned()),
            _ => return None,
        }
    }
    found.filter(|_| is_text)
}

/// Returns the members of `_meta` that this server passes on.
fn own_meta(json: &str) -> Option<Map<String, Value>> {
    let is_own = |key: &str| matches!(prefix(key), Some(Prefix::Absent | Prefix::Free));
    if !members(json).any(|(key, _)| is_own(&key)) {
        return None;
    }
    let mut meta: Map<String, Value> = serde_json::from_str(json).ok()?;
    meta.retain(|key, _| is_own(key));
    Some(meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_as_they_are() {
        let json = r#"{"content":[{"type":"text","text":"a\n\u00e9"},{"type":"text","text":"b","annotations":{"priority":1}},
            {"type":"image","data":"AA==","mimeType":"image/png"}],"structuredContent":{"a":[1, 2]},"isError":false,
            "_meta":{"io.modelcontextprotocol/serverInfo":{},"com.example/a":1},"resultType":"complete"}"#;
        let result = tool_result(json).unwrap();
        assert_eq!(result.text(), "a\né\nb");
        assert_eq!(result.content.len(), 3);
        assert_eq!(
            result.structured_content(),
            serde_json::json!({ "a": [1, 2] })
        );
        assert!(!result.is_error());
        let meta = result.meta.unwrap();
        assert_eq!(
            serde_json::json!(meta),
            serde_json::json!({ "com.example/a": 1 })
        );
        assert!(
            tool_result(r#"{"content":[],"isError":true}"#)
                .unwrap()
                .is_error()
        );
        assert!(tool_result("{}").unwrap().meta.is_none());
    }

    #[test]
    fn a_malformed_result_is_an_error() {
        for json in [
            r#"{"content":{}}"#,
            r#"{"content":[{"type":"text"}]}"#,
            r#"{"content":[{"text":"a"}],"isError":1}"#,
            r#"{"content":[7]}"#,
            r#"{"content":[{"text":"a"}]}"#,
            r#"{"content":[{"type":"text","text":7}]}"#,
            r#"{"content":[{"type":"video","text":"a"}]}"#,
        ] {
            assert!(tool_result(json).is_err(), "{json}");
        }
    }
}
