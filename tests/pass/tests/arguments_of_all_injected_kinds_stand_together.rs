use mcp_runtime::prelude::*;
use mcp_runtime::{Cancel, Headers};

#[tool]
async fn all(
    context: Context,
    #[arg(default = 1)] number: u32,
    cancel: Cancel,
    text: &str,
    state: State<String>,
    headers: Headers,
) -> String {
    let _ = (context.request_id(), cancel, headers);
    format!("{number}{text}{}", *state)
}

#[tool]
fn blocking(cancel: Cancel, text: String, state: State<String>) -> String {
    drop(cancel);
    text + &state
}

#[test]
fn it_runs() {
    let _ = components![all, blocking];
}
