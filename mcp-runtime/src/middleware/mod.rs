//! The layers that this crate provides. Each layer has one file, with its settings and its implementation of `Layer`.
//! `caller` identifies callers for them. The tests are in `tests/layers`.

mod caller;
mod concurrency_limit;
mod log_calls;
mod rate_limit;
mod response_cache;
mod response_limit;
mod retry;

pub use concurrency_limit::ConcurrencyLimit;
pub use log_calls::LogCalls;
pub use response_cache::ResponseCache;
pub use response_limit::ResponseLimit;
pub use retry::Retry;
