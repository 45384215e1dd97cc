//! The client of the API.

use std::time::Duration;

use jiff::Timestamp;
use mcp_runtime::{Secret, prelude::*};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the API that the types of this server describe.
pub(crate) const VERSION: &str = "2022-11-28";

pub(crate) const USER_AGENT: &str = concat!("mcp-runtime-github/", env!("CARGO_PKG_VERSION"));

const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");

/// The number of items of a page.
pub(crate) const PER_PAGE: u32 = 30;

/// One page of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The number of the next page. There is no such field on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page: Option<u32>,
}

/// One page of what was found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FoundPage<T> {
    /// The number of all items, on all pages.
    pub(crate) total_count: u64,
    pub(crate) items: Vec<T>,
    /// The number of the next page. There is no such field on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page: Option<u32>,
}

/// The body of a response that is an error.
#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

pub(crate) struct GitHub {
    client: Client,
    api: Url,
    has_token: bool,
}

impl GitHub {
    pub(crate) fn new(api: &str, token: Option<Secret<String>>) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        headers.insert(
            HeaderName::from_static("x-github-api-version"),
            HeaderValue::from_static(VERSION),
        );
        let has_token = token.is_some();
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| "GITHUB_TOKEN contains characters that no token has")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(same_host())
            .timeout(Duration::from_secs(30))
            .build();
        let client =
            client.map_err(|error| format!("the HTTP client cannot be created: {error}"))?;
        let wrong = |reason: &str| {
            format!(
                "GITHUB_API_URL `{api}` {reason}: write it as `{}`",
                crate::API
            )
        };
        let api = Url::parse(api.trim_end_matches('/')).map_err(|_| wrong("is not a URL"))?;
        let is_local = matches!(api.host_str(), Some("127.0.0.1" | "localhost"));
        if api.scheme() != "https" && !is_local {
            return Err(wrong("is not https"));
        }
        Ok(Self {
            client,
            api,
            has_token,
        })
    }

    /// Starts a request. Each segment of the path is encoded.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
    ) -> Result<RequestBuilder, ToolError> {
        let mut url = self.api.clone();
        // An URL of http or https has a path.
        let mut segments = url
            .path_segments_mut()
            .map_err(|()| "the API has no path")?;
        segments.extend(path);
        drop(segments);
        Ok(self.client.request(method, url))
    }

    /// Reads one object or list.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ToolError> {
        let response = self
            .send(self.request(Method::GET, path)?.query(query))
            .await?;
        parse(response).await
    }

    /// Reads one page of a list, and the number of the next page.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        page: u32,
    ) -> Result<(T, Option<u32>), ToolError> {
        let request = self.request(Method::GET, path)?.query(query);
        let pages = [("per_page", PER_PAGE), ("page", page)];
        let response = self.send(request.query(&pages)).await?;
        let next = next_page(response.headers());
        Ok((parse(response).await?, next))
    }

    /// Creates an object. There is no second attempt, which might create it twice.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ToolError> {
        if !self.has_token {
            return Err(ToolError::new(
                "writing needs a token: set the variable `GITHUB_TOKEN` of this server",
            ));
        }
        let response = self
            .send(self.request(Method::POST, path)?.json(body))
            .await?;
        parse(response).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ToolError> {
        let response = request.send().await.map_err(|error| {
            ToolError::new(format!("GitHub cannot be reached: {}", error.without_url()))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.failure(response).await)
    }

    /// Returns the error of the API for the model, with what can be done about it.
    async fn failure(&self, response: Response) -> ToolError {
        let status = response.status();
        if let Some(wait) = rate_limit(status, response.headers(), Timestamp::now()) {
            return ToolError::new(wait);
        }
        let problem: Problem = response.json().await.unwrap_or_default();
        let said = problem.message;
        let message = match status {
            StatusCode::UNAUTHORIZED => {
                "GitHub refuses the token: set a valid `GITHUB_TOKEN`".to_owned()
            }
            StatusCode::FORBIDDEN => format!("the token does not permit this: {said}"),
            StatusCode::NOT_FOUND if self.has_token => {
                "there is nothing of this name, or the token has no access to it".to_owned()
            }
            StatusCode::NOT_FOUND => {
                "there is nothing of this name, or it is private and needs a token".to_owned()
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                let errors: Vec<_> = problem.errors.iter().map(ToString::to_string).collect();
                format!("GitHub refuses the request: {said} {}", errors.join(", "))
            }
            _ if status.is_server_error() => {
                format!("GitHub has the status {status}: try again later")
            }
            _ => format!("GitHub has the status {status}: {said}"),
        };
        ToolError::new(message.trim_end())
    }
}

/// Follows redirects of renamed repositories. Only the host of the API receives requests.
fn same_host() -> Policy {
    Policy::custom(|attempt| {
        let is_same = attempt.previous().first().map(Url::origin) == Some(attempt.url().origin());
        if is_same && attempt.previous().len() <= 3 {
            attempt.follow()
        } else {
            attempt.error("it redirects to another host, or too often")
        }
    })
}

async fn parse<T: DeserializeOwned>(response: Response) -> Result<T, ToolError> {
    response.json().await.map_err(|error| {
        ToolError::new(format!(
            "the response of GitHub has an unknown form: {}",
            error.without_url()
        ))
    })
}

/// Returns the number of the next page, from the header `Link`: `<https://...?page=2>; rel="next", ...`.
pub(crate) fn next_page(headers: &HeaderMap) -> Option<u32> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (url, _) = next.trim().strip_prefix('<')?.split_once('>')?;
    let url = Url::parse(url).ok()?;
    let (_, page) = url.query_pairs().find(|(name, _)| name == "page")?;
    page.parse().ok()
}

/// Returns the error of a request that was one too many.
pub(crate) fn rate_limit(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<String> {
    if !matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        return None;
    }
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
    let seconds = match (
        number(RETRY_AFTER.as_str()),
        number("x-ratelimit-remaining"),
    ) {
        (Some(seconds), _) => seconds,
        (None, Some(0)) => number("x-ratelimit-reset")?.checked_sub(now.as_second())?,
        // GitHub asks for a minute if it names no time.
        _ if status == StatusCode::TOO_MANY_REQUESTS => 60,
        _ => return None,
    };
    let seconds = seconds.clamp(1, 24 * 60 * 60);
    let until = Timestamp::from_second(now.as_second().checked_add(seconds)?).ok()?;
    Some(format!(
        "GitHub accepts no more requests until {until}: try again in {seconds} seconds"
    ))
}

/// Returns an error unless a name of an owner or a repository is one segment of a path.
pub(crate) fn checked<'a>(name: &'a str, argument: &str) -> Result<&'a str, ToolError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name == "." || name == ".." || !name.bytes().all(is_name) {
        let message = format!(
            "`{argument}` is `{name}`: write only a name, such as `rust` in `rust-lang/rust`"
        );
        return Err(ToolError::new(message));
    }
    Ok(name)
}
