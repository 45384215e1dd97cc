//! The options of an upstream server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::http::{HttpTransport, without_secrets};
use super::stdio::Program;
use crate::error::ToolError;
use crate::owner::Principal;
use crate::protocol::Revision;
use crate::secret::Secret;
use crate::service::BoxFuture;

/// A function that returns the value of the header `Authorization`.
pub(super) type CredentialsFn =
    dyn Fn(Option<Principal>) -> BoxFuture<Result<Option<Secret<String>>, ToolError>> + Send + Sync;

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Program(Program),
    Url(String),
}

impl Target {
    pub(super) fn program(command: impl Into<OsString>) -> Self {
        Self::Program(Program {
            command: command.into(),
            arguments: Vec::new(),
            environment: std::collections::BTreeMap::new(),
            directory: None,
        })
    }

    pub(super) fn is_program(&self) -> bool {
        matches!(self, Self::Program(_))
    }

    /// Returns the name that the server has in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Program(program) => {
                let path = PathBuf::from(&program.command);
                let name = path.file_name().unwrap_or(&program.command);
                name.to_string_lossy().into_owned()
            }
            Self::Url(url) => without_secrets(url),
        }
    }
}

/// The options of an upstream server.
#[derive(Clone)]
pub(super) struct Options {
    /// The name in the log and in errors.
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) headers: Vec<(String, Secret<String>)>,
    pub(super) credentials: Option<Arc<CredentialsFn>>,
    pub(super) per_caller: bool,
    pub(super) revision: Option<Revision>,
    pub(super) connect_timeout: Duration,
    pub(super) start_timeout: Duration,
    pub(super) call_timeout: Option<crate::service::Timeout>,
    pub(super) max_components: usize,
    /// What is wrong with the options.
    pub(super) problems: Vec<String>,
}

impl Options {
    pub(super) fn new(target: Target) -> Self {
        Self {
            name: target.name(),
            target,
            headers: Vec::new(),
            credentials: None,
            per_caller: false,
            revision: None,
            connect_timeout: Duration::from_secs(60),
            start_timeout: Duration::from_secs(10),
            call_timeout: None,
            max_components: 10_000,
            problems: Vec::new(),
        }
    }

    /// Returns what is wrong with the options.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.clone();
        if let Target::Url(url) = &self.target
            && let Err(why) = HttpTransport::check(url, self.headers.clone())
        {
            problems.push(format!("the upstream server `{}`: {why}", self.name));
        }
        problems
    }
}
