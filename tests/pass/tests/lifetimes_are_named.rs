#![deny(warnings)]

use std::borrow::Cow;

use mcp_runtime::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Query<'a> {
    #[serde(borrow)]
    text: &'a str,
}

#[tool]
async fn both<'a, 'b: 'a>(text: &'a str, other: &'b str) -> String {
    format!("{text}{other}")
}

#[tool]
fn longest<'a>(a: &'a str, b: Option<&'a str>) -> String {
    b.unwrap_or(a).to_owned()
}

#[tool]
async fn find<'q>(query: Query<'q>) -> String
where
    'q: 'q,
{
    query.text.to_owned()
}

#[tool]
fn cow<'a>(text: Cow<'a, str>) -> String {
    text.into_owned()
}

#[resource("texts://{text}")]
async fn text<'a>(text: &'a str) -> String {
    text.to_owned()
}

#[prompt]
fn ask(code: &'_ str) -> String {
    code.to_owned()
}

#[test]
fn it_runs() {
    let _ = components![both, longest, find, cow, text, ask];
}
