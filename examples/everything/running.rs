//! The tools that do something while they run.

use std::time::Duration;

use mcp_runtime::prelude::*;

/// Wait for some seconds, and report progress. The client can cancel the call.
#[tool(
    name = "trigger-long-running-operation",
    read_only,
    open_world = false,
    timeout = 3600
)]
async fn trigger_long_running_operation(
    /// The duration in seconds.
    #[arg(default = 10.0, range(0..=3000))]
    duration: f64,
    /// The number of progress reports.
    #[arg(default = 5, range(1..=10_000))]
    steps: u32,
    context: Context,
) -> String {
    let step = Duration::from_secs_f64(duration / f64::from(steps));
    for done in 1..=steps {
        // The future is dropped here if the call is cancelled.
        tokio::time::sleep(step).await;
        context.progress(done, Some(steps), Some(&format!("step {done} of {steps}")));
    }
    format!("Long running operation completed. Duration: {duration} seconds, Steps: {steps}.")
}

/// The levels of log messages, from the least to the most important one.
pub(crate) const LEVELS: [LogLevel; 8] = [
    LogLevel::Debug,
    LogLevel::Info,
    LogLevel::Notice,
    LogLevel::Warning,
    LogLevel::Error,
    LogLevel::Critical,
    LogLevel::Alert,
    LogLevel::Emergency,
];

/// Send a log message of each level. The client receives those of the level that it has set, and of higher ones.
#[tool(name = "send-log-messages", read_only, open_world = false)]
async fn send_log_messages(context: Context) -> &'static str {
    for level in LEVELS {
        context.log_as(
            "everything",
            level,
            format!("a message of the level {level:?}"),
        );
    }
    "Sent 8 messages."
}

/// Count the calls of this tool in the session of the client.
#[tool(name = "count-calls", destructive = false, open_world = false)]
async fn count_calls(context: Context) -> Result<u64, ToolError> {
    let session = context.session()?;
    let count = session.get::<u64>("count").await?.unwrap_or_default() + 1;
    session.set("count", &count).await?;
    Ok(count)
}
