//! Layers: code around the calls of a server or of one component.
//!
//! A layer is an `async fn` that takes a [`LayeredCall`] and the remainder of the call, [`Next`], and returns a
//! [`CallOutcome`]. It sees the kind, the name, the arguments and the caller; it can refuse the call, run it, run it again,
//! and read, change or replace its outcome.
//!
//! ```
//! use mcp_runtime::{CallOutcome, LayeredCall, Next, prelude::*};
//!
//! async fn timed(call: LayeredCall, next: Next) -> CallOutcome {
//!     let begin = std::time::Instant::now();
//!     let outcome = next.run().await;
//!     eprintln!("{} {} took {:?}", call.kind(), call.name(), begin.elapsed());
//!     outcome
//! }
//!
//! /// Add two numbers.
//! #[tool(layer = timed)]
//! async fn add(a: f64, b: f64) -> f64 {
//!     a + b
//! }
//!
//! let everything = Server::new("app", "1.0.0").layer(timed);
//! ```
//!
//! # Where layers are added
//!
//! | place | calls |
//! |---|---|
//! | [`Server::layer`](crate::Server::layer) | all calls of tools, resources and prompts, all completions, and all lists |
//! | `#[tool(layer = one)]`, `#[prompt(layer = [one, other])]`, [`Tool::layer`](crate::Tool::layer) | the calls of one component, and the completions of its arguments |
//!
//! The value of `layer` is an expression: the path of a function, or a layer with settings such as `Retry::new(3)`. It is
//! evaluated when the server is built.
//!
//! `initialize`, `server/discover`, `ping`, `logging/setLevel` and subscriptions are not calls, and run no layers. A tower or
//! axum layer around [`Server::into_service`](crate::Server::into_service) sees every HTTP request. What it inserts into the
//! extensions of the request reaches layers as [`Context::extension`](crate::Context::extension), and handlers as
//! [`Extension`](crate::Extension).
//!
//! # Order
//!
//! From the outside inwards:
//!
//! 1. The request is checked: its headers, the name of the component, the URI, and the limit of requests in flight. A request
//!    that is refused here runs no layers.
//! 2. The layers of the server, in the order in which they were added.
//! 3. For a component of a [mounted server](crate::Server::mount): the layers of that server, after those of the servers around
//!    it. They have the names of their own server.
//! 4. The layers of the component, in their order.
//! 5. The [timeout](crate::Timeout), which starts when the handler has to wait. It does not include the time of layers.
//! 6. The handler. Its arguments are checked here, so that layers see a call with wrong arguments, and its error as the
//!    outcome.
//!
//! # Outcomes
//!
//! - A **question** to a client without a session passes layers as the outcome
//!   [`OutcomeKind::InputRequired`](crate::OutcomeKind::InputRequired). The repeated call with the answers passes all layers
//!   again.
//! - A call that exceeds its **timeout** is [`OutcomeKind::TimedOut`](crate::OutcomeKind::TimedOut).
//! - A layer does not see that a call was **cancelled**: its future is dropped.
//! - A **panic** of a layer ends the call with -32603 and a reference; the panic is in the log.
//! - [`Next`] may run **several times**. A layer that does not run it answers itself.
//!
//! # Layers of this crate
//!
//! | layer | effect |
//! |---|---|
//! | [`LogCalls`](crate::LogCalls) | logs the end of each call, with its outcome and duration |
//! | [`ResponseLimit`](crate::ResponseLimit) | cuts results that are too large, or keeps them behind a link |
//! | [`ResponseCache`](crate::ResponseCache) | sends results again for calls with the same arguments |
//! | [`Retry`](crate::Retry) | runs idempotent calls again after failures |
//! | [`ConcurrencyLimit`](crate::ConcurrencyLimit) | limits the number of calls that run at once |
//!
//! Add those that a call has in the order of this table, the outermost first:
//!
//! - Outside of `Retry`, `LogCalls` logs a call once; inside of it, every run.
//! - Outside of `ResponseCache`, `ResponseLimit` gives each caller a link of its own to a result that is too large. A cache
//!   around it keeps cut results, and none with such a link.
//! - Inside of `ResponseCache`, `ConcurrencyLimit` counts only calls whose results are not in the cache. Around it, calls wait
//!   before they look into the cache.
//! - Inside of `Retry`, `ConcurrencyLimit` gives other calls a turn while a call waits for its next run.
//!
//! A server without layers has none of their costs. Each layer costs an allocation per call.
//!
//! # A rate limit
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Mutex, PoisonError};
//! use std::time::{Duration, Instant};
//!
//! use mcp_runtime::{CallOutcome, LayeredCall, Next, prelude::*, serde_json::json};
//!
//! /// Allows each caller two calls a minute.
//! async fn rate_limit(call: LayeredCall, next: Next) -> CallOutcome {
//!     static CALLS: Mutex<Option<HashMap<String, (Instant, u32)>>> = Mutex::new(None);
//!     let caller = call.context().principal().map_or_else(String::new, |it| it.id().to_owned());
//!     let number = {
//!         let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
//!         let (begin, number) = calls.get_or_insert_default().entry(caller).or_insert((Instant::now(), 0));
//!         if begin.elapsed() > Duration::from_secs(60) {
//!             (*begin, *number) = (Instant::now(), 0);
//!         }
//!         *number += 1;
//!         *number
//!     };
//!     if number > 2 { call.refuse(ToolError::new("Too many calls: wait a minute")) } else { next.run().await }
//! }
//!
//! /// Say hello.
//! #[tool(layer = rate_limit)]
//! async fn hello() -> &'static str {
//!     "Hello!"
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Server::new("app", "1.0.0").with(components![hello]).client().await;
//! for expected in ["Hello!", "Hello!", "Too many calls: wait a minute"] {
//!     assert_eq!(client.call("hello", json!({})).await?.text(), expected);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # An access check
//!
//! ```
//! use mcp_runtime::{CallKind, CallOutcome, LayeredCall, Next, prelude::*, serde_json::json};
//!
//! /// Hides tools that delete, except from the administrator.
//! async fn check_access(call: LayeredCall, next: Next) -> CallOutcome {
//!     let is_admin = call.context().principal().is_some_and(|it| it.id() == "admin");
//!     if !is_admin && call.name().starts_with("delete_") {
//!         return call.refuse(ToolError::new("Only the administrator may delete"));
//!     }
//!     let mut outcome = next.run().await;
//!     if !is_admin && call.kind() == CallKind::List {
//!         outcome.retain_definitions(|it| !it["name"].as_str().is_some_and(|name| name.starts_with("delete_")));
//!     }
//!     outcome
//! }
//!
//! /// Delete all data.
//! #[tool]
//! async fn delete_all() {}
//!
//! /// Count the data.
//! #[tool]
//! async fn count() -> u32 {
//!     0
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new("app", "1.0.0").with(components![delete_all, count]).layer(check_access);
//! let client = server.client().await;
//! assert_eq!(client.tools().await?.len(), 1);
//! assert!(client.call("delete_all", json!({})).await?.is_error());
//! assert_eq!(client.call("count", json!({})).await?.text(), "0");
//! # Ok(())
//! # }
//! ```
//!
//! # A cache
//!
//! [`ResponseCache`](crate::ResponseCache) is bounded and tells callers apart; this one shows the idea.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Mutex, PoisonError};
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! use mcp_runtime::{CallOutcome, LayeredCall, Next, OutcomeKind, prelude::*, serde_json::json};
//!
//! /// Keeps the texts of results.
//! async fn cache(call: LayeredCall, next: Next) -> CallOutcome {
//!     static TEXTS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
//!     let texts = || TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
//!     let key = format!("{} {}", call.name(), call.arguments());
//!     let found = texts().get(&key).cloned();
//!     if let Some(text) = found {
//!         return call.tool_result(text);
//!     }
//!     let outcome = next.run().await;
//!     if outcome.kind() == OutcomeKind::Ok {
//!         texts().insert(key, outcome.texts().collect());
//!     }
//!     outcome
//! }
//!
//! static COUNT: AtomicU32 = AtomicU32::new(0);
//!
//! /// Look up a word.
//! #[tool(read_only, layer = cache)]
//! async fn look_up(word: String) -> String {
//!     format!("{word}, number {}", COUNT.fetch_add(1, Ordering::Relaxed))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Server::new("app", "1.0.0").with(components![look_up]).client().await;
//! for (word, expected) in [("ant", "ant, number 0"), ("bee", "bee, number 1"), ("ant", "ant, number 0")] {
//!     assert_eq!(client.call("look_up", json!({ "word": word })).await?.text(), expected);
//! }
//! # Ok(())
//! # }
//! ```

mod call;
mod outcome;

pub(crate) use call::Target;
pub use call::{CallKind, Layer, LayeredCall, Next};
pub use outcome::CallOutcome;
pub(crate) use outcome::Substitute;
