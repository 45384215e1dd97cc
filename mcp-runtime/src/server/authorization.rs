//! The options of authorization: ways to authenticate, scopes, and the metadata of the protected resource.

use std::sync::Arc;

use super::Server;
use crate::access::{SCOPE_RULE, is_scope};
use crate::auth::Authenticate;
#[cfg(feature = "cli")]
use crate::auth::Identity;
use crate::transport::http::{Protection, ResourceUrl};

impl Server {
    /// Requires authentication, and adds a way to authenticate callers: one of [`Auth`](crate::Auth), or your own
    /// [`Authenticate`].
    ///
    /// With several ways, they are asked in the order of their addition, and the first that recognises the credentials decides.
    /// Every request over HTTP needs credentials, also `GET` and `DELETE` of sessions and `/metrics`; open are `/health`,
    /// `/ready`, CORS preflight requests, and the metadata of the protected resource (RFC 9728), which exists if a way names
    /// authorization servers. It is decided before the body is read:
    ///
    /// | request | response |
    /// |---|---|
    /// | no credentials | 401 and a challenge in `WWW-Authenticate` |
    /// | unknown, invalid or expired credentials | 401 and a challenge with `error="invalid_token"` |
    /// | a malformed `Authorization` header | 400 and a challenge with `error="invalid_request"` |
    /// | credentials that cannot be checked at the moment | 503 |
    /// | a component whose scopes the caller lacks | 403 and a challenge with `error="insufficient_scope"` and all scopes needed |
    ///
    /// Handlers read the caller with [`Context::principal`](crate::Context::principal) and
    /// [`Context::identity`](crate::Context::identity). The values that outer layers insert into the request do not count as its
    /// principal.
    ///
    /// The ways for HTTP have no effect on stdio and on the transports of applications: there the caller is nobody, except that
    /// [`Auth::from_env`](crate::Auth::from_env) names the caller of stdio. Without the scopes of a component, its requests are
    /// answered with a JSON-RPC error that names the scopes.
    ///
    /// ```
    /// use mcp_runtime::{ApiKey, Auth, prelude::*};
    ///
    /// /// List the events of a day.
    /// #[tool]
    /// async fn events(day: String) -> Vec<String> {
    ///     Vec::new()
    /// }
    ///
    /// /// Add an event to the calendar.
    /// #[tool(scopes("calendar:write"))]
    /// async fn add_event(title: String) {}
    ///
    /// # let key = "3f2b8c1d9e0a4756f1c8e2d7b6a59034";
    /// let server = Server::new("calendar", "1.0.0")
    ///     .with(components![events, add_event])
    ///     .auth(Auth::api_keys([ApiKey::new("ada", key).scope("admin")]))
    ///     .implies("admin", ["calendar:write"]);
    /// ```
    pub fn auth(mut self, way: impl Authenticate) -> Self {
        for problem in way.problems() {
            self.components.problem(problem);
        }
        self.access.is_enforced = true;
        self.local = self.local.or_else(|| way.local().map(Arc::new));
        let headers = way.credential_headers();
        for name in headers {
            match name.parse() {
                Ok(name) => self.http.credentials.push(name),
                Err(_) => self.components.problem(format!(
                    "`{name}` is not the name of a header: correct `Authenticate::credential_headers`"
                )),
            }
        }
        self.protection().ways.push(Arc::new(way));
        self
    }

    /// Declares that a scope includes others, and whatever these include: a caller with `scope` needs none of them.
    ///
    /// Scopes that include each other are equivalent.
    pub fn implies(
        mut self,
        scope: impl AsRef<str>,
        narrower: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let scope = scope.as_ref();
        self.check_scope("implies", scope);
        for narrower in narrower {
            let narrower = narrower.as_ref();
            self.check_scope("implies", narrower);
            self.access.imply(scope, narrower);
        }
        self
    }

    /// Sets the scopes that the challenge of a request without valid credentials names, and that clients ask for first. The
    /// default is all scopes of components that are not hidden.
    ///
    /// Name the few that most callers need: clients ask for further scopes when a component needs them. Without any scope, the
    /// challenge names none.
    pub fn initial_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        for scope in &scopes {
            self.check_scope("initial_scopes", scope);
        }
        self.protection().initial_scopes = Some(scopes);
        self
    }

    /// Sets the URL of the endpoint as clients know it, such as `https://api.example.com/mcp`. It is the identifier of the
    /// resource that tokens are issued for.
    ///
    /// By default it consists of the scheme and the `Host` of a request and the path of the endpoint. Set it behind a proxy that
    /// changes one of them, or that ends TLS. With an invalid URL the server cannot be built.
    pub fn resource_url(mut self, url: impl AsRef<str>) -> Self {
        match ResourceUrl::parse(url.as_ref()) {
            Ok(url) => self.protection().resource = Some(url),
            Err(mistake) => self.components.problem(mistake),
        }
        self
    }

    /// Returns the caller of stdio and of the command line.
    #[cfg(feature = "cli")]
    pub(crate) fn local_caller(&self) -> Option<Identity> {
        self.local.as_deref().cloned()
    }

    /// Returns all scopes that components need.
    #[cfg(feature = "cli")]
    pub(crate) fn needed_scopes(&self) -> Vec<String> {
        self.all_scopes()
    }

    fn check_scope(&mut self, method: &str, scope: &str) {
        if !is_scope(scope) {
            self.components.problem(format!(
                "`{method}`: `{scope}` is not a scope: {SCOPE_RULE}"
            ));
        }
    }

    fn protection(&mut self) -> &mut Protection {
        Arc::make_mut(&mut self.http.protection)
    }
}
