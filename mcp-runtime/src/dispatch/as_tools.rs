//! Resources and prompts as tools, for clients that know tools only: the calls that stand for other requests.
//!
//! Such a call is replaced by the request that it stands for, whose outcome becomes the result of the tool.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::core::{MethodRun, Request};
use super::{lists, prompts, resources};
use crate::call::{Arguments, Call};
use crate::content::{
    Content, EmbeddedResource, IntoToolResult, Message as Prompted, ResourceContents, Structured,
    ToolResult, push_array, push_member, push_optional,
};
use crate::error::ToolError;
use crate::outcome::{Outcome, Page};
use crate::protocol::error::{Class, RpcError};
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::members;
use crate::protocol::revision::Features;
use crate::registry::{Handler, Parameter, StandsFor, Tool, ToolEntry};
use crate::schema::missing;

/// Returns the tools for resources.
pub(crate) fn resource_tools() -> [Tool; 3] {
    let uri = Parameter::of::<String>("uri")
        .description("The URI of a resource, or one that fits the template of several.");
    let read = "Read a resource of this server by its URI.";
    [
        list(StandsFor::ResourceList, "List resources", RESOURCES),
        list(
            StandsFor::TemplateList,
            "List resource templates",
            TEMPLATES,
        ),
        tool(StandsFor::Read, "Read a resource", read).param(uri),
    ]
}

const RESOURCES: &str = "List the resources of this server, which `read_resource` reads.";
const TEMPLATES: &str =
    "List the templates of URIs that `read_resource` reads. Replace each `{variable}` by a value.";
const PROMPTS: &str =
    "List the prompts of this server, with their arguments. `get_prompt` returns one.";

/// Returns the tools for prompts.
pub(crate) fn prompt_tools() -> [Tool; 2] {
    let name = Parameter::of::<String>("name").description("The name of the prompt.");
    let arguments = Parameter::of::<Option<BTreeMap<String, String>>>("arguments").description(
        "The arguments of the prompt, as its definition in `list_prompts` describes them.",
    );
    let get = "Get the messages of a prompt of this server.";
    let get = tool(StandsFor::Get, "Get a prompt", get);
    let list = list(StandsFor::PromptList, "List prompts", PROMPTS);
    [list, get.param(name).param(arguments)]
}

fn list(stands_for: StandsFor, title: &str, description: &str) -> Tool {
    let cursor = Parameter::of::<Option<String>>("cursor")
        .description("The `nextCursor` of the result before, for the next page.");
    tool(stands_for, title, description).param(cursor)
}

fn tool(stands_for: StandsFor, title: &str, description: &str) -> Tool {
    // It only runs if its arguments are invalid.
    let handler = Handler::inline(|call: Call| refuse(&call).into_tool_result());
    Tool::define(stands_for.tool(), handler)
        .title(title)
        .description(description)
        .read_only(true)
        .per_caller()
        .stands_for(stands_for)
}

/// Returns the error about the arguments of a call.
fn refuse(call: &Call) -> ToolError {
    for (index, parameter) in call.signature.parameters.iter().enumerate() {
        let mistakes = match call.tree(index) {
            Some(tree) => tree.mistakes.clone(),
            None if parameter.required => vec![missing(&parameter.name, "a string")],
            None => Vec::new(),
        };
        for mistake in mistakes {
            call.reject(&ToolError::new(mistake));
        }
    }
    call.rejection()
}

/// Returns the request that the call of a tool stands for, or `None` if its arguments are invalid: the tool itself refuses them.
///
/// # Errors
/// Returns an error if the parameters cannot be read.
#[cold]
pub(super) fn called(
    tool: &ToolEntry,
    stands_for: StandsFor,
    message: &Message,
    depth: usize,
) -> Result<Option<Arc<Message>>, RpcError> {
    let (text, sent) = (message.text(), message.params()?.arguments()?);
    let (arguments, rejections) = Arguments::parse(&tool.signature, text, sent);
    if !rejections.is_empty() {
        return Ok(None);
    }
    let mut params = kept_params(message);
    for (index, parameter) in tool.signature.parameters.iter().enumerate() {
        match arguments.tree(text, &tool.signature, index) {
            Some(tree) if !tree.mistakes.is_empty() => return Ok(None),
            Some(tree) if tree.value.is_null() => {}
            Some(tree) => params.push(member(&parameter.name, tree.text())),
            None if parameter.required => return Ok(None),
            None => {}
        }
    }
    request(message, stands_for, &params, depth).map(Some)
}

fn member(name: &str, json: &str) -> String {
    format!("{}:{json}", json!(name))
}

/// Returns a request with the id of a message.
fn request(
    message: &Message,
    stands_for: StandsFor,
    params: &[String],
    depth: usize,
) -> Result<Arc<Message>, RpcError> {
    let params = format!("{{{}}}", params.join(","));
    message.with_method(stands_for.method(), &params, depth)
}

/// Returns the members of `params` that all requests have: the metadata, the state and the answers.
fn kept_params(message: &Message) -> Vec<String> {
    let all = message.params_json().map(members).into_iter().flatten();
    let kept = all.filter(|(name, _)| name != "name" && name != "arguments");
    kept.map(|(name, json)| member(&name, json)).collect()
}

/// Serves the request that a call stands for.
pub(super) fn serve(
    mut request: Request,
    stands_for: StandsFor,
    called: Arc<Message>,
) -> MethodRun {
    let features = request.caller.features;
    request.message = called;
    let served = match stands_for {
        StandsFor::ResourceList => lists::resources(request),
        StandsFor::TemplateList => lists::templates(request),
        StandsFor::Read => resources::read(request),
        StandsFor::PromptList => lists::prompts(request),
        StandsFor::Get => prompts::get(request),
    };
    match served {
        Ok(MethodRun::Ready(outcome)) => MethodRun::Ready(result(outcome, features)),
        Ok(MethodRun::Pending { future, stop }) => MethodRun::Pending {
            future: Box::pin(async move { result(future.await, features) }),
            stop,
        },
        Err(error) => MethodRun::Ready(failure(error)),
    }
}

/// Returns the result of the tool.
fn result(outcome: Outcome, features: &Features) -> Outcome {
    let result = match outcome {
        Outcome::Read {
            mime,
            uri,
            contents,
            ..
        } => contents_of(contents, &uri, mime.as_deref()),
        Outcome::Prompt {
            description,
            messages,
        } => structured(prompt_json(description.as_deref(), &messages, features)),
        Outcome::List(kind, page) => structured(page_json(kind, &page)),
        Outcome::Error(error) => return failure(error),
        Outcome::TimedOut(late) => return Outcome::TimedOut(Box::new(result(*late, features))),
        other => return other,
    };
    let is_error = false;
    Outcome::Tool { result, is_error }
}

fn contents_of(contents: Vec<ResourceContents>, uri: &str, mime: Option<&str>) -> ToolResult {
    let parts = contents.into_iter();
    let blocks: Vec<Content> = parts.map(|part| block(part, uri, mime)).collect();
    blocks.into_tool_result()
}

fn prompt_json(description: Option<&str>, messages: &[Prompted], features: &Features) -> String {
    let mut json = String::from("{\"messages\":");
    push_array(&mut json, messages, |out, message| {
        message.push(out, features);
    });
    push_optional(&mut json, "description", description);
    json.push('}');
    json
}

/// Returns a part of a resource: a text, or bytes with their type.
fn block(part: ResourceContents, uri: &str, mime: Option<&str>) -> Content {
    if let Some(text) = part.inner_text() {
        return Content::text(text.clone());
    }
    let uri = part.uri.clone().unwrap_or_else(|| uri.to_owned());
    let part = match (&part.mime, mime) {
        (None, Some(mime)) => part.mime(mime),
        _ => part,
    };
    EmbeddedResource::new(uri, part).into()
}

fn page_json(kind: &str, page: &Page) -> String {
    let mut json = format!("{{\"{kind}\":[{}]", page.items);
    if let Some(next) = &page.next {
        push_member(&mut json, "nextCursor", next);
    }
    json.push('}');
    json
}

/// Returns a result with this JSON object, also as text.
fn structured(json: String) -> ToolResult {
    let mut result = ToolResult::new().content(json.clone());
    result.structured = Some(Structured::Json(json));
    result
}

/// Returns the result of a tool for an error that the model can correct, such as an unknown URI. Other errors stay.
fn failure(error: RpcError) -> Outcome {
    let concealed = match error.class {
        Class::Answered | Class::UnknownMethod => false,
        Class::Concealed => true,
        _ => return Outcome::Error(error),
    };
    let mut result = ToolResult::new().content(Content::text(error.message.into_owned()));
    result.failure = concealed.then(ToolError::concealed);
    let is_error = true;
    Outcome::Tool { result, is_error }
}
