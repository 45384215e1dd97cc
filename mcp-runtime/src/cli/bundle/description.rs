//! What a bundle contains about the server: the manifest of the bundle, and the entry for the registry.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::{Map, Value, json};

use super::options::{Setting, settings};
use super::program::Program;
use crate::cli::collect;
use crate::cli::output::Failure;
use crate::client::Client;

/// The version of the manifest.
/// See <https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md>.
const MANIFEST_VERSION: &str = "0.3";

/// The schema of `server.json`.
/// See <https://github.com/modelcontextprotocol/registry/tree/main/docs/reference/server-json>.
const REGISTRY_SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

/// The maximum length of a description in the registry, in characters.
const LONGEST_DESCRIPTION: usize = 100;

/// The description of a server, for a bundle of its program.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) version: String,
    pub(super) website: Option<String>,
    pub(super) description: String,
    pub(super) author: String,
    pub(super) license: Option<String>,
    /// The URLs of the privacy policies of services.
    pub(super) privacy_policies: Vec<String>,
    pub(super) icon: Option<Vec<u8>>,
    pub(super) settings: Vec<Setting>,
    pub(super) arguments: Vec<String>,
    pub(super) entry_point: String,
    /// The names of the tools with their descriptions.
    pub(super) tools: Vec<Value>,
    pub(super) has_prompts: bool,
    /// The name in the registry, and the URL of the bundle.
    pub(super) published: Option<(String, String)>,
}

impl Bundle {
    /// Collects the description of a server from its client, and from the options.
    pub(super) async fn new(
        client: &Client,
        matches: &ArgMatches,
        program: &Program,
    ) -> Result<Self, Failure> {
        let option = |name: &str| matches.get_one::<String>(name).cloned();
        let discovered = client.request("server/discover", json!({})).await?;
        let about = &discovered["_meta"]["io.modelcontextprotocol/serverInfo"];
        let member = |name: &str| about[name].as_str().map(str::to_owned);
        let all = collect::listed(client).await?;
        let name = member("name").unwrap_or_default();
        let instructions = discovered["instructions"].as_str().unwrap_or_default();
        let first_line = instructions.lines().next().filter(|line| !line.is_empty());
        let description = option("description").or_else(|| first_line.map(str::to_owned));
        let published = option("registry-name").zip(option("download"));
        Ok(Self {
            title: member("title"),
            version: member("version").unwrap_or_default(),
            website: member("websiteUrl"),
            description: description.unwrap_or_else(|| format!("The MCP server {name}")),
            author: option("author").unwrap_or_default(),
            license: option("license"),
            privacy_policies: privacy_policies(matches)?,
            icon: icon(matches)?,
            settings: settings(matches)?,
            arguments: matches
                .get_many::<String>("arguments")
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            entry_point: program.entry_point(),
            tools: all.tools.iter().map(tool).collect(),
            has_prompts: !all.prompts.is_empty(),
            published,
            name,
        })
    }

    /// Returns the name of the bundle's file: `calc-1.0.0-linux-x86_64.mcpb`.
    pub(super) fn file_name(&self) -> String {
        let is_kept = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let safe = |text: &str| text.replace(|letter| !is_kept(letter), "-");
        format!(
            "{}-{}-{}-{ARCH}.mcpb",
            safe(&self.name),
            safe(&self.version),
            platform()
        )
    }

    /// Returns the manifest of the bundle.
    pub(super) fn manifest(&self) -> Value {
        let config = without_nulls(json!({
            "command": format!("${{__dirname}}/{}", self.entry_point),
            "args": self.arguments,
            "env": self.variables(),
        }));
        without_nulls(json!({
            "manifest_version": MANIFEST_VERSION,
            "name": self.name,
            "display_name": self.title,
            "version": self.version,
            "description": self.description,
            "author": { "name": self.author },
            "homepage": self.website,
            "icon": self.icon.as_ref().map(|_| "icon.png"),
            "server": {
                "type": "binary",
                "entry_point": self.entry_point,
                "mcp_config": config,
            },
            "tools": self.tools,
            // The texts of prompts are made when they are asked for.
            "prompts_generated": self.has_prompts.then_some(true),
            "license": self.license,
            "privacy_policies": (!self.privacy_policies.is_empty()).then_some(&self.privacy_policies),
            "compatibility": { "platforms": [platform()] },
            "user_config": self.user_config(),
        }))
    }

    /// Returns the environment variables, whose values are those of the settings.
    fn variables(&self) -> Option<Value> {
        let variable = |setting: &Setting| {
            let value = format!("${{user_config.{}}}", setting.variable.to_lowercase());
            (setting.variable.clone(), value.into())
        };
        let variables: Map<_, _> = self.settings.iter().map(variable).collect();
        (!variables.is_empty()).then(|| variables.into())
    }

    fn user_config(&self) -> Option<Value> {
        let setting = |setting: &Setting| {
            let config = json!({
                "type": "string",
                "title": setting.title,
                "description": setting.title,
                "sensitive": setting.is_secret,
                "required": true,
            });
            (setting.variable.to_lowercase(), config)
        };
        let config: Map<_, _> = self.settings.iter().map(setting).collect();
        (!config.is_empty()).then(|| config.into())
    }

    /// Returns the entry for the registry, if the bundle is published.
    ///
    /// # Errors
    /// Returns an error if the registry would refuse the name, the description or the URL.
    pub(super) fn registry_entry(&self, sha256: &str) -> Result<Option<Value>, String> {
        let Some((name, url)) = &self.published else {
            return Ok(None);
        };
        self.check_published(name, url)?;
        let variables = self.settings.iter().map(|setting| {
            json!({
                "name": setting.variable,
                "description": setting.title,
                "isRequired": true,
                "isSecret": setting.is_secret,
                "format": "string",
            })
        });
        let variables: Vec<_> = variables.collect();
        let package = without_nulls(json!({
            "registryType": "mcpb",
            "identifier": url,
            "fileSha256": sha256,
            "transport": { "type": "stdio" },
            "environmentVariables": (!variables.is_empty()).then_some(variables),
        }));
        Ok(Some(without_nulls(json!({
            "$schema": REGISTRY_SCHEMA,
            "name": name,
            "title": self.title,
            "description": self.description,
            "version": self.version,
            "websiteUrl": self.website,
            "packages": [package],
        }))))
    }

    fn check_published(&self, name: &str, url: &str) -> Result<(), String> {
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let is_part = |part: &str| !part.is_empty() && part.chars().all(is_letter);
        let is_name = |(space, server): (&str, &str)| {
            is_part(space) && space.contains('.') && is_part(server)
        };
        if !name.split_once('/').is_some_and(is_name) {
            return Err(format!(
                "`--registry-name {name}`: write a namespace and a name, such as `io.github.USER/{}`",
                self.name
            ));
        }
        if !url.starts_with("https://") || !url.contains("mcp") {
            return Err(format!(
                "`--download {url}`: the registry takes `https` URLs that contain `mcp`, such as that of a .mcpb file"
            ));
        }
        let length = self.description.chars().count();
        if length > LONGEST_DESCRIPTION {
            return Err(format!(
                "the description has {length} characters, and the registry takes {LONGEST_DESCRIPTION}: set a shorter one with \
                 `--description`"
            ));
        }
        Ok(())
    }
}

/// Returns an object without the members that are null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            members.collect::<serde_json::Map<_, _>>().into()
        }
        value => value,
    }
}

fn tool(tool: &Value) -> Value {
    without_nulls(json!({ "name": tool["name"], "description": tool["description"] }))
}

/// Returns the URLs of privacy policies.
///
/// # Errors
/// Returns an error if one is not an `https` URL.
fn privacy_policies(matches: &ArgMatches) -> Result<Vec<String>, String> {
    let urls = matches.get_many::<String>("privacy-policy");
    let urls: Vec<String> = urls.into_iter().flatten().cloned().collect();
    match urls.iter().find(|url| !url.starts_with("https://")) {
        Some(url) => Err(format!(
            "`--privacy-policy {url}`: write an `https` URL that everyone can read"
        )),
        None => Ok(urls),
    }
}

/// Reads the icon.
fn icon(matches: &ArgMatches) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = matches.get_one::<PathBuf>("icon") else {
        return Ok(None);
    };
    let icon = fs::read(path);
    let icon = icon.map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    if !icon.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(format!("`{}` is not a PNG file", path.display()));
    }
    Ok(Some(icon))
}

/// Returns the name of this platform in manifests.
pub(super) fn platform() -> &'static str {
    match OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}
