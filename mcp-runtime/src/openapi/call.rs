//! A call of an operation: from arguments to the result.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};

use super::client::ApiClient;
use super::links::{Exchange, Link, ToolNames};
use super::request::Template;
use super::response::{self, Output};
use super::security::{Alternatives, Credentials, Secrets};
use crate::content::{ResourceContents, ToolResult};
use crate::error::ToolError;

/// What all operations of a specification share.
pub(super) struct Api {
    pub(super) client: Box<dyn ApiClient>,
    pub(super) secrets: Secrets,
    pub(super) tools: ToolNames,
}

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Api(..)")
    }
}

/// What the specification says about responses with these statuses.
#[derive(Debug)]
pub(super) struct Described {
    /// A status such as `200`, a range such as `4XX`, or `default`.
    pub(super) statuses: String,
    pub(super) description: String,
    pub(super) links: Vec<Link>,
}

/// An operation that can be called.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) api: Arc<Api>,
    /// The name of its tool.
    pub(super) name: String,
    pub(super) template: Template,
    /// `None` if the API is on another host than the credentials are meant for.
    pub(super) security: Option<Alternatives>,
    pub(super) responses: Vec<Described>,
    pub(super) output: Option<Output>,
}

/// A response, and what belongs to it.
struct Answer {
    response: Response<Bytes>,
    credentials: Credentials,
    /// The URI of the request, without the query.
    uri: String,
}

impl Operation {
    /// Calls the operation as a tool.
    pub(super) async fn call(&self, arguments: Value) -> Result<ToolResult, ToolError> {
        let Value::Object(arguments) = arguments else {
            return Err(ToolError::new("the arguments are not an object"));
        };
        let answer = self.send(&arguments).await?;
        let response = &answer.response;
        let value = response::json(response);
        let described = self.described(response.status());
        let exchange = Exchange {
            parameters: &self.template.parameters,
            arguments: &arguments,
            body: self.template.body.as_ref().map(|it| it.argument.as_str()),
            response,
            value: value.as_ref(),
        };
        let links = described.map_or(&[][..], |it| &it.links);
        let next = exchange.next(&self.name, links, &self.api.tools);
        let output = self.output.as_ref();
        let mut result = response::result(response, value, output, &answer.uri);
        for text in next {
            result = result.content(answer.credentials.redacted(&text));
        }
        Ok(result)
    }

    /// Calls the operation as a resource. Returns `None` if the API has nothing there.
    pub(super) async fn read(
        &self,
        variables: Value,
    ) -> Result<Option<ResourceContents>, ToolError> {
        let Value::Object(variables) = variables else {
            return Err(ToolError::new("the variables are not an object"));
        };
        let answer = match self.answer(&variables).await? {
            answer if answer.response.status() == StatusCode::NOT_FOUND => return Ok(None),
            answer => self.checked(answer)?,
        };
        let media = response::media_type(answer.response.headers());
        let body = answer.response.into_body();
        let contents = match String::from_utf8(body.to_vec()) {
            Ok(text) => ResourceContents::text(text),
            Err(error) => ResourceContents::bytes(error.into_bytes()),
        };
        Ok(Some(if media.is_empty() {
            contents
        } else {
            contents.mime(media)
        }))
    }

    /// Sends a request, and returns its response if it is no error.
    async fn send(&self, arguments: &Map<String, Value>) -> Result<Answer, ToolError> {
        self.checked(self.answer(arguments).await?)
    }

    async fn answer(&self, arguments: &Map<String, Value>) -> Result<Answer, ToolError> {
        let credentials = match &self.security {
            Some(security) => self.api.secrets.credentials(security).await?,
            None => Credentials::default(),
        };
        let request = self.template.request(arguments, &credentials);
        let request = request.map_err(ToolError::new)?;
        let uri = request.uri().to_string();
        let uri = uri.split('?').next().unwrap_or_default().to_owned();
        let response = self.api.client.send(request).await.map_err(|error| {
            let text = credentials.redacted(&error.as_error().to_string());
            if error.is_deliberate() {
                ToolError::new(text)
            } else {
                // `Server::mask_errors` hides it.
                ToolError::from(text)
            }
        })?;
        Ok(Answer {
            response,
            credentials,
            uri,
        })
    }

    fn checked(&self, answer: Answer) -> Result<Answer, ToolError> {
        let status = answer.response.status();
        if status.is_success() {
            return Ok(answer);
        }
        let described = self.described(status);
        let described = described.map(|it| it.description.as_str());
        let text = response::failure(&answer.response, described);
        Err(ToolError::new(answer.credentials.redacted(&text)))
    }

    /// Returns what the specification says about a status: first about itself, then its range, then all others.
    fn described(&self, status: StatusCode) -> Option<&Described> {
        let exact = status.as_str();
        let range = format!("{}XX", &exact[..1]);
        [exact, &range, "default"].into_iter().find_map(|statuses| {
            let mut responses = self.responses.iter();
            responses.find(|it| it.statuses.eq_ignore_ascii_case(statuses))
        })
    }
}
