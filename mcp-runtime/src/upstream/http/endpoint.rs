//! The endpoint of a server, and the requests to it.

use std::error::Error;
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
use super::connect::{HttpClient, Lease, SendFailure, client};
use super::headers::{
    CommonHeaders, EVENT_STREAM, LAST_EVENT_ID, SESSION_ID, fixed, set_of_message,
};
use super::refusal::{refusal, status_error};
use super::shown::without_secrets;
use crate::error::chain;
use crate::secret::Secret;
use crate::service::BoxFuture;
use crate::sync::Mutex;
use crate::trust::native_roots;
use crate::upstream::transport::{Outgoing, Receive, SendError};

/// The maximum time to end a session.
const END_LIMIT: Duration = Duration::from_secs(2);

/// A message that is ready to be sent.
pub(super) struct Post {
    request: Request<Full<Bytes>>,
    kind: Kind,
}

/// What is needed to receive the response to a message.
struct Kind {
    common: Arc<CommonHeaders>,
    id: Option<u64>,
    is_handshake: bool,
}

/// A response whose head has been received.
enum Received {
    /// The response to the request with this id, which is one message.
    Message {
        body: Incoming,
        lease: Lease,
        id: u64,
    },
    /// Another response, and the future that receives it.
    Other(BoxFuture<Result<(), SendError>>),
}

/// What the last message was sent with: the stream of the session and its end use the same.
#[derive(Default)]
struct Latest {
    common: Arc<CommonHeaders>,
    method: Option<&'static str>,
    /// The headers of messages with these common headers and this method.
    headers: Option<HeaderMap>,
}

impl Latest {
    fn set_session(&mut self, session: Option<HeaderValue>) {
        let common = CommonHeaders::clone(&self.common);
        self.common = Arc::new(CommonHeaders { session, ..common });
        self.headers = None;
    }
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
    latest: Mutex<Latest>,
    pub(super) receiver: Arc<dyn Receive>,
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
            receiver: receive,
        })
    }

    /// Prepares a message.
    ///
    /// # Errors
    /// Returns an error if a header cannot be sent.
    pub(super) fn prepare(&self, outgoing: Outgoing<'_>) -> Result<Post, SendError> {
        let is_handshake = outgoing.method == Some("initialize");
        let (common, mut headers) = self.common(&outgoing, is_handshake)?;
        set_of_message(&mut headers, &outgoing)?;
        Ok(Post {
            request: self.request(Method::POST, headers, outgoing.json.into()),
            kind: Kind {
                common,
                id: outgoing.id,
                is_handshake,
            },
        })
    }

    /// Sends a message. If it is a request, receives the messages until its response.
    pub(super) fn send(self: &Arc<Self>, post: Post) -> BoxFuture<Result<(), SendError>> {
        let Post { request, kind } = post;
        let this = Arc::clone(self);
        match self.client.try_send(request) {
            Ok((sender, response)) => Box::pin(async move {
                let received = match response.await {
                    Ok(response) => this.receive(response, this.client.lease(sender), kind),
                    Err(error) => {
                        Received::Other(Box::pin(Arc::clone(&this).send_again(error, kind)))
                    }
                };
                this.finish(received).await
            }),
            Err(unsent) => Box::pin(async move {
                let sent = this.client.request(unsent).await;
                let (response, lease) = sent.map_err(|error| this.unreachable(&*error))?;
                this.finish(this.receive(response, lease, kind)).await
            }),
        }
    }

    async fn send_again(self: Arc<Self>, error: SendFailure, kind: Kind) -> Result<(), SendError> {
        let sent = self.client.retry(error).await;
        let (response, lease) = sent.map_err(|error| self.unreachable(&*error))?;
        self.receive_any(response, lease, kind).await
    }

    /// Receives the head of the response to a message.
    fn receive(
        self: &Arc<Self>,
        response: Response<Incoming>,
        lease: Lease,
        kind: Kind,
    ) -> Received {
        match kind.id {
            Some(id)
                if response.status().is_success()
                    && !kind.is_handshake
                    && let Media::Json = Media::of(response.headers()) =>
            {
                let body = response.into_body();
                Received::Message { body, lease, id }
            }
            // Boxed, so that a call with one message in the response is small.
            _ => Received::Other(Box::pin(
                Arc::clone(self).receive_any(response, lease, kind),
            )),
        }
    }

    /// Receives the rest of a response.
    async fn finish(&self, received: Received) -> Result<(), SendError> {
        match received {
            Received::Message { body, lease, id } => self.message(body, lease, id).await,
            Received::Other(rest) => rest.await,
        }
    }

    /// Receives a body that is the response to the request with this id.
    async fn message(&self, body: Incoming, lease: Lease, id: u64) -> Result<(), SendError> {
        let body = answer::text(body).await?;
        lease.release();
        if let Err(body) = self.receiver.receive_response(body, id) {
            self.receiver
                .receive(answer::repaired(&body, id)?, Some(id));
        }
        Ok(())
    }

    /// Receives the response to a message, whatever it is.
    async fn receive_any(
        self: Arc<Self>,
        response: Response<Incoming>,
        lease: Lease,
        kind: Kind,
    ) -> Result<(), SendError> {
        let Kind {
            common,
            id,
            is_handshake,
        } = kind;
        let common = if is_handshake && response.status().is_success() {
            self.begin_session(&common, response.headers().get(SESSION_ID))
        } else {
            common
        };
        if !response.status().is_success() {
            return self.refused(response, &common, id).await;
        }
        let Some(id) = id else {
            if response.body().is_end_stream() {
                lease.release();
            }
            return Ok(());
        };
        match Media::of(response.headers()) {
            Media::Json => self.message(response.into_body(), lease, id).await,
            Media::EventStream => self.follow(response.into_body(), &common, id).await,
            other @ Media::Other(_) => Err(SendError::Invalid(format!(
                "it answers a request with the status {} and {other}, not with application/json or text/event-stream",
                response.status().as_u16()
            ))),
        }
    }

    /// Returns the common headers of a message, and all that messages of its method have. They are kept for the next message, and
    /// for the requests without one.
    fn common(
        &self,
        outgoing: &Outgoing<'_>,
        is_handshake: bool,
    ) -> Result<(Arc<CommonHeaders>, HeaderMap), SendError> {
        let mut latest = self.latest.lock();
        let session = latest.common.session.clone().filter(|_| !is_handshake);
        let common = CommonHeaders::of(outgoing, session)?;
        if let Some(headers) = &latest.headers
            && latest.method == outgoing.method
            && *latest.common == common
        {
            return Ok((Arc::clone(&latest.common), headers.clone()));
        }
        let common = Arc::new(common);
        let mut headers = self.fixed.clone();
        common.insert_of_method(outgoing.method, &mut headers);
        *latest = Latest {
            common: Arc::clone(&common),
            method: outgoing.method,
            headers: Some(headers.clone()),
        };
        Ok((common, headers))
    }

    fn begin_session(
        &self,
        common: &CommonHeaders,
        id: Option<&HeaderValue>,
    ) -> Arc<CommonHeaders> {
        let mut session = id.cloned();
        if let Some(id) = &mut session {
            id.set_sensitive(true);
        }
        self.latest.lock().set_session(session.clone());
        Arc::new(CommonHeaders {
            session,
            ..common.clone()
        })
    }

    /// Returns the common headers of requests without a message.
    pub(super) fn latest(&self) -> Arc<CommonHeaders> {
        Arc::clone(&self.latest.lock().common)
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
        self.latest.lock().set_session(None);
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
        let request = self.request(method, headers, body);
        let sent = self.client.request(request.into()).await;
        sent.map_err(|error| self.unreachable(&*error))
    }

    fn request(&self, method: Method, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = headers;
        request
    }

    #[cold]
    fn unreachable(&self, error: &(dyn Error + 'static)) -> SendError {
        SendError::Unreachable(format!(
            "`{}` cannot be reached: {}",
            self.shown,
            chain(error)
        ))
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
                self.receiver.receive(reply, Some(id));
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
        if latest.common.session == common.session {
            latest.set_session(None);
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
