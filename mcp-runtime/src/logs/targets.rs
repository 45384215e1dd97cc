//! The targets whose events may be forwarded: those that a server of this process announced.
//!
//! `tracing` caches the interest in each callsite, so events of other targets cost nothing.

use tracing::Metadata;

use crate::sync::RwLock;

/// The targets of all servers.
static ANNOUNCED: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// The target of this crate. Its events are never forwarded, because some of them are emitted while messages are sent.
const OWN_TARGET: &str = env!("CARGO_CRATE_NAME");

/// Adds the targets of a server.
pub(crate) fn announce(targets: &[String]) {
    let mut announced = ANNOUNCED.write();
    let known = announced.len();
    for target in targets {
        if !announced.contains(target) {
            announced.push(target.clone());
        }
    }
    let has_grown = announced.len() > known;
    // Rebuilding the cache takes the lock again, for every callsite.
    drop(announced);
    if has_grown {
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Returns `true` if no server has announced a target.
pub(super) fn is_empty() -> bool {
    ANNOUNCED.read().is_empty()
}

/// Returns `true` if any server may forward the event.
pub(super) fn may_be_forwarded(metadata: &Metadata<'_>) -> bool {
    let announced = ANNOUNCED.read();
    metadata.is_event() && contain(&announced, metadata.target())
}

/// Returns `true` if a target is one of `targets`, or a module below one of them.
pub(super) fn contain(targets: &[String], target: &str) -> bool {
    let is_below = |above: &str| {
        target
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    targets.iter().any(|above| is_below(above)) && !is_below(OWN_TARGET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stands_for_itself_and_what_is_below_it() {
        let targets = [
            "app".to_owned(),
            "other::part".to_owned(),
            OWN_TARGET.to_owned(),
        ];
        for target in ["app", "app::tools::deep", "other::part", "other::part::x"] {
            assert!(contain(&targets, target), "{target}");
        }
        for target in [
            "",
            "apple",
            "ap",
            "other",
            "my::app",
            "mcp_runtime::dispatch",
        ] {
            assert!(!contain(&targets, target), "{target}");
        }
    }
}
