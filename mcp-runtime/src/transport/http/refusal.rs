//! The refusal of a connection beyond the limits: 503, as far as the client takes it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;

/// The response. Its text is not a JSON-RPC message, because the request is not read.
const RESPONSE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\n\
    Retry-After: 1\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 47\r\n\
    \r\n\
    The server has too many connections: try again\n";

/// The time that a client has to take the response.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of refused connections that are open. Further ones are closed without a response.
const MAX_OPEN: usize = 64;

/// The connections that are being refused.
#[derive(Default)]
pub(super) struct Refusals(JoinSet<()>);

impl Refusals {
    /// Answers a new connection with 503 and closes it. The listener does not wait for the client.
    pub(super) fn refuse(&mut self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        while self.0.try_join_next().is_some() {}
        if self.0.len() < MAX_OPEN {
            self.0.spawn(async {
                // The client may be gone.
                let _ = tokio::time::timeout(TIMEOUT, respond(stream)).await;
            });
        }
    }
}

/// Writes the response, and reads what the client has sent: closing a socket with unread bytes resets the connection, and the
/// client may receive the reset before the response.
async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    stream.write_all(RESPONSE).await?;
    stream.shutdown().await?;
    let mut discarded = [0; 8192];
    while stream.read(&mut discarded).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clients_that_take_nothing_are_left_after_a_while() {
        let mut refusals = Refusals::default();
        let mut clients = Vec::new();
        for _ in 0..=MAX_OPEN {
            let (client, server) = tokio::io::duplex(4);
            refusals.refuse(server);
            clients.push(client);
        }
        assert_eq!(refusals.0.len(), MAX_OPEN);
        tokio::time::sleep(2 * TIMEOUT).await;
        let (mut client, server) = tokio::io::duplex(1024);
        refusals.refuse(server);
        assert_eq!(refusals.0.len(), 1);
        client
            .write_all(b"GET / HTTP/1.1\r\n")
            .await
            .expect("written");
        let mut response = String::new();
        client.read_to_string(&mut response).await.expect("read");
        let (head, text) = response.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        let length = format!("Content-Length: {}", text.len());
        assert!(
            head.contains(&length) && head.contains("Retry-After: 1"),
            "{head}"
        );
    }
}
