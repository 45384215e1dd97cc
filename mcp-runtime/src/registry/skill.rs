//! The resources that are files of skills.
//!
//! A skill is not a component of its own. Its `SKILL.md` knows the paths of the other files, which are resources beside it. So mounts,
//! transforms and rules about visible components apply to the files only, and the skill is what they leave of it.

use std::sync::{Arc, OnceLock};

use crate::outcome::Page;

/// The name of the file that makes a directory a skill.
pub(crate) const SKILL_FILE: &str = "SKILL.md";

/// The place of a resource in a skill.
#[derive(Debug, Clone)]
pub(crate) struct SkillFile {
    /// The SHA-256 of the content: `sha256:` and 64 hexadecimal digits.
    pub(crate) digest: Arc<str>,
    /// `true` if it is in lists of resources.
    pub(crate) is_listed: bool,
    /// The skill whose `SKILL.md` the resource is; `None` for other files.
    pub(crate) manifest: Option<Arc<Manifest>>,
}

/// The description of a skill in its `SKILL.md`.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The frontmatter, as a JSON object.
    pub(crate) frontmatter: String,
    /// The paths of the other files, relative to the directory of the skill, as in URIs.
    pub(crate) files: Vec<String>,
}

/// The skills among the resources of a snapshot.
#[derive(Default)]
pub(super) struct Skills {
    /// `true` if there is or was a skill, because clients read the capabilities only once.
    pub(super) are_offered: bool,
    /// The cached first page for callers that see all components.
    pub(super) first: OnceLock<Page>,
}

/// A clone does not copy the cached page, because it is made to be changed.
impl Clone for Skills {
    fn clone(&self) -> Self {
        Self {
            are_offered: self.are_offered,
            first: OnceLock::new(),
        }
    }
}

impl Skills {
    /// Offers skills if a mounted server does.
    pub(super) fn offer(&mut self, inner: &Self) {
        self.are_offered |= inner.are_offered;
    }
}

/// The error of a cursor that does not belong to a list.
#[derive(Debug)]
pub(crate) struct InvalidCursor;
