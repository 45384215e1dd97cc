//! Marker types that distinguish kinds of results for the compiler.

use std::marker::PhantomData;

/// Marks results that are returned at once, as opposed to streams.
#[derive(Debug)]
pub struct Plain(());

/// Marks a `Result` whose error is the result of a tool.
#[derive(Debug)]
pub struct Failed<M>(PhantomData<M>);

/// Marks an `Option` or `Result` of a result of kind `M`.
#[derive(Debug)]
pub struct Nested<M>(PhantomData<M>);
