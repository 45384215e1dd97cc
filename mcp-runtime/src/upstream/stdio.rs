//! An upstream server that is a process: messages are lines of its stdin and stdout.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Semaphore, mpsc, watch};

use super::transport::{LARGEST_MESSAGE, Outgoing, Receive, SendError, Transport};
use crate::service::BoxFuture;

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
    lines: mpsc::UnboundedSender<(String, tokio::sync::OwnedSemaphorePermit)>,
    unwritten: Arc<Semaphore>,
    /// `true` when the process shall end.
    ending: watch::Sender<bool>,
    /// Closed when the process has ended.
    ended: watch::Receiver<()>,
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
        let (lines, queue) = mpsc::unbounded_channel();
        let (ending, asked_to_end) = watch::channel(false);
        let (running, ended) = watch::channel(());
        tokio::spawn(async move {
            // Dropping it says that the process has ended.
            let _running = running;
            run(child, input, output, queue, asked_to_end, receive).await;
        });
        Ok(Self {
            lines,
            unwritten: Arc::new(Semaphore::new(MAX_UNWRITTEN)),
            ending,
            ended,
        })
    }
}

/// Exchanges messages with a process until one of the two ends, and then ends the process.
async fn run(
    mut child: Child,
    mut input: ChildStdin,
    output: ChildStdout,
    mut queue: mpsc::UnboundedReceiver<(String, tokio::sync::OwnedSemaphorePermit)>,
    mut asked_to_end: watch::Receiver<bool>,
    receive: Arc<dyn Receive>,
) {
    let writing = async {
        let input = &mut input;
        while let Some((line, _permit)) = queue.recv().await {
            if input.write_all(line.as_bytes()).await.is_err() {
                break;
            }
        }
        // A process that does not read any more may still write.
        std::future::pending::<()>().await;
    };
    let asked = async move {
        let _ = asked_to_end.wait_for(|ends| *ends).await.is_ok();
    };
    let mut reading = std::pin::pin!(read_lines(output, &*receive));
    let why = tokio::select! {
        () = writing => String::new(),
        why = &mut reading => why,
        () = asked => {
            // The last replies of the process are read while it ends.
            drop(input);
            let _ = tokio::time::timeout(GRACE, reading).await;
            "the connection was closed".to_owned()
        }
    };
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
                return format!("a message has more than {LARGEST_MESSAGE} bytes");
            }
            Ok(0) => return "the program has ended".to_owned(),
            Ok(_) => {}
            Err(error) => return format!("its output cannot be read: {error}"),
        }
        if line.last() != Some(&b'\n') {
            continue;
        }
        let text = std::str::from_utf8(&line).map(str::trim);
        match text {
            Ok("") => {}
            // Programs print other lines, such as a greeting, although they should not.
            Ok(text) if text.starts_with('{') => receive.receive(text.to_owned(), None),
            Ok(text) => tracing::warn!(
                line = text.chars().take(200).collect::<String>(),
                "an upstream server writes a line that is no message"
            ),
            Err(_) => tracing::warn!("an upstream server writes a line that is not UTF-8"),
        }
        line.clear();
        line.shrink_to(64 * 1024);
    }
}

impl Transport for StdioTransport {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<Result<(), SendError>> {
        let mut line = outgoing.json;
        line.push('\n');
        let size = u32::try_from(line.len()).unwrap_or(u32::MAX);
        let (lines, unwritten) = (self.lines.clone(), Arc::clone(&self.unwritten));
        let gone = || SendError::Unreachable("the program has ended".to_owned());
        // The usual case needs no waiting, and keeps the order of the messages.
        let permit = Arc::clone(&unwritten).try_acquire_many_owned(size);
        if let Ok(permit) = permit {
            let sent = lines.send((line, permit)).map_err(|_| gone());
            return Box::pin(std::future::ready(sent));
        }
        Box::pin(async move {
            if size as usize > MAX_UNWRITTEN {
                return Err(SendError::Invalid("the message is too large".to_owned()));
            }
            let permit = unwritten
                .acquire_many_owned(size)
                .await
                .map_err(|_| gone())?;
            lines.send((line, permit)).map_err(|_| gone())
        })
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
