//! The tools that return content of every kind.

use std::collections::BTreeMap;
use std::env;

use mcp_runtime::{Annotations, Role, Text, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::icon;
use crate::resources::{ResourceType, link, reference, uri};

/// One red pixel.
pub(crate) const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4,
    0x89, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xfc, 0xcf, 0xc0, 0xf0,
    0x1f, 0x00, 0x05, 0x05, 0x02, 0x00, 0x5f, 0xc8, 0xf1, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// An empty sound, at 8,000 Hz.
const WAV: &[u8] =
    b"RIFF&\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\0}\0\0\x02\0\x10\0data\x02\0\0\0\0\0";

/// Return a text as it is.
#[tool(name = "echo", title = "Echo", icons = icon(), read_only, open_world = false)]
async fn echo(
    /// The text.
    message: String,
) -> String {
    format!("Echo: {message}")
}

/// Add two numbers.
#[tool(name = "get-sum", read_only, open_world = false)]
async fn get_sum(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> Result<String, ToolError> {
    let sum = a + b;
    if sum.is_finite() {
        Ok(format!("The sum of {a} and {b} is {sum}."))
    } else {
        Err(ToolError::new("the sum is too large"))
    }
}

/// Return an image between two texts.
#[tool(name = "get-tiny-image", read_only, open_world = false)]
async fn get_tiny_image() -> (&'static str, Image, &'static str) {
    (
        "Here's the image you requested:",
        Image::png(PNG),
        "The image above is one red pixel.",
    )
}

/// Return a sound.
#[tool(name = "get-sound", read_only, open_world = false)]
async fn get_sound() -> Audio {
    Audio::wav(WAV)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MessageType {
    Error,
    Success,
    Debug,
}

/// Return a message with annotations: its audience and its importance.
#[tool(name = "get-annotated-message", read_only, open_world = false)]
async fn get_annotated_message(
    /// The kind of the message.
    #[arg(name = "messageType")]
    message_type: MessageType,
    /// Whether to add an image, which is for the user.
    #[arg(name = "includeImage", default)]
    include_image: bool,
) -> Vec<Content> {
    let (text, priority, audience) = match message_type {
        MessageType::Error => (
            "Error: Operation failed",
            1.0,
            vec![Role::User, Role::Assistant],
        ),
        MessageType::Success => ("Operation completed successfully", 0.7, vec![Role::User]),
        MessageType::Debug => (
            "Debug: Cache hit ratio 0.95, latency 150ms",
            0.3,
            vec![Role::Assistant],
        ),
    };
    let annotations = Annotations::new().priority(priority).audience(audience);
    let mut content = vec![Text::new(text).annotations(annotations).into()];
    if include_image {
        let annotations = Annotations::new().priority(0.5).audience([Role::User]);
        content.push(Image::png(PNG).annotations(annotations).into());
    }
    content
}

#[derive(Deserialize, JsonSchema)]
enum City {
    #[serde(rename = "New York")]
    NewYork,
    Chicago,
    #[serde(rename = "Los Angeles")]
    LosAngeles,
}

#[derive(Serialize, JsonSchema)]
struct Weather {
    /// In degrees Celsius.
    temperature: f64,
    conditions: &'static str,
    /// In percent.
    humidity: f64,
}

/// Return structured content that has a schema.
#[tool(name = "get-structured-content", read_only, open_world = false)]
async fn get_structured_content(
    /// The city whose invented weather is returned.
    location: City,
) -> Json<Weather> {
    let (temperature, conditions, humidity) = match location {
        City::NewYork => (33.0, "Cloudy", 82.0),
        City::Chicago => (36.0, "Light rain / drizzle", 82.0),
        City::LosAngeles => (73.0, "Sunny / Clear", 48.0),
    };
    Json(Weather {
        temperature,
        conditions,
        humidity,
    })
}

/// Return links to resources.
#[tool(name = "get-resource-links", read_only, open_world = false)]
async fn get_resource_links(
    /// The number of links.
    #[arg(default = 3, range(1..=10))]
    count: u32,
) -> Vec<Content> {
    let intro = format!("Here are {count} resource links to resources available in this server:");
    let mut content = vec![intro.into()];
    content.extend((1..=count).map(|id| {
        let kind = if id % 2 == 0 {
            ResourceType::Text
        } else {
            ResourceType::Blob
        };
        Content::from(link(kind, id))
    }));
    content
}

/// Return a resource.
#[tool(name = "get-resource-reference", read_only, open_world = false)]
async fn get_resource_reference(
    /// The kind of the resource.
    #[arg(name = "resourceType", default = ResourceType::Text)]
    resource_type: ResourceType,
    /// The number of the resource.
    #[arg(name = "resourceId", default = 1, range(1..))]
    resource_id: u32,
) -> (String, EmbeddedResource, String) {
    (
        format!("Returning resource reference for Resource {resource_id}:"),
        reference(resource_type, resource_id),
        format!(
            "You can access this resource using the URI: {}",
            uri(resource_type, resource_id)
        ),
    )
}

/// Return the environment variables of the server whose names begin with `MCP_`, as JSON.
#[tool(name = "get-env", read_only, open_world = false)]
async fn get_env() -> Result<String, ToolError> {
    let text = |it: std::ffi::OsString| it.to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let own: BTreeMap<_, _> = variables
        .filter(|(name, _)| name.starts_with("MCP_"))
        .collect();
    Ok(serde_json::to_string_pretty(&own)?)
}

/// Return the `_meta` of the request, as text and as the `_meta` of the result.
#[tool(name = "get-request-meta", read_only, open_world = false)]
async fn get_request_meta(context: Context) -> ToolResult {
    let meta = context.meta();
    let text = Value::Object(meta.clone()).to_string();
    let own = Map::from_iter([("example.com/request".to_owned(), json!(meta.len()))]);
    ToolResult::new().content(text).meta(own)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Failure {
    /// A message.
    Message,
    /// A message and further content.
    Content,
}

/// Fail, with an error that the model reads.
#[tool(name = "fail", read_only, open_world = false)]
async fn fail(
    /// What the error contains.
    how: Failure,
) -> Result<(), ToolResult> {
    let error = ToolResult::error("This tool always fails: call another one.");
    Err(match how {
        Failure::Message => error,
        Failure::Content => error.content(link(ResourceType::Text, 1)),
    })
}
