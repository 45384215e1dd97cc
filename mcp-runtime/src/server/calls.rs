//! The options of calls: their time limit, their rate, their layers, and the components that a caller sees.

use std::sync::Arc;

use super::Server;
use crate::layer::Layer;
use crate::rate::RateLimit;
use crate::registry::ComponentView;
use crate::service::Timeout;
use crate::visibility::Viewer;
#[cfg(feature = "cli")]
use crate::visibility::Visibility;

impl Server {
    /// Sets the time limit of every call whose component sets none. The default is [`Timeout::default`].
    ///
    /// [`Tool::timeout`](crate::Tool::timeout) and `#[tool(timeout = ..)]` replace it for one component. It limits the calls
    /// of tools, resources and prompts, completions, and the functions that list resources. With a limit of zero the server
    /// cannot be built.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mcp_runtime::{Server, Timeout};
    ///
    /// let quick = Server::new("quick", "1.0.0").timeout(Duration::from_secs(5));
    /// let unlimited = Server::new("patient", "1.0.0").timeout(Timeout::NONE);
    /// ```
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        if self.timeout.limit.is_zero() {
            self.components.problem(
                "the server: a timeout of zero stops every call: give it some time, or `Timeout::NONE`".to_owned(),
            );
        }
        self
    }

    /// Adds a layer around each call of a tool, resource or prompt, each completion and each list: see
    /// [the chapter about layers](crate::layer).
    ///
    /// The order of several layers is described in [that chapter](crate::layer#order).
    ///
    /// ```
    /// use mcp_runtime::{LayeredCall, LogCalls, Next, Server};
    ///
    /// let server = Server::new("app", "1.0.0")
    ///     .layer(LogCalls::new())
    ///     .layer(|call: LayeredCall, next: Next| async move {
    ///         eprintln!("{} begins", call.name());
    ///         next.run().await
    ///     });
    /// ```
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Sets the rate of the requests of each caller, also of local ones. [`RateLimit::unlimited`] allows all requests.
    ///
    /// By default, remote callers may send 200 requests a second and 1,000 at once, and local callers are not limited: those
    /// of stdio, of the loopback addresses, and of sockets whose address is not known, such as Unix sockets. Further requests
    /// are answered with -32603, whose data has `retryAfter` in seconds; over HTTP with 429 and `Retry-After`.
    ///
    /// As a [layer](Self::layer), the limit applies to calls only, or to those of one component.
    ///
    /// The replicas of a [cluster](Self::cluster) count the requests of a limit that is set here together. A request is refused with
    /// -32603, over HTTP with 503, if their store fails.
    ///
    /// ```
    /// use mcp_runtime::{RateLimit, Server};
    ///
    /// let server = Server::new("app", "1.0.0").rate_limit(RateLimit::per_second(5).burst(20));
    /// ```
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate = Some(limit);
        self
    }

    /// Sets the components that a caller sees: those for which `rule` returns `true`. With several rules, all must allow a
    /// component.
    ///
    /// A component that a caller does not see is missing in its lists, and an unknown one in all of its requests: calls, reads,
    /// completions and subscriptions. The caller receives no `notifications/resources/updated` for it either, and
    /// no notification of a changed list if it sees none of the components that [`ServerHandle`](crate::ServerHandle) added or removed. The
    /// notifications that a [`Notifier`](crate::Notifier) sends name no component, and are sent to all listeners.
    ///
    /// The rule runs for each component of a request, so it must not block. Lists depend on the caller then, and clients may not
    /// share them. A resource that only a listing function names is visible if its template is. If the decisions of the rule
    /// change, notify clients with [`ServerHandle::notify`](crate::ServerHandle::notify).
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::{Principal, Server};
    /// use serde_json::json;
    ///
    /// /// Return the time since the start.
    /// #[tool]
    /// async fn uptime() -> u64 {
    ///     60
    /// }
    ///
    /// /// Delete all data.
    /// #[tool(tags("admin"))]
    /// async fn wipe() {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), mcp_runtime::ClientError> {
    /// let server = || {
    ///     Server::new("app", "1.0.0").with(components![uptime, wipe]).visible(|caller, component| {
    ///         let is_admin = caller.principal().is_some_and(|principal| principal.id() == "root");
    ///         is_admin || !component.has_tag("admin")
    ///     })
    /// };
    /// let client = server().client().await;
    /// assert_eq!(client.tools().await?.len(), 1);
    /// assert!(client.call("wipe", json!({})).await.is_err());
    /// let client = server().client().principal(Principal::new("root")).await;
    /// assert_eq!(client.tools().await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn visible(
        mut self,
        rule: impl Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.visibility.add(rule);
        self
    }

    /// Removes the rules of [`Server::visible`].
    #[cfg(feature = "cli")]
    pub(crate) fn all_visible(mut self) -> Self {
        self.visibility = Visibility::default();
        for mounted in std::mem::take(&mut self.mounts) {
            self.mounts.push(mounted.all_visible());
        }
        self
    }
}
