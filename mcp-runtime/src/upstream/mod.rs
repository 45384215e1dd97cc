//! Other MCP servers, whose components a server passes on, and whose tools its handlers call.
//!
//! - `transport`: what carries messages; `stdio` and `http` implement it.
//! - `message`, `request`: what is received and sent; `open`, `exchange`: requests that have no reply yet; `connection`: one connection.
//! - `slot`: a place for a connection; `handshake`: what a server speaks; `link`: the connections to one server, and their renewal.
//! - `call`: a call that is forwarded; `asking`: the questions of the server; `parked`: the calls that wait for answers.
//! - `bridge`: definitions and handlers of components.
//! - `proxy`, `list`: what is known of a server in use.
//! - `feed`: keeps the components as they are at the server.
//! - `review`, `offer`: which definitions are offered; those that a lock file accepts, if there is one.
//!
//! Messages are passed on as JSON, so that nothing is lost that only newer revisions or extensions know.

mod asking;
mod bridge;
mod call;
mod config;
mod connection;
mod exchange;
mod failure;
mod feed;
mod handshake;
mod http;
mod link;
mod list;
mod message;
mod notices;
mod offer;
mod open;
mod options;
mod parked;
mod proxy;
mod request;
mod result;
mod review;
#[cfg(feature = "skills")]
mod skills;
mod slot;
mod stdio;
mod transport;
mod upstreams;

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::content::ToolResult;
use crate::context::Context;
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::owner::Principal;
use crate::protocol::Revision;
use crate::secret::Secret;
use crate::service::Timeout;

pub use config::ConfigError;
pub(crate) use list::Host;
use options::{Options, Target};
pub(crate) use proxy::Proxy;
use request::Request;
use result::tool_result;
pub(crate) use review::Review;
pub use upstreams::UpstreamCaller;
pub(crate) use upstreams::Upstreams;

/// Another MCP server: a program or a URL. Clones are the same server.
///
/// [Mounted](crate::Server::mount) in a server, its tools, resources and prompts are those of that server, too. With
/// [`Server::upstream`](crate::Server::upstream) only handlers use it: see [`Context::upstream`].
///
/// ```no_run
/// use mcp_runtime::{Secret, Server, Upstream};
///
/// let git = Upstream::command("uvx").args(["mcp-server-git"]);
/// let search = Upstream::url("https://search.example.com/mcp").bearer(std::env::var("SEARCH_TOKEN").unwrap_or_default());
/// let server = Server::new("gateway", "1.0.0").mount("git", git).mount("search", search);
/// ```
///
/// It speaks every revision. The connection is made when the server starts, and again when it is lost: at growing intervals of at
/// most 30 s, while calls fail with an error that says so. The other components of the server are not affected.
///
/// # What is passed on
///
/// Definitions and results; completions; progress, log messages and cancellation; the questions of the server to the
/// client of the call, also between a client and a server of different revisions; changes of lists and of subscribed resources; the
/// trace context, and `_meta` that is not of the protocol. Arguments are checked by the upstream server.
///
/// Never passed on are the credentials of the caller: see [`Upstream::credentials`].
///
/// Not supported are tasks: a tool with `execution.taskSupport` `required` is left out, and other values are not passed on. A message of a
/// program may have 4 MiB: the call that a larger one answers fails.
///
/// With [`Server::lock_upstreams`](crate::Server::lock_upstreams), only accepted definitions are offered.
#[derive(Clone)]
pub struct Upstream {
    options: Options,
    proxy: Arc<OnceLock<Arc<Proxy>>>,
    is_mounted: Arc<AtomicBool>,
}

opaque_debug!(Upstream, |it| name: it.options.name);

impl Upstream {
    fn new(target: Target) -> Self {
        Self {
            options: Options::new(target),
            proxy: Arc::default(),
            is_mounted: Arc::default(),
        }
    }

    /// Returns a server that is a program, which is started without a shell. It speaks on its stdin and stdout, and inherits stderr.
    pub fn command(program: impl Into<OsString>) -> Self {
        Self::new(Target::program(program))
    }

    /// Returns a server at a URL, such as `https://example.com/mcp`, by Streamable HTTP.
    pub fn url(url: impl Into<String>) -> Self {
        Self::new(Target::Url(url.into()))
    }

    /// Adds arguments of the program.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        match &mut self.options.target {
            Target::Program(program) => program
                .arguments
                .extend(arguments.into_iter().map(Into::into)),
            Target::Url(_) => self.only_of_programs("args"),
        }
        self
    }

    /// Sets an environment variable of the program, which also has those of this process.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        match &mut self.options.target {
            Target::Program(program) => {
                program.environment.insert(name.into(), value.into());
            }
            Target::Url(_) => self.only_of_programs("env"),
        }
        self
    }

    /// Sets the working directory of the program.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        match &mut self.options.target {
            Target::Program(program) => program.directory = Some(directory.into()),
            Target::Url(_) => self.only_of_programs("directory"),
        }
        self
    }

    fn only_of_programs(&mut self, option: &str) {
        let name = &self.options.name;
        self.options.problems.push(format!(
            "the upstream server `{name}` is a URL, and has no `.{option}(..)`: remove it"
        ));
    }

    fn only_of_urls(&mut self, option: &str) {
        let name = &self.options.name;
        self.options.problems.push(format!(
            "the upstream server `{name}` is a program, and has no `.{option}(..)`: set an environment variable with `.env(..)`"
        ));
    }

    /// Sets the name of the server in the log and in errors. By default it is the name of the program, or the URL.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// Adds a header to all requests to a URL. The value is never logged.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret<String>>) -> Self {
        if self.options.target.is_program() {
            self.only_of_urls("header");
        }
        self.options.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a token with all requests to a URL: the header `Authorization: Bearer ..`.
    pub fn bearer(self, token: impl Into<String>) -> Self {
        self.header("Authorization", format!("Bearer {}", token.into()))
    }

    /// Sets a function that returns the value of the header `Authorization`, such as `Bearer ..`, for each request to a URL.
    ///
    /// With [`per_caller`](Self::per_caller) it gets the principal of the call; otherwise, and for requests that belong to no call,
    /// it gets `None`. The token of the caller is not passed to it, because it is not meant for the upstream server: exchange it
    /// for one that is. If the function fails, so does the call; the error is in the log only.
    ///
    /// ```no_run
    /// use mcp_runtime::{Principal, Secret, ToolError, Upstream};
    ///
    /// async fn token(principal: Option<Principal>) -> Result<Option<Secret<String>>, ToolError> {
    ///     // ... ask the vault of the application.
    ///     Ok(principal.map(|it| Secret::new(format!("Bearer token-of-{}", it.id()))))
    /// }
    ///
    /// let upstream = Upstream::url("https://example.com/mcp").per_caller().credentials(token);
    /// ```
    pub fn credentials<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Option<Principal>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Secret<String>>, ToolError>> + Send + 'static,
    {
        if self.options.target.is_program() {
            self.only_of_urls("credentials");
        }
        self.options.credentials = Some(Arc::new(move |principal| Box::pin(function(principal))));
        self
    }

    /// Makes a connection for each caller, at most 256, instead of one for all. It ends after ten minutes without a call.
    ///
    /// A caller is a principal, or else a session, or else a connection or address. Servers that keep state in a session, and servers
    /// with a session that ask questions over stdio, need this as soon as there are several callers: their questions do not say
    /// to which call they belong. The lists of components are those of a connection without a caller.
    pub fn per_caller(mut self) -> Self {
        self.options.per_caller = true;
        self
    }

    /// Sets the revision that is spoken. By default it is the newest one that the server speaks.
    pub fn revision(mut self, revision: Revision) -> Self {
        self.options.revision = Some(revision);
        self
    }

    /// Sets the time limit of calls: see [`Server::timeout`](crate::Server::timeout). The server learns that the call was cancelled.
    pub fn timeout(mut self, limit: impl Into<Timeout>) -> Self {
        self.options.call_timeout = Some(limit.into());
        self
    }

    /// Sets the time that a connection may take, with the start of the program. Default: 60 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout = limit;
        self
    }

    /// Sets the time for which the start of this server waits for the lists of the upstream server. Without them it starts too, and
    /// adds the components when they are known. Default: 10 s.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.options.start_timeout = limit;
        self
    }

    /// Sets the number of components of each kind; further ones are left out, with a warning. The files of skills are resources, and a
    /// skill is left out as a whole. Default: 10,000.
    pub fn max_components(mut self, limit: usize) -> Self {
        self.options.max_components = limit;
        self
    }

    /// Returns the options that the server with its components has: its name and the time limit of calls.
    pub(crate) fn about(&self) -> (&str, Option<Timeout>) {
        (&self.options.name, self.options.call_timeout)
    }

    /// Notes that a server has its components. Returns `false` if another one has them already.
    pub(crate) fn is_mounted_once(&self) -> bool {
        !self.is_mounted.swap(true, Ordering::Relaxed)
    }

    /// Returns what is wrong with the options.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.options.problems()
    }

    /// Returns the connections, which are made on demand.
    pub(crate) fn proxy(&self) -> &Arc<Proxy> {
        self.proxy.get_or_init(|| Proxy::new(self.options.clone()))
    }

    /// Calls a tool for the call of a handler: with its trace and progress, and the questions of the server are asked to its client.
    /// If the call is cancelled, so is this one.
    ///
    /// # Errors
    /// Returns an error if the server is not available, or if it answers with an error. The result of a tool that failed is a
    /// [`ToolResult`], too: see [`ToolResult::is_error`].
    pub async fn call(
        &self,
        context: &Context,
        tool: &str,
        arguments: impl Into<Value>,
    ) -> Result<ToolResult, ToolError> {
        let proxy = self.proxy();
        let arguments = arguments.into().to_string();
        let request = |_: &link::Opened| {
            Request::new("tools/call")
                .named("name", tool)
                .param("arguments", &arguments)
        };
        let result = call::call(&proxy.link, &proxy.parked, context, &request).await;
        let result = result.and_then(|answer| tool_result(&answer));
        result.map_err(|failure| failure.into_error(&self.options.name))
    }
}
