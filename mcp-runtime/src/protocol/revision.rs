//! The revisions of the protocol and the one table of what differs between them.
//!
//! Other code reads a [`Features`] row; only this file compares revisions.

use super::capability::Capability;
use super::error::{INVALID_PARAMS, RESOURCE_NOT_FOUND};

/// A revision of the Model Context Protocol.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.
///
/// ```
/// use mcp_runtime::Revision;
///
/// assert_eq!(Revision::from_name("2025-11-25"), Some(Revision::V2025_11_25));
/// assert_eq!(Revision::LATEST.name(), "2026-07-28");
/// assert_eq!(Revision::ALL.len(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// 2024-11-05.
    V2024_11_05,
    /// 2025-03-26.
    V2025_03_26,
    /// 2025-06-18.
    V2025_06_18,
    /// 2025-11-25, the last one with a handshake.
    V2025_11_25,
    /// 2026-07-28, stateless.
    V2026_07_28,
}

/// The features of one revision. A legacy revision lacks the fields that later ones added.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // a table of flags
pub(crate) struct Features {
    pub(crate) revision: Revision,
    pub(crate) name: &'static str,
    /// Requests are self-contained; there is no handshake and no session.
    pub(crate) stateless: bool,
    /// Several messages may be sent as one array.
    pub(crate) batches: bool,
    /// Audio content blocks.
    pub(crate) audio: bool,
    /// `annotations` of tools.
    pub(crate) tool_annotations: bool,
    /// `completions` in the capabilities (earlier revisions have completion without declaring it).
    pub(crate) completions_capability: bool,
    /// `message` in progress notifications.
    pub(crate) progress_message: bool,
    /// `resource_link` content blocks.
    pub(crate) resource_links: bool,
    /// `outputSchema` and `structuredContent`.
    pub(crate) structured_content: bool,
    /// `title` and `_meta` of definitions and contents.
    pub(crate) titles_and_meta: bool,
    /// `lastModified` in annotations.
    pub(crate) last_modified: bool,
    /// `websiteUrl` of the server.
    pub(crate) website: bool,
    /// `icons` of definitions, links and the server.
    pub(crate) icons: bool,
    /// `extensions` in the capabilities.
    pub(crate) extensions: bool,
    /// `resultType` and the server's name in each result.
    pub(crate) result_type: bool,
    /// `ttlMs` and `cacheScope` in lists and resources.
    pub(crate) cache_hints: bool,
    /// Tasks of sessions, which are experimental: `tasks` in the capabilities.
    pub(crate) session_tasks: bool,
    /// Questions to users as forms.
    pub(crate) elicitation_forms: bool,
    /// Questions to users as URLs.
    pub(crate) elicitation_urls: bool,
    /// Default values of all kinds in forms.
    pub(crate) elicitation_defaults: bool,
    /// Titled choices, and lists of them, in forms.
    pub(crate) titled_enums: bool,
    /// An id for each URL question.
    pub(crate) elicitation_ids: bool,
    /// An initial event with only an id in each event stream.
    pub(crate) primed_streams: bool,
    /// The error code for a resource that does not exist.
    pub(crate) resource_not_found: i32,
}

const V2024_11_05: Features = Features {
    revision: Revision::V2024_11_05,
    name: "2024-11-05",
    stateless: false,
    batches: false,
    audio: false,
    tool_annotations: false,
    completions_capability: false,
    progress_message: false,
    resource_links: false,
    structured_content: false,
    titles_and_meta: false,
    last_modified: false,
    website: false,
    icons: false,
    extensions: false,
    result_type: false,
    cache_hints: false,
    session_tasks: false,
    elicitation_forms: false,
    elicitation_urls: false,
    elicitation_defaults: false,
    titled_enums: false,
    elicitation_ids: false,
    primed_streams: false,
    resource_not_found: RESOURCE_NOT_FOUND,
};

const V2025_03_26: Features = Features {
    revision: Revision::V2025_03_26,
    name: "2025-03-26",
    batches: true,
    audio: true,
    tool_annotations: true,
    completions_capability: true,
    progress_message: true,
    ..V2024_11_05
};

const V2025_06_18: Features = Features {
    revision: Revision::V2025_06_18,
    name: "2025-06-18",
    batches: false,
    resource_links: true,
    structured_content: true,
    titles_and_meta: true,
    last_modified: true,
    elicitation_forms: true,
    ..V2025_03_26
};

const V2025_11_25: Features = Features {
    revision: Revision::V2025_11_25,
    name: "2025-11-25",
    website: true,
    session_tasks: true,
    elicitation_urls: true,
    elicitation_defaults: true,
    titled_enums: true,
    elicitation_ids: true,
    primed_streams: true,
    icons: true,
    ..V2025_06_18
};

const V2026_07_28: Features = Features {
    revision: Revision::V2026_07_28,
    name: "2026-07-28",
    stateless: true,
    result_type: true,
    cache_hints: true,
    session_tasks: false,
    elicitation_ids: false,
    primed_streams: false,
    extensions: true,
    resource_not_found: INVALID_PARAMS,
    ..V2025_11_25
};

static TABLE: [Features; Revision::COUNT] = [
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
    V2026_07_28,
];

impl Features {
    /// Returns `true` if this revision has the questions of this capability, whether or not the client declares it.
    pub(crate) fn knows(&self, capability: Capability) -> bool {
        match capability {
            Capability::ElicitationForm => self.elicitation_forms,
            Capability::ElicitationUrl => self.elicitation_urls,
            Capability::Sampling | Capability::Roots => true,
        }
    }
}

impl Revision {
    /// The number of revisions.
    pub(crate) const COUNT: usize = 5;

    /// Every revision, oldest first.
    pub const ALL: &'static [Self] = &Self::ROWS;

    /// Every revision, oldest first, for tables with one row for each.
    pub(crate) const ROWS: [Self; Self::COUNT] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The newest revision with a handshake, and the fallback of `initialize`.
    pub(crate) const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision of a legacy HTTP request without a version header.
    /// See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header>.
    pub(crate) const UNSAID: Self = Self::V2025_03_26;

    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;

    /// Returns the revision with this name, such as `2025-11-25`.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.revision)
    }

    /// Returns the revision's name on the wire.
    pub fn name(self) -> &'static str {
        self.features().name
    }

    /// Returns the features of this revision.
    pub(crate) fn features(self) -> &'static Features {
        &TABLE[self.index()]
    }

    /// Returns the revision's index in tables with one row for each revision.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Returns the revision with which `initialize` answers a request for the revision of this name.
    pub(crate) fn negotiate(requested: &str) -> Self {
        Self::from_name(requested)
            .filter(|revision| !revision.features().stateless)
            .unwrap_or(Self::LATEST_LEGACY)
    }

    /// Returns the stateless revision with this name.
    pub(crate) fn stateless(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|revision| revision.features().stateless)
    }

    /// Returns the names of the stateless revisions, newest first.
    pub(crate) fn stateless_names() -> Vec<&'static str> {
        TABLE
            .iter()
            .rev()
            .filter(|row| row.stateless)
            .map(|row| row.name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_at_its_revision() {
        for revision in Revision::ROWS {
            assert_eq!(revision.features().revision, revision);
            assert_eq!(Revision::from_name(revision.name()), Some(revision));
        }
    }

    #[test]
    fn initialize_never_negotiates_the_stateless_revision() {
        assert_eq!(Revision::negotiate("2025-03-26"), Revision::V2025_03_26);
        assert_eq!(Revision::negotiate("2026-07-28"), Revision::V2025_11_25);
        assert_eq!(Revision::negotiate("1999-01-01"), Revision::V2025_11_25);
    }
}
