//! The tools that ask the user or the client.

use mcp_runtime::{AskError, Capability, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn first_line() -> String {
    "It was a dark and stormy night.".to_owned()
}

fn answer() -> i64 {
    42
}

fn favourite() -> f64 {
    2.5
}

/// A form with a field of each kind.
#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "camelCase")]
struct Form {
    /// Your name: a text.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Whether you agree: yes or no.
    check: Option<bool>,
    /// The first line of a story: a text with a default.
    #[serde(default = "first_line")]
    first_line: String,
    /// An email address.
    #[schemars(email)]
    email: Option<String>,
    /// A web page.
    #[schemars(url)]
    homepage: Option<String>,
    /// A date.
    #[schemars(extend("format" = "date"))]
    birthdate: Option<String>,
    /// An integer from 1 to 100, with a default.
    #[serde(default = "answer")]
    #[schemars(range(min = 1, max = 100))]
    integer: i64,
    /// A number from 0 to 1,000, with a default.
    #[serde(default = "favourite")]
    #[schemars(range(min = 0, max = 1000))]
    number: f64,
    /// One of several choices.
    untitled_single_select_enum: Option<Friend>,
    /// Some of several choices.
    #[serde(default)]
    #[schemars(length(max = 3))]
    untitled_multiple_select_enum: Vec<Instrument>,
    /// One of several choices with titles.
    titled_single_select_enum: Option<Hero>,
    /// Some of several choices with titles.
    #[serde(default)]
    #[schemars(length(max = 3))]
    titled_multiple_select_enum: Vec<Fish>,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
enum Friend {
    Monica,
    Rachel,
    Joey,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
enum Instrument {
    Guitar,
    Piano,
    Violin,
    Drums,
    Bass,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
enum Hero {
    #[serde(rename = "hero-1")]
    #[schemars(title = "Superman")]
    One,
    #[serde(rename = "hero-2")]
    #[schemars(title = "Green Lantern")]
    Two,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
enum Fish {
    #[serde(rename = "fish-1")]
    #[schemars(title = "Tuna")]
    One,
    #[serde(rename = "fish-2")]
    #[schemars(title = "Salmon")]
    Two,
    #[serde(rename = "fish-3")]
    #[schemars(title = "Trout")]
    Three,
}

/// Ask the user to fill in a form, and return it as JSON.
#[tool(name = "trigger-elicitation-request", read_only, open_world = false)]
async fn trigger_elicitation_request(context: Context) -> Result<String, ToolError> {
    let question = context.elicit::<Form>("Please provide inputs for the following fields:");
    match question.await {
        Ok(form) => Ok(serde_json::to_string_pretty(&form)?),
        Err(AskError::Declined) => Ok("The user declined.".to_owned()),
        Err(AskError::Cancelled) => Ok("The user closed the form.".to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// Ask the user to open a web page.
#[tool(name = "trigger-url-elicitation", read_only, open_world)]
async fn trigger_url_elicitation(
    /// The page.
    #[arg(default = "https://modelcontextprotocol.io")]
    url: String,
    /// What the user reads.
    #[arg(default = "Please open this page.")]
    message: String,
    context: Context,
) -> Result<String, ToolError> {
    match context.elicit_url(message, url.as_str()).await {
        Ok(()) => Ok(format!("The user agreed to open {url}.")),
        Err(AskError::Declined) => Ok("The user declined.".to_owned()),
        Err(AskError::Cancelled) => Ok("The user closed the question.".to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// Ask the model of the client.
#[tool(name = "trigger-sampling-request", read_only, open_world)]
async fn trigger_sampling_request(
    /// The question to the model.
    prompt: String,
    /// The maximum length of the answer, in tokens.
    #[arg(name = "maxTokens", default = 100, range(1..=100_000))]
    max_tokens: u32,
    context: Context,
) -> Result<String, ToolError> {
    context.require(Capability::Sampling)?;
    let sample = context
        .sample(format!(
            "Resource trigger-sampling-request context: {prompt}"
        ))
        .system("You are a helpful test server.")
        .temperature(0.7)
        .max_tokens(max_tokens)
        .await?;
    let json = serde_json::to_string_pretty(sample.as_json())?;
    Ok(format!("LLM sampling result: \n{json}"))
}

/// List the roots of the client: the directories that the user works in.
#[tool(name = "get-roots-list", read_only, open_world = false)]
async fn get_roots_list(context: Context) -> Result<String, ToolError> {
    let roots = context.roots().await?;
    let lines = roots.iter().map(|root| {
        let name = root.name.as_deref().unwrap_or("Unnamed Root");
        format!("{name}: {}", root.uri)
    });
    let lines: Vec<_> = lines.collect();
    Ok(format!(
        "The client has {} roots.\n{}",
        roots.len(),
        lines.join("\n")
    ))
}
