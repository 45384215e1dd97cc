//! The entries of a lock file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical;

/// One definition and its digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// `server`, `tool`, `resource` or `prompt`, and for upstream servers also `template`.
    pub(crate) kind: String,
    /// The name, the URI, or the text of the URI template.
    pub(crate) name: String,
    /// The SHA-256 of the canonical form of `definition`.
    pub(crate) sha256: String,
    pub(crate) definition: Value,
}

/// Entries by kind and name.
pub(crate) type Entries = BTreeMap<(String, String), Entry>;

impl Entry {
    pub(crate) fn new(kind: &str, name: &str, definition: &Value) -> Self {
        let mut definition = canonical::sorted(definition);
        // The size of a resource changes with its content.
        if let Some(members) = definition.as_object_mut() {
            members.shift_remove("size");
        }
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            sha256: canonical::digest(&definition),
            definition,
        }
    }

    /// Returns `true` if the digest belongs to the definition.
    pub(super) fn is_whole(&self) -> bool {
        self.sha256 == canonical::digest(&self.definition)
    }
}

/// Returns the name of the server that entries belong to.
pub(crate) fn server_of(entries: &Entries) -> &str {
    let mut servers = entries.values().filter(|it| it.kind == "server");
    servers.next().map_or("", |it| &it.name)
}
