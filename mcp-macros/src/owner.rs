//! The type whose methods are components.

use syn::Type;

/// The type of an `impl` with `#[tools]`.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) ty: Type,
    /// `true` if the `impl` has generic parameters, which nested items cannot use.
    pub(crate) is_generic: bool,
}
