//! The failures of commands.

use std::time::Duration;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a command failed.
pub(super) enum Fault {
    /// There is no connection.
    NotConnected(RedisError),
    /// The connection was lost before the reply.
    Lost(RedisError),
    /// There was no reply in time.
    TimedOut(Duration),
    /// Redis refused the command.
    Refused(RedisError),
}

impl Fault {
    /// Whether the user may not run the command.
    pub(super) fn is_missing_right(&self) -> bool {
        matches!(self, Self::Refused(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm))
    }

    /// Returns what happened and what to do about it, without credentials.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotConnected(error) => {
                let fix = match error.kind() {
                    ErrorKind::AuthenticationFailed => "check the user and the password of the URL",
                    ErrorKind::Io => {
                        "check that Redis runs, and that the URL has its host, port and scheme"
                    }
                    _ => "check the URL",
                };
                format!("cannot connect: {error}: {fix}")
            }
            Self::Lost(error) => format!(
                "the connection was lost before the reply ({error}); a write may have been done"
            ),
            Self::TimedOut(limit) => format!(
                "no reply within {} ms; a write may have been done",
                limit.as_millis()
            ),
            Self::Refused(error) => refusal(error),
        }
    }
}

fn refusal(error: &RedisError) -> String {
    let fix = match (error.kind(), error.code()) {
        (ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask), _) => {
            "this is one node of a cluster, which the store does not support: use an address for all slots"
        }
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => {
            "this is a replica: connect to the primary"
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            "the user needs the commands GET, SET, DEL, EVAL, EVALSHA, SCRIPT LOAD, XREAD and those of the scripts"
        }
        (_, Some("NOAUTH")) => "the server needs a password: name it in the URL",
        (_, Some("OOM")) => "the store is full: raise `maxmemory` of Redis",
        (_, Some("WRONGTYPE")) => "another program uses the key: set `RedisStore::prefix`",
        _ => return error.to_string(),
    };
    format!("{error}: {fix}")
}

/// Whether the connection of a failed command is of no more use.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

/// Whether Redis has refused a command because it has just started, so that it can be repeated.
pub(super) fn is_starting(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading)
}
