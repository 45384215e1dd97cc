//! Results of tools of upstream servers. Most are one text, which is read without a tree.

use serde_json::{Map, Value};

use super::failure::{Failure, malformed};
use super::message::{Answer, plain_text};
use crate::content::{Content, Structured, ToolResult};
use crate::error::ToolError;
use crate::protocol::json::string;
use crate::protocol::members::members;
use crate::protocol::meta::{Prefix, prefix};
use crate::protocol::reader::Reader;

/// Reads the result of a tool.
///
/// # Errors
/// Returns an error if it is malformed.
pub(super) fn tool_result(answer: &Answer) -> Result<ToolResult, Failure> {
    let failure = match answer.is_error() {
        None | Some("false" | "null") => None,
        Some("true") => Some(ToolError::of_content()),
        Some(_) => return Err(wrong("`isError` is no boolean")),
    };
    let structured = answer.structured().filter(|json| *json != "null");
    let content = match answer.text() {
        Some(text) => vec![Content::text(text.into_owned())],
        None => answer.content().map_or(Ok(Vec::new()), blocks)?,
    };
    Ok(ToolResult {
        content,
        structured: structured.map(|json| Structured::Json(json.to_owned())),
        failure,
        meta: answer.own_meta().and_then(own_meta),
        rest: None,
        panicked: false,
    })
}

fn wrong(what: &str) -> Failure {
    Failure::Unavailable(format!("its result is malformed: {what}"))
}

fn blocks(json: &str) -> Result<Vec<Content>, Failure> {
    let mut reader = Reader::new(json, usize::MAX);
    let mut blocks = Vec::new();
    // The JSON was validated with its message: no step of the reader can fail.
    if !matches!(reader.enter_array(), Ok(true)) {
        return Err(wrong("`content` is no list"));
    }
    while let Ok(true) = reader.item() {
        blocks.push(block(json, &mut reader)?);
    }
    Ok(blocks)
}

/// Reads a block. One that has nothing but a text is read at once.
fn block(json: &str, reader: &mut Reader<'_>) -> Result<Content, Failure> {
    let start = reader.place();
    let text = plain_text(reader).ok().flatten();
    if let Some(text) = text.and_then(|text| string(text.of_text(json))) {
        return Ok(Content::text(text.into_owned()));
    }
    let block = json.get(start..reader.place()).unwrap_or_default();
    serde_json::from_str(block).map_err(|error| malformed(&error))
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

    fn result_of(json: &str) -> Result<ToolResult, Failure> {
        tool_result(&Answer::recorded(json).unwrap())
    }

    #[test]
    fn results_are_read_as_they_are() {
        let json = r#"{"content":[{"type":"text","text":"a\n\u00e9"},{"type":"text","text":"b","annotations":{"priority":1}},
            {"type":"image","data":"AA==","mimeType":"image/png"}],"structuredContent":{"a":[1, 2]},"isError":false,
            "_meta":{"io.modelcontextprotocol/serverInfo":{},"com.example/a":1},"resultType":"complete"}"#;
        let result = result_of(json).unwrap();
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
            result_of(r#"{"content":[],"isError":true}"#)
                .unwrap()
                .is_error()
        );
        assert!(result_of("{}").unwrap().meta.is_none());
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
            assert!(result_of(json).is_err(), "{json}");
        }
    }
}
