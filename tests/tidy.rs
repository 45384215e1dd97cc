//! Checks of the architecture: the modules that each module may name, and operations that only one file may use.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // allowed in tests

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module of `mcp-runtime` with the modules that it may name. Every module may name [`LEAVES`].
const MODULES: &[(&str, &[&str])] = &[
    ("access", &[]),
    (
        "auth",
        &["access", "certificate", "cluster", "seal", "store", "trust"],
    ),
    ("certificate", &[]),
    ("trust", &[]),
    ("protocol", &[]),
    ("error", &["protocol"]),
    ("json_path", &[]),
    ("finite", &["json_path"]),
    ("schema", &["json_path"]),
    ("seal", &[]),
    ("uri_template", &[]),
    ("store", &["secret"]),
    ("rate", &["store"]),
    ("cluster", &["protocol", "seal", "store", "uri_template"]),
    (
        "session",
        &["cluster", "protocol", "seal", "store", "uri_template"],
    ),
    (
        "service",
        &["audit", "auth", "cluster", "metrics", "protocol", "session"],
    ),
    ("in_flight", &["protocol", "service"]),
    (
        "questions",
        &[
            "cluster", "error", "protocol", "seal", "service", "session", "store",
        ],
    ),
    (
        "session_data",
        &["error", "finite", "seal", "service", "session", "store"],
    ),
    ("lock_file", &[]),
    (
        "tasks",
        &["bus", "call", "protocol", "seal", "service", "store"],
    ),
    ("mount", &[]),
    ("bus", &["mount", "uri_template"]),
    (
        "call",
        &[
            "access",
            "auth",
            "bus",
            "cluster",
            "error",
            "in_flight",
            "json_path",
            "protocol",
            "questions",
            "schema",
            "service",
            "session",
            "session_data",
        ],
    ),
    ("content", &["error", "finite", "protocol", "schema"]),
    ("param", &["call", "error", "protocol", "schema"]),
    (
        "context",
        &[
            "auth",
            "bus",
            "call",
            "content",
            "error",
            "finite",
            "param",
            "protocol",
            "service",
            "session_data",
            "trace",
        ],
    ),
    ("outcome", &["content", "error", "protocol", "session"]),
    (
        "layer",
        &[
            "call", "content", "context", "error", "outcome", "protocol", "service",
        ],
    ),
    (
        "registry",
        &[
            "access",
            "bus",
            "call",
            "content",
            "context",
            "error",
            "layer",
            "mount",
            "outcome",
            "param",
            "protocol",
            "schema",
            "search",
            "service",
            "uri_template",
        ],
    ),
    (
        "middleware",
        &[
            "content", "context", "error", "layer", "observe", "outcome", "protocol", "rate",
            "registry", "seal", "service", "store",
        ],
    ),
    (
        "ask",
        &[
            "call",
            "cluster",
            "content",
            "context",
            "error",
            "protocol",
            "questions",
            "schema",
        ],
    ),
    (
        "visibility",
        &["auth", "call", "protocol", "registry", "service"],
    ),
    ("logs", &["call", "protocol"]),
    ("metrics", &[]),
    ("trace", &["protocol"]),
    ("search", &[]),
    ("secret", &[]),
    ("audit", &["outcome", "store"]),
    ("skills", &["content", "registry"]),
    (
        "openapi",
        &[
            "content", "context", "error", "registry", "schema", "secret", "service",
        ],
    ),
    (
        "observe",
        &[
            "audit", "metrics", "outcome", "protocol", "service", "trace",
        ],
    ),
    (
        "dispatch",
        &[
            "access",
            "audit",
            "auth",
            "bus",
            "call",
            "cluster",
            "content",
            "context",
            "error",
            "in_flight",
            "layer",
            "logs",
            "metrics",
            "mount",
            "observe",
            "outcome",
            "param",
            "protocol",
            "questions",
            "rate",
            "registry",
            // The maximum number of mistakes in an error.
            "schema",
            "search",
            "seal",
            "service",
            "session",
            "session_data",
            "store",
            "tasks",
            "uri_template",
            "visibility",
        ],
    ),
    (
        "test_context",
        &[
            "access",
            "auth",
            "bus",
            "call",
            "context",
            "dispatch",
            "protocol",
            "questions",
            "seal",
            "service",
            "session",
            "session_data",
        ],
    ),
    // The outline of a line that is too long.
    ("transport/lines", &["protocol"]),
    ("transport/incoming", &["protocol", "service", "session"]),
    (
        "transport/memory",
        &["protocol", "service", "session", "transport/incoming"],
    ),
    ("transport/calls", &[]),
    (
        "transport/connection",
        &[
            "auth",
            "metrics",
            "protocol",
            "service",
            "session",
            "transport/calls",
            "transport/incoming",
            "transport/lines",
        ],
    ),
    (
        "transport/custom",
        &["service", "transport/connection", "transport/lines"],
    ),
    (
        "transport/stdio",
        &["service", "transport/connection", "transport/lines"],
    ),
    (
        "transport/http",
        &[
            "audit",
            "auth",
            "certificate",
            "cluster",
            "metrics",
            "protocol",
            // The unique id of the process, which prefixes event ids.
            "seal",
            "service",
            "session",
            // The logs of streams.
            "store",
            "transport/incoming",
        ],
    ),
    (
        "upstream",
        &[
            "ask",
            "call",
            "content",
            "context",
            "error",
            "lock_file",
            "protocol",
            "questions",
            "registry",
            "seal",
            "secret",
            "service",
            "trust",
        ],
    ),
    (
        "server",
        &[
            "access",
            "audit",
            "auth",
            "bus",
            "call",
            "cluster",
            "content",
            "context",
            "dispatch",
            "error",
            "in_flight",
            "layer",
            "lock_file",
            "logs",
            "metrics",
            "mount",
            "observe",
            "openapi",
            "param",
            "protocol",
            "questions",
            "rate",
            "registry",
            // The form of schemas that clients receive.
            "schema",
            "search",
            "seal",
            "service",
            "session",
            "session_data",
            "skills",
            "store",
            "tasks",
            "upstream",
            "visibility",
            "transport/custom",
            "transport/http",
            "transport/stdio",
        ],
    ),
    (
        "client",
        &[
            "auth",
            "error",
            "protocol",
            "server",
            "service",
            "transport/memory",
        ],
    ),
    (
        "fuzzing",
        &[
            "auth",
            "protocol",
            "schema",
            "seal",
            "session",
            "transport/http",
            "transport/lines",
            "uri_template",
        ],
    ),
    // The lints of `check` read schemas.
    (
        "cli",
        &[
            "access",
            "auth",
            "client",
            "error",
            "json_path",
            "lock_file",
            "logs",
            "observe",
            "protocol",
            "schema",
            "server",
        ],
    ),
    // Generated code names these.
    (
        "check",
        &[
            "ask", "call", "content", "error", "param", "registry", "service",
        ],
    ),
    (
        "private",
        &[
            "ask", "call", "check", "content", "error", "param", "protocol", "registry", "service",
        ],
    ),
];

/// Modules that name no other module.
const LEAVES: &[&str] = &["hexadecimal", "opaque", "owner", "sync"];

/// A source file of the workspace, without comments and without its tests.
struct Source {
    path: String,
    code: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(package: &str) -> Vec<Source> {
    let base = root().join(package).join("src");
    let mut found = Vec::new();
    collect(&base, &base, &mut found);
    assert!(found.len() > 4, "the sources of {package} were not found");
    found
}

fn collect(base: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                collect(base, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let code: Vec<&str> = text
                .lines()
                .map(|line| line.split("//").next().unwrap())
                .collect();
            let path = path
                .strip_prefix(base)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.push(Source {
                path,
                code: code.join("\n"),
            });
        }
    }
}

/// Returns the module of a file, or of a path such as `transport::http::serve`.
fn module(path: &str) -> String {
    let mut parts = path.split(['/', ':', '.']).filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default();
    match (first, parts.next()) {
        ("transport", Some(second)) if second != "mod" => format!("transport/{second}"),
        ("__private", _) => "private".to_owned(),
        _ => first.to_owned(),
    }
}

/// Returns the paths that follow `crate::` in a file.
fn crate_paths(code: &str) -> impl Iterator<Item = &str> {
    let paths = code.split("crate::").skip(1).map(|rest| {
        let end =
            rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
        &rest[..end.unwrap_or(rest.len())]
    });
    // `crate::{..}` names macros of the crate root.
    paths.filter(|path| !path.is_empty())
}

#[test]
fn modules_name_only_allowed_modules() {
    let table: BTreeMap<&str, &[&str]> = MODULES.iter().copied().collect();
    let unchecked = ["lib", "prelude", "macros", "transport"];
    let mut wrong = Vec::new();
    for source in sources("mcp-runtime") {
        let here = module(&source.path);
        if unchecked.contains(&here.as_str()) {
            continue;
        }
        if LEAVES.contains(&here.as_str()) {
            assert_eq!(crate_paths(&source.code).next(), None, "{}", source.path);
            continue;
        }
        let Some(allowed) = table.get(here.as_str()) else {
            wrong.push(format!(
                "{}: the module `{here}` is not in the table",
                source.path
            ));
            continue;
        };
        // Paths with `$crate` are expanded in the user's crate.
        let code = source.code.replace("$crate::", "");
        for path in crate_paths(&code) {
            let there = module(path);
            let is_allowed_everywhere = there.starts_with("__") || LEAVES.contains(&there.as_str());
            if there != here && !is_allowed_everywhere && !allowed.contains(&there.as_str()) {
                wrong.push(format!(
                    "{}: `{here}` must not name `crate::{path}`",
                    source.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn modules_do_not_name_each_other() {
    for (here, allowed) in MODULES {
        for there in *allowed {
            let back = MODULES
                .iter()
                .find(|(module, _)| module == there)
                .is_some_and(|(_, back)| back.contains(here));
            let generated = ["check", "private"].contains(here);
            assert!(!back || generated, "`{here}` and `{there}` name each other");
        }
    }
}

#[test]
fn files_have_no_cycles() {
    let mut found = Vec::new();
    for package in ["mcp-grammar", "mcp-macros", "mcp-runtime"] {
        let sources = sources(package);
        let files = circles::Files::new(&sources);
        let edges = files.edges();
        for circle in files.circles() {
            let inner = circle.iter().map(|file| {
                let named: Vec<&str> = edges[file].intersection(&circle).copied().collect();
                format!("{file} names {}", named.join(", "))
            });
            found.push(format!("{package}: {:#?}", inner.collect::<Vec<_>>()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_protocol_does_no_io() {
    for source in sources("mcp-runtime")
        .iter()
        .filter(|source| module(&source.path) == "protocol")
    {
        // Appending to a string is not I/O, but serde_json needs a writer for it.
        let code = source.code.replace("std::io::{self, Write}", "");
        for word in ["tokio", "std::io", "std::net", "std::fs", "hyper", "async "] {
            assert!(!code.contains(word), "{} names `{word}`", source.path);
        }
    }
}

#[test]
fn one_file_compares_revisions() {
    for source in sources("mcp-runtime")
        .iter()
        .filter(|source| source.path != "protocol/revision.rs")
    {
        for word in [
            "V2024_", "V2025_", "V2026_", "\"2024-", "\"2025-", "\"2026-",
        ] {
            assert!(
                !source.code.contains(word),
                "{} names a revision: {word}",
                source.path
            );
        }
        for operator in ["==", "!=", " < ", " > ", "<=", ">="] {
            let compared = source.code.lines().any(|line| {
                line.contains(operator) && line.contains("revision") && !line.contains("=>")
            });
            assert!(
                !compared,
                "{} compares revisions with `{operator}`",
                source.path
            );
        }
    }
}

#[test]
fn error_codes_are_those_of_the_specification() {
    let mut codes = Vec::new();
    for source in sources("mcp-runtime") {
        for (index, _) in source.code.match_indices("-32") {
            let digits: String = source.code[index + 1..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if digits.len() == 5 {
                assert_eq!(source.path, "protocol/error.rs", "-{digits}");
                codes.push(digits);
            }
        }
    }
    codes.sort();
    // The codes of JSON-RPC, those of 2026-07-28, and the code of a missing resource in older revisions.
    assert_eq!(
        codes,
        [
            "32002", "32020", "32021", "32022", "32600", "32601", "32602", "32603", "32700"
        ]
    );
}

#[test]
fn one_place_names_the_call_site() {
    let found: Vec<_> = sources("mcp-macros")
        .into_iter()
        .flat_map(|source| vec![source.path.clone(); source.code.matches("call_site()").count()])
        .collect();
    assert_eq!(found, ["runtime_path.rs"]);
}

#[test]
fn stdout_belongs_to_the_protocol() {
    let allowed = ["transport/stdio/streams.rs", "cli/output.rs"];
    for source in sources("mcp-runtime")
        .iter()
        .filter(|source| !allowed.contains(&source.path.as_str()))
    {
        for word in ["println!(", "print!(", "dbg!(", "stdout()"] {
            let found = source.code.replace("eprint", "").contains(word);
            assert!(!found, "{} may write to stdout with `{word}`", source.path);
        }
    }
}

#[test]
fn no_placeholders_and_no_unwraps() {
    let all = sources("mcp-runtime")
        .into_iter()
        .chain(sources("mcp-macros"));
    // Fuzz targets panic if a rule is broken.
    for source in all.filter(|source| !source.path.starts_with("fuzzing/")) {
        for word in ["todo!(", "unimplemented!(", ".unwrap()", ".expect("] {
            let found = source.code.contains(word);
            assert!(!found, "{} has `{word}`", source.path);
        }
    }
}

/// Returns the body length of each function of a package, in lines, with its file and name. The shortest is first.
fn functions(package: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for source in sources(package) {
        let lines: Vec<&str> = source.code.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(place) = words.iter().position(|word| *word == "fn") else {
                continue;
            };
            let is_item = words[..place]
                .iter()
                .all(|word| word.starts_with("pub") || ["const", "async"].contains(word));
            let opens = |line: &&str| line.trim_end().ends_with(['{', ';', '}']);
            let Some(opened) = lines[start..].iter().position(opens) else {
                continue;
            };
            let opened = start + opened;
            // rustfmt does not format functions in macros, so that their ends are not found.
            if !is_item
                || words[place + 1].starts_with('$')
                || !lines[opened].trim_end().ends_with('{')
            {
                continue;
            }
            let end = format!("{}}}", " ".repeat(indent));
            let body = lines[opened + 1..].iter().take_while(|line| **line != end);
            let name = words[place + 1].to_owned();
            found.push((body.count(), format!("{}: {name}", source.path)));
        }
    }
    found.sort();
    found
}

#[test]
fn functions_are_short() {
    for (package, limit) in [("mcp-grammar", 22), ("mcp-macros", 22), ("mcp-runtime", 17)] {
        let functions = functions(package);
        let (p90, longest) = (
            &functions[functions.len() * 9 / 10],
            functions.last().unwrap(),
        );
        assert!(functions.len() > 30, "{package}: functions were not found");
        assert!(p90.0 <= limit, "{package}: p90 is {}", p90.0);
        assert!(longest.0 <= 60, "{package}: {longest:?}");
    }
}

#[test]
fn prose_is_plain_english() {
    let found = words::find(&root());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
