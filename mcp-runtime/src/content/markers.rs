//! Types that tell kinds of results apart for the compiler.

use std::marker::PhantomData;

/// Marks the results that come at once, in contrast to those that come piece by piece.
#[derive(Debug)]
pub struct Plain(());

/// Marks an `Option` or `Result` of a result that `M` marks.
#[derive(Debug)]
pub struct Nested<M>(PhantomData<M>);
