//! JWTs whose signatures have not been verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// A token whose signature has not been verified.
pub(super) struct Unverified<'a> {
    pub(super) header: Header,
    pub(super) claims: Map<String, Value>,
    /// The part of the token that is signed.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
}

/// The members of a header that matter. All others, such as `jwk`, `jku` and `x5u`, are ignored.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) typ: Option<String>,
    pub(super) kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) crit: Option<IgnoredAny>,
}

/// Returns `Some` also for `null`.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(from).map(Some)
}

impl Unverified<'_> {
    /// Returns `true` unless the token names another issuer.
    pub(super) fn is_from(&self, issuer: &str) -> bool {
        self.claims.get("iss").is_none_or(|named| named == issuer)
    }
}

/// The parts of a JWT.
pub(super) struct Parts<'a> {
    /// The header, decoded.
    header: Vec<u8>,
    claims: &'a str,
    /// The part of the token that is signed.
    pub(super) message: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Returns the parts of a token, or `None` if it is not a JWT with a signature: three parts, the first of which is a JSON
    /// object.
    pub(super) fn of(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message
            .split_once('.')
            .filter(|(_, rest)| !rest.contains('.'))?;
        let header = decode(header).filter(|json| json.starts_with(b"{"))?;
        Some(Self {
            header,
            claims,
            message,
            signature,
        })
    }

    /// Returns the claims, or `None` if they are malformed.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&decode(self.claims)?).ok()
    }
}

/// Parses a token. Returns `None` if it is not a JWT with a signature.
pub(super) fn parse(token: &str) -> Result<Option<Unverified<'_>>, String> {
    let Some(parts) = Parts::of(token) else {
        return Ok(None);
    };
    let malformed = |part| format!("the {part} of the token is malformed");
    Ok(Some(Unverified {
        header: serde_json::from_slice(&parts.header).map_err(|_| malformed("header"))?,
        claims: parts.claims().ok_or_else(|| malformed("payload"))?,
        message: parts.message,
        signature: decode(parts.signature).ok_or_else(|| malformed("signature"))?,
    }))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
