//! One server in front of others: those of the file `mcp.json`, as clients have it, or of the file that `MCP_CONFIG` names.
//!
//! ```text
//! MCP_CONFIG=mcp.json cargo run --example gateway --features proxy -- --http 127.0.0.1:8000
//! ```
//!
//! With `MCP_LOCK=mcp.lock`, only the definitions that this lock file accepts are offered: `manifest --write-lock` writes it, and
//! `check --lock` shows what has changed.
//!
//! The tool `git_status` of the server `git` is called `git_git_status` here, and so on: see `Server::mount`.

use std::process::ExitCode;

use mcp_runtime::{Context, Server, ToolError, Upstream, prelude::*};
use serde_json::json;

/// List the servers behind this one, and the time that their clocks show, if there is one that is called `time`.
#[tool(read_only)]
async fn servers(names: State<Vec<String>>, context: Context) -> Result<String, ToolError> {
    let mut text = names.join("\n");
    if names.iter().any(|name| name == "time") {
        let time = context.upstream("time")?;
        let now = time
            .call("get_current_time", json!({ "timezone": "Etc/UTC" }))
            .await?;
        text.push('\n');
        text.push_str(&now.text());
    }
    Ok(text)
}

/// Returns the server for the servers of a file.
///
/// # Errors
/// Returns an error if the file is malformed.
fn server(config: &str) -> Result<Server, mcp_runtime::ConfigError> {
    let upstreams = Upstream::from_config(config)?;
    let names: Vec<String> = upstreams.iter().map(|(name, _)| name.clone()).collect();
    let server = Server::new("gateway", "1.0.0")
        .with(components![servers])
        .state(names);
    let server = match std::env::var("MCP_LOCK") {
        Ok(path) => server.lock_upstreams(path),
        Err(_) => server,
    };
    Ok(upstreams
        .into_iter()
        .fold(server, |server, (name, upstream)| {
            server.mount(name, upstream)
        }))
}

fn main() -> ExitCode {
    let path = std::env::var("MCP_CONFIG").unwrap_or_else(|_| "mcp.json".to_owned());
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    match read.and_then(|config| server(&config).map_err(|error| error.to_string())) {
        Ok(server) => server.run(),
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_available_does_not_keep_the_gateway_from_starting() {
        let config = r#"{ "mcpServers": { "absent": { "command": "./no-such-program" } } }"#;
        let client = server(config).unwrap().client().await;
        let names = client.call("servers", json!({})).await.unwrap();
        assert_eq!(names.text(), "absent");
        assert!(server("{}").is_err());
    }
}
