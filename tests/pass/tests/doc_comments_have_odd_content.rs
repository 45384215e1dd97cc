#![deny(warnings)]

use mcp_runtime::prelude::*;

#[doc = include_str!("description.md")]
#[tool]
fn from_a_file() {}

/// "Quotes", 'apostrophes', \backslashes\, {braces}, {{more}}, `code`, # a #, r"raw", \n, %s and "#.
///
/// ```
/// let fenced = "{}";
/// ```
///
/// | a | b |
/// |---|---|
/// | ä | 漢字 🦀 |
#[tool]
fn odd(
    /// A "parameter" {with} \the\ same.
    #[arg(default)]
    text: String,
) -> String {
    text
}

/** A block
 * comment. */
#[tool]
fn block() {}

///
#[tool]
fn empty() {}

#[doc(hidden)]
#[doc(alias = "x")]
#[doc = "Made " ]
#[doc = concat!("of ", "parts.")]
#[tool]
fn parts() {}

#[tokio::test]
async fn it_runs() {
    let definitions = mcp_runtime::server!().client().await.tools().await;
    let text = format!("{definitions:?}");
    assert!(text.contains("{braces}, {{more}}"), "{text}");
}
