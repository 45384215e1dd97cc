//! Commands and scripts, which are sent in the same way.

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, FromRedisValue, RedisResult, ScriptInvocation};

/// Whether a command is sent again if its reply was lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Repeat {
    /// It only reads.
    IfLost,
    /// It writes.
    Never,
}

/// Something to send.
pub(super) enum Command<'a> {
    Plain(Cmd),
    Script(ScriptInvocation<'a>),
}

impl Command<'_> {
    pub(super) async fn send<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        match self {
            Self::Plain(command) => command.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
        }
    }
}

impl From<Cmd> for Command<'_> {
    fn from(command: Cmd) -> Self {
        Self::Plain(command)
    }
}

impl<'a> From<ScriptInvocation<'a>> for Command<'a> {
    fn from(script: ScriptInvocation<'a>) -> Self {
        Self::Script(script)
    }
}
