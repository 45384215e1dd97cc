//! The metadata of the endpoint as an OAuth protected resource.
//!
//! See RFC 9728 and
//! <https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/authorization-server-discovery>.

use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use super::reply::{self, Rejection};
use super::resource_url::{ResourceUrl, Target, WELL_KNOWN};
use super::response_body::HttpBody;
use super::{Endpoint, Route, cors};

impl Endpoint {
    /// Returns the route of a request for the metadata.
    pub(super) fn resource_route(parts: &Parts) -> Result<Route, Rejection> {
        match parts.method {
            Method::GET => Ok(Route::Resource),
            Method::OPTIONS if cors::is_preflight(&parts.headers) => Ok(Route::Preflight),
            _ => Err(Rejection::method_not_allowed("GET")),
        }
    }

    /// Returns `true` for the paths of the metadata: with the path of the endpoint, or without.
    pub(super) fn is_resource_route(&self, path: &str) -> bool {
        let options = &self.options;
        let is_route = |rest: &str| {
            let endpoint = options.path.as_deref();
            rest.is_empty() || endpoint.map_or(rest.starts_with('/'), |path| path == rest)
        };
        !options.protection.ways.is_empty() && path.strip_prefix(WELL_KNOWN).is_some_and(is_route)
    }

    /// Returns the canonical URL of the endpoint that a request was sent to.
    pub(super) fn resource(&self, target: &Target) -> ResourceUrl {
        if let Some(resource) = &self.options.protection.resource {
            return resource.clone();
        }
        let path = target.uri.path();
        // A router selects the path of a mounted endpoint.
        let mounted = path.strip_prefix(WELL_KNOWN).unwrap_or(path);
        let path = self.options.path.as_deref().unwrap_or(mounted);
        ResourceUrl::new(target.scheme(), target.authority(), path)
    }

    /// Answers a request for the metadata: 404 if no way of authentication names an authorization server.
    pub(super) fn protected_resource(
        &self,
        parts: &Parts,
    ) -> Result<Response<HttpBody>, Rejection> {
        let protection = &self.options.protection;
        let servers = protection.authorization_servers();
        if servers.is_empty() {
            let message = "Not found: this server has no authorization server";
            return Err(Rejection::new(StatusCode::NOT_FOUND, message));
        }
        let mut metadata = json!({
            "resource": self.resource(&Target::of(parts)).url(),
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
            "resource_name": protection.name,
        });
        let scopes = self.service.scopes();
        if !scopes.is_empty() {
            metadata["scopes_supported"] = json!(scopes);
        }
        Ok(reply::json(StatusCode::OK, metadata.to_string()))
    }
}
