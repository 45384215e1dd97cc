//! The authentication of a request before its body is read, and the challenges in responses.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization>.

use std::sync::Arc;

use hyper::Response;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;

use super::caller::Caller;
use super::challenge::{Challenge, bearer};
use super::reply::Rejection;
use super::resource_url::Target;
use super::response_body::HttpBody;
use super::{Endpoint, Route};
#[cfg(feature = "audit")]
use crate::audit::{AuditDecision, AuditRecord};
use crate::auth::{Credentials, Identity};
#[cfg(feature = "audit")]
use crate::service::TransportKind;

impl Route {
    /// Returns `true` for the routes that only authenticated callers may use.
    fn is_protected(&self) -> bool {
        match self {
            Self::Message | Self::Stream | Self::EndSession => true,
            // Metrics name components, which nobody else may know.
            #[cfg(feature = "metrics")]
            Self::Metrics => true,
            // The page contains nothing about the server.
            #[cfg(feature = "dev")]
            Self::Playground => false,
            Self::Health | Self::Ready | Self::Resource | Self::Preflight => false,
        }
    }
}

impl Endpoint {
    /// Authenticates the caller of a protected route.
    pub(super) async fn authenticate(
        &self,
        parts: &Parts,
        route: Result<Route, Rejection>,
        caller: Caller,
    ) -> (Result<Route, Rejection>, Caller) {
        let protection = &self.options.protection;
        let is_open = |route: &Route| protection.ways.is_empty() || !route.is_protected();
        if route.as_ref().map_or(true, is_open) {
            return (route, caller);
        }
        let credentials = Credentials::new(&parts.headers, caller.peer);
        #[cfg(feature = "tls")]
        let credentials = credentials.with_certificate(parts.extensions.get());
        let credentials = match &self.revoked {
            Some(revoked) => credentials.with_revoked(revoked),
            None => credentials,
        };
        match protection.check(&credentials).await {
            Ok(identity) => (route, caller.identified(identity)),
            Err(refusal) => {
                #[cfg(feature = "audit")]
                self.audit_refusal(parts, caller.peer);
                (Err(refusal.into_rejection()), caller)
            }
        }
    }

    /// Audits a request whose credentials are missing or not valid.
    #[cfg(feature = "audit")]
    fn audit_refusal(&self, parts: &Parts, peer: Option<std::net::SocketAddr>) {
        let forwarded = self.options.forwarded(peer, &parts.headers);
        let address = forwarded.or_else(|| Some(peer?.ip()));
        self.service.audit(&mut || AuditRecord {
            address: address.map(|address| address.to_string()),
            ..AuditRecord::new(AuditDecision::Unauthenticated, TransportKind::Http.as_str())
        });
    }

    /// Returns what a challenge to this request repeats; `None` if the endpoint is not protected.
    pub(super) fn challenger(&self, parts: &Parts, caller: &Caller) -> Option<Challenger> {
        let is_protected = !self.options.protection.ways.is_empty();
        is_protected.then(|| Challenger {
            target: Target::of(parts),
            identity: caller.identity.clone(),
        })
    }

    /// Returns the scopes that a challenge names.
    fn scopes_of(&self, challenge: &Challenge, identity: Option<&Identity>) -> Vec<String> {
        if let Challenge::InsufficientScope(needed) = challenge {
            let granted = identity.map_or(&[][..], |identity| &identity.scopes);
            return self.service.scopes_to_ask_for(needed, granted);
        }
        let initial = self.options.protection.initial_scopes.clone();
        initial.unwrap_or_else(|| self.service.scopes())
    }
}

/// The properties of a request that a challenge to it repeats.
pub(super) struct Challenger {
    target: Target,
    identity: Option<Arc<Identity>>,
}

impl Challenger {
    /// Sets the header `WWW-Authenticate` of a response with a challenge.
    pub(super) fn challenge(&self, endpoint: &Endpoint, response: &mut Response<HttpBody>) {
        let Some(challenge) = response.extensions_mut().remove::<Challenge>() else {
            return;
        };
        let resource = endpoint.resource(&self.target);
        let scopes = endpoint.scopes_of(&challenge, self.identity.as_deref());
        let has_metadata = !endpoint
            .options
            .protection
            .authorization_servers()
            .is_empty();
        let parameters = [
            ("error", challenge.error().map(str::to_owned)),
            (
                "resource_metadata",
                has_metadata.then(|| resource.metadata()),
            ),
            ("scope", (!scopes.is_empty()).then(|| scopes.join(" "))),
        ];
        if let Ok(value) = HeaderValue::try_from(bearer(&parameters)) {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
    }
}
