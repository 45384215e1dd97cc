//! Collects the definitions of a server with an in-process client, as clients of the newest revision see them.

use serde_json::{Value, json};

use super::lints::Definitions;
use super::output::Failure;
use crate::client::{Client, ClientError};
use crate::protocol::error::METHOD_NOT_FOUND;
use crate::server::{ComponentKind, ServerHandle, Snapshot};

/// Returns the definitions of all components, and the resources that functions list.
///
/// # Errors
/// Returns an error if the server could not be started, or if a function fails.
pub(super) async fn listed(client: &Client) -> Result<Definitions, Failure> {
    definitions(client).await.map_err(|error| {
        format!("the components could not be listed: {error}: `check` names a function that fails")
            .into()
    })
}

async fn definitions(client: &Client) -> Result<Definitions, ClientError> {
    Ok(Definitions {
        tools: or_empty(client.tools().await)?,
        resources: or_empty(client.resources().await)?,
        templates: or_empty(client.resource_templates().await)?,
        prompts: or_empty(client.prompts().await)?,
        ..Definitions::default()
    })
}

/// Returns the definitions of the server and of all components, with their scopes, which clients do not see. What a function
/// lists is data, and has no definition.
///
/// # Errors
/// Returns an error if the server could not be started.
pub(super) async fn declared(
    client: &Client,
    handle: &ServerHandle,
) -> Result<Definitions, ClientError> {
    let snapshot = handle.snapshot();
    handle.replace(snapshot.listing(None));
    let without_listers = definitions(client).await;
    handle.replace(Snapshot::clone(&snapshot));
    let mut all = without_listers?;
    all.templates = or_empty(client.resource_templates().await)?;
    for (list, kind, key) in lists(&mut all) {
        for component in list {
            let key = component[key].as_str().unwrap_or_default();
            let definition = snapshot.definition(kind, key);
            let scopes = definition.map(|definition| &definition.scopes);
            if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
                component["scopes"] = json!(scopes);
            }
        }
    }
    all.about = about(client).await?;
    all.searched = snapshot.searched_tools().map(str::to_owned).collect();
    Ok(all)
}

/// Returns the lists of components, each with its kind and with the member that has their names.
pub(super) fn lists(all: &mut Definitions) -> [(&mut Vec<Value>, ComponentKind, &'static str); 4] {
    [
        (&mut all.tools, ComponentKind::Tool, "name"),
        (&mut all.resources, ComponentKind::Resource, "uri"),
        (&mut all.templates, ComponentKind::Resource, "uriTemplate"),
        (&mut all.prompts, ComponentKind::Prompt, "name"),
    ]
}

/// Returns the properties of the server, and its instructions. The version says nothing to a model.
async fn about(client: &Client) -> Result<Value, ClientError> {
    let mut discovered = client.request("server/discover", json!({})).await?;
    let mut about = discovered["_meta"]["io.modelcontextprotocol/serverInfo"].take();
    if let Some(about) = about.as_object_mut() {
        about.shift_remove("version");
        if let Some(instructions) = discovered.get_mut("instructions") {
            about.insert("instructions".to_owned(), instructions.take());
        }
    }
    Ok(about)
}

/// Returns an empty list if the server does not have this kind of components.
fn or_empty(list: Result<Vec<Value>, ClientError>) -> Result<Vec<Value>, ClientError> {
    match list {
        Err(ClientError::Rpc { code, .. }) if code == i64::from(METHOD_NOT_FOUND) => Ok(Vec::new()),
        list => list,
    }
}
