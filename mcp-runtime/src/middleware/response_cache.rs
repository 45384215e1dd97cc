//! Results that are kept and sent again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::caller::CallerId;
use crate::layer::{CallKind, CallOutcome, Layer, LayeredCall, Next};
use crate::opaque::opaque_debug;
use crate::outcome::{Outcome, OutcomeKind};
use crate::protocol::cache::{Cache, CacheScope};
use crate::service::BoxFuture;
use crate::store::{Bounded, Lease, now};
use crate::sync::Mutex;

/// The default limits of a cache.
const ENTRIES: usize = 1000;
const BYTES: usize = 64 << 20;

/// The memory overhead of one entry, in bytes.
const OVERHEAD: usize = 300;

/// A layer that keeps results in memory, and sends them again for calls with the same arguments.
///
/// Resources and lists are kept as long as their cache hint allows: that of [`Resource::cache`](crate::Resource::cache) or
/// [`Server::cache`](crate::Server::cache). Results of other kinds have no hint, and are kept only with
/// [`ResponseCache::results`]; those of tools only if the tool is annotated `read_only`. Errors, questions, the results of
/// calls that asked questions, and results with a link of [`ResponseLimit::spill`](crate::ResponseLimit::spill) are never kept.
///
/// A result that is not [public](CacheScope::Public) is sent only to the caller who received it first: the same
/// [`Principal`](crate::Principal), session or connection. A stateless HTTP request without a principal has none of them, so
/// that its private results are not kept.
///
/// After a change that is announced, with a [`Notifier`](crate::Notifier) or because components are added or removed, earlier
/// results are not sent any more. Concurrent calls with the same arguments all run if none of them has ended yet.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{CacheScope, ResponseCache, prelude::*};
///
/// /// Return the forecast of a city.
/// #[tool(read_only, layer = ResponseCache::new().results(Duration::from_secs(60), CacheScope::Public))]
/// async fn forecast(city: String) -> String {
///     format!("Rain in {city}")
/// }
/// ```
#[derive(Clone)]
pub struct ResponseCache {
    entries: Arc<Mutex<Bounded<String, Arc<Kept>>>>,
    results: Option<Cache>,
}

opaque_debug!(ResponseCache, |it| results: it.results);

/// A result that is kept.
struct Kept {
    outcome: Outcome,
    /// The number of changes of the server before the component or the page was looked up.
    changes: u64,
}

impl Default for ResponseCache {
    fn default() -> Self {
        Self {
            entries: Arc::new(Mutex::new(Bounded::new(ENTRIES, BYTES))),
            results: None,
        }
    }
}

impl ResponseCache {
    /// Creates a cache of at most 1,000 results and 64 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limits of the number and the size of results, in bytes. The results next to expire are dropped for new ones.
    pub fn capacity(mut self, entries: usize, bytes: usize) -> Self {
        self.entries = Arc::new(Mutex::new(Bounded::new(entries, bytes)));
        self
    }

    /// Sets how long the results of read-only tools, of prompts and of completions are kept, and for whom. With
    /// [`CacheScope::Public`], they must not depend on the caller.
    pub fn results(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.results = Some(Cache::new(ttl, scope));
        self
    }

    /// Returns the hint for a call whose result may be kept.
    fn hint(&self, call: &LayeredCall) -> Option<Cache> {
        let hint = match call.kind() {
            CallKind::Resource | CallKind::List => call.cache(),
            CallKind::Tool | CallKind::Prompt | CallKind::Complete => self.results,
        };
        hint.filter(|cache| cache.ttl_ms() > 0 && call.is_read_only())
    }

    fn find(&self, key: &str, changes: u64) -> Option<CallOutcome> {
        let kept = self.entries.lock().get(key).cloned()?;
        if kept.changes != changes {
            return None;
        }
        kept.outcome.copy().map(CallOutcome)
    }

    fn keep(&self, key: String, lease: Lease, kept: Kept) {
        let mut entries = self.entries.lock();
        entries.remove(&key);
        entries.cache(key, lease, Arc::new(kept));
    }
}

impl Layer for ResponseCache {
    fn serve(&self, call: LayeredCall, next: Next) -> BoxFuture<CallOutcome> {
        let caller = CallerId::of(call.context());
        let hint = self.hint(&call);
        let Some((hint, key)) = hint.and_then(|hint| Some((hint, key(&call, &caller, hint)?)))
        else {
            return next.run();
        };
        let cache = self.clone();
        Box::pin(async move {
            let context = call.context().call_context();
            if let Some(found) = cache.find(&key, call.changes_so_far()) {
                return found;
            }
            let outcome = next.run().await;
            // The call may have waited, so that a page or a component that was looked up before is out of date.
            let changes = call.changes();
            let is_current = changes == call.changes_so_far();
            let is_complete = outcome.kind() == OutcomeKind::Ok && !context.has_asked();
            let is_shareable = hint.scope() == CacheScope::Private || !is_private(&outcome);
            let is_kept = is_current && is_complete && is_shareable && call.may_reuse();
            if let Some(copy) = outcome.0.copy().filter(|_| is_kept) {
                let lease = Lease {
                    owner: caller.owner,
                    expires: now().saturating_add(hint.ttl_ms()),
                    bytes: OVERHEAD + key.len() + copy.bytes(),
                };
                let outcome = copy;
                cache.keep(key, lease, Kept { outcome, changes });
            }
            outcome
        })
    }
}

/// Returns `true` for a list that an inner layer has changed, perhaps for its caller alone.
fn is_private(outcome: &CallOutcome) -> bool {
    matches!(&outcome.0, Outcome::List(_, page) if page.is_private)
}

/// Returns the arguments exactly: numbers as they are written, and the name of the argument that is completed. The order of
/// members makes no difference to the call.
fn arguments(call: &LayeredCall) -> Option<Value> {
    let params = call.context().call_context().message.params().ok()?;
    let members = match call.kind() {
        CallKind::Tool | CallKind::Prompt => params.arguments().ok()?,
        CallKind::Complete => {
            let (argument, context) = (params.argument().ok()?, params.context().ok()?);
            let context: BTreeMap<String, String> = context.into_iter().collect();
            return Some(json!([argument, context]));
        }
        CallKind::Resource | CallKind::List => return Some(call.arguments().clone()),
    };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(members).ok()?;
    let texts = members
        .iter()
        .map(|(name, json)| (name.clone(), json.get().into()));
    Some(Value::Object(texts.collect()))
}

/// Returns the key of a result, or `None` if it is private and its caller cannot be told from others.
fn key(call: &LayeredCall, caller: &CallerId, hint: Cache) -> Option<String> {
    let caller = match hint.scope() {
        CacheScope::Public => None,
        CacheScope::Private => Some(caller.unique()?),
    };
    let arguments = arguments(call)?;
    let revision = call.context().revision().name();
    let (kind, name, uri) = (call.kind().as_str(), call.name(), call.uri());
    Some(json!([kind, name, uri, arguments, revision, caller]).to_string())
}
