//! What a first server needs: `use mcp_runtime::prelude::*;`.

pub use crate::{
    Audio, Cancel, Content, Context, Elicit, EmbeddedResource, Headers, Image, Json, LogLevel,
    Message, ResourceContents, ResourceLink, Server, State, ToolError, ToolResult, components,
    prompt, resource, tool, tools,
};
