//! The choice of the components that a caller sees.

use std::cell::OnceCell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::call::{Caller, ServerContext, client_of};
use crate::owner::Principal;
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::jsonrpc::Message;
use crate::registry::{ComponentView, Listed};
use crate::service::Origin;

/// A rule that returns `true` for the components that a caller sees.
type Rule = Arc<dyn Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync>;

/// The rules of a server. A component is visible if all of them allow it.
#[derive(Default)]
pub(crate) struct Visibility(Vec<Rule>);

impl Visibility {
    pub(crate) fn add(
        &mut self,
        rule: impl Fn(&Viewer<'_>, &ComponentView<'_>) -> bool + Send + Sync + 'static,
    ) {
        self.0.push(Arc::new(rule));
    }

    /// Returns `true` if every caller sees every component.
    pub(crate) fn is_total(&self) -> bool {
        self.0.is_empty()
    }
}

/// The caller of a request or the listener of a subscription, as the rule of
/// [`Server::visible`](crate::Server::visible) sees it.
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

    /// Returns the caller that an outer layer has authenticated, if any: see [`Principal`].
    pub fn principal(&self) -> Option<&Principal> {
        self.origin.principal.as_ref()
    }

    /// Returns the value of an HTTP header, or `None` if it is missing or not visible ASCII, and on other transports.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.origin.headers.as_ref()?.get(name)
    }

    /// Returns a value that an outer tower or axum layer inserted into the `http::Extensions` of the request. Returns
    /// `None` on other transports.
    #[cfg(feature = "http")]
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.origin.extensions.get()
    }

    /// Returns the state of type `T` that was registered with [`Server::state`](crate::Server::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.server.states.get()
    }

    /// Returns the name and version that the client reports. They are not verified.
    pub fn client(&self) -> &ClientInfo {
        match &self.caller.session {
            Some(session) => &session.client,
            None => self
                .client
                .get_or_init(|| self.message.map(client_of).unwrap_or_default()),
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

/// The components that one caller sees.
pub(crate) struct Sight<'a>(Option<(&'a Visibility, Viewer<'a>)>);

impl<'a> Sight<'a> {
    /// Returns the sight of a caller. `viewer` is not called if every caller sees everything.
    pub(crate) fn new(visibility: &'a Visibility, viewer: impl FnOnce() -> Viewer<'a>) -> Self {
        Self((!visibility.is_total()).then(|| (visibility, viewer())))
    }

    /// Returns `true` if some components may be hidden.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Returns `true` if the caller sees a component.
    pub(crate) fn sees(&self, entry: &impl Listed) -> bool {
        self.0.is_none() || self.allows(&entry.view())
    }

    /// Returns `true` if all rules allow a component.
    pub(crate) fn allows(&self, component: &ComponentView<'_>) -> bool {
        self.0.as_ref().is_none_or(|(visibility, viewer)| {
            let mut rules = visibility.0.iter();
            rules.all(|rule| rule(viewer, component))
        })
    }
}
