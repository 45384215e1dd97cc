//! The lists that are made from the files of skills: skills, and the children of a directory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::list::{ListCaller, Listed, push_definition, read_cursor, write_cursor};
use super::registered::PageRequest;
use super::resource::{Resource, ResourceEntry};
use super::skill::{InvalidCursor, SKILL_FILE, SkillFile};
use super::snapshot::Snapshot;
use crate::content::push_member;
use crate::outcome::Page;
use crate::protocol::json::push_string;
use crate::uri_template::normal;

/// The maximum number of skills on one page. Each may list 512 files.
const SKILLS_PER_PAGE: usize = 50;

/// The MIME type of directories.
const DIRECTORY: &str = "inode/directory";

impl Resource {
    /// Makes it a file of a skill.
    pub(crate) fn skill_file(mut self, file: SkillFile) -> Self {
        self.skill = Some(Box::new(file));
        self
    }

    /// Returns `true` for a file that is in the entry of its skill, and not in lists of resources.
    pub(super) fn is_unlisted_file(&self) -> bool {
        let file = self.skill.as_deref();
        file.is_some_and(|file| !file.is_listed)
    }
}

impl ResourceEntry {
    fn skill_file(&self) -> Option<&SkillFile> {
        self.resource.skill.as_deref()
    }

    pub(super) fn is_skill(&self) -> bool {
        let file = self.skill_file();
        file.is_some_and(|file| file.manifest.is_some())
    }
}

impl Snapshot {
    /// Returns `true` if there is or was a skill.
    pub(crate) fn has_skills(&self) -> bool {
        self.skills.are_offered
    }

    /// Notes that skills are offered if there is one.
    pub(super) fn offer_skills(&mut self) {
        self.skills.are_offered |= self.resources.entries().any(|entry| entry.is_skill());
    }

    /// Returns the page of skills at a cursor, or `None` if the cursor is invalid.
    pub(super) fn skill_page(&self, size: usize, page: &PageRequest<'_>) -> Option<Page> {
        let after = page
            .cursor
            .map_or(Some(0), |cursor| read_cursor("skills", cursor))?;
        let size = size.min(SKILLS_PER_PAGE);
        if page.caller.filter.is_some() {
            let mut page = self.skills_after(after, size, &page.caller);
            page.is_private = true;
            return Some(page);
        }
        let render = || self.skills_after(after, size, &page.caller);
        Some(match page.cursor {
            None => self.skills.first.get_or_init(render).clone(),
            Some(_) => render(),
        })
    }

    fn skills_after(&self, after: u64, size: usize, caller: &ListCaller<'_>) -> Page {
        let sees = |entry: &ResourceEntry| is_seen(entry, caller);
        let skills = self.resources.after(after).iter();
        let mut skills =
            skills.filter_map(|(order, entry)| Some((*order, self.skill_entry(entry, sees)?)));
        let shown: Vec<_> = skills.by_ref().take(size).collect();
        let last = shown.last().filter(|_| skills.next().is_some());
        let next = last.map(|(order, _)| write_cursor("skills", *order));
        let shown: Vec<String> = shown.into_iter().map(|(_, skill)| skill).collect();
        Page {
            items: shown.join(","),
            next,
            ..Page::default()
        }
    }

    /// Returns the entry of the skill with this `SKILL.md` as JSON, or `None` if the resource is no skill, or if `sees` does not
    /// allow one of its files: an entry lists all files.
    pub(crate) fn skill_entry(
        &self,
        entry: &ResourceEntry,
        sees: impl Fn(&ResourceEntry) -> bool,
    ) -> Option<String> {
        let manifest = entry.skill_file()?.manifest.as_deref()?;
        let root = entry.key().strip_suffix(SKILL_FILE)?;
        if !sees(entry) {
            return None;
        }
        let mut json = String::from("{");
        push_string(&mut json, "uri");
        json.push(':');
        push_string(&mut json, entry.key());
        json.push_str(",\"frontmatter\":");
        json.push_str(&manifest.frontmatter);
        json.push_str(",\"resources\":[");
        push_file(&mut json, entry)?;
        for path in &manifest.files {
            let file = self.concrete(&format!("{root}{path}"))?;
            if !sees(file) {
                return None;
            }
            json.push(',');
            push_file(&mut json, file)?;
        }
        json.push_str("]}");
        Some(json)
    }

    /// Returns a page of the direct children of a directory, or `None` if there is no such directory.
    ///
    /// # Errors
    /// Returns an error if the cursor is invalid.
    pub(super) fn directory(
        &self,
        uri: &str,
        size: usize,
        page: &PageRequest<'_>,
    ) -> Option<Result<Page, InvalidCursor>> {
        // Other texts before the first segment are no directories.
        let (_, path) = uri.split_once("://")?;
        if path.is_empty() || path.ends_with('/') {
            return None;
        }
        let children = self.children(&format!("{}/", normal(uri)), &page.caller);
        if children.is_empty() {
            return None;
        }
        let first = match page.cursor.map(read_child_cursor) {
            None => Bound::Unbounded,
            Some(Some(name)) => Bound::Excluded(name),
            Some(None) => return Some(Err(InvalidCursor)),
        };
        let mut rest = children.range((first, Bound::Unbounded));
        let shown: Vec<_> = rest.by_ref().take(size).collect();
        let last = shown.last().filter(|_| rest.next().is_some());
        let next = last.map(|(name, _)| write_child_cursor(name));
        let mut items = String::new();
        for (_, child) in shown {
            if !items.is_empty() {
                items.push(',');
            }
            match child {
                Child::File(entry) => push_definition(&mut items, &***entry, &page.form, &[]),
                Child::Directory(uri) => push_directory(&mut items, uri),
            }
        }
        Some(Ok(Page {
            items,
            next,
            is_private: page.caller.filter.is_some(),
            ..Page::default()
        }))
    }

    /// Returns the children of the directory whose normal URI, with a slash, is `prefix`: by their names, those that the caller sees.
    fn children(&self, prefix: &str, caller: &ListCaller<'_>) -> BTreeMap<String, Child<'_>> {
        let depth = prefix.matches('/').count();
        let mut children = BTreeMap::new();
        for entry in self.resources.entries() {
            let Some(path) = entry.identity().strip_prefix(prefix) else {
                continue;
            };
            if entry.skill_file().is_none() || !is_seen(entry, caller) {
                continue;
            }
            let (name, child) = match path.split_once('/') {
                None => (path, Child::File(entry)),
                Some((name, _)) => (name, Child::Directory(segments(entry.key(), depth + 1))),
            };
            children.insert(name.to_owned(), child);
        }
        children
    }
}

/// A child of a directory.
enum Child<'s> {
    File(&'s Arc<ResourceEntry>),
    /// The URI of the directory.
    Directory(&'s str),
}

fn is_seen(entry: &ResourceEntry, caller: &ListCaller<'_>) -> bool {
    caller.filter.is_none_or(|filter| filter(&entry.view()))
}

/// Returns the part of a URI before the slash with this number, counted from one.
fn segments(uri: &str, slash: usize) -> &str {
    let end = uri.match_indices('/').nth(slash - 1);
    &uri[..end.map_or(uri.len(), |(end, _)| end)]
}

/// Appends the entry of a file. Returns `None` if the resource is not a file of a skill.
fn push_file(out: &mut String, entry: &ResourceEntry) -> Option<()> {
    let (file, size) = (entry.skill_file()?, entry.resource.size?);
    out.push_str("{\"uri\":");
    push_string(out, entry.key());
    push_member(out, "digest", &*file.digest);
    push_member(out, "size", &size);
    out.push('}');
    Some(())
}

fn push_directory(out: &mut String, uri: &str) {
    let name = uri.rsplit('/').next().unwrap_or(uri);
    out.push_str("{\"uri\":");
    push_string(out, uri);
    push_member(out, "name", name);
    push_member(out, "mimeType", DIRECTORY);
    out.push('}');
}

/// Encodes a cursor of a directory: the name of the last child.
fn write_child_cursor(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("directory:{name}"))
}

fn read_child_cursor(cursor: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    Some(text.strip_prefix("directory:")?.to_owned())
}
