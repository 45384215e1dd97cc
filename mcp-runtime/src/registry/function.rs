//! The functions that complete arguments and list resources: plain or `async`, free functions or methods of the served
//! value, with injected parameters.

use std::future::Future;
use std::sync::Arc;

use super::NeededState;
use crate::call::Call;
use crate::error::ToolError;
use crate::opaque::opaque_debug;
use crate::param::{Description, Param};
use crate::schema::Schemas;
use crate::service::BoxFuture;

/// A function or method of `T` with injected parameters, whose result converts into an `O`.
///
/// `M` distinguishes the kinds of functions for the compiler, which infers it.
pub trait Function<T, O, M>: Send + Sync + 'static {
    /// `true` if no parameter is an argument, which only clients can supply.
    const INJECTED: bool;

    /// Describes the requirements of the parameters.
    #[doc(hidden)]
    fn describe(needs: &mut Needs);

    /// Extracts the parameters and runs the function, unless it may block.
    #[doc(hidden)]
    fn run(self: Arc<Self>, value: Arc<T>, call: Arc<Call>)
    -> BoxFuture<Result<Ran<O>, ToolError>>;
}

/// A function whose parameters are extracted.
#[doc(hidden)]
pub enum Ran<O> {
    /// The output of an `async` function.
    Output(O),
    /// A plain function with its parameters. It may block, and must run on a thread of its own.
    Blocking(Box<dyn FnOnce() -> Result<O, ToolError> + Send>),
}

opaque_debug!(Ran<O>);

/// A result of a [`Function`] that converts into an `O`.
#[doc(hidden)]
pub trait IntoOutput<O> {
    fn into_output(self) -> Result<O, ToolError>;
}

/// Marks plain functions.
#[derive(Debug)]
pub struct Blocking(());

/// Marks `async` functions.
#[derive(Debug)]
pub struct Eventual(());

/// Marks plain methods.
#[derive(Debug)]
pub struct Method(());

/// Marks `async` methods.
#[derive(Debug)]
pub struct AsyncMethod(());

/// A method whose future borrows `self` for `'a`. `P` are its other parameters.
pub trait Eventually<'a, T, P> {
    /// The output of the future.
    type Output;

    /// Calls the method.
    fn begin(
        &self,
        value: &'a T,
        parameters: P,
    ) -> futures_core::future::BoxFuture<'a, Self::Output>;
}

/// Implements [`Function`] for functions and methods with these parameters.
macro_rules! functions {
    ($(($($parameter:ident)*))*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T, O, F, $($parameter,)* R> Function<T, O, (Blocking, ($($parameter,)*), R)> for F
        where
            O: Send + 'static,
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            R: IntoOutput<O>,
            $($parameter: for<'c> Param<'c> + Send + 'static,)*
        {
            functions!(@body $($parameter)* => |function, _value| {
                let run = move || function($($parameter),*).into_output();
                Ok(Ran::Blocking(Box::new(run)))
            });
        }

        #[diagnostic::do_not_recommend]
        impl<T, O, F, $($parameter,)* Fut> Function<T, O, (Eventual, ($($parameter,)*), Fut)> for F
        where
            O: Send + 'static,
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: IntoOutput<O>> + Send + 'static,
            $($parameter: for<'c> Param<'c> + Send + 'static,)*
        {
            functions!(@body $($parameter)* => |function, _value| {
                function($($parameter),*).await.into_output().map(Ran::Output)
            });
        }

        #[diagnostic::do_not_recommend]
        impl<T, O, F, $($parameter,)* R> Function<T, O, (Method, ($($parameter,)*), R)> for F
        where
            T: Send + Sync + 'static,
            O: Send + 'static,
            F: Fn(&T, $($parameter),*) -> R + Send + Sync + 'static,
            R: IntoOutput<O>,
            $($parameter: for<'c> Param<'c> + Send + 'static,)*
        {
            functions!(@body $($parameter)* => |function, value| {
                let run = move || function(&value, $($parameter),*).into_output();
                Ok(Ran::Blocking(Box::new(run)))
            });
        }

        // The first bound on `F` lets the compiler infer the types of the parameters, which the last one does not.
        #[diagnostic::do_not_recommend]
        impl<T, O, F, $($parameter,)* Fut, R> Function<T, O, (AsyncMethod, ($($parameter,)*), Fut, R)> for F
        where
            T: Send + Sync + 'static,
            O: Send + 'static,
            F: Fn(&'static T, $($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R>,
            R: IntoOutput<O>,
            $($parameter: for<'c> Param<'c> + Send + 'static,)*
            F: for<'a> Eventually<'a, T, ($($parameter,)*), Output = R>,
        {
            functions!(@body $($parameter)* => |function, value| {
                function.begin(&value, ($($parameter,)*)).await.into_output().map(Ran::Output)
            });
        }

        impl<'a, T, F, $($parameter,)* Fut> Eventually<'a, T, ($($parameter,)*)> for F
        where
            T: 'a,
            F: Fn(&'a T, $($parameter),*) -> Fut,
            Fut: Future + Send + 'a,
        {
            type Output = Fut::Output;

            #[allow(non_snake_case)] // variables are named after their types
            fn begin(
                &self,
                value: &'a T,
                ($($parameter,)*): ($($parameter,)*),
            ) -> futures_core::future::BoxFuture<'a, Fut::Output> {
                Box::pin(self(value, $($parameter),*))
            }
        }
    )*};
    (@body $($parameter:ident)* => |$function:ident, $value:ident| $result:block) => {
        const INJECTED: bool = true $(&& <$parameter as Param<'static>>::INJECTED)*;

        #[allow(unused_variables)]
        fn describe(needs: &mut Needs) {
            $(needs.add::<$parameter>();)*
        }

        #[allow(non_snake_case, unused_variables)] // variables are named after their types
        fn run(self: Arc<Self>, $value: Arc<T>, call: Arc<Call>) -> BoxFuture<Result<Ran<O>, ToolError>> {
            let $function = self;
            Box::pin(async move {
                $(let $parameter = extract::<$parameter>(&call).await?;)*
                $result
            })
        }
    };
}

functions!(()(P1)(P1 P2)(P1 P2 P3)(P1 P2 P3 P4)(P1 P2 P3 P4 P5)(P1 P2 P3 P4 P5 P6));

/// Extracts a parameter of a function.
async fn extract<'c, P: Param<'c>>(call: &'c Call) -> Result<P, ToolError> {
    let extracted = P::extract(call, 0).await;
    extracted.map_err(|reason| {
        if reason.is_of_caller() {
            return reason;
        }
        ToolError::refused(format!("Invalid request: {reason}"))
    })
}

/// The requirements of a function's parameters.
#[derive(Debug, Default)]
pub struct Needs {
    /// The adjective of the function, such as "completing".
    role: &'static str,
    states: Vec<NeededState>,
    depends_on_caller: bool,
    mistakes: Vec<String>,
}

impl Needs {
    /// Adds the requirements of a parameter.
    fn add<'c, P: Param<'c>>(&mut self) {
        let mut schemas = Schemas::of_input(false);
        let mut description = Description::new(&mut schemas);
        P::describe(&mut description);
        self.states.append(&mut description.states);
        self.depends_on_caller |= P::DEPENDS_ON_CALLER;
        let other = description.only_in.filter(|role| *role != self.role);
        let mistake = mistake(P::INJECTED, other);
        let name = std::any::type_name::<P>();
        self.mistakes
            .extend(mistake.map(|it| format!("takes a `{name}`, {it}")));
    }
}

/// Returns why a function cannot take a parameter. `other` is the adjective of the only functions that can.
fn mistake(injected: bool, other: Option<&str>) -> Option<String> {
    if !injected {
        let why =
            "and clients send no arguments to it: take a type that is injected, such as `State<T>`";
        return Some(why.to_owned());
    }
    other.map(|role| format!("which only {role} functions can take: remove it"))
}

/// A function that extracts its parameters from a call.
type Run<O> = dyn Fn(Arc<Call>) -> BoxFuture<Result<Ran<O>, ToolError>> + Send + Sync;

/// A function of any kind, with its receiver, that returns an `O`.
pub struct Injected<O> {
    run: Arc<Run<O>>,
    describe: fn(&mut Needs),
}

opaque_debug!(Injected<O>);

impl<O> Clone for Injected<O> {
    fn clone(&self) -> Self {
        Self {
            run: Arc::clone(&self.run),
            describe: self.describe,
        }
    }
}

impl<O: 'static> Injected<O> {
    pub(crate) fn new<T, M, F>(function: F, value: Arc<T>) -> Self
    where
        T: Send + Sync + 'static,
        F: Function<T, O, M>,
    {
        let function = Arc::new(function);
        Self {
            run: Arc::new(move |call| Arc::clone(&function).run(Arc::clone(&value), call)),
            describe: F::describe,
        }
    }

    /// Records the states that the function needs, and its mistakes. Returns `true` if it depends on the caller.
    pub(super) fn check(
        &self,
        place: &str,
        role: &'static str,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> bool {
        let mut needs = Needs {
            role,
            ..Needs::default()
        };
        (self.describe)(&mut needs);
        states.extend(needs.states.into_iter().map(|it| (place.to_owned(), it)));
        problems.extend(needs.mistakes.iter().map(|it| format!("{place} {it}")));
        needs.depends_on_caller
    }

    /// Extracts the parameters and runs the function, unless it may block.
    pub(crate) fn run(&self, call: Arc<Call>) -> BoxFuture<Result<Ran<O>, ToolError>> {
        (self.run)(call)
    }
}
