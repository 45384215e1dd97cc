//! The endpoint of a server, and the requests to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, HOST, HeaderMap, HeaderValue};
use hyper::http::uri::{InvalidUri, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::time::timeout;
use tokio_rustls::rustls::RootCertStore;

use super::answer::{self, Media};
use super::connect::{HttpClient, Lease, client};
use super::headers::{
    CommonHeaders, EVENT_STREAM, LAST_EVENT_ID, SESSION_ID, fixed, insert_of_message,
};
use super::refusal::{refusal, status_error};
use super::shown::without_secrets;
use crate::error::chain;
use crate::secret::Secret;
use crate::sync::Mutex;
use crate::trust::native_roots;
use crate::upstream::transport::{Outgoing, Receive, SendError};

/// The maximum time to end a session.
const END_LIMIT: Duration = Duration::from_secs(2);

/// A message that is ready to be sent.
pub(super) struct Post {
    headers: HeaderMap,
    common: CommonHeaders,
    json: String,
    id: Option<u64>,
    is_handshake: bool,
}

/// The endpoint of a server.
pub(super) struct Endpoint {
    /// The path and the query of the URL.
    target: Uri,
    /// The URL without its query, which may contain a key.
    pub(super) shown: String,
    client: HttpClient,
    /// The headers of each request.
    fixed: HeaderMap,
    /// The session, and what the last message was sent with: the stream of the session and its end use the same.
    latest: Mutex<CommonHeaders>,
    pub(super) receive: Arc<dyn Receive>,
}

impl Endpoint {
    /// Creates an endpoint that trusts these certificate authorities, or those of the system.
    pub(super) fn new(
        url: &str,
        headers: Vec<(String, Secret<String>)>,
        receive: Arc<dyn Receive>,
        roots: Option<RootCertStore>,
    ) -> Result<Self, String> {
        let shown = without_secrets(url);
        let named = |why: String| format!("the URL `{shown}` cannot be used: {why}");
        let (url, mut fixed) = read(url, headers)?;
        fixed.insert(HOST, host(&url).map_err(named)?);
        let roots = match roots {
            Some(roots) => roots,
            None if url.scheme() == Some(&Scheme::HTTPS) => native_roots().map_err(named)?,
            None => RootCertStore::empty(),
        };
        Ok(Self {
            target: target(&url).map_err(named)?,
            client: client(url, roots).map_err(named)?,
            shown,
            fixed,
            latest: Mutex::default(),
            receive,
        })
    }

    /// Prepares a message.
    ///
    /// # Errors
    /// Returns an error if a header cannot be sent.
    pub(super) fn prepare(&self, outgoing: Outgoing) -> Result<Post, SendError> {
        let is_handshake = outgoing.method == Some("initialize");
        let common = self.common(&outgoing, is_handshake)?;
        let mut headers = self.headers(&common);
        insert_of_message(&mut headers, &outgoing)?;
        Ok(Post {
            headers,
            common,
            json: outgoing.json,
            id: outgoing.id,
            is_handshake,
        })
    }

    /// Sends a message. If it is a request, receives the messages until its response.
    pub(super) async fn send(&self, post: Post) -> Result<(), SendError> {
        let Post {
            headers,
            common,
            json,
            id,
            is_handshake,
        } = post;
        let (response, lease) = self.exchange(Method::POST, headers, json.into()).await?;
        let common = if is_handshake && response.status().is_success() {
            self.begin_session(common, response.headers().get(SESSION_ID))
        } else {
            common
        };
        if !response.status().is_success() {
            return Box::pin(self.refused(response, &common, id)).await;
        }
        let Some(id) = id else {
            if response.body().is_end_stream() {
                lease.release();
            }
            return Ok(());
        };
        if let Media::Json = Media::of(response.headers()) {
            let body = answer::text(response.into_body()).await?;
            lease.release();
            if let Err(body) = self.receive.receive_response(body, id) {
                self.receive.receive(answer::repaired(&body, id)?, Some(id));
            }
            return Ok(());
        }
        // Boxed, so that a call with one message in the response is small.
        Box::pin(self.answered(response, &common, id)).await
    }

    /// Receives a response that is not one message.
    async fn answered(
        &self,
        response: Response<Incoming>,
        common: &CommonHeaders,
        id: u64,
    ) -> Result<(), SendError> {
        match Media::of(response.headers()) {
            Media::EventStream => self.follow(response.into_body(), common, id).await,
            other => Err(SendError::Invalid(format!(
                "it answers a request with the status {} and {other}, not with application/json or text/event-stream",
                response.status().as_u16()
            ))),
        }
    }

    /// Returns the common headers of a message, and keeps them for the requests without a message.
    fn common(&self, outgoing: &Outgoing, is_handshake: bool) -> Result<CommonHeaders, SendError> {
        let mut latest = self.latest.lock();
        let session = latest.session.clone().filter(|_| !is_handshake);
        *latest = CommonHeaders::of(outgoing, session)?;
        Ok(latest.clone())
    }

    fn begin_session(&self, common: CommonHeaders, id: Option<&HeaderValue>) -> CommonHeaders {
        let mut session = id.cloned();
        if let Some(id) = &mut session {
            id.set_sensitive(true);
        }
        self.latest.lock().session.clone_from(&session);
        CommonHeaders { session, ..common }
    }

    /// Returns the common headers of requests without a message.
    pub(super) fn latest(&self) -> CommonHeaders {
        self.latest.lock().clone()
    }

    fn headers(&self, common: &CommonHeaders) -> HeaderMap {
        let mut headers = self.fixed.clone();
        common.insert_into(&mut headers);
        headers
    }

    /// Opens the stream of the session, or resumes a stream after the event with this id.
    pub(super) async fn open(
        &self,
        common: &CommonHeaders,
        after: Option<&HeaderValue>,
    ) -> Result<Incoming, SendError> {
        let mut headers = self.headers(common);
        headers.insert(ACCEPT, EVENT_STREAM);
        if let Some(id) = after {
            headers.insert(LAST_EVENT_ID, id.clone());
        }
        let (response, _) = self.exchange(Method::GET, headers, Bytes::new()).await?;
        if !response.status().is_success() {
            return Err(self.error(response, common).await);
        }
        match Media::of(response.headers()) {
            Media::EventStream => Ok(response.into_body()),
            Media::Json | Media::Other(_) => Err(SendError::Invalid(
                "it answers GET with a body that is not text/event-stream".to_owned(),
            )),
        }
    }

    /// Ends the session, if there is one. The server may refuse.
    pub(super) async fn end_session(&self) {
        let common = self.latest();
        if common.session.is_none() {
            return;
        }
        self.latest.lock().session = None;
        let headers = self.headers(&common);
        let request = self.exchange(Method::DELETE, headers, Bytes::new());
        if let Ok(Err(error)) = timeout(END_LIMIT, request).await {
            tracing::debug!("the session at {} was not ended: {error}", self.shown);
        }
    }

    async fn exchange(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = headers;
        self.client.request(request).await.map_err(|error| {
            SendError::Unreachable(format!(
                "`{}` cannot be reached: {}",
                self.shown,
                chain(&*error)
            ))
        })
    }

    /// Receives the JSON-RPC error in the body of a refusal, or returns the refusal as an error.
    async fn refused(
        &self,
        response: Response<Incoming>,
        common: &CommonHeaders,
        id: Option<u64>,
    ) -> Result<(), SendError> {
        if self.lost_session(response.status(), common) {
            return Err(SendError::NoSession);
        }
        let refusal = refusal(response).await;
        match id.and_then(|id| Some((refusal.reply(id)?, id))) {
            Some((reply, id)) => {
                self.receive.receive(reply, Some(id));
                Ok(())
            }
            None => Err(status_error(&refusal, &self.headers(common))),
        }
    }

    async fn error(&self, response: Response<Incoming>, common: &CommonHeaders) -> SendError {
        // Some servers answer so if they have no stream. If the session has ended, the next message is refused, too.
        if is_of_session(response.status(), common) {
            return SendError::NoSession;
        }
        status_error(&refusal(response).await, &self.headers(common))
    }

    /// Returns `true` if this status means that the server does not know the session, which is then forgotten.
    fn lost_session(&self, status: StatusCode, common: &CommonHeaders) -> bool {
        if !is_of_session(status, common) {
            return false;
        }
        let mut latest = self.latest.lock();
        if latest.session == common.session {
            latest.session = None;
        }
        true
    }
}

/// Returns `true` if this status means that the server does not know the session.
fn is_of_session(status: StatusCode, common: &CommonHeaders) -> bool {
    status == StatusCode::NOT_FOUND && common.session.is_some()
}

/// Reads a URL and the headers of each request.
///
/// # Errors
/// Returns an error that names what cannot be used, without its secrets.
pub(super) fn read(
    url: &str,
    headers: Vec<(String, Secret<String>)>,
) -> Result<(Uri, HeaderMap), String> {
    let shown = without_secrets(url);
    let url = parsed(url).map_err(|why| format!("the URL `{shown}` cannot be used: {why}"))?;
    let fixed = fixed(headers).map_err(|why| format!("the server at `{shown}`: {why}"))?;
    Ok((url, fixed))
}

/// Returns the value of the header `Host`: without the port if it is that of the scheme.
fn host(url: &Uri) -> Result<HeaderValue, String> {
    let host = url.host().unwrap_or_default();
    let usual = if url.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let value = match url.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(value).map_err(|error| error.to_string())
}

/// Returns the target of requests.
fn target(url: &Uri) -> Result<Uri, String> {
    let target = url.path_and_query().map_or("/", PathAndQuery::as_str);
    target
        .parse()
        .map_err(|error: InvalidUri| error.to_string())
}

fn parsed(url: &str) -> Result<Uri, String> {
    let url: Uri = url.parse().map_err(|error| {
        format!("it is not valid ({error}): write it like `https://example.com/mcp`")
    })?;
    if !matches!(url.scheme_str(), Some("https" | "http")) {
        return Err("it must start with `https://` or `http://`".to_owned());
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(
            "it contains credentials: remove them, and set the header `Authorization` instead"
                .to_owned(),
        );
    }
    if url.host().is_none_or(str::is_empty) {
        return Err("it has no host: write it like `https://example.com/mcp`".to_owned());
    }
    Ok(url)
}
