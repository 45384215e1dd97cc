//! Items for generated code only. They are not part of the public API.

use std::any::Any;

pub use std::any::TypeId;

pub use std::boxed::Box;
pub use std::clone::Clone;
pub use std::default::Default;
pub use std::marker::PhantomData;
pub use std::option::Option::{self, None, Some};
pub use std::sync::Arc;
pub use std::time::Duration;

pub use inventory::submit;
pub use serde_json::Value;

pub use crate::ask::{Elicit, ElicitChoice, ElicitField};
pub use crate::call::Call;
pub use crate::check::{
    Bound, Bounds, Known, NoParam, NoText, PromptOutcome, ResourceOutcome, Supplied, Text, ToolSet,
    UnknownValues, answers, ask, begin_task, boxed, completer, field, flattens, headers, icons,
    lengths, lister, param, param_or, patterns, prompt_result, ranges, resource_result, shared,
    timeout, tool_result,
};
pub use crate::content::ToolResult;
pub use crate::param::Param;
pub use crate::protocol::cache::CacheScope;
pub use crate::registry::{
    App, AppPermission, Completer, Components, Handler, Lister, MoreTools, Parameter, Prompt,
    Registration, Resource, TaskSupport, Tool, ToolVisibility,
};
pub use crate::service::BoxFuture;

use crate::content::IntoToolResult;
use crate::error::{AskError, ToolError};

/// Returns the type id of a function item.
pub fn type_id_of<F: Any>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

/// Returns an id for a package.
pub const fn package_id(parts: [&str; 3]) -> u64 {
    crate::registry::package_id(parts)
}

/// Returns the crate name in a module path.
pub fn crate_of(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// A result that can be made from an error when the function of a component did not run.
pub trait FromToolError {
    /// Makes the result from an error.
    fn fail(error: ToolError) -> Self;
}

impl FromToolError for ToolResult {
    fn fail(error: ToolError) -> Self {
        error.into_tool_result()
    }
}

impl<T> FromToolError for Result<T, ToolError> {
    fn fail(error: ToolError) -> Self {
        Err(error)
    }
}

impl Call {
    /// Makes the result of a call for which not all parameters could be extracted.
    pub fn refuse<R: FromToolError>(&self) -> R {
        R::fail(self.rejection())
    }
}

/// Makes the result of a call whose questions were not all answered.
pub fn unanswered<R: FromToolError>(outcome: Result<(), AskError>) -> R {
    R::fail(outcome.err().unwrap_or(AskError::Cancelled).into())
}

/// A value whose type may or may not be `Serialize`. If it is, the inherent method takes precedence over that of
/// [`NotSerialize`].
#[derive(Debug)]
pub struct DefaultOf<T>(pub T);

impl<T: serde::Serialize> DefaultOf<T> {
    /// Serialises the value.
    pub fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

/// Evaluates a default. It is called like the function that takes the default later, so that rustc reports a wrong default
/// only once.
pub fn made<T>(make: impl FnOnce() -> T) -> T {
    make()
}

/// The fallback of [`DefaultOf`] for types that are not `Serialize`.
pub trait NotSerialize {
    /// Returns `None`.
    fn to_json(&self) -> Option<Value> {
        None
    }
}

impl<T> NotSerialize for &DefaultOf<T> {}

#[doc(hidden)]
#[macro_export]
macro_rules! __default_json {
    ($type:ty, $value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::NotSerialize as _;
        (&$crate::__private::DefaultOf($crate::__private::made::<$type>(|| $value))).to_json()
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($function:ident, $define:ident) => {
        $crate::__private::submit! {
            $crate::__private::Registration::new(
                $crate::__private::package!(),
                $crate::__private::place!(),
                || $crate::__private::type_id_of(&$function),
                || ::core::convert::From::from($define()),
            )
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __register_more {
    ($owner:ty, $add:ident) => {
        $crate::__private::submit! {
            $crate::__private::MoreTools::new(
                $crate::__private::place!(),
                $crate::__private::TypeId::of::<$owner>,
                |value, components| if let ::core::result::Result::Ok(value) = value.downcast() {
                    $add(value, components);
                },
            )
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __package {
    () => {
        const {
            $crate::__private::package_id([
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_PKG_VERSION"),
                ::core::env!("CARGO_MANIFEST_DIR"),
            ])
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __place {
    () => {
        (::core::file!(), ::core::line!(), ::core::column!())
    };
}

pub use crate::{
    __default_json as default_json, __package as package, __place as place, __register as register,
    __register_more as register_more,
};
