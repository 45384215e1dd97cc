//! What a handler can ask of the server and the client while it runs.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::call::{Call, Cancel, Surroundings};
use crate::error::ToolError;
use crate::param::Param;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::{Id, Revision};

/// The surroundings of a call: take it as a parameter to report progress or to learn who asks.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Copy some files.
/// #[tool]
/// async fn copy(files: Vec<String>, context: Context) -> String {
///     for (done, file) in files.iter().enumerate() {
///         context.progress(done as f64, Some(files.len() as f64), Some(file));
///     }
///     format!("copied {} files", files.len())
/// }
/// ```
#[derive(Clone)]
pub struct Context(Arc<Surroundings>);

impl Context {
    pub(crate) fn of(call: &Call) -> Self {
        Self(Arc::clone(&call.surroundings))
    }

    /// Reports progress to a client that asked for it; otherwise does nothing.
    ///
    /// `done` and `total` are in units of your choice. Progress must increase: a report that does not is left out, as
    /// is one after the call has ended, or a number that is not finite.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/progress>.
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.0.link.progress(done, total, message);
    }

    /// The id under which the client made the request.
    pub fn request_id(&self) -> &Id {
        &self.0.id
    }

    /// The request's `_meta`, with all its keys.
    pub fn meta(&self) -> Map<String, Value> {
        #[derive(Default, Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Default, Deserialize)]
        struct Params {
            #[serde(rename = "_meta")]
            meta: Map<String, Value>,
        }
        let message: Message = serde_json::from_str(&self.0.text).unwrap_or_default();
        message.params.meta
    }

    /// Who the client says it is: for display, not for decisions.
    pub fn client(&self) -> &ClientInfo {
        &self.0.client
    }

    /// What the client says it can do.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.0.capabilities
    }

    /// The revision of the protocol that the client speaks.
    pub fn revision(&self) -> Revision {
        self.0.revision
    }

    /// Tells when the call is cancelled.
    pub fn cancel(&self) -> Cancel {
        self.0.cancel.clone()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("request_id", &self.0.id)
            .field("revision", &self.0.revision)
            .field("client", &self.0.client)
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<'c> Param<'c> for Context {
    const DEPENDS_ON_CALLER: bool = false;

    fn extract(call: &'c Call, _index: usize) -> Result<Self, ToolError> {
        Ok(Self::of(call))
    }
}
