//! Validation of the `_meta` that handlers return.

use serde_json::{Map, Value};

use crate::protocol::meta::key_mistake;

/// Returns `_meta` without invalid and reserved keys, which are logged. Returns `None` if no key is left.
pub(super) fn checked_meta(mut meta: Map<String, Value>) -> Option<Map<String, Value>> {
    meta.retain(|key, _| {
        let mistake = key_mistake(key);
        if let Some(mistake) = &mistake {
            tracing::warn!("{mistake}; the key is left out");
        }
        mistake.is_none()
    });
    (!meta.is_empty()).then_some(meta)
}
