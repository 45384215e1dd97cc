//! The rules that choose the components that a caller sees.

use std::cell::OnceCell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "auth")]
use crate::auth::Identity;
use crate::call::{Caller, ServerContext, client_of};
use crate::owner::Principal;
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::jsonrpc::Message;
use crate::registry::ComponentView;
use crate::service::Origin;

/// A rule that returns `true` for the components that a caller sees.
type Rule = Arc<dyn Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync>;

/// The rules of a server. A component is visible if all of them allow it, and if the caller has the scopes of a hidden component.
#[derive(Default)]
pub(crate) struct Visibility {
    rules: Vec<Rule>,
    /// `true` if a mounted server has rules.
    has_inner_rules: bool,
    /// `true` if there is or was a hidden component. Servers that are mounted in each other share it.
    hides: Arc<AtomicBool>,
}

impl Visibility {
    pub(crate) fn add(
        &mut self,
        rule: impl Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync + 'static,
    ) {
        self.rules.push(Arc::new(rule));
    }

    /// Declares that a component is hidden from callers without its scopes.
    pub(crate) fn hide(&self) {
        self.hides.store(true, Ordering::Relaxed);
    }

    /// Shares the knowledge of hidden components with the server around this one.
    pub(crate) fn share(&mut self, outer: &Self) {
        self.hides = Arc::clone(&outer.hides);
    }

    /// Takes the rules of a server that is mounted in this one into account.
    pub(crate) fn surround(&mut self, inner: &Self) {
        self.has_inner_rules |= inner.has_inner_rules || !inner.rules.is_empty();
    }

    /// Returns `true` if every caller sees every component.
    #[inline]
    pub(crate) fn is_total(&self) -> bool {
        self.rules.is_empty() && !self.has_inner_rules && !self.hides.load(Ordering::Relaxed)
    }

    /// Returns `true` if all rules of this server allow a component.
    pub(crate) fn allows(&self, viewer: &Viewer<'_>, component: &ComponentView<'_>) -> bool {
        self.rules.iter().all(|rule| rule(viewer, component))
    }
}

/// The caller of a request or the listener of a subscription, as the rule of
/// [`Server::visible`](crate::Server::visible) sees it.
///
/// ```
/// use mcp_runtime::Server;
///
/// let server = Server::new("app", "1.0.0").visible(|viewer, component| {
///     let is_admin = viewer.principal().is_some_and(|principal| principal.id() == "root");
///     is_admin || !component.has_tag("admin")
/// });
/// ```
pub struct Viewer<'a> {
    server: &'a ServerContext,
    caller: &'a Caller,
    origin: &'a Origin,
    /// The request; `None` for the listener of a session.
    message: Option<&'a Message>,
    client: OnceCell<ClientInfo>,
}

impl<'a> Viewer<'a> {
    pub(crate) fn new(
        server: &'a ServerContext,
        caller: &'a Caller,
        origin: &'a Origin,
        message: Option<&'a Message>,
    ) -> Self {
        Self {
            server,
            caller,
            origin,
            message,
            client: OnceCell::new(),
        }
    }

    /// Returns the authenticated caller, if there is one: see [`Principal`].
    pub fn principal(&self) -> Option<&Principal> {
        self.origin.principal.as_ref()
    }

    /// Returns what the server has verified about the caller, if it has authenticated it.
    #[cfg(feature = "auth")]
    pub fn identity(&self) -> Option<&Identity> {
        self.origin.identity.as_deref()
    }

    /// Returns the caller as the rules of a mounted server see it, which has other states and scopes.
    pub(crate) fn within(&self, server: &'a ServerContext) -> Self {
        Self::new(server, self.caller, self.origin, self.message)
    }

    /// Returns `true` if the caller was granted all of these scopes, or scopes that imply them.
    pub(crate) fn has_scopes(&self, needed: &[String]) -> bool {
        self.server.access.suffices(self.origin.scopes(), needed)
    }

    /// Returns the value of a header, as [`Headers::get`](crate::Headers::get) does.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.origin.headers.as_ref()?.get(name)
    }

    /// Returns a value of the request's extensions, as [`Context::extension`](crate::Context::extension) does.
    #[cfg(feature = "http")]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.origin.extensions.get()
    }

    /// Returns the state of type `T` that was registered with [`Server::state`](crate::Server::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.server.state()
    }

    /// Returns the name and version that the client reports. They are not verified.
    pub fn client(&self) -> &ClientInfo {
        match &self.caller.session {
            Some(session) => &session.client,
            None => self.client.get_or_init(|| ClientInfo {
                apps: self.caller.capabilities.apps,
                ..self.message.map(client_of).unwrap_or_default()
            }),
        }
    }

    /// Returns the capabilities that the client declared.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        self.caller.capabilities
    }

    /// Returns the revision of the protocol that the client speaks.
    pub fn revision(&self) -> Revision {
        self.caller.features.revision
    }

    /// Returns the id of the client's session, as [`SessionData::id`](crate::SessionData::id) does. Revisions without a
    /// handshake have no sessions.
    pub fn session_id(&self) -> Option<String> {
        self.caller.session.as_ref().map(|session| session.id())
    }

    /// Returns the peer address of the socket, if it is known.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.origin.peer
    }
}

impl fmt::Debug for Viewer<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may be secrets.
        formatter
            .debug_struct("Viewer")
            .field("principal", &self.principal())
            .field("client", self.client())
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}
