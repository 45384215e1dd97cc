//! The operations that become components: their names and descriptions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::names::{valid_name, with_digest};
use super::operation::{ExposeAs, OpenApiOperation};
use super::options::Rules;
use super::response::shortened;
use super::security::{Scheme, Secrets};

/// The maximum length of a description in bytes, so that the APIs of all models accept it.
const LONGEST_DESCRIPTION: usize = 1000;

/// An operation with its name and kind.
pub(super) struct Chosen<'d> {
    pub(super) operation: OpenApiOperation<'d>,
    pub(super) name: String,
    pub(super) is_resource: bool,
    description: Option<&'d str>,
}

/// Returns a problem for each option that means no operation.
pub(super) fn unknown_keys(
    all: &[OpenApiOperation<'_>],
    options: [&[(String, String)]; 2],
) -> Vec<String> {
    let keys = options.into_iter().flatten().map(|(key, _)| key);
    let unknown = keys.filter(|key| !all.iter().any(|it| it.is_called(key)));
    let problems = unknown.map(|key| {
        format!(
            "there is no operation `{key}`: write its `operationId`, or its method and path such as `GET /users/{{id}}`"
        )
    });
    problems.collect()
}

pub(super) fn unknown_schemes(secrets: &Secrets, schemes: &[Arc<Scheme>]) -> Vec<String> {
    let known: Vec<_> = schemes.iter().map(|it| it.name.as_str()).collect();
    let unknown = secrets.fixed.keys();
    let unknown = unknown.filter(|name| !known.contains(&name.as_str()));
    let mut problems: Vec<_> = unknown
        .map(|name| {
            let known = known.join("`, `");
            format!("there is no security scheme `{name}` that can have a secret; known: `{known}`")
        })
        .collect();
    problems.sort();
    problems
}

/// Returns the operations that become components, with their names.
pub(super) fn choose<'d>(
    all: &[OpenApiOperation<'d>],
    rules: Option<&Rules>,
    names: &'d [(String, String)],
    descriptions: &'d [(String, String)],
) -> Vec<Chosen<'d>> {
    let mut taken = HashSet::new();
    let mut chosen = Vec::new();
    for operation in all {
        let kind = rules.map_or(ExposeAs::Tool, |rules| rules(operation));
        if kind == ExposeAs::Hidden {
            continue;
        }
        let find = |options: &'d [(String, String)]| {
            let option = options.iter().rev().find(|it| operation.is_called(&it.0));
            option.map(|(_, value)| value.as_str())
        };
        let given = find(names).map(str::to_owned);
        let is_given = given.is_some();
        let place = operation.place();
        let mut name = given.unwrap_or_else(|| match operation.id() {
            Some(id) => valid_name(id),
            None => valid_name(&place.replacen(operation.method(), operation.method, 1)),
        });
        // A wrong or double name of the user is an error when the server is built.
        if !is_given && taken.contains(&name) {
            name = with_digest(&name, &place);
        }
        taken.insert(name.clone());
        chosen.push(Chosen {
            operation: *operation,
            name,
            is_resource: kind == ExposeAs::Resource,
            description: find(descriptions),
        });
    }
    chosen
}

/// Returns the names of the tools by what links call their operations.
pub(super) fn tool_names(chosen: &[Chosen<'_>]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for tool in chosen.iter().filter(|it| !it.is_resource) {
        let operation = &tool.operation;
        let id = operation.id().map(str::to_owned);
        let path = operation.path.replace('~', "~0").replace('/', "~1");
        let reference = format!("#/paths/{path}/{}", operation.method);
        for key in id.into_iter().chain([reference]) {
            names.insert(key, tool.name.clone());
        }
    }
    names
}

/// Returns the description of a component: that of the user, or the summary and description of the operation.
pub(super) fn description(chosen: &Chosen<'_>) -> String {
    if let Some(description) = chosen.description {
        return description.to_owned();
    }
    let operation = &chosen.operation;
    let text = |name: &str| operation.value[name].as_str().unwrap_or_default().trim();
    let (summary, long) = (text("summary"), text("description"));
    let mut parts = Vec::new();
    if operation.is_deprecated() {
        parts.push("Deprecated.");
    }
    if !summary.is_empty() && !long.starts_with(summary) {
        parts.push(summary);
    }
    if !long.is_empty() {
        parts.push(long);
    }
    if summary.is_empty() && long.is_empty() {
        let place = operation.place();
        parts.push(&place);
        return parts.join(" ");
    }
    shortened(&parts.join("\n\n"), LONGEST_DESCRIPTION)
}
