//! The lints of `check`: definitions that are valid by the protocol, and that some models or clients do not handle.
//!
//! Lints read definitions as clients see them. Violations of the protocol are errors when the server is built.

pub(super) mod clients;
mod definitions;
mod descriptions;
pub(super) mod directory;
mod finding;
mod names;
mod schemas;
mod texts;

pub(super) use definitions::Definitions;
use definitions::text;
pub use finding::Finding;
pub(super) use texts::{escape_hidden, of_listed};

/// Returns all findings.
pub(super) fn findings(definitions: &Definitions) -> Vec<Finding> {
    let mut found = Vec::new();
    for tool in &definitions.tools {
        let (name, schema) = (text(&tool["name"]), &tool["inputSchema"]);
        descriptions::check("tool", name, tool, &mut found);
        names::check_tool(definitions.server(), name, &mut found);
        descriptions::check_fields(name, schema, &mut found);
        names::check_arguments(name, schema, &mut found);
        schemas::check(name, schema, &mut found);
    }
    for (tool, unenforced) in &definitions.unenforced {
        check_unenforced(tool, unenforced, &mut found);
    }
    names::check_case(&definitions.tools, &mut found);
    names::check_connector(&definitions.tools, &mut found);
    for (resources, key) in [
        (&definitions.resources, "uri"),
        (&definitions.templates, "uriTemplate"),
    ] {
        for resource in resources {
            descriptions::check("resource", text(&resource[key]), resource, &mut found);
        }
    }
    for prompt in &definitions.prompts {
        descriptions::check_prompt(prompt, &mut found);
    }
    descriptions::check_instructions(definitions, &mut found);
    texts::check(definitions, &mut found);
    found
}

fn check_unenforced(tool: &str, keywords: &[(String, String)], found: &mut Vec<Finding>) {
    for (path, keyword) in keywords {
        let feature = if keyword == "pattern" {
            "pattern"
        } else {
            "validate"
        };
        found.push(Finding::new(format!(
            "tool `{tool}`: `{path}` declares `{keyword}`, which is not checked: use a type that checks it, or enable the feature `{feature}` of mcp-runtime"
        )));
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;

    /// Returns a tool with a description.
    pub(super) fn tool(name: &str, schema: &Value) -> Value {
        json!({ "name": name, "description": "Does it.", "inputSchema": schema })
    }

    /// Returns the findings for these tools of the server `s`, one line each.
    pub(super) fn of_tools(tools: impl IntoIterator<Item = Value>) -> Vec<String> {
        lines(&Definitions {
            about: json!({ "name": "s" }),
            tools: tools.into_iter().collect(),
            ..Definitions::default()
        })
    }

    /// Returns the findings for a tool whose only argument has this schema.
    pub(super) fn of_argument(mut schema: Value, definitions: &Value) -> Vec<String> {
        schema["description"] = "One.".into();
        let schema =
            json!({ "type": "object", "properties": { "a": schema }, "$defs": definitions });
        of_tools([tool("x", &schema)])
    }

    pub(super) fn lines(definitions: &Definitions) -> Vec<String> {
        let found = findings(definitions);
        found.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn keywords_that_are_not_checked_are_found() {
        let keywords = [("a.mail", "format"), ("Code", "pattern")];
        let keywords = keywords.map(|(path, keyword)| (path.to_owned(), keyword.to_owned()));
        let found = lines(&Definitions {
            unenforced: vec![("x".to_owned(), keywords.to_vec())],
            ..Definitions::default()
        });
        let words = [
            ["tool `x`", "`a.mail` declares `format`", "`validate`"],
            ["tool `x`", "`Code` declares `pattern`", "`pattern`"],
        ];
        assert_eq!(found.len(), words.len(), "{found:?}");
        for (found, words) in found.iter().zip(words) {
            assert!(words.iter().all(|words| found.contains(words)), "{found}");
        }
    }

    /// The tools of the reference servers. The file has no descriptions.
    #[test]
    fn the_reference_servers_have_few_findings() {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/servers.json");
        let Ok(file) = std::fs::read_to_string(&path) else {
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "{} does not exist", path.display());
            return;
        };
        let servers: Value = serde_json::from_str(&file).unwrap();
        let (mut found, mut tools) = (Vec::new(), 0);
        for (server, recorded) in servers.as_object().unwrap() {
            let definitions = Definitions {
                about: json!({ "name": recorded["server_info"]["name"] }),
                tools: recorded["list_tools"]["tools"].as_array().unwrap().clone(),
                ..Definitions::default()
            };
            tools += definitions.tools.len();
            let lines = lines(&definitions).into_iter();
            let lines = lines.filter(|line| !line.contains("has no description"));
            found.extend(
                lines.map(|line| format!("{server}: {}", line.split(": ").nth(1).unwrap())),
            );
        }
        assert_eq!(tools, 58);
        assert_eq!(
            found,
            [
                "filesystem: tools `list_directory_with_sizes` (25, 4 too many), `list_allowed_directories` (24, 3 too many)",
                "filesystem: tools `read_multiple_files` (19, 2 left)",
                "memory: tools `delete_observations` (19, 2 left)",
                "everything: tool `gzip-file-as-resource`",
                "everything: tools `get-resource-reference` (22, 1 too many), `get-structured-content` (22, 1 too many), `toggle-simulated-logging` (24, 3 too many), `toggle-subscriber-updates` (25, 4 too many), `trigger-long-running-operation` (30, 9 too many), `simulate-research-query` (23, 2 too many)",
                "everything: tools `get-annotated-message` (21, 0 left), `gzip-file-as-resource` (21, 0 left)",
                "fetch: tool `fetch`",
            ]
        );
    }
}
