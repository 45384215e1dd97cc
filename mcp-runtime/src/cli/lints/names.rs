//! Lints of names: those that clients refuse, and those that models confuse.

use std::collections::HashMap;
use std::ops::Range;

use mcp_grammar::name::is_at_most;
use serde_json::Value;

use super::definitions::{members, text};
use super::finding::{Finding, Level};

/// The longest name of a tool that `OpenAI` and Claude Desktop accept, in characters. The protocol allows 128 characters, and
/// also `.`.
const MAX_LENGTH: usize = 64;
/// `OpenAI`: "Expected a string with maximum length 64"; Claude Desktop: the pattern `^[a-zA-Z0-9_-]{1,64}$`.
const LENGTH_SOURCES: &str = "https://github.com/microsoft/foundry-dev-tools/issues/201 https://github.com/malloydata/publisher/pull/543";
const DOT_SOURCES: &str =
    "https://github.com/openai/codex/issues/8174 https://github.com/l22-io/orchard-mcp/issues/14";

/// The length from which on Cursor filters a tool out: that of the names of the server and the tool together.
const CURSOR_LENGTH: usize = 60;
const CURSOR_SOURCE: &str = "https://github.com/ComposioHQ/composio/issues/2788";
/// Claude Code: with tool search, one name of more than 64 characters fails each request.
const PREFIX_SOURCE: &str = "https://github.com/anthropics/claude-code/issues/19882";

/// The length that is left for the name of a tool if the prefix is `mcp__UUID__`, which has 43 characters.
const CONNECTOR_LENGTH: usize = 21;
/// The length from which on a name is close to [`CONNECTOR_LENGTH`]: a suffix such as `_v2` does not fit any more.
const CLOSE_LENGTH: usize = 19;
const CONNECTOR_SOURCES: &str = "https://github.com/anthropics/claude-code/issues/22599 https://github.com/anthropics/claude-code/issues/95309";

/// Claude's API: "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'". It checks arguments, and not the fields within
/// them.
const ARGUMENT_SOURCE: &str = "https://github.com/ComposioHQ/composio/issues/3500";

/// Checks the name of a tool, alone and with the prefixes of clients. These contain the name that the user gave the server,
/// which is usually the server's own.
pub(super) fn check_tool(server: &str, name: &str, found: &mut Vec<Finding>) {
    if name.len() > MAX_LENGTH {
        found.push(Finding::of_clients(
            Level::Error,
            format!(
                "tool `{name}`: its name has {} characters, and OpenAI and Claude Desktop allow {MAX_LENGTH}: shorten it",
                name.len()
            ),
            LENGTH_SOURCES,
        ));
    } else {
        check_prefixed(server, name, found);
    }
    if name.contains('.') {
        found.push(Finding::of_clients(
            Level::Error,
            format!(
                "tool `{name}`: OpenAI and Claude Desktop refuse `.` in a name: use `_` or `-`"
            ),
            DOT_SOURCES,
        ));
    }
}

fn check_prefixed(server: &str, name: &str, found: &mut Vec<Finding>) {
    let prefixed = format!("mcp__{server}__{name}");
    let fix = "shorten it, or let users register the server under a shorter name";
    if prefixed.chars().count() > MAX_LENGTH {
        found.push(Finding::of_clients(
            Level::Warning,
            format!(
                "tool `{name}`: Claude Code calls it `{prefixed}`, and allows {MAX_LENGTH} characters: {fix}"
            ),
            PREFIX_SOURCE,
        ));
    }
    let together = server.chars().count() + name.len();
    if together >= CURSOR_LENGTH {
        found.push(Finding::of_clients(
            Level::Warning,
            format!(
                "tool `{name}`: its name and that of the server `{server}` have {together} characters, and Cursor filters tools out from {CURSOR_LENGTH} on: {fix}"
            ),
            CURSOR_SOURCE,
        ));
    }
}

/// Checks the names of arguments.
pub(super) fn check_arguments(tool: &str, schema: &Value, found: &mut Vec<Finding>) {
    for (argument, _) in members(schema, "properties") {
        if !is_at_most(MAX_LENGTH, argument) {
            found.push(Finding::of_clients(
                Level::Error,
                format!(
                    "tool `{tool}`: Claude's API refuses the name of its argument `{argument}`: use 1 to {MAX_LENGTH} letters, digits, `_`, `-` and `.`"
                ),
                ARGUMENT_SOURCE,
            ));
        }
    }
}

/// Checks for names that differ only in case. Models and people confuse them.
pub(super) fn check_case(tools: &[Value], found: &mut Vec<Finding>) {
    let mut earlier: HashMap<String, &str> = HashMap::new();
    for name in tools.iter().map(|tool| text(&tool["name"])) {
        if let Some(other) = earlier.insert(name.to_ascii_lowercase(), name) {
            found.push(Finding::new(format!(
                "tool `{name}`: its name differs from that of tool `{other}` only in case: rename one"
            )));
        }
    }
}

/// Checks for names that are too long for a connector of Claude Desktop, and for those that are nearly too long. One finding
/// names all tools of a kind.
pub(super) fn check_connector(tools: &[Value], found: &mut Vec<Finding>) {
    let reason = format!(
        "as a connector of claude.ai, the server is named by a UUID in Claude Desktop, which leaves {CONNECTOR_LENGTH} characters for the name of a tool"
    );
    let lengths = |range: Range<usize>, rest: fn(usize) -> String| {
        let names = tools.iter().map(|tool| text(&tool["name"]));
        let names = names.filter(|name| range.contains(&name.len()));
        let names = names.map(|name| format!("`{name}` ({}, {})", name.len(), rest(name.len())));
        names.collect::<Vec<_>>().join(", ")
    };
    for (names, fix) in [
        (
            lengths(CONNECTOR_LENGTH + 1..usize::MAX, |length| {
                format!("{} too many", length - CONNECTOR_LENGTH)
            }),
            "shorten the names if you host the server",
        ),
        (
            lengths(CLOSE_LENGTH..CONNECTOR_LENGTH + 1, |length| {
                format!("{} left", CONNECTOR_LENGTH - length)
            }),
            "these are close to it, so do not make them longer if you host the server",
        ),
    ] {
        if !names.is_empty() {
            found.push(Finding::of_clients(
                Level::Warning,
                format!("tools {names}: {reason}: {fix}"),
                CONNECTOR_SOURCES,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, of_tools, tool};
    use super::super::{Definitions, findings};
    use super::*;

    fn plain(name: &str) -> Value {
        tool(name, &json!({ "type": "object" }))
    }

    #[test]
    fn names_that_clients_refuse_are_found() {
        let found = of_tools([plain(&"a".repeat(65)), plain("a.b")]);
        assert!(found[0].contains("has 65 characters"), "{found:?}");
        assert!(found[1].contains("refuse `.`"), "{found:?}");
        // The last finding is about connectors.
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(of_tools([plain(&"a".repeat(18)), plain("a-b_C")]).is_empty());
    }

    #[test]
    fn names_that_are_too_long_with_the_prefix_of_a_client_are_warnings() {
        // The lengths of the server's name and of the tool's, and the clients that are named.
        for (server, length, clients) in [
            (1, 64, &["Claude Code", "Cursor", "Claude Desktop"][..]),
            (7, 52, &["Claude Code", "Claude Desktop"]),
            (7, 53, &["Claude Code", "Cursor", "Claude Desktop"]),
            (7, 50, &["Claude Desktop"]),
            (37, 21, &["Claude Code", "Claude Desktop"]),
            (36, 21, &["Claude Desktop"]),
            (39, 18, &[]),
        ] {
            let definitions = Definitions {
                about: json!({ "name": "s".repeat(server) }),
                tools: vec![plain(&"a".repeat(length))],
                ..Definitions::default()
            };
            let found = findings(&definitions);
            assert!(found.iter().all(|it| it.level == Level::Warning));
            let found = lines(&definitions);
            assert_eq!(found.len(), clients.len(), "{server}, {length}: {found:?}");
            for (line, client) in found.iter().zip(clients) {
                assert!(line.starts_with("warning: tool"), "{line}");
                assert!(
                    line.contains(client) && line.contains("(https://"),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn one_warning_names_all_tools_that_are_too_long_for_a_connector() {
        let found = of_tools([
            plain("list_directory_with_sizes"),
            plain("short"),
            plain("list_allowed_directories"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        let names = "tools `list_directory_with_sizes` (25, 4 too many), `list_allowed_directories` (24, 3 too many): as";
        assert!(found[0].contains(names), "{found:?}");
    }

    #[test]
    fn names_that_are_nearly_too_long_for_a_connector_are_warnings() {
        // The lengths of the names, and what is said of each.
        for (length, said) in [
            (18, None),
            (19, Some("(19, 2 left)")),
            (20, Some("(20, 1 left)")),
            (21, Some("(21, 0 left)")),
            (22, Some("(22, 1 too many)")),
        ] {
            let found = of_tools([plain(&"a".repeat(length))]);
            assert_eq!(found.len(), usize::from(said.is_some()), "{found:?}");
            for (line, said) in found.iter().zip(said) {
                assert!(line.starts_with("warning: "), "{line}");
                assert!(line.contains(said) && line.contains("(https://"), "{line}");
            }
        }
    }

    #[test]
    fn names_of_arguments_that_clients_refuse_are_found() {
        let named = |name: &str| {
            let schema = json!({ "properties": { name: { "description": "One." } } });
            of_tools([tool("x", &schema)])
        };
        for name in ["a b", "$ref", "gr\u{f6}\u{df}e", "", &"a".repeat(65)] {
            let found = named(name);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(name), "{found:?}");
        }
        assert!(named("a_b-c.D1").is_empty());
    }

    #[test]
    fn fields_within_arguments_may_have_any_name() {
        let field = json!({ "type": "string", "description": "One." });
        let argument = json!({ "description": "One.", "properties": { "a b": field } });
        let schema = json!({ "properties": { "a": argument } });
        assert!(of_tools([tool("x", &schema)]).is_empty());
    }

    #[test]
    fn names_that_differ_in_case_only_are_found() {
        let found = of_tools(["get", "put", "Get"].map(plain));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("tool `Get`"), "{found:?}");
    }
}
