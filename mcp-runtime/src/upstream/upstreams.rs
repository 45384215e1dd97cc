//! The upstream servers that handlers can name.

use std::collections::BTreeMap;

use super::Upstream;
use crate::context::Context;
use crate::error::ToolError;

/// The upstream servers of a server, by name.
#[derive(Debug, Default, Clone)]
pub(crate) struct Upstreams(pub(crate) BTreeMap<String, Upstream>);

/// An upstream server for the call of a handler: see [`Context::upstream`].
#[derive(Debug)]
pub struct UpstreamCaller {
    upstream: Upstream,
    context: Context,
}

impl UpstreamCaller {
    /// Calls a tool: see [`Upstream::call`].
    ///
    /// # Errors
    /// Returns the errors of [`Upstream::call`].
    pub async fn call(
        &self,
        tool: &str,
        arguments: impl Into<serde_json::Value>,
    ) -> Result<crate::content::ToolResult, ToolError> {
        self.upstream.call(&self.context, tool, arguments).await
    }
}

impl Context {
    /// Returns an upstream server of this server, by the name or prefix with which [`Server::upstream`](crate::Server::upstream) or
    /// [`Server::mount`](crate::Server::mount) got it.
    ///
    /// ```no_run
    /// use mcp_runtime::{Upstream, prelude::*};
    /// use serde_json::json;
    ///
    /// /// Describe the last change.
    /// #[tool]
    /// async fn last_change(context: Context) -> Result<String, ToolError> {
    ///     let log = context.upstream("git")?.call("git_log", json!({ "repo_path": ".", "max_count": 1 })).await?;
    ///     Ok(format!("The last change:\n{}", log.text()))
    /// }
    ///
    /// let server = Server::new("changes", "1.0.0")
    ///     .with(components![last_change])
    ///     .upstream("git", Upstream::command("uvx").args(["mcp-server-git"]));
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server has no upstream server of this name.
    pub fn upstream(&self, name: &str) -> Result<UpstreamCaller, ToolError> {
        let all = self.server().state::<Upstreams>();
        let upstream = all.as_ref().and_then(|all| all.0.get(name)).cloned();
        let upstream = upstream.ok_or_else(|| {
            ToolError::new(format!(
                "This server has no upstream server `{name}`: add one with `Server::upstream`"
            ))
        })?;
        Ok(UpstreamCaller {
            upstream,
            context: self.clone(),
        })
    }
}
