//! The commands `list`, `check`, `call`, `read` and `prompt`, which use the server's components from a shell.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::lints::{self, Definitions, Finding, Level};
use super::log_format::LogFormat;
use super::{connect, functions, outline, terminal, values};
use crate::client::{Client, ClientError};
use crate::protocol::error::METHOD_NOT_FOUND;
use crate::server::{ComponentKind, Server, ServerHandle, Snapshot};

/// The error of a command.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Runs a subcommand against the server in this process.
pub(super) async fn execute(
    server: Server,
    command: &str,
    matches: &ArgMatches,
    log: LogFormat,
) -> Result<ExitCode, Failure> {
    let handle = server.handle();
    // Whatever a caller sees must be correct.
    let server = if command == "check" {
        server.all_visible()
    } else {
        server
    };
    let client = connect::client(server, matches)?.await;
    let outcome = match command {
        "list" => list(&client, &handle.snapshot(), matches).await,
        "check" => check(&client, &handle, matches).await,
        "call" => call(&client, matches).await,
        "read" => read(&client, matches).await,
        _ => prompt(&client, matches).await,
    };
    connect::print_logs(&client, log);
    client.close().await;
    outcome
}

fn name(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("name").map_or("", String::as_str)
}

fn pairs(matches: &ArgMatches) -> impl Iterator<Item = &String> {
    matches.get_many::<String>("pairs").into_iter().flatten()
}

/// Prints `json` if the flag `--json` is set, and `text` otherwise.
fn print(
    matches: &ArgMatches,
    json: &Value,
    text: impl FnOnce() -> String,
) -> Result<ExitCode, Failure> {
    write(&if matches.get_flag("json") {
        format!("{json:#}")
    } else {
        text()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to stdout, and appends a line break if the last line has none.
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

/// Escapes a part of a line for stdout.
fn line(text: &str) -> Cow<'_, str> {
    terminal::line(&io::stdout(), text)
}

async fn list(
    client: &Client,
    snapshot: &Snapshot,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let mut all = definitions(client).await?;
    for (list, kind, key) in [
        (&mut all.tools, ComponentKind::Tool, "name"),
        (&mut all.resources, ComponentKind::Resource, "uri"),
        (&mut all.templates, ComponentKind::Resource, "uriTemplate"),
        (&mut all.prompts, ComponentKind::Prompt, "name"),
    ] {
        // The definitions that clients see have no tags.
        for component in list {
            let tags = snapshot.tags(kind, component[key].as_str().unwrap_or_default());
            if !tags.is_empty() {
                component["tags"] = json!(tags);
            }
        }
    }
    let json = json!({
        "tools": all.tools,
        "resources": all.resources,
        "resourceTemplates": all.templates,
        "prompts": all.prompts,
    });
    print(matches, &json, || {
        [
            section("Tools", &all.tools, outline::tool),
            section("Resources", &all.resources, |it| text(&it["uri"])),
            section("Resource templates", &all.templates, |it| {
                text(&it["uriTemplate"])
            }),
            section("Prompts", &all.prompts, prompt_signature),
        ]
        .concat()
    })
}

/// Reports what clients or models may not handle: definitions, and functions that list or complete and fail.
async fn check(
    client: &Client,
    handle: &ServerHandle,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let snapshot = handle.snapshot();
    let failures = functions::check(client, handle, &snapshot).await?;
    // What a function lists is data, and has no definition.
    handle.replace(snapshot.listing(None));
    let mut all = definitions(client).await?;
    handle.replace(Snapshot::clone(&snapshot));
    all.templates = or_empty(client.resource_templates().await)?;
    let about = client.request("server/discover", json!({})).await?;
    all.server = text(&about["_meta"]["io.modelcontextprotocol/serverInfo"]["name"]);
    all.instructions = text(&about["instructions"]);
    let names = all.tools.iter().map(|tool| text(&tool["name"]));
    let unenforced = names.filter_map(|name| {
        let unenforced = snapshot.tool(&name)?.unenforced();
        Some((name, unenforced))
    });
    all.unenforced = unenforced.collect();
    let findings: Vec<Finding> = lints::findings(&all).into_iter().chain(failures).collect();
    if findings.is_empty() {
        write("no findings")?;
    } else {
        write(&lines(
            findings.iter().map(|it| line(&it.to_string()).into()),
        ))?;
    }
    let denies_warnings = matches.get_flag("deny-warnings");
    let fails = |it: &Finding| it.level == Level::Error || denies_warnings;
    Ok(if findings.iter().any(fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns all definitions, as clients see them.
async fn definitions(client: &Client) -> Result<Definitions, Failure> {
    let resources = or_empty(client.resources().await).map_err(|error| {
        format!("the resources could not be listed: {error}: `check` names the function that fails")
    })?;
    Ok(Definitions {
        tools: or_empty(client.tools().await)?,
        resources,
        templates: or_empty(client.resource_templates().await)?,
        prompts: or_empty(client.prompts().await)?,
        ..Definitions::default()
    })
}

/// Returns an empty list if the server does not have this kind of components.
fn or_empty(list: Result<Vec<Value>, ClientError>) -> Result<Vec<Value>, ClientError> {
    match list {
        Err(ClientError::Rpc { code, .. }) if code == i64::from(METHOD_NOT_FOUND) => Ok(Vec::new()),
        list => list,
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
        section.extend(["  ", &line(&heading(component))]);
        for tag in component["tags"].as_array().into_iter().flatten() {
            section.extend([" #", &line(&text(tag))]);
        }
        section.push('\n');
        for sentence in text(&component["description"]).lines() {
            section.extend(["      ", sentence, "\n"]);
        }
    }
    section
}

/// Formats a prompt with its arguments: `review code=<text>`.
fn prompt_signature(prompt: &Value) -> String {
    let arguments = prompt["arguments"].as_array().into_iter().flatten();
    arguments.fold(text(&prompt["name"]), |signature, it| {
        signature + &outline::argument(&text(&it["name"]), "text", it["required"] == true)
    })
}

async fn call(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let name = name(matches);
    let tools = client.tools().await?;
    let tool = tools.iter().find(|tool| tool["name"] == name);
    let schema = tool.map_or(&Value::Null, |tool| &tool["inputSchema"]);
    let arguments = values::arguments(pairs(matches), Some(schema))?;
    let reply = client.call(name, arguments).await?;
    if reply.is_error() {
        return Err(reply.text().into());
    }
    print(matches, reply.as_json(), || {
        result(reply.content(), reply.structured())
    })
}

async fn read(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let contents = client.read(name(matches)).await?;
    print(matches, &json!(contents), || {
        lines(contents.iter().map(contents_text))
    })
}

async fn prompt(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let arguments = values::arguments(pairs(matches), None)?;
    let messages = client.prompt(name(matches), arguments).await?;
    let shown = |it: &Value| format!("{}: {}", text(&it["role"]), block(&it["content"]));
    print(matches, &json!(messages), || {
        lines(messages.iter().map(shown))
    })
}

/// Formats the result of a tool: its content, or its structured content if it has no other.
fn result(content: &[Value], structured: &Value) -> String {
    if content.is_empty() && !structured.is_null() {
        return structured.to_string();
    }
    lines(content.iter().map(block))
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("\n")
}

/// Formats a content block: the text of a text block, and a short description of any other.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_shows_its_content_or_its_data() {
        let text = json!({ "type": "text", "text": "3 pages" });
        let data = json!({ "pages": 3 });
        for (content, structured, shown) in [
            (vec![text.clone()], &data, "3 pages"),
            (vec![], &data, r#"{"pages":3}"#),
            (
                vec![text.clone(), text.clone()],
                &Value::Null,
                "3 pages\n3 pages",
            ),
            (vec![], &Value::Null, ""),
        ] {
            assert_eq!(result(&content, structured), shown);
        }
    }
}
