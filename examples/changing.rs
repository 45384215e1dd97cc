//! A server that changes while it runs: it adds and removes tools, and notifies clients that listen for changes.
//!
//! `tests/clients/run` tests this server with the official clients.

use mcp_runtime::{ServerHandle, Tool, prelude::*};
use serde_json::{Value, json};

/// The handler of tools that are added at run time.
async fn greet(_: Value, _: Context) -> &'static str {
    "I am new here."
}

/// Add a tool.
#[tool]
async fn add_tool(
    /// Its name.
    name: String,
    server: State<ServerHandle>,
) -> Result<String, ToolError> {
    let tool = Tool::new(&name, json!({ "type": "object" }), greet);
    server.add(tool.description("Says that it is new."))?;
    Ok(format!("added {name}"))
}

/// Remove a tool.
#[tool]
async fn remove_tool(
    /// Its name.
    name: String,
    server: State<ServerHandle>,
) -> Result<String, ToolError> {
    if server.remove_tool(&name) {
        Ok(format!("removed {name}"))
    } else {
        Err(ToolError::new(format!("there is no tool `{name}`")))
    }
}

/// Say that a resource changed.
#[tool]
async fn touch(
    /// Its URI.
    uri: String,
    context: Context,
) -> String {
    context.notify().resource_updated(&uri);
    format!("touched {uri}")
}

/// A text by its name.
#[resource("note://{name}")]
async fn note(name: String) -> String {
    format!("The note {name}.")
}

fn server() -> Server {
    let server = mcp_runtime::server!();
    let handle = server.handle();
    server.state(handle)
}

fn main() -> std::process::ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::{Client, ClientError, Revision};

    use super::*;

    /// Adds a tool, touches a resource without and one with a subscription, and removes the tool.
    async fn change(client: &Client) -> Result<(), ClientError> {
        client.call("add_tool", json!({ "name": "new" })).await?;
        let reply = client.call("new", json!({})).await?;
        assert_eq!(reply.text(), "I am new here.");
        client.call("touch", json!({ "uri": "note://b" })).await?;
        client.call("touch", json!({ "uri": "note://a" })).await?;
        client.call("remove_tool", json!({ "name": "new" })).await?;
        Ok(())
    }

    fn methods(client: &Client) -> Vec<Value> {
        let mut notifications = client.take_notifications();
        let methods = notifications.iter_mut().map(|one| one["method"].take());
        methods.collect()
    }

    const NOTIFICATIONS: [&str; 3] = [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ];

    #[tokio::test]
    async fn a_client_that_listens_is_told() -> Result<(), ClientError> {
        let client = server().client().await;
        let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["note://a"] });
        let listening = client.listen(filter)?;
        assert_eq!(
            methods(&client),
            ["notifications/subscriptions/acknowledged"]
        );
        change(&client).await?;
        assert_eq!(methods(&client), NOTIFICATIONS);

        drop(listening);
        change(&client).await?;
        assert_eq!(methods(&client), [""; 0], "the client no longer listens");
        Ok(())
    }

    #[tokio::test]
    async fn a_session_is_told_of_lists_and_of_what_it_subscribed_to() -> Result<(), ClientError> {
        let client = server().client().revision(Revision::V2025_11_25).await;
        let uri = json!({ "uri": "note://a" });
        client.request("resources/subscribe", uri).await?;
        change(&client).await?;
        assert_eq!(methods(&client), NOTIFICATIONS);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_there_cannot_be_removed() -> Result<(), ClientError> {
        let client = server().client().await;
        let reply = client.call("remove_tool", json!({ "name": "new" })).await?;
        assert!(reply.is_error());
        assert_eq!(reply.text(), "there is no tool `new`");
        Ok(())
    }
}
