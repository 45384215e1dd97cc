//! Rewriting the files that tests compare with.

use std::env;

/// Returns `true` if the variable asks a test to rewrite the files that it compares with.
///
/// # Panics
///
/// Panics if `CI` is set too: a run that rewrites these files checks nothing.
pub fn is_blessing(variable: &str) -> bool {
    let is_set = env::var_os(variable).is_some();
    assert!(
        !is_set || env::var_os("CI").is_none(),
        "`{variable}` is set in CI, where tests must not rewrite the files that they compare with"
    );
    is_set
}
