//! The tools that ask the user or the client.

use mcp_runtime::{AskError, Capability, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn first_line() -> String {
    "It was a dark and stormy night.".to_owned()
}

fn answer() -> i64 {
    42
}

fn favourite() -> f64 {
    2.5
}

fn instruments() -> Vec<Instrument> {
    vec![Instrument::Guitar]
}

fn fish() -> Vec<Fish> {
    vec![Fish::One]
}

/// A form with a field of each kind.
#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "camelCase")]
struct Form {
    /// Your name: a text.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Whether you agree: yes or no.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<bool>,
    /// The first line of a story: a text with a default.
    #[serde(default = "first_line")]
    first_line: String,
    /// An email address.
    #[schemars(email)]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// A web page.
    #[schemars(url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    /// A date.
    #[schemars(extend("format" = "date"))]
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(default)]
    untitled_single_select_enum: Friend,
    /// Some of several choices.
    #[serde(default = "instruments")]
    #[schemars(length(min = 1, max = 3))]
    untitled_multiple_select_enum: Vec<Instrument>,
    /// One of several choices with titles.
    #[serde(default)]
    titled_single_select_enum: Hero,
    /// Some of several choices with titles.
    #[serde(default = "fish")]
    #[schemars(length(min = 1, max = 3))]
    titled_multiple_select_enum: Vec<Fish>,
    /// One of several choices with titles, which the reference server sends in the format of older revisions.
    #[serde(default)]
    legacy_titled_enum: Pet,
}

impl Form {
    /// Returns the values as a list for the user.
    fn to_list(&self) -> String {
        let mut lines = vec![format!("- Name: {}", self.name)];
        let check = self.check.map(|it| format!("- Agreed to terms: {it}"));
        lines.extend(check);
        let texts = [
            ("Email", &self.email),
            ("Homepage", &self.homepage),
            ("Birthdate", &self.birthdate),
        ];
        let texts = texts
            .iter()
            .filter_map(|(name, text)| Some(format!("- {name}: {}", text.as_ref()?)));
        lines.extend(texts);
        lines.push(format!("- Favorite Integer: {}", self.integer));
        lines.push(format!("- Favorite Number: {}", self.number));
        lines.join("\n")
    }
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit, Default)]
enum Friend {
    #[default]
    Monica,
    Rachel,
    Joey,
    Chandler,
    Ross,
    Phoebe,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
enum Instrument {
    Guitar,
    Piano,
    Violin,
    Drums,
    Bass,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit, Default)]
enum Hero {
    #[default]
    #[serde(rename = "hero-1")]
    #[schemars(title = "Superman")]
    One,
    #[serde(rename = "hero-2")]
    #[schemars(title = "Green Lantern")]
    Two,
    #[serde(rename = "hero-3")]
    #[schemars(title = "Wonder Woman")]
    Three,
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

#[derive(Serialize, Deserialize, JsonSchema, Elicit, Default)]
enum Pet {
    #[default]
    #[serde(rename = "pet-1")]
    #[schemars(title = "Cats")]
    One,
    #[serde(rename = "pet-2")]
    #[schemars(title = "Dogs")]
    Two,
    #[serde(rename = "pet-3")]
    #[schemars(title = "Birds")]
    Three,
    #[serde(rename = "pet-4")]
    #[schemars(title = "Fish")]
    Four,
    #[serde(rename = "pet-5")]
    #[schemars(title = "Reptiles")]
    Five,
}

/// Returns texts for the user, and the answer as JSON.
fn answer_of(
    texts: impl IntoIterator<Item = String>,
    answer: &Value,
) -> Result<Vec<Content>, ToolError> {
    let json = format!("\nRaw result: {}", serde_json::to_string_pretty(answer)?);
    let texts = texts.into_iter().chain([json]);
    Ok(texts.map(Content::from).collect())
}

/// Ask the user to fill in a form, and return the answer.
#[tool(
    name = "trigger-elicitation-request",
    destructive = false,
    open_world = false
)]
async fn trigger_elicitation_request(context: Context) -> Result<Vec<Content>, ToolError> {
    let question = context.elicit::<Form>("Please provide inputs for the following fields:");
    match question.await {
        Ok(form) => {
            let texts = [
                "✅ User provided the requested information!".to_owned(),
                format!("User inputs:\n{}", form.to_list()),
            ];
            answer_of(texts, &json!({ "action": "accept", "content": form }))
        }
        Err(AskError::Declined) => {
            let text = "❌ User declined to provide the requested information.";
            answer_of([text.to_owned()], &json!({ "action": "decline" }))
        }
        Err(AskError::Cancelled) => {
            let text = "⚠️ User cancelled the elicitation dialog.";
            answer_of([text.to_owned()], &json!({ "action": "cancel" }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Ask the user to open a web page.
#[tool(name = "trigger-url-elicitation", destructive = false, open_world)]
async fn trigger_url_elicitation(
    /// The page.
    url: String,
    /// What the user reads.
    #[arg(default = "Please open the link to complete this action.")]
    message: String,
    context: Context,
) -> Result<Vec<Content>, ToolError> {
    let (text, action) = match context.elicit_url(message, url.as_str()).await {
        Ok(()) => {
            let text = format!("✅ User completed the URL elicitation flow.\nURL: {url}");
            (text, "accept")
        }
        Err(AskError::Declined) => ("❌ User declined to open the URL.".to_owned(), "decline"),
        Err(AskError::Cancelled) => (
            "⚠️ User cancelled the URL elicitation.".to_owned(),
            "cancel",
        ),
        Err(error) => return Err(error.into()),
    };
    answer_of([text], &json!({ "action": action }))
}

/// Ask the model of the client.
#[tool(name = "trigger-sampling-request", destructive = false, open_world)]
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
    if roots.is_empty() {
        return Ok("The client supports roots, and has none at present.".to_owned());
    }
    let lines = roots.iter().zip(1..).map(|(root, number)| {
        let name = root.name.as_deref().unwrap_or("Unnamed Root");
        format!("{number}. {name}\n   URI: {}", root.uri)
    });
    let lines: Vec<_> = lines.collect();
    Ok(format!(
        "Current MCP Roots ({} total):\n\n{}",
        roots.len(),
        lines.join("\n\n")
    ))
}
