//! The digests of arguments, by HMAC-SHA-256 (RFC 2104). Without a key, everybody could find short arguments by trying.

use sha2::{Digest as _, Sha256};

use crate::hexadecimal::hexadecimal;

/// The block size of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The key of the digests of a server.
pub(crate) struct DigestKey {
    /// SHA-256 after the first block of the inner, and of the outer hash.
    inner: Sha256,
    outer: Sha256,
}

impl DigestKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let begin = |padding: u8| {
            let mut block = [padding; BLOCK];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            Sha256::new_with_prefix(block)
        };
        Self {
            inner: begin(0x36),
            outer: begin(0x5c),
        }
    }

    /// Returns the digest of a text, in hexadecimal digits.
    pub(crate) fn digest(&self, text: &str) -> String {
        let inner = self.inner.clone().chain_update(text).finalize();
        let outer = self.outer.clone().chain_update(inner).finalize();
        hexadecimal(&outer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests were calculated by Python: `hmac.new(key, text, "sha256").hexdigest()`.
    #[test]
    fn a_digest_is_an_hmac() {
        let mut counting = [0; 32];
        for (byte, number) in counting.iter_mut().zip(0..) {
            *byte = number;
        }
        for (key, text, digest) in [
            (
                [11; 32],
                "Hi There",
                "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7",
            ),
            (
                counting,
                "",
                "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb",
            ),
            (
                counting,
                &"x".repeat(1000),
                "2ab4ed3956f17094c9b1878953e91ac9eb42cfa0059df2bfbf832bee29eef5c2",
            ),
        ] {
            assert_eq!(DigestKey::new(&key).digest(text), digest);
        }
    }
}
