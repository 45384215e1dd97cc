//! Servers from OpenAPI specifications: tools and resources that call an HTTP API.
//!
//! A specification is read once, when the server is created. `operation` finds its operations, `generate` makes a component of
//! each, and `call` runs one: `request` writes the request, and `response` reads the result.

mod base;
mod body;
mod call;
mod choose;
mod client;
mod document;
mod generate;
mod keywords;
mod lazy;
mod links;
mod names;
mod operation;
mod options;
mod output;
mod parameter;
mod parse;
mod request;
mod response;
mod schema;
mod security;
mod style;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;

pub use client::{ApiClient, HttpClient};
pub use operation::{ExposeAs, OpenApiOperation};

use document::Document;
use options::Options;

use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::registry::Component;
use crate::secret::Secret;

/// An OpenAPI specification, and what becomes of its operations: the options of [`Server::openapi`](crate::Server::openapi).
///
/// ```
/// use mcp_runtime::{ExposeAs, HttpClient, OpenApi, Secret, Server};
///
/// # fn main() -> Result<(), mcp_runtime::OpenApiError> {
/// # let specification = r#"{
/// #     "openapi": "3.1.0",
/// #     "info": { "title": "Shop", "version": "1.0.0" },
/// #     "paths": {
/// #         "/orders": { "post": { "operationId": "createOrder", "tags": ["orders"] } },
/// #         "/orders/{id}": { "get": { "operationId": "getOrder" } },
/// #         "/users": { "get": { "tags": ["admin"] } }
/// #     },
/// #     "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } }
/// # }"#;
/// let api = OpenApi::new(specification)?
///     .base_url("https://shop.example.com/v1")
///     .credential("token", Secret::new("secret".to_owned()))
///     .rules(|operation| match operation.method() {
///         _ if operation.has_tag("admin") => ExposeAs::Hidden,
///         "GET" if operation.path().starts_with("/orders/") => ExposeAs::Resource,
///         _ => ExposeAs::Tool,
///     })
///     .rename("createOrder", "order")
///     .describe("createOrder", "Order coffee. Ask the user before.");
/// let server = Server::openapi(api, HttpClient::new())?;
/// # Ok(())
/// # }
/// ```
pub struct OpenApi(Options);

opaque_debug!(OpenApi);

impl OpenApi {
    /// Reads a specification of OpenAPI 3.0 or 3.1, in JSON or YAML.
    ///
    /// # Errors
    /// Returns an error if the text is larger than 64 MiB, or no such specification.
    pub fn new(specification: &str) -> Result<Self, OpenApiError> {
        let document = Document::parse(specification).map_err(OpenApiError::of)?;
        Ok(Self(Options::new(document)))
    }

    /// Sets the URL before the paths of all operations, which replaces the `servers` of the specification.
    ///
    /// It is needed if those are missing or relative. Without it, they must be `https`, or `http` of this host.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.0.base_url = Some(url.into());
        self
    }

    /// Sets the secret of a security scheme of the specification: a key, a token, or `user:password` for basic authentication.
    ///
    /// Requests of operations that need the scheme are sent with it, if they go to the base URL. It is shown in no result, error or
    /// log.
    pub fn credential(
        mut self,
        scheme: impl Into<String>,
        secret: impl Into<Secret<String>>,
    ) -> Self {
        self.0.secrets.fixed.insert(scheme.into(), secret.into());
        self
    }

    /// Sets the function that returns the secret of a security scheme, by its name, for each request: the client of a secret store.
    ///
    /// It is called for schemes without [`OpenApi::credential`]. `None` means that there is no secret for this scheme.
    ///
    /// ```
    /// use mcp_runtime::{OpenApi, Secret, ToolError};
    ///
    /// async fn secret(scheme: String) -> Result<Option<Secret<String>>, ToolError> {
    ///     let name = format!("SHOP_{}", scheme.to_uppercase());
    ///     Ok(std::env::var(name).ok().map(Secret::new))
    /// }
    ///
    /// fn with_secrets(api: OpenApi) -> OpenApi {
    ///     api.secret_store(secret)
    /// }
    /// ```
    pub fn secret_store<F, Fut>(mut self, lookup: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Secret<String>>, ToolError>> + Send + 'static,
    {
        self.0.secrets.lookup = Some(Box::new(move |scheme| Box::pin(lookup(scheme))));
        self
    }

    /// Sets what becomes of each operation. By default all are tools.
    pub fn rules(mut self, rules: impl Fn(&OpenApiOperation<'_>) -> ExposeAs + 'static) -> Self {
        self.0.rules = Some(Box::new(rules));
        self
    }

    /// Sets the name of the component of an operation, which is named by its `operationId`, or by its method and path such as
    /// `GET /users/{id}`.
    pub fn rename(mut self, operation: impl Into<String>, name: impl Into<String>) -> Self {
        self.0.names.push((operation.into(), name.into()));
        self
    }

    /// Sets the description of the component of an operation, named as in [`OpenApi::rename`].
    pub fn describe(
        mut self,
        operation: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.0
            .descriptions
            .push((operation.into(), description.into()));
        self
    }

    /// Returns the operations of the specification.
    ///
    /// # Errors
    /// Returns an error if the specification has no `paths`, or one that is a reference to nothing.
    pub fn operations(&self) -> Result<Vec<OpenApiOperation<'_>>, OpenApiError> {
        operation::operations(&self.0.document).map_err(OpenApiError::of)
    }

    /// Returns a text of the section `info`.
    fn info(&self, name: &str) -> &str {
        let info = self.0.document.member("info");
        info[name].as_str().unwrap_or_default().trim()
    }

    /// Returns the title of the API.
    pub(crate) fn title(&self) -> &str {
        match self.info("title") {
            "" => "API",
            title => title,
        }
    }

    /// Returns the version of the API.
    pub(crate) fn version(&self) -> &str {
        match self.info("version") {
            "" => "0",
            version => version,
        }
    }

    /// Returns the components of the API.
    ///
    /// # Errors
    /// Returns all problems of the operations that are not hidden, and of the options.
    pub(crate) fn components(self, client: impl ApiClient) -> Result<Vec<Component>, OpenApiError> {
        generate::components(self.0, Box::new(client)).map_err(|problems| OpenApiError { problems })
    }
}

impl TryFrom<&str> for OpenApi {
    type Error = OpenApiError;

    fn try_from(specification: &str) -> Result<Self, OpenApiError> {
        Self::new(specification)
    }
}

impl TryFrom<&String> for OpenApi {
    type Error = OpenApiError;

    fn try_from(specification: &String) -> Result<Self, OpenApiError> {
        Self::new(specification)
    }
}

impl TryFrom<String> for OpenApi {
    type Error = OpenApiError;

    fn try_from(specification: String) -> Result<Self, OpenApiError> {
        Self::new(&specification)
    }
}

/// The maximum number of problems in the text of an error.
const MOST_PROBLEMS: usize = 20;

/// The reasons why a specification cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenApiError {
    problems: Vec<String>,
}

impl OpenApiError {
    fn of(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }

    /// Returns the problems, each with its operation.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(String::as_str)
    }
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = &self.problems[..] {
            return formatter.write_str(problem);
        }
        write!(
            formatter,
            "the specification has {} problems:",
            self.problems.len()
        )?;
        for problem in self.problems.iter().take(MOST_PROBLEMS) {
            write!(formatter, "\n- {problem}")?;
        }
        let more = self.problems.len().saturating_sub(MOST_PROBLEMS);
        if more > 0 {
            write!(formatter, "\n- and {more} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for OpenApiError {}

impl From<Infallible> for OpenApiError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
