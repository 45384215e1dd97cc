//! A documented crate, because `missing_docs` is an error here.
#![deny(warnings, missing_docs, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]
#![deny(unused_qualifications, unused_results, unreachable_pub, trivial_casts, single_use_lifetimes)]
#![deny(elided_lifetimes_in_paths, let_underscore_drop, unused_lifetimes, redundant_lifetimes)]
#![forbid(unsafe_code)]

use std::borrow::Cow;

use mcp_runtime::{Completion, Listing, prelude::*};

/// Add two numbers.
#[tool(title = "Add", read_only, idempotent, open_world = false, open, strict)]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    #[arg(default = 1.0)]
    b: f64,
    #[arg(default)] c: f64,
) -> f64 {
    a + b + c
}

/// Does nothing.
#[tool(inline)]
fn nothing() {}

/// Lengths.
#[tool]
fn lengths<'a>(text: &'a str, other: Cow<'_, str>, third: Option<&'a str>) -> String {
    format!("{} {} {:?}", text.len(), other.len(), third)
}

/// Uses what is old.
#[tool]
#[deprecated]
fn old(value: u8) -> u8 {
    value
}

/// Waits.
#[tool]
async fn wait(context: Context, state: State<u32>) -> Result<String, ToolError> {
    context.progress(1.0, None, None);
    Ok(state.to_string())
}

/// A user.
#[resource("users://{id}{?limit}", mime = "text/plain", list = users)]
async fn user(
    /// Which.
    id: u32,
    /// How much.
    limit: Option<u8>,
    context: Context,
) -> String {
    format!("{id} {limit:?} {}", context.request_id())
}

async fn users(_: Listing, _: State<u32>) -> Vec<ResourceLink> {
    Vec::new()
}

/// Ask.
#[prompt(title = "Ask")]
fn ask(
    /// What.
    #[arg(complete = codes)]
    code: String,
) -> Vec<Message> {
    vec![Message::user(code)]
}

fn codes(_: Completion, _: State<u32>, _: Context) -> Vec<String> {
    Vec::new()
}

/// A value with several `impl`s.
#[derive(Debug)]
struct Value;

#[tools]
impl Value {
    /// Be one.
    #[tool]
    fn one(&self) -> u8 {
        1
    }
}

#[tools(more)]
impl Value {
    async fn words(&self, _: State<u32>) -> Vec<String> {
        Vec::new()
    }

    /// Be two.
    #[prompt]
    fn two(&self, #[arg(complete = Self::words)] it: String) -> String {
        it
    }
}

#[test]
fn it_runs() {
    drop(mcp_runtime::server!().with(Value));
}
