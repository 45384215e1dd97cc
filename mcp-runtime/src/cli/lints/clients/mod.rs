//! What one client refuses, cuts, changes or ignores, from a table with sources: `check --client NAME`.

mod rules;
mod schemas;
mod table;
#[cfg(test)]
mod tests;

pub(in crate::cli) use table::CLIENTS;

use super::definitions::Definitions;
use super::finding::{Finding, Level};

/// A client with its limits.
pub(in crate::cli) struct ClientRules {
    /// The value of `--client`.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) title: &'static str,
    /// The names with which it introduces itself to servers, as far as they are known.
    pub(in crate::cli) introduced_as: &'static [&'static str],
    rows: &'static [Row],
}

/// A limit of a client, and what the client does beyond it.
struct Row {
    effect: Effect,
    rule: Rule,
    /// How a server stays within the limit.
    fix: &'static str,
    /// Public pages that state the limit, separated by spaces.
    sources: &'static str,
}

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Refuses,
    /// It refuses with some models or settings, or under some names that its user chooses.
    MayRefuse,
    Cuts,
    Changes,
    Ignores,
}

impl Effect {
    fn verb(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::MayRefuse => "may refuse",
            Self::Cuts => "cuts",
            Self::Changes => "changes",
            Self::Ignores => "ignores",
        }
    }

    fn level(self) -> Level {
        match self {
            Self::Refuses => Level::Error,
            _ => Level::Warning,
        }
    }
}

/// A limit.
enum Rule {
    /// A tool's name has only letters, digits and these characters.
    ToolLetters(&'static str),
    /// The maximum length of a tool's name.
    ToolLength(usize),
    /// The maximum length of a tool's name behind a prefix, in which `{server}` is the name of the server, and `{uuid}` a UUID.
    PrefixedLength(&'static str, usize),
    /// The names of servers that the client has for itself.
    ReservedServers(&'static [&'static str]),
    /// A character that the name of a server must not have.
    ServerLetter(char),
    /// The names of arguments have 1 to 64 letters, digits and these characters; `true` if a letter or `_` must be first.
    ArgumentNames(&'static str, bool),
    /// The maximum number of tools.
    Tools(usize),
    /// The maximum length of a tool's description, in characters.
    Description(usize),
    /// The maximum length of the instructions, in characters.
    Instructions(usize),
    /// Keywords at the root of a schema.
    RootKeywords(&'static [&'static str]),
    /// Keywords anywhere in a schema.
    Keywords(&'static [&'static str]),
    /// All keywords but these, and those that constrain nothing.
    OtherKeywords(&'static [&'static str]),
    /// Formats of strings other than these.
    OtherFormats(&'static [&'static str]),
    /// Schemas that refer to themselves.
    Recursion,
    /// Arrays without the schema of their items.
    BareArrays,
    /// Enums with other values than texts.
    NumericEnums,
    /// Objects without properties, below the root.
    EmptyObjects,
    /// Objects with members of any name.
    Maps,
    /// Items of several types.
    ItemTypes,
    Prompts,
    /// Resources and resource templates, except interfaces of tools.
    Resources,
    /// The maximum of a number in the `_meta` of a tool.
    Meta(&'static str, u64),
    /// What no definition shows: printed as a note.
    AtRunTime(&'static str),
}

/// Returns the client of this name.
pub(in crate::cli) fn client(name: &str) -> Option<&'static ClientRules> {
    CLIENTS.iter().find(|client| client.name == name)
}

impl ClientRules {
    /// Returns what is beyond the limits of the client.
    pub(in crate::cli) fn findings(&self, definitions: &Definitions) -> Vec<Finding> {
        let findings = self.rows.iter().flat_map(|row| {
            let violations = row.rule.violations(definitions);
            violations.into_iter().map(|violation| {
                let text = format!(
                    "{}: {} {} {}: {}",
                    violation.place,
                    self.title,
                    row.effect.verb(),
                    violation.what,
                    row.fix
                );
                Finding::of_clients(row.effect.level(), text, row.sources)
            })
        });
        findings.collect()
    }

    /// Returns what the client does while it is used, which no definition shows.
    pub(in crate::cli) fn notes(&self) -> Vec<String> {
        let notes = self.rows.iter().filter_map(|row| match row.rule {
            Rule::AtRunTime(what) => Some(format!(
                "{} {} {what}: {} ({})",
                self.title,
                row.effect.verb(),
                row.fix,
                row.sources
            )),
            _ => None,
        });
        notes.collect()
    }
}
