//! One kind of component in its order: looked up by key, listed page by page.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::definition::Definition;
use crate::protocol::Revision;
use crate::protocol::revision::Features;

/// A component that can be listed.
pub(crate) trait Listed {
    /// The kind, as lists call it.
    const KIND: &'static str;

    /// What it is called.
    fn key(&self) -> &str;

    /// What it is looked up by: different for no two that are the same.
    fn identity(&self) -> &str {
        self.key()
    }

    /// What it has in common with components of other kinds.
    fn definition(&self) -> &Definition;

    /// Appends the other members of its definition, in the words of a revision, each after a comma.
    fn push_own(&self, out: &mut String, features: &Features);
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The definitions, as JSON without the brackets of the array.
    pub(crate) items: String,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

/// The components of one kind.
pub(super) struct List<T> {
    entries: Vec<(u64, Arc<T>)>,
    by_key: HashMap<String, Arc<T>>,
    /// The first page in each revision: what nearly every client asks for and no other page.
    first: [OnceLock<Page>; Revision::COUNT],
}

impl<T: Listed> List<T> {
    pub(super) fn new(entries: Vec<(u64, Arc<T>)>) -> Self {
        let by_key = entries
            .iter()
            .map(|(_, entry)| (entry.identity().to_owned(), Arc::clone(entry)))
            .collect();
        Self {
            entries,
            by_key,
            first: Default::default(),
        }
    }

    pub(super) fn entries(&self) -> &[(u64, Arc<T>)] {
        &self.entries
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.by_key.get(key)
    }

    /// A page after a cursor; `None` if it is none of ours.
    pub(super) fn page(
        &self,
        features: &Features,
        size: usize,
        cursor: Option<&str>,
    ) -> Option<Page> {
        let Some(cursor) = cursor else {
            let first = self.first.get(features.revision.index())?;
            return Some(first.get_or_init(|| self.render(features, size, 0)).clone());
        };
        let after = read_cursor(T::KIND, cursor)?;
        let start = self.entries.partition_point(|(order, _)| *order <= after);
        Some(self.render(features, size, start))
    }

    fn render(&self, features: &Features, size: usize, start: usize) -> Page {
        let rest = self.entries.get(start..).unwrap_or_default();
        let shown = &rest[..size.min(rest.len())];
        let mut items = String::new();
        for (index, (_, entry)) in shown.iter().enumerate() {
            if index > 0 {
                items.push(',');
            }
            let own = |out: &mut String| entry.push_own(out, features);
            entry.definition().push(&mut items, features, own);
        }
        let next = (rest.len() > shown.len())
            .then(|| shown.last().map(|(order, _)| write_cursor(T::KIND, *order)))
            .flatten();
        Page { items, next }
    }
}

/// A cursor names the last component shown by a number that it keeps as long as it lives, so that pages stay right when
/// others come and go.
fn write_cursor(kind: &str, order: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{order}"))
}

fn read_cursor(kind: &str, cursor: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let order = text.strip_prefix(kind)?.strip_prefix(':')?.parse().ok()?;
    // One spelling for one place.
    (write_cursor(kind, order) == cursor).then_some(order)
}
