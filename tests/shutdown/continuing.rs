//! A program that goes on after its server has stopped, for tests of the signals that it then receives.
//!
//! The first argument is the transport: `stdio`, `http`, `listener` or `unix`. The second one says when the program registers
//! its own handlers of signals: `never`, `before` the server runs, or `while` it runs. The server stops when stdin ends.

use std::io::Read as _;
use std::time::Duration;

use mcp_runtime::prelude::*;
use mcp_runtime::{ServeError, ServerHandle};

/// Does nothing.
#[tool]
fn nothing() {}

/// The time that the program goes on.
const REST: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [transport, when] = &arguments[..] else {
        eprintln!("usage: continuing-program TRANSPORT WHEN");
        return Ok(());
    };
    // The second server finds the process as the first one has left it.
    for number in [1, 2] {
        handle_signals_if(number == 1 && when == "before");
        let server = Server::new("continuing", "1").with(components![nothing]);
        let serving = serve(server, transport);
        let running = async {
            handle_signals_if(number == 1 && when == "while");
            eprintln!("serving {number}");
        };
        tokio::join!(serving, running).0?;
    }
    eprintln!("ended");
    tokio::time::sleep(REST).await;
    Ok(())
}

async fn serve(server: Server, transport: &str) -> Result<(), ServeError> {
    if transport == "stdio" {
        return server.serve_stdio().await;
    }
    let handle = server.handle();
    tokio::select! {
        ended = serve_http(server, transport) => ended,
        ended = stop_when_stdin_ends(handle) => ended,
    }
}

async fn serve_http(server: Server, transport: &str) -> Result<(), ServeError> {
    match transport {
        "http" => server.serve_http("127.0.0.1:0").await,
        "listener" => {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.map_err(ServeError::Bind)?;
            server.serve_listener(listener).await
        }
        #[cfg(unix)]
        _ => {
            let name = format!("mcp-continuing-{}.sock", std::process::id());
            server.serve_unix(std::env::temp_dir().join(name)).await
        }
        #[cfg(not(unix))]
        _ => Ok(()),
    }
}

/// Never returns: the function that serves returns when the server has stopped.
async fn stop_when_stdin_ends(handle: ServerHandle) -> Result<(), ServeError> {
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(read).await;
    while !handle.is_ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    handle.stop().await;
    std::future::pending().await
}

/// Registers handlers that print the signals.
#[cfg(unix)]
fn handle_signals_if(condition: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    if !condition {
        return;
    }
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let Ok(mut signals) = signal(kind) else {
            return eprintln!("no handler");
        };
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                eprintln!("handled");
            }
        });
    }
}

#[cfg(not(unix))]
fn handle_signals_if(_: bool) {}
