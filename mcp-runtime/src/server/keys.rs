//! The keys that seal the tokens held by clients.

use crate::error::ToolError;
use crate::seal::Sealer;

/// The environment variable with the keys, for programs that set none.
const ENV_VAR: &str = "MCP_SESSION_KEYS";

/// Returns a sealer with the program's keys, with those of the environment, or with a random key.
pub(super) fn sealer(keys: &[[u8; 32]]) -> Result<Sealer, ToolError> {
    if let Some(sealer) = Sealer::from_keys(keys) {
        return Ok(sealer);
    }
    match std::env::var(ENV_VAR) {
        Ok(text) => {
            let keys = parse(&text).ok_or_else(|| {
                format!("{ENV_VAR} must be keys of 64 hexadecimal digits, separated by commas")
            })?;
            Ok(Sealer::from_keys(&keys).map_or_else(Sealer::random, Ok)?)
        }
        Err(_) => Ok(Sealer::random()?),
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
