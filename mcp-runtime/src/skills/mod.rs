//! Agent Skills: folders with a `SKILL.md`, whose files a server serves as resources.
//!
//! It reads and checks skills, and makes resources from them. It knows neither requests nor servers: `server::skills` adds the
//! resources and replaces them when files change, and `registry::skill_lists` makes the entries that clients receive.
//!
//! See <https://modelcontextprotocol.io/seps/2640-skills-extension> and <https://agentskills.io/specification>.

mod folder;
mod frontmatter;
mod mime;
mod package;
mod sandbox;

pub(crate) use folder::{Folder, SkillChange};
pub(crate) use package::Package;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::opaque::opaque_debug;
use crate::registry::{Components, IntoComponents, Resource};

/// A skill whose files are part of the program. [`Server::skills`](crate::Server::skills) serves those of a folder.
///
/// ```
/// use mcp_runtime::{Skill, prelude::*};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let skill = Skill::new("pdf-tools")
///     .file("SKILL.md", "---\nname: pdf-tools\ndescription: Fill in PDF forms.\n---\nRead references/forms.md.")
///     .file("references/forms.md", "# Forms"); // or include_str!(..), include_bytes!(..)
/// let client = Server::new("pdf", "1.0.0").with(skill).client().await;
/// let contents = client.read("skill://pdf-tools/references/forms.md").await?;
/// assert_eq!(contents[0]["text"], "# Forms");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Skill {
    path: String,
    files: BTreeMap<String, Arc<[u8]>>,
    tags: Vec<String>,
    scopes: Vec<String>,
    problems: Vec<String>,
}

opaque_debug!(Skill, |it| path: it.path);

impl Skill {
    /// Creates a skill without files. The last segment of the path is the `name` in its `SKILL.md`; segments before it, as in
    /// `acme/refunds`, only group skills.
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        let mut problems = Vec::new();
        if !is_path(&path) {
            problems.push(format!(
                "the path `{path}` of a skill is not valid: write names with `/` between them, as in `acme/refunds`"
            ));
        }
        Self {
            path,
            files: BTreeMap::new(),
            tags: Vec::new(),
            scopes: Vec::new(),
            problems,
        }
    }

    /// Adds a file. The path is relative to the directory of the skill, with `/` as the separator.
    ///
    /// The server cannot be built if there is no `SKILL.md`, or if the skill has more than 512 files or 16 MiB.
    pub fn file(mut self, path: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        let path = path.into();
        let content = Arc::from(content.as_ref());
        if !is_path(&path) {
            self.problems.push(format!(
                "the path `{path}` in the skill `{}` is not valid: write names with `/` between them, as in `references/forms.md`",
                self.path
            ));
        } else if self.files.insert(path.clone(), content).is_some() {
            self.problems.push(format!(
                "the skill `{}` has two files `{path}`: remove one",
                self.path
            ));
        }
        self
    }

    /// Adds a tag to all files: see [`Resource::tag`](crate::Resource::tag).
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds an OAuth scope that a caller needs to read the files: see [`Resource::scope`](crate::Resource::scope).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoComponents for Skill {
    fn into_components(self) -> Components {
        let mut components = Components::default();
        let place = format!("skill://{}", self.path);
        match Package::new(&self.path, &place, self.files) {
            Ok(package) if self.problems.is_empty() => {
                for resource in package.resources() {
                    let tags = self.tags.iter();
                    let resource = tags.fold(resource, Resource::tag);
                    let scopes = self.scopes.iter();
                    components.add(scopes.fold(resource, Resource::scope));
                }
            }
            Ok(_) => {}
            Err(problems) => problems.into_iter().for_each(|it| components.problem(it)),
        }
        for problem in self.problems {
            components.problem(problem);
        }
        components
    }
}

/// Returns `true` for segments with `/` between them, none of which is empty or a dot segment.
fn is_path(path: &str) -> bool {
    path.split('/')
        .all(|segment| !matches!(segment, "" | "." | ".."))
}
