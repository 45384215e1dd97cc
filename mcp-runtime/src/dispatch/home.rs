//! The servers that are mounted in a server. A call of one of their components has their states, layers and limits.

use std::sync::Arc;

use super::core::{Core, Home};
use crate::content::Content;
use crate::mount::{Mount, Mounted};
use crate::outcome::Outcome;

impl Home {
    fn new(servers: Vec<Arc<Core>>, server: &Core) -> Self {
        Self {
            context: Arc::clone(&server.context),
            in_flight: Arc::clone(&server.in_flight),
            layers: servers
                .iter()
                .flat_map(|it| it.layers.iter().cloned())
                .collect(),
            servers,
        }
    }

    /// Returns the homes of the components of a mounted server: the server, and those that are mounted in it.
    pub(crate) fn all_of(server: &Arc<Core>) -> impl Iterator<Item = Arc<Self>> {
        let own = Self::new(vec![Arc::clone(server)], server);
        let inner = server.homes.iter().map(|home| {
            let mut servers = vec![Arc::clone(server)];
            servers.extend(home.servers.iter().cloned());
            let last = home.servers.last().unwrap_or(server);
            Self::new(servers, last)
        });
        std::iter::once(own).chain(inner).map(Arc::new)
    }

    /// Returns the level of a layer, by its position among the layers of all servers: that of the server it belongs to. The
    /// server that clients use has level 0. `outer` is the number of its layers.
    pub(super) fn level(&self, outer: usize, index: usize) -> usize {
        let mut end = outer;
        if index < end {
            return 0;
        }
        for (number, server) in self.servers.iter().enumerate() {
            end += server.layers.len();
            if index < end {
                return number + 1;
            }
        }
        self.servers.len()
    }

    /// Changes the URIs in the outcome of a mounted server to those of the server around it. `level` is that of the mounted
    /// server. Other URIs than those of its resources stay as they are.
    pub(super) fn leave(&self, level: usize, mounted: &Mounted, outcome: &mut Outcome) {
        let Some(index) = level.checked_sub(1) else {
            return;
        };
        if let (Some(server), Some(mount)) = (self.servers.get(index), mounted.mounts.get(index)) {
            change_uris(outcome, |uri| change_uri(server, mount, uri));
        }
    }

    /// Changes the URIs in the outcome of a component to those that clients know.
    pub(super) fn leave_all(&self, mounted: Option<&Mounted>, outcome: &mut Outcome) {
        if let Some(mounted) = mounted {
            for level in (1..=self.servers.len()).rev() {
                self.leave(level, mounted, outcome);
            }
        }
    }

    /// Returns the URI of a resource of a mounted server as clients know it.
    pub(super) fn outer_uri(&self, mounted: &Mounted, uri: &str) -> String {
        let mut uri = uri.to_owned();
        for (server, mount) in self.servers.iter().zip(&mounted.mounts).rev() {
            change_uri(server, mount, &mut uri);
        }
        uri
    }
}

fn change_uri(server: &Core, mount: &Mount, uri: &mut String) {
    if mount.prefix.is_some() && server.registry.now().resource(uri, |_| true).is_some() {
        *uri = mount.uri(uri);
    }
}

/// Changes the URIs of links, embedded resources and parts of resources.
fn change_uris(outcome: &mut Outcome, change: impl Fn(&mut String)) {
    let in_block = |block: &mut Content| match block {
        Content::ResourceLink(link) => change(&mut link.uri),
        Content::Resource(embedded) => {
            if let Some(uri) = &mut embedded.contents.uri {
                change(uri);
            }
        }
        _ => {}
    };
    match outcome.inner_mut() {
        Outcome::Tool { result, .. } => result.content.iter_mut().for_each(in_block),
        Outcome::Prompt { messages, .. } => {
            messages
                .iter_mut()
                .map(|it| &mut it.content)
                .for_each(in_block);
        }
        Outcome::Read { contents, .. } => {
            let uris = contents.iter_mut().filter_map(|part| part.uri.as_mut());
            uris.for_each(change);
        }
        _ => {}
    }
}
