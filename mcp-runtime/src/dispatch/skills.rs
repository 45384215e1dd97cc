//! The Skills extension: `skills/list`, `skills/get` and `resources/directory/read`.
//!
//! Skills are made from resources (`registry::skill_lists`), so these methods read the registry and run no handler.
//!
//! See <https://modelcontextprotocol.io/seps/2640-skills-extension>.

use serde_json::{Value, json};

use super::core::{MethodRun, Request};
use super::lists::{INVALID_CURSOR, list, listed, requested};
use crate::outcome::Page;
use crate::protocol::error::RpcError;
use crate::registry::{InvalidCursor, Listed as _, Registry, ResourceEntry, Snapshot};

/// The id of the extension.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/skills";

/// Returns the settings with which the server declares the extension.
pub(super) fn settings() -> Value {
    json!({ "directoryRead": true })
}

pub(super) fn list_all(request: Request) -> Result<MethodRun, RpcError> {
    list(request, "skills", Snapshot::has_skills, Registry::skills)
}

pub(super) fn get(request: Request) -> Result<MethodRun, RpcError> {
    let snapshot = request.core.registry.now();
    if !snapshot.has_skills() {
        return Err(RpcError::unknown_method(request.message.method()));
    }
    let uri = request.message.params()?.uri()?.into_owned();
    let (skill, is_private) = {
        let sight = request.sight();
        let sees = |entry: &ResourceEntry| sight.sees(entry);
        let found = snapshot.resource(&uri, sees).map(|(entry, _)| entry);
        let skill = found.and_then(|entry| Some((entry, snapshot.skill_entry(entry, sees)?)));
        let (entry, skill) = skill.ok_or_else(|| no_skill(&uri))?;
        request.authorize(&**entry)?;
        let is_open = entry.definition().scopes.is_empty();
        (skill, sight.is_limited() || !is_open)
    };
    let page = Page {
        items: skill,
        is_private,
        is_single: true,
        ..Page::default()
    };
    listed(request, "skill", page, Vec::new())
}

/// Returns the error for a URI that is not the `SKILL.md` of a skill.
fn no_skill(uri: &str) -> RpcError {
    RpcError::invalid_params(format!(
        "No skill is served at `{uri}`: `skills/list` has the URIs of all skills"
    ))
    .with_data(json!({ "uri": uri }))
}

/// Returns the error for a skill that a layer has removed.
pub(super) fn removed() -> RpcError {
    RpcError::invalid_params("No skill is served at this URI")
}

pub(super) fn read_directory(request: Request) -> Result<MethodRun, RpcError> {
    let uri = request.message.params()?.uri()?.into_owned();
    let found = requested(&request, Snapshot::has_skills, |registry, page| {
        registry.directory(&uri, page)
    })?;
    let page = found.ok_or_else(|| no_directory(&uri))?;
    let page = page.map_err(|InvalidCursor| RpcError::invalid_params(INVALID_CURSOR))?;
    listed(request, "resources", page, Vec::new())
}

/// Returns the error for a URI that is not a directory.
fn no_directory(uri: &str) -> RpcError {
    RpcError::invalid_params(format!(
        "`{uri}` is not a directory: the URI of a directory has no slash at its end, as in `skill://name`"
    ))
    .with_data(json!({ "uri": uri }))
}
