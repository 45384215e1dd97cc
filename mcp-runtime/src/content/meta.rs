//! `_meta` of what handlers return.

use serde_json::{Map, Value};

use crate::protocol::meta::key_mistake;

/// Returns `_meta` without the keys that are not the author's to set, which are logged.
pub(super) fn checked_meta(mut meta: Map<String, Value>) -> Option<Map<String, Value>> {
    meta.retain(|key, _| {
        let mistake = key_mistake(key);
        if let Some(mistake) = &mistake {
            tracing::warn!("{mistake}; it is left out");
        }
        mistake.is_none()
    });
    (!meta.is_empty()).then_some(meta)
}
