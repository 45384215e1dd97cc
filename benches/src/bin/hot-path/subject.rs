//! The measured programs, which are in the same directory as this one.

use std::fmt;
use std::process::Command;

use super::{Result, Transport};

#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// A server of mcp-runtime.
    Server { tools: usize, layers: usize },
    /// The same server with one tool, mounted in another one.
    Mounted,
    /// The same server with one tool, upstream of a server in another process. Only the instructions of the latter are counted.
    #[cfg(feature = "proxy")]
    Proxied,
    /// The same server with one tool, whose callers send a token that it has verified before.
    #[cfg(feature = "auth")]
    Authenticated,
    /// A minimal program without a framework.
    Floor,
}

impl Subject {
    /// Appends the program and its arguments. Returns the server in front of which it is, if that has another parent.
    pub(super) fn arguments(
        self,
        command: &mut Command,
        transport: Transport,
    ) -> Result<Option<Upstream>> {
        let beside = std::env::current_exe()?;
        #[cfg_attr(not(feature = "proxy"), allow(unused_mut))]
        let mut upstream = None;
        match self {
            Self::Server { tools, layers } => {
                command.arg(beside.with_file_name("server"));
                command.args(["--tools", &tools.to_string()]);
                command.args(["--layers", &layers.to_string()]);
                if transport == Transport::Http {
                    command.args(["--http", "127.0.0.1:0"]);
                }
            }
            Self::Mounted => {
                command.arg(beside.with_file_name("server"));
                command.arg("--mounted");
                if transport == Transport::Http {
                    command.args(["--http", "127.0.0.1:0"]);
                }
            }
            #[cfg(feature = "proxy")]
            Self::Proxied => {
                command.arg(beside.with_file_name("server"));
                command.arg("--upstream");
                match transport {
                    Transport::Stdio => command.arg(beside.with_file_name("server")),
                    Transport::Http => {
                        let (server, url) = serve(&beside.with_file_name("server"))?;
                        upstream = Some(server);
                        command.arg(url);
                        command.args(["--http", "127.0.0.1:0"])
                    }
                };
            }
            #[cfg(feature = "auth")]
            Self::Authenticated => {
                command.arg(beside.with_file_name("server"));
                command.args(["--issuer", &super::issuer::serve()?]);
                command.args(["--http", "127.0.0.1:0"]);
            }
            Self::Floor => {
                command.arg(beside.with_file_name("floor"));
                command.arg(transport.name().to_lowercase());
            }
        }
        Ok(upstream)
    }
}

/// A server over HTTP, which ends when this is dropped.
#[cfg_attr(not(feature = "proxy"), allow(dead_code))]
pub(super) struct Upstream(std::process::Child);

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Subject {
    /// Returns the headers that authenticate a request.
    pub(super) fn credentials(self) -> Result<String> {
        match self {
            #[cfg(feature = "auth")]
            Self::Authenticated => {
                super::issuer::credentials("6f8d1f0c-5a5e-4d0e-9b39-0d4c6a1f2b7e")
            }
            _ => Ok(String::new()),
        }
    }
}

/// Starts a server over HTTP, and returns its URL.
#[cfg(feature = "proxy")]
fn serve(program: &std::path::Path) -> Result<(Upstream, String)> {
    use std::io::{BufRead as _, BufReader};

    let mut child = Command::new(program)
        .args(["--http", "127.0.0.1:0"])
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let server = Upstream(child);
    let mut line = String::new();
    BufReader::new(stderr).read_line(&mut line)?;
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let url = url.ok_or("the upstream server does not say its URL")?;
    Ok((server, url.to_owned()))
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server {
                tools: 1,
                layers: 0,
            } => formatter.write_str("1 tool"),
            Self::Server { tools, layers: 0 } => write!(formatter, "{tools} tools"),
            Self::Server { layers, .. } => write!(formatter, "{layers} layers"),
            Self::Mounted => formatter.write_str("mounted"),
            #[cfg(feature = "proxy")]
            Self::Proxied => formatter.write_str("proxied"),
            #[cfg(feature = "auth")]
            Self::Authenticated => formatter.write_str("a token"),
            Self::Floor => formatter.write_str("bare floor"),
        }
    }
}
