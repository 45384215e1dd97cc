//! Writes the generated crates and builds them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;
use crate::subject::Subject;

/// The directory of the generated crates. Each is its own workspace, like the crate of a user.
pub(crate) struct Workspace {
    repository: PathBuf,
    directory: PathBuf,
    tools: usize,
}

impl Workspace {
    pub(crate) fn new(repository: PathBuf, directory: PathBuf, tools: usize) -> Self {
        Self {
            repository,
            directory,
            tools,
        }
    }

    /// Writes a crate and builds its dependencies. Returns `false` if that fails: the official SDK may be unavailable.
    pub(crate) fn prepare(&self, subject: Subject) -> bool {
        let built = self
            .write(subject)
            .and_then(|()| self.cargo(subject, &["build", "--quiet"]));
        if let Err(error) = &built {
            println!("{} is left out: {error}", subject.name());
        }
        built.is_ok()
    }

    /// Builds the crate after removing its artifacts.
    pub(crate) fn build_clean(&self, subject: Subject) -> Result<Duration> {
        self.write_source(subject, 0)?;
        self.cargo(
            subject,
            &["clean", "--quiet", "--package", subject.package()],
        )?;
        self.build(subject)
    }

    /// Builds the crate after a change in the body of one of its tools.
    pub(crate) fn build_edited(&self, subject: Subject, run: usize) -> Result<Duration> {
        self.write_source(subject, run + 1)?;
        self.build(subject)
    }

    fn build(&self, subject: Subject) -> Result<Duration> {
        let start = Instant::now();
        self.cargo(subject, &["build", "--quiet"])?;
        Ok(start.elapsed())
    }

    fn write(&self, subject: Subject) -> Result<()> {
        fs::create_dir_all(self.root(subject).join("src"))?;
        let manifest = subject.manifest(&self.repository.canonicalize()?);
        fs::write(self.root(subject).join("Cargo.toml"), manifest)?;
        self.write_source(subject, 0)
    }

    fn write_source(&self, subject: Subject, edition: usize) -> Result<()> {
        let source = subject.source(self.tools, edition);
        fs::write(self.root(subject).join("src/main.rs"), source)?;
        Ok(())
    }

    fn root(&self, subject: Subject) -> PathBuf {
        self.directory.join(subject.package())
    }

    fn cargo(&self, subject: Subject, arguments: &[&str]) -> Result<()> {
        let status = Command::new("cargo")
            .args(arguments)
            .current_dir(self.root(subject))
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("cargo {} failed", arguments.join(" ")).into())
    }
}
