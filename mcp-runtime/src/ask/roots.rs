//! The client's roots.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/client/roots>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ask;
use crate::context::Context;
use crate::error::AskError;
use crate::protocol::capability::Capability;
use crate::questions::Question;

/// A directory or file that the client offers to work in.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// List the folders that the user has opened.
/// #[tool(read_only)]
/// async fn folders(context: Context) -> Result<String, ToolError> {
///     let roots = context.roots().await?;
///     let lines = roots.into_iter().map(|root| root.name.unwrap_or(root.uri));
///     Ok(lines.collect::<Vec<_>>().join("\n"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Root {
    /// The URI, which begins with `file://` in any case.
    pub uri: String,
    /// The display name.
    pub name: Option<String>,
}

impl Root {
    fn is_file(&self) -> bool {
        const SCHEME: &str = "file://";
        let scheme = self.uri.get(..SCHEME.len());
        let is_file = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        if !is_file {
            tracing::debug!(uri = self.uri, "a root without a `file://` URI is ignored");
        }
        is_file
    }
}

/// Reads the roots of an answer.
fn read(answer: &Value) -> Option<Vec<Root>> {
    let roots = answer.as_object()?.get("roots")?.as_array()?;
    // Serde takes an array for an object.
    let root = |root: &Value| Root::deserialize(root.as_object()?).ok();
    roots.iter().map(root).collect()
}

impl Context {
    /// Asks the client for its roots. Roots without a `file://` URI are ignored: the protocol defines no others yet.
    ///
    /// Roots are deprecated in revision 2026-07-28: new servers should not use them, and clients may stop supporting them.
    /// Take directories as arguments of tools instead.
    ///
    /// # Errors
    /// Returns an error if the client does not support roots or does not answer.
    pub async fn roots(&self) -> Result<Vec<Root>, AskError> {
        self.ask_roots(None).await
    }

    /// Asks the client for its roots, as [`Context::roots`] does, with `key` as the name of the question on the wire.
    ///
    /// # Errors
    /// Returns an error if the client does not support roots or does not answer.
    pub async fn roots_as(&self, key: &str) -> Result<Vec<Root>, AskError> {
        self.ask_roots(Some(key.to_owned())).await
    }

    async fn ask_roots(&self, key: Option<String>) -> Result<Vec<Root>, AskError> {
        let question = Question::new(Capability::Roots, json!({}), key);
        let read = |answer: &Value| {
            let roots = read(answer)?;
            Some(Ok(roots.into_iter().filter(Root::is_file).collect()))
        };
        ask(self, question, read).await
    }
}
