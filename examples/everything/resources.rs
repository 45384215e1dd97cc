//! The resources.

use jiff::Timestamp;
use mcp_runtime::{Annotations, Completion, Listing, Role, prelude::*};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::changing::Updates;
use crate::content::PNG;

/// The documents: their names and texts.
const DOCUMENTS: [(&str, &str); 3] = [
    (
        "features.md",
        "# Features\n\nThe documentation of `main.rs` lists them.\n",
    ),
    (
        "instructions.md",
        "# Instructions\n\nCall each tool once, and compare what the client shows.\n",
    ),
    (
        "structure.md",
        "# Structure\n\nThere is one file for each kind of component.\n",
    ),
];

/// The kinds of the resources that templates describe.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResourceType {
    Text,
    Blob,
}

pub(crate) fn uri(kind: ResourceType, id: u32) -> String {
    match kind {
        ResourceType::Text => format!("demo://resource/dynamic/text/{id}"),
        ResourceType::Blob => format!("demo://resource/dynamic/blob/{id}"),
    }
}

/// Returns the contents of a resource.
fn contents(kind: ResourceType, id: u32) -> ResourceContents {
    let now = Timestamp::now();
    let contents = match kind {
        ResourceType::Text => ResourceContents::text(format!(
            "Resource {id}: This is a plaintext resource created at {now}"
        )),
        ResourceType::Blob => ResourceContents::bytes(format!(
            "Resource {id}: This is a base64 blob created at {now}"
        )),
    };
    contents.mime("text/plain")
}

pub(crate) fn reference(kind: ResourceType, id: u32) -> EmbeddedResource {
    EmbeddedResource::new(uri(kind, id), contents(kind, id))
}

pub(crate) fn link(kind: ResourceType, id: u32) -> ResourceLink {
    let description = match kind {
        ResourceType::Text => "plaintext resource",
        ResourceType::Blob => "binary blob resource",
    };
    ResourceLink::new(uri(kind, id), format!("{kind:?} Resource {id}"))
        .description(format!("Resource {id}: {description}"))
        .mime("text/plain")
}

/// Completes the number of a resource: each number is complete.
pub(crate) fn complete_id(completion: Completion) -> Vec<String> {
    let value = completion.value();
    let is_id = value.parse::<u32>().is_ok_and(|id| id > 0);
    is_id.then(|| value.to_owned()).into_iter().collect()
}

/// A text that is made when it is read.
#[resource(
    "demo://resource/dynamic/text/{resourceId}",
    name = "dynamic-text-resource",
    title = "Dynamic Text Resource",
    mime = "text/plain"
)]
async fn dynamic_text(
    /// The number of the resource.
    #[arg(name = "resourceId", complete = complete_id, range(1..))]
    resource_id: u32,
) -> ResourceContents {
    contents(ResourceType::Text, resource_id)
}

/// Bytes that are made when they are read.
#[resource(
    "demo://resource/dynamic/blob/{resourceId}",
    name = "dynamic-blob-resource",
    title = "Dynamic Blob Resource",
    mime = "application/octet-stream"
)]
async fn dynamic_blob(
    /// The number of the resource.
    #[arg(name = "resourceId", complete = complete_id, range(1..))]
    resource_id: u32,
) -> ResourceContents {
    contents(ResourceType::Blob, resource_id)
}

fn list_documents(_: Listing) -> Vec<ResourceLink> {
    let documents = DOCUMENTS.iter().map(|(name, text)| {
        let link = ResourceLink::new(format!("demo://resource/static/document/{name}"), *name);
        link.mime("text/markdown").size(text.len() as u64)
    });
    documents.collect()
}

fn complete_document(completion: Completion) -> Vec<&'static str> {
    let names = DOCUMENTS.iter().map(|(name, _)| *name);
    names
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}

/// A document, which clients may keep for an hour.
#[resource(
    "demo://resource/static/document/{name}",
    mime = "text/markdown",
    list = list_documents,
    cache(ttl = 3600, scope = public),
    annotations = Annotations::new().audience([Role::User, Role::Assistant]).priority(0.5).last_modified("2026-01-01T00:00:00Z"),
)]
async fn document(
    /// The name of the document.
    #[arg(complete = complete_document)]
    name: String,
) -> Result<&'static str, ToolError> {
    let document = DOCUMENTS.iter().find(|(known, _)| *known == name);
    let document = document.map(|(_, text)| *text);
    document.ok_or_else(|| ToolError::new(format!("there is no document `{name}`")))
}

/// An image.
#[resource("demo://resource/static/image", mime = "image/png", size = 70)]
async fn image() -> Vec<u8> {
    PNG.to_vec()
}

/// The number of updates of this resource. Subscribe to it, and call `toggle-subscriber-updates`.
#[resource("demo://resource/counter", mime = "text/plain")]
async fn counter(updates: State<Updates>) -> String {
    updates.count().to_string()
}
