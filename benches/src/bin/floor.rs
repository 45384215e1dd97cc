//! A lower bound: programs without a framework on the same tokio, hyper and serde. `floor stdio` and `floor http` treat
//! every message as a call of `add`, and do not implement the protocol.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    arguments: Arguments,
}

#[derive(Deserialize)]
struct Arguments {
    a: f64,
    b: f64,
}

/// Returns the response to a call of `add`, with a newline at the end.
fn answer(call: &[u8]) -> serde_json::Result<String> {
    let Request { id, params } = serde_json::from_slice(call)?;
    let sum = params.arguments.a + params.arguments.b;
    Ok(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{sum}\"}}],\
         \"structuredContent\":{{\"result\":{sum:?}}}}}}}\n"
    ))
}

async fn stdio() -> io::Result<()> {
    let input = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
    let output = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
    let mut reader = BufReader::new(pipe::Receiver::from_owned_fd(input)?);
    let mut writer = pipe::Sender::from_owned_fd(output)?;
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        writer.write_all(answer(&line)?.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

async fn respond(
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let call = request.into_body().collect().await?.to_bytes();
    let body = Full::new(answer(&call)?.into());
    let json = HeaderValue::from_static("application/json");
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// Serves until the process is stopped by a signal.
async fn http() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("Serving at http://{}/mcp", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("{error}");
            }
        });
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match std::env::args().nth(1).as_deref() {
        // On a worker thread, as in a server of mcp-runtime.
        Some("stdio") => runtime.block_on(runtime.spawn(stdio()))??,
        Some("http") => runtime.block_on(runtime.spawn(http()))??,
        _ => return Err("usage: floor stdio | floor http".into()),
    }
    Ok(())
}
