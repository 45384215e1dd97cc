//! A server whose calls take long: it builds the report of a year, month by month.
//!
//! A client with tasks receives the id of a task at once, reads the progress in its state, and finds the question of `report`
//! there. Any other client waits for the result, and sees progress notifications. The function is the same.
//!
//! `report` may be started again after a restart of the process, if `Tasks::store` sets a store that outlives it. What was sent to the
//! printer is not sent again, because its outcome is recorded by `Context::once`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{AskError, Tasks};
use schemars::JsonSchema;
use serde::Deserialize;

/// The time that the numbers of one month take.
const MONTH: Duration = Duration::from_millis(200);

/// The form of the question.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Copies {
    /// The number of printed copies.
    #[schemars(range(min = 0, max = 20))]
    copies: u8,
}

/// Build the report of a year, and print it if the user wants copies.
#[tool(task(restart))]
async fn report(
    /// The year, 2000 or later.
    year: u16,
    context: Context,
    printer: State<Printer>,
) -> Result<String, ToolError> {
    if year < 2000 {
        return Err(ToolError::new("`year` must be 2000 or later"));
    }
    for month in 1..=12 {
        context.progress(month, Some(12), Some(&format!("month {month} of {year}")));
        tokio::time::sleep(MONTH).await;
    }
    let question = format!("The report of {year} is ready. How many copies should be printed?");
    let copies = match context.elicit::<Copies>(question).key("copies").await {
        Ok(Copies { copies }) => copies,
        // The report is worth something without paper, too.
        Err(AskError::Declined | AskError::Cancelled | AskError::CannotBeAsked(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    if copies == 0 {
        return Ok(format!("The report of {year}, not printed."));
    }
    let job = context.once("print", async { printer.print() }).await?;
    Ok(format!(
        "The report of {year}, {copies} copies as print job {job}."
    ))
}

/// A printer, which counts its jobs. A real server would send them somewhere.
#[derive(Default)]
struct Printer(AtomicU32);

impl Printer {
    /// Prints a report, and returns the number of the print job.
    fn print(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn server() -> Server {
    let tasks = Tasks::new()
        .ttl(Duration::from_secs(24 * 60 * 60))
        .poll_interval(Duration::from_secs(2))
        .per_principal(5);
    mcp_runtime::server!()
        .state(Printer::default())
        .tasks(tasks)
}

fn main() -> std::process::ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::{Client, ClientError, Revision};
    use serde_json::{Value, json};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    async fn request(
        client: &Client,
        method: &str,
        mut params: Value,
    ) -> Result<Value, ClientError> {
        params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": { "form": {} },
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        } });
        client.request(method, params).await
    }

    /// Asks for the state of a task until it is this one.
    async fn until(client: &Client, id: &Value, status: &str) -> Result<Value, ClientError> {
        loop {
            let state = request(client, "tasks/get", json!({ "taskId": id })).await?;
            if state["status"] == status {
                return Ok(state);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_tasks_reads_the_progress_and_answers_the_question() -> Outcome {
        let client = server().client().await;
        let call = json!({ "name": "report", "arguments": { "year": 2026 } });
        let task = request(&client, "tools/call", call).await?;
        assert_eq!(task["resultType"], "task");
        let id = &task["taskId"];
        tokio::time::sleep(MONTH * 3).await;
        let state = until(&client, id, "working").await?;
        let message = state["statusMessage"].as_str().unwrap_or_default();
        assert!(message.ends_with("of 2026"), "{state}");
        let state = until(&client, id, "input_required").await?;
        let form = &state["inputRequests"]["copies"]["params"]["requestedSchema"];
        assert_eq!(form["required"], json!(["copies"]));
        let answer = json!({ "action": "accept", "content": { "copies": 2 } });
        let answers = json!({ "taskId": id, "inputResponses": { "copies": answer } });
        request(&client, "tasks/update", answers).await?;
        let done = until(&client, id, "completed").await?;
        let text = &done["result"]["content"][0]["text"];
        assert_eq!(text, "The report of 2026, 2 copies as print job 1.");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_2025_11_25_is_asked_while_it_waits_for_the_result() -> Outcome {
        let client = server().client().revision(Revision::V2025_11_25);
        let client = client.answer_with(|question| {
            assert_eq!(question["method"], "elicitation/create");
            json!({ "action": "accept", "content": { "copies": 1 } })
        });
        let client = client.await;
        let call = json!({ "name": "report", "arguments": { "year": 2026 }, "task": {} });
        let created = client.request("tools/call", call).await?;
        let id = json!({ "taskId": created["task"]["taskId"] });
        let result = client.request("tasks/result", id).await?;
        let text = &result["content"][0]["text"];
        assert_eq!(text, "The report of 2026, 1 copies as print job 1.");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn another_client_waits() -> Outcome {
        let decline = json!({ "action": "decline" });
        let client = server()
            .client()
            .answer_with(move |_| decline.clone())
            .await;
        let reply = client.call("report", json!({ "year": 2026 })).await?;
        assert_eq!(reply.text(), "The report of 2026, not printed.");
        let reply = client.call("report", json!({ "year": 1999 })).await?;
        assert!(reply.is_error());
        Ok(())
    }
}
