//! The least that a server can cost on the same tokio: `floor stdio` parses a line and answers it, `floor http` reads a
//! body and answers the same JSON to everybody. Neither knows the protocol.

use std::convert::Infallible;
use std::error::Error;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;

const ANSWER: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"5"}],"structuredContent":{"result":5.0}}}"#;

async fn stdio() -> io::Result<()> {
    let input = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
    let output = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
    let mut reader = BufReader::new(pipe::Receiver::from_owned_fd(input)?);
    let mut writer = pipe::Sender::from_owned_fd(output)?;
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        let request: Value = serde_json::from_slice(&line)?;
        let arguments = &request["params"]["arguments"];
        let sum = arguments["a"].as_f64().unwrap_or_default()
            + arguments["b"].as_f64().unwrap_or_default();
        let answer = json!({
            "jsonrpc": "2.0",
            "id": request["id"],
            "result": {
                "content": [{ "type": "text", "text": sum.to_string() }],
                "structuredContent": { "result": sum },
            },
        });
        line.clear();
        let mut bytes = serde_json::to_vec(&answer)?;
        bytes.push(b'\n');
        writer.write_all(&bytes).await?;
    }
    Ok(())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    Ok(Response::new(Full::new(Bytes::from_static(ANSWER))))
}

/// It is ended from outside.
async fn http() -> io::Result<Infallible> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("Serving at http://{}/mcp", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
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
        // On a worker, as in a server of mcp-runtime.
        Some("stdio") => runtime.block_on(runtime.spawn(stdio()))??,
        Some("http") => runtime.block_on(runtime.spawn(http())).map(|_| ())?,
        _ => return Err("floor stdio, or floor http".into()),
    }
    Ok(())
}
