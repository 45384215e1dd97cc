//! The results of handlers, and their encoding for each revision.
//!
//! Errors are mapped to replies in `dispatch`.

mod block;
mod completions;
mod failure;
mod icon;
mod json;
mod markers;
mod meta;
mod prompt;
mod read;
mod resource;
mod rest;
mod stream;
mod texts;
mod tool_result;
mod well_formed;
mod write;

pub use block::{Annotations, Audio, Content, EmbeddedResource, Image, ResourceLink, Role, Text};
pub use completions::{Completions, IntoCompletions};
pub use failure::Failure;
pub use icon::{Icon, IconTheme, IntoIcons};
pub use json::{Json, JsonWithText};
pub use markers::{Failed, Nested, Plain};
pub use prompt::{IntoPrompt, Message, PromptOutcome};
pub use resource::{IntoResource, ResourceContents, ResourceOutcome};
pub use stream::{StreamItem, Streamed};
pub use tool_result::{IntoToolResult, ToolResult};

pub(crate) use rest::Rest;
pub(crate) use tool_result::{OutputSchema, Structured};
pub(crate) use well_formed::{is_uri, mime_mistake};
pub(crate) use write::{push_array, push_blocks, push_icons, push_member, push_optional};
