//! Skills of folders, which are read again while the server runs.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Server;
use super::handle::tell_all;
use super::shutdown::ServerState;
use crate::bus::Notifier;
use crate::dispatch::Core;
use crate::registry::Components;
use crate::skills::{Folder, Package, SkillChange};

/// The interval at which folders are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

impl Server {
    /// Serves the skills in a folder: each folder in it with a `SKILL.md` is an
    /// [Agent Skill](https://agentskills.io/specification). [`Skill`](crate::Skill) is a skill in the program.
    ///
    /// Each file is a resource, such as `skill://pdf-tools/SKILL.md` and `skill://pdf-tools/references/forms.md`. Clients that know
    /// the extension `io.modelcontextprotocol/skills` read the skills with their digests and sizes (`skills/list`, `skills/get`) and
    /// the folders (`resources/directory/read`). All others find each `SKILL.md` in `resources/list`.
    ///
    /// - A folder without a `SKILL.md` groups skills: `acme/refunds/SKILL.md` is `skill://acme/refunds/SKILL.md`. A `SKILL.md` within
    ///   a skill is an ordinary file of that skill.
    /// - The `SKILL.md` begins with frontmatter in YAML 1.2, with at least `name`, which is the name of its folder, and
    ///   `description`. Tags and aliases of YAML are refused.
    /// - A skill has at most 512 files and 16 MiB, and all skills of a folder have at most 256 MiB. They are kept in memory.
    /// - Files and folders whose names begin with a dot are left out. Links are followed within the folder. A link that leads out
    ///   of it, and what is neither a file nor a folder, is left out, and a warning is logged.
    /// - A relative path is relative to the current directory of the process.
    ///
    /// The server cannot be built if the folder cannot be read or has no skill, or if a skill has a problem.
    ///
    /// While the server runs, it looks for changes every 2 s, serves them and notifies clients. A skill with a problem stays as it
    /// was, and a warning is logged.
    ///
    /// See <https://modelcontextprotocol.io/seps/2640-skills-extension>.
    ///
    /// ```no_run
    /// fn main() -> std::process::ExitCode {
    ///     mcp_runtime::server!().skills("skills").run()
    /// }
    /// ```
    pub fn skills(mut self, folder: impl Into<PathBuf>) -> Self {
        let mut folder = Folder::new(folder.into());
        let scan = folder.scan();
        for warning in scan.warnings {
            tracing::warn!("{warning}");
        }
        if folder.is_empty() && scan.problems.is_empty() {
            self.components.problem(format!(
                "the folder `{}` has no skill: add `NAME/SKILL.md` to it",
                folder.path().display()
            ));
        }
        for problem in scan.problems {
            self.components.problem(problem);
        }
        for change in &scan.changes {
            self.components.extend(resources(change.after.as_deref()));
        }
        self.skill_folders.push(folder);
        self
    }
}

/// Looks for changes of a folder until the outermost server stops.
pub(super) fn watch(folder: Folder, core: &Arc<Core>, outermost: &ServerState) {
    let watching = tokio::spawn(keep_up(folder, Arc::downgrade(core)));
    outermost.push_stop(Box::new(move || {
        watching.abort();
        Box::pin(async {})
    }));
}

async fn keep_up(mut folder: Folder, core: Weak<Core>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let scanned = tokio::task::spawn_blocking(move || {
            let scan = folder.scan();
            (folder, scan)
        });
        let Ok((scanned, scan)) = scanned.await else {
            tracing::error!(
                "the folder of skills is not read any more, because reading it panicked"
            );
            return;
        };
        folder = scanned;
        for report in scan.warnings.into_iter().chain(scan.problems) {
            tracing::warn!("{report}");
        }
        let Some(core) = core.upgrade() else {
            return;
        };
        for change in scan.changes {
            if let Err(problems) = apply(&core, &change) {
                tracing::warn!("a skill stays as it was: {}", problems.join("; "));
                folder.undo(change);
            }
        }
    }
}

/// Replaces the resources of a skill by those of its new version, and notifies clients.
fn apply(core: &Core, change: &SkillChange) -> Result<(), Vec<String>> {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let removed: Vec<String> = before.into_iter().flat_map(Package::uris).collect();
    core.registry.exchange(&removed, resources(after))?;
    let mut changes = resources(before);
    changes.extend(resources(after));
    tell_all(core, changes.changes());
    if let (Some(before), Some(after)) = (before, after) {
        let notifier = Notifier(Arc::clone(&core.context.bus));
        for uri in after.changed_from(before) {
            notifier.resource_updated(uri);
        }
    }
    Ok(())
}

fn resources(package: Option<&Package>) -> Components {
    let mut components = Components::default();
    for resource in package.into_iter().flat_map(Package::resources) {
        components.add(resource);
    }
    components
}
