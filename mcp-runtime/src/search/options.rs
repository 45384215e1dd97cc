//! The options of `Server::tool_search`.

use std::collections::BTreeSet;

/// The options of [`Server::tool_search`](crate::Server::tool_search).
///
/// ```
/// use mcp_runtime::{Server, ToolSearch};
///
/// let search = ToolSearch::new().always_visible(["help"]).max_results(8);
/// let server = Server::new("everything", "1.0.0").tool_search(search);
/// ```
#[derive(Debug, Clone)]
pub struct ToolSearch {
    pub(crate) always_visible: BTreeSet<String>,
    pub(crate) max_results: usize,
    /// `true` if all tools are listed, also those that clients must search.
    pub(crate) lists_all: bool,
}

impl Default for ToolSearch {
    fn default() -> Self {
        Self {
            always_visible: BTreeSet::new(),
            max_results: Self::DEFAULT_RESULTS,
            lists_all: false,
        }
    }
}

impl ToolSearch {
    /// The name of the tool that searches.
    pub(crate) const SEARCH: &'static str = "search_tools";
    /// The name of the tool that calls another one.
    pub(crate) const CALL: &'static str = "call_tool";

    /// The default of [`ToolSearch::max_results`].
    const DEFAULT_RESULTS: usize = 5;
    /// The maximum number of results that a client can ask for.
    pub(crate) const MOST_RESULTS: usize = 50;
    /// The maximum length of a query, in characters.
    pub(crate) const LONGEST_QUERY: usize = 1000;

    /// Creates the default options: five results, and no further tool in the list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds tools, by name, that stay in the list. Searches find them, too.
    ///
    /// If the server has no tool of one of these names when it starts, it cannot be built.
    pub fn always_visible(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.always_visible
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Sets the number of results of a search without `limit`: 1 to 50. The default is 5.
    pub fn max_results(mut self, count: usize) -> Self {
        self.max_results = count.clamp(1, Self::MOST_RESULTS);
        self
    }

    /// Returns `true` for the names of the tools that search adds to the server.
    pub(crate) fn is_own(name: &str) -> bool {
        [Self::SEARCH, Self::CALL].contains(&name)
    }

    /// Returns `true` if clients need not search the tool of this name.
    pub(crate) fn shows(&self, name: &str) -> bool {
        Self::is_own(name) || self.always_visible.contains(name)
    }

    /// Returns `true` if the list of tools has the tool of this name.
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.lists_all || self.shows(name)
    }
}
