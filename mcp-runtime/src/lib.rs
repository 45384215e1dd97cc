//! Serve plain Rust functions to AI applications over the [Model Context Protocol](https://modelcontextprotocol.io).
//!
//! ```no_run
//! use mcp_runtime::prelude::*;
//!
//! /// Add two numbers.
//! #[tool]
//! async fn add(
//!     /// The first addend.
//!     a: f64,
//!     /// The second addend.
//!     b: f64,
//! ) -> f64 {
//!     a + b
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     mcp_runtime::server!().run()
//! }
//! ```
//!
//! - [`macro@tool`], [`macro@resource`] and [`macro@prompt`] turn functions into components; the functions stay as they are.
//! - [`server!`] and [`components!`] collect them, [`Server`] serves them.
//! - [`Param`] says what a function can take, [`IntoToolResult`], [`IntoResource`] and [`IntoPrompt`] what it can return.
//!
//! What does not fit is an error of the compiler, at what was written: `docs/mistakes.md` in the repository lists each mistake
//! with its message.
//!
//! One server speaks all revisions of the protocol, from 2024-11-05 to 2026-07-28: see [`Revision`].
//!
//! # Features
//!
//! - `cli` (default): the binary's own command line, [`Server::run`].
//! - `http` (default): Streamable HTTP, [`Server::serve_http`] and [`Server::into_service`].
//! - `pattern`: `#[arg(pattern = "...")]`, and the patterns that types have, are checked before a function runs.
//! - `validate`: all else that JSON Schema can say, such as `format` and `not`, is checked as well; so are the arguments of
//!   a [`Tool::new`].

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod ask;
mod bus;
mod call;
pub mod check;
#[cfg(feature = "cli")]
mod cli;
mod client;
mod content;
mod context;
mod dispatch;
mod error;
mod finite;
mod in_flight;
mod json_path;
mod layer;
mod logs;
mod macros;
mod opaque;
mod outcome;
mod owner;
mod param;
pub mod prelude;
mod protocol;
mod questions;
mod registry;
mod schema;
mod seal;
mod server;
mod service;
mod session;
mod store;
mod sync;
mod transport;
mod uri_template;

pub use ask::{
    AskParam, Elicit, ElicitChoice, ElicitField, Elicitation, Root, Sample, Sampling,
    UrlElicitation,
};
pub use bus::Notifier;
pub use call::{Call, Cancel};
pub use client::{Client, ClientBuilder, ClientError, ClientListening, Completed, ToolReply};
pub use content::{
    Annotations, Audio, Content, EmbeddedResource, Icon, IconTheme, Image, IntoIcons, IntoPrompt,
    IntoResource, IntoToolResult, Json, Message, Nested, Plain, ResourceContents, ResourceLink,
    Role, StreamItem, Streamed, Text, ToolResult,
};
pub use context::Context;
pub use error::{AskError, ToolError};
pub use layer::{CallOutcome, Layer, LayeredCall, Next};
pub use logs::{ForwardLogs, forward_log};
pub use mcp_macros::{Elicit, prompt, resource, tool, tools};
pub use owner::Principal;
pub use param::{Description, Extraction, Headers, Param, State};
pub use protocol::cache::CacheScope;
pub use protocol::capability::{Capability, ClientCapabilities, ClientInfo};
pub use protocol::{Id, LogLevel, Revision, TraceContext};
pub use registry::{
    CompleteWith, Completion, Completions, Component, Components, IntoCompletions, IntoComponents,
    IntoLinks, ListWith, Listing, Prompt, Resource, Tool,
};
pub use server::{BuildError, ServeError, Server, ServerHandle};
pub use service::Limits;
pub use store::{MemoryStore, Store, StoreEntry, StoreFuture};
#[cfg(feature = "http")]
pub use transport::http::{HttpBody, HttpService, PeerAddress};
