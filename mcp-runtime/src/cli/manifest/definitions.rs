//! All definitions of a server, in the form of a lock file.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::lints::Definitions;
use crate::lock_file::{Entries, Entry, FORMAT, Recorded};

/// All definitions of a server, in a fixed order.
pub(in crate::cli) struct Manifest {
    entries: Vec<Entry>,
    /// The definitions of upstream servers that are held to the lock file.
    pub(super) upstreams: Recorded,
}

impl Manifest {
    pub(in crate::cli) fn new(definitions: &Definitions, upstreams: Recorded) -> Self {
        let entries = definitions.components();
        let entries = entries.map(|it| Entry::new(it.kind, it.name, it.definition));
        let mut entries: Vec<Entry> = entries.collect();
        // Each kind is already a group.
        for kind in entries.chunk_by_mut(|a, b| a.kind == b.kind) {
            kind.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Self { entries, upstreams }
    }

    /// Returns the number of definitions.
    pub(super) fn len(&self) -> usize {
        let of_upstreams = self.upstreams.values().flatten();
        self.entries.len() + of_upstreams.map(Entries::len).sum::<usize>()
    }

    /// Returns the names of the upstream servers whose definitions are not known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        let all = self.upstreams.iter();
        all.filter_map(|(name, known)| known.is_none().then_some(name.as_str()))
    }

    /// Formats the manifest as JSON.
    pub(super) fn to_json(&self) -> String {
        let mut manifest = json!({ "format": FORMAT, "definitions": self.entries });
        if !self.upstreams.is_empty() {
            let known = self.upstreams.iter();
            let known = known.filter_map(|(name, all)| Some((name, all.as_ref()?)));
            let known = known.map(|(name, all)| (name, all.values().collect::<Vec<_>>()));
            manifest["upstreams"] = json!(known.collect::<BTreeMap<_, _>>());
        }
        format!("{manifest:#}\n")
    }
}
