//! Validation of all messages of a server against the official JSON Schemas, as closed and completed by `strict`.
//!
//! The functions return the errors as text, and [`expect`] panics with it. Without the schemas every message is valid:
//! see [`are_available`].

mod formats;
mod messages;
mod strict;
mod tasks;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

pub use messages::{error, notification, question, reply, request, result};

/// Fails if a value is invalid.
///
/// # Panics
/// Panics with the errors.
#[track_caller]
#[allow(clippy::panic)] // allowed in tests
pub fn expect(checked: Checked) {
    if let Err(problem) = checked {
        panic!("{problem}");
    }
}

/// The revisions that have a schema, oldest first.
pub const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

/// The revision without sessions.
pub const MODERN: &str = "2026-07-28";

/// The result of a check; an error is the text of all problems.
pub type Checked = Result<(), String>;

/// The folder of the official schemas, beside the repository.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec")
}

/// Returns `true` if the schemas exist. If they do not, a line on stderr says once that nothing is validated.
///
/// # Panics
/// Panics if a part of the schemas is missing, or if all are missing and the environment variable `CI` is set.
#[allow(clippy::panic)] // allowed in tests
pub fn are_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let is_ci =
            std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        match find(&folder(), is_ci) {
            Ok(true) => true,
            Ok(false) => {
                eprintln!(
                    "skipped: messages are not validated, because {} is missing",
                    folder().display()
                );
                false
            }
            Err(problem) => panic!("{problem}"),
        }
    })
}

/// Returns `true` if a folder has the schemas of all revisions, and `false` if there is no such folder.
///
/// # Errors
/// Returns an error if a schema is missing in the folder, or if the folder is missing in CI.
pub fn find(folder: &Path, is_ci: bool) -> Result<bool, String> {
    let shown = folder.display();
    if !folder.is_dir() {
        let problem = format!("CI validates all messages, but {shown} is missing");
        return if is_ci { Err(problem) } else { Ok(false) };
    }
    let file = |revision: &&str| folder.join(format!("schema-{revision}.json"));
    match REVISIONS.iter().find(|revision| !file(revision).is_file()) {
        Some(revision) => Err(format!("{shown} has no schema-{revision}.json")),
        None => Ok(true),
    }
}

/// Validates a value against a definition of a revision.
///
/// # Errors
/// Returns an error if the value is invalid, or if the definition does not exist.
pub fn validate(revision: &str, name: &str, value: &Value) -> Checked {
    if !are_available() {
        return Ok(());
    }
    let Some(validator) = compiled(revision, name) else {
        return Err(format!("{revision} has no {name}: {value}"));
    };
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{error} at `{}`", error.instance_path()))
        .collect();
    match errors.as_slice() {
        [] => Ok(()),
        errors => Err(format!(
            "not a valid {name} of {revision}: {errors:#?}\n{value:#}"
        )),
    }
}

/// The validators by revision and name; `None` if the schema has no such definition.
type Validators = HashMap<(String, String), Option<Arc<Validator>>>;

fn compiled(revision: &str, name: &str) -> Option<Arc<Validator>> {
    static VALIDATORS: OnceLock<Mutex<Validators>> = OnceLock::new();
    // An invalid message must fail its own test only.
    let validators = VALIDATORS.get_or_init(Mutex::default).lock();
    let mut validators = validators.unwrap_or_else(PoisonError::into_inner);
    let key = (revision.to_owned(), name.to_owned());
    let compiled = validators
        .entry(key)
        .or_insert_with(|| compile(revision, name));
    compiled.clone()
}

#[allow(clippy::panic)] // allowed in tests
fn compile(revision: &str, name: &str) -> Option<Arc<Validator>> {
    let loaded = loaded(revision)?;
    let (mut schema, key) = (loaded.0.clone(), loaded.1);
    schema[key].get(name)?;
    let root = schema.as_object_mut()?;
    root.insert("$ref".to_owned(), json!(format!("#/{key}/{name}")));
    let mut options = jsonschema::options().should_validate_formats(true);
    for (format, is_valid) in formats::ALL {
        options = options.with_format(format, is_valid);
    }
    match options.build(&schema) {
        Ok(validator) => Some(Arc::new(validator)),
        Err(error) => panic!("the strict schema of {revision} is not valid: {error}"),
    }
}

/// Returns `true` if the objects of a definition may have this member.
fn has_member(revision: &str, name: &str, member: &str) -> bool {
    loaded(revision).is_some_and(|loaded| {
        let definition = &loaded.0[loaded.1][name];
        definition["properties"].get(member).is_some()
    })
}

/// Adds the extension for MCP Apps to the capabilities of revisions that have no extensions but `_meta` of tools, as its specification
/// does.
fn allow_apps(definitions: &mut Value) {
    if definitions["Tool"]["properties"].get("_meta").is_none() {
        return;
    }
    for name in ["ClientCapabilities", "ServerCapabilities"] {
        let properties = &mut definitions[name]["properties"];
        if properties.get("extensions").is_none() {
            properties["extensions"] = json!({
                "type": "object",
                "properties": { "io.modelcontextprotocol/ui": { "type": "object" } },
                "additionalProperties": false,
                "minProperties": 1,
            });
        }
    }
}

/// A strict schema, and the name of the member that holds its definitions.
type Loaded = Arc<(Value, &'static str)>;

/// The strict schema of a revision.
fn loaded(revision: &str) -> Option<Loaded> {
    static SCHEMAS: OnceLock<Mutex<HashMap<String, Loaded>>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(Mutex::default).lock();
    let mut schemas = schemas.unwrap_or_else(PoisonError::into_inner);
    if !schemas.contains_key(revision) {
        let text = std::fs::read(folder().join(format!("schema-{revision}.json"))).ok()?;
        let mut strict = strict::strict(serde_json::from_slice(&text).ok()?);
        allow_apps(&mut strict.0[strict.1]);
        schemas.insert(revision.to_owned(), Arc::new(strict));
    }
    schemas.get(revision).cloned()
}
