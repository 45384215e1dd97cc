//! A folder of skills: what is in it, and what has changed in it since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::package::{MAX_BYTES, MAX_FILES, Package, too_large, too_many_files};
use super::sandbox::Sandbox;
use crate::registry::SKILL_FILE;

/// The maximum number of files and folders that are looked at.
const MAX_ENTRIES: usize = 20_000;

/// The maximum depth of folders.
const DEEPEST: usize = 16;

/// The maximum size of all skills of a folder in bytes.
const MAX_TOTAL: usize = 256 << 20;

/// The time after which a change of a file changes its modification time, too, in all file systems.
const RESOLUTION: Duration = Duration::from_secs(2);

/// A folder of skills, and the skills as they were read last.
pub(crate) struct Folder {
    path: PathBuf,
    skills: BTreeMap<String, Known>,
    /// The problem of the folder itself, and the files that are left out, as they were reported last.
    reported: BTreeSet<String>,
}

/// A skill as it was read last.
struct Known {
    files: Vec<Found>,
    /// `true` if a file was changed so recently that a further change may not be visible in its metadata.
    is_recent: bool,
    /// The last version without a problem.
    package: Option<Arc<Package>>,
}

/// What has changed in a folder, and the problems and warnings to report.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) changes: Vec<SkillChange>,
    /// What is wrong with skills. The last version of such a skill is kept.
    pub(crate) problems: Vec<String>,
    /// What is left out.
    pub(crate) warnings: Vec<String>,
}

/// A change of a skill.
pub(crate) struct SkillChange {
    path: String,
    /// The version before; `None` if the skill is new.
    pub(crate) before: Option<Arc<Package>>,
    /// The version now; `None` if the skill is gone.
    pub(crate) after: Option<Arc<Package>>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            skills: BTreeMap::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Returns `true` if no skill was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.skills.is_empty()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the skills whose files have changed since the last scan. It blocks the thread.
    pub(crate) fn scan(&mut self) -> Scan {
        let mut scan = Scan::default();
        let now = SystemTime::now();
        let walk = match Walk::of(&self.path) {
            Ok(walk) => walk,
            Err(problem) => {
                scan.problems = self.report([problem].into());
                return scan;
            }
        };
        scan.warnings = self.report(walk.warnings);
        let mut before = std::mem::take(&mut self.skills);
        for (path, files) in walk.skills {
            match before.remove(&path) {
                Some(known) if !known.is_recent && known.files == files => {
                    self.skills.insert(path, known);
                }
                old => {
                    let known = scan.read(&walk.sandbox, &path, files, now, old);
                    self.skills.insert(path, known);
                }
            }
        }
        let gone = before.into_iter().filter_map(|(path, known)| {
            Some(SkillChange {
                path,
                before: Some(known.package?),
                after: None,
            })
        });
        scan.changes.extend(gone);
        scan
    }

    /// Returns the reports that are not among those of the last scan.
    fn report(&mut self, all: BTreeSet<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.reported, all);
        self.reported.difference(&before).cloned().collect()
    }

    /// Takes back a change that could not be served.
    pub(crate) fn undo(&mut self, change: SkillChange) {
        if let Some(known) = self.skills.get_mut(&change.path) {
            known.package = change.before;
        }
    }
}

impl Scan {
    /// Reads a skill. If it has a problem, the old version is kept.
    fn read(
        &mut self,
        sandbox: &Sandbox,
        path: &str,
        files: Vec<Found>,
        now: SystemTime,
        old: Option<Known>,
    ) -> Known {
        let was_same = old.as_ref().is_some_and(|old| old.files == files);
        let old = old.and_then(|known| known.package);
        let place = sandbox.root().join(path).display().to_string();
        let package = match read(sandbox, path, &place, &files) {
            Ok(package) => {
                let package = Arc::new(package);
                let is_same = old.as_ref().is_some_and(|old| old.is_same(&package));
                if is_same {
                    old
                } else {
                    self.changes.push(SkillChange {
                        path: path.to_owned(),
                        before: old,
                        after: Some(Arc::clone(&package)),
                    });
                    Some(package)
                }
            }
            Err(problems) => {
                if !was_same {
                    self.problems.extend(problems);
                }
                old
            }
        };
        Known {
            is_recent: files.iter().any(|file| file.is_recent(now)),
            files,
            package,
        }
    }
}

/// Reads the files of a skill.
fn read(
    sandbox: &Sandbox,
    path: &str,
    place: &str,
    files: &[Found],
) -> Result<Package, Vec<String>> {
    if files.len() > MAX_FILES {
        return Err(vec![too_many_files(place)]);
    }
    let mut contents = BTreeMap::new();
    let (mut left, mut problems) = (MAX_BYTES, Vec::new());
    for file in files {
        match sandbox.read(&file.target, left) {
            Ok(bytes) if bytes.len() > left => return Err(vec![too_large(place)]),
            Ok(bytes) => {
                left -= bytes.len();
                contents.insert(file.path.clone(), Arc::from(bytes));
            }
            Err(error) => problems.push(format!(
                "{place}/{}: the file cannot be read: {error}",
                file.path
            )),
        }
    }
    if problems.is_empty() {
        Package::new(path, place, contents)
    } else {
        Err(problems)
    }
}

/// A file of a skill.
#[derive(PartialEq, Eq)]
struct Found {
    /// The path in the skill, with `/` as the separator.
    path: String,
    /// The path without links.
    target: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    /// The inode and the time of its last change, which programs cannot set.
    identity: (u64, i64, i64),
}

impl Found {
    fn new(path: String, target: PathBuf, metadata: &Metadata) -> Self {
        Self {
            path,
            target,
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }

    fn is_recent(&self, now: SystemTime) -> bool {
        let age = self.modified.map(|modified| now.duration_since(modified));
        // A time in the future says nothing.
        age.is_none_or(|age| age.is_ok_and(|age| age < RESOLUTION))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}

/// A walk through a folder.
struct Walk {
    sandbox: Sandbox,
    entries: usize,
    bytes: u64,
    /// The files of each skill, by its path.
    skills: BTreeMap<String, Vec<Found>>,
    /// What is left out.
    warnings: BTreeSet<String>,
}

/// An entry of a folder that is neither hidden nor left out.
struct Entry {
    name: String,
    target: PathBuf,
    metadata: Metadata,
}

impl Walk {
    /// Finds the files of all skills in a folder.
    ///
    /// # Errors
    /// Returns the problem of the folder itself.
    fn of(folder: &Path) -> Result<Self, String> {
        let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let place = place.display();
        let sandbox = Sandbox::open(folder)
            .map_err(|error| format!("the folder of skills `{place}` cannot be read: {error}"))?;
        let root = sandbox.root().to_owned();
        if root.join(SKILL_FILE).is_file() {
            return Err(format!(
                "`{place}` is a skill itself: name the folder around it, which may have several skills"
            ));
        }
        let mut walk = Self {
            sandbox,
            entries: 0,
            bytes: 0,
            skills: BTreeMap::new(),
            warnings: BTreeSet::new(),
        };
        walk.group(&root, "", 0)
            .map_err(|error| format!("the folder of skills `{place}`: {error}"))?;
        Ok(walk)
    }

    /// Finds skills in a folder that is not a skill.
    fn group(&mut self, folder: &Path, path: &str, depth: usize) -> Result<(), String> {
        let entries = self.list(folder, depth)?;
        let is_main = |entry: &Entry| entry.name == SKILL_FILE && entry.metadata.is_file();
        if entries.iter().any(is_main) {
            let mut files = Vec::new();
            for entry in entries {
                let name = entry.name.clone();
                self.add(entry, name, depth, &mut files)?;
            }
            self.skills.insert(path.to_owned(), files);
            return Ok(());
        }
        if let Some(entry) = entries
            .iter()
            .find(|it| it.name.eq_ignore_ascii_case(SKILL_FILE))
        {
            return Err(format!(
                "`{}` must be called `{SKILL_FILE}`: rename it",
                folder.join(&entry.name).display()
            ));
        }
        for entry in entries.iter().filter(|it| it.metadata.is_dir()) {
            let path = match path {
                "" => entry.name.clone(),
                path => format!("{path}/{}", entry.name),
            };
            self.group(&entry.target, &path, depth + 1)?;
        }
        Ok(())
    }

    /// Adds an entry of a skill. `path` is its path in the skill.
    fn add(
        &mut self,
        entry: Entry,
        path: String,
        depth: usize,
        files: &mut Vec<Found>,
    ) -> Result<(), String> {
        if entry.metadata.is_file() {
            self.bytes += entry.metadata.len();
            if self.bytes > MAX_TOTAL as u64 {
                return Err(format!("its skills have more than {MAX_TOTAL} bytes"));
            }
            let file = Found::new(path, entry.target, &entry.metadata);
            files.push(file);
            return Ok(());
        }
        for inner in self.list(&entry.target, depth + 1)? {
            let path = format!("{path}/{}", inner.name);
            self.add(inner, path, depth + 1, files)?;
        }
        Ok(())
    }

    /// Returns the files and folders in a folder, sorted by their names.
    fn list(&mut self, folder: &Path, depth: usize) -> Result<Vec<Entry>, String> {
        if depth > DEEPEST {
            return Err(format!(
                "`{}` is more than {DEEPEST} folders deep",
                folder.display()
            ));
        }
        let unreadable = |error| format!("`{}` cannot be read: {error}", folder.display());
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(format!(
                    "it has more than {MAX_ENTRIES} files: is it the right folder?"
                ));
            }
            match self.entry(folder, &entry) {
                Ok(entry) => entries.extend(entry),
                Err(why) => {
                    let path = entry.path();
                    let warning = format!("skills are served without `{}`: {why}", path.display());
                    self.warnings.insert(warning);
                }
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Returns an entry, or `None` if it is hidden.
    ///
    /// # Errors
    /// Returns the reason why it is left out.
    fn entry(&self, folder: &Path, entry: &DirEntry) -> Result<Option<Entry>, String> {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            return Ok(None);
        }
        let name = name
            .into_string()
            .map_err(|_| "its name is not UTF-8".to_owned())?;
        let io = |error: std::io::Error| error.to_string();
        let (path, kind) = (entry.path(), entry.file_type().map_err(io)?);
        let target = if kind.is_symlink() {
            let target = self.sandbox.resolve(&path)?;
            if folder.starts_with(&target) {
                return Err("the link leads to a folder around it".to_owned());
            }
            target
        } else {
            path
        };
        let metadata = fs::symlink_metadata(&target).map_err(io)?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Err("it is neither a file nor a folder".to_owned());
        }
        Ok(Some(Entry {
            name,
            target,
            metadata,
        }))
    }
}
