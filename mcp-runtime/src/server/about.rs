//! What clients learn about a server itself.

use std::time::Duration;

use serde_json::Value;

use super::Server;
use crate::content::{Icon, IntoIcons, is_uri};
use crate::protocol::cache::{Cache, CacheScope};
use crate::protocol::meta::{Prefix, prefix};

impl Server {
    /// Sets the display name of the server.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.about.title = Some(title.into());
        self
    }

    /// Sets the URL of the server's website. With an invalid URL the server cannot be built.
    pub fn website(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        if !is_uri(&url) {
            self.components.problem(format!(
                "the website `{url}` is not a URL: write one such as `https://example.com`"
            ));
        }
        self.about.website = Some(url);
        self
    }

    /// Sets the instructions that tell models how to use the server.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.about.instructions = Some(instructions.into());
        self
    }

    /// Sets the icons that a client may show beside the server's name, in revisions from 2025-11-25 on.
    ///
    /// Each icon is a `https://` URL or a `data:` URI; with any other URI the server cannot be built.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#icons>.
    pub fn icons(mut self, icons: impl IntoIcons) -> Self {
        self.about.icons = icons.into_icons();
        for mistake in self.about.icons.iter().filter_map(Icon::mistake) {
            self.components.problem(format!("the server: {mistake}"));
        }
        self
    }

    /// Sets how long clients may cache lists, the result of `server/discover` and the contents of resources, and with whom
    /// they may share them. The time is sent in milliseconds.
    ///
    /// [`Resource::cache`](crate::Resource::cache) overrides this for one resource. By default no result may be cached: each is
    /// stale immediately. Lists are then public, and contents of resources private.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.about.cache = Some(Cache::new(ttl, scope));
        self
    }

    /// Declares a protocol extension and its settings, in revisions from 2026-07-28 on.
    ///
    /// The id consists of a prefix and a name, such as `com.example/search`, and the settings are a JSON object; otherwise the
    /// server cannot be built.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#extension-negotiation>.
    pub fn extension(mut self, id: impl Into<String>, settings: Value) -> Self {
        let id = id.into();
        if !matches!(prefix(&id), Some(Prefix::Free | Prefix::Reserved)) {
            self.components.problem(format!(
                "the extension `{id}` needs an id with a prefix, such as `com.example/search`"
            ));
        }
        if !settings.is_object() {
            self.components.problem(format!(
                "the settings of the extension `{id}` must be an object: write `json!({{}})` if there are none"
            ));
        }
        if self.about.extensions.insert(id.clone(), settings).is_some() {
            self.components.problem(format!(
                "the extension `{id}` is declared twice: remove one"
            ));
        }
        self
    }
}
