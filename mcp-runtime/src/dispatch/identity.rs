//! The server's description of itself.

use serde_json::{Map, Value, json};

use crate::content::Icon;
use crate::protocol::Revision;
use crate::protocol::cache::Cache;
use crate::protocol::revision::Features;
#[cfg(feature = "proxy")]
use crate::sync::RwLock;

/// The server's description of itself, encoded for each revision.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) name: String,
    instructions: Option<String>,
    /// The instructions of the upstream server whose components these are.
    #[cfg(feature = "proxy")]
    relayed: RwLock<Option<String>>,
    /// The cache hint of lists, and of resources without a hint of their own.
    pub(crate) cache: Option<Cache>,
    pub(super) extensions: Map<String, Value>,
    /// The name and version as JSON, in the format of each revision.
    info: [String; Revision::COUNT],
    /// The same with icons, which are too long for every result.
    introduction: [String; Revision::COUNT],
}

/// The configured description of a server.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: Option<String>,
    pub(crate) website: Option<String>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) instructions: Option<String>,
    pub(crate) extensions: Map<String, Value>,
    pub(crate) cache: Option<Cache>,
}

impl Identity {
    pub(crate) fn new(about: About) -> Self {
        Self {
            info: Revision::ROWS.map(|revision| info(&about, revision.features()).to_string()),
            introduction: Revision::ROWS
                .map(|revision| introduction(&about, revision.features()).to_string()),
            name: about.name,
            instructions: about.instructions,
            #[cfg(feature = "proxy")]
            relayed: RwLock::default(),
            cache: about.cache,
            extensions: about.extensions,
        }
    }

    /// Sets the instructions of the upstream server whose components these are.
    #[cfg(feature = "proxy")]
    pub(crate) fn relay(&self, instructions: Option<&str>) {
        *self.relayed.write() = instructions.map(str::to_owned);
    }

    /// Calls a function with the instructions, if there are some: those of the server, or else of its upstream server.
    pub(super) fn instructions(&self, push: impl FnOnce(&str)) {
        #[cfg(feature = "proxy")]
        let relayed = self.relayed.read();
        #[cfg(feature = "proxy")]
        let instructions = self.instructions.as_ref().or(relayed.as_ref());
        #[cfg(not(feature = "proxy"))]
        let instructions = self.instructions.as_ref();
        if let Some(instructions) = instructions {
            push(instructions);
        }
    }

    pub(super) fn info(&self, features: &Features) -> &str {
        &self.info[features.revision.index()]
    }

    pub(super) fn introduction(&self, features: &Features) -> &str {
        &self.introduction[features.revision.index()]
    }
}

fn info(about: &About, features: &Features) -> Value {
    let mut info = json!({ "name": about.name, "version": about.version });
    if let Some(title) = about.title.as_ref().filter(|_| features.titles_and_meta) {
        info["title"] = title.as_str().into();
    }
    if let Some(website) = about.website.as_ref().filter(|_| features.website) {
        info["websiteUrl"] = website.as_str().into();
    }
    info
}

fn introduction(about: &About, features: &Features) -> Value {
    let mut info = info(about, features);
    if features.icons && !about.icons.is_empty() {
        info["icons"] = json!(about.icons);
    }
    info
}
