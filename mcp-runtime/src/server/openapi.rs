//! Servers from OpenAPI specifications.

use super::Server;
use crate::openapi::{ApiClient, OpenApi, OpenApiError};
use crate::registry::Components;

impl Server {
    /// Creates a server whose tools and resources call the operations of an OpenAPI specification.
    ///
    /// `specification` is the text of one, in JSON or YAML, or an [`OpenApi`] with options. `client` sends the requests:
    /// [`HttpClient`](crate::HttpClient), or a function. The name and the version of the server are those of the API.
    ///
    /// - An operation is a tool by default, with its `operationId` as its name: [`OpenApi::rules`] and [`OpenApi::rename`] change
    ///   that. A tool or resource that is added to the server takes the place of a generated one with the same name or URI, whichever
    ///   is added first.
    /// - Parameters are arguments with their names. If two have the same, the place follows the name of the second, such as
    ///   `id_query`. The order of places is path, query, header, cookie. The body is the argument `body`. Files are objects with
    ///   `data` in base64, `name` and `type`.
    /// - A response is sent as text, and also as structured content if the specification has a schema of it. Images and sounds are
    ///   content of their kinds, and other files are embedded resources. A status that is not 2xx is an error with the words of the
    ///   API.
    /// - What a model can call next follows the response: the pages of the header `Link`, and the `links` of the specification.
    /// - The output schema has no constraints but the types, and allows null, because many APIs do not keep to their own
    ///   specification. A response with other types is an error that contains the response.
    ///
    /// # Errors
    /// Returns all problems of the specification and of the options, each with its operation. References to other documents are
    /// never followed.
    ///
    /// ```no_run
    /// use mcp_runtime::{HttpClient, Server};
    ///
    /// fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    ///     let specification = std::fs::read_to_string("petstore.yaml")?;
    ///     Ok(Server::openapi(&specification, HttpClient::new())?.run())
    /// }
    /// ```
    pub fn openapi<S>(specification: S, client: impl ApiClient) -> Result<Self, OpenApiError>
    where
        S: TryInto<OpenApi>,
        S::Error: Into<OpenApiError>,
    {
        let api: OpenApi = specification.try_into().map_err(Into::into)?;
        let server = Self::new(api.title(), api.version());
        let mut components = Components::default();
        for component in api.components(client)? {
            components.add(component);
        }
        Ok(server.with(components))
    }
}
