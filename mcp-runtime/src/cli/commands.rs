//! Runs commands, and has those that use the server's components from a shell: `list`, `call`, `read`, `prompt` and
//! `complete`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;
use serde_json::{Value, json};

#[cfg(feature = "dev")]
use super::bundle;
use super::content::{self, text};
use super::log_format::LogFormat;
use super::output::{Failure, line, lines, write};
#[cfg(feature = "auth")]
use super::scopes;
use super::{check, collect, connect, dialect, live, manifest, outline, values};
use crate::client::{Client, ToolReply};
use crate::server::{Server, Snapshot};

/// Runs a subcommand against the server in this process.
pub(super) async fn execute(
    server: Server,
    command: &str,
    matches: &ArgMatches,
    log: LogFormat,
) -> Result<ExitCode, Failure> {
    let handle = server.handle();
    // What an upstream server sends is compared with the lock file, or written to it.
    let (server, record) = if ["check", "manifest"].contains(&command) {
        server.recording_upstreams()
    } else {
        (server, Arc::default())
    };
    // What any caller sees must be correct, and is locked.
    let server = if ["bundle", "check", "manifest"].contains(&command) {
        server.all_visible()
    } else {
        server
    };
    // A person, and a lock file, have no use for a search.
    let server = server.all_listed();
    #[cfg(feature = "auth")]
    let caller = match command {
        "check" | "manifest" => scopes::checker(&server),
        _ => server.local_caller(),
    };
    let server = dialect::shown(server, command, matches);
    let client = connect::client(server, matches)?;
    #[cfg(feature = "auth")]
    let client = client.identified(caller);
    let client = client.await;
    let outcome = match command {
        "list" => list(&client, &handle.snapshot(), matches).await,
        "check" => check::run(&client, &handle, &record, matches).await,
        #[cfg(feature = "dev")]
        "bundle" => bundle::run(&client, matches).await,
        "manifest" => manifest::run(&client, &handle, &record, matches).await,
        name => live::watched(&client, log, component(&client, name, matches)).await,
    };
    client.close().await;
    outcome
}

/// Runs a command that uses one component.
async fn component(
    client: &Client,
    command: &str,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    match command {
        "call" => call(client, matches).await,
        "read" => read(client, matches).await,
        "complete" => complete(client, matches).await,
        _ => prompt(client, matches).await,
    }
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

async fn list(
    client: &Client,
    snapshot: &Snapshot,
    matches: &ArgMatches,
) -> Result<ExitCode, Failure> {
    let mut all = collect::listed(client).await?;
    for (list, kind, key) in collect::lists(&mut all) {
        // The definitions that clients see have neither tags nor scopes.
        for component in list {
            let key = component[key].as_str().unwrap_or_default();
            let Some(definition) = snapshot.definition(kind, key) else {
                continue;
            };
            for (member, texts) in [("tags", &definition.tags), ("scopes", &definition.scopes)] {
                if !texts.is_empty() {
                    component[member] = json!(texts);
                }
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
        for scope in component["scopes"].as_array().into_iter().flatten() {
            section.extend([" [", &line(&text(scope)), "]"]);
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
    let arguments = values::arguments(whole(matches), pairs(matches), Some(schema))?;
    let params = json!({
        "name": name,
        "arguments": arguments,
        "_meta": { "progressToken": "call" },
    });
    let reply = ToolReply::new(client.request("tools/call", params).await?);
    if reply.is_error() {
        return Err(reply.text().into());
    }
    finish(matches, reply.as_json(), reply.content(), || {
        content::result(reply.content(), reply.structured())
    })
}

async fn read(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let contents = client.read(name(matches)).await?;
    finish(matches, &json!(contents), &contents, || {
        lines(contents.iter().map(content::contents))
    })
}

async fn prompt(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let arguments = values::arguments(whole(matches), pairs(matches), None)?;
    let messages = client.prompt(name(matches), arguments).await?;
    let shown = |it: &Value| format!("{}: {}", text(&it["role"]), content::block(&it["content"]));
    let blocks: Vec<_> = messages.iter().map(|it| it["content"].clone()).collect();
    finish(matches, &json!(messages), &blocks, || {
        lines(messages.iter().map(shown))
    })
}

async fn complete(client: &Client, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let completed = client
        .complete(name(matches), text("argument"), text("value"))
        .await?;
    let json = json!({ "values": completed.values, "hasMore": completed.has_more });
    print(matches, &json, || lines(completed.values.iter().cloned()))
}

/// Returns the value of `--arguments`.
fn whole(matches: &ArgMatches) -> Option<&str> {
    matches.get_one::<String>("arguments").map(String::as_str)
}

/// Saves the content to the path of `--out`, if there is one, and prints the result.
fn finish(
    matches: &ArgMatches,
    json: &Value,
    blocks: &[Value],
    text: impl FnOnce() -> String,
) -> Result<ExitCode, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("out") else {
        return print(matches, json, text);
    };
    let saved = content::save(blocks, path, name(matches))?;
    print(matches, json, || {
        let texts = blocks.iter().filter(|block| block["type"] == "text");
        lines(texts.map(content::block).chain(saved))
    })
}
