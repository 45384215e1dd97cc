//! Constraints of types that the macro does not know are checked against their schemas when the server is built.

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Stars(u8);

#[derive(Deserialize, JsonSchema)]
struct Name(String);

type Names = Option<Vec<Name>>;

struct Shop<T>(T);

#[tools]
impl<T: Send + Sync + 'static> Shop<T> {
    #[tool]
    fn rate(
        &self,
        #[arg(range(1..=5), header = "Stars")] _stars: Stars,
        #[arg(length(1..=80), pattern = "^[A-Z]")] _name: Name,
        #[arg(length(..=9))] _others: Names,
    ) {
    }
}

#[tool]
fn rate(
    #[arg(range(1..=5), header = "Stars")] _stars: Stars,
    #[arg(length(1..=80), pattern = "^[A-Z]")] _name: Option<Name>,
    #[arg(length(..=9))] _others: Names,
) {
}

#[test]
fn it_runs() {}
