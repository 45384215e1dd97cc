//! The files of one skill: their limits, their digests, and the resources that serve them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_grammar::percent::{self, UNRESERVED};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::frontmatter::{self, Mistake};
use super::mime::mime;
use crate::content::{IntoResource as _, ResourceContents};
use crate::hexadecimal::hexadecimal;
use crate::registry::{Handler, Manifest, Resource, SKILL_FILE, SkillFile};

/// The maximum number of files of a skill, with its `SKILL.md`.
pub(super) const MAX_FILES: usize = 512;

/// The maximum size of the files of a skill in bytes.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// The maximum length of a skill's name.
const LONGEST_NAME: usize = 64;

/// The maximum length of a skill's description, in characters.
const LONGEST_DESCRIPTION: usize = 1024;

/// The checked files of a skill.
pub(crate) struct Package {
    /// The path in URIs, as in `acme/refunds`.
    path: String,
    name: String,
    description: String,
    /// The frontmatter as JSON.
    frontmatter: String,
    /// The files by their paths, with `/` as the separator.
    files: BTreeMap<String, File>,
}

struct File {
    bytes: Arc<[u8]>,
    digest: Arc<str>,
}

impl File {
    fn new(bytes: Arc<[u8]>) -> Self {
        let digest = format!("sha256:{}", hexadecimal(&Sha256::digest(&bytes)));
        Self {
            bytes,
            digest: digest.into(),
        }
    }
}

impl Package {
    /// Checks the files of a skill. `place` is what messages call its directory.
    ///
    /// # Errors
    /// Returns all problems, each with the file, the line if there is one, and the fix.
    pub(super) fn new(
        path: &str,
        place: &str,
        files: BTreeMap<String, Arc<[u8]>>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = size_problems(place, &files);
        let manifest = format!("{place}/{SKILL_FILE}");
        let Some(bytes) = files.get(SKILL_FILE) else {
            problems.push(format!("{manifest} is missing: a skill begins with it"));
            return Err(problems);
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Mistake::of_bytes(bytes, error.valid_up_to()));
        let frontmatter = match text.and_then(frontmatter::parse) {
            Ok(frontmatter) => frontmatter,
            Err(mistake) => {
                problems.push(format!("{manifest}:{}: {}", mistake.line, mistake.what));
                return Err(problems);
            }
        };
        let own = path.rsplit('/').next().unwrap_or(path);
        let name = name_of(&frontmatter, own);
        let description = description_of(&frontmatter);
        match (name, description) {
            (Ok(name), Ok(description)) if problems.is_empty() => Ok(Self {
                path: encoded(path),
                name,
                description,
                frontmatter: Value::Object(frontmatter).to_string(),
                files: files
                    .into_iter()
                    .map(|(path, bytes)| (path, File::new(bytes)))
                    .collect(),
            }),
            (name, description) => {
                let wrong = [name.err(), description.err()].into_iter().flatten();
                problems.extend(wrong.map(|what| format!("{manifest}: {what}")));
                Err(problems)
            }
        }
    }

    /// Returns the URI of a file.
    fn uri(&self, file: &str) -> String {
        format!("skill://{}/{}", self.path, encoded(file))
    }

    /// Returns the resources of all files, the `SKILL.md` first.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource> {
        let is_main = |path: &str| path == SKILL_FILE;
        let (main, others): (Vec<_>, Vec<_>) = self.files.keys().partition(|path| is_main(path));
        let paths = main.into_iter().chain(others);
        paths.filter_map(|path| Some(self.resource(path, self.files.get(path)?)))
    }

    fn resource(&self, path: &str, file: &File) -> Resource {
        let text = std::str::from_utf8(&file.bytes).ok();
        let is_text = text.is_some();
        let bytes = Arc::clone(&file.bytes);
        let handler = Handler::inline(move |_| contents(&bytes).into_resource());
        let is_main = path == SKILL_FILE;
        let name = if is_main {
            &self.name
        } else {
            path.rsplit('/').next().unwrap_or(path)
        };
        let resource = Resource::define(&self.uri(path), name, handler)
            .mime(mime(path, is_text))
            .size(file.bytes.len() as u64)
            .skill_file(SkillFile {
                digest: Arc::clone(&file.digest),
                is_listed: is_main,
                manifest: is_main.then(|| Arc::new(self.manifest())),
            });
        if is_main {
            resource.description(&*self.description)
        } else {
            resource
        }
    }

    fn manifest(&self) -> Manifest {
        let others = self.files.keys().filter(|path| *path != SKILL_FILE);
        Manifest {
            frontmatter: self.frontmatter.clone(),
            files: others.map(|path| encoded(path)).collect(),
        }
    }

    /// Returns the URIs of the files that are not in `other`, or whose content differs.
    pub(crate) fn changed_from<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = String> + 's {
        let files = self.files.iter();
        let changed = files.filter(|(path, file)| {
            let same = other.files.get(*path);
            same.is_none_or(|same| same.digest != file.digest)
        });
        changed.map(|(path, _)| self.uri(path))
    }

    /// Returns `true` if the files have the same paths and contents.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let digests = |it: &Self| -> Vec<(String, Arc<str>)> {
            let files = it.files.iter();
            files
                .map(|(path, file)| (path.clone(), Arc::clone(&file.digest)))
                .collect()
        };
        digests(self) == digests(other)
    }

    /// Returns the URIs of all files.
    pub(crate) fn uris(&self) -> impl Iterator<Item = String> {
        self.files.keys().map(|path| self.uri(path))
    }
}

/// Returns the contents of a file: text if it is UTF-8, so that the bytes of the text are those of the file.
fn contents(bytes: &[u8]) -> ResourceContents {
    match std::str::from_utf8(bytes) {
        Ok(text) => ResourceContents::text(text),
        Err(_) => ResourceContents::bytes(bytes),
    }
}

/// Returns a path as in URIs.
fn encoded(path: &str) -> String {
    let mut out = String::new();
    percent::encode(&mut out, path, UNRESERVED.with(percent::Ascii::of(b"/")));
    out
}

fn size_problems(place: &str, files: &BTreeMap<String, Arc<[u8]>>) -> Vec<String> {
    let mut problems = Vec::new();
    if files.len() > MAX_FILES {
        problems.push(too_many_files(place));
    }
    let bytes: usize = files.values().map(|bytes| bytes.len()).sum();
    if bytes > MAX_BYTES {
        problems.push(too_large(place));
    }
    problems
}

pub(super) fn too_many_files(place: &str) -> String {
    format!(
        "{place} has more than {MAX_FILES} files, the most that clients must accept: remove some"
    )
}

pub(super) fn too_large(place: &str) -> String {
    format!(
        "{place} has more than {MAX_BYTES} bytes, the most that clients must accept: remove or shorten files"
    )
}

/// Returns the name of a skill, which is that of its directory.
fn name_of(frontmatter: &Map<String, Value>, directory: &str) -> Result<String, String> {
    let name = match frontmatter.get("name") {
        Some(Value::String(name)) => name,
        Some(_) => return Err("`name` is not a text: put it in quotation marks".to_owned()),
        None => return Err(format!("`name` is missing: add `name: {directory}`")),
    };
    if !is_name(name) {
        return Err(format!(
            "the name `{name}` is not valid: a name is 1 to {LONGEST_NAME} lower-case letters, digits and single hyphens between \
             them"
        ));
    }
    if name != directory {
        return Err(format!(
            "the name `{name}` differs from the directory `{directory}`: rename one of them"
        ));
    }
    Ok(name.clone())
}

fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !part.is_empty() && part.bytes().all(allowed)
    };
    name.len() <= LONGEST_NAME && name.split('-').all(is_part)
}

fn description_of(frontmatter: &Map<String, Value>) -> Result<String, String> {
    let description = match frontmatter.get("description") {
        Some(Value::String(description)) => description,
        Some(_) => return Err("`description` is not a text: put it in quotation marks".to_owned()),
        None => {
            return Err(
                "`description` is missing: say what the skill does and when to use it".to_owned(),
            );
        }
    };
    let length = description.chars().count();
    if description.trim().is_empty() {
        Err("`description` is empty: say what the skill does and when to use it".to_owned())
    } else if length > LONGEST_DESCRIPTION {
        Err(format!(
            "`description` has {length} characters, and at most {LONGEST_DESCRIPTION} are allowed: move the rest below the frontmatter"
        ))
    } else {
        Ok(description.clone())
    }
}
