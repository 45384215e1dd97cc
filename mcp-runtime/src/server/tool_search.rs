//! The option that lets clients search tools.

use super::Server;
use crate::search::ToolSearch;

impl Server {
    /// Lets clients search the tools instead of listing all of them, for servers with hundreds of tools.
    ///
    /// Clients hand all listed tools to their model, which costs tokens in every request and makes the choice worse. With this
    /// option `tools/list` has two tools, and those of [`ToolSearch::always_visible`]:
    ///
    /// - `search_tools` takes a `query` in words, and a `limit` of 1 to 50. It returns the definitions of the tools whose names,
    ///   titles, descriptions and arguments match best (BM25), as in `tools/list`: `{"tools": [..]}` as structured content, and
    ///   as text. Equal matches are in the order of the tools. A query has at most 1,000 characters.
    /// - `call_tool` takes the `name` and the `arguments` of a tool. It is the call of that tool: with its checks, scopes, layers,
    ///   limits, questions and progress, in logs, metrics and audits under the name of the tool. It does not call the two tools of
    ///   the search.
    ///
    /// A caller finds only what it sees: see [`Server::visible`] and hidden components. Which other tools exist can influence the
    /// order of results, and nothing else. The rules of [`Server::visible`] also decide about the two tools, which have no tags.
    ///
    /// Tools that are not listed can also be called directly, by clients that know their names. Tools that
    /// [`ServerHandle`](crate::ServerHandle) adds and removes are found, or not found any more, at once. Clients are notified
    /// if the list itself has changed, and of each tool that a [mounted server](Self::mount) adds or removes.
    ///
    /// A tool of the server cannot have one of the two names.
    ///
    /// # Clients and gateways
    ///
    /// The hints of a tool, its icons and its [interface](crate::Tool::ui) are for hosts, which read the list: keep tools that
    /// need them visible. Hosts see a call of `call_tool`, so that they may ask the user about each one. Over HTTP, the header
    /// `Mcp-Name` is `call_tool`, and no argument is repeated in `Mcp-Param-` headers: a gateway that decides by headers cannot
    /// tell the tools apart.
    ///
    /// The commands `list`, `call`, `check` and `manifest` of the command line know all tools.
    ///
    /// ```
    /// use mcp_runtime::{ToolSearch, prelude::*};
    /// use serde_json::json;
    ///
    /// /// Create an invoice for a customer.
    /// #[tool]
    /// async fn create_invoice(customer: String, amount: u32) -> String {
    ///     format!("Invoice of {amount} for {customer}")
    /// }
    ///
    /// /// Send a message to a channel.
    /// #[tool]
    /// async fn post_message(channel: String, text: String) {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = Server::new("office", "1.0.0").with(components![create_invoice, post_message]);
    /// let client = server.tool_search(ToolSearch::new()).client().await;
    /// assert_eq!(client.tools().await?.len(), 2);
    ///
    /// let found = client.call("search_tools", json!({ "query": "bill a customer" })).await?;
    /// assert_eq!(found.structured()["tools"][0]["name"], "create_invoice");
    ///
    /// let call = json!({ "name": "create_invoice", "arguments": { "customer": "Ada", "amount": 7 } });
    /// assert_eq!(client.call("call_tool", call).await?.text(), "Invoice of 7 for Ada");
    /// # Ok(())
    /// # }
    /// ```
    pub fn tool_search(mut self, search: ToolSearch) -> Self {
        self.tool_search = Some(search);
        self
    }

    /// Lists all tools, also those that clients must search.
    #[cfg(feature = "cli")]
    pub(crate) fn all_listed(mut self) -> Self {
        if let Some(search) = &mut self.tool_search {
            search.lists_all = true;
        }
        self
    }
}
