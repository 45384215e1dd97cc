//! What the directories of clients ask of a server: `check --directory`.
//!
//! Sources, as of 2026-12-01, are beside each rule.

use serde_json::Value;

use super::definitions::{Definitions, text};
use super::finding::{Finding, Level};

/// Claude's directory: "all tools must declare `title` and applicable `readOnlyHint`/`destructiveHint`" (section 5.E).
const CLAUDE: &str = "https://support.claude.com/en/articles/13145358-anthropic-software-directory-policy https://github.com/imagekit-developer/imagekit-nodejs/pull/168";
const CLAUDE_NAMES: &str = "https://github.com/anthropics/claude-plugins-official/blob/main/plugins/mcp-server-dev/skills/build-mcp-app/references/directory-checklist.md https://dev.to/flovoice53tech/before-you-submit-your-mcp-server-to-claudes-connectors-directory-a-checklist-from-anthropics-4ab0";
/// A reviewer of Claude's directory asked for one.
const CLAUDE_ICON: &str = "https://github.com/thecombatwombat/replicant-mcp/issues/106";

/// `ChatGPT`'s directory: "Every MCP tool must set readOnlyHint, openWorldHint, destructiveHint to true or false."
const CHATGPT: &str = "https://developers.openai.com/apps-sdk/app-developer-guidelines https://github.com/whisper-money/whisper-money/pull/751";
const CHATGPT_DESCRIPTIONS: &str = "https://github.com/whisper-money/whisper-money/pull/751";

const REGISTRY: &str =
    "https://github.com/modelcontextprotocol/registry/tree/main/docs/reference/server-json";
const BUNDLES: &str = "https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md";

/// The longest name of a tool.
const NAME_LENGTH: usize = 64;

/// The longest description of a tool in `ChatGPT`'s directory, in characters.
const DESCRIPTION_LENGTH: usize = 200;

/// The hints that `ChatGPT`'s directory asks for, with their options.
const HINTS: [(&str, &str); 3] = [
    ("readOnlyHint", "read_only"),
    ("destructiveHint", "destructive"),
    ("openWorldHint", "open_world"),
];

/// Returns what the directories would refuse.
pub(in crate::cli) fn findings(definitions: &Definitions) -> Vec<Finding> {
    let mut found: Vec<Finding> = of_server(&definitions.about).collect();
    for tool in &definitions.tools {
        let name = text(&tool["name"]);
        let missing = [
            title(tool),
            hint(tool),
            all_hints(tool),
            name_length(name),
            description(tool),
        ];
        let missing = missing.into_iter().flatten().map(|(level, what, sources)| {
            Finding::of_clients(level, format!("tool `{name}`: {what}"), sources)
        });
        found.extend(missing);
    }
    found
}

/// What is missing, with its level and its sources.
type Missing = Option<(Level, String, &'static str)>;

fn of_server(about: &Value) -> impl Iterator<Item = Finding> {
    let icon = about.get("icons").is_none().then_some((
        "server: it has no icon, which Claude's directory shows: set `Server::icons`, and `--icon` of `bundle`",
        CLAUDE_ICON,
    ));
    let title = text(&about["title"]).is_empty().then_some((
        "server: it has no title, so that directories show its name: set `Server::title`",
        REGISTRY,
    ));
    let missing = icon.into_iter().chain(title);
    missing.map(|(what, sources)| Finding::of_clients(Level::Warning, what.to_owned(), sources))
}

/// Returns what directories ask for, and no definition has.
pub(in crate::cli) fn notes() -> Vec<String> {
    vec![
        format!(
            "Claude's and ChatGPT's directories ask for the URL of a privacy policy: give it to `bundle` with `--privacy-policy`, or to the form of the directory ({BUNDLES} {CLAUDE} https://developers.openai.com/apps-sdk/app-developer-guidelines)"
        ),
        format!(
            "the MCP registry takes a description of at most 100 characters, and a name such as io.github.USER/NAME: `bundle --registry-name` checks both ({REGISTRY})"
        ),
    ]
}

fn title(tool: &Value) -> Missing {
    let what = "it has no title, which Claude's directory requires: set `title`";
    let is_missing = text(&tool["title"]).is_empty();
    is_missing.then(|| (Level::Error, what.to_owned(), CLAUDE))
}

fn hint(tool: &Value) -> Missing {
    let what = "it has neither `readOnlyHint` nor `destructiveHint`, and Claude's directory requires the one that applies: set `read_only` or `destructive`";
    let is_missing = |hint: &str| tool["annotations"].get(hint).is_none();
    let is_found = is_missing("readOnlyHint") && is_missing("destructiveHint");
    is_found.then(|| (Level::Error, what.to_owned(), CLAUDE))
}

fn all_hints(tool: &Value) -> Missing {
    let missing = HINTS
        .iter()
        .filter(|(hint, _)| tool["annotations"].get(hint).is_none());
    let (names, options): (Vec<String>, Vec<String>) = missing
        .map(|(hint, option)| (format!("`{hint}`"), format!("`{option}`")))
        .unzip();
    let what = format!(
        "ChatGPT's directory requires all hints, and it has no {}: set {} to true or false",
        names.join(", "),
        options.join(", ")
    );
    (!names.is_empty()).then_some((Level::Warning, what, CHATGPT))
}

fn name_length(name: &str) -> Missing {
    let length = name.len();
    let what = format!(
        "its name has {length} characters, and Claude's directory allows {NAME_LENGTH}: shorten it"
    );
    (length > NAME_LENGTH).then_some((Level::Error, what, CLAUDE_NAMES))
}

fn description(tool: &Value) -> Missing {
    let description = text(&tool["description"]);
    if description.trim().is_empty() {
        let what = "it has no description, which all directories require: write a doc comment on the function, or set `description`";
        return Some((Level::Error, what.to_owned(), CLAUDE));
    }
    let length = description.chars().count();
    let what = format!(
        "its description has {length} characters, and ChatGPT's directory takes {DESCRIPTION_LENGTH}: shorten it, and describe arguments at the arguments"
    );
    (length > DESCRIPTION_LENGTH).then_some((Level::Warning, what, CHATGPT_DESCRIPTIONS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a server that every directory takes.
    fn ready() -> Definitions {
        Definitions {
            about: json!({ "name": "s", "title": "S", "icons": [{ "src": "https://example.com/i.png" }] }),
            tools: vec![json!({
                "name": "get",
                "title": "Get it",
                "description": "Gets it.",
                "annotations": { "readOnlyHint": true, "destructiveHint": false, "openWorldHint": false },
            })],
            ..Definitions::default()
        }
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        assert_eq!(findings(&ready()), []);
        let hints = "/tools/0/annotations";
        for (pointer, value, expected) in [
            (
                "/about",
                json!({ "name": "s", "title": "S" }),
                &["warning: server: it has no icon"][..],
            ),
            (
                "/about/title",
                json!(""),
                &["warning: server: it has no title"],
            ),
            (
                "/tools/0/title",
                json!(""),
                &["tool `get`: it has no title"],
            ),
            (
                "/tools/0/description",
                json!(" "),
                &["tool `get`: it has no description"],
            ),
            ("/tools/0/description", json!("a".repeat(200)), &[]),
            (
                "/tools/0/description",
                json!("a".repeat(201)),
                &["warning: tool `get`: its description has 201"],
            ),
            ("/tools/0/name", json!("a".repeat(65)), &["tool `aaa"]),
            (
                hints,
                json!({ "readOnlyHint": true }),
                &[
                    "warning: tool `get`: ChatGPT's directory requires all hints, and it has no `destructiveHint`, `openWorldHint`: set `destructive`, `open_world`",
                ],
            ),
            (
                hints,
                json!({ "openWorldHint": true }),
                &[
                    "tool `get`: it has neither `readOnlyHint`",
                    "warning: tool `get`: ChatGPT",
                ],
            ),
            (
                hints,
                json!({}),
                &[
                    "tool `get`: it has neither `readOnlyHint`",
                    "warning: tool `get`: ChatGPT",
                ],
            ),
        ] {
            let mut all = ready();
            let mut whole = json!({ "about": all.about.take(), "tools": all.tools });
            *whole.pointer_mut(pointer).unwrap() = value.clone();
            all.about = whole["about"].take();
            all.tools = whole["tools"].as_array().unwrap().clone();
            let found: Vec<String> = findings(&all).iter().map(Finding::to_string).collect();
            assert_eq!(found.len(), expected.len(), "{pointer} {value}: {found:#?}");
            for (line, start) in found.iter().zip(expected) {
                assert!(
                    line.starts_with(start) && line.contains("(https://"),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn what_no_definition_has_is_a_note() {
        let notes = notes();
        assert!(notes[0].contains("privacy policy") && notes[1].contains("100 characters"));
        assert!(notes.iter().all(|note| note.contains("https://")));
    }
}
