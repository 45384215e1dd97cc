//! The version of a component that a request has: the one that it asks for, or the highest that the caller may use.

use std::sync::Arc;

use super::core::Request;
use super::sight::Sight;
use crate::protocol::error::RpcError;
use crate::protocol::json::string;
use crate::protocol::jsonrpc::Message;
use crate::protocol::members::members;
use crate::registry::Listed;

/// The member of `_meta` with the version that a request asks for.
const VERSION: &str = "version";

/// Returns the version that a request asks for.
///
/// # Errors
/// Returns an error if it is not a string.
pub(super) fn wanted(message: &Message) -> Result<Option<String>, RpcError> {
    let meta = message.params()?.meta().json().unwrap_or("{}");
    let Some((_, json)) = members(meta).find(|(name, _)| name == VERSION) else {
        return Ok(None);
    };
    match string(json) {
        Some(version) => Ok(Some(version.into_owned())),
        None => Err(RpcError::invalid_params(
            "`_meta.version`, the version of the component, must be a string",
        )),
    }
}

fn version<T: Listed>(entry: &Arc<T>) -> Option<&str> {
    entry.definition().version.as_deref()
}

impl Request {
    /// Returns the version of a tool or prompt that the request has, or `None` if the caller sees none. `versions` begin with the
    /// highest.
    ///
    /// # Errors
    /// Returns an error if the request asks for a version that the caller does not see.
    #[cold]
    pub(super) fn version<'s, T: Listed>(
        &self,
        versions: &'s [Arc<T>],
        name: &str,
    ) -> Result<Option<&'s Arc<T>>, RpcError> {
        let sight = self.sight();
        let Some(wanted) = wanted(&self.message)? else {
            return Ok(self.highest(&sight, versions));
        };
        let seen = || versions.iter().filter(|it| sight.sees(&***it));
        let has = |it: &&Arc<T>| version(it) == Some(&wanted);
        let known: Vec<&str> = seen().filter_map(version).collect();
        match seen().find(has) {
            None if known.is_empty() => Ok(None),
            None => {
                let (kind, known) = (T::KIND.singular(), known.join("`, `"));
                let error = RpcError::invalid_params(format!(
                    "The {kind} `{name}` has no version `{wanted}`: there are `{known}`"
                ));
                Err(error.concealing(versions.iter().any(|it| has(&it))))
            }
            found => Ok(found),
        }
    }

    /// Returns the highest version that the caller may use, or else the highest that it sees.
    fn highest<'s, T: Listed>(
        &self,
        sight: &Sight<'_>,
        versions: &'s [Arc<T>],
    ) -> Option<&'s Arc<T>> {
        let seen = || versions.iter().filter(|it| sight.sees(&***it));
        let usable = seen().find(|it| self.core.permits(&self.origin, &***it));
        usable.or_else(|| seen().next())
    }

    /// Returns `true` if an entry that the caller sees is the version of a resource that the request has. `wanted` is the one that
    /// it asks for.
    #[cold]
    pub(super) fn has_version<T: Listed>(
        &self,
        sight: &Sight<'_>,
        versions: &[Arc<T>],
        entry: &T,
        wanted: Option<&str>,
    ) -> bool {
        if let Some(wanted) = wanted {
            return entry.definition().version.as_deref() == Some(wanted);
        }
        let highest = self.highest(sight, versions);
        highest.is_some_and(|it| std::ptr::eq(&raw const **it, entry))
    }
}
