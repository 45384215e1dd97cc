//! The definitions that upstream servers sent, for the commands `check` and `manifest`.

use std::collections::BTreeMap;
#[cfg(feature = "proxy")]
use std::collections::BTreeSet;

use super::entry::Entries;
#[cfg(feature = "proxy")]
use super::entry::Entry;
#[cfg(feature = "proxy")]
use crate::sync::Mutex;

/// The definitions of each upstream server that was started; `None` while they are not known.
pub(crate) type Recorded = BTreeMap<String, Option<Entries>>;

/// Records the definitions of upstream servers. Without the feature `proxy`, there are none.
#[derive(Debug, Default)]
pub(crate) struct Record {
    #[cfg(feature = "proxy")]
    entries: Mutex<BTreeMap<String, Entries>>,
    /// The upstream servers whose lists are all known.
    #[cfg(feature = "proxy")]
    whole: Mutex<BTreeSet<String>>,
}

impl Record {
    /// Notes that an upstream server starts.
    #[cfg(feature = "proxy")]
    pub(crate) fn begin(&self, upstream: &str) {
        let mut all = self.entries.lock();
        all.entry(upstream.to_owned()).or_default();
    }

    /// Replaces the entries of one kind.
    #[cfg(feature = "proxy")]
    pub(crate) fn replace(
        &self,
        upstream: &str,
        kind: &str,
        entries: impl IntoIterator<Item = Entry>,
    ) {
        let mut all = self.entries.lock();
        let all = all.entry(upstream.to_owned()).or_default();
        all.retain(|(known, _), _| known != kind);
        let entries = entries.into_iter();
        all.extend(entries.map(|it| ((it.kind.clone(), it.name.clone()), it)));
    }

    /// Notes that all lists of an upstream server are known.
    #[cfg(feature = "proxy")]
    pub(crate) fn finish(&self, upstream: &str) {
        self.whole.lock().insert(upstream.to_owned());
    }

    /// Returns what is recorded.
    #[cfg(feature = "proxy")]
    pub(crate) fn recorded(&self) -> Recorded {
        let (all, whole) = (self.entries.lock(), self.whole.lock());
        let known = |name: &str, all: &Entries| whole.contains(name).then(|| all.clone());
        let all = all.iter();
        all.map(|(name, all)| (name.clone(), known(name, all)))
            .collect()
    }

    /// Returns nothing.
    #[cfg(not(feature = "proxy"))]
    #[allow(clippy::unused_self)] // as with upstream servers
    pub(crate) fn recorded(&self) -> Recorded {
        Recorded::new()
    }
}
