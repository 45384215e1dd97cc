//! The tools, and the memo of insights.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_runtime::{JsonWithText, prelude::*};
use schemars::JsonSchema;
use serde::Serialize;

use crate::database::{Database, Parameter, Rows};

/// The URI of the memo.
const MEMO: &str = "memo://insights";

/// The maximum number of insights, and of the bytes of one.
const INSIGHTS: (usize, usize) = (1000, 10_000);

/// Returns rows, with their JSON for the model.
fn shown(rows: Rows) -> Result<JsonWithText<Rows>, ToolError> {
    let mut text = serde_json::to_string(&rows.rows)?;
    if rows.is_cut {
        let count = rows.rows.len();
        let more = "add LIMIT and OFFSET, or select fewer columns";
        text = format!("{text}\nThese are the first {count} rows: {more}.");
    }
    Ok(Json(rows).with_text(text))
}

/// Run a query that reads: SELECT, or WITH before it.
#[tool(read_only, open_world = false)]
fn read_query(
    /// One statement. Write `?` for each value.
    query: &str,
    /// The values of the `?`, in their order.
    #[arg(default)]
    parameters: Vec<Parameter>,
    database: State<Database>,
    cancel: Cancel,
) -> Result<JsonWithText<Rows>, ToolError> {
    shown(database.read(query, &parameters, &cancel)?)
}

/// The result of a statement that changes the database.
#[derive(Serialize, JsonSchema)]
struct Affected {
    affected_rows: u64,
}

/// Run a statement that changes the database, such as INSERT, UPDATE or DELETE.
#[tool(destructive, idempotent = false, open_world = false)]
fn write_query(
    /// One statement. Write `?` for each value.
    query: &str,
    /// The values of the `?`, in their order.
    #[arg(default)]
    parameters: Vec<Parameter>,
    database: State<Database>,
    cancel: Cancel,
) -> Result<JsonWithText<Affected>, ToolError> {
    let affected = Affected {
        affected_rows: database.write(query, &parameters, &cancel)?,
    };
    let text = serde_json::to_string(&[&affected])?;
    Ok(Json(affected).with_text(text))
}

/// Create a table.
#[tool(
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
fn create_table(
    /// A statement CREATE TABLE.
    query: &str,
    database: State<Database>,
    cancel: Cancel,
    context: Context,
) -> Result<&'static str, ToolError> {
    let mut words = query.split_whitespace();
    let is_create = ["create", "table"]
        .iter()
        .all(|word| words.next().is_some_and(|it| it.eq_ignore_ascii_case(word)));
    if !is_create {
        return Err(ToolError::new(
            "only CREATE TABLE is allowed here: use `write_query` for other statements",
        ));
    }
    database.write(query, &[], &cancel)?;
    context.notify().resources_changed();
    Ok("Table created successfully")
}

/// List the tables of the database.
#[tool(read_only, open_world = false)]
fn list_tables(database: State<Database>, cancel: Cancel) -> Result<JsonWithText<Rows>, ToolError> {
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    shown(database.read(query, &[], &cancel)?)
}

/// Describe the columns of a table or view.
#[tool(read_only, open_world = false)]
fn describe_table(
    /// The name of the table.
    table_name: String,
    database: State<Database>,
    cancel: Cancel,
) -> Result<JsonWithText<Rows>, ToolError> {
    let name = [table_name.clone().into()];
    let rows = database.read("SELECT * FROM pragma_table_info(?)", &name, &cancel)?;
    if rows.rows.is_empty() {
        return Err(ToolError::new(format!(
            "there is no table `{table_name}`: `list_tables` lists all"
        )));
    }
    shown(rows)
}

/// The insights that models found. They end with the process.
#[derive(Default)]
pub(crate) struct Insights(Mutex<Vec<String>>);

impl Insights {
    fn all(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Add an insight to the memo, which is the resource `memo://insights`.
#[tool(
    read_only = false,
    destructive = false,
    idempotent = false,
    open_world = false
)]
async fn append_insight(
    /// What the data showed.
    insight: String,
    insights: State<Insights>,
    context: Context,
) -> Result<&'static str, ToolError> {
    let (count, bytes) = INSIGHTS;
    if insight.len() > bytes {
        return Err(ToolError::new(format!(
            "the insight is longer than {bytes} bytes: shorten it"
        )));
    }
    {
        let mut all = insights.all();
        if all.len() == count {
            return Err(ToolError::new(format!(
                "the memo has {count} insights already, which is its limit"
            )));
        }
        all.push(insight);
    }
    context.notify().resource_updated(MEMO);
    Ok("Insight added to memo")
}

/// The insights that were found so far.
#[resource(
    "memo://insights",
    name = "insights",
    title = "Insights",
    mime = "text/plain"
)]
async fn memo(insights: State<Insights>) -> String {
    let all = insights.all();
    if all.is_empty() {
        return "There are no insights yet.".to_owned();
    }
    let lines: Vec<String> = all.iter().map(|insight| format!("- {insight}")).collect();
    format!("Insights:\n\n{}", lines.join("\n"))
}
