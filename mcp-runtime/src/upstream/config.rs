//! The file `mcp.json` of clients: the servers that they use, by name.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::Upstream;

/// The file.
#[derive(Deserialize)]
struct Config {
    /// `servers` in the file of VS Code.
    #[serde(rename = "mcpServers", alias = "servers")]
    servers: BTreeMap<String, Entry>,
}

/// A server. Members that only concern clients are ignored.
#[derive(Deserialize)]
struct Entry {
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(alias = "workingDirectory")]
    cwd: Option<String>,
    #[serde(alias = "serverUrl", alias = "httpUrl")]
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(rename = "type", alias = "transport")]
    transport: Option<String>,
    #[serde(default)]
    disabled: bool,
}

/// Why a file with servers cannot be used: see [`Upstream::from_config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Upstream {
    /// Reads the servers of a file `mcp.json`, as clients have it: `{ "mcpServers": { "git": { "command": "uvx", "args": [..] } } }`,
    /// or `servers` in its place. Returns them by name, without those that are `disabled`.
    ///
    /// A server has a `command` with `args`, `env` and `cwd`, or a `url` with `headers`. `${NAME}` in a value is the environment
    /// variable of this name, and `${NAME:-text}` is the text if there is none.
    ///
    /// ```
    /// use mcp_runtime::{Server, Upstream};
    ///
    /// # fn main() -> Result<(), mcp_runtime::ConfigError> {
    /// let json = r#"{ "mcpServers": { "time": { "command": "uvx", "args": ["mcp-server-time"] } } }"#;
    /// let mut server = Server::new("gateway", "1.0.0");
    /// for (name, upstream) in Upstream::from_config(json)? {
    ///     server = server.mount(name, upstream);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the server and the member if the file is malformed, or if an environment variable is not set.
    pub fn from_config(json: &str) -> Result<Vec<(String, Self)>, ConfigError> {
        read(json, |name| std::env::var(name).ok())
    }
}

fn read(
    json: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Upstream)>, ConfigError> {
    let malformed = |error: serde_json::Error| {
        ConfigError(format!(
            "the file is malformed: {error}: write {{ \"mcpServers\": {{ \"name\": {{ \"command\": \"..\" }} }} }}"
        ))
    };
    // A byte order mark, which some editors write, is no JSON.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let value: Value = serde_json::from_str(json).map_err(malformed)?;
    let config: Config = serde_json::from_value(value).map_err(malformed)?;
    let mut servers = Vec::new();
    for (name, entry) in config.servers {
        if entry.disabled {
            continue;
        }
        let upstream = entry
            .upstream(&variable)
            .map_err(|why| ConfigError(format!("the server `{name}`: {why}")))?;
        servers.push((name.clone(), upstream.name(name)));
    }
    Ok(servers)
}

impl Entry {
    fn upstream(self, variable: &impl Fn(&str) -> Option<String>) -> Result<Upstream, String> {
        let expand = |member: &str, text: &str| {
            expand(text, variable).map_err(|why| format!("`{member}`: {why}"))
        };
        if self.transport.as_deref() == Some("sse") {
            return Err(
                "the transport `sse` of 2024-11-05 is not supported: use the URL of Streamable HTTP".to_owned(),
            );
        }
        match (self.command, self.url) {
            (Some(command), None) => {
                let mut upstream = Upstream::command(expand("command", &command)?);
                for argument in &self.args {
                    upstream = upstream.args([expand("args", argument)?]);
                }
                for (name, value) in &self.env {
                    upstream = upstream.env(name, expand("env", value)?);
                }
                if let Some(directory) = &self.cwd {
                    upstream = upstream.directory(expand("cwd", directory)?);
                }
                Ok(upstream)
            }
            (None, Some(url)) => {
                let mut upstream = Upstream::url(expand("url", &url)?);
                for (name, value) in &self.headers {
                    upstream = upstream.header(name, expand("headers", value)?);
                }
                Ok(upstream)
            }
            (Some(_), Some(_)) => Err("it has a `command` and a `url`: remove one".to_owned()),
            (None, None) => Err("it has neither a `command` nor a `url`: add one".to_owned()),
        }
    }
}

/// Replaces environment variables in a text.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| format!("`{text}` has `${{` without `}}`"))?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        // VS Code and others write `${env:NAME}`.
        let name = name.strip_prefix("env:").unwrap_or(name);
        let value = variable(name).or_else(|| default.map(str::to_owned));
        let value = value.ok_or_else(|| {
            format!(
                "the environment variable `{name}` is not set: set it, or write `${{{name}:-text}}`"
            )
        })?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "secret".to_owned())
    }

    #[test]
    fn the_files_of_several_clients_are_read() {
        for json in [
            r#"{"mcpServers":{"a":{"command":"x","args":["-y","${TOKEN}"],"env":{"K":"${env:TOKEN}"},"cwd":"/tmp","alwaysAllow":[]},
                "b":{"type":"http","url":"https://example.com/mcp","headers":{"Authorization":"Bearer ${TOKEN}"}},
                "c":{"command":"off","disabled":true}}}"#,
            "\u{feff}{\"servers\":{\"a\":{\"command\":\"x\"},\"b\":{\"serverUrl\":\"https://example.com/${NONE:-mcp}\"}}}",
        ] {
            let servers = read(json, variable).unwrap();
            let names: Vec<&str> = servers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["a", "b"]);
            assert!(servers.iter().all(|(_, it)| it.problems().is_empty()));
        }
    }

    #[test]
    fn a_mistake_names_the_server_the_member_and_the_correction() {
        for (json, words) in [
            ("{", "the file is malformed: EOF"),
            ("{}", "missing field `mcpServers`"),
            (
                r#"{"mcpServers":{"a":{}}}"#,
                "the server `a`: it has neither a `command` nor a `url`",
            ),
            (
                r#"{"mcpServers":{"a":{"command":"x","url":"y"}}}"#,
                "remove one",
            ),
            (r#"{"mcpServers":{"a":{"url":"y","type":"sse"}}}"#, "`sse`"),
            (
                r#"{"mcpServers":{"a":{"command":"x","args":["${HOME"]}}}"#,
                "`args`: `${HOME` has `${` without `}`",
            ),
            (
                r#"{"mcpServers":{"a":{"command":"x","env":{"K":"${MISSING}"}}}}"#,
                "the server `a`: `env`: the environment variable `MISSING` is not set: set it, or write `${MISSING:-text}`",
            ),
        ] {
            let error = read(json, variable).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
