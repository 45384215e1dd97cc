//! The measured programs, which are in the same directory as this one.

use std::fmt;
use std::process::Command;

use super::{Result, Transport};

#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// A server of mcp-runtime.
    Server { tools: usize, layers: usize },
    /// A minimal program without a framework.
    Floor,
}

impl Subject {
    /// Appends the program and its arguments.
    pub(super) fn arguments(self, command: &mut Command, transport: Transport) -> Result<()> {
        let beside = std::env::current_exe()?;
        match self {
            Self::Server { tools, layers } => {
                command.arg(beside.with_file_name("server"));
                command.args(["--tools", &tools.to_string()]);
                command.args(["--layers", &layers.to_string()]);
                if transport == Transport::Http {
                    command.args(["--http", "127.0.0.1:0"]);
                }
            }
            Self::Floor => {
                command.arg(beside.with_file_name("floor"));
                command.arg(transport.name().to_lowercase());
            }
        }
        Ok(())
    }
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
            Self::Floor => formatter.write_str("bare floor"),
        }
    }
}
