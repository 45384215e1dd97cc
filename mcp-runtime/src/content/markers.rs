//! Marker types that distinguish kinds of results for the compiler.

use std::marker::PhantomData;

/// Marks results that are returned at once, as opposed to streams.
#[derive(Debug)]
pub struct Plain(());

/// Marks an `Option` or `Result` of a result of kind `M`.
#[derive(Debug)]
pub struct Nested<M>(PhantomData<M>);
