//! Where components come from: the functions of a package, found at link time, or values made at run time.

use std::any::TypeId;
use std::collections::BTreeSet;

use super::component_kind::ComponentKind;
use super::definition::Definition;
use super::prompt::Prompt;
use super::resource::Resource;
use super::tool::Tool;

/// What `#[tool]`, `#[resource]` and `#[prompt]` leave beside each function for the linker to collect.
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

/// Tells packages apart, also two of the same name: by a digest of name, version and place.
pub(crate) const fn package_id(parts: [&str; 3]) -> u64 {
    // FNV-1a: it can be computed at compile time, so that the place is not kept in the binary.
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
#[allow(clippy::large_enum_variant)] // it lives only while a server is built
#[derive(Debug)]
pub enum Component {
    /// A tool.
    Tool(Tool),
    /// A resource or a template.
    Resource(Resource),
    /// A prompt.
    Prompt(Prompt),
}

impl Component {
    fn kind(&self) -> ComponentKind {
        match self {
            Self::Tool(_) => ComponentKind::Tool,
            Self::Resource(_) => ComponentKind::Resource,
            Self::Prompt(_) => ComponentKind::Prompt,
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

/// Components for a server: what [`components!`](crate::components) makes.
#[derive(Debug, Default)]
pub struct Components {
    pub(super) all: Vec<Component>,
    pub(super) problems: Vec<String>,
}

/// What a server can be given with [`Server::with`](crate::Server::with): [`Components`], a single [`Tool`], [`Resource`] or
/// [`Prompt`], and every value of a type whose `impl` has `#[tools]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a server could be given",
    label = "no components",
    note = "functions with `#[tool]`, `#[resource(\"..\")]` or `#[prompt]` are given by their names: `components![name, other]`",
    note = "a value whose methods are components has `#[tools]` on the `impl` of its type"
)]
pub trait IntoComponents {
    /// The components.
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

/// What `#[tools]` makes of a type. It has the name of the rule that a second `#[tools]` on another `impl` of the type
/// breaks, which the compiler then shows.
pub trait ToolSet: Sized {
    /// The methods as components, which share the value.
    fn components(self) -> Components;
}

#[diagnostic::do_not_recommend]
impl<T: ToolSet> IntoComponents for T {
    fn into_components(self) -> Components {
        self.components()
    }
}

impl Components {
    /// The annotated functions of a package, by source file and line.
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

    /// The annotated functions of these types, in this order.
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

    /// Adds one more.
    #[doc(hidden)]
    pub fn add(&mut self, component: impl Into<Component>) {
        self.all.push(component.into());
    }

    /// The kinds of component there are among these.
    pub(crate) fn kinds(&self) -> BTreeSet<ComponentKind> {
        self.all.iter().map(Component::kind).collect()
    }

    /// Notes what is wrong with the server that these are for.
    pub(crate) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.all.extend(other.all);
        self.problems.extend(other.problems);
    }
}
