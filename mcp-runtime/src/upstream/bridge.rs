//! The components of an upstream server as components of this one: their definitions as they are, and handlers that forward calls.

use std::sync::Arc;

use mcp_grammar::app::SCHEME;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::forward;
use super::failure::{Failure, malformed};
use super::link::Opened;
use super::list::List;
use super::proxy::Proxy;
use super::request::Request;
use super::result::tool_result;
use crate::call::Call;
use crate::content::{Annotations, Completions, Icon, Message, ResourceContents, ToolResult};
use crate::context::Context;
use crate::error::ToolError;
use crate::protocol::error::{INVALID_PARAMS, RESOURCE_NOT_FOUND};
use crate::protocol::header::encoded;
use crate::protocol::meta::key_mistake;
use crate::registry::{
    Completion, Component, Handler, HeaderParam, Prompt, PromptArgument, Resource, Tool,
};

impl List {
    /// Makes the component of a definition.
    ///
    /// # Errors
    /// Returns an error if the definition is malformed.
    pub(super) fn component(
        self,
        proxy: &Arc<Proxy>,
        definition: &Value,
        completes: bool,
    ) -> Result<Component, String> {
        let invalid = |error: serde_json::Error| format!("its definition is malformed: {error}");
        Ok(match self {
            Self::Tools => {
                // This server has no tasks, and a call without one is refused.
                if definition["execution"]["taskSupport"] == "required" {
                    return Err(
                        "it can only be called as a task, which is not supported".to_owned()
                    );
                }
                let definition = Deserialize::deserialize(definition).map_err(invalid)?;
                tool(proxy, definition).into()
            }
            Self::Prompts => prompt(
                proxy,
                Deserialize::deserialize(definition).map_err(invalid)?,
                completes,
            )
            .into(),
            Self::Resources | Self::Templates => resource(
                proxy,
                Deserialize::deserialize(definition).map_err(invalid)?,
                completes,
            )
            .into(),
        })
    }
}

/// The members that definitions of all kinds have.
#[derive(Deserialize)]
struct Common {
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    icons: Vec<Icon>,
    #[serde(rename = "_meta", default)]
    meta: Map<String, Value>,
}

impl Common {
    /// Returns `_meta` without the keys that this server must not send.
    fn meta(&mut self) -> Option<Map<String, Value>> {
        let mut meta = std::mem::take(&mut self.meta);
        meta.retain(|key, _| key_mistake(key).is_none());
        (!meta.is_empty()).then_some(meta)
    }
}

macro_rules! describe {
    ($component:expr, $common:expr) => {{
        let (mut component, mut common) = ($component, $common);
        if let Some(title) = common.title.take() {
            component = component.title(title);
        }
        if let Some(description) = common.description.take() {
            component = component.description(description);
        }
        if let Some(meta) = common.meta() {
            component = component.meta(meta);
        }
        let icons = common
            .icons
            .into_iter()
            .filter(|icon| icon.mistake().is_none());
        component.icons(icons.collect::<Vec<_>>())
    }};
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolDefinition {
    name: String,
    input_schema: Value,
    output_schema: Option<Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
    #[serde(flatten)]
    common: Common,
}

fn tool(proxy: &Arc<Proxy>, definition: ToolDefinition) -> Tool {
    let header_params: Arc<[HeaderParam]> = Tool::header_params(&definition.input_schema).into();
    let (proxy, name) = (Arc::clone(proxy), Arc::<str>::from(&*definition.name));
    let handler = Handler::future(move |call: Call| {
        let (proxy, name) = (Arc::clone(&proxy), Arc::clone(&name));
        let header_params = Arc::clone(&header_params);
        Box::pin(async move {
            let called = call_tool(&proxy, &name, &header_params, &call).await;
            called.unwrap_or_else(|failure| ToolResult {
                failure: Some(failure.into_error(&proxy.link.options.name)),
                ..ToolResult::default()
            })
        })
    });
    let tool = Tool::relayed(
        &definition.name,
        definition.input_schema,
        definition.output_schema,
        definition.annotations,
        handler,
    );
    let page = page(&definition.common.meta).map(str::to_owned);
    let tool = match page {
        Some(uri) => tool.ui(uri),
        None => tool,
    };
    describe!(tool, definition.common)
}

/// Returns the URI of the page of a tool with this `_meta`, also in its older form.
fn page(meta: &Map<String, Value>) -> Option<&str> {
    let uri = meta.get("ui").and_then(|ui| ui.get("resourceUri"));
    let uri = uri.or_else(|| meta.get("ui/resourceUri"))?.as_str()?;
    uri.starts_with(SCHEME).then_some(uri)
}

async fn call_tool(
    proxy: &Proxy,
    name: &str,
    header_params: &[HeaderParam],
    call: &Call,
) -> Result<ToolResult, Failure> {
    let context = Context::of(&call.context);
    let changed;
    let arguments = if call.signature.renamings.is_empty() {
        call.arguments.whole(call.context.message.text())
    } else {
        changed = call.whole().map_err(Failure::Own)?.to_string();
        &changed
    };
    let request = |opened: &Opened| {
        let mut request = Request::new("tools/call").named("name", name);
        request = request.param("arguments", arguments);
        if !header_params.is_empty() && opened.connection.features().is_some_and(|it| it.stateless)
        {
            request.headers = headers(header_params, arguments);
        }
        request
    };
    let result = forward(&proxy.link, &proxy.parked, &context, &request).await?;
    proxy.is_current().await;
    tool_result(&result)
}

/// Returns the headers that repeat arguments.
fn headers(params: &[HeaderParam], arguments: &str) -> Vec<(String, String)> {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    let header = |param: &HeaderParam| {
        let value = param
            .path
            .iter()
            .try_fold(&arguments, |value, key| value.get(key))?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        let name = param.header.strip_prefix("Mcp-Param-")?;
        Some((name.to_owned(), encoded(&text).into_owned()))
    };
    params.iter().filter_map(header).collect()
}

#[derive(Deserialize)]
struct PromptDefinition {
    name: String,
    #[serde(default)]
    arguments: Vec<ArgumentDefinition>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct ArgumentDefinition {
    name: String,
    description: Option<String>,
    #[serde(default)]
    required: bool,
}

fn prompt(proxy: &Arc<Proxy>, definition: PromptDefinition, completes: bool) -> Prompt {
    let name = Arc::<str>::from(&*definition.name);
    let arguments = definition.arguments.into_iter().map(|it| {
        let mut argument = PromptArgument::new(&*it.name);
        if let Some(description) = it.description {
            argument = argument.description(description);
        }
        if !it.required {
            argument = argument.optional();
        }
        if completes {
            let reference = json!({ "type": "ref/prompt", "name": &*name });
            argument = argument.complete(completing(proxy, reference, it.name));
        }
        argument
    });
    let arguments: Vec<PromptArgument> = arguments.collect();
    let (proxy, inner) = (Arc::clone(proxy), Arc::clone(&name));
    let prompt = Prompt::new(
        &*name,
        arguments,
        move |arguments: Value, context: Context| {
            let (proxy, name) = (Arc::clone(&proxy), Arc::clone(&inner));
            async move {
                let got = get_prompt(&proxy, &name, &arguments, &context).await;
                got.map_err(|failure| failure.into_error(&proxy.link.options.name))
            }
        },
    );
    describe!(prompt, definition.common)
}

#[derive(Deserialize)]
struct GotPrompt {
    messages: Vec<Message>,
}

async fn get_prompt(
    proxy: &Proxy,
    name: &str,
    arguments: &Value,
    context: &Context,
) -> Result<Vec<Message>, Failure> {
    let request = |_: &Opened| {
        let request = Request::new("prompts/get").named("name", name);
        request.param("arguments", &arguments.to_string())
    };
    let result = forward(&proxy.link, &proxy.parked, context, &request).await?;
    let wire: GotPrompt = serde_json::from_str(result.json()).map_err(|error| malformed(&error))?;
    Ok(wire.messages)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDefinition {
    #[serde(alias = "uriTemplate")]
    uri: String,
    name: String,
    mime_type: Option<String>,
    size: Option<u64>,
    annotations: Option<Annotations>,
    /// The place in a skill.
    #[cfg(feature = "skills")]
    skill_file: Option<super::skills::Place>,
    #[serde(flatten)]
    common: Common,
}

fn resource(proxy: &Arc<Proxy>, definition: ResourceDefinition, completes: bool) -> Resource {
    let forwarding = Arc::clone(proxy);
    let read = move |arguments: Value, context: Context| {
        let proxy = Arc::clone(&forwarding);
        async move {
            let uri = arguments[""].as_str().unwrap_or_default();
            match read_resource(&proxy, uri, &context).await {
                Ok(contents) => Ok(Some(contents)),
                Err(failure) if is_not_found(&failure) => Ok(None),
                Err(failure) => Err(failure.into_error(&proxy.link.options.name)),
            }
        }
    };
    let template = definition.uri.clone();
    let mut resource =
        Resource::new(definition.uri, definition.name, read).relayed(definition.mime_type);
    if let Some(size) = definition.size {
        resource = resource.size(size);
    }
    #[cfg(feature = "skills")]
    if let Some(place) = definition.skill_file {
        resource = resource.skill_file(place.into());
    }
    if let Some(annotations) = definition.annotations {
        resource = resource.annotations(annotations.checked());
    }
    if completes {
        for variable in resource.variables() {
            let reference = json!({ "type": "ref/resource", "uri": template });
            let function = completing(proxy, reference, variable.clone());
            resource = resource.complete(variable, function);
        }
    }
    describe!(resource, definition.common)
}

/// Returns `true` if the server does not have the resource.
fn is_not_found(failure: &Failure) -> bool {
    let Failure::Reply(error) = failure else {
        return false;
    };
    let has_uri = error
        .data
        .as_ref()
        .is_some_and(|data| data["uri"].is_string());
    error.code == i64::from(RESOURCE_NOT_FOUND)
        || error.code == i64::from(INVALID_PARAMS) && has_uri
}

#[derive(Deserialize)]
struct ReadResource {
    contents: Vec<ResourceContents>,
}

async fn read_resource(
    proxy: &Proxy,
    uri: &str,
    context: &Context,
) -> Result<Vec<ResourceContents>, Failure> {
    let request = |_: &Opened| Request::new("resources/read").named("uri", uri);
    let result = forward(&proxy.link, &proxy.parked, context, &request).await?;
    let wire: ReadResource =
        serde_json::from_str(result.json()).map_err(|error| malformed(&error))?;
    Ok(wire.contents)
}

/// Returns a function that completes an argument at the upstream server.
fn completing(
    proxy: &Arc<Proxy>,
    reference: Value,
    argument: String,
) -> impl Fn(
    Completion,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Completions, ToolError>> + Send>>
+ Send
+ Sync
+ 'static {
    let proxy = Arc::clone(proxy);
    move |completion: Completion| {
        let (proxy, reference, argument) =
            (Arc::clone(&proxy), reference.clone(), argument.clone());
        Box::pin(async move {
            let completed = complete(&proxy, &reference, &argument, &completion).await;
            completed.map_err(|failure| failure.into_error(&proxy.link.options.name))
        })
    }
}

#[derive(Deserialize)]
struct Completed {
    completion: Found,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    values: Vec<String>,
    total: Option<usize>,
    #[serde(default)]
    has_more: bool,
}

async fn complete(
    proxy: &Proxy,
    reference: &Value,
    argument: &str,
    completion: &Completion,
) -> Result<Completions, Failure> {
    let value = json!({ "name": argument, "value": completion.value() });
    let others = json!({ "arguments": completion.arguments() });
    let request = |_: &Opened| {
        let request = Request::new("completion/complete").param("ref", &reference.to_string());
        let request = request.param("argument", &value.to_string());
        if completion.arguments().is_empty() {
            request
        } else {
            request.param("context", &others.to_string())
        }
    };
    let result = forward(&proxy.link, &proxy.parked, completion.context(), &request).await?;
    let wire: Completed = serde_json::from_str(result.json()).map_err(|error| malformed(&error))?;
    let completion = wire.completion;
    Ok(Completions {
        values: completion.values,
        total: completion.total,
        relayed: Some(completion.has_more),
    })
}
