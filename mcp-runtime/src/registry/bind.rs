//! Binding of functions that an attribute names: free functions, and methods of the served value.

use std::future::Future;
use std::sync::Arc;

use futures_core::future::BoxFuture;

/// A function that takes an `A`, or a method of `T` that takes `&self` and an `A`: plain or `async`.
#[diagnostic::on_unimplemented(
    message = "this is no function that takes a `{A}`",
    label = "neither a function nor a method of the value",
    note = "write `fn name(given: mcp_runtime::{A}) -> ..`, or `fn name(&self, given: mcp_runtime::{A}) -> ..`; either may be an `async fn`"
)]
pub trait Bind<T, A, M>: Send + Sync + 'static {
    /// The function, with the receiver of a method bound.
    type Bound;

    /// Binds the receiver of a method to a value. Free functions are returned unchanged.
    fn bind(self, value: &Arc<T>) -> Self::Bound;
}

/// Marks free functions.
#[derive(Debug)]
pub struct Free(());

/// Marks plain methods.
#[derive(Debug)]
pub struct Method(());

/// Marks `async` methods.
#[derive(Debug)]
pub struct AsyncMethod(());

impl<T, A, F, R> Bind<T, A, (Free, R)> for F
where
    F: Fn(A) -> R + Send + Sync + 'static,
{
    type Bound = F;

    fn bind(self, _: &Arc<T>) -> F {
        self
    }
}

impl<T, A, F, R> Bind<T, A, (Method, R)> for F
where
    T: Send + Sync + 'static,
    F: Fn(&T, A) -> R + Send + Sync + 'static,
{
    type Bound = Box<dyn Fn(A) -> R + Send + Sync>;

    fn bind(self, value: &Arc<T>) -> Self::Bound {
        let value = Arc::clone(value);
        Box::new(move |given| self(&value, given))
    }
}

impl<T, A, F, R> Bind<T, A, (AsyncMethod, R)> for F
where
    T: Send + Sync + 'static,
    A: Send + 'static,
    F: for<'a> Eventually<'a, T, A, Output = R> + Send + Sync + 'static,
{
    type Bound = Box<dyn Fn(A) -> BoxFuture<'static, R> + Send + Sync>;

    fn bind(self, value: &Arc<T>) -> Self::Bound {
        let bound = Arc::new((self, Arc::clone(value)));
        Box::new(move |given| {
            let bound = Arc::clone(&bound);
            Box::pin(async move {
                let (method, value) = &*bound;
                method.begin(value, given).await
            })
        })
    }
}

/// A method whose future borrows `self` for `'a`.
pub trait Eventually<'a, T, A> {
    /// The output of the future.
    type Output;

    /// Calls the method.
    fn begin(&self, value: &'a T, given: A) -> BoxFuture<'a, Self::Output>;
}

impl<'a, T, A, F, Fut> Eventually<'a, T, A> for F
where
    T: 'a,
    F: Fn(&'a T, A) -> Fut,
    Fut: Future + Send + 'a,
{
    type Output = Fut::Output;

    fn begin(&self, value: &'a T, given: A) -> BoxFuture<'a, Fut::Output> {
        Box::pin(self(value, given))
    }
}
