//! Texts that count as unsent until the connection has written them.

use bytes::Bytes;

use crate::protocol::error::RpcError;
use crate::service::Held;
use crate::transport::incoming::instead_of;

/// A text that counts as unsent until the connection has written it.
struct Unsent {
    text: String,
    _held: Held,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Returns the bytes of a text, which count as held until they are written.
pub(super) fn unsent(text: String, held: Held) -> Bytes {
    Bytes::from_owner(Unsent { text, _held: held })
}

/// Returns the error that replaces a reply while too many bytes wait to be sent.
pub(super) fn too_many_bytes(reply: &str) -> String {
    let error = RpcError::overloaded(
        "The server is busy: too many bytes wait to be sent; try again later, or ask for less",
    );
    instead_of(reply, &error)
}
