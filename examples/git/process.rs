//! The program `git`: its environment, its limits and its output.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mcp_runtime::ToolError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// The time limit of one command.
const TIME: Duration = Duration::from_secs(30);

/// The time that a command has to end after it was told so.
const STOPPING: Duration = Duration::from_secs(2);

/// The maximum size of the output of one command, in bytes. The rest is left out.
pub(crate) const OUTPUT: u64 = 1 << 20;

/// The maximum size of an error message of git, in bytes.
const MESSAGE: u64 = 4 << 10;

/// Settings that override those of a repository, because they run programs or change the format of the output.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.editor", "false"),
    ("core.askPass", "false"),
    ("core.sshCommand", "false"),
    ("core.pager", "cat"),
    ("credential.helper", ""),
    ("diff.external", ""),
    ("commit.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("color.ui", "never"),
    ("column.ui", "never"),
    ("core.abbrev", "7"),
];

/// The program, and the folder to which it is limited.
pub(crate) struct Git {
    program: OsString,
    /// The absolute path without links.
    pub(crate) folder: PathBuf,
    time: Duration,
    /// Held by a tool that changes a repository: git refuses a second change at the same time.
    pub(crate) changing: Mutex<()>,
}

impl Git {
    pub(crate) fn new(program: OsString, folder: &Path) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        if !folder.is_dir() {
            return Err(io::Error::other("not a folder"));
        }
        Ok(Self {
            program,
            folder,
            time: TIME,
            changing: Mutex::default(),
        })
    }

    #[cfg(test)]
    pub(crate) fn time_limit(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Runs a command in a directory. Returns its output.
    ///
    /// `settings` are further settings, and `input` is the standard input.
    pub(crate) async fn run(
        &self,
        directory: &Path,
        settings: &[(String, String)],
        arguments: &[&str],
        kind: Kind<'_>,
    ) -> Result<String, ToolError> {
        let fixed = SETTINGS.iter().map(|(key, value)| (*key, *value));
        let more = settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<(&str, &str)> = fixed.chain(more).collect();
        let mut command = Command::new(&self.program);
        command
            .arg("--no-pager")
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(environment(std::env::vars_os()))
            .env(
                "GIT_CEILING_DIRECTORIES",
                self.folder.parent().unwrap_or(&self.folder),
            )
            .envs(as_variables(&settings))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let done = if let Kind::Change(input) = kind {
            // A task of its own: the change is completed if the client cancels the call, and leaves no lock behind.
            tokio::spawn(finish(command, input.to_owned(), self.time)).await??
        } else {
            finish(command, String::new(), self.time).await?
        };
        done.text(kind)
    }
}

/// What a command is for.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'i> {
    /// Its output is evaluated. An output that is too long is an error.
    Question,
    /// Its output is for the model. An output that is too long is cut.
    Show,
    /// It changes the repository, and reads this input.
    Change(&'i str),
}

fn failure(status: ExitStatus, message: &str, output: &str) -> String {
    // `git commit` explains on standard output why there is nothing to commit.
    let texts = [message.trim(), output.trim()];
    let explanation = texts.into_iter().find(|text| !text.is_empty());
    explanation.map_or_else(|| format!("git: {status}"), |text| format!("git: {text}"))
}

/// Returns the variables that git receives: those of this process without `GIT_*`, which could name another repository or
/// a program to run, and settings of our own.
fn environment(
    inherited: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    const OWN: &[(&str, &str)] = &[
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_EDITOR", "false"),
        ("GIT_PAGER", "cat"),
        // Messages in English, as the tests and models expect them.
        ("LC_ALL", "C"),
        ("LANGUAGE", "C"),
    ];
    let is_for_git = |name: &OsStr| {
        let name = name.to_string_lossy().to_uppercase();
        name.starts_with("GIT_")
            || ["PAGER", "EDITOR", "VISUAL", "SSH_ASKPASS"].contains(&name.as_str())
    };
    let kept = inherited.filter(move |(name, _)| !is_for_git(name));
    kept.chain(
        OWN.iter()
            .map(|(name, value)| ((*name).into(), (*value).into())),
    )
}

/// Returns the variables with which git takes settings. On the command line, a name with `=` would be another setting.
fn as_variables(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
    for (index, (key, value)) in settings.iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{index}"), (*key).to_owned()));
        variables.push((format!("GIT_CONFIG_VALUE_{index}"), (*value).to_owned()));
    }
    variables
}

/// The first bytes of a stream.
struct Output {
    bytes: Vec<u8>,
    /// `true` if there are more.
    is_over: bool,
}

impl Output {
    /// Reads a stream to its end, and keeps at most `limit` bytes.
    async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            (&mut stream)
                .take(limit + 1)
                .read_to_end(&mut bytes)
                .await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_over = bytes.len() > limit;
        bytes.truncate(limit);
        Ok(Self { bytes, is_over })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The result of a command that has ended.
struct Done {
    status: ExitStatus,
    output: Output,
    message: Output,
}

impl Done {
    fn text(&self, kind: Kind<'_>) -> Result<String, ToolError> {
        if !self.status.success() {
            return Err(ToolError::new(failure(
                self.status,
                &self.message.text(),
                &self.output.text(),
            )));
        }
        let text = self.output.text();
        match kind {
            Kind::Question if self.output.is_over => Err(ToolError::new(format!(
                "the output of `git` is larger than {OUTPUT} bytes: ask for less"
            ))),
            Kind::Show if self.output.is_over => {
                Ok(format!("{text}\n[cut after {OUTPUT} bytes: ask for less]"))
            }
            _ => Ok(text),
        }
    }
}

/// Runs a command within a time limit.
async fn finish(mut command: Command, input: String, time: Duration) -> Result<Done, ToolError> {
    let spawned = command.spawn();
    let mut child = spawned
        .map_err(|error| ToolError::new(format!("the program `git` cannot be started: {error}")))?;
    if let Ok(done) = tokio::time::timeout(time, wait(&mut child, &input)).await {
        return Ok(done?);
    }
    stop(&mut child).await?;
    let seconds = time.as_secs_f32();
    Err(ToolError::new(format!(
        "`git` did not finish within {seconds} s, and was stopped"
    )))
}

/// Writes the input and reads the output at the same time, so that neither blocks the other.
async fn wait(child: &mut Child, input: &str) -> io::Result<Done> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read its input is no error.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (output, message, ()) = tokio::join!(
        Output::read(stdout, OUTPUT),
        Output::read(stderr, MESSAGE),
        write
    );
    Ok(Done {
        status: child.wait().await?,
        output: output?,
        message: message?,
    })
}

/// Ends a process. It first has time to remove its lock files.
async fn stop(child: &mut Child) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(id) = child
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
    {
        // The process may have ended meanwhile.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        if tokio::time::timeout(STOPPING, child.wait()).await.is_ok() {
            return Ok(());
        }
    }
    child.kill().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_git_are_not_inherited() {
        let inherited = [
            ("GIT_DIR", "/elsewhere"),
            ("GIT_CONFIG_PARAMETERS", "'core.fsmonitor=evil'"),
            ("GIT_EXTERNAL_DIFF", "evil"),
            ("git_ssh_command", "evil"),
            ("EDITOR", "evil"),
            ("PAGER", "evil"),
            ("PATH", "/bin"),
            ("HOME", "/home/ada"),
        ];
        let inherited = inherited.map(|(name, value)| (name.into(), value.into()));
        let passed: Vec<(OsString, OsString)> = environment(inherited.into_iter()).collect();
        assert!(
            passed
                .iter()
                .all(|(_, value)| !value.to_string_lossy().contains("evil"))
        );
        let is_inherited = |name: &&str| passed.iter().any(|(passed, _)| passed == name);
        let names = ["GIT_DIR", "GIT_CONFIG_PARAMETERS", "EDITOR", "PATH", "HOME"];
        let kept: Vec<&str> = names.into_iter().filter(is_inherited).collect();
        assert_eq!(kept, ["PATH", "HOME"]);
    }
}
