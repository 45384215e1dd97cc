//! `list`, `check`, `call`, `read` and `prompt`: the server's own components, used from a shell.

use std::borrow::Cow;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::{lints, terminal, values};
use crate::client::{Client, ClientError};
use crate::server::{Server, ServerHandle};

/// Runs a subcommand against the server in this process.
pub(super) async fn execute(
    server: Server,
    command: &str,
    matches: &ArgMatches,
) -> Result<ExitCode, String> {
    let handle = server.handle();
    let client = server.client().await;
    let outcome = match command {
        "list" => list(&client, &handle, matches).await,
        "check" => check(&client, &handle).await,
        "call" => call(&client, matches).await,
        "read" => read(&client, matches).await,
        _ => prompt(&client, matches).await,
    };
    client.close().await;
    outcome
}

fn name(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("name").map_or("", String::as_str)
}

fn pairs(matches: &ArgMatches) -> impl Iterator<Item = &String> {
    matches.get_many::<String>("pairs").into_iter().flatten()
}

/// Prints `json` if that is wanted, else `text`.
fn print(matches: &ArgMatches, json: &Value, text: impl FnOnce() -> String) -> Result<(), String> {
    if matches.get_flag("json") {
        write(&format!("{json:#}"))
    } else {
        write(&text())
    }
}

/// Writes to stdout, and ends the last line.
pub(super) fn write(output: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    let output = terminal::text(&stdout, output);
    let written = stdout.write_all(output.as_bytes()).and_then(|()| {
        if output.is_empty() || output.ends_with('\n') {
            Ok(())
        } else {
            stdout.write_all(b"\n")
        }
    });
    written
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("the result could not be printed: {error}"))
}

/// A part of a line as stdout shows it.
fn line(text: &str) -> Cow<'_, str> {
    terminal::line(&io::stdout(), text)
}

async fn list(
    client: &Client,
    handle: &ServerHandle,
    matches: &ArgMatches,
) -> Result<ExitCode, String> {
    let mut tools = known(client.tools().await)?;
    let mut resources = known(client.resources().await)?;
    let mut templates = known(client.resource_templates().await)?;
    let mut prompts = known(client.prompts().await)?;
    add_tags(&mut tools, "name", |name| handle.tags_of_tool(name));
    add_tags(&mut resources, "uri", |uri| handle.tags_of_resource(uri));
    add_tags(&mut templates, "uriTemplate", |uri| {
        handle.tags_of_resource(uri)
    });
    add_tags(&mut prompts, "name", |name| handle.tags_of_prompt(name));
    let json = json!({
        "tools": tools,
        "resources": resources,
        "resourceTemplates": templates,
        "prompts": prompts,
    });
    print(matches, &json, || {
        [
            section("Tools", &tools, signature),
            section("Resources", &resources, |one| text(&one["uri"])),
            section("Resource templates", &templates, |one| {
                text(&one["uriTemplate"])
            }),
            section("Prompts", &prompts, arguments),
        ]
        .concat()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Adds to definitions what clients do not see.
fn add_tags(components: &mut [Value], key: &str, tags: impl Fn(&str) -> Vec<String>) {
    for component in components {
        let tags = tags(component[key].as_str().unwrap_or_default());
        if !tags.is_empty() {
            component["tags"] = json!(tags);
        }
    }
}

/// Says what clients and models would stumble over.
async fn check(client: &Client, handle: &ServerHandle) -> Result<ExitCode, String> {
    let mut resources = known(client.resources().await)?;
    resources.retain(|it| handle.defines_resource(it["uri"].as_str().unwrap_or_default()));
    let tools = known(client.tools().await)?;
    let unenforced = tools.iter().filter_map(|tool| {
        let name = text(&tool["name"]);
        let unenforced = handle.unenforced(&name)?;
        Some((name, unenforced))
    });
    let findings = lints::findings(&lints::Definitions {
        unenforced: unenforced.collect(),
        tools,
        resources,
        templates: known(client.resource_templates().await)?,
        prompts: known(client.prompts().await)?,
    });
    if findings.is_empty() {
        write("no findings")?;
        return Ok(ExitCode::SUCCESS);
    }
    write(&lines(findings.iter().map(|finding| line(finding).into())))?;
    Ok(ExitCode::FAILURE)
}

/// A list that the server does not have is empty.
fn known(list: Result<Vec<Value>, ClientError>) -> Result<Vec<Value>, String> {
    match list {
        Ok(list) => Ok(list),
        Err(ClientError::Rpc { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn section(title: &str, components: &[Value], heading: impl Fn(&Value) -> String) -> String {
    if components.is_empty() {
        return String::new();
    }
    let mut section = format!("{title}\n");
    for component in components {
        section.push_str("  ");
        section.push_str(&line(&heading(component)));
        for tag in component["tags"].as_array().into_iter().flatten() {
            section.push_str(" #");
            section.push_str(&line(&text(tag)));
        }
        section.push('\n');
        for sentence in text(&component["description"]).lines() {
            section.push_str("      ");
            section.push_str(sentence);
            section.push('\n');
        }
    }
    section
}

/// A tool as it is called: `add a=<number> [b=<number>]`.
fn signature(tool: &Value) -> String {
    let schema = &tool["inputSchema"];
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.fold(text(&tool["name"]), |signature, (name, property)| {
        let kind = property["type"].as_str().unwrap_or("value");
        if required.iter().any(|other| other == name) {
            format!("{signature} {name}=<{kind}>")
        } else {
            format!("{signature} [{name}=<{kind}>]")
        }
    })
}

/// A prompt as it is got: `review code=<text>`.
fn arguments(prompt: &Value) -> String {
    let arguments = prompt["arguments"].as_array().into_iter().flatten();
    arguments.fold(text(&prompt["name"]), |signature, argument| {
        let name = text(&argument["name"]);
        if argument["required"] == true {
            format!("{signature} {name}=<text>")
        } else {
            format!("{signature} [{name}=<text>]")
        }
    })
}

async fn call(client: &Client, matches: &ArgMatches) -> Result<ExitCode, String> {
    let name = name(matches);
    let tools = client.tools().await.map_err(|error| error.to_string())?;
    let tool = tools.iter().find(|tool| tool["name"] == name);
    let schema = tool.map_or(&Value::Null, |tool| &tool["inputSchema"]);
    let arguments = values::of_tool(pairs(matches), schema)?;
    let reply = client
        .call(name, arguments)
        .await
        .map_err(|error| error.to_string())?;
    if reply.is_error() {
        return Err(reply.text());
    }
    print(matches, reply.as_json(), || blocks(reply.content()))?;
    Ok(ExitCode::SUCCESS)
}

async fn read(client: &Client, matches: &ArgMatches) -> Result<ExitCode, String> {
    let contents = client
        .read(name(matches))
        .await
        .map_err(|error| error.to_string())?;
    print(matches, &json!(contents), || {
        lines(contents.iter().map(contents_text))
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn prompt(client: &Client, matches: &ArgMatches) -> Result<ExitCode, String> {
    let arguments = values::of_prompt(pairs(matches))?;
    let messages = client
        .prompt(name(matches), arguments)
        .await
        .map_err(|error| error.to_string())?;
    print(matches, &json!(messages), || {
        lines(
            messages.iter().map(|message| {
                format!("{}: {}", text(&message["role"]), block(&message["content"]))
            }),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("\n")
}

fn blocks(content: &[Value]) -> String {
    lines(content.iter().map(block))
}

/// A content block as a text; what is none is described.
fn block(block: &Value) -> String {
    match block["type"].as_str() {
        Some("text") => text(&block["text"]),
        Some("resource_link") => format!("[{}]", line(&text(&block["uri"]))),
        Some("resource") => contents_text(&block["resource"]),
        _ => format!("[{}]", line(&text(&block["mimeType"]))),
    }
}

fn contents_text(contents: &Value) -> String {
    match contents["text"].as_str() {
        Some(text) => text.to_owned(),
        None => format!(
            "[{}, {} bytes as base64]",
            line(&text(&contents["mimeType"])),
            text(&contents["blob"]).len()
        ),
    }
}
