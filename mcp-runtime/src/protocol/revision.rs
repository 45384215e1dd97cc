//! The revisions of the protocol and the one table of what differs between them.
//!
//! Everything else asks a [`Features`] row; nothing else compares revisions.

use super::capability::Capability;
use super::error::{INVALID_PARAMS, RESOURCE_NOT_FOUND};

/// A revision of the Model Context Protocol.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What one revision knows. A legacy revision lacks the fields that came later.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // a table of yes and no
pub(crate) struct Features {
    pub(crate) revision: Revision,
    pub(crate) name: &'static str,
    /// Requests describe themselves; there is no handshake and no session.
    pub(crate) stateless: bool,
    /// Several messages may come as one array.
    pub(crate) batches: bool,
    /// Audio content blocks.
    pub(crate) audio: bool,
    /// `annotations` of tools.
    pub(crate) tool_annotations: bool,
    /// `completions` in the capabilities (before, completion was there without being declared).
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
    /// `resultType` and the server's name in every result.
    pub(crate) result_type: bool,
    /// `ttlMs` and `cacheScope` in lists and resources.
    pub(crate) cache_hints: bool,
    /// Users may be asked to fill in forms.
    pub(crate) elicitation_forms: bool,
    /// Users may be sent to pages.
    pub(crate) elicitation_urls: bool,
    /// Forms for users may have defaults of all kinds.
    pub(crate) elicitation_defaults: bool,
    /// Forms for users may have titled choices, and lists of them.
    pub(crate) titled_enums: bool,
    /// A page that a user is sent to has an id.
    pub(crate) elicitation_ids: bool,
    /// Streams of events begin with an event that carries nothing but its id.
    pub(crate) primed_streams: bool,
    /// Code for a resource that does not exist.
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
    /// Whether there are such questions in this revision, whatever its client declares.
    pub(crate) fn knows(&self, capability: Capability) -> bool {
        match capability {
            Capability::ElicitationForm => self.elicitation_forms,
            Capability::ElicitationUrl => self.elicitation_urls,
            Capability::Sampling | Capability::Roots => true,
        }
    }
}

impl Revision {
    /// How many revisions there are.
    pub(crate) const COUNT: usize = 5;

    /// Every revision, oldest first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The newest revision with a handshake: what `initialize` falls back to.
    pub(crate) const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision of a legacy HTTP request that does not say which one it is written in.
    /// See <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header>.
    pub(crate) const UNSAID: Self = Self::V2025_03_26;

    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;

    /// The revision of this name, such as `2025-11-25`.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.revision)
    }

    /// The revision's name on the wire.
    pub fn name(self) -> &'static str {
        self.features().name
    }

    /// What this revision knows.
    pub(crate) fn features(self) -> &'static Features {
        &TABLE[self.index()]
    }

    /// The revision's place in tables that have one row for each.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// What `initialize` answers to a wish for the revision of this name.
    pub(crate) fn negotiate(wish: &str) -> Self {
        Self::from_name(wish)
            .filter(|revision| !revision.features().stateless)
            .unwrap_or(Self::LATEST_LEGACY)
    }

    /// The revision that a stateless request of this version is served in.
    pub(crate) fn stateless(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|revision| revision.features().stateless)
    }

    /// The names of the revisions whose requests are stateless, newest first.
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
        for revision in Revision::ALL {
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
