//! Re-exports of the items that most servers need: `use mcp_runtime::prelude::*;`.

pub use crate::{
    Audio, Cancel, Content, Context, Elicit, EmbeddedResource, Headers, Image, Json, LogLevel,
    Message, ResourceContents, ResourceLink, Server, State, ToolError, ToolResult, components,
    prompt, resource, tool, tools,
};
