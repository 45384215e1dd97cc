//! The tools of the extension for tasks.

use std::future::IntoFuture;
use std::time::Duration;

use mcp_runtime::{AskError, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;

/// Greets, and is never a task.
#[tool]
async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

/// Sleeps, in a task if the client can receive one.
#[tool(task)]
async fn slow_compute(seconds: u64, label: Option<String>) -> String {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    format!("{} took {seconds} s", label.as_deref().unwrap_or("It"))
}

/// Fails after a second. It is always a task.
#[tool(task = "required")]
async fn failing_job() -> Result<String, ToolError> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Err(ToolError::new("The job failed."))
}

/// Ends with an error of the protocol.
#[tool(task)]
async fn protocol_error_job() -> Result<String, ToolError> {
    Err(ToolError::protocol("The job could not be run."))
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Confirmation {
    confirm: bool,
}

/// Asks for a confirmation inside of its task.
#[tool(task)]
async fn confirm_delete(filename: String, context: Context) -> Result<String, AskError> {
    let question = format!("Delete {filename}?");
    let Confirmation { confirm } = context.elicit(question).await?;
    let done = if confirm { "Deleted" } else { "Kept" };
    Ok(format!("{done} {filename}."))
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct PartialName {
    name: String,
}

/// Asks two questions at once inside of its task.
#[tool(task)]
async fn multi_input(context: Context) -> Result<String, AskError> {
    let (name, confirmed) = tokio::join!(
        context
            .elicit::<PartialName>("What is the name?")
            .into_future(),
        context.elicit::<Confirmation>("Is it right?").into_future(),
    );
    Ok(format!("{}: {}", name?.name, confirmed?.confirm))
}

/// Asks a question before it becomes a task.
#[tool(task = "required")]
async fn test_tool_with_task(
    #[ask("What is your name?", key = "user_name")] name: PartialName,
) -> String {
    tokio::time::sleep(crate::STEP).await;
    format!("Hello, {}!", name.name)
}
