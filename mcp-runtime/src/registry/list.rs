//! The ordered components of one kind, with lookup by key and paginated lists.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::component_kind::ComponentKind;
use super::component_view::ComponentView;
use super::definition::Definition;
use super::version::compare;
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

    /// Returns `false` for a component that is not in lists: a tool that clients must search, or a file that its skill lists.
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
    /// The entries by their keys; of several versions, the highest one.
    by_key: HashMap<String, Arc<T>>,
    /// All entries of the keys that have versions, from the highest on.
    versions: HashMap<String, Vec<Arc<T>>>,
    /// `true` if one of these needs scopes, so that callers may have different versions.
    has_scoped_versions: bool,
    /// The cached first page for each dialect and revision. Nearly all clients request only this page.
    first: [[OnceLock<Page>; Revision::COUNT]; 1 + Dialect::COUNT],
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_key: HashMap::new(),
            versions: HashMap::new(),
            has_scoped_versions: false,
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
            versions: self.versions.clone(),
            has_scoped_versions: self.has_scoped_versions,
            ..Self::default()
        }
    }
}

impl<T: Listed> List<T> {
    /// Appends an entry.
    ///
    /// # Errors
    /// Returns the new entry and the other one, if there already is one of the same identity and version.
    pub(super) fn insert(&mut self, order: u64, entry: T) -> Result<(), (Arc<T>, Arc<T>)> {
        let entry = Arc::new(entry);
        self.entries.push((order, Arc::clone(&entry)));
        let identity = entry.identity().to_owned();
        if entry.definition().version.is_some() {
            return self.insert_version(identity, entry);
        }
        let other = self.by_key.insert(identity, Arc::clone(&entry));
        other.map_or(Ok(()), |other| Err((entry, other)))
    }

    fn insert_version(&mut self, identity: String, entry: Arc<T>) -> Result<(), (Arc<T>, Arc<T>)> {
        let versions = self.versions.entry(identity.clone()).or_default();
        let is_same = |other: &&Arc<T>| by_version(other, &entry).is_eq();
        let same = versions.iter().find(is_same);
        let plain = self.by_key.get(&identity).filter(|_| versions.is_empty());
        if let Some(other) = same.or(plain) {
            return Err((entry, Arc::clone(other)));
        }
        self.has_scoped_versions |= !entry.definition().scopes.is_empty();
        versions.push(entry);
        versions.sort_by(|one, other| by_version(other, one));
        let highest = versions.first().cloned();
        self.by_key
            .extend(highest.map(|highest| (identity, highest)));
        Ok(())
    }

    /// Returns `true` if an entry has a version.
    pub(super) fn has_versions(&self) -> bool {
        !self.versions.is_empty()
    }

    /// Returns all versions of a component, from the highest on.
    pub(super) fn versions(&self, identity: &str) -> &[Arc<T>] {
        let one = || self.by_key.get(identity).map(std::slice::from_ref);
        let all = self.versions.get(identity).map(Vec::as_slice);
        all.or_else(one).unwrap_or_default()
    }

    /// Removes all versions of an entry and returns the highest one, if it exists.
    pub(super) fn remove(&mut self, identity: &str) -> Option<Arc<T>> {
        self.get(identity)?;
        self.entries
            .retain(|(_, entry)| entry.identity() != identity);
        self.versions.remove(identity);
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

    /// Returns the page at a cursor, or `None` if the cursor is invalid. `name` is the name of the list in its cursors. If some
    /// components are hidden, or have versions that need scopes, the page depends on the caller.
    pub(super) fn page(
        &self,
        name: &str,
        form: &Form,
        size: usize,
        cursor: Option<&str>,
        caller: &ListCaller<'_>,
    ) -> Option<Page> {
        let after = cursor.map_or(Some(0), |cursor| read_cursor(name, cursor))?;
        let listed = || {
            let entries = self
                .after(after)
                .iter()
                .map(|(order, entry)| (order, entry));
            entries.filter(|(_, entry)| entry.is_listed())
        };
        let seen = || {
            listed().filter_map(|(order, entry)| Some((order, entry, self.shown(entry, caller)?)))
        };
        if caller.filter.is_some() || self.has_scoped_versions {
            let mut page = render(name, form, size, seen());
            page.is_private = true;
            return Some(page);
        }
        let render = || render(name, form, size, seen());
        if cursor.is_none() {
            let first = self.first.get(form.dialect_index())?;
            let first = first.get(form.features.revision.index())?;
            return Some(first.get_or_init(render).clone());
        }
        Some(render())
    }
}

impl<T: Listed> List<T> {
    /// Returns the versions that a caller sees of an entry, or `None` if it does not see the entry, or has a higher version.
    pub(super) fn shown(&self, entry: &Arc<T>, caller: &ListCaller<'_>) -> Option<Vec<&str>> {
        let allows = |it: &T| caller.filter.is_none_or(|filter| filter(&it.view()));
        if entry.definition().version.is_none() {
            return allows(entry).then(Vec::new);
        }
        let seen = || {
            self.versions(entry.identity())
                .iter()
                .filter(|it| allows(it))
        };
        let permits = |it: &&Arc<T>| (caller.permits)(&it.definition().scopes, it.mounted());
        let chosen = seen().find(permits).or_else(|| seen().next())?;
        let versions = seen().filter_map(|it| it.definition().version.as_deref());
        Arc::ptr_eq(chosen, entry).then(|| versions.collect())
    }
}

/// Compares the versions of two entries.
fn by_version<T: Listed>(one: &Arc<T>, other: &Arc<T>) -> Ordering {
    let [one, other] =
        [one, other].map(|it| it.definition().version.as_deref().unwrap_or_default());
    compare(one, other)
}

/// The caller of a list.
pub(crate) struct ListCaller<'c> {
    /// The components that the caller sees; `None` if it sees all.
    pub(crate) filter: Option<Filter<'c>>,
    /// Returns `true` if the caller has these scopes, in the server that a component belongs to.
    pub(crate) permits: &'c dyn Fn(&[String], Option<&Mounted>) -> bool,
}

/// Appends the definition of an entry, as in lists, with the versions that the client sees.
pub(super) fn push_definition(
    out: &mut String,
    entry: &impl Listed,
    form: &Form,
    versions: &[&str],
) {
    let own = |out: &mut String| entry.push_own(out, form);
    entry.definition().push(out, form.features, versions, own);
}

/// Encodes the first `size` of these entries.
fn render<'e, T: Listed + 'e>(
    name: &str,
    form: &Form,
    size: usize,
    mut entries: impl Iterator<Item = (&'e u64, &'e Arc<T>, Vec<&'e str>)>,
) -> Page {
    let shown: Vec<_> = entries.by_ref().take(size).collect();
    let mut items = String::new();
    for (index, (_, entry, versions)) in shown.iter().enumerate() {
        if index > 0 {
            items.push(',');
        }
        push_definition(&mut items, &***entry, form, versions);
    }
    let last = shown.last().filter(|_| entries.next().is_some());
    Page {
        items,
        next: last.map(|(order, _, _)| write_cursor(name, **order)),
        ..Page::default()
    }
}

/// Encodes a cursor. It contains the number of the last listed component, which never changes, so that pages remain correct
/// when other components are added or removed.
pub(crate) fn write_cursor(list: &str, order: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{order}"))
}

pub(crate) fn read_cursor(list: &str, cursor: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let order = text.split_once(':')?.1.parse().ok()?;
    // Each position has exactly one valid cursor.
    (write_cursor(list, order) == cursor).then_some(order)
}
