//! The options of Streamable HTTP.

use super::Server;
#[cfg(feature = "dev")]
use crate::transport::http::Playground;
use crate::transport::http::{HttpOptions, Network};

impl Server {
    /// Allows HTTP requests whose `Host` is this name, in addition to localhost.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.http.allowed_hosts.push(host.into());
        self
    }

    /// Allows HTTP requests from web pages of this origin, such as `https://example.com`, in addition to those of localhost.
    ///
    /// Responses to such requests have CORS headers, so that the page can read them.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.http.allowed_origins.push(origin.into());
        self
    }

    /// Trusts the proxies of this network to say whose requests they forward, by the header `X-Forwarded-For`: an address
    /// such as `10.0.0.7`, or a network such as `10.0.0.0/8`. With any other text the server cannot be built.
    ///
    /// The forwarded address tells callers without a principal or session apart, for
    /// [rate limits](Self::rate_limit) and other shares of the server; without it, all callers behind a proxy count as one.
    /// Proxies on the same machine are always trusted. The proxy must append the address of its client to the header, as nginx
    /// does with `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`.
    ///
    /// ```
    /// use mcp_runtime::Server;
    ///
    /// let server = Server::new("app", "1.0.0").trust_proxy("10.0.0.0/8");
    /// ```
    pub fn trust_proxy(mut self, network: impl AsRef<str>) -> Self {
        match Network::parse(network.as_ref()) {
            Ok(network) => self.http.proxies.push(network),
            Err(mistake) => self.components.problem(mistake),
        }
        self
    }

    /// Lets handlers read the credentials of HTTP requests: the headers `Authorization` and `Proxy-Authorization`, and those
    /// of [`Authenticate::credential_headers`](https://docs.rs/mcp-runtime/latest/mcp_runtime/trait.Authenticate.html).
    ///
    /// Otherwise they are removed from the headers that handlers and layers see, so that no handler forwards or logs a token by
    /// accident. A server must not send the token of its caller to other servers.
    pub fn expose_credentials(mut self) -> Self {
        self.http.exposes_credentials = true;
        self
    }

    /// Serves the page for development at `/`.
    #[cfg(feature = "dev")]
    pub(crate) fn playground(mut self) -> Self {
        let endpoint = self.http.path.as_deref().unwrap_or_default();
        self.http.playground = Some(Playground::new(endpoint));
        self
    }

    /// Lets [`Server::serve_http`] and [`Server::serve_listener`] serve an address that other machines can reach, although the
    /// server has no authorization: everybody on the network may call its tools.
    ///
    /// It has no effect on [`Server::into_service`], whose application decides who reaches it.
    pub fn insecure(mut self) -> Self {
        self.http.is_insecure = true;
        self
    }

    /// Sets the path of the endpoint for [`Server::serve_http`] and [`Server::serve_listener`]. The default is `/mcp`.
    ///
    /// The path begins with `/` and has no query. It is not `/health`, `/ready` or `/metrics`. Otherwise the server cannot be
    /// built. The service that [`Server::into_service`] returns ignores this path: its router decides.
    pub fn http_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        if let Some(mistake) = HttpOptions::mistake_of_path(&path) {
            self.components.problem(mistake);
        }
        self.http.path = Some(path);
        self
    }
}
