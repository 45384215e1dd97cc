//! The measured crates: the same tools, written in three ways.

use std::path::Path;

/// A way of writing tools.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `#[tool]` functions.
    Macros,
    /// A table of schemas, and functions that read their arguments with `serde_json`.
    ByHand,
    /// `#[tool]` methods of the official SDK.
    Rmcp,
}

/// The source text of a crate. `NN` stands for the number of a tool, `EDITION` for the part that an edit changes.
struct Template {
    head: &'static str,
    /// The tools, which repeat in this order.
    tools: [&'static str; 8],
    /// The text before all entries, the entry of a tool, and the text after all entries. For the official SDK, the
    /// methods are the entries.
    table: [&'static str; 3],
}

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Macros, Self::ByHand, Self::Rmcp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Macros => "macros",
            Self::ByHand => "by hand",
            Self::Rmcp => "rmcp",
        }
    }

    /// Returns the name of the package. It must differ from the names of its dependencies, because `cargo clean`
    /// selects it by name.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Macros => "tools-with-macros",
            Self::ByHand => "tools-by-hand",
            Self::Rmcp => "tools-with-rmcp",
        }
    }

    pub(crate) fn manifest(self, repository: &Path) -> String {
        let framework = match self {
            Self::Macros | Self::ByHand => {
                format!(
                    "mcp-runtime = {{ path = '{}' }}",
                    repository.join("mcp-runtime").display()
                )
            }
            Self::Rmcp => "rmcp = { version = \"3\", features = [\"transport-io\"] }".to_owned(),
        };
        format!(
            r#"[workspace]

[package]
name = "{}"
version = "0.1.0"
edition = "2024"

[dependencies]
{framework}
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
tokio = {{ version = "1", features = ["macros", "rt-multi-thread"] }}
"#,
            self.package()
        )
    }

    /// Returns the source of the crate. Editions differ in the body of one tool.
    pub(crate) fn source(self, tools: usize, edition: usize) -> String {
        let template = self.template();
        let [before, entry, after] = template.table;
        let each = |text: &dyn Fn(usize) -> &'static str| -> String {
            (0..tools)
                .map(|number| text(number).replace("NN", &number.to_string()))
                .collect()
        };
        let functions = each(&|number| template.tools[number % template.tools.len()]);
        let entries = each(&|_| entry);
        let (types, head) = (TYPES, template.head);
        let whole = match self {
            Self::Rmcp => {
                let requests = each(&|number| REQUESTS[number % REQUESTS.len()]);
                format!("{types}{head}{requests}{before}{functions}{after}")
            }
            Self::Macros | Self::ByHand => {
                format!("{types}{head}{functions}{before}{entries}{after}")
            }
        };
        // Every eighth tool contains it; only the first one changes.
        whole
            .replacen("EDITION", &edition.to_string(), 1)
            .replace("EDITION", "0")
    }

    fn template(self) -> Template {
        match self {
            Self::Macros => MACROS,
            Self::ByHand => BY_HAND,
            Self::Rmcp => RMCP,
        }
    }
}

/// The types that all crates share.
const TYPES: &str = r"
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place on a map.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Point {
    /// The longitude.
    x: f64,
    /// The latitude.
    y: f64,
}

/// A postal address.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Address {
    street: String,
    city: String,
    zip: Option<String>,
    place: Point,
}
";

const MACROS: Template = Template {
    head: r"
use mcp_runtime::prelude::*;
",
    tools: [
        r"
/// Add two numbers.
#[tool]
async fn add_NN(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b + EDITION.0
}
",
        r#"
/// Search for a text.
#[tool]
async fn search_NN(
    /// What to look for.
    text: String,
    /// How many to find.
    limit: Option<u32>,
) -> String {
    format!("{text} {limit:?}")
}
"#,
        r"
/// Repeat a word.
#[tool]
async fn repeat_NN(
    /// The word.
    word: &str,
    /// How often.
    times: u8,
) -> String {
    word.repeat(times.into())
}
",
        r#"
/// Write an address as one line.
#[tool]
async fn line_NN(
    /// The address.
    address: Address,
) -> Result<String, ToolError> {
    let zip = address.zip.ok_or("an address needs a zip")?;
    Ok(format!("{}, {} {zip}", address.street, address.city))
}
"#,
        r#"
/// Name some numbers.
#[tool]
async fn name_NN(
    /// The numbers.
    ids: Vec<u64>,
    /// Whether to be brief.
    brief: bool,
) -> Result<String, ToolError> {
    let all: Vec<String> = ids.iter().map(u64::to_string).collect();
    Ok(all.join(if brief { "," } else { ", " }))
}
"#,
        r#"
/// Show one page of a list.
#[tool]
async fn page_NN(
    /// Which list.
    list: String,
    /// Which page.
    #[arg(default = 1)]
    number: u32,
) -> String {
    format!("{list}: {number}")
}
"#,
        r"
/// Measure the way from one place to another.
#[tool]
async fn distance_NN(
    /// Where it begins.
    from: Point,
    /// Where it ends.
    to: Point,
) -> f64 {
    (from.x - to.x).hypot(from.y - to.y)
}
",
        r"
/// Find the middle of two places.
#[tool]
async fn middle_NN(
    /// One place.
    a: Point,
    /// The other.
    b: Point,
) -> Json<Point> {
    Json(Point { x: (a.x + b.x) / 2.0, y: (a.y + b.y) / 2.0 })
}
",
    ],
    table: [
        "",
        "",
        r"
fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}
",
    ],
};

const BY_HAND: Template = Template {
    head: r#"
use std::future::Future;
use std::pin::Pin;

use mcp_runtime::Tool;
use mcp_runtime::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

type Reply = Result<Json<Value>, ToolError>;

/// A row of the table.
struct Row {
    name: &'static str,
    description: &'static str,
    schema: fn() -> Value,
    call: fn(Value) -> Pin<Box<dyn Future<Output = Reply> + Send>>,
}

fn optional<T: DeserializeOwned>(arguments: &mut Value, name: &str) -> Result<Option<T>, ToolError> {
    match arguments.get_mut(name).map(Value::take) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|error| ToolError::new(format!("`{name}`: {error}"))),
    }
}

fn required<T: DeserializeOwned>(arguments: &mut Value, name: &str) -> Result<T, ToolError> {
    optional(arguments, name)?.ok_or_else(|| ToolError::new(format!("`{name}` is missing")))
}
"#,
    tools: [
        r#"
async fn add_NN(a: f64, b: f64) -> f64 {
    a + b + EDITION.0
}

async fn call_NN(mut arguments: Value) -> Reply {
    let a = required(&mut arguments, "a")?;
    let b = required(&mut arguments, "b")?;
    Ok(Json(json!({ "result": add_NN(a, b).await })))
}

fn row_NN() -> Row {
    Row {
        name: "add_NN",
        description: "Add two numbers.",
        schema: || json!({
            "type": "object",
            "properties": {
                "a": { "type": "number", "description": "The first addend." },
                "b": { "type": "number", "description": "The second addend." },
            },
            "required": ["a", "b"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn search_NN(text: String, limit: Option<u32>) -> String {
    format!("{text} {limit:?}")
}

async fn call_NN(mut arguments: Value) -> Reply {
    let text = required(&mut arguments, "text")?;
    let limit = optional(&mut arguments, "limit")?;
    Ok(Json(json!({ "result": search_NN(text, limit).await })))
}

fn row_NN() -> Row {
    Row {
        name: "search_NN",
        description: "Search for a text.",
        schema: || json!({
            "type": "object",
            "properties": {
                "text": { "type": "string", "description": "What to look for." },
                "limit": { "type": "integer", "minimum": 0, "description": "How many to find." },
            },
            "required": ["text"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn repeat_NN(word: &str, times: u8) -> String {
    word.repeat(times.into())
}

async fn call_NN(mut arguments: Value) -> Reply {
    let times = required(&mut arguments, "times")?;
    let word = arguments.get("word").and_then(Value::as_str).ok_or("`word` is missing")?;
    Ok(Json(json!({ "result": repeat_NN(word, times).await })))
}

fn row_NN() -> Row {
    Row {
        name: "repeat_NN",
        description: "Repeat a word.",
        schema: || json!({
            "type": "object",
            "properties": {
                "word": { "type": "string", "description": "The word." },
                "times": { "type": "integer", "minimum": 0, "maximum": 255, "description": "How often." },
            },
            "required": ["word", "times"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn line_NN(address: Address) -> Result<String, ToolError> {
    let zip = address.zip.ok_or("an address needs a zip")?;
    Ok(format!("{}, {} {zip}", address.street, address.city))
}

async fn call_NN(mut arguments: Value) -> Reply {
    let address = required(&mut arguments, "address")?;
    Ok(Json(json!({ "result": line_NN(address).await? })))
}

fn row_NN() -> Row {
    Row {
        name: "line_NN",
        description: "Write an address as one line.",
        schema: || json!({
            "type": "object",
            "properties": {
                "address": {
                    "type": "object",
                    "properties": {
                        "street": { "type": "string" },
                        "city": { "type": "string" },
                        "zip": { "type": "string" },
                        "place": {
                            "type": "object",
                            "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                            "required": ["x", "y"],
                        },
                    },
                    "required": ["street", "city", "place"],
                    "description": "The address.",
                },
            },
            "required": ["address"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn name_NN(ids: Vec<u64>, brief: bool) -> Result<String, ToolError> {
    let all: Vec<String> = ids.iter().map(u64::to_string).collect();
    Ok(all.join(if brief { "," } else { ", " }))
}

async fn call_NN(mut arguments: Value) -> Reply {
    let ids = required(&mut arguments, "ids")?;
    let brief = required(&mut arguments, "brief")?;
    Ok(Json(json!({ "result": name_NN(ids, brief).await? })))
}

fn row_NN() -> Row {
    Row {
        name: "name_NN",
        description: "Name some numbers.",
        schema: || json!({
            "type": "object",
            "properties": {
                "ids": { "type": "array", "items": { "type": "integer", "minimum": 0 }, "description": "The numbers." },
                "brief": { "type": "boolean", "description": "Whether to be brief." },
            },
            "required": ["ids", "brief"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn page_NN(list: String, number: u32) -> String {
    format!("{list}: {number}")
}

async fn call_NN(mut arguments: Value) -> Reply {
    let list = required(&mut arguments, "list")?;
    let number = optional(&mut arguments, "number")?.unwrap_or(1);
    Ok(Json(json!({ "result": page_NN(list, number).await })))
}

fn row_NN() -> Row {
    Row {
        name: "page_NN",
        description: "Show one page of a list.",
        schema: || json!({
            "type": "object",
            "properties": {
                "list": { "type": "string", "description": "Which list." },
                "number": { "type": "integer", "minimum": 0, "default": 1, "description": "Which page." },
            },
            "required": ["list"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn distance_NN(from: Point, to: Point) -> f64 {
    (from.x - to.x).hypot(from.y - to.y)
}

async fn call_NN(mut arguments: Value) -> Reply {
    let from = required(&mut arguments, "from")?;
    let to = required(&mut arguments, "to")?;
    Ok(Json(json!({ "result": distance_NN(from, to).await })))
}

fn row_NN() -> Row {
    Row {
        name: "distance_NN",
        description: "Measure the way from one place to another.",
        schema: || json!({
            "type": "object",
            "properties": {
                "from": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                    "required": ["x", "y"],
                    "description": "Where it begins.",
                },
                "to": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                    "required": ["x", "y"],
                    "description": "Where it ends.",
                },
            },
            "required": ["from", "to"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
        r#"
async fn middle_NN(a: Point, b: Point) -> Point {
    Point { x: (a.x + b.x) / 2.0, y: (a.y + b.y) / 2.0 }
}

async fn call_NN(mut arguments: Value) -> Reply {
    let a = required(&mut arguments, "a")?;
    let b = required(&mut arguments, "b")?;
    let point = serde_json::to_value(middle_NN(a, b).await);
    Ok(Json(point.map_err(|error| ToolError::new(error.to_string()))?))
}

fn row_NN() -> Row {
    Row {
        name: "middle_NN",
        description: "Find the middle of two places.",
        schema: || json!({
            "type": "object",
            "properties": {
                "a": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                    "required": ["x", "y"],
                    "description": "One place.",
                },
                "b": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                    "required": ["x", "y"],
                    "description": "The other.",
                },
            },
            "required": ["a", "b"],
        }),
        call: |arguments| Box::pin(call_NN(arguments)),
    }
}
"#,
    ],
    table: [
        r"
const TABLE: &[fn() -> Row] = &[
",
        "    row_NN,\n",
        r#"];

fn main() -> std::process::ExitCode {
    let mut server = Server::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    for row in TABLE {
        let Row { name, description, schema, call } = row();
        let tool = Tool::new(name, schema(), move |arguments: Value, _: Context| call(arguments));
        server = server.with(tool.description(description));
    }
    server.run()
}
"#,
    ],
};

/// The arguments of each tool, which the official SDK wants as a struct.
const REQUESTS: [&str; 8] = [
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// What to look for.
    text: String,
    /// How many to find.
    limit: Option<u32>,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// The word.
    word: String,
    /// How often.
    times: u8,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// The address.
    address: Address,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// The numbers.
    ids: Vec<u64>,
    /// Whether to be brief.
    brief: bool,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// Which list.
    list: String,
    /// Which page.
    number: Option<u32>,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// Where it begins.
    from: Point,
    /// Where it ends.
    to: Point,
}
",
    r"
#[derive(Deserialize, JsonSchema)]
struct RequestNN {
    /// One place.
    a: Point,
    /// The other.
    b: Point,
}
",
];

const RMCP: Template = Template {
    head: r"
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{ServerHandler, ServiceExt, tool, tool_handler, tool_router};

#[derive(Clone)]
struct Tools;
",
    tools: [
        r"
    /// Add two numbers.
    #[tool]
    async fn add_NN(&self, Parameters(RequestNN { a, b }): Parameters<RequestNN>) -> String {
        (a + b + EDITION.0).to_string()
    }
",
        r#"
    /// Search for a text.
    #[tool]
    async fn search_NN(&self, Parameters(RequestNN { text, limit }): Parameters<RequestNN>) -> String {
        format!("{text} {limit:?}")
    }
"#,
        r"
    /// Repeat a word.
    #[tool]
    async fn repeat_NN(&self, Parameters(RequestNN { word, times }): Parameters<RequestNN>) -> String {
        word.repeat(times.into())
    }
",
        r#"
    /// Write an address as one line.
    #[tool]
    async fn line_NN(&self, Parameters(RequestNN { address }): Parameters<RequestNN>) -> Result<String, String> {
        let zip = address.zip.ok_or("an address needs a zip")?;
        Ok(format!("{}, {} {zip}", address.street, address.city))
    }
"#,
        r#"
    /// Name some numbers.
    #[tool]
    async fn name_NN(&self, Parameters(RequestNN { ids, brief }): Parameters<RequestNN>) -> Result<String, String> {
        let all: Vec<String> = ids.iter().map(u64::to_string).collect();
        Ok(all.join(if brief { "," } else { ", " }))
    }
"#,
        r#"
    /// Show one page of a list.
    #[tool]
    async fn page_NN(&self, Parameters(RequestNN { list, number }): Parameters<RequestNN>) -> String {
        format!("{list}: {}", number.unwrap_or(1))
    }
"#,
        r"
    /// Measure the way from one place to another.
    #[tool]
    async fn distance_NN(&self, Parameters(RequestNN { from, to }): Parameters<RequestNN>) -> String {
        (from.x - to.x).hypot(from.y - to.y).to_string()
    }
",
        r"
    /// Find the middle of two places.
    #[tool]
    async fn middle_NN(&self, Parameters(RequestNN { a, b }): Parameters<RequestNN>) -> Json<Point> {
        Json(Point { x: (a.x + b.x) / 2.0, y: (a.y + b.y) / 2.0 })
    }
",
    ],
    table: [
        r"
#[tool_router]
impl Tools {
",
        "",
        r"
}

#[tool_handler]
impl ServerHandler for Tools {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let running = Tools.serve(rmcp::transport::stdio()).await?;
    running.waiting().await?;
    Ok(())
}
",
    ],
};
