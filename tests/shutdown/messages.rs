//! Connections that carry all messages of their client: byte streams and transports of the application.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::stopping::{Probe, server};
use mcp_runtime::{Limits, ServeError, Transport};
use mcp_tests::conversation::Conversation;
use mcp_tests::schemas::MODERN;
use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use super::{LEGACY, TOLERANCE, call, grace, initialize, listen, outcome, reaches, stops};

/// The ways to serve such a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Streams,
    Serve,
    /// [`mcp_runtime::RunningServer::serve`].
    Running,
}

const WAYS: [Way; 3] = [Way::Streams, Way::Serve, Way::Running];

/// What starts the shutdown.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trigger {
    Future,
    Handle,
}

struct LineTransport {
    lines: Mutex<Lines<BufReader<ReadHalf<DuplexStream>>>>,
    writer: Mutex<WriteHalf<DuplexStream>>,
}

impl Transport for LineTransport {
    async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let line = self.lines.lock().await.next_line().await?;
        Ok(line.map(String::into_bytes))
    }

    async fn send(&self, message: String) -> io::Result<()> {
        let line = message + "\n";
        self.writer.lock().await.write_all(line.as_bytes()).await
    }

    async fn close(&self) -> io::Result<()> {
        self.writer.lock().await.shutdown().await
    }
}

struct Connection {
    conversation: Conversation,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    stop: Arc<Notify>,
    serving: JoinHandle<Result<(), ServeError>>,
}

async fn connect(way: Way, trigger: Trigger, probe: &Arc<Probe>, limits: Limits) -> Connection {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(far);
    let stop = Arc::<Notify>::default();
    let server = server(probe).limits(limits);
    let handle = server.handle();
    let told = Arc::clone(&stop);
    let shutdown = async move {
        told.notified().await;
        if trigger == Trigger::Handle {
            handle.stop().await;
            std::future::pending::<()>().await;
        }
    };
    let serving = match way {
        Way::Streams => tokio::spawn(server.serve_streams_with_shutdown(reader, writer, shutdown)),
        Way::Serve => tokio::spawn(server.serve_with_shutdown(transport(reader, writer), shutdown)),
        Way::Running => {
            let running = server.start().await.unwrap();
            tokio::spawn(async move {
                let serving = running.serve(transport(reader, writer));
                tokio::pin!(serving);
                tokio::select! {
                    ended = serving.as_mut() => ended,
                    () = shutdown => {
                        tokio::join!(serving, running.clone().stop()).0
                    }
                }
            })
        }
    };
    let (reader, writer) = tokio::io::split(near);
    Connection {
        conversation: Conversation::new(LEGACY),
        lines: BufReader::new(reader).lines(),
        writer,
        stop,
        serving,
    }
}

fn transport(reader: ReadHalf<DuplexStream>, writer: WriteHalf<DuplexStream>) -> LineTransport {
    LineTransport {
        lines: Mutex::new(BufReader::new(reader).lines()),
        writer: Mutex::new(writer),
    }
}

impl Connection {
    async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.conversation.wrote(line.as_bytes());
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Option<Value> {
        let line = self.lines.next_line().await.unwrap()?;
        let message = serde_json::from_str(&line).unwrap();
        self.conversation.received(&message);
        Some(message)
    }

    /// Opens a session or a subscription.
    async fn open(&mut self, revision: &str) {
        let message = match revision {
            MODERN => listen(1),
            _ => initialize(1),
        };
        self.send(&message).await;
        self.next().await.unwrap();
    }
}

#[tokio::test]
async fn calls_finish_subscriptions_end_and_then_the_lifespan_stops() {
    for way in WAYS {
        for revision in [MODERN, LEGACY] {
            for trigger in [Trigger::Future, Trigger::Handle] {
                let place = format!("{way:?}, {revision}, {trigger:?}");
                let probe = Arc::new(Probe::default());
                let mut connection = connect(way, trigger, &probe, grace(5000)).await;
                connection.open(revision).await;
                connection.send(&call(revision, 2, "wait", 200)).await;
                reaches(&probe.running, 1).await;

                let begin = Instant::now();
                connection.stop.notify_one();
                let mut messages = Vec::new();
                while let Some(message) = connection.next().await {
                    messages.push(message);
                }
                let reply = messages.iter().find(|message| message["id"] == 2);
                assert_eq!(outcome(reply.expect(&place)), "waited", "{place}");
                let is_ended = messages.iter().any(|message| message["id"] == 1);
                assert_eq!(is_ended, revision == MODERN, "{place}: {messages:?}");
                connection.serving.await.unwrap().unwrap();
                assert_eq!(stops(&probe), (1, 0), "{place}");
                assert!(begin.elapsed() < Duration::from_secs(2), "{place}");
            }
        }
    }
}

/// A handler on a thread cannot be cancelled. It is left behind.
#[tokio::test]
async fn calls_that_exceed_the_grace_period_are_cancelled() {
    for way in WAYS {
        for (tool, left_behind) in [("wait", 0), ("sleep", 1)] {
            let place = format!("{way:?}, {tool}");
            let probe = Arc::new(Probe::default());
            let mut connection = connect(way, Trigger::Future, &probe, grace(200)).await;
            connection.send(&call(MODERN, 2, tool, 2500)).await;
            reaches(&probe.running, 1).await;
            let begin = Instant::now();
            connection.stop.notify_one();
            connection.serving.await.unwrap().unwrap();
            let elapsed = begin.elapsed();
            assert!(
                elapsed >= Duration::from_millis(190),
                "{place}: {elapsed:?}"
            );
            assert!(elapsed < TOLERANCE, "{place}: {elapsed:?}");
            assert_eq!(stops(&probe), (1, left_behind), "{place}");
        }
    }
}

/// The end of the input is followed by the same sequence.
#[tokio::test]
async fn the_lifespan_stops_after_the_last_call_when_the_input_ends() {
    for way in [Way::Streams, Way::Serve] {
        let probe = Arc::new(Probe::default());
        let mut connection = connect(way, Trigger::Future, &probe, grace(5000)).await;
        connection.open(MODERN).await;
        connection.send(&call(MODERN, 2, "wait", 200)).await;
        reaches(&probe.running, 1).await;
        connection.writer.shutdown().await.unwrap();
        connection.serving.await.unwrap().unwrap();
        assert_eq!(stops(&probe), (1, 0), "{way:?}");
    }
}
