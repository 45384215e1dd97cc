//! A server whose components are checked, with those that are mounted in it, and the start of all of them.

use std::sync::{Arc, Once, OnceLock};

#[cfg(feature = "proxy")]
use super::ServerHandle;
use super::lifespan::Lifespan;
#[cfg(feature = "proxy")]
use super::proxies::ProxyHost;
use super::shutdown::ServerState;
use super::{BuildError, MountedServer, Server};
#[cfg(feature = "auth")]
use crate::auth::Revocation;
use crate::bus::{Bus, Change};
#[cfg(feature = "proxy")]
use crate::call::WatchFn;
use crate::call::{ServerContext, States};
use crate::cluster::Cluster;
use crate::dispatch::{
    About, Composition, Core, Home, Identity, Policies, SearchedServer, prompt_tools,
    resource_tools, search_tools,
};
use crate::error::ToolError;
use crate::in_flight::InFlight;
use crate::layer::Layer;
use crate::logs;
use crate::mount::Mount;
use crate::questions::{PendingRequests, Replay};
use crate::registry::Registry;
use crate::session_data::{DataLimits, DataStore};
#[cfg(feature = "skills")]
use crate::skills::Folder;
use crate::store::{Store, digest};
#[cfg(feature = "proxy")]
use crate::upstream::{Review, Upstream};

/// A server whose components are checked, with the servers that are mounted in it.
pub(super) struct Built {
    pub(super) server: Server,
    /// Receives the server, whose tools can be searched then.
    pub(super) searched: SearchedServer,
    registry: Arc<Registry>,
    mounts: Vec<(Arc<Mount>, Self)>,
}

/// What mounted servers share with the outermost one.
pub(super) struct Shared {
    pub(super) replay: Arc<Replay>,
    pub(super) pending_requests: Arc<PendingRequests>,
    pub(super) cluster: Option<Arc<Cluster>>,
    #[cfg(feature = "auth")]
    pub(super) revocation: Arc<Revocation>,
}

impl Shared {
    /// Returns the store of all replicas.
    fn store(&self) -> Option<Arc<dyn Store>> {
        let cluster = self.cluster.as_ref()?;
        Some(Arc::clone(cluster.store()))
    }
}

/// What a mounted server knows of the one around it.
struct Around {
    in_flight: Arc<InFlight>,
    /// A text that no other server has that is mounted in the same outermost one.
    scope: String,
}

/// A server whose lifespans are not started yet.
pub(super) struct Assembled {
    pub(super) core: Arc<Core>,
    pub(super) state: Arc<ServerState>,
    lifespans: Vec<Lifespan>,
    states: States,
    #[cfg(feature = "proxy")]
    pub(super) proxied: Option<Box<Upstream>>,
    #[cfg(feature = "skills")]
    pub(super) skill_folders: Vec<Folder>,
}

impl Server {
    /// Checks the components of the server and of those that are mounted in it.
    ///
    /// # Errors
    /// Returns all problems.
    pub(super) fn build(mut self) -> Result<Built, BuildError> {
        #[cfg(feature = "proxy")]
        self.read_lock();
        self.select();
        self.connect_visibility();
        let is_enforced = self.access.is_enforced;
        Built::new(self, is_enforced).map_err(BuildError)
    }

    /// Checks the components of this server. `is_enforced` is `true` if the outermost server authenticates callers.
    fn registry(
        &mut self,
        is_enforced: bool,
        searched: &SearchedServer,
    ) -> Result<Registry, Vec<String>> {
        let mut components = std::mem::take(&mut self.components);
        #[cfg(feature = "openapi")]
        components.replace_generated();
        if !is_enforced {
            components.refuse_scopes();
        }
        if components.hide_some() {
            self.visibility.hide();
        }
        self.access.is_enforced = is_enforced;
        if self.prompts_as_tools {
            components.begin_with(prompt_tools());
        }
        if self.resources_as_tools {
            components.begin_with(resource_tools());
        }
        if let Some(search) = &self.tool_search {
            components.begin_with(search_tools(search, searched));
        }
        let (states, search) = (&self.state_types, self.tool_search.take());
        let transforms = std::mem::take(&mut self.transforms);
        Registry::build(components, self.page_size, search, transforms, |needed| {
            states.contains(&needed.0)
        })
    }
}

impl Built {
    fn new(mut server: Server, is_enforced: bool) -> Result<Self, Vec<String>> {
        let searched = SearchedServer::default();
        let registry = server.registry(is_enforced, &searched);
        let mut problems = Vec::new();
        let mut mounts: Vec<(Arc<Mount>, Self)> = Vec::new();
        let mut home = 0;
        for mounted in std::mem::take(&mut server.mounts) {
            match Self::mounted(mounted, home, is_enforced) {
                Ok((mount, inner)) => {
                    home += inner.count();
                    let extensions = add_extensions(&mut server.about, &inner.server.about);
                    problems.extend(extensions);
                    mounts.push((mount, inner));
                }
                Err(inner) => problems.extend(inner),
            }
        }
        let registry = match registry {
            Ok(registry) => Arc::new(registry),
            Err(own) => return Err([own, problems].concat()),
        };
        for (mount, inner) in &mounts {
            let conflicts = registry.mount(mount, &inner.registry);
            problems.extend(conflicts.err().into_iter().flatten());
        }
        if problems.is_empty() {
            problems.extend(registry.unused_transforms());
        }
        let unknown = registry.now().check_always_visible();
        problems.extend(unknown.err().into_iter().flatten());
        if problems.is_empty() {
            Ok(Self {
                server,
                searched,
                registry,
                mounts,
            })
        } else {
            Err(problems)
        }
    }

    /// Checks a mounted server. `home` is its number in the outer one.
    fn mounted(
        mounted: MountedServer,
        home: usize,
        is_enforced: bool,
    ) -> Result<(Arc<Mount>, Self), Vec<String>> {
        let MountedServer { prefix, server } = mounted;
        let name = server.about.name.clone();
        let options = server.outermost_options();
        let refused = options.into_iter().map(|option| {
            format!(
                "the mounted server `{name}` has `.{option}(..)`, which only the outermost server can have: set it there"
            )
        });
        let mut problems: Vec<String> = refused.collect();
        match Self::new(server, is_enforced) {
            Ok(built) if problems.is_empty() => {
                let mount = Mount {
                    prefix,
                    server: name,
                    home,
                };
                return Ok((Arc::new(mount), built));
            }
            Ok(_) => {}
            Err(inner) => {
                let inner = inner.into_iter();
                problems.extend(inner.map(|it| format!("in the mounted server `{name}`: {it}")));
            }
        }
        Err(problems)
    }

    /// Returns the number of this server and of those that are mounted in it.
    fn count(&self) -> usize {
        let inner: usize = self.mounts.iter().map(|(_, inner)| inner.count()).sum();
        1 + inner
    }

    /// Makes the servers ready to start: first this one, and then the mounted ones, each followed by those that are mounted in
    /// it.
    pub(super) fn assemble(self, shared: &Shared) -> (Arc<Core>, Vec<Assembled>) {
        let mut all = Vec::new();
        let core = self.assemble_into(&mut all, shared, None);
        (core, all)
    }

    fn assemble_into(
        self,
        all: &mut Vec<Assembled>,
        shared: &Shared,
        outer: Option<&Around>,
    ) -> Arc<Core> {
        let Self {
            mut server,
            searched: _,
            registry,
            mounts,
        } = self;
        let requests = server.limits.requests;
        let in_flight = match outer {
            None => InFlight::new(requests),
            Some(outer) => InFlight::within(requests, Arc::clone(&outer.in_flight)),
        };
        if outer.is_some()
            && let Some(rate) = server.rate.take()
        {
            // The requests of the outermost server have a limit of their own.
            server.layers.insert(0, Arc::new(rate) as Arc<dyn Layer>);
        }
        let (in_flight, bus) = (
            Arc::new(in_flight),
            Arc::new(Bus::new(server.limits.listeners)),
        );
        let (position, mut homes) = (all.len(), Vec::new());
        for (mount, inner) in mounts {
            let around = Around {
                in_flight: Arc::clone(&in_flight),
                scope: digest((outer.map(|it| &it.scope), &mount.prefix, &mount.server)),
            };
            let inner = inner.assemble_into(all, shared, Some(&around));
            let outer = Arc::clone(&registry);
            let transform = move |list: &Change, component| outer.transformed(list, component);
            let bus = Arc::clone(&bus);
            inner.context.bus.relay(mount, bus, Box::new(transform));
            homes.extend(Home::all_of(&inner));
        }
        let composition = Composition {
            registry,
            homes,
            in_flight,
        };
        let scope = outer.map(|outer| outer.scope.clone());
        let assembled = server.assemble(composition, bus, shared, scope);
        let core = Arc::clone(&assembled.core);
        all.insert(position, assembled);
        core
    }
}

/// Adds the extensions of a mounted server to those of the outer one, and returns the problems of those that differ.
fn add_extensions(outer: &mut About, inner: &About) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, settings) in &inner.extensions {
        let declared = outer.extensions.entry(id.as_str());
        if declared.or_insert_with(|| settings.clone()) != settings {
            problems.push(format!(
                "the extension `{id}` has other settings in the mounted server `{}`: declare the same, or remove one",
                inner.name
            ));
        }
    }
    problems
}

impl Server {
    fn assemble(
        #[cfg_attr(not(feature = "proxy"), allow(unused_mut))] mut self,
        composition: Composition,
        bus: Arc<Bus>,
        shared: &Shared,
        scope: Option<String>,
    ) -> Assembled {
        #[cfg(feature = "proxy")]
        self.states
            .insert(Arc::new(std::mem::take(&mut self.upstreams)));
        logs::announce(&self.forwarded);
        let context = ServerContext {
            states: OnceLock::new(),
            access: self.access,
            #[cfg(feature = "auth")]
            local: self.local,
            #[cfg(feature = "auth")]
            revocation: Some(Arc::clone(&shared.revocation)),
            bus,
            replay: Arc::clone(&shared.replay),
            pending_requests: Arc::clone(&shared.pending_requests),
            cluster: shared.cluster.clone(),
            session_data: match self.session_store {
                Some(store) => DataStore::new(Some(store), DataLimits::of(&self.limits)),
                None => DataStore::new(shared.store(), DataLimits::of(&self.limits)).scoped(scope),
            },
            forwarded: self.forwarded,
            timeout: self.timeout,
            warned: Once::new(),
            mask_errors: self.mask_errors,
            #[cfg(feature = "proxy")]
            watch: self.proxied.as_ref().map(|upstream| {
                let proxy = Arc::clone(upstream.proxy());
                Box::new(move |uri: &str| proxy.watch(uri)) as WatchFn
            }),
        };
        let policies = Policies {
            layers: self.layers,
            visibility: self.visibility,
            rate: self.rate,
            dialect: self.dialect,
            tasks: self.tasks.unwrap_or_default().or_store(shared.store()),
        };
        let core = Core::new(
            composition,
            context,
            Identity::new(self.about),
            self.limits,
            policies,
            self.observer,
        );
        Assembled {
            core: Arc::new(core),
            state: self.state,
            lifespans: self.lifespans,
            states: self.states,
            #[cfg(feature = "proxy")]
            proxied: self.proxied,
            #[cfg(feature = "skills")]
            skill_folders: self.skill_folders,
        }
    }
}

impl Assembled {
    /// Adds the components of upstream servers, and waits until they are known or a time limit is reached.
    #[cfg(feature = "proxy")]
    pub(super) async fn start_proxies(
        proxies: Vec<(Box<Upstream>, Arc<ServerState>)>,
        review: &Review,
        outermost: &ServerState,
    ) {
        let mut starting = tokio::task::JoinSet::new();
        for (upstream, state) in proxies {
            let (proxy, stopping) = (Arc::clone(upstream.proxy()), Arc::clone(upstream.proxy()));
            outermost.push_stop(Box::new(|| Box::pin(async move { stopping.stop().await })));
            let (host, review) = (ProxyHost(ServerHandle(state)), review.clone());
            starting.spawn(async move {
                proxy.start(Arc::new(host), review).await;
            });
        }
        while starting.join_next().await.is_some() {}
    }

    /// Starts the lifespans. `outermost` stops them.
    ///
    /// # Errors
    /// Returns the error of the first one that fails.
    pub(super) async fn start(&mut self, outermost: &ServerState) -> Result<(), ToolError> {
        for lifespan in std::mem::take(&mut self.lifespans) {
            outermost.push_stop(lifespan.start(&mut self.states).await?);
        }
        // The states are set once, because a server starts once.
        let _ = self
            .core
            .context
            .states
            .set(std::mem::take(&mut self.states));
        Ok(())
    }
}
