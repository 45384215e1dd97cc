//! The rules of the specification, each with the tests that fail without it, or the reason why it has no test.
//!
//! `rules.toml` has one line for each rule. The rules and their ids are those of the project's checklist of the
//! specification. The number of rules in each section is fixed here, so that a table with a missing or extra rule fails.
//!
//! A named test must exist in the source. If `RULES_LIST` is the path of the output of `cargo test --workspace -- --list`,
//! it must also be in that list. `.ci/rules` sets the variable and shows the table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The number of rules of each section.
const SECTIONS: [(&str, usize); 33] = [
    ("BASE", 20),
    ("ERR", 9),
    ("STATE", 8),
    ("LIFE", 10),
    ("META", 10),
    ("SCH", 9),
    ("VER", 11),
    ("TR", 4),
    ("IO", 11),
    ("HTTP", 39),
    ("XMH", 6),
    ("LHTTP", 26),
    ("CAN", 9),
    ("TMO", 3),
    ("PRG", 8),
    ("SUB", 14),
    ("MRTR", 21),
    ("TOOL", 18),
    ("RES", 12),
    ("PRM", 8),
    ("CMP", 7),
    ("LOG", 10),
    ("PAG", 4),
    ("CCH", 7),
    ("ELI", 19),
    ("SAM", 6),
    ("ROOT", 1),
    ("AUTH", 26),
    ("SEC", 10),
    ("LTSK", 20),
    ("TSK", 17),
    ("OLD", 7),
    ("ADD", 25),
];

/// Reasons that a line may give instead of tests, or beside them.
const REASONS: [&str; 5] = [
    "deviates",
    "author",
    "documented",
    "not-applicable",
    "later",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The content of a line about a rule.
#[derive(Default)]
struct Rule {
    tests: Vec<String>,
    /// By their kinds.
    reasons: BTreeMap<String, String>,
}

impl Rule {
    fn read(id: &str, line: &toml::Value, mistakes: &mut Vec<String>) -> Self {
        let mut rule = Self::default();
        for (key, value) in line.as_table().expect("a line is a table") {
            match (key.as_str(), value) {
                ("tests", toml::Value::Array(tests)) if !tests.is_empty() => {
                    let name = |test: &toml::Value| test.as_str().expect("a name").to_owned();
                    rule.tests = tests.iter().map(name).collect();
                }
                (key, toml::Value::String(text)) if REASONS.contains(&key) && !text.is_empty() => {
                    rule.reasons.insert(key.to_owned(), text.clone());
                }
                _ => mistakes.push(format!("{id}: `{key}` is not a known key with a value")),
            }
        }
        if rule.tests.is_empty() && rule.reasons.is_empty() {
            mistakes.push(format!("{id} has neither tests nor a reason"));
        }
        rule
    }

    /// The column of the printed table that counts the rule.
    fn column(&self) -> &'static str {
        let mut kinds = REASONS.into_iter();
        let first = kinds.find(|kind| self.reasons.contains_key(*kind));
        match (self.tests.is_empty(), first) {
            (_, Some("deviates")) => "deviates",
            (false, None) => "tested",
            (false, Some(_)) => "in part",
            (true, first) => first.unwrap_or("nothing"),
        }
    }
}

fn rules(mistakes: &mut Vec<String>) -> BTreeMap<String, Rule> {
    let table: toml::Table = read("tests/rules.toml").parse().unwrap();
    table
        .iter()
        .map(|(id, line)| (id.clone(), Rule::read(id, line, mistakes)))
        .collect()
}

/// Returns an error unless the document contains the text. The reason has the form `path: text`.
fn check_document(reason: &str) -> Result<(), String> {
    let (path, words) = reason
        .split_once(": ")
        .ok_or("the form is `path of a document: text in it`")?;
    let text = read(path).split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(" /// ", " ");
    text.contains(words)
        .then_some(())
        .ok_or_else(|| format!("{path} does not say `{words}`"))
}

/// Returns the tests that cargo runs, as `binary path`, if a list is given.
fn listed() -> Option<BTreeSet<String>> {
    let text = std::fs::read_to_string(std::env::var_os("RULES_LIST")?).unwrap();
    let mut binary = String::new();
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(running) = line.strip_prefix("Running ") {
            let file = running.rsplit('/').next().unwrap();
            file.rsplit_once('-').unwrap().0.clone_into(&mut binary);
        } else if let Some(test) = line.strip_suffix(": test") {
            found.insert(format!("{binary} {test}"));
        }
    }
    Some(found)
}

fn check_test(name: &str, listed: Option<&BTreeSet<String>>) -> Result<(), String> {
    if let Some(case) = name.strip_prefix("wire-case:") {
        let (file, case) = case
            .split_once(':')
            .ok_or("the form is `wire-case:file:name`")?;
        let cases: Value =
            serde_json::from_str(&read(&format!("tests/wire/cases/{file}.json"))).unwrap();
        let known = cases.as_array().unwrap().iter();
        let found = known.filter(|known| known["name"] == case).count();
        return (found == 1)
            .then_some(())
            .ok_or_else(|| format!("{found} cases have this name"));
    }
    if let Some(file) = name.strip_prefix("ui:") {
        let path = root().join("tests/ui").join(file);
        let complete = ["rs", "stderr"].map(|end| path.with_extension(end).is_file());
        return (complete == [true, true])
            .then_some(())
            .ok_or_else(|| "the file or its errors are missing".to_owned());
    }
    let mut parts = name.split("::");
    let (package, target) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    let path: Vec<&str> = parts.collect();
    check_source(package, target, &path)?;
    let binary = if target == "lib" { package } else { target }.replace('-', "_");
    match listed {
        Some(listed) if !listed.contains(&format!("{binary} {}", path.join("::"))) => {
            Err("cargo runs no such test".to_owned())
        }
        _ => Ok(()),
    }
}

/// Follows the modules to a test. There must be one test of that path, and it must not be ignored.
fn check_source(package: &str, target: &str, path: &[&str]) -> Result<(), String> {
    let folder = root().join(match package {
        "mcp-tests" => "tests",
        "mcp-examples" => "examples",
        "mcp-runtime" | "mcp-macros" | "mcp-grammar" => package,
        _ => return Err("the package is unknown".to_owned()),
    });
    let beginnings = [format!("{target}.rs"), format!("{target}/main.rs")];
    let beginnings = match target {
        "lib" => vec![folder.join("src/lib.rs")],
        _ => beginnings.map(|file| folder.join(file)).to_vec(),
    };
    let (mut file, mut text) = first(&beginnings).ok_or("there is no such target")?;
    let (function, modules) = path.split_last().ok_or("there is no such test")?;
    for module in modules {
        if text.contains(&format!("mod {module};")) {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let mut below = file.parent().unwrap().to_owned();
            if !["lib", "main", "mod", target].contains(&stem) {
                below.push(stem);
            }
            // The modules of a target in one file are in a folder of its name.
            let files = [
                format!("{module}.rs"),
                format!("{module}/mod.rs"),
                format!("{stem}/{module}.rs"),
            ];
            (file, text) = first(&files.map(|file| below.join(file)))
                .ok_or_else(|| format!("there is no file of the module `{module}`"))?;
        } else {
            let inline = format!("mod {module} {{");
            let (_, rest) = text
                .split_once(&inline)
                .ok_or_else(|| format!("there is no module `{module}`"))?;
            text = rest.to_owned();
        }
    }
    let (before, _) = text
        .split_once(&format!("fn {function}("))
        .ok_or("there is no such function")?;
    // The attributes are the lines back to an empty line, or to the end of the previous item.
    let attributes: Vec<&str> = before
        .lines()
        .rev()
        .map(str::trim)
        .skip(usize::from(!before.ends_with('\n')))
        .take_while(|line| line.starts_with('#') || line.starts_with("//"))
        .collect();
    let has = |start: &str| attributes.iter().any(|line| line.starts_with(start));
    if !(has("#[test]") || has("#[tokio::test")) || has("#[ignore") || has("#[cfg") {
        return Err("this is not a test, or it is ignored".to_owned());
    }
    Ok(())
}

fn first(files: &[PathBuf]) -> Option<(PathBuf, String)> {
    files.iter().find_map(|file: &PathBuf| {
        let text = std::fs::read_to_string::<&Path>(file).ok()?;
        Some((file.clone(), text))
    })
}

#[test]
fn every_rule_has_its_tests_or_a_reason() {
    let mut mistakes = Vec::new();
    let mut rules = rules(&mut mistakes);
    let listed = listed();
    for (id, rule) in &rules {
        for test in &rule.tests {
            if let Err(mistake) = check_test(test, listed.as_ref()) {
                mistakes.push(format!("{id}: `{test}`: {mistake}"));
            }
        }
        if let Some(reason) = rule.reasons.get("documented")
            && let Err(mistake) = check_document(reason)
        {
            mistakes.push(format!("{id}: {mistake}"));
        }
    }
    let columns = [&["tested", "in part"][..], &REASONS].concat();
    let widths: Vec<usize> = columns.iter().map(|column| column.len() + 2).collect();
    let line = |name: &str, cells: &[String]| {
        let mut line = format!("{name:<6}");
        for (cell, width) in cells.iter().zip(&widths) {
            write!(line, "{cell:>width$}").unwrap();
        }
        eprintln!("{line}");
    };
    line(
        "",
        &columns.iter().map(ToString::to_string).collect::<Vec<_>>(),
    );
    let mut totals = vec![0; columns.len()];
    for (section, count) in SECTIONS {
        let mut counts = vec![0; columns.len()];
        for number in 1..=count {
            let id = format!("{section}-{number}");
            match rules.remove(&id) {
                Some(rule) => {
                    let column = columns.iter().position(|column| *column == rule.column());
                    if let Some(column) = column {
                        counts[column] += 1;
                        totals[column] += 1;
                    }
                }
                None => mistakes.push(format!("{id} is missing")),
            }
        }
        line(
            section,
            &counts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
    }
    line(
        "all",
        &totals.iter().map(ToString::to_string).collect::<Vec<_>>(),
    );
    mistakes.extend(rules.keys().map(|id| format!("{id} is not a rule")));
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
    assert_eq!(totals.iter().sum::<usize>(), 415);
}

/// An entry of `mutations.toml`, which describes the members.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    rules: Vec<String>,
    file: String,
    after: Option<String>,
    find: String,
    replace: Option<String>,
    skip: Option<bool>,
    with: Option<String>,
    test: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Mutations {
    mutation: Vec<Mutation>,
    without_mutation: BTreeMap<String, String>,
}

impl Mutation {
    fn check(&self, rules: &BTreeMap<String, Rule>) -> Result<(), String> {
        if let Some(unknown) = self.rules.iter().find(|id| !rules.contains_key(*id)) {
            return Err(format!("{unknown} is not a rule"));
        }
        let forms = [
            self.replace.is_some(),
            self.skip == Some(true),
            self.with.is_some(),
        ];
        if forms.iter().filter(|is_there| **is_there).count() != 1 {
            return Err("it needs one of `replace`, `skip` and `with`".to_owned());
        }
        if !self.test.starts_with("mcp-") {
            return Err(format!("`{}` is not a path of a test", self.test));
        }
        check_test(&self.test, None).map_err(|mistake| format!("`{}`: {mistake}", self.test))?;
        self.check_place(&read(&self.file))
    }

    /// Checks that the text to replace is at exactly one place.
    fn check_place(&self, text: &str) -> Result<(), String> {
        let once = self.after.as_ref().unwrap_or(&self.find);
        let count = text.matches(once.as_str()).count();
        if count != 1 {
            return Err(format!("{} has `{once}` {count} times", self.file));
        }
        let start = text.find(once.as_str()).unwrap();
        if !text[start..].contains(&self.find) {
            return Err(format!("{} has no `{}` there", self.file, self.find));
        }
        Ok(())
    }
}

#[test]
fn every_tested_rule_has_a_mutation_or_a_reason() {
    let mut mistakes = Vec::new();
    let rules = rules(&mut mistakes);
    let table: Mutations = toml::from_str(&read("tests/mutations.toml")).unwrap();
    for (number, mutation) in (1..).zip(&table.mutation) {
        if let Err(mistake) = mutation.check(&rules) {
            mistakes.push(format!(
                "mutation {number} ({}): {mistake}",
                mutation.rules.join(" ")
            ));
        }
    }
    let broken: BTreeSet<&String> = table.mutation.iter().flat_map(|one| &one.rules).collect();
    for (id, rule) in &rules {
        match (broken.contains(id), table.without_mutation.contains_key(id)) {
            (false, false) if !rule.tests.is_empty() => {
                mistakes.push(format!("{id} has neither a mutation nor a reason"));
            }
            (true, true) => mistakes.push(format!("{id} has a mutation and a reason")),
            _ => {}
        }
    }
    let reasons = table.without_mutation.keys();
    let unknown = reasons.filter(|id| !rules.contains_key(*id));
    mistakes.extend(unknown.map(|id| format!("{id} is not a rule")));
    assert!(mistakes.is_empty(), "\n{}", mistakes.join("\n"));
}

#[test]
fn the_checks_find_what_is_wrong() {
    for (name, mistake) in [
        ("wire-case:tools:nothing", None),
        ("wire-case:tools:no such case", Some("0 cases")),
        ("ui:fail/a_header_is_a_token", None),
        ("ui:fail/there_is_no_such_case", Some("missing")),
        ("ui:../pass/tests/names_are_keywords", Some("missing")),
        (
            "mcp-tests::wire::behaviour::pipes::ids_keep_their_type",
            None,
        ),
        (
            "mcp-tests::wire::behaviour::pipes::call",
            Some("not a test"),
        ),
        (
            "mcp-tests::wire::behaviour::pipes::none",
            Some("no such function"),
        ),
        (
            "mcp-tests::wire::pipes::ids_keep_their_type",
            Some("no module"),
        ),
        ("mcp-tests::servers::a_tool_is_still_a_function", None),
        (
            "mcp-runtime::lib::session::tokens::tests::another_replica_with_the_key_opens_a_session",
            None,
        ),
        (
            "mcp-runtime::lib::transport::http::tests::streams::tell",
            Some("not a test"),
        ),
        ("mcp-other::lib::x", Some("unknown")),
        ("mcp-tests::other::x", Some("no such target")),
    ] {
        match (check_test(name, None), mistake) {
            (Ok(()), None) => {}
            (Err(found), Some(part)) if found.contains(part) => {}
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
    let listed = BTreeSet::from(["wire behaviour::pipes::a_slow_call".to_owned()]);
    let name = "mcp-tests::wire::behaviour::pipes::ids_keep_their_type";
    assert!(check_test(name, Some(&listed)).is_err());
    assert!(check_document("README.md: nobody would say so").is_err());
}
