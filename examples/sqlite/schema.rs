//! The schema of each table as a resource.

use mcp_runtime::{Completion, prelude::*};
use serde_json::Value;

use crate::database::Database;

/// The statements that create a table or view, its indexes and its triggers.
#[resource("sqlite://schema/{table}", list = list_tables, mime = "application/sql")]
fn schema(
    /// The name of the table.
    #[arg(complete = complete_table)]
    table: String,
    database: State<Database>,
    cancel: Cancel,
) -> Result<Option<String>, ToolError> {
    // The statement of the table itself comes first. Automatic indexes have none.
    let query =
        "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid";
    let rows = database.read(query, &[table.into()], &cancel)?.rows;
    let statements: Vec<String> = texts(rows, "sql").map(|sql| sql + ";\n").collect();
    Ok(Some(statements.concat()).filter(|text| !text.is_empty()))
}

fn names(database: &Database, cancel: &Cancel) -> Result<Vec<String>, ToolError> {
    let query = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND sql IS NOT NULL ORDER BY name";
    Ok(texts(database.read(query, &[], cancel)?.rows, "name").collect())
}

fn texts(rows: Vec<serde_json::Map<String, Value>>, column: &str) -> impl Iterator<Item = String> {
    let value = move |mut row: serde_json::Map<String, Value>| match row.shift_remove(column) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    rows.into_iter().filter_map(value)
}

fn list_tables(database: State<Database>, cancel: Cancel) -> Result<Vec<ResourceLink>, ToolError> {
    let link = |name: String| {
        let encoded =
            percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
        ResourceLink::new(format!("sqlite://schema/{encoded}"), name).mime("application/sql")
    };
    Ok(names(&database, &cancel)?.into_iter().map(link).collect())
}

fn complete_table(
    completion: Completion,
    database: State<Database>,
    cancel: Cancel,
) -> Vec<String> {
    let names = names(&database, &cancel).unwrap_or_default().into_iter();
    names
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}
