//! The entries of a manifest, and its form as a file.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::lints::{Component, Definitions};
use super::canonical;

/// The version of the form.
pub(super) const FORMAT: u64 = 1;

/// All definitions of a server, in a fixed order.
pub(in crate::cli) struct Manifest {
    entries: Vec<Entry>,
}

/// One definition and its digest.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    /// `server`, `tool`, `resource` or `prompt`.
    pub(super) kind: String,
    /// The name, the URI, or the text of the URI template.
    pub(super) name: String,
    /// The SHA-256 of the canonical form of `definition`.
    pub(super) sha256: String,
    pub(super) definition: Value,
}

impl Manifest {
    pub(in crate::cli) fn new(definitions: &Definitions) -> Self {
        let mut entries: Vec<Entry> = definitions.components().map(|it| entry(&it)).collect();
        // Each kind is already a group.
        for kind in entries.chunk_by_mut(|a, b| a.kind == b.kind) {
            kind.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Self { entries }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Formats the manifest as JSON.
    pub(super) fn to_json(&self) -> String {
        format!(
            "{:#}\n",
            json!({ "format": FORMAT, "definitions": self.entries })
        )
    }
}

fn entry(component: &Component<'_>) -> Entry {
    let mut definition = canonical::sorted(component.definition);
    // The size of a resource changes with its content.
    if let Some(members) = definition.as_object_mut() {
        members.shift_remove("size");
    }
    Entry {
        kind: component.kind.to_owned(),
        name: component.name.to_owned(),
        sha256: canonical::digest(&definition),
        definition,
    }
}
