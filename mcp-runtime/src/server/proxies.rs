//! Upstream servers: their components as those of a mounted server, and the servers that handlers can name.

use std::sync::Arc;

use super::{Server, ServerHandle};
use crate::bus::Notifier;
use crate::registry::{Component, ComponentKind};
use crate::upstream::{Host, Upstream};

/// The server that has the components of an upstream server, and no others. Served by itself, it is a bridge between transports and
/// revisions.
///
/// ```no_run
/// use mcp_runtime::{Server, Upstream};
///
/// let bridge = Server::from(Upstream::command("uvx").args(["mcp-server-time"]));
/// ```
impl From<Upstream> for Server {
    fn from(upstream: Upstream) -> Self {
        let (name, timeout) = upstream.about();
        let mut server = Self::new(name, env!("CARGO_PKG_VERSION"));
        if let Some(timeout) = timeout {
            server = server.timeout(timeout);
        }
        for problem in upstream.problems() {
            server.components.problem(problem);
        }
        if !upstream.is_mounted_once() {
            server.components.problem(format!(
                "the upstream server `{}` is mounted twice: make another `Upstream` for the second mount",
                server.about.name
            ));
        }
        server.proxied = Some(Box::new(upstream));
        server
    }
}

impl Server {
    /// Adds an upstream server for handlers: see [`Context::upstream`](crate::Context::upstream). Clients do not see its components.
    /// The name is free; a [mounted](Self::mount) upstream server has its prefix as its name.
    pub fn upstream(mut self, name: impl Into<String>, upstream: Upstream) -> Self {
        for problem in upstream.problems() {
            self.components.problem(problem);
        }
        self.name_upstream(name.into(), upstream)
    }

    /// Adds an upstream server whose problems are reported elsewhere.
    pub(super) fn name_upstream(mut self, name: String, upstream: Upstream) -> Self {
        if self.upstreams.0.insert(name.clone(), upstream).is_some() {
            self.components.problem(format!(
                "two upstream servers are called `{name}`: rename one; a mounted one has its prefix as its name, and needs no `upstream`"
            ));
        }
        self
    }
}

/// Adds the components of an upstream server to its server.
pub(super) struct ProxyHost(pub(super) ServerHandle);

impl ProxyHost {
    fn notifier(&self) -> Option<Notifier> {
        let core = self.0.0.core()?;
        Some(Notifier(Arc::clone(&core.context.bus)))
    }
}

impl Host for ProxyHost {
    fn add(&self, component: Component) -> Result<(), String> {
        self.0.add(component).map_err(|error| error.0.join("; "))
    }

    fn remove(&self, kind: ComponentKind, name: &str) {
        self.0.remove(kind, name);
    }

    fn instructed(&self, instructions: Option<&str>) {
        if let Some(core) = self.0.0.core() {
            core.identity.relay(instructions);
        }
    }

    fn listed(&self, kind: ComponentKind) {
        let Some(notifier) = self.notifier() else {
            return;
        };
        match kind {
            ComponentKind::Tool => notifier.tools_changed(),
            ComponentKind::Resource => notifier.resources_changed(),
            ComponentKind::Prompt => notifier.prompts_changed(),
        }
    }

    fn updated(&self, uri: &str) {
        if let Some(notifier) = self.notifier() {
            notifier.resource_updated(uri);
        }
    }
}
