//! Streamable HTTP.
use std::sync::Arc;
use crate::service::Service;
#[derive(Clone, Default)]
pub(crate) struct HttpOptions { pub(crate) path: Option<String>, pub(crate) allowed_hosts: Vec<String>, pub(crate) allowed_origins: Vec<String> }
/// Stub.
pub struct HttpService;
/// Stub.
pub struct HttpBody;
impl HttpService { pub(crate) fn new(_: Arc<dyn Service>, _: HttpOptions) -> Self { Self } }
pub(crate) async fn serve(_: tokio::net::TcpListener, _: HttpService, _: impl Future<Output=()>) -> std::io::Result<()> { Ok(()) }
