use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
enum Seats {
    Inside,
    Outside,
}

#[tool]
async fn book(context: Context) -> Result<String, ToolError> {
    match context.elicit("Where?").await? {
        Seats::Inside => Ok("inside".to_owned()),
        Seats::Outside => Ok("outside".to_owned()),
    }
}

fn main() {}
