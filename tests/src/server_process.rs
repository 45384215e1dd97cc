//! Servers as processes, and their memory.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, TIMEOUT};

/// A server process that is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// The address on which it listens.
    pub address: SocketAddr,
    child: Child,
}

/// Returns the path of a server, which is built beside this program.
fn path(name: &str) -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !Path::new(&path).exists() {
        return Err(format!("{} is not built", path.display()).into());
    }
    Ok(path)
}

impl Server {
    /// Starts a server that listens on a port of localhost, with these environment variables.
    ///
    /// # Errors
    /// Returns an error if the server does not listen.
    pub fn http(name: &str, environment: &[(&str, &str)]) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(path(name)?)
            .envs(environment.iter().copied())
            .args(["--http", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let this = Self { address, child };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > TIMEOUT {
                return Err("the server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }

    /// Starts a server that serves its stdin and stdout, with these environment variables.
    ///
    /// # Errors
    /// Returns an error if the process does not start.
    pub fn stdio(
        name: &str,
        environment: &[(&str, &str)],
    ) -> Outcome<(Self, ChildStdin, ChildStdout)> {
        let mut child = Command::new(path(name)?)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().ok_or("no stdin")?;
        let output = child.stdout.take().ok_or("no stdout")?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok((Self { address, child }, input, output))
    }

    /// Returns the id of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the resident memory of the process, in bytes.
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn resident(&self) -> Outcome<u64> {
        status(self.child.id(), "VmRSS:")
    }

    /// Returns the peak of the resident memory since [`Self::reset_peak`], in bytes.
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn peak(&self) -> Outcome<u64> {
        status(self.child.id(), "VmHWM:")
    }

    /// Starts to measure the peak again.
    ///
    /// # Errors
    /// Returns an error if the process has ended.
    pub fn reset_peak(&self) -> io::Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
    }
}

/// Returns the resident memory of a process without the pages of files, in bytes. Which pages of its program are resident is up to
/// the operating system.
///
/// # Errors
/// Returns an error if the process has ended.
pub fn anonymous(process: u32) -> Outcome<u64> {
    status(process, "RssAnon:")
}

fn status(process: u32, name: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.ok_or("the process has ended")?.trim().parse()?;
    Ok(kilobytes * 1024)
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already; its clients have reported that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
