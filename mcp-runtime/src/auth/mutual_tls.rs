//! Mutual TLS: callers are identified by the certificates of their connections, which rustls has verified.

use std::collections::HashMap;
use std::future::ready;
use std::path::Path;

use super::api_keys::digest_of_digits;
use super::{Auth, AuthFuture, Authenticate, ClientAuthorities, Credentials, Identity};
use crate::access::{SCOPE_RULE, is_scope};
use crate::certificate::{PeerCertificate, dns};
use crate::owner::Principal;

/// A client certificate and the caller that it identifies. See [`Auth::mutual_tls`].
///
/// ```
/// use mcp_runtime::ClientCertificate;
///
/// let reports = ClientCertificate::new("reports", "dns:reports.example.com").scope("calendar:read");
/// ```
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    identity: Identity,
    selector: Result<Selector, String>,
}

/// What a certificate is selected by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Selector {
    Digest([u8; 32]),
    /// A name as [`PeerCertificate::names`] writes it.
    Name(String),
}

impl ClientCertificate {
    /// Identifies a certificate, and the principal that has it.
    ///
    /// `certificate` is one of these texts:
    ///
    /// | text | selects |
    /// |---|---|
    /// | `sha256:` and 64 hexadecimal digits | the certificate with this digest, of its format DER: `openssl x509 -in client.pem -noout -fingerprint -sha256` prints it; colons between the digits are ignored |
    /// | `uri:spiffe://example.com/reports` | the certificates with this URI as a subject alternative name |
    /// | `email:ada@example.com` | the certificates with this email address as a subject alternative name |
    /// | `dns:reports.example.com` | the certificates with this DNS name as a subject alternative name |
    /// | `cn:reports` | the certificates with this common name, and no other |
    ///
    /// Names are compared exactly, except that DNS names are compared without case.
    pub fn new(principal: impl Into<String>, certificate: impl AsRef<str>) -> Self {
        Self {
            identity: Identity::new(Principal::new(principal.into())),
            selector: Selector::parse(certificate.as_ref()),
        }
    }

    /// Adds a scope that the caller is granted.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        let scopes = self.identity.scopes.iter().cloned();
        self.identity.scopes = scopes.chain([scope.into()]).collect();
        self
    }

    /// Returns what is wrong with the entry.
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        mistakes.extend(self.selector.clone().err());
        if self.identity.principal.id().trim().is_empty() {
            mistakes.push("the principal is empty: name the caller".to_owned());
        }
        let invalid = self.identity.scopes.iter().filter(|scope| !is_scope(scope));
        mistakes.extend(invalid.map(|scope| format!("`{scope}` is not a scope: {SCOPE_RULE}")));
        mistakes
    }
}

impl Selector {
    fn parse(text: &str) -> Result<Self, String> {
        let mistake = || {
            format!(
                "`{text}` selects no certificate: write `sha256:` and 64 hexadecimal digits, or `uri:`, `email:`, `dns:` or \
                 `cn:` and a name"
            )
        };
        match text.split_once(':') {
            Some(("sha256", digits)) => digest_of_digits(&digits.replace(':', ""))
                .map(Self::Digest)
                .ok_or_else(mistake),
            Some(("dns", name)) if !name.is_empty() => Ok(Self::Name(dns(name))),
            Some(("uri" | "email" | "cn", name)) if !name.is_empty() => {
                Ok(Self::Name(text.to_owned()))
            }
            _ => Err(mistake()),
        }
    }
}

/// A way to authenticate callers by client certificates. See [`Auth::mutual_tls`].
///
/// ```no_run
/// use mcp_runtime::{Auth, ClientCertificate, Server, Tls};
///
/// let callers = Auth::mutual_tls("clients-ca.pem").allow(ClientCertificate::new("ada", "email:ada@example.com"));
/// let server = Server::new("app", "1.0.0").tls(Tls::from_files("fullchain.pem", "privkey.pem")).auth(callers);
/// ```
#[derive(Debug, Clone)]
pub struct MutualTls {
    authorities: ClientAuthorities,
    /// The allowed certificates; `None` if all certificates of the authorities are allowed.
    allowed: Option<HashMap<Selector, Identity>>,
    problems: Vec<String>,
}

impl Auth {
    /// Authenticates callers by their TLS client certificates (mutual TLS). It needs the feature `tls`, and
    /// [`Server::tls`](crate::Server::tls) on the listener of [`Server::serve_http`](crate::Server::serve_http).
    ///
    /// `authorities` is a PEM file with the certificates of the authorities that issue client certificates. A connection with a
    /// certificate that is expired, or of another authority, is closed during the handshake. A connection without a certificate
    /// is accepted unless [`MutualTls::required`] is set, so that other ways can authenticate its requests.
    ///
    /// Without [`MutualTls::allow`], all certificates of the authorities are accepted. The principal is then the first name of
    /// the certificate, as [`PeerCertificate::names`] writes it, such as `dns:reports.example.com`.
    ///
    /// The rules of [`Server::auth`](crate::Server::auth) apply: of several ways, the first that recognises the credentials
    /// decides, and a certificate that is not allowed is left to the next way. A certificate counts until it expires, also on
    /// connections that are open already.
    ///
    /// An application that ends TLS itself, and mounts the server with [`Server::into_service`](crate::Server::into_service),
    /// verifies certificates itself, and passes them as [`PeerCertificate`]. The file is then not read.
    ///
    /// ```no_run
    /// use mcp_runtime::{Auth, ClientCertificate, Tls, prelude::*};
    ///
    /// # async fn serve() -> Result<(), mcp_runtime::ServeError> {
    /// let clients = Auth::mutual_tls("clients-ca.pem")
    ///     .allow(ClientCertificate::new("ada", "email:ada@example.com"))
    ///     .allow(ClientCertificate::new("reports", "dns:reports.example.com").scope("calendar:read"));
    /// Server::new("calendar", "1.0.0")
    ///     .tls(Tls::from_files("server.pem", "server.key"))
    ///     .auth(clients)
    ///     .serve_http("0.0.0.0:8443")
    ///     .await
    /// # }
    /// ```
    pub fn mutual_tls(authorities: impl AsRef<Path>) -> MutualTls {
        MutualTls {
            authorities: ClientAuthorities::from_file(authorities),
            allowed: None,
            problems: Vec::new(),
        }
    }
}

impl MutualTls {
    /// Adds a file with further authorities.
    pub fn authorities(mut self, path: impl AsRef<Path>) -> Self {
        self.authorities = self.authorities.file(path);
        self
    }

    /// Refuses connections without a client certificate, also those for `/health` and for the metadata of the resource.
    pub fn required(mut self) -> Self {
        self.authorities = self.authorities.required();
        self
    }

    /// Accepts a certificate. All others are then not accepted, except those of further calls.
    ///
    /// If several entries select a certificate, the one with its digest counts, or else the first of its names. With a mistake
    /// in an entry, or with two entries for the same certificates, the server cannot be built.
    pub fn allow(mut self, certificate: ClientCertificate) -> Self {
        let mut mistakes = certificate.mistakes();
        let allowed = self.allowed.get_or_insert_default();
        if let Ok(selector) = certificate.selector
            && allowed.insert(selector, certificate.identity).is_some()
        {
            mistakes.push("it occurs twice: remove one of the entries".to_owned());
        }
        let place = "`Auth::mutual_tls`: a client certificate";
        let problems = mistakes.into_iter();
        self.problems
            .extend(problems.map(|mistake| format!("{place}: {mistake}")));
        self
    }

    /// Returns the caller with a certificate.
    fn identify(&self, certificate: &PeerCertificate) -> Option<Identity> {
        let mut identity = match &self.allowed {
            Some(allowed) => find(allowed, certificate)?.clone(),
            None => Identity::new(Principal::new(certificate.names().next()?)),
        };
        identity.expires = Some(certificate.expires());
        Some(identity)
    }
}

fn find<'a>(
    allowed: &'a HashMap<Selector, Identity>,
    certificate: &PeerCertificate,
) -> Option<&'a Identity> {
    let digest = Selector::Digest(*certificate.sha256());
    let mut names = certificate.names().map(|name| Selector::Name(name.into()));
    let by_name = || names.find_map(|name| allowed.get(&name));
    allowed.get(&digest).or_else(by_name)
}

impl Authenticate for MutualTls {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials<'a>) -> AuthFuture<'a> {
        let certificate = credentials.certificate();
        let identity = certificate.and_then(|certificate| self.identify(certificate));
        if let Some(certificate) = certificate.filter(|_| identity.is_none()) {
            tracing::debug!(?certificate, "a client certificate names no known caller");
        }
        Box::pin(ready(Ok(identity)))
    }

    fn client_authorities(&self) -> Option<ClientAuthorities> {
        Some(self.authorities.clone())
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }
}
