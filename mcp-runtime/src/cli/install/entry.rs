//! The entry of a server, in the form of each client.

use serde_json::{Map, Value, json};

/// How a client reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Launch {
    /// The client starts the program, and speaks with it over stdio.
    Command {
        program: String,
        arguments: Vec<String>,
        variables: Map<String, Value>,
    },
    /// The client connects to a running server.
    Url {
        url: String,
        headers: Map<String, Value>,
    },
}

/// The form of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A command, or a `url`.
    Plain,
    /// As `Plain`, with a `type`.
    Typed,
    /// As `Plain`, with a `type` of URLs.
    TypedUrl,
    /// As `Plain`, with headers in `http_headers`.
    Codex,
    /// As `Plain`, with the URL in `serverUrl`.
    Windsurf,
    /// The form of Goose, which has its own names.
    Goose,
}

/// The members that say how to reach a server, over all clients.
const WAYS: &[&str] = &["command", "cmd", "url", "uri", "httpUrl", "serverUrl"];

/// The other members that depend on the way to reach a server.
const DETAILS: &[&str] = &["type", "args"];

/// The members with environment variables and headers, to which users add.
const SETTINGS: &[&str] = &["env", "envs", "headers", "http_headers"];

impl Form {
    /// Returns the entry of a server with this name.
    pub(super) fn entry(self, name: &str, launch: &Launch) -> Value {
        match self {
            Self::Plain => entry(launch, ["url", "headers"]).into(),
            Self::Codex => entry(launch, ["url", "http_headers"]).into(),
            Self::Windsurf => entry(launch, ["serverUrl", "headers"]).into(),
            Self::TypedUrl if matches!(launch, Launch::Command { .. }) => {
                Self::Plain.entry(name, launch)
            }
            Self::Typed | Self::TypedUrl => typed(launch),
            Self::Goose => goose(name, launch),
        }
    }
}

/// Returns an entry whose URL and headers have these names.
fn entry(launch: &Launch, [url_name, headers_name]: [&str; 2]) -> Map<String, Value> {
    let mut entry = Map::new();
    match launch {
        Launch::Command {
            program,
            arguments,
            variables,
        } => {
            entry.insert("command".to_owned(), json!(program));
            entry.insert("args".to_owned(), json!(arguments));
            add(&mut entry, "env", variables);
        }
        Launch::Url { url, headers } => {
            entry.insert(url_name.to_owned(), json!(url));
            add(&mut entry, headers_name, headers);
        }
    }
    entry
}

fn add(entry: &mut Map<String, Value>, name: &str, members: &Map<String, Value>) {
    if !members.is_empty() {
        entry.insert(name.to_owned(), members.clone().into());
    }
}

fn typed(launch: &Launch) -> Value {
    let kind = match launch {
        Launch::Command { .. } => "stdio",
        Launch::Url { .. } => "http",
    };
    let mut typed = Map::new();
    typed.insert("type".to_owned(), kind.into());
    typed.extend(entry(launch, ["url", "headers"]));
    typed.into()
}

fn goose(name: &str, launch: &Launch) -> Value {
    let mut entry = match launch {
        Launch::Command {
            program,
            arguments,
            variables,
        } => json!({ "type": "stdio", "cmd": program, "args": arguments, "envs": variables }),
        Launch::Url { url, headers } => {
            json!({ "type": "streamable_http", "uri": url, "headers": headers, "envs": {} })
        }
    };
    entry["name"] = name.into();
    entry["description"] = "".into();
    entry["enabled"] = true.into();
    // The seconds after which a call fails, for which Goose has no default.
    entry["timeout"] = 300.into();
    entry
}

/// Returns the new value of an entry. What the user added to the old one is kept: all members that do not say how to reach the
/// server and, if the way stays the same, environment variables and headers.
pub(super) fn merged(old: Option<&Value>, new: Value) -> Value {
    let (Some(Value::Object(old)), Value::Object(new)) = (old, &new) else {
        return new;
    };
    let is_same_way = WAYS
        .iter()
        .all(|way| old.contains_key(*way) == new.contains_key(*way));
    let mut merged = Map::new();
    for (name, value) in old {
        let is_kept = match name.as_str() {
            name if SETTINGS.contains(&name) => is_same_way,
            name => !WAYS.contains(&name) && !DETAILS.contains(&name),
        };
        if is_kept {
            merged.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in new {
        let is_way = WAYS.contains(&name.as_str()) || DETAILS.contains(&name.as_str());
        match (merged.get_mut(name), value) {
            (Some(Value::Object(settings)), Value::Object(added)) => {
                settings.extend(added.clone());
            }
            (Some(_), _) if !is_way => {}
            _ => {
                merged.insert(name.clone(), value.clone());
            }
        }
    }
    merged.into()
}
