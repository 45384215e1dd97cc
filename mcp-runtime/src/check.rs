//! Functions that generated code calls, so that the compiler reports an unsuitable type with a clear message and at the
//! right place.
//!
//! They are not meant to be called by hand.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::ask::{self, AskParam, ElicitField};
use crate::call::{Call, Slot};
use crate::content::{Icon, IntoIcons, IntoPrompt, IntoResource, IntoToolResult, ToolResult};
use crate::error::{AskError, ToolError};
use crate::param::{Extraction, Param};
use crate::registry::{CompleteWith, Components, ListWith, MoreTools};
use crate::service::{BoxFuture, Timeout};

pub use crate::ask::{Answerable, Asked, Asking};
pub use crate::content::{Failure, PromptOutcome, ResourceOutcome};
pub use crate::registry::{
    AsyncMethod, Blocking, Bound, Bounds, Completer, Eventual, Eventually, Function, Injected,
    IntoOutput, Lister, Method, Needs, Ran, ToolSet,
};

/// Extracts a parameter from a call, or records why it cannot be extracted.
#[inline]
pub fn param<'c, T: Param<'c>>(call: &'c Call, index: usize) -> Extracted<'c, T> {
    match T::extract(call, index).into_ready() {
        Ok(Ok(value)) => Extracted(State::Ready(Some(value))),
        Ok(Err(reason)) => {
            reject(call, T::INJECTED, &reason);
            Extracted(State::Ready(None))
        }
        Err(extraction) => Extracted(State::Waiting(call, extraction)),
    }
}

/// A parameter of a call. It resolves to `None` if it cannot be extracted, after the reason is recorded.
#[derive(Debug)]
pub struct Extracted<'c, T>(State<'c, T>);

#[derive(Debug)]
enum State<'c, T> {
    /// The value, which the first poll takes.
    Ready(Option<T>),
    Waiting(&'c Call, Extraction<'c, T>),
}

// No reference to a pinned value is ever made.
impl<T> Unpin for Extracted<'_, T> {}

impl<T> Future for Extracted<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            State::Ready(value) => Poll::Ready(value.take()),
            State::Waiting(call, extraction) => {
                let polled = Pin::new(extraction).poll(context);
                polled.map(|result| accept(call, result))
            }
        }
    }
}

impl<T> Extracted<'_, T> {
    /// Waits on a thread that may block.
    pub fn wait(self) -> Option<T> {
        let (call, extraction) = match self.0 {
            State::Ready(value) => return value,
            State::Waiting(call, extraction) => (call, extraction),
        };
        let Ok(runtime) = Handle::try_current() else {
            return rejected(call, "a parameter has to wait, and no runtime is running");
        };
        let cancel = call.cancel();
        runtime.block_on(async {
            tokio::select! {
                biased;
                result = extraction => accept(call, result),
                () = cancel.cancelled() => rejected(call, "the call was cancelled"),
            }
        })
    }

    /// Takes the parameter on a thread that must not block.
    pub fn now(self) -> Option<T> {
        let message = "a parameter has to wait, which an `inline` function cannot: remove `inline`";
        match self.0 {
            State::Ready(value) => value,
            State::Waiting(call, _) => rejected(call, message),
        }
    }
}

/// Returns a value that waits until the call is a task, if it becomes one before the function begins.
pub fn begin_task(call: &Call) -> BeginTask<'_> {
    BeginTask(call)
}

/// The wait of a function whose calls can become tasks.
#[derive(Debug)]
pub struct BeginTask<'c>(&'c Call);

impl BeginTask<'_> {
    /// Waits.
    pub async fn wait(self) {
        self.0.begin_task().await;
    }

    /// Waits on a thread that may block. Returns `false` if the function must not begin.
    pub fn block(self) -> bool {
        let cancel = self.0.cancel();
        let Ok(runtime) = Handle::try_current() else {
            return rejected::<()>(self.0, "a task needs a runtime, and none is running").is_some();
        };
        let begun = runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.0.begin_task() => Some(()),
                () = cancel.cancelled() => rejected(self.0, "the call was cancelled"),
            }
        });
        begun.is_some()
    }
}

/// Records why a parameter cannot be extracted.
#[cold]
fn reject(call: &Call, is_injected: bool, reason: &ToolError) {
    if is_injected {
        call.reject_request(reason);
    } else {
        call.reject(reason);
    }
}

/// Records the reason of an extraction that failed. Only injected parameters wait.
fn accept<T>(call: &Call, result: Result<T, ToolError>) -> Option<T> {
    result.map_err(|reason| call.reject_request(&reason)).ok()
}

fn rejected<T>(call: &Call, reason: &str) -> Option<T> {
    call.reject_request(&ToolError::new(reason));
    None
}

/// Extracts a parameter that has a default from a call. A missing argument gives the default. So does null, unless the
/// parameter is nullable.
pub fn param_or<'c, T: Param<'c>>(
    call: &'c Call,
    index: usize,
    default: impl FnOnce() -> T,
) -> Extracted<'c, T> {
    let is_given = match call.arguments.slot(index) {
        Slot::Missing => false,
        Slot::Json(_) | Slot::Fixed(_) => {
            call.json(index) != Some("null") || call.signature.is_nullable(index)
        }
        _ => true,
    };
    if is_given {
        return param(call, index);
    }
    Extracted(State::Ready(Some(default())))
}

/// Creates the question of a parameter that the user answers.
pub fn ask<P: AskParam>(call: &Call, message: &str, key: Option<&str>) -> Asking<P> {
    Asking::new(call, message, key)
}

/// Waits for the answers to all questions, which are asked concurrently.
///
/// # Errors
/// Returns an error if a question was not answered and the call cannot continue.
pub async fn answers(questions: &mut [&mut (dyn Asked + Send)]) -> Result<(), AskError> {
    ask::all(questions).await
}

/// Wraps the value whose methods are components. It is shared, because each call may run on a different thread. The returned
/// function adds the methods of the other `impl`s of the type, which have `#[tools(more)]`.
pub fn shared<T: Send + Sync + 'static>(value: T) -> (Arc<T>, AddMore<T>) {
    (Arc::new(value), MoreTools::add_all)
}

/// A function that adds components of a shared value.
pub type AddMore<T> = fn(&Arc<T>, &mut Components);

/// Checks that a type can be a field of a form.
pub const fn field<T: ElicitField>() {}

/// Makes the result of a tool.
pub fn tool_result<T: IntoToolResult<M>, M>(value: T) -> ToolResult {
    value.into_tool_result()
}

/// Makes the result of a resource.
pub fn resource_result<T: IntoResource<M>, M>(value: T) -> ResourceOutcome {
    value.into_resource()
}

/// Makes the result of a prompt.
pub fn prompt_result<T: IntoPrompt<M>, M>(value: T) -> PromptOutcome {
    value.into_prompt()
}

/// A function that an attribute names, before it is bound to the served value. It becomes an `R`.
#[derive(Debug)]
pub struct Unbound<T, F, R> {
    /// `true` if no parameter of the function is an argument.
    pub injected: bool,
    function: F,
    bind: fn(F, Arc<T>) -> R,
}

impl<T, F, R> Unbound<T, F, R> {
    /// Binds the function to the value whose methods are components.
    pub fn bound(self, value: &Arc<T>) -> R {
        (self.bind)(self.function, Arc::clone(value))
    }
}

impl<F, R> Unbound<(), F, R> {
    /// Makes an `R` from a free function.
    pub fn free(self) -> R {
        (self.bind)(self.function, Arc::new(()))
    }
}

/// Checks a completing function of any kind, which may be a method of `T`.
pub const fn completer<T, F, M>(_: PhantomData<T>, function: F) -> Unbound<T, F, Completer>
where
    T: Send + Sync + 'static,
    F: CompleteWith<M, T>,
{
    Unbound {
        injected: F::INJECTED,
        function,
        bind: Completer::new::<T, M, F>,
    }
}

/// Checks a listing function of any kind, which may be a method of `T`.
pub const fn lister<T, F, M>(_: PhantomData<T>, function: F) -> Unbound<T, F, Lister>
where
    T: Send + Sync + 'static,
    F: ListWith<M, T>,
{
    Unbound {
        injected: F::INJECTED,
        function,
        bind: Lister::new::<T, M, F>,
    }
}

/// Makes a list of icons.
pub fn icons(icons: impl IntoIcons) -> Vec<Icon> {
    icons.into_icons()
}

/// Makes a time limit from a `Duration` or a `Timeout`.
pub fn timeout(limit: impl Into<Timeout>) -> Timeout {
    limit.into()
}

/// A probe that determines whether a parameter type is injected.
///
/// A type that is not a [`Param`] is reported where it is extracted from the call. To avoid a second report here, the
/// constant of [`NoParam`] is used for such a type.
#[derive(Debug)]
pub struct Supplied<T>(PhantomData<T>);

impl<T: Param<'static>> Supplied<T> {
    /// `Some(true)` if the server supplies the value, `Some(false)` if the client does.
    pub const BY_SERVER: Option<bool> = Some(T::INJECTED);
}

/// The fallback of [`Supplied`] for types that are not parameters.
pub trait NoParam {
    /// `None`: the type is not a parameter.
    const BY_SERVER: Option<bool> = None;
}

impl<T> NoParam for Supplied<T> {}

/// Boxes the future of a handler, which may be moved to another thread while it waits.
pub fn boxed<F: Future + Send + 'static>(future: F) -> BoxFuture<F::Output> {
    Box::pin(future)
}

/// A kind of values, as far as it matters for the options of `#[arg]`.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Numbers without a fraction.
    Integers,
    /// Numbers.
    Floats,
    /// `true` and `false`.
    Booleans,
    /// Strings and characters.
    Texts,
    /// Lists and sets.
    Lists,
    /// Maps.
    Maps,
}

/// A classification of well-known types at compile time. Other types, for which the constant of [`UnknownValues`] is used,
/// are checked against their schema when the server is built.
#[derive(Debug)]
pub struct Known<T>(PhantomData<T>);

/// The fallback of [`Known`] for all other types.
pub trait UnknownValues {
    /// `None`: the kind of the values is not known.
    const VALUES: Option<Values> = None;
}

impl<T> UnknownValues for Known<T> {}

macro_rules! known {
    ($($values:ident: $([$($generic:tt)*] $type:ty),*;)*) => {$($(
        impl<$($generic)*> Known<$type> {
            /// The kind of its values.
            pub const VALUES: Option<Values> = Some(Values::$values);
        }

        impl<$($generic)*> Known<Option<$type>> {
            /// The kind of the values in the `Option`.
            pub const VALUES: Option<Values> = Some(Values::$values);
        }
    )*)*};
}

known! {
    Integers: [] i8, [] i16, [] i32, [] i64, [] i128, [] isize, [] u8, [] u16, [] u32, [] u64, [] u128, [] usize;
    Floats: [] f32, [] f64;
    Booleans: [] bool;
    Texts: [] char, [] String, ['a] &'a str, ['a] Cow<'a, str>;
    Lists: [T] Vec<T>, [T, const N: usize] [T; N], [T] BTreeSet<T>, [T, S] HashSet<T, S>;
    Maps: [K, V] BTreeMap<K, V>, [K, V, S] HashMap<K, V, S>;
}

/// A conversion of a string literal to a string type. For other types the function of [`NoText`] returns the literal itself,
/// so that the compiler reports a type mismatch.
#[derive(Debug)]
pub struct Text<T>(PhantomData<T>);

/// The fallback of [`Text`] for types that are not string types.
pub trait NoText {
    /// Returns the text unchanged.
    fn value(text: &'static str) -> &'static str {
        text
    }
}

impl<T> NoText for Text<T> {}

macro_rules! texts {
    ($([$($generic:tt)*] $type:ty),*) => {$(
        impl<$($generic)*> Text<$type> {
            /// Converts the text to this type.
            pub fn value(text: &'static str) -> $type {
                text.into()
            }
        }
    )*};
}

texts!([] String, [] Box<str>, [] Arc<str>, [] PathBuf, ['a] Cow<'a, str>);

/// Returns `true` if values of this kind have members that can be arguments.
pub const fn flattens(values: Option<Values>) -> bool {
    matches!(values, None | Some(Values::Maps))
}

/// Returns `true` if values of this kind can have a `range`.
pub const fn ranges(values: Option<Values>) -> bool {
    matches!(values, None | Some(Values::Integers | Values::Floats))
}

/// Returns `true` if values of this kind can have a `length`.
pub const fn lengths(values: Option<Values>) -> bool {
    matches!(
        values,
        None | Some(Values::Texts | Values::Lists | Values::Maps)
    )
}

/// Returns `true` if values of this kind can have a `pattern`.
pub const fn patterns(values: Option<Values>) -> bool {
    matches!(values, None | Some(Values::Texts))
}

/// Returns `true` if values of this kind can be repeated in a header.
pub const fn headers(values: Option<Values>) -> bool {
    matches!(
        values,
        None | Some(Values::Integers | Values::Booleans | Values::Texts)
    )
}
