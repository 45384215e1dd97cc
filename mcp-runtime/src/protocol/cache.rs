//! Cache hints of results: time to live and scope.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.

use std::time::Duration;

use mcp_grammar::number::LARGEST_EXACT;
use serde::Serialize;

/// The scope in which a cached result may be shared.
///
/// It is a hint to caches and no access control: data that a caller may not see must be refused to that caller.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_runtime::{CacheScope, Server};
///
/// let server = Server::new("app", "1.0.0").cache(Duration::from_secs(60), CacheScope::Private);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheScope {
    /// The result may be shared with all callers: it contains nothing private.
    Public,
    /// The result may be reused only for the caller who requested it.
    Private,
}

/// The largest value of `ttlMs` that JavaScript reads exactly.
const LARGEST: u64 = LARGEST_EXACT.unsigned_abs();

/// The cache hints of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cache {
    ttl_ms: u64,
    scope: CacheScope,
}

impl Cache {
    pub(crate) fn new(ttl: Duration, scope: CacheScope) -> Self {
        Self {
            ttl_ms: u64::try_from(ttl.as_millis()).map_or(LARGEST, |ttl| ttl.min(LARGEST)),
            scope,
        }
    }

    /// Returns hints for a result that is stale at once.
    pub(crate) fn stale(scope: CacheScope) -> Self {
        Self::new(Duration::ZERO, scope)
    }

    /// Returns the same hints with the private scope.
    pub(crate) fn private(self) -> Self {
        Self {
            scope: CacheScope::Private,
            ..self
        }
    }

    pub(crate) fn ttl_ms(self) -> u64 {
        self.ttl_ms
    }

    pub(crate) fn scope(self) -> CacheScope {
        self.scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_in_milliseconds_and_fits_into_javascript() {
        let ttl = |ttl| Cache::new(ttl, CacheScope::Public).ttl_ms();
        assert_eq!(ttl(Duration::from_secs(2)), 2000);
        assert_eq!(ttl(Duration::from_micros(999)), 0);
        assert_eq!(ttl(Duration::MAX), 9_007_199_254_740_991);
    }
}
