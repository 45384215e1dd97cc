//! The server for the official conformance suite: one component of each kind, with the names and texts that it expects.
//!
//! `tests/conformance/run` starts it and runs the suite against it.

mod tasks;

use std::future::IntoFuture;
use std::time::Duration;

use mcp_runtime::{AskError, Capability, LogLevel, Tool, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One red pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4,
    0x89, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xfc, 0xcf, 0xc0, 0xf0,
    0x1f, 0x00, 0x05, 0x05, 0x02, 0x00, 0x5f, 0xc8, 0xf1, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// An empty sound, at 8,000 Hz.
const WAV: &[u8] =
    b"RIFF&\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\0}\0\0\x02\0\x10\0data\x02\0\0\0";

/// The time between the steps of slow tools.
const STEP: Duration = Duration::from_millis(50);

// Tools. The suite calls the first one in the list without arguments.

/// Returns text.
#[tool]
async fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Returns an image.
#[tool]
async fn test_image_content() -> Image {
    Image::png(PNG)
}

/// Returns a sound.
#[tool]
async fn test_audio_content() -> Audio {
    Audio::wav(WAV)
}

/// Returns a resource.
#[tool]
async fn test_embedded_resource() -> EmbeddedResource {
    let text = "This is an embedded resource content.";
    EmbeddedResource::new(
        "test://embedded-resource",
        ResourceContents::text(text).mime("text/plain"),
    )
}

/// Returns content of several kinds.
#[tool]
async fn test_multiple_content_types() -> (&'static str, Image, EmbeddedResource) {
    let data = ResourceContents::text(r#"{"test":"data","value":123}"#).mime("application/json");
    (
        "Multiple content types test:",
        Image::png(PNG),
        EmbeddedResource::new("test://mixed-content-resource", data),
    )
}

/// Logs while it runs.
#[tool]
async fn test_tool_with_logging(context: Context) -> &'static str {
    let steps = [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ];
    for step in steps {
        context.log(LogLevel::Info, step);
        tokio::time::sleep(STEP).await;
    }
    "Tool with logging executed successfully"
}

/// Reports progress while it runs.
#[tool]
async fn test_tool_with_progress(context: Context) -> &'static str {
    for done in [0.0, 50.0, 100.0] {
        context.progress(done, Some(100.0), None);
        tokio::time::sleep(STEP).await;
    }
    "Tool with progress executed successfully"
}

/// Fails.
#[tool]
async fn test_error_handling() -> Result<String, ToolError> {
    Err(ToolError::new(
        "This tool intentionally returns an error for testing",
    ))
}

/// Closes the stream of its response, and returns a result after the client has reconnected.
#[tool]
async fn test_reconnection(context: Context) -> &'static str {
    context.close_stream();
    tokio::time::sleep(2 * STEP).await;
    "Reconnection test completed successfully"
}

/// Echoes an argument that is repeated in a header.
#[tool]
async fn test_x_mcp_header(
    /// The text to echo.
    #[arg(header = "Value")]
    value: String,
) -> String {
    value
}

/// Needs a client that can sample.
#[tool]
async fn test_missing_capability(context: Context) -> Result<&'static str, ToolError> {
    context.require(Capability::Sampling)?;
    Ok("The client can sample.")
}

/// Logs a message if the client has enabled logging.
#[tool]
async fn test_logging_tool(context: Context) -> &'static str {
    context.log(LogLevel::Info, "test_logging_tool runs");
    "Logged."
}

/// Notifies clients that the list of tools changed.
#[tool]
async fn test_trigger_tool_change(context: Context) -> &'static str {
    context.notify().tools_changed();
    "The list of tools changed."
}

/// Notifies clients that the list of prompts changed.
#[tool]
async fn test_trigger_prompt_change(context: Context) -> &'static str {
    context.notify().prompts_changed();
    "The list of prompts changed."
}

// Questions

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
struct User {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

/// Returns the action of the user and the form, as the suite expects them.
fn outcome<T: Serialize>(answer: Result<T, AskError>) -> Result<(&'static str, String), ToolError> {
    match answer {
        Ok(form) => Ok(("accept", serde_json::to_string(&form)?)),
        Err(AskError::Declined) => Ok(("decline", "{}".to_owned())),
        Err(AskError::Cancelled) => Ok(("cancel", "{}".to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Asks the user for a name and an email address.
#[tool]
async fn test_elicitation(
    context: Context,
    /// The question to the user.
    message: String,
) -> Result<String, ToolError> {
    let (action, form) = outcome(context.elicit::<User>(message).await)?;
    Ok(format!("User response: action={action}, content={form}"))
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

fn john() -> String {
    "John Doe".to_owned()
}

fn thirty() -> i64 {
    30
}

fn score() -> f64 {
    95.5
}

fn active() -> Status {
    Status::Active
}

fn yes() -> bool {
    true
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
struct Defaults {
    #[serde(default = "john")]
    name: String,
    #[serde(default = "thirty")]
    age: i64,
    #[serde(default = "score")]
    score: f64,
    #[serde(default = "active")]
    status: Status,
    #[serde(default = "yes")]
    verified: bool,
}

/// Asks the user with a form whose fields have defaults.
#[tool]
async fn test_elicitation_sep1034_defaults(context: Context) -> Result<String, ToolError> {
    let (action, form) = outcome(context.elicit::<Defaults>("Please check").await)?;
    Ok(format!(
        "Elicitation completed: action={action}, content={form}"
    ))
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Plain {
    Option1,
    Option2,
    Option3,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Titled {
    #[schemars(title = "First Option")]
    Value1,
    #[schemars(title = "Second Option")]
    Value2,
    #[schemars(title = "Third Option")]
    Value3,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("enumNames" = ["Option One", "Option Two", "Option Three"]))]
enum Legacy {
    Opt1,
    Opt2,
    Opt3,
}

#[derive(Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "camelCase")]
struct Choices {
    untitled_single: Plain,
    titled_single: Titled,
    legacy_enum: Legacy,
    untitled_multi: Vec<Plain>,
    titled_multi: Vec<Titled>,
}

/// Asks the user with a form that has choices of every kind.
#[tool]
async fn test_elicitation_sep1330_enums(context: Context) -> Result<String, ToolError> {
    let (action, form) = outcome(context.elicit::<Choices>("Please choose").await)?;
    Ok(format!(
        "Elicitation completed: action={action}, content={form}"
    ))
}

/// Asks the client's model.
#[tool]
async fn test_sampling(
    context: Context,
    /// The question to the model.
    prompt: String,
) -> Result<String, ToolError> {
    let sample = context.sample(prompt).max_tokens(100).await?;
    Ok(format!("LLM response: {}", sample.text()))
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Consent {
    ok: bool,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Color {
    color: String,
}

/// Asks the user while the client reads a stream.
#[tool]
async fn test_streaming_elicitation(context: Context) -> Result<String, ToolError> {
    let Name { name } = context.elicit("What is your name?").await?;
    Ok(name)
}

/// Asks the user for a name.
#[tool]
async fn test_input_required_result_elicitation(context: Context) -> Result<String, ToolError> {
    let Name { name } = context
        .elicit("What is your name?")
        .key("user_name")
        .await?;
    Ok(format!("Hello, {name}!"))
}

/// Asks the client's model for a fact.
#[tool]
async fn test_input_required_result_sampling(context: Context) -> Result<String, ToolError> {
    let question = context.sample("What is the capital of France?");
    let sample = question.max_tokens(100).key("capital_question").await?;
    Ok(sample.text())
}

/// Asks the client for its roots.
#[tool]
async fn test_input_required_result_list_roots(context: Context) -> Result<String, ToolError> {
    let roots = context.roots_as("client_roots").await?;
    Ok(format!("The client has {} roots.", roots.len()))
}

/// Asks the user for consent.
#[tool]
async fn test_input_required_result_request_state(context: Context) -> Result<String, ToolError> {
    let Consent { ok } = context.elicit("Please confirm").key("confirm").await?;
    Ok(format!("state-ok, and the user's answer is {ok}"))
}

/// Asks the user for consent, with a state that clients must not change.
#[tool]
async fn test_input_required_result_tampered_state(context: Context) -> Result<String, ToolError> {
    let Consent { ok } = context.elicit("Please confirm").key("confirm").await?;
    Ok(format!("The user's answer is {ok}."))
}

/// Asks three questions at once.
#[tool]
async fn test_input_required_result_multiple_inputs(context: Context) -> Result<String, ToolError> {
    let name = context
        .elicit::<Name>("What is your name?")
        .key("user_name");
    let greeting = context.sample("Generate a greeting").max_tokens(50);
    let (name, greeting, roots) = tokio::join!(
        name.into_future(),
        greeting.key("greeting").into_future(),
        context.roots_as("client_roots"),
    );
    Ok(format!(
        "{} {}, with {} roots",
        greeting?.text(),
        name?.name,
        roots?.len()
    ))
}

/// Asks one question after another.
#[tool]
async fn test_input_required_result_multi_round(context: Context) -> Result<String, ToolError> {
    let Name { name } = context.elicit("What is your name?").key("step1").await?;
    let question = format!("What is your favorite color, {name}?");
    let Color { color } = context.elicit(question).key("step2").await?;
    Ok(format!("{name} likes {color}."))
}

/// Asks only the questions that the client can answer.
#[tool]
async fn test_input_required_result_capabilities(context: Context) -> Result<String, ToolError> {
    let can = context.client_capabilities();
    let mut heard = Vec::new();
    if can.sampling {
        let sample = context.sample("Say something.").max_tokens(50);
        heard.push(sample.await?.text());
    }
    if can.elicitation_form {
        let Name { name } = context.elicit("What is your name?").await?;
        heard.push(name);
    }
    Ok(heard.join(", "))
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Background {
    context: String,
}

/// A prompt that asks the user for its context.
#[prompt]
async fn test_input_required_result_prompt(context: Context) -> Result<String, ToolError> {
    let question = context.elicit("What context should the prompt use?");
    let background: Background = question.key("user_context").await?;
    Ok(format!("Use this context: {}", background.context))
}

/// Returns a tool whose schema uses keywords that no Rust type generates.
fn json_schema_2020_12_tool() -> Tool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    });
    let echo = |arguments: Value, _: Context| async move { arguments.to_string() };
    Tool::new("json_schema_2020_12_tool", schema, echo)
        .description("Has a schema with keywords of JSON Schema 2020-12.")
}

// Resources

/// A text that never changes.
#[resource("test://static-text", mime = "text/plain")]
async fn static_text() -> &'static str {
    "This is the content of the static text resource."
}

/// An image that never changes.
#[resource("test://static-binary", mime = "image/png")]
async fn static_binary() -> Vec<u8> {
    PNG.to_vec()
}

/// A text to subscribe to.
#[resource("test://watched-resource", mime = "text/plain")]
async fn watched_resource() -> &'static str {
    "Watch this."
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    template_test: bool,
    data: String,
}

/// Data by id.
#[resource("test://template/{id}/data", mime = "application/json")]
async fn template_data(id: String) -> Json<Record> {
    Json(Record {
        data: format!("Data for ID: {id}"),
        template_test: true,
        id,
    })
}

// Prompts

/// A prompt without arguments.
#[prompt]
async fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

fn words(completion: mcp_runtime::Completion) -> Vec<&'static str> {
    let words = ["test", "testing", "value"];
    let fitting = words
        .into_iter()
        .filter(|word| word.starts_with(completion.value()));
    fitting.collect()
}

/// A prompt with two arguments.
#[prompt]
async fn test_prompt_with_arguments(
    /// The first argument.
    #[arg(complete = words)]
    arg1: String,
    /// The second argument.
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// A prompt with a resource in it.
#[prompt]
async fn test_prompt_with_embedded_resource(
    /// The URI of the resource.
    #[arg(name = "resourceUri")]
    resource_uri: String,
) -> [Message; 2] {
    let text = "Embedded resource content for testing.";
    let resource = EmbeddedResource::new(
        resource_uri,
        ResourceContents::text(text).mime("text/plain"),
    );
    [
        Message::user(resource),
        Message::user("Please process the embedded resource above."),
    ]
}

/// A prompt with an image in it.
#[prompt]
async fn test_prompt_with_image() -> [Message; 2] {
    [
        Message::user(Image::png(PNG)),
        Message::user("Please analyze the image above."),
    ]
}

fn server() -> mcp_runtime::Server {
    let server = mcp_runtime::server!().with(json_schema_2020_12_tool());
    #[cfg(feature = "skills")]
    let server = server.skills(concat!(env!("CARGO_MANIFEST_DIR"), "/skills/files"));
    server
}

fn main() -> std::process::ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_suite_finds_what_it_expects() -> Result<(), mcp_runtime::ClientError> {
        let client = server().client().await;
        let tools = client.tools().await?;
        assert_eq!(tools[0]["name"], "test_simple_text", "the first is called");
        assert_eq!(
            tools.last().unwrap()["inputSchema"]["$defs"]["address"]["$anchor"],
            "addressDef"
        );
        let contents = client.read("test://template/123/data").await?;
        assert_eq!(
            contents[0]["text"],
            r#"{"id":"123","templateTest":true,"data":"Data for ID: 123"}"#
        );
        Ok(())
    }
}
