//! Requests to the web, with limits on their targets, their redirects, their time and their size.

use std::error::Error;
use std::iter::successors;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mcp_runtime::prelude::*;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use crate::addresses::{Addresses, Lookup, NotPublic};
use crate::robots;

/// Text is preferred, but servers may send anything.
const ACCEPTED: &str =
    "text/markdown, text/html, application/xhtml+xml, text/plain;q=0.9, */*;q=0.5";

/// The maximum number of redirects of one page.
const MAX_REDIRECTS: usize = 5;

/// What an operator can set.
pub(crate) struct Settings {
    /// Addresses that are allowed although they are not public.
    pub(crate) allowed: Vec<IpAddr>,
    /// Whether the rules of sites for robots apply to calls of the tool.
    pub(crate) obeys_robots: bool,
    /// The time limit of a page, with its redirects.
    pub(crate) time: Duration,
    /// The maximum size of a page, in bytes. The rest is not read.
    pub(crate) max_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            obeys_robots: true,
            time: Duration::from_secs(30),
            max_bytes: 5 << 20,
        }
    }
}

/// The response of a server, after all redirects.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    /// The header `Content-Type`.
    pub(crate) kind: String,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
    /// `false` if the body is longer.
    pub(crate) is_whole: bool,
}

/// A client of the web.
pub(crate) struct Web {
    client: Client,
    addresses: Addresses,
    settings: Settings,
}

impl Web {
    pub(crate) fn new(settings: Settings, lookup: Lookup) -> Result<Self, reqwest::Error> {
        let addresses = Addresses::new(settings.allowed.clone(), lookup);
        let client = Client::builder()
            .dns_resolver(Arc::new(addresses.clone()))
            .user_agent(concat!("mcp-runtime-fetch/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            // A proxy would look up names itself.
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self {
            client,
            addresses,
            settings,
        })
    }

    /// Fetches a page for a model, which must obey the rules of the site for robots.
    pub(crate) async fn fetch(&self, url: &Url) -> Result<Page, ToolError> {
        self.limited(url, self.settings.obeys_robots).await
    }

    /// Fetches a page that the user has chosen.
    pub(crate) async fn fetch_for_user(&self, url: &Url) -> Result<Page, ToolError> {
        self.limited(url, false).await
    }

    async fn limited(&self, url: &Url, as_robot: bool) -> Result<Page, ToolError> {
        let time = self.settings.time;
        let page = tokio::time::timeout(time, self.follow(url, self.settings.max_bytes, as_robot));
        let page = page.await.unwrap_or_else(|_| {
            let message = format!("`{url}` was not complete after {} seconds", time.as_secs());
            Err(ToolError::new(message))
        })?;
        if page.status.is_success() {
            return Ok(page);
        }
        let message = format!("`{}` has the status {}", page.url, page.status);
        Err(ToolError::new(message))
    }

    /// Fetches a page of any status, without a check of the rules for robots.
    pub(crate) async fn page(&self, url: &Url, max_bytes: usize) -> Result<Page, ToolError> {
        // `follow` checks the rules with this function, so its future contains itself.
        Box::pin(self.follow(url, max_bytes, false)).await
    }

    async fn follow(&self, url: &Url, max_bytes: usize, as_robot: bool) -> Result<Page, ToolError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            if as_robot {
                robots::check(self, &url).await?;
            }
            let response = self.send(&url).await?;
            match target(&response)? {
                Some(target) => url = target,
                None => return read(response, max_bytes).await,
            }
        }
        Err(ToolError::new(format!(
            "there were more than {MAX_REDIRECTS} redirects, the last one to `{url}`"
        )))
    }

    /// Returns an error for a URL that the server does not fetch.
    fn check(&self, url: &Url) -> Result<(), ToolError> {
        if !matches!(url.scheme(), "http" | "https") {
            let message = format!("`{url}` is neither http nor https");
            return Err(ToolError::new(message));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let message = "the URL contains a user name or a password: leave them out";
            return Err(ToolError::new(message));
        }
        // Below are services that are not web servers, and might take a request for their own protocol.
        let port = url.port_or_known_default().unwrap_or_default();
        if !matches!(port, 80 | 443 | 1024..) {
            let message =
                format!("the port {port} is not allowed: use 80, 443, or 1024 and higher");
            return Err(ToolError::new(message));
        }
        // Names are checked when they are looked up.
        let address = url
            .host_str()
            .and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        match address {
            Some(address) if !self.addresses.allows(address) => {
                Err(ToolError::new(NotPublic(address.to_string()).to_string()))
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, url: &Url) -> Result<Response, ToolError> {
        let request = self.client.get(url.clone()).header(ACCEPT, ACCEPTED);
        request.send().await.map_err(|error| failure(url, &error))
    }
}

/// Parses the URL of a page.
pub(crate) fn parse(url: &str) -> Result<Url, ToolError> {
    Url::parse(url).map_err(|error| {
        ToolError::new(format!(
            "`{url}` is not a URL ({error}): write it as `https://example.com/page`"
        ))
    })
}

/// Returns the target of a redirect.
fn target(response: &Response) -> Result<Option<Url>, ToolError> {
    let (true, Some(location)) = (
        response.status().is_redirection(),
        response.headers().get(LOCATION),
    ) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let target = response.url().join(&location).map_err(|error| {
        ToolError::new(format!(
            "`{}` redirects to `{location}`, which is not a URL ({error})",
            response.url()
        ))
    })?;
    Ok(Some(target))
}

/// Reads a body until its end or its maximum size. The size is that of the decompressed body.
async fn read(mut response: Response, max_bytes: usize) -> Result<Page, ToolError> {
    let mut page = Page {
        url: response.url().clone(),
        status: response.status(),
        kind: response
            .headers()
            .get(CONTENT_TYPE)
            .map_or_else(String::new, |kind| {
                String::from_utf8_lossy(kind.as_bytes()).into_owned()
            }),
        body: Vec::new(),
        is_whole: true,
    };
    loop {
        let chunk = response.chunk().await;
        let Some(chunk) = chunk.map_err(|error| failure(&page.url, &error))? else {
            return Ok(page);
        };
        let left = max_bytes - page.body.len();
        if chunk.len() > left {
            page.body.extend_from_slice(&chunk[..left]);
            page.is_whole = false;
            return Ok(page);
        }
        page.body.extend_from_slice(&chunk);
    }
}

/// Returns the error of a request for the model: the innermost cause says what happened.
fn failure(url: &Url, error: &reqwest::Error) -> ToolError {
    let causes = successors(error.source(), |&error| error.source());
    let cause = causes
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    ToolError::new(format!("`{url}` cannot be fetched: {cause}"))
}
