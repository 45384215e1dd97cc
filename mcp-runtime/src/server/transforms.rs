//! The option that changes what a server offers.

use super::Server;
use crate::registry::Transform;

impl Server {
    /// Changes the components that this server offers: its own, those of [mounted](Self::mount) servers, and those that are
    /// added while it runs.
    ///
    /// Transforms apply in the order of the calls, and each one changes the result of those before it: after a tool was renamed, a
    /// later transform finds it in its new name. Clients, the layers and rules of this server, its lock file, logs, metrics and
    /// audit records have the changed names and schemas, and so has [`ServerHandle`](crate::ServerHandle) for removals. The
    /// layers of a mounted server and of a component have their own names of components and arguments. A server with
    /// transforms can be mounted itself.
    ///
    /// # Errors of construction
    ///
    /// These are problems of the server, each with its place and a fix:
    ///
    /// - a transform of a component or argument that does not exist; [`later`](crate::ToolTransform::later) allows that the
    ///   component is added later
    /// - two components or arguments that get one name
    /// - a required argument that is removed without a value, and a fixed value that the schema of its argument refuses
    /// - transforms that leave no component
    ///
    /// The same problems of a component that is added later are errors of [`ServerHandle::add`](crate::ServerHandle::add).
    ///
    /// See [`Transform`](crate::Transform) for an example.
    pub fn transform(mut self, transform: impl Into<Transform>) -> Self {
        self.transforms.add(transform.into());
        self
    }

    /// Offers the resources as tools, too, for clients that know tools only: `list_resources`, `list_resource_templates` and
    /// `read_resource`.
    ///
    /// A call of such a tool stands for the request of the same name: it has the visible components of the caller, scopes,
    /// layers, questions and limits of that request, and its name in logs, metrics and audits. A text is the text of the
    /// result; bytes are an embedded resource; a list is structured content and JSON as text, page by page. An error that
    /// other arguments can correct, such as an unknown URI, is the error of the tool.
    ///
    /// Transforms do not change these tools. A tool of the server cannot have one of their names, and only the outermost server
    /// can have them.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use serde_json::json;
    ///
    /// /// All cities.
    /// #[resource("db://cities")]
    /// async fn cities() -> &'static str {
    ///     "Oslo, Rome"
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = Server::new("app", "1.0.0").with(components![cities]).resources_as_tools();
    /// let client = server.client().await;
    /// let listed = client.call("list_resources", json!({})).await?;
    /// assert_eq!(listed.structured()["resources"][0]["uri"], "db://cities");
    /// let read = client.call("read_resource", json!({ "uri": "db://cities" })).await?;
    /// assert_eq!(read.text(), "Oslo, Rome");
    /// # Ok(())
    /// # }
    /// ```
    pub fn resources_as_tools(mut self) -> Self {
        self.resources_as_tools = true;
        self
    }

    /// Offers the prompts as tools, too, for clients that know tools only: `list_prompts` and `get_prompt`, which takes the
    /// `name` and the `arguments` of a prompt. The result of `get_prompt` has the messages as structured content, and as JSON in
    /// its text. For everything else see [`Server::resources_as_tools`].
    pub fn prompts_as_tools(mut self) -> Self {
        self.prompts_as_tools = true;
        self
    }
}
