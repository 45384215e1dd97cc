//! The algorithms of signatures.

use jsonwebtoken::Algorithm as Verified;

/// An algorithm with which an issuer signs tokens. All of them are asymmetric: a server never has a key that could sign.
///
/// ```
/// use mcp_runtime::{Auth, SigningAlgorithm};
///
/// let tokens = Auth::jwt("https://login.example.com", "https://app.example.com/mcp")
///     .algorithms([SigningAlgorithm::ES256, SigningAlgorithm::Ed25519]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA with the curve P-256 and SHA-256.
    ES256,
    /// ECDSA with the curve P-384 and SHA-384.
    ES384,
    /// `EdDSA` with the curve Ed25519. Tokens name it `EdDSA` (RFC 8037) or `Ed25519` (RFC 9864).
    Ed25519,
}

/// The kind of a key: its type, and its curve if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl SigningAlgorithm {
    /// All algorithms.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::Ed25519,
    ];

    /// Returns the algorithm with this name in a header or a key, or `None` if it is not an asymmetric algorithm that is
    /// supported.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name == "EdDSA" {
            return Some(Self::Ed25519);
        }
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Returns the kind of key that the algorithm needs.
    pub(super) fn key_kind(self) -> KeyKind {
        match self {
            Self::ES256 => KeyKind::P256,
            Self::ES384 => KeyKind::P384,
            Self::Ed25519 => KeyKind::Ed25519,
            _ => KeyKind::Rsa,
        }
    }

    pub(super) fn verified(self) -> Verified {
        match self {
            Self::RS256 => Verified::RS256,
            Self::RS384 => Verified::RS384,
            Self::RS512 => Verified::RS512,
            Self::PS256 => Verified::PS256,
            Self::PS384 => Verified::PS384,
            Self::PS512 => Verified::PS512,
            Self::ES256 => Verified::ES256,
            Self::ES384 => Verified::ES384,
            Self::Ed25519 => Verified::EdDSA,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_names_and_nothing_else_has() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::named(algorithm.name()), Some(algorithm));
        }
        assert_eq!(
            SigningAlgorithm::named("EdDSA"),
            Some(SigningAlgorithm::Ed25519)
        );
        for name in [
            "none", "None", "", "HS256", "HS384", "HS512", "rs256", "ES512", "ES256K", "dir",
        ] {
            assert_eq!(SigningAlgorithm::named(name), None, "{name}");
        }
    }
}
