//! Collections of components: the functions of a package, collected at link time, and values made at run time.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
#[cfg(feature = "openapi")]
use std::collections::HashSet;
use std::sync::Arc;

use super::component_kind::ComponentKind;
use super::definition::Definition;
use super::prompt::Prompt;
use super::resource::Resource;
use super::tool::Tool;
use crate::bus::ChangedComponent;

/// The registration of a component, which `#[tool]`, `#[resource]` and `#[prompt]` emit for the linker to collect.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    package: u64,
    place: (&'static str, u32, u32),
    function: fn() -> TypeId,
    define: fn() -> Component,
}

inventory::collect!(Registration);

impl Registration {
    /// Registers a component.
    pub const fn new(
        package: u64,
        place: (&'static str, u32, u32),
        function: fn() -> TypeId,
        define: fn() -> Component,
    ) -> Self {
        Self {
            package,
            place,
            function,
            define,
        }
    }
}

/// Returns a digest of a package's name, version and directory, which differs even for two packages of the same name.
pub(crate) const fn package_id(parts: [&str; 3]) -> u64 {
    // FNV-1a can be computed at compile time, so that the directory is not stored in the binary.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            digest = (digest ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
            index += 1;
        }
        digest = (digest ^ 0xff).wrapping_mul(0x0100_0000_01b3);
        part += 1;
    }
    digest
}

/// A tool, a resource or a prompt.
///
/// ```
/// use mcp_runtime::{Component, Tool, prelude::*};
/// use serde_json::{Value, json};
///
/// async fn hello(_: Value, _: Context) -> &'static str {
///     "Hello!"
/// }
///
/// let tool = Tool::new("hello", json!({ "type": "object" }), hello).description("Say hello.");
/// let server = Server::new("app", "1.0.0").with(Component::from(tool));
/// ```
#[allow(clippy::large_enum_variant)] // exists only while a server is built
#[derive(Debug)]
#[non_exhaustive]
pub enum Component {
    /// A tool.
    Tool(Tool),
    /// A resource or a template.
    Resource(Resource),
    /// A prompt.
    Prompt(Prompt),
}

impl Component {
    pub(super) fn kind(&self) -> ComponentKind {
        match self {
            Self::Tool(_) => ComponentKind::Tool,
            Self::Resource(_) => ComponentKind::Resource,
            Self::Prompt(_) => ComponentKind::Prompt,
        }
    }

    /// Returns the name of a tool or prompt, and the URI or URI template of a resource.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Resource(resource) => &resource.uri,
            Self::Tool(_) | Self::Prompt(_) => &self.definition().name,
        }
    }

    pub(super) fn definition(&self) -> &Definition {
        match self {
            Self::Tool(tool) => &tool.definition,
            Self::Resource(resource) => &resource.definition,
            Self::Prompt(prompt) => &prompt.definition,
        }
    }
}

/// A collection of components for a server, made with [`components!`](crate::components).
///
/// ```
/// use mcp_runtime::{Components, prelude::*};
///
/// /// Add two numbers.
/// #[tool]
/// async fn add(a: f64, b: f64) -> f64 {
///     a + b
/// }
///
/// /// What a library exports for the servers of others.
/// pub fn components() -> Components {
///     components![add]
/// }
///
/// let server = Server::new("calc", "1.0.0").with(components());
/// ```
#[derive(Debug, Default)]
pub struct Components {
    pub(super) all: Vec<Component>,
    pub(super) problems: Vec<String>,
}

/// A type that can be added to a server with [`Server::with`](crate::Server::with): [`Components`], a single [`Tool`],
/// [`Resource`] or [`Prompt`], and every type whose `impl` has `#[tools]`.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// struct Weather;
///
/// #[tools]
/// impl Weather {
///     /// Tell what the weather will be.
///     #[tool]
///     async fn forecast(&self) -> &'static str {
///         "sunny"
///     }
/// }
///
/// /// Say hello.
/// #[tool]
/// async fn hello() -> &'static str {
///     "Hello!"
/// }
///
/// let server = Server::new("app", "1.0.0").with(components![hello]).with(Weather);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a server could be given",
    label = "no components",
    note = "functions with `#[tool]`, `#[resource(\"..\")]` or `#[prompt]` are given by their names: `components![name, other]`",
    note = "a value whose methods are components has `#[tools]` on the `impl` of its type"
)]
pub trait IntoComponents {
    /// Converts into components.
    fn into_components(self) -> Components;
}

#[diagnostic::do_not_recommend]
impl IntoComponents for Components {
    fn into_components(self) -> Components {
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoComponents for Component {
    fn into_components(self) -> Components {
        Components {
            all: vec![self],
            problems: Vec::new(),
        }
    }
}

macro_rules! one_component {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Component {
            fn from(component: $kind) -> Self {
                Self::$kind(component)
            }
        }

        #[diagnostic::do_not_recommend]
        impl IntoComponents for $kind {
            fn into_components(self) -> Components {
                Component::from(self).into_components()
            }
        }
    )*};
}

one_component!(Tool Resource Prompt);

/// The methods of an `impl` with `#[tools(more)]`, which the macro emits for the linker to collect.
#[derive(Debug, Clone, Copy)]
pub struct MoreTools {
    place: (&'static str, u32, u32),
    owner: fn() -> TypeId,
    add: fn(Arc<dyn Any + Send + Sync>, &mut Components),
}

inventory::collect!(MoreTools);

impl MoreTools {
    /// Registers the methods of a type, which `add` adds to the components.
    pub const fn new(
        place: (&'static str, u32, u32),
        owner: fn() -> TypeId,
        add: fn(Arc<dyn Any + Send + Sync>, &mut Components),
    ) -> Self {
        Self { place, owner, add }
    }

    /// Adds the methods of all `impl`s with `#[tools(more)]` of a type, in the order of source file and line.
    pub(crate) fn add_all<T: Send + Sync + 'static>(value: &Arc<T>, components: &mut Components) {
        let of_type = |more: &&Self| (more.owner)() == TypeId::of::<T>();
        let mut found: Vec<&Self> = inventory::iter::<Self>
            .into_iter()
            .filter(of_type)
            .collect();
        found.sort_by_key(|more| more.place);
        for more in found {
            (more.add)(Arc::clone(value) as Arc<dyn Any + Send + Sync>, components);
        }
    }
}

/// A type whose `impl` has `#[tools]`. Each type can implement it once: the compiler shows its name in the error about a
/// second `#[tools]` on another `impl` of the type, which needs `#[tools(more)]`.
pub trait ToolSet: Sized {
    /// Returns the methods as components that share the value.
    fn components(self) -> Components;
}

#[diagnostic::do_not_recommend]
impl<T: ToolSet> IntoComponents for T {
    fn into_components(self) -> Components {
        self.components()
    }
}

impl Components {
    /// Returns the annotated functions of a package, in the order of source file and line.
    #[doc(hidden)]
    pub fn of_package(package: u64) -> Self {
        let mut found: Vec<&Registration> = inventory::iter::<Registration>()
            .filter(|registration| registration.package == package)
            .collect();
        found.sort_by_key(|registration| registration.place);
        Self {
            all: found.iter().map(|found| (found.define)()).collect(),
            problems: Vec::new(),
        }
    }

    /// Returns the annotated functions with these type ids, in this order.
    #[doc(hidden)]
    pub fn of_functions(functions: &[(TypeId, &str)]) -> Self {
        let mut components = Self::default();
        for (function, name) in functions {
            let found = inventory::iter::<Registration>()
                .find(|registration| (registration.function)() == *function);
            match found {
                Some(registration) => components.all.push((registration.define)()),
                None => components.problems.push(format!(
                    "`{name}` in `components![..]` is not annotated: put `#[tool]`, `#[resource(\"..\")]` or `#[prompt]` on the function"
                )),
            }
        }
        components
    }

    /// Adds a component.
    #[doc(hidden)]
    pub fn add(&mut self, component: impl Into<Component>) {
        self.all.push(component.into());
    }

    /// Returns the components by their kinds, as changes of the lists.
    pub(crate) fn changes(&self) -> BTreeMap<ComponentKind, Vec<ChangedComponent>> {
        let mut lists = BTreeMap::<_, Vec<_>>::new();
        for component in &self.all {
            let changed = ChangedComponent {
                name: component.key().to_owned(),
                tags: component.definition().tags.clone(),
                hiding_scopes: component.definition().hiding_scopes().to_vec(),
                mounted: None,
            };
            lists.entry(component.kind()).or_default().push(changed);
        }
        lists
    }

    /// Removes the generated components whose name another component has, too.
    #[cfg(feature = "openapi")]
    pub(crate) fn replace_generated(&mut self) {
        let written = self.all.iter().filter(|it| !it.definition().is_generated);
        let taken: HashSet<_> = written.map(|it| (it.kind(), it.key().to_owned())).collect();
        self.all.retain(|it| {
            let is_free = || !taken.contains(&(it.kind(), it.key().to_owned()));
            !it.definition().is_generated || is_free()
        });
    }

    /// Records the components that need scopes as problems, because the server authenticates nobody.
    pub(crate) fn refuse_scopes(&mut self) {
        for component in &self.all {
            let place = format!("{} `{}`", component.kind().singular(), component.key());
            let scopes = component.definition().scopes.iter();
            self.problems.extend(scopes.map(|scope| {
                format!(
                    "{place} needs the scope `{scope}`, and the server has no authorization: add `.auth(..)`, with the feature \
                     `auth`, or remove `scopes(..)`"
                )
            }));
        }
    }

    /// Returns all scopes that components need.
    #[cfg(all(feature = "auth", feature = "cli"))]
    pub(crate) fn scopes(&self) -> Vec<String> {
        let scopes = self.all.iter().flat_map(|it| &it.definition().scopes);
        scopes.cloned().collect()
    }

    /// Returns `true` if a component is hidden from callers without its scopes.
    pub(crate) fn hide_some(&self) -> bool {
        self.all.iter().any(|it| it.definition().hidden)
    }

    /// Returns `true` if there are neither components nor problems.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.problems.is_empty()
    }

    /// Records a problem that prevents the server from being built.
    pub(crate) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Adds tools before all other components.
    pub(crate) fn begin_with(&mut self, tools: impl IntoIterator<Item = Tool>) {
        self.all.splice(..0, tools.into_iter().map(Component::Tool));
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.all.extend(other.all);
        self.problems.extend(other.problems);
    }
}
