//! The origin of a message, as known to its transport.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "http")]
use std::time::SystemTime;

#[cfg(feature = "auth")]
use crate::auth::{CheckedToken, Identity};
use crate::owner::{Owner, Principal};
use crate::protocol::HeaderSource;

/// The origin of a message, as known to its transport.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    /// The HTTP headers, or those that an in-process client or a test context adds.
    pub(crate) headers: Option<Arc<dyn HeaderSource>>,
    /// The extensions that outer layers inserted into the HTTP request.
    #[cfg(feature = "http")]
    pub(crate) extensions: hyper::http::Extensions,
    /// The authenticated caller, if there is one.
    pub(crate) principal: Option<Principal>,
    /// What is known of the caller, if the server has authenticated it.
    #[cfg(feature = "auth")]
    pub(crate) identity: Option<Arc<Identity>>,
    /// The peer address of the socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The address of the caller, if a trusted proxy forwards it. Boxed, because each request moves its origin several times.
    pub(crate) forwarded: Option<Box<IpAddr>>,
    /// The number of the connection, on transports where one connection carries all messages of a client.
    pub(crate) connection: Option<u64>,
    pub(crate) transport: TransportKind,
}

/// What ends the validity of credentials.
#[cfg(feature = "http")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CredentialsEnd {
    /// The time at which they expire, if they do.
    pub(crate) expires: Option<SystemTime>,
    /// The token, which can be revoked.
    #[cfg(feature = "auth")]
    pub(crate) token: Option<CheckedToken>,
}

/// The kind of a transport, for logs, traces and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TransportKind {
    Stdio,
    #[cfg(feature = "http")]
    Http,
    Memory,
    /// A transport or byte stream of the application.
    #[default]
    Custom,
}

impl TransportKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            #[cfg(feature = "http")]
            Self::Http => "http",
            Self::Memory => "memory",
            Self::Custom => "custom",
        }
    }

    /// Returns the application protocol and the transport protocol of the network, as OpenTelemetry names them.
    pub(crate) fn network(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Stdio => (None, Some("pipe")),
            #[cfg(feature = "http")]
            Self::Http => (Some("http"), Some("tcp")),
            Self::Memory | Self::Custom => (None, None),
        }
    }
}

/// Returns a unique connection number.
pub(crate) fn next_connection() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Origin {
    /// Returns the origin of the messages of one connection on a transport other than HTTP.
    pub(crate) fn of_connection(connection: u64, transport: TransportKind) -> Self {
        Self {
            transport,
            connection: Some(connection),
            ..Self::default()
        }
    }

    /// Sets the authenticated caller.
    #[cfg(feature = "auth")]
    pub(crate) fn identified(mut self, identity: Option<Arc<Identity>>) -> Self {
        if let Some(identity) = &identity {
            self.principal = Some(identity.principal.clone());
        }
        self.identity = identity;
        self
    }

    /// Returns the OAuth scopes that the caller was granted.
    #[cfg_attr(not(feature = "auth"), allow(clippy::unused_self))] // no caller has scopes
    pub(crate) fn scopes(&self) -> &[String] {
        #[cfg(feature = "auth")]
        if let Some(identity) = &self.identity {
            return &identity.scopes;
        }
        &[]
    }

    /// Returns what ends the validity of the credentials of the caller.
    #[cfg(feature = "http")]
    #[cfg_attr(not(feature = "auth"), allow(clippy::unused_self))] // no caller has credentials
    pub(crate) fn end(&self) -> CredentialsEnd {
        #[cfg(feature = "auth")]
        if let Some(identity) = &self.identity {
            return CredentialsEnd {
                expires: identity.expires,
                token: identity.token,
            };
        }
        CredentialsEnd::default()
    }

    /// Returns the headers of an HTTP request, which must agree with its message.
    pub(crate) fn http_headers(&self) -> Option<&dyn HeaderSource> {
        let over_http = self.connection.is_none();
        self.headers.as_deref().filter(|_| over_http)
    }

    /// Returns `true` if the message may come from another machine.
    #[inline]
    pub(crate) fn is_remote(&self) -> bool {
        match self.address() {
            Some(address) => !address.to_canonical().is_loopback(),
            None => self.principal.is_some() && self.connection.is_none(),
        }
    }

    /// Returns the address of the caller: the one that a trusted proxy forwards, or else that of the socket.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let forwarded = self.forwarded.as_deref().copied();
        forwarded.or_else(|| Some(self.peer?.ip()))
    }

    /// Returns the caller without its session, of which it can have any number: the principal, or else the address.
    pub(crate) fn account(&self) -> Owner {
        self.owner(None)
    }

    /// Returns the owner to which the resources of a message are attributed.
    pub(crate) fn owner(&self, session: Option<[u8; 16]>) -> Owner {
        match (&self.principal, session, self.address()) {
            (Some(principal), ..) => Owner::Principal(principal.clone()),
            (None, Some(session), _) => Owner::Session(session),
            (None, None, Some(address)) => Owner::Peer(network(address)),
            (None, None, None) => Owner::Local,
        }
    }
}

/// Returns the address that stands for all addresses of a caller. One machine often has all addresses of an IPv6 network of 64 bits.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}
