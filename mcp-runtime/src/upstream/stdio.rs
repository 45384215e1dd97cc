//! An upstream server that is a process: messages are lines of its stdin and stdout.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use tokio::io::{self, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, watch};

use serde_json::json;

use super::transport::{
    LARGEST_MESSAGE, Outgoing, Receive, SendError, Sending, Transport, on_one_line,
};
use crate::protocol::Id;
use crate::protocol::error::INTERNAL_ERROR;
use crate::protocol::outline::{Outline, Outliner};
use crate::service::BoxFuture;
use crate::sync::Mutex;

/// The time that a process has to end after its stdin was closed, and then after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// The number of bytes that wait to be written to a process.
const MAX_UNWRITTEN: usize = 16 << 20;

/// The program of an upstream server.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) command: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) directory: Option<PathBuf>,
}

/// The connection to a process.
pub(super) struct StdioTransport {
    writer: Arc<Writer>,
    /// `true` when the process shall end.
    ending: watch::Sender<bool>,
    /// Closed when the process has ended.
    ended: watch::Receiver<()>,
}

/// The stdin of a process. A message is written at once by its sender if the process reads; otherwise the rest is written later.
struct Writer {
    state: Mutex<WriterState>,
    /// Told when there is something to write later.
    more: Notify,
}

struct WriterState {
    /// `None` when no further message can be written.
    input: Option<ChildStdin>,
    /// The bytes that are not written yet.
    rest: VecDeque<u8>,
}

impl WriterState {
    /// Writes the start of a line, as far as the process takes it at once. Returns the number of bytes.
    fn write_now(&mut self, line: &[u8]) -> usize {
        let mut task = Task::from_waker(Waker::noop());
        let mut written = 0;
        while written < line.len()
            && let Some(input) = &mut self.input
        {
            match Pin::new(input).poll_write(&mut task, &line[written..]) {
                Poll::Ready(Ok(count)) if count > 0 => written += count,
                Poll::Ready(_) => self.input = None,
                Poll::Pending => break,
            }
        }
        written
    }

    /// Writes as many bytes as the process takes.
    fn write(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Self { input, rest } = self;
        while let Some(open) = input
            && !rest.is_empty()
        {
            match Pin::new(open).poll_write(task, rest.as_slices().0) {
                Poll::Ready(Ok(count)) if count > 0 => drop(rest.drain(..count)),
                Poll::Ready(_) => *input = None,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

impl Writer {
    /// Writes a line.
    ///
    /// # Errors
    /// Returns an error if the process has ended, or has not read many earlier lines.
    fn send(&self, line: &[u8]) -> Result<(), SendError> {
        let mut state = self.state.lock();
        if state.input.is_none() {
            return Err(SendError::Unreachable("the program has ended".to_owned()));
        }
        if state.rest.len() + line.len() > MAX_UNWRITTEN {
            let why = format!("it does not read: {MAX_UNWRITTEN} bytes wait for it");
            return Err(SendError::Unreachable(why));
        }
        if state.rest.is_empty() {
            // The rest of a line must be written even if the call that sends it is dropped.
            let written = state.write_now(line);
            state.rest.extend(&line[written..]);
            if !state.rest.is_empty() {
                self.more.notify_one();
            }
        } else {
            state.rest.extend(line);
        }
        if state.rest.capacity() > 64 * 1024 && state.rest.is_empty() {
            state.rest = VecDeque::new();
        }
        Ok(())
    }

    /// Writes what could not be written at once.
    async fn run(&self) {
        loop {
            poll_fn(|task| self.state.lock().write(task)).await;
            self.more.notified().await;
        }
    }
}

impl StdioTransport {
    /// Starts the process.
    ///
    /// # Errors
    /// Returns an error that names the program if it cannot be started.
    pub(super) fn start(program: &Program, receive: Arc<dyn Receive>) -> Result<Self, String> {
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .envs(&program.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a server writes to stderr belongs to the log of the operator.
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        // The signals of a terminal are for this server, which ends its upstream servers itself.
        #[cfg(unix)]
        command.process_group(0);
        if let Some(directory) = &program.directory {
            command.current_dir(directory);
        }
        let failed = |error| {
            let name = program.command.to_string_lossy();
            format!("the program `{name}` cannot be started: {error}")
        };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the program has no stdin and stdout".to_owned());
        };
        let (ending, asked_to_end) = watch::channel(false);
        let (running, ended) = watch::channel(());
        let writer = Arc::new(Writer {
            state: Mutex::new(WriterState {
                input: Some(input),
                rest: VecDeque::new(),
            }),
            more: Notify::new(),
        });
        let writing = Arc::clone(&writer);
        tokio::spawn(async move {
            // Dropping it says that the process has ended.
            let _running = running;
            run(child, &writing, output, asked_to_end, receive).await;
        });
        Ok(Self {
            writer,
            ending,
            ended,
        })
    }
}

/// Exchanges messages with a process until one of the two ends, and then ends the process.
async fn run(
    mut child: Child,
    writer: &Writer,
    output: ChildStdout,
    mut asked_to_end: watch::Receiver<bool>,
    receive: Arc<dyn Receive>,
) {
    let asked = async move {
        let _ = asked_to_end.wait_for(|ends| *ends).await.is_ok();
    };
    // A task of its own, so that a message wakes nothing else.
    let receiving = Arc::clone(&receive);
    let mut reading = tokio::spawn(async move { read_lines(output, &*receiving).await });
    let why = tokio::select! {
        () = writer.run() => String::new(),
        why = &mut reading => why.unwrap_or_else(|error| error.to_string()),
        () = asked => {
            // The last replies of the process are read while it ends.
            writer.state.lock().input = None;
            let _ = tokio::time::timeout(GRACE, &mut reading).await;
            "the connection was closed".to_owned()
        }
    };
    writer.state.lock().input = None;
    reading.abort();
    let status = end(&mut child).await;
    let why = match status {
        Some(status) => format!("{why} ({status})"),
        None => why,
    };
    receive.lost(&why);
}

/// Waits until a process has ended, and kills it if that takes too long.
async fn end(child: &mut Child) -> Option<std::process::ExitStatus> {
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status.ok();
    }
    #[cfg(unix)]
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok())
        && let Some(id) = rustix::process::Pid::from_raw(id)
    {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
            return status.ok();
        }
    }
    let _ = child.kill().await;
    None
}

/// Receives the lines of a process until its stdout ends. Returns why it ends.
async fn read_lines(output: ChildStdout, receive: &dyn Receive) -> String {
    let mut output = BufReader::with_capacity(16 * 1024, output);
    let mut line = Vec::new();
    loop {
        let limit = (LARGEST_MESSAGE + 2).saturating_sub(line.len());
        let mut limited = (&mut output).take(limit as u64);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) if line.len() > LARGEST_MESSAGE => {
                match rest_of_line(&mut output, &line).await {
                    Ok(outline) => {
                        let why = format!("its response has more than {LARGEST_MESSAGE} bytes");
                        unreadable(outline, &why, receive);
                    }
                    Err(error) => return format!("its output cannot be read: {error}"),
                }
                line = Vec::new();
                continue;
            }
            Ok(0) => return "the program has ended".to_owned(),
            Ok(_) => {}
            Err(error) => return format!("its output cannot be read: {error}"),
        }
        if line.last() != Some(&b'\n') {
            continue;
        }
        receive_line(&mut line, receive);
    }
}

/// Receives a line, which is taken.
fn receive_line(line: &mut Vec<u8>, receive: &dyn Receive) {
    let mut line = std::mem::take(line);
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    let text = match String::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let outline = Outliner::read(error.as_bytes());
            return unreadable(outline, "its response is not UTF-8", receive);
        }
    };
    if text.trim_ascii_start().starts_with('{') {
        receive.receive(text, None);
    } else if !text.trim_ascii().is_empty() {
        // Programs print other lines, such as a greeting, although they should not.
        tracing::warn!(
            line = text.trim().chars().take(200).collect::<String>(),
            "an upstream server writes a line that is no message"
        );
    }
}

/// Reads a line that is too long to its end, without keeping it. Most servers write the id before the result, and some after it.
async fn rest_of_line(output: &mut BufReader<ChildStdout>, start: &[u8]) -> io::Result<Outline> {
    let mut outliner = Outliner::default();
    outliner.feed(start);
    loop {
        let bytes = output.fill_buf().await?;
        let end = memchr::memchr(b'\n', bytes);
        outliner.feed(&bytes[..end.unwrap_or(bytes.len())]);
        let (count, is_last) = (end.map_or(bytes.len(), |end| end + 1), bytes.is_empty());
        output.consume(count);
        if end.is_some() || is_last {
            return Ok(outliner.finish());
        }
    }
}

/// Fails the request that a message answers which cannot be read.
fn unreadable(outline: Outline, why: &str, receive: &dyn Receive) {
    match outline.id {
        Some(Id::Number(id)) if outline.is_response => {
            let error = json!({ "code": INTERNAL_ERROR, "message": why });
            let reply = json!({ "jsonrpc": "2.0", "id": id, "error": error });
            receive.receive(reply.to_string(), None);
        }
        _ => tracing::warn!(why, "a message of an upstream server is ignored"),
    }
}

impl Transport for StdioTransport {
    fn send(&self, outgoing: Outgoing<'_>) -> Sending {
        // A line break within the message would let a client send messages of its own to the process.
        let mut line = on_one_line(outgoing.json);
        line.push('\n');
        Sending::Done(self.writer.send(line.as_bytes()))
    }

    fn close(&self) -> BoxFuture<()> {
        let _ = self.ending.send(true);
        let mut ended = self.ended.clone();
        Box::pin(async move {
            // The error says that the sender is gone, and so the process.
            while ended.changed().await.is_ok() {}
        })
    }
}
