//! How long a result may be kept, and by whom.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.

use std::time::Duration;

use mcp_grammar::number::LARGEST_EXACT;
use serde::Serialize;

/// With whom a cached result may be shared.
///
/// It is a hint to caches and no access control: what somebody may not see must be refused to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheScope {
    /// With everybody: it says nothing that only one caller may know.
    Public,
    /// With nobody but who asked.
    Private,
}

/// The most that `ttlMs` can say: JavaScript reads it.
const LARGEST: u64 = LARGEST_EXACT.unsigned_abs();

/// What a result says of caching.
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

    /// Stale at once.
    pub(crate) fn stale(scope: CacheScope) -> Self {
        Self::new(Duration::ZERO, scope)
    }

    /// The same, shared with nobody.
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
