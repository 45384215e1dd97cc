//! One kind of component in its order: looked up by key, listed page by page.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::component_kind::ComponentKind;
use super::definition::Definition;
use crate::protocol::Revision;
use crate::protocol::revision::Features;

/// A component that can be listed.
pub(crate) trait Listed {
    /// The kind.
    const KIND: ComponentKind;

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

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            first: Default::default(),
        }
    }
}

/// A clone has no pages yet, so that it can be changed.
impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            entries: self.entries.clone(),
            by_key: self.by_key.clone(),
            ..Self::default()
        }
    }
}

impl<T: Listed> List<T> {
    /// Appends an entry.
    ///
    /// # Errors
    /// There is one of the same identity already: the new one.
    pub(super) fn insert(&mut self, order: u64, entry: T) -> Result<(), Arc<T>> {
        let entry = Arc::new(entry);
        self.entries.push((order, Arc::clone(&entry)));
        let identity = entry.identity().to_owned();
        let other = self.by_key.insert(identity, Arc::clone(&entry));
        other.map_or(Ok(()), |_| Err(entry))
    }

    /// Removes an entry; `false` if there is none.
    pub(super) fn remove(&mut self, identity: &str) -> bool {
        self.entries
            .retain(|(_, entry)| entry.identity() != identity);
        self.by_key.remove(identity).is_some()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<T>> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// The entries behind this place in the order.
    pub(super) fn after(&self, order: u64) -> &[(u64, Arc<T>)] {
        let start = self.entries.partition_point(|(other, _)| *other <= order);
        &self.entries[start..]
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
        Some(self.render(features, size, after))
    }

    fn render(&self, features: &Features, size: usize, after: u64) -> Page {
        let rest = self.after(after);
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
fn write_cursor(kind: ComponentKind, order: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{order}", kind.plural()))
}

fn read_cursor(kind: ComponentKind, cursor: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let order = text.split_once(':')?.1.parse().ok()?;
    // One spelling for one place.
    (write_cursor(kind, order) == cursor).then_some(order)
}
