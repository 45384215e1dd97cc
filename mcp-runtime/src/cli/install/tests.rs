//! Tests of the entries, the merging and the files.

use std::fs;
use std::path::PathBuf;

use super::client::{CLIENTS, Scope};
use super::format::Format;
use super::*;

fn folders(home: &Path) -> Folders {
    Folders::new(home.to_owned(), home.join("project"), |_| None)
}

fn command(arguments: &[&str]) -> Launch {
    Launch::Command {
        program: "/opt/calc".to_owned(),
        arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
        variables: [("KEY".to_owned(), json!("v"))].into_iter().collect(),
    }
}

fn url() -> Launch {
    Launch::Url {
        url: "https://calc.example.com/mcp".to_owned(),
        headers: [("X-Api-Key".to_owned(), json!("k"))].into_iter().collect(),
    }
}

/// A folder that is removed at the end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mcp-install-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn target(client: &'static McpClient, scope: Scope, home: &Home) -> Target {
    Target {
        client,
        name: "calc".to_owned(),
        file: client.file(scope, &folders(&home.0)).unwrap(),
    }
}

fn apply(target: &Target, change: &Change) -> Option<PathBuf> {
    let text = change.text.as_ref()?;
    file::replace(&target.file.path, text).unwrap()
}

#[test]
fn every_client_in_every_scope_is_installed_once_and_uninstalled() {
    for client in CLIENTS {
        for &scope in client.scopes {
            for launch in [command(&["--verbose", "a \"b\" \\ c"]), url()] {
                let home = Home::new(&format!("{}-{}", client.name, scope.name()));
                let target = target(client, scope, &home);
                let case = (client.name, scope.name(), &launch);
                let Ok(change) = target.add(&launch) else {
                    assert_eq!(
                        (client.name, matches!(launch, Launch::Url { .. })),
                        ("claude-desktop", true)
                    );
                    continue;
                };
                assert!(change.text.is_some(), "{case:?}");
                assert_eq!(apply(&target, &change), None, "{case:?}");
                let again = target.add(&launch).unwrap();
                assert_eq!(
                    again.text,
                    None,
                    "{case:?}: {:?}",
                    fs::read_to_string(&target.file.path)
                );
                let removed = target.remove().unwrap();
                assert!(apply(&target, &removed).is_some(), "{case:?}");
                assert!(target.remove().unwrap().text.is_none(), "{case:?}");
            }
        }
    }
}

#[test]
fn the_form_of_each_client() {
    let forms = [
        (
            "claude-code",
            json!({"type": "stdio", "command": "/opt/calc", "args": ["-v"], "env": {"KEY": "v"}}),
            json!({"type": "http", "url": "https://calc.example.com/mcp", "headers": {"X-Api-Key": "k"}}),
        ),
        (
            "cursor",
            json!({"command": "/opt/calc", "args": ["-v"], "env": {"KEY": "v"}}),
            json!({"url": "https://calc.example.com/mcp", "headers": {"X-Api-Key": "k"}}),
        ),
        (
            "codex",
            json!({"command": "/opt/calc", "args": ["-v"], "env": {"KEY": "v"}}),
            json!({"url": "https://calc.example.com/mcp", "http_headers": {"X-Api-Key": "k"}}),
        ),
        (
            "windsurf",
            json!({"command": "/opt/calc", "args": ["-v"], "env": {"KEY": "v"}}),
            json!({"serverUrl": "https://calc.example.com/mcp", "headers": {"X-Api-Key": "k"}}),
        ),
        (
            "goose",
            json!({"type": "stdio", "cmd": "/opt/calc", "args": ["-v"], "envs": {"KEY": "v"}, "name": "calc", "description": "", "enabled": true, "timeout": 300}),
            json!({"type": "streamable_http", "uri": "https://calc.example.com/mcp", "headers": {"X-Api-Key": "k"}, "envs": {}, "name": "calc", "description": "", "enabled": true, "timeout": 300}),
        ),
    ];
    for (name, by_command, by_url) in forms {
        let client = client::named(name).unwrap();
        let entry = client.form.entry("calc", &command(&["-v"]));
        assert_eq!(entry, by_command, "{name}");
        assert_eq!(client.form.entry("calc", &url()), by_url, "{name}");
    }
}

const JSON: &str = r#"{
    // The theme.
    "theme": "dark", /* not light */
    "mcpServers": {
        // The other server.
        "other": { "command": "other", "args": [], },
        "calc": {
            "command": "/old/calc", // the path before
            "env": { "TOKEN": "secret" },
            "disabled": true
        }
    }
}
"#;

const TOML: &str = r#"# The model.
model = "m" # not n

[mcp_servers.other]
command = "other"

[mcp_servers.calc]
# the path before
command = "/old/calc"
disabled = true
env = { TOKEN = "secret" } # kept
"#;

const YAML: &str = "# The model.\nmodel: m # not n\nextensions:\n  other:\n    cmd: other # the other\n  calc:\n    # the path before\n    cmd: /old/calc\n    enabled: false\n    envs:\n      TOKEN: secret\nlast: 1\n";

#[test]
fn an_existing_file_keeps_its_comments_and_what_the_user_added() {
    for (client, scope, text, kept) in [
        (
            "cursor",
            Scope::User,
            JSON,
            vec![
                "// The theme.",
                "/* not light */",
                "// The other server.",
                "// the path before",
                r#""disabled": true"#,
                r#""TOKEN": "secret""#,
                r#""other": { "command": "other", "args": [], }"#,
            ],
        ),
        (
            "codex",
            Scope::User,
            TOML,
            vec![
                "# The model.",
                "# not n",
                "# the path before",
                "disabled = true",
                "TOKEN = \"secret\"",
                "# kept",
            ],
        ),
        (
            "goose",
            Scope::User,
            YAML,
            vec![
                "# The model.",
                "# not n",
                "# the other",
                "# the path before",
                "enabled: false",
                "TOKEN: secret",
                "last: 1",
            ],
        ),
    ] {
        let home = Home::new(&format!("kept-{client}"));
        let target = target(client::named(client).unwrap(), scope, &home);
        fs::create_dir_all(target.file.path.parent().unwrap()).unwrap();
        fs::write(&target.file.path, text).unwrap();
        let backup = apply(&target, &target.add(&command(&["-v"])).unwrap()).unwrap();
        assert_eq!(fs::read_to_string(backup).unwrap(), text, "{client}");
        let after = fs::read_to_string(&target.file.path).unwrap();
        for kept in kept {
            assert!(after.contains(kept), "{client}: {kept}: {after}");
        }
        assert!(
            after.contains("/opt/calc") && !after.contains("/old/calc"),
            "{client}: {after}"
        );
        assert!(
            target.add(&command(&["-v"])).unwrap().text.is_none(),
            "{client}: {after}"
        );
        let entry = target.add(&url()).unwrap().entry.unwrap();
        assert!(!entry.to_string().contains("secret"), "{client}: {entry}");
        apply(&target, &target.remove().unwrap());
        let after = fs::read_to_string(&target.file.path).unwrap();
        assert!(
            after.contains("other") && !after.contains("/opt/calc"),
            "{client}: {after}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_edited_is_unchanged_and_named() {
    for (client, text, why) in [
        (
            "cursor",
            "{ \"mcpServers\": [] }",
            "`mcpServers` is not an object",
        ),
        ("cursor", "[]", "the file is not an object"),
        ("cursor", "{ \"mcpServers\": {", "line 1"),
        (
            "codex",
            "mcp_servers = 1\n",
            "`mcp_servers` is not an object",
        ),
        ("codex", "[", "line 1"),
        (
            "goose",
            "extensions: [a]\n",
            "`extensions` is not an object",
        ),
        ("goose", "- a\n", "the file is not an object"),
    ] {
        let home = Home::new(&format!("broken-{client}"));
        let target = target(client::named(client).unwrap(), Scope::User, &home);
        fs::create_dir_all(target.file.path.parent().unwrap()).unwrap();
        fs::write(&target.file.path, text).unwrap();
        let error = target.add(&command(&[])).err().unwrap_or_default();
        assert!(
            error.contains(why) && error.contains(&target.file.path.display().to_string()),
            "{client} {text:?}: {error}"
        );
        assert_eq!(fs::read_to_string(&target.file.path).unwrap(), text);
    }
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = Home::new("links");
    let target = target(client::named("cursor").unwrap(), Scope::User, &home);
    let real = home.0.join("dotfiles.json");
    fs::write(&real, "{}").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir_all(target.file.path.parent().unwrap()).unwrap();
    symlink(&real, &target.file.path).unwrap();
    apply(&target, &target.add(&command(&[])).unwrap());
    assert!(
        fs::symlink_metadata(&target.file.path)
            .unwrap()
            .is_symlink()
    );
    assert!(fs::read_to_string(&real).unwrap().contains("/opt/calc"));
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn formats_print_what_they_parse() {
    for (format, text) in [
        (Format::Json, JSON),
        (Format::Toml, TOML),
        (Format::Yaml, YAML),
    ] {
        assert_eq!(format.parse(text).unwrap().text(), text);
        assert_eq!(format.parse("").unwrap().text().trim(), "", "{format:?}");
    }
}
