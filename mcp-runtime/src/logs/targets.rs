//! Which events may be forwarded at all: those of targets that a server of this process named.
//!
//! `tracing` asks once for each place in the code, so that all others cost nothing.

use tracing::Metadata;

use crate::sync::RwLock;

/// The targets of all servers.
static ANNOUNCED: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Our own events are never forwarded: some are about the sending of messages.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Makes the targets of a server known.
pub(crate) fn announce(targets: &[String]) {
    let mut announced = ANNOUNCED.write();
    let known = announced.len();
    for target in targets {
        if !announced.contains(target) {
            announced.push(target.clone());
        }
    }
    let is_news = announced.len() > known;
    // Every place in the code is asked again, which needs the lock.
    drop(announced);
    if is_news {
        tracing_core::callsite::rebuild_interest_cache();
    }
}

/// Whether no server has named any.
pub(super) fn are_none() -> bool {
    ANNOUNCED.read().is_empty()
}

/// Whether an event may be forwarded by any server.
pub(super) fn may_be_forwarded(metadata: &Metadata<'_>) -> bool {
    let announced = ANNOUNCED.read();
    metadata.is_event() && are_of(&announced, metadata.target())
}

/// Whether a target is one of these, or below one.
pub(super) fn are_of(targets: &[String], target: &str) -> bool {
    let is_below = |above: &str| {
        target
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    targets.iter().any(|above| is_below(above)) && !is_below(OURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stands_for_itself_and_what_is_below_it() {
        let targets = ["app".to_owned(), "other::part".to_owned(), OURS.to_owned()];
        for target in ["app", "app::tools::deep", "other::part", "other::part::x"] {
            assert!(are_of(&targets, target), "{target}");
        }
        for target in [
            "",
            "apple",
            "ap",
            "other",
            "my::app",
            "mcp_runtime::dispatch",
        ] {
            assert!(!are_of(&targets, target), "{target}");
        }
    }
}
