//! The signals of a process: the first stops the server, the second ends the process.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mcp_tests::schemas::MODERN;

use super::http::Address;
use super::unix_socket::unused_path;
use super::{LEGACY, call, listen, outcome};

pub(super) const TERM: &str = "TERM";
pub(super) const INT: &str = "INT";

pub(super) struct Server {
    pub(super) child: Child,
    /// The lines of its stderr.
    lines: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Server {
    let program = env!("CARGO_BIN_EXE_stopping-server");
    Server::start(program, arguments, variables)
}

impl Server {
    pub(super) fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Server { child, lines }
    }

    /// Waits for a line of stderr that contains this text.
    pub(super) fn says(&self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(10));
            let line = line.unwrap_or_else(|_| panic!("the server does not print `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-s", name, &id]).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for the end. Returns the exit code and the time that it took.
    fn end(&mut self) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        let status = self.status();
        assert_eq!(status.signal(), None);
        (status.code(), begin.elapsed())
    }

    /// Waits for the end.
    pub(super) fn status(&mut self) -> ExitStatus {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the process does not end");
    }

    /// Starts a call over the transport of the server, and waits until its handler runs.
    fn call(&mut self, transport: &str, tool: &str, milliseconds: u64) {
        let message = call(MODERN, 1, tool, milliseconds);
        if transport == "stdio" {
            let stdin = self.child.stdin.as_mut().unwrap();
            writeln!(stdin, "{message}").unwrap();
        } else {
            let address = self.address(transport);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.unwrap().block_on(async {
                    // The connection of a process that is ended breaks.
                    let opened =
                        tokio::spawn(
                            async move { address.open(None, Some(&message)).await.status },
                        );
                    let _ = opened.await;
                });
            });
        }
        self.says("running");
    }

    fn address(&self, transport: &str) -> Address {
        let line = self.says("Serving MCP");
        match transport {
            "http" => {
                let address = line.split("http://").nth(1).unwrap();
                Address::Tcp(address.split('/').next().unwrap().parse().unwrap())
            }
            _ => Address::Unix(line.split('`').nth(1).unwrap().into()),
        }
    }
}

/// Returns the arguments that serve each transport.
fn transports() -> [(&'static str, Vec<String>); 3] {
    let socket = unused_path().display().to_string();
    [
        ("stdio", vec![]),
        ("http", vec!["--http".to_owned(), "127.0.0.1:0".to_owned()]),
        ("unix", vec!["--unix".to_owned(), socket]),
    ]
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn the_first_signal_lets_calls_finish_and_stops_the_lifespan() {
    for signal in [TERM, INT] {
        for (transport, arguments) in transports() {
            let mut server = start(&borrowed(&arguments), &[("GRACE", "5000")]);
            server.call(transport, "wait", 400);
            server.signal(signal);
            server.says("stopping");
            let (code, took) = server.end();
            assert_eq!(code, Some(0), "{transport}, {signal}");
            assert!(took < Duration::from_secs(1), "{transport}: {took:?}");
            if transport == "stdio" {
                let mut output = String::new();
                let stdout = server.child.stdout.as_mut().unwrap();
                stdout.read_to_string(&mut output).unwrap();
                assert!(output.contains("waited"), "{output}");
            }
            if let Some(path) = arguments.get(1).filter(|_| transport == "unix") {
                assert!(
                    !std::path::Path::new(path).exists(),
                    "the socket file remains"
                );
            }
        }
    }
}

/// The streams end at once, then the calls, and then the state.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_streams_and_sessions_and_lets_their_calls_finish() {
    for (transport, arguments) in transports().into_iter().skip(1) {
        for signal in [TERM, INT] {
            let mut server = start(&borrowed(&arguments), &[("GRACE", "5000")]);
            let address = server.address(transport);
            let session = address.initialize().await;
            let mut subscription = address.open(None, Some(&listen(1))).await;
            let mut stream = address.open(Some(&session), None).await;
            let calls = [(MODERN, None), (LEGACY, Some(session))].map(|(revision, session)| {
                let (address, message) = (address.clone(), call(revision, 2, "wait", 600));
                tokio::spawn(async move {
                    let mut response = address.open(session.as_deref(), Some(&message)).await;
                    response.messages().await
                })
            });
            server.says("running");
            server.says("running");
            let begin = Instant::now();
            server.signal(signal);
            let last = subscription.messages().await;
            assert!(last.last().is_some_and(|it| it["id"] == 1), "{last:?}");
            stream.messages().await;
            let streams_ended = begin.elapsed();
            assert!(
                streams_ended < Duration::from_millis(500),
                "{streams_ended:?}"
            );
            for call in calls {
                let messages = call.await.unwrap();
                assert_eq!(outcome(&messages[0]), "waited", "{transport}, {signal}");
            }
            server.says("the state ends beside 0 calls");
            let (code, took) = server.end();
            assert_eq!(code, Some(0), "{transport}, {signal}");
            assert!(took < Duration::from_secs(1), "{transport}: {took:?}");
        }
    }
}

/// Neither handlers that block a thread, nor a lifespan that does not stop, keep the process.
#[test]
fn the_process_ends_with_its_grace_periods() {
    for (transport, arguments) in transports() {
        for (tool, stop, most) in [
            ("wait", "0", 900),
            ("sleep", "0", 900),
            ("block", "0", 900),
            ("wait", "20000", 1200),
            ("block", "20000", 1200),
        ] {
            let variables = [("GRACE", "300"), ("STOP", stop)];
            let mut server = start(&borrowed(&arguments), &variables);
            server.call(transport, tool, 20_000);
            server.signal(TERM);
            let (code, took) = server.end();
            let place = format!("{transport}, {tool}, {stop}: {took:?}");
            assert_eq!(code, Some(0), "{place}");
            assert!(took < Duration::from_millis(most), "{place}");
        }
    }
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    for (transport, arguments) in transports() {
        for (tool, stop) in [("wait", "0"), ("sleep", "0"), ("block", "0"), ("", "20000")] {
            for (first, second, code) in [(TERM, INT, 130), (INT, TERM, 143), (TERM, TERM, 143)] {
                let variables = [("GRACE", "20000"), ("STOP", stop)];
                let mut server = start(&borrowed(&arguments), &variables);
                if tool.is_empty() {
                    server.says("starting");
                    std::thread::sleep(Duration::from_millis(50));
                } else {
                    server.call(transport, tool, 20_000);
                }
                server.signal(first);
                if tool.is_empty() {
                    server.says("stopping");
                } else {
                    std::thread::sleep(Duration::from_millis(50));
                }
                assert!(server.child.try_wait().unwrap().is_none());
                server.signal(second);
                let (ended, took) = server.end();
                let place = format!("{transport}, {tool}, {first}, {second}: {took:?}");
                assert_eq!(ended, Some(code), "{place}");
                assert!(took < Duration::from_millis(200), "{place}");
            }
        }
    }
}

/// While a lifespan starts, the first signal stops those that have started, and the second ends the process.
#[test]
fn signals_end_a_process_whose_lifespan_starts() {
    for (transport, arguments) in transports() {
        let variables = [("START", "20000"), ("GRACE", "300")];
        let mut server = start(&borrowed(&arguments), &variables);
        server.says("starting");
        server.signal(TERM);
        let (code, took) = server.end();
        assert_eq!(code, Some(0), "{transport}");
        assert!(took < Duration::from_millis(500), "{transport}: {took:?}");

        let variables = [("START_BLOCKED", "20000"), ("GRACE", "20000")];
        let mut server = start(&borrowed(&arguments), &variables);
        server.says("starting");
        server.signal(TERM);
        std::thread::sleep(Duration::from_millis(50));
        server.signal(TERM);
        let (code, took) = server.end();
        assert_eq!(code, Some(143), "{transport}");
        assert!(took < Duration::from_millis(200), "{transport}: {took:?}");
    }
}
