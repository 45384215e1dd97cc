#![allow(dead_code)]

use mcp_runtime::ToolError;
use mcp_runtime::{components, prompt, resource, tool};

type Result<T> = std::result::Result<T, ToolError>;
type Option<T> = std::option::Option<std::boxed::Box<T>>;
type Vec = std::vec::Vec<u8>;

struct Box(u8);

enum Some {}
enum Ok {}

#[tool]
async fn add(a: f64, b: Option<f64>) -> Result<f64> {
    Result::Ok(a + *b.unwrap_or_default())
}

#[tool]
fn sum(all: Vec, first: Option<Vec>) -> usize {
    let Box(one) = Box(1);
    all.len() + first.map_or(0, |first| first.len()) + usize::from(one)
}

#[resource("sums://{of}")]
async fn sums(of: Option<u8>) -> Result<Vec> {
    Result::Ok(of.into_iter().map(|of| *of).collect())
}

#[prompt]
async fn ask(code: Option<String>) -> Result<String> {
    Result::Ok(*code.unwrap_or_default())
}

#[test]
fn it_runs() {
    let _ = components![add, sum, sums, ask];
}
