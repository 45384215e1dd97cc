//! The page `docs/clients.md`, which is the table of clients.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::{CLIENTS, ClientRules, Rule};

/// The day on which the sources of the table were read.
const READ: &str = "2026-12-01";

/// The part of the page before the table.
const INTRODUCTION: &str = "<!-- Generated: run `BLESS=1 cargo test -p mcp-runtime --lib clients`. -->

# What clients refuse, cut, change and ignore

`check --client NAME` of a server binary compares the definitions of the server with these limits. What a client refuses is an error; all else is
a warning, and with `--deny-warnings` both let the exit code be 1. What no definition shows is printed as a note. `check --directory` reports what
the directories of Claude and ChatGPT ask for.

`--dialect gemini` and `--dialect openai` serve the schemas of arguments in the form that the APIs of these models take, and `--dialect client`
does so for the clients that introduce themselves with a name of this page. In code it is `Server::schema_dialect`. Calls are checked against the
original schema.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let _ = write!(
        page,
        "\nAll sources were read on {READ}, in stored copies that can be older. The page of Claude Code was read in the copy\n<https://github.com/ericbuess/claude-code-docs>. A client of which nothing is known has fewer rows.\n"
    );
    for client in CLIENTS {
        section(client, &mut page);
    }
    page
}

fn section(client: &ClientRules, page: &mut String) {
    let _ = write!(
        page,
        "\n## {}\n\n`check --client {}`",
        client.title, client.name
    );
    let names: Vec<String> = client
        .introduced_as
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    if !names.is_empty() {
        let _ = write!(page, ". It introduces itself as {}", names.join(" or "));
    }
    page.push_str(".\n\n| it | what | instead | sources |\n|---|---|---|---|\n");
    for row in client.rows {
        let sources = row.sources.split(' ').enumerate();
        let sources: Vec<String> = sources
            .map(|(index, source)| format!("[{}]({source})", index + 1))
            .collect();
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            row.effect.verb(),
            words(&row.rule),
            row.fix,
            sources.join(" ")
        );
    }
}

/// Returns a limit in words.
fn words(rule: &Rule) -> String {
    let code = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
        texts.join(", ")
    };
    match *rule {
        Rule::ToolLetters(others) => {
            let others: Vec<String> = others.chars().map(|it| format!("`{it}`")).collect();
            format!(
                "names of tools with other characters than letters, digits, {}",
                others.join(", ")
            )
        }
        Rule::ToolLength(max) => format!("names of tools of more than {max} characters"),
        Rule::PrefixedLength(prefix, max) => {
            format!("names of tools of more than {max} characters behind the prefix `{prefix}`")
        }
        Rule::ReservedServers(names) => format!("servers with the names {}", code(names)),
        Rule::ServerLetter(letter) => format!("`{letter}` in the name of the server"),
        Rule::ArgumentNames(..) => "other names of arguments".to_owned(),
        Rule::Tools(max) => format!("more than {max} tools"),
        Rule::Description(max) => format!("descriptions of tools of more than {max} characters"),
        Rule::Instructions(max) => format!("instructions of more than {max} characters"),
        Rule::RootKeywords(keywords) => format!("{} at the root of a schema", code(keywords)),
        Rule::Keywords(keywords) => format!("{} in schemas", code(keywords)),
        Rule::OtherKeywords(known) => format!("keywords of schemas other than {}", code(known)),
        Rule::OtherFormats(known) => format!("formats other than {}", code(known)),
        Rule::Recursion => "recursive schemas".to_owned(),
        Rule::BareArrays => "arrays without `items`".to_owned(),
        Rule::NumericEnums => "enums with other values than texts".to_owned(),
        Rule::EmptyObjects => "objects without properties, as the value of an argument".to_owned(),
        Rule::Maps => "`additionalProperties` with a schema".to_owned(),
        Rule::ItemTypes => "items of several types".to_owned(),
        Rule::Prompts => "prompts".to_owned(),
        Rule::Resources => "resources, except interfaces of tools (`ui://`)".to_owned(),
        Rule::Meta(key, max) => format!("more than {max} in `_meta` at `{key}`"),
        Rule::AtRunTime(what) => what.to_owned(),
    }
}

#[test]
fn the_page_has_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md");
    if std::env::var_os("BLESS").is_some() {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(!is_ci, "a test in CI must not write what it compares with");
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/clients.md differs from the table: run `BLESS=1 cargo test -p mcp-runtime --lib clients`"
    );
}
