//! OAuth scopes: their syntax, which of them imply others, and whether those of a caller suffice.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use mcp_grammar::name::{SCOPE_RULE, is_scope};

/// The scopes that imply others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// For each scope, all scopes that imply it, directly or through others.
    implied_by: BTreeMap<String, BTreeSet<String>>,
    /// `true` if the server authenticates callers, so that components can need scopes.
    pub(crate) is_enforced: bool,
}

impl Access {
    /// Declares that a scope implies another, and whatever that one implies.
    #[cfg(feature = "auth")]
    pub(crate) fn imply(&mut self, broad: &str, narrow: &str) {
        let mut sources = self.implied_by.get(broad).cloned().unwrap_or_default();
        sources.insert(broad.to_owned());
        let implies =
            |(scope, by): (&String, &BTreeSet<String>)| by.contains(narrow).then(|| scope.clone());
        let mut targets: Vec<String> = self.implied_by.iter().filter_map(implies).collect();
        targets.push(narrow.to_owned());
        for target in targets {
            let implied_by = self.implied_by.entry(target).or_default();
            implied_by.extend(sources.iter().cloned());
        }
    }

    /// Returns `true` if one of the granted scopes is the needed one or implies it.
    pub(crate) fn grants(&self, granted: &[String], needed: &str) -> bool {
        let broader = self.implied_by.get(needed);
        let suffices =
            |scope: &String| scope == needed || broader.is_some_and(|it| it.contains(scope));
        granted.iter().any(suffices)
    }

    /// Returns `true` if the granted scopes suffice for all needed ones.
    pub(crate) fn suffices(&self, granted: &[String], needed: &[String]) -> bool {
        needed.iter().all(|scope| self.grants(granted, scope))
    }

    /// Returns the scopes that imply this one.
    #[cfg(feature = "cli")]
    pub(crate) fn broader(&self, scope: &str) -> impl Iterator<Item = &str> {
        let broader = self.implied_by.get(scope).into_iter().flatten();
        broader.map(String::as_str).filter(move |it| *it != scope)
    }
}

#[cfg(all(test, feature = "auth"))]
mod tests {
    use super::*;

    fn granted(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn implication_is_transitive_in_whatever_order_it_is_declared() {
        let edges = [("root", "admin"), ("admin", "write"), ("write", "read")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            let mut access = Access::default();
            for index in order {
                access.imply(edges[index].0, edges[index].1);
            }
            assert!(access.grants(&granted(&["root"]), "read"), "{order:?}");
            assert!(access.suffices(&granted(&["admin"]), &granted(&["read", "write"])));
            assert!(!access.grants(&granted(&["read"]), "write"));
            assert!(!access.suffices(&granted(&["read"]), &granted(&["read", "write"])));
            assert!(!access.grants(&granted(&["write"]), "root"));
            assert!(!access.grants(&granted(&["adm", "roots"]), "read"));
        }
    }

    #[test]
    fn scopes_that_imply_each_other_are_equivalent() {
        let mut access = Access::default();
        for (broad, narrow) in [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")] {
            access.imply(broad, narrow);
        }
        for one in ["a", "b", "c"] {
            for other in ["a", "b", "c", "d"] {
                assert!(access.grants(&granted(&[one]), other), "{one} {other}");
            }
            assert!(!access.grants(&granted(&["d"]), one));
        }
    }
}
