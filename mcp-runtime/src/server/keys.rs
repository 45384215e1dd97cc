//! The keys that seal the tokens held by clients.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};

use super::shutdown::ServerState;
use crate::cluster::{Cluster, KeyRing, KeyRingError, READ_INTERVAL};
use crate::error::ToolError;
use crate::seal::Sealer;

/// The environment variable with the keys, for programs that set none.
const ENV_VAR: &str = "MCP_SESSION_KEYS";

/// The reason why [`ServerHandle::rotate_session_keys`](crate::ServerHandle::rotate_session_keys) has replaced no key. The text names
/// the cause and the fix.
#[derive(Debug)]
pub struct KeyRotationError(String);

impl KeyRotationError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for KeyRotationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for KeyRotationError {}

impl From<KeyRingError> for KeyRotationError {
    fn from(error: KeyRingError) -> Self {
        Self(error.to_string())
    }
}

/// Returns the sealer of tokens. Its keys are those of the replicas; in a server without replicas, they are those of the program or of
/// the environment, or a random one.
pub(super) async fn sealer(
    keys: Vec<[u8; 32]>,
    cluster: Option<&Cluster>,
) -> Result<Arc<Sealer>, ToolError> {
    let keys = configured(keys)?;
    let Some(cluster) = cluster else {
        let sealer = Sealer::from_keys(&keys).map_or_else(Sealer::random, Ok)?;
        return Ok(Arc::new(sealer));
    };
    let keys = cluster.load_keys(keys).await?;
    Ok(Arc::clone(keys.sealer()))
}

/// Returns the keys of the program, or else those of the environment.
fn configured(keys: Vec<[u8; 32]>) -> Result<Vec<[u8; 32]>, ToolError> {
    if !keys.is_empty() {
        return Ok(keys);
    }
    let Ok(text) = std::env::var(ENV_VAR) else {
        return Ok(Vec::new());
    };
    let keys = parse(&text).ok_or_else(|| {
        format!("{ENV_VAR} must be keys of 64 hexadecimal digits, separated by commas")
    })?;
    Ok(keys)
}

/// Reads the keys of the replicas again and again, until the outermost server stops.
pub(super) fn watch(keys: &Arc<KeyRing>, outermost: &ServerState) {
    let watching = tokio::spawn(keep_up(Arc::downgrade(keys)));
    outermost.push_stop(Box::new(move || {
        watching.abort();
        Box::pin(async {})
    }));
}

async fn keep_up(keys: Weak<KeyRing>) {
    loop {
        tokio::time::sleep(READ_INTERVAL).await;
        let Some(keys) = keys.upgrade() else {
            return;
        };
        keys.refresh().await;
    }
}

fn parse(text: &str) -> Option<Vec<[u8; 32]>> {
    let keys = text.split(',').map(str::trim);
    keys.filter(|key| !key.is_empty()).map(key).collect()
}

fn key(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        let pair = digits.get(2 * index..2 * index + 2)?;
        // `from_str_radix` accepts a sign.
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        let (one, two) = ("0f".repeat(32), "A0".repeat(32));
        assert_eq!(
            parse(&format!("{one}, {two},")),
            Some(vec![[15; 32], [160; 32]])
        );
        assert_eq!(parse(""), Some(Vec::new()));
        for wrong in [&one[1..], "x", &"+1".repeat(32), &"é".repeat(32)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
