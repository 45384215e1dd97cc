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
//! - [`macro@tool`], [`macro@resource`] and [`macro@prompt`] register functions as components. The functions themselves are
//!   not changed.
//! - [`server!`] and [`components!`] collect the components, and [`Server`] serves them.
//! - [`Param`] is implemented for all types that a function can take, [`IntoToolResult`], [`IntoResource`] and
//!   [`IntoPrompt`] for those that it can return.
//!
//! Mistakes are compile errors at the code that causes them. `docs/mistakes.md` in the repository lists each mistake with
//! its message.
//!
//! One server supports all revisions of the protocol, from 2024-11-05 to 2026-07-28: see [`Revision`].
//!
//! # One dependency
//!
//! This crate re-exports `serde`, `schemars` and `serde_json`, so that a server needs no other dependency. Their derives find
//! the crates with two attributes:
//!
//! ```
//! use mcp_runtime::prelude::*;
//! use mcp_runtime::{schemars::JsonSchema, serde::Deserialize};
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(crate = "mcp_runtime::serde")]
//! #[schemars(crate = "mcp_runtime::schemars")]
//! struct Point {
//!     x: f64,
//!     y: f64,
//! }
//!
//! /// Return the distance of a point from the origin.
//! #[tool]
//! async fn norm(point: Point) -> f64 {
//!     point.x.hypot(point.y)
//! }
//! ```
//!
//! # Features
//!
//! - `cli` (default): a command line for the binary and a log on stderr, [`Server::run`]. It includes `logs`.
//! - `auth`: authentication of HTTP requests and OAuth scopes, [`Server::auth`].
//! - `http` (default): Streamable HTTP, [`Server::serve_http`] and [`Server::into_service`].
//! - `logs`: [`forward_logs`], the layer for your own `tracing` subscriber.
//! - `metrics`: Prometheus metrics, [`Server::metrics`].
//! - `openapi`: tools from an OpenAPI description of an HTTP API, [`Server::openapi`].
//! - `otel`: traces and metrics by OTLP over HTTP, [`Server::otel`].
//! - `pattern`: checks `#[arg(pattern = "...")]` and the patterns in the schemas of types before a function runs.
//! - `proxy`: the components of other servers, [`Upstream`].
//! - `skills`: Agent Skills, [`Server::skills`] and [`Skill`].
//! - `sqlite`, `redis`: stores in a file and in Redis or Valkey, [`SqliteStore`] and [`RedisStore`].
//! - `tls`: TLS for the built-in HTTP listener, [`Server::tls`]. With `auth`, also client certificates, `Auth::mutual_tls`.
//! - `validate`: checks all other keywords of JSON Schema, such as `format` and `not`, and the arguments of tools made with
//!   [`Tool::new`].

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod access;
mod ask;
#[cfg(feature = "audit")]
mod audit;
#[cfg(feature = "auth")]
mod auth;
mod bus;
mod call;
#[cfg(feature = "tls")]
mod certificate;
pub mod check;
#[cfg(feature = "cli")]
mod cli;
mod client;
mod cluster;
mod content;
mod context;
#[cfg(test)]
#[allow(dead_code)] // not all features have tests that use all of it
#[path = "../../tests/defaults/page.rs"]
mod defaults_page;
mod dispatch;
mod error;
mod finite;
#[cfg(all(any(test, fuzzing), feature = "http"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(
    feature = "audit",
    feature = "cli",
    feature = "proxy",
    feature = "skills"
))]
mod hexadecimal;
mod in_flight;
mod json_path;
pub mod layer;
#[cfg(any(feature = "cli", feature = "proxy"))]
mod lock_file;
mod logs;
mod macros;
mod metrics;
mod middleware;
mod mount;
mod observe;
mod opaque;
#[cfg(feature = "openapi")]
mod openapi;
mod outcome;
mod owner;
mod param;
pub mod prelude;
mod protocol;
mod questions;
mod rate;
mod registry;
mod schema;
mod seal;
mod search;
mod secret;
mod server;
mod service;
mod session;
mod session_data;
#[cfg(feature = "skills")]
mod skills;
mod store;
mod sync;
mod tasks;
mod test_context;
#[cfg(feature = "otel")]
mod trace;
mod transport;
#[cfg(any(feature = "auth", feature = "proxy"))]
mod trust;
#[cfg(feature = "proxy")]
mod upstream;
mod uri_template;
mod visibility;

pub use {schemars, serde, serde_json};

pub use ask::{
    AskParam, Elicit, ElicitChoice, ElicitField, Elicitation, Root, Sample, Sampling,
    UrlElicitation,
};
#[cfg(feature = "audit")]
pub use audit::{Audit, AuditDecision, AuditFile, AuditRecord};
#[cfg(feature = "auth")]
pub use auth::{
    ApiKey, ApiKeys, Auth, AuthError, AuthFuture, Authenticate, Credentials, FromEnv, Identity,
    Introspection, Jwt, RevokeError, SigningAlgorithm,
};
#[cfg(all(feature = "auth", feature = "tls"))]
pub use auth::{ClientAuthorities, ClientCertificate, MutualTls};
pub use bus::Notifier;
pub use call::{Call, Cancel};
#[cfg(feature = "tls")]
pub use certificate::{CertificateError, PeerCertificate};
#[cfg(feature = "cli")]
pub use cli::Finding;
pub use client::{Client, ClientBuilder, ClientError, ClientListening, Completed, ToolReply};
pub use content::{
    Annotations, Audio, Completions, Content, EmbeddedResource, Failed, Icon, IconTheme, Image,
    IntoCompletions, IntoIcons, IntoPrompt, IntoResource, IntoToolResult, Json, JsonWithText,
    Message, Nested, Plain, ResourceContents, ResourceLink, Role, StreamItem, Streamed, Text,
    ToolResult,
};
pub use context::{Context, ProgressValue};
pub use error::{AskError, ToolError};
#[doc(inline)]
pub use layer::{CallKind, CallOutcome, Layer, LayeredCall, Next};
#[cfg(feature = "logs")]
pub use logs::forward_logs;
pub use mcp_macros::{Elicit, prompt, resource, tool, tools};
pub use middleware::{ConcurrencyLimit, LogCalls, ResponseCache, ResponseLimit, Retry};
#[cfg(feature = "openapi")]
pub use openapi::{ApiClient, ExposeAs, HttpClient, OpenApi, OpenApiError, OpenApiOperation};
pub use outcome::OutcomeKind;
pub use owner::Principal;
#[cfg(feature = "auth")]
pub use param::Claims;
#[cfg(feature = "http")]
pub use param::Extension;
pub use param::{Description, Extraction, Headers, Param, State};
pub use protocol::cache::CacheScope;
pub use protocol::capability::{Capability, ClientCapabilities, ClientInfo};
pub use protocol::{Id, LogLevel, Revision, TraceContext};
pub use rate::RateLimit;
pub use registry::{
    App, AppPermission, CompleteWith, Completion, Component, ComponentKind, ComponentView,
    Components, IntoComponents, IntoLinks, ListWith, Listing, Prompt, PromptArgument,
    PromptTransform, Resource, ResourceTransform, ResultSchema, TaskSupport, Tool, ToolTransform,
    ToolVisibility, Transform,
};
pub use schema::{SchemaDialect, nullable};
pub use search::ToolSearch;
pub use secret::Secret;
pub use server::{BuildError, KeyRotationError, RunningServer, ServeError, Server, ServerHandle};
pub use service::{BoxFuture, Limits, Timeout};
pub use session_data::SessionData;
#[cfg(feature = "skills")]
pub use skills::Skill;
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub use store::StoreError;
pub use store::{LogEntry, LogRead, MemoryStore, Store, StoreEntry, StoreFuture, check_store};
pub use tasks::Tasks;
pub use test_context::TestContext;
pub use transport::custom::Transport;
#[cfg(feature = "tls")]
pub use transport::http::Tls;
#[cfg(feature = "http")]
pub use transport::http::{HttpBody, HttpService, PeerAddress};
#[cfg(feature = "proxy")]
pub use upstream::{ConfigError, Upstream, UpstreamCaller};
pub use visibility::Viewer;
