//! The connections to a server: HTTP/1.1, with TLS for `https`. Idle connections are used again.
//!
//! The client of hyper-util costs a call ten thousand instructions more, because it serves any number of hosts.

use std::error::Error;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::RootCertStore;
use tower_service::Service;

use crate::service::BoxFuture;
use crate::sync::Mutex;
use crate::trust::client_config;

/// The maximum time to connect: the lookup of the name, TCP and TLS.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The maximum time that an idle connection is kept. Common servers close theirs after 5 seconds; a request that is sent at
/// that moment would fail.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// The time after which an open stream without data is tested by TCP, so that a server that has vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(60);

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The reason why a request has no response. It has the request if the server did not get it.
pub(super) type SendFailure = TrySendError<Request<Full<Bytes>>>;

/// The connections to one server.
pub(super) struct HttpClient {
    connector: Connector,
    /// The address of the server.
    to: Uri,
    idle: Arc<Mutex<Idle>>,
}

pub(super) type Sender = SendRequest<Full<Bytes>>;

/// A request that is not sent yet, and a connection that will be ready for it.
pub(super) struct Unsent {
    request: Request<Full<Bytes>>,
    sender: Option<Sender>,
}

impl From<Request<Full<Bytes>>> for Unsent {
    fn from(request: Request<Full<Bytes>>) -> Self {
        let sender = None;
        Self { request, sender }
    }
}

/// The connections that wait for a request, and the times since which they do.
#[derive(Default)]
struct Idle {
    waiting: Vec<(Sender, Instant)>,
    /// `true` while a task ends those that wait for too long.
    is_swept: bool,
}

impl Idle {
    fn sweep(&mut self) {
        self.waiting
            .retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE_LIMIT);
        self.is_swept = !self.waiting.is_empty();
    }
}

/// A connection with a response that is being read. Dropping it ends the connection after the response.
pub(super) struct Lease {
    sender: Sender,
    idle: Arc<Mutex<Idle>>,
}

impl Lease {
    /// Keeps the connection for another request, because the response was read to its end.
    pub(super) fn release(self) {
        let starts = {
            let mut idle = self.idle.lock();
            idle.waiting.push((self.sender, Instant::now()));
            !std::mem::replace(&mut idle.is_swept, true)
        };
        if starts {
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
    }
}

/// Ends the connections that are idle for too long, until there are none.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(IDLE_LIMIT).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = idle.lock();
        idle.sweep();
        if !idle.is_swept {
            return;
        }
    }
}

impl HttpClient {
    /// Sends a request, whose target is the path, on an idle connection, if one is ready. The future waits for the head of the
    /// response; [`Self::lease`] then keeps the connection.
    ///
    /// # Errors
    /// Returns the request if no connection is ready.
    #[allow(clippy::result_large_err)] // the request is sent again
    pub(super) fn try_send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<
        (
            Sender,
            impl Future<Output = Result<Response<Incoming>, SendFailure>> + Send + use<>,
        ),
        Unsent,
    > {
        match self.waiting() {
            Some(mut sender) if sender.is_ready() => {
                let response = sender.try_send_request(request);
                Ok((sender, response))
            }
            sender => Err(Unsent { request, sender }),
        }
    }

    /// Sends a request again that the server did not get, because it has closed the connection before.
    ///
    /// # Errors
    /// Returns the error if the server may have got the request, and the errors of [`Self::request`].
    pub(super) async fn retry(
        &self,
        mut error: SendFailure,
    ) -> Result<(Response<Incoming>, Lease), BoxError> {
        match error.take_message() {
            Some(unsent) => self.request(unsent.into()).await,
            None => Err(error.into_error().into()),
        }
    }

    /// Sends a request, whose target is the path, and waits for the head of the response.
    ///
    /// # Errors
    /// Returns an error if there is no connection, or if it breaks.
    pub(super) async fn request(
        &self,
        unsent: Unsent,
    ) -> Result<(Response<Incoming>, Lease), BoxError> {
        let Unsent {
            mut request,
            mut sender,
        } = unsent;
        while let Some(mut sender) = sender.take().or_else(|| self.waiting()) {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, self.lease(sender))),
                // The server has closed the connection before it got the request.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut sender = Box::pin(self.connect()).await?;
        let response = sender.send_request(request).await?;
        Ok((response, self.lease(sender)))
    }

    /// Returns the connection that has waited for the shortest time.
    fn waiting(&self) -> Option<Sender> {
        let mut idle = self.idle.lock();
        loop {
            let (sender, since) = idle.waiting.pop()?;
            if !sender.is_closed() && since.elapsed() < IDLE_LIMIT {
                return Some(sender);
            }
        }
    }

    pub(super) fn lease(&self, sender: Sender) -> Lease {
        let idle = Arc::clone(&self.idle);
        Lease { sender, idle }
    }

    async fn connect(&self) -> Result<Sender, BoxError> {
        let stream = self.connector.clone().call(self.to.clone()).await?;
        // One write of a copy costs less than one of several buffers, because most messages are short.
        let handshake = Builder::new().writev(false).handshake(stream);
        let (sender, connection) = handshake.await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an upstream server broke");
            }
        });
        Ok(sender)
    }
}

/// Returns a client of this server that trusts these certificate authorities.
pub(super) fn client(to: Uri, roots: RootCertStore) -> Result<HttpClient, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(client_config(roots)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(HttpClient {
        connector: Connector(connector),
        to,
        idle: Arc::default(),
    })
}

/// A connector with a time limit.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connected = timeout(CONNECT_LIMIT, self.0.call(to));
        Box::pin(async move {
            connected
                .await
                .map_err(|_| format!("there is no connection after {CONNECT_LIMIT:?}"))?
        })
    }
}
