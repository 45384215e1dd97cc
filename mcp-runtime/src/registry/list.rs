//! The ordered components of one kind, with lookup by key and paginated lists.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::component_kind::ComponentKind;
use super::component_view::ComponentView;
use super::definition::Definition;
use crate::mount::Mounted;
use crate::outcome::Page;
use crate::protocol::Revision;
use crate::protocol::revision::Features;
use crate::schema::Dialect;

/// A component that can be listed.
pub(crate) trait Listed {
    /// The kind of the component.
    const KIND: ComponentKind;

    /// Returns the component as rules see it.
    fn view(&self) -> ComponentView<'_> {
        let definition = self.definition();
        let hiding_scopes = definition.hiding_scopes();
        ComponentView::new(
            Self::KIND,
            self.key(),
            &definition.tags,
            hiding_scopes,
            self.mounted(),
        )
    }

    /// Returns the origin of a component that belongs to a mounted server.
    fn mounted(&self) -> Option<&Mounted>;

    /// Returns the name or URI.
    fn key(&self) -> &str;

    /// Returns the key for lookups. Equivalent keys have the same identity.
    fn identity(&self) -> &str {
        self.key()
    }

    /// Returns the properties that all kinds of components have.
    fn definition(&self) -> &Definition;

    /// Returns `false` for a tool that clients must search.
    fn is_listed(&self) -> bool {
        true
    }

    /// Appends the members that are specific to this kind, encoded for a client, each after a comma.
    fn push_own(&self, out: &mut String, form: &Form);
}

/// The form in which a client receives definitions.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) features: &'static Features,
    /// The form of schemas; `None` for JSON Schema.
    pub(crate) dialect: Option<Dialect>,
}

impl Form {
    /// Returns the position of the dialect in tables.
    fn dialect_index(self) -> usize {
        self.dialect.map_or(0, |dialect| 1 + dialect.index())
    }
}

/// A function that returns `true` for the components that a caller sees.
pub(crate) type Filter<'f> = &'f dyn Fn(&ComponentView<'_>) -> bool;

/// The components of one kind.
pub(super) struct List<T> {
    entries: Vec<(u64, Arc<T>)>,
    by_key: HashMap<String, Arc<T>>,
    /// The cached first page for each dialect and revision. Nearly all clients request only this page.
    first: [[OnceLock<Page>; Revision::COUNT]; 1 + Dialect::COUNT],
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

/// A clone does not copy the cached pages, because it is made to be changed.
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
    /// Returns the new entry and the other one, if there already is one of the same identity.
    pub(super) fn insert(&mut self, order: u64, entry: T) -> Result<(), (Arc<T>, Arc<T>)> {
        let entry = Arc::new(entry);
        self.entries.push((order, Arc::clone(&entry)));
        let identity = entry.identity().to_owned();
        let other = self.by_key.insert(identity, Arc::clone(&entry));
        other.map_or(Ok(()), |other| Err((entry, other)))
    }

    /// Removes an entry and returns it, if it exists.
    pub(super) fn remove(&mut self, identity: &str) -> Option<Arc<T>> {
        self.get(identity)?;
        self.entries
            .retain(|(_, entry)| entry.identity() != identity);
        self.by_key.remove(identity)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<T>> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// Returns the entry at this position of all entries.
    pub(super) fn entry(&self, position: usize) -> Option<&Arc<T>> {
        self.entries.get(position).map(|(_, entry)| entry)
    }

    /// Returns the entries after this position in the order.
    pub(super) fn after(&self, order: u64) -> &[(u64, Arc<T>)] {
        let start = self.entries.partition_point(|(other, _)| *other <= order);
        &self.entries[start..]
    }

    pub(super) fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.by_key.get(key)
    }

    /// Returns the page at a cursor, or `None` if the cursor is invalid. `name` is the name of the list in its cursors. With a
    /// `filter`, the page depends on the caller and contains only what the filter allows.
    pub(super) fn page(
        &self,
        name: &str,
        form: &Form,
        size: usize,
        cursor: Option<&str>,
        filter: Option<Filter<'_>>,
    ) -> Option<Page> {
        let after = cursor.map_or(Some(0), |cursor| read_cursor(name, cursor))?;
        let listed = || {
            let entries = self.after(after).iter();
            entries.filter(|(_, entry)| entry.is_listed())
        };
        if let Some(filter) = filter {
            let seen = listed().filter(|(_, entry)| filter(&entry.view()));
            let mut page = render(name, form, size, seen);
            page.is_private = true;
            return Some(page);
        }
        let render = || render(name, form, size, listed());
        if cursor.is_none() {
            let first = self.first.get(form.dialect_index())?;
            let first = first.get(form.features.revision.index())?;
            return Some(first.get_or_init(render).clone());
        }
        Some(render())
    }
}

/// Appends the definition of an entry, as in lists.
pub(super) fn push_definition(out: &mut String, entry: &impl Listed, form: &Form) {
    let own = |out: &mut String| entry.push_own(out, form);
    entry.definition().push(out, form.features, own);
}

/// Encodes the first `size` of these entries.
fn render<'e, T: Listed + 'e>(
    name: &str,
    form: &Form,
    size: usize,
    mut entries: impl Iterator<Item = &'e (u64, Arc<T>)>,
) -> Page {
    let shown: Vec<_> = entries.by_ref().take(size).collect();
    let mut items = String::new();
    for (index, (_, entry)) in shown.iter().enumerate() {
        if index > 0 {
            items.push(',');
        }
        push_definition(&mut items, &**entry, form);
    }
    let last = shown.last().filter(|_| entries.next().is_some());
    Page {
        items,
        next: last.map(|(order, _)| write_cursor(name, *order)),
        is_private: false,
    }
}

/// Encodes a cursor. It contains the number of the last listed component, which never changes, so that pages remain correct
/// when other components are added or removed.
fn write_cursor(list: &str, order: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{order}"))
}

fn read_cursor(list: &str, cursor: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let order = text.split_once(':')?.1.parse().ok()?;
    // Each position has exactly one valid cursor.
    (write_cursor(list, order) == cursor).then_some(order)
}
