//! The macros that collect the components of a server.

/// Creates a [`Server`](crate::Server) with the name, the version and all components of the calling package.
///
/// `tracing` events of the calling crate are forwarded to clients that ask for log messages: see
/// [`Server::forward_logs_of`](crate::Server::forward_logs_of).
///
/// Components of other packages are not included: add them with `.with(their_crate::components())`.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     mcp_runtime::server!().run()
/// }
/// ```
#[macro_export]
macro_rules! server {
    () => {
        $crate::Server::new(
            ::core::env!("CARGO_PKG_NAME"),
            ::core::env!("CARGO_PKG_VERSION"),
        )
        .with($crate::components!())
        .forward_logs_of([$crate::__private::crate_of(::core::module_path!())])
    };
    ($($unexpected:tt)+) => {
        ::core::compile_error!(
            "`server!()` takes nothing: for another name write `Server::new(\"name\", \"1.0.0\").with(components!())`"
        )
    };
}

/// Collects [`Components`](crate::Components) for [`Server::with`](crate::Server::with): the functions that are named, or
/// without names all of the calling package.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// mod math {
///     use mcp_runtime::prelude::*;
///
///     /// Multiply two numbers.
///     #[tool]
///     pub async fn mul(a: f64, b: f64) -> f64 {
///         a * b
///     }
/// }
///
/// /// Add two numbers.
/// #[tool]
/// async fn add(a: f64, b: f64) -> f64 {
///     a + b
/// }
///
/// let server = Server::new("calc", "1.0.0").with(components![add, math::mul]);
/// ```
///
/// A library exports its components with `pub fn components() -> Components { components!() }`.
#[macro_export]
macro_rules! components {
    () => {
        $crate::Components::of_package($crate::__private::package!())
    };
    ($($function:path),+ $(,)?) => {
        $crate::Components::of_functions(&[
            $(($crate::__private::type_id_of(&$function), ::core::stringify!($function))),+
        ])
    };
    ($($unexpected:tt)+) => {
        ::core::compile_error!("`components!` takes the paths of functions: write `components![add, math::mul]`")
    };
}
