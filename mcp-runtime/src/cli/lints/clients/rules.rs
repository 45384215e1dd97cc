//! What violates a limit, in names, lengths and numbers.

use serde_json::Value;

use super::super::definitions::{Definitions, members, text};
use super::Rule;

/// The length of a UUID.
const UUID_LENGTH: usize = 36;

/// The longest name of an argument.
const ARGUMENT_LENGTH: usize = 64;

/// Something beyond a limit.
pub(super) struct Violation {
    /// The component.
    pub(super) place: String,
    /// What of it, and the limit.
    pub(super) what: String,
}

impl Violation {
    pub(super) fn of_tool(tool: &Value, what: String) -> Self {
        Self {
            place: format!("tool `{}`", text(&tool["name"])),
            what,
        }
    }
}

/// Returns what of the server is beyond a limit.
fn of_server(what: Option<String>) -> Vec<Violation> {
    let violation = what.map(|what| Violation {
        place: "server".to_owned(),
        what,
    });
    violation.into_iter().collect()
}

impl Rule {
    /// Returns what violates the limit.
    pub(super) fn violations(&self, all: &Definitions) -> Vec<Violation> {
        match *self {
            Self::Tools(max) => too_many(all, max),
            Self::Instructions(max) => {
                let length = beyond(all.instructions().chars().count(), max);
                let what = length
                    .map(|length| format!("its instructions of {length} characters, after {max}"));
                of_server(what)
            }
            Self::ReservedServers(names) => {
                let name = names.iter().find(|name| **name == all.server());
                of_server(name.map(|name| format!("the name `{name}`, which it has for itself")))
            }
            Self::ServerLetter(letter) => {
                let name = Some(all.server()).filter(|name| name.contains(letter));
                of_server(
                    name.map(|name| format!("the meaning of `{letter}` in the name `{name}`")),
                )
            }
            Self::Prompts => ignored("prompt", &all.prompts, "name"),
            Self::Resources => {
                let mut resources = ignored("resource", &all.resources, "uri");
                resources.extend(ignored("resource", &all.templates, "uriTemplate"));
                resources
            }
            _ => all
                .tools
                .iter()
                .filter_map(|tool| self.violation(all, tool))
                .collect(),
        }
    }

    /// Returns how one tool violates the limit.
    fn violation(&self, all: &Definitions, tool: &Value) -> Option<Violation> {
        let (name, schema) = (text(&tool["name"]), &tool["inputSchema"]);
        let what = match *self {
            Self::ToolLetters(others) => {
                let is_known = |it: char| it.is_ascii_alphanumeric() || others.contains(it);
                let other = name.chars().find(|it| !is_known(*it));
                other.map(|it| format!("its name, which has `{it}`"))
            }
            Self::ToolLength(max) => beyond(name.chars().count(), max)
                .map(|length| format!("its name of {length} characters, where {max} are allowed")),
            Self::PrefixedLength(prefix, max) => prefixed(prefix, all.server(), name, max),
            Self::ArgumentNames(others, letter_first) => arguments(schema, others, letter_first),
            Self::Description(max) => beyond(text(&tool["description"]).chars().count(), max)
                .map(|length| format!("its description of {length} characters, after {max}")),
            Self::Meta(key, max) => {
                let number = tool["_meta"][key].as_u64().filter(|number| *number > max);
                number.map(|number| format!("the {number} of `{key}`, which is {max} at most"))
            }
            _ => self.in_schema(schema),
        };
        what.map(|what| Violation::of_tool(tool, what))
    }
}

fn beyond(length: usize, max: usize) -> Option<usize> {
    Some(length).filter(|length| *length > max)
}

fn too_many(all: &Definitions, max: usize) -> Vec<Violation> {
    let count = beyond(all.tools.len() - all.searched.len(), max);
    of_server(count.map(|count| format!("its {count} tools, of which {max} are allowed")))
}

fn prefixed(prefix: &str, server: &str, name: &str, max: usize) -> Option<String> {
    let prefix = prefix
        .replace("{server}", server)
        .replace("{uuid}", &"u".repeat(UUID_LENGTH));
    let length = prefix.chars().count() + name.chars().count();
    let length = beyond(length, max)?;
    Some(format!(
        "its name, which has {length} characters as `{prefix}{name}`, where {max} are allowed"
    ))
}

fn arguments(schema: &Value, others: &str, letter_first: bool) -> Option<String> {
    let is_known = |it: char| it.is_ascii_alphanumeric() || others.contains(it);
    let is_allowed = |name: &str| {
        let first = name.chars().next();
        let begins = first.is_some_and(|it| !letter_first || it.is_ascii_alphabetic() || it == '_');
        begins && name.len() <= ARGUMENT_LENGTH && name.chars().all(is_known)
    };
    let names = members(schema, "properties").map(|(name, _)| name);
    let odd: Vec<String> = names
        .filter(|name| !is_allowed(name))
        .map(|name| format!("`{name}`"))
        .collect();
    (!odd.is_empty()).then(|| format!("the names of its arguments {}", odd.join(", ")))
}

/// Returns the components of a kind that the client does not have, except the interfaces of tools.
fn ignored(kind: &'static str, components: &[Value], key: &str) -> Vec<Violation> {
    let names = components.iter().map(|it| text(&it[key]));
    let names = names.filter(|name| !name.starts_with("ui://"));
    let violations = names.map(|name| Violation {
        place: format!("{kind} `{name}`"),
        what: "it".to_owned(),
    });
    violations.collect()
}
