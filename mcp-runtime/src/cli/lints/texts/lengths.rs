//! Texts that are too long.

use serde_json::Value;

use super::super::definitions::text;
use super::super::finding::{Finding, Level};

/// A limit of characters, with the clients and models that have it.
struct Limit {
    max: usize,
    reason: &'static str,
    sources: &'static str,
}

/// The longest description of a tool that `OpenAI`'s older models accept: "Expected a string with maximum length 1024".
const TOOL: Limit = Limit {
    max: 1024,
    reason: "some models of OpenAI refuse a tool with more than 1024",
    sources: "https://github.com/modelcontextprotocol/servers/issues/799 https://github.com/probelabs/probe/issues/9",
};

/// The part of the instructions that Claude Code sends to the model.
const INSTRUCTIONS: Limit = Limit {
    max: 2048,
    reason: "Claude Code cuts them off after 2048",
    sources: "https://github.com/anthropics/claude-code/issues/81268 https://github.com/anthropics/claude-code/issues/39106",
};

/// Clients show titles in lists and on buttons.
const TITLE: Limit = Limit {
    max: 128,
    reason: "people see only the first words of a long title",
    sources: "",
};

/// Other descriptions: nobody reads them to the end, and all of them are in the context of the model.
const OTHER: Limit = Limit {
    max: 2048,
    reason: "nobody reads more than 2048 before use",
    sources: "",
};

/// Checks the lengths of the texts of a component, whose kind and name are in `component`.
pub(super) fn check(component: &str, definition: &Value, found: &mut Vec<Finding>) {
    let description = if component.starts_with("tool ") {
        &TOOL
    } else {
        &OTHER
    };
    for (member, limit) in [
        ("title", &TITLE),
        ("description", description),
        ("instructions", &INSTRUCTIONS),
    ] {
        check_text(component, member, text(&definition[member]), limit, found);
    }
}

/// Checks a text within a schema or of an argument.
pub(super) fn check_inner(component: &str, place: &str, text: &str, found: &mut Vec<Finding>) {
    check_text(component, place, text, &OTHER, found);
}

fn check_text(component: &str, place: &str, text: &str, limit: &Limit, found: &mut Vec<Finding>) {
    let length = text.chars().count();
    if length > limit.max {
        found.push(Finding::of_clients(
            Level::Warning,
            format!(
                "{component}: `{place}` has {length} characters, and {}: shorten it",
                limit.reason
            ),
            limit.sources,
        ));
    }
}
