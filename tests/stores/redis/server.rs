//! A process of Redis or Valkey.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcp_tests::{Outcome, TIMEOUT};

/// A server that is killed when this is dropped.
pub(crate) struct Server {
    executable: PathBuf,
    pub(crate) port: u16,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts a server that writes each command to the disk of this directory before it replies.
    pub(crate) fn start(executable: &Path, directory: &Path, more: &[&str]) -> Outcome<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let directory = directory.to_string_lossy();
        let options = [
            "--dir",
            &*directory,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ];
        let options = options
            .iter()
            .chain(more)
            .map(|option| (*option).to_owned())
            .collect();
        let child = Command::new("true").spawn()?;
        let mut server = Self {
            executable: executable.to_owned(),
            port,
            options,
            child,
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts the server again, after it was killed, on the same port.
    pub(crate) fn restart(&mut self) -> Outcome<()> {
        let is_tls = self
            .options
            .iter()
            .any(|option| option == "--tls-cert-file");
        let port = if is_tls { "--tls-port" } else { "--port" };
        let mut command = Command::new(&self.executable);
        if is_tls {
            command.args(["--port", "0"]);
        }
        command
            .args([port, &self.port.to_string()])
            .args(&self.options);
        self.child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if started.elapsed() > TIMEOUT {
                return Err("the server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops (`STOP`) or continues (`CONT`) the process.
    pub(crate) fn signal(&self, name: &str) -> Outcome<()> {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(format!("kill -{name} failed").into())
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
