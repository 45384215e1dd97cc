//! The tools of [`Server::tool_search`](crate::Server::tool_search): one searches the tools of the server, the other calls one.
//!
//! A call of `call_tool` becomes a call of the tool that it names before anything else is done with it, so that all other
//! code sees an ordinary call.

use std::sync::{Arc, OnceLock, Weak};

use serde_json::{Map, Value, json};

use super::core::{Core, Request};
use super::sight::Sight;
use crate::call::{Arguments, Call, CallContext, Slot};
use crate::content::{IntoToolResult, Structured, ToolResult};
use crate::error::ToolError;
use crate::mount::Mounted;
use crate::param::Param;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::Message;
use crate::registry::{
    Bounds, ComponentView, Form, Handler, ListCaller, Parameter, Snapshot, Tool, ToolEntry,
};
use crate::search::ToolSearch;
use crate::visibility::Viewer;

/// The server whose tools are searched, once it has started.
#[derive(Clone, Default)]
pub(crate) struct SearchedServer(Arc<OnceLock<Weak<Core>>>);

impl SearchedServer {
    pub(crate) fn set(&self, core: &Arc<Core>) {
        self.0.get_or_init(|| Arc::downgrade(core));
    }

    fn core(&self) -> Result<Arc<Core>, ToolError> {
        let core = self.0.get().and_then(Weak::upgrade);
        core.ok_or_else(|| ToolError::new("The server does not run"))
    }
}

/// Returns the two tools.
pub(crate) fn tools(search: &ToolSearch, server: &SearchedServer) -> [Tool; 2] {
    [search_tool(search, server.clone()), call_tool()]
}

fn search_tool(search: &ToolSearch, server: SearchedServer) -> Tool {
    let default = search.max_results;
    // The first search builds the index, which takes a while with thousands of tools.
    let handler = Handler::blocking(move |call: Call| {
        find(&call, &server, default).unwrap_or_else(IntoToolResult::into_tool_result)
    });
    Tool::define(ToolSearch::SEARCH, handler)
        .title("Search tools")
        .description(
            "Search the tools of this server. The result has the definitions of the tools that match best, with the \
             schemas of their arguments. Call one of them with `call_tool`.",
        )
        .read_only(true)
        .idempotent(true)
        .open_world(false)
        .per_caller()
        .param(query())
        .param(limit(default))
        .output_schema(found_tools())
}

fn query() -> Parameter {
    Parameter::of::<String>("query")
        .description("Words that say what the tool does, such as `create an invoice`.")
        .length(Bounds::new().from(1).to(ToolSearch::LONGEST_QUERY))
}

fn limit(default: usize) -> Parameter {
    Parameter::of::<Option<usize>>("limit")
        .description("The maximum number of tools to return.")
        .default(Some(default.into()))
        .range(Bounds::new().from(1).to(ToolSearch::MOST_RESULTS))
}

/// Returns the schema of the result of a search.
fn found_tools() -> Value {
    let tools = json!({
        "type": "array",
        "description": "The definitions, from the best match on, as in the list of tools.",
        "items": { "type": "object" },
    });
    json!({ "type": "object", "properties": { "tools": tools }, "required": ["tools"] })
}

fn call_tool() -> Tool {
    let name =
        Parameter::of::<String>("name").description("The name of the tool, as in its definition.");
    let arguments = Parameter::of::<Option<Map<String, Value>>>("arguments")
        .description("The arguments of the tool, as its `inputSchema` describes them.");
    let handler = Handler::inline(|call: Call| not_called(&call).into_tool_result());
    Tool::define(ToolSearch::CALL, handler)
        .title("Call a tool")
        .description(
            "Call a tool of this server that `search_tools` has found. The result is that of the tool.",
        )
        .param(name)
        .param(arguments)
}

/// Searches the tools that the caller of `search_tools` sees.
fn find(call: &Call, server: &SearchedServer, default: usize) -> Result<ToolResult, ToolError> {
    let query = argument::<String>(call, 0);
    let limit = argument::<Option<usize>>(call, 1);
    let (Some(query), Some(limit), true) = (query, limit, call.accepted()) else {
        return Err(call.rejection());
    };
    let core = server.core()?;
    let (snapshot, form) = (core.registry.now(), form(&core, &call.context));
    let sight = sight(&core, &call.context);
    let allows = |component: &ComponentView<'_>| sight.allows(component);
    let permits = |scopes: &[String], mounted: Option<&Mounted>| {
        let access = core.access_of(mounted);
        access.suffices(call.context.origin.scopes(), scopes)
    };
    let caller = ListCaller {
        filter: Some(&allows),
        permits: &permits,
    };
    let found = snapshot.search_tools(&query, |tool| snapshot.shows_tool(tool, &caller));
    let found = found.take(limit.unwrap_or(default));
    let definitions = found.map(|tool| tool.definition_json(&form));
    Ok(result(&definitions.collect::<Vec<_>>()))
}

/// Returns what a caller sees.
fn sight<'c>(core: &'c Core, call: &'c CallContext) -> Sight<'c> {
    Sight::new(core, || {
        let (server, message) = (&core.context, Some(&*call.message));
        Viewer::new(server, &call.caller, &call.origin, message)
    })
}

/// Returns the form of definitions that a caller receives in lists.
fn form(core: &Core, call: &CallContext) -> Form {
    let name = || call.client().name.clone();
    Form {
        features: call.caller.features,
        dialect: core.dialect.and_then(|dialect| dialect.for_client(name)),
    }
}

/// Returns the result with these definitions.
fn result(definitions: &[String]) -> ToolResult {
    let json = format!("{{\"tools\":[{}]}}", definitions.join(","));
    let text = if definitions.is_empty() {
        "No tool matches these words: use other ones".to_owned()
    } else {
        json.clone()
    };
    let mut result = ToolResult::new().content(text);
    result.structured = Some(Structured::Json(json));
    result
}

/// Returns the error of a call of `call_tool` that calls no other tool.
fn not_called(call: &Call) -> ToolError {
    let name = argument::<String>(call, 0);
    argument::<Option<Map<String, Value>>>(call, 1);
    match name {
        Some(name) if call.accepted() => ToolError::new(format!(
            "`call_tool` calls the other tools of the server: call `{name}` itself"
        )),
        _ => call.rejection(),
    }
}

/// Returns an argument, or records why there is none.
fn argument<'c, T: Param<'c>>(call: &'c Call, index: usize) -> Option<T> {
    match T::extract(call, index).into_ready().ok()? {
        Ok(value) => Some(value),
        Err(reason) => {
            call.reject(&reason);
            None
        }
    }
}

/// Replaces a valid call of `call_tool` by the call that it asks for. Returns `true` if there was one.
///
/// # Errors
/// Returns an error if the parameters of the request cannot be read.
#[cold]
pub(super) fn replace(request: &mut Request, snapshot: &Snapshot) -> Result<bool, RpcError> {
    let tool = snapshot.tool(ToolSearch::CALL);
    let Some(tool) = tool.filter(|tool| request.sees(&***tool)) else {
        return Ok(false);
    };
    let called = called(tool, &request.message, request.core.limits.depth)?;
    // Models do not call the tools of pages.
    let called = called.filter(|message| calls_for_model(snapshot, message));
    let is_replaced = called.is_some();
    if let Some(called) = called {
        request.message = called;
    }
    Ok(is_replaced)
}

/// Returns `false` if a message calls a tool that is only for the pages of MCP Apps.
fn calls_for_model(snapshot: &Snapshot, message: &Message) -> bool {
    let name = message.params().and_then(|params| params.name());
    let tool = name.ok().and_then(|name| snapshot.tool(&name));
    tool.is_none_or(|tool| tool.is_for_models())
}

/// Returns the call that a message asks for, if it is a call of `call_tool`. For an invalid one, and for one of the tools of
/// search, it is `None`: `call_tool` itself answers them.
///
/// # Errors
/// Returns an error if the parameters cannot be read, or if the new message is too deeply nested.
pub(super) fn called(
    call_tool: &ToolEntry,
    message: &Message,
    depth: usize,
) -> Result<Option<Arc<Message>>, RpcError> {
    let params = message.params()?;
    if params.name()? != ToolSearch::CALL {
        return Ok(None);
    }
    let json = params.arguments()?;
    let Some((name, arguments)) = name_and_arguments(call_tool, message.text(), json) else {
        return Ok(None);
    };
    let message = message.with_part(json, &arguments, depth)?;
    let Some(sent) = message.params()?.name_json() else {
        return Ok(None);
    };
    message
        .with_part(sent, &json!(name).to_string(), depth)
        .map(Some)
}

/// Returns the name of the tool, and its arguments as they were sent.
fn name_and_arguments(
    call_tool: &ToolEntry,
    message: &str,
    json: &str,
) -> Option<(String, String)> {
    let signature = &call_tool.signature;
    let (arguments, rejections) = Arguments::parse(signature, message, json);
    let name = arguments.tree(message, signature, 0)?;
    let name = name.value.as_str().filter(|_| name.mistakes.is_empty())?;
    if !rejections.is_empty() || ToolSearch::is_own(name) {
        return None;
    }
    let json = match arguments.slot(1) {
        Slot::Json(json) => json.text(message),
        _ => "null",
    };
    let inner = match json {
        "null" => "{}",
        // The checks of the tool itself read them.
        object if object.starts_with('{') => object,
        // Some models send an object as a string.
        _ => {
            let tree = arguments.tree(message, signature, 1)?;
            let is_valid = tree.mistakes.is_empty() && tree.value.is_object();
            Some(tree.text()).filter(|_| is_valid)?
        }
    };
    Some((name.to_owned(), inner.to_owned()))
}
