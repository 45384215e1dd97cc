use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Default, Deserialize, JsonSchema)]
struct Paging {
    pub limit: u8,
}

#[tool]
fn list(
    #[arg(flatten, default)] _default: Paging,
    #[arg(flatten, name = "page")] _name: Paging,
    #[arg(range(1..), flatten)] _range: Paging,
    #[arg(flatten, length(1..))] _length: Paging,
    #[arg(flatten, pattern = "^a$")] _pattern: Paging,
    #[arg(flatten, example = Paging::default())] _example: Paging,
    #[arg(flatten, header = "Page")] _header: Paging,
    #[arg(flatten, nullable)] _nullable: Paging,
) {
}

#[prompt]
fn ask(#[arg(flatten, complete = all)] _paging: Paging) -> String {
    String::new()
}

fn all(_: mcp_runtime::Completion) -> Vec<String> {
    Vec::new()
}

fn main() {}
