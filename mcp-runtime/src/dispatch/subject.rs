//! The method and the component of a request, by names that the server knows.

use std::sync::Arc;

use super::as_tools;
use super::core::Core;
use super::methods;
use super::tool_search;
use crate::metrics::OTHER;
use crate::observe::{Component, Subject};
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::Reference;
use crate::protocol::params::Params;
use crate::search::ToolSearch;

/// Returns what an observed request is about. Names that the server does not have are replaced by [`OTHER`].
pub(super) fn subject(core: &Core, message: &Message) -> Subject {
    let called = called(core, message);
    let called = stands_for(core, called.as_deref().unwrap_or(message)).or(called);
    let message = called.as_deref().unwrap_or(message);
    let method = message.method();
    let params = message.params().ok();
    let uri = params.filter(|_| method.starts_with("resources/"));
    let uri = uri.and_then(|params| params.uri().ok());
    Subject {
        method: if methods::is_known(method) {
            method
        } else {
            OTHER
        }
        .to_owned(),
        component: params.and_then(|params| component(core, method, &params)),
        uri: uri.map(Into::into),
        #[cfg(feature = "audit")]
        called,
    }
}

/// Returns the call within a call of `call_tool`.
fn called(core: &Core, message: &Message) -> Option<Arc<Message>> {
    let snapshot = core.registry.now();
    if !snapshot.has_tool_search() || message.method() != "tools/call" {
        return None;
    }
    let call_tool = snapshot.tool(ToolSearch::CALL)?;
    let called = tool_search::called(call_tool, message, core.limits.depth);
    called.ok().flatten()
}

/// Returns the request that the call of a tool stands for.
fn stands_for(core: &Core, message: &Message) -> Option<Arc<Message>> {
    let snapshot = core.registry.now();
    if !snapshot.has_as_tools() || message.method() != "tools/call" {
        return None;
    }
    let name = message.params().ok()?.name().ok()?;
    let tool = snapshot.tool(&name)?;
    let called = as_tools::called(tool, tool.tool.stands_for?, message, core.limits.depth);
    called.ok().flatten()
}

/// Returns the component of a request, if its method has one.
fn component(core: &Core, method: &str, params: &Params<'_>) -> Option<Component> {
    Some(match method {
        "tools/call" => tool(core, &params.name().ok()?),
        "prompts/get" => prompt(core, &params.name().ok()?),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" | "skills/get" => {
            resource(core, &params.uri().ok()?)
        }
        "completion/complete" => match params.reference().ok()? {
            Reference::Prompt(name) => prompt(core, &name),
            Reference::Resource(uri) => resource(core, &uri),
        },
        _ => return None,
    })
}

fn tool(core: &Core, name: &str) -> Component {
    let is_known = core.registry.now().tool(name).is_some();
    Component::Tool(if is_known { name } else { OTHER }.to_owned())
}

fn prompt(core: &Core, name: &str) -> Component {
    let is_known = core.registry.now().prompt(name).is_some();
    Component::Prompt(if is_known { name } else { OTHER }.to_owned())
}

/// Returns the resource with a URI, or the template that matches it or has this text.
fn resource(core: &Core, uri: &str) -> Component {
    let snapshot = core.registry.now();
    let matching = || snapshot.resource(uri, |_| true).map(|(entry, _)| entry);
    let entry = snapshot.template(uri).or_else(matching);
    Component::Resource(
        entry
            .map_or(OTHER, |entry| entry.template.as_str())
            .to_owned(),
    )
}
