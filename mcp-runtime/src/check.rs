//! Probes that generated code calls, so that a type that does not fit is reported in our words and at its place.
//!
//! There is nothing here to call yourself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::ask::{self, AskParam, ElicitField};
use crate::call::{Call, Slot};
use crate::content::{Icon, IntoIcons, IntoPrompt, IntoResource, IntoToolResult, ToolResult};
use crate::error::{AskError, ToolError};
use crate::param::{Extraction, Param};
use crate::registry::{Bind, CompleteWith, Completer, ListWith, Lister};
use crate::service::BoxFuture;

pub use crate::ask::{Answerable, Asked, Asking};
pub use crate::content::{Failure, PromptOutcome, ResourceOutcome};
pub use crate::registry::{Bound, Bounds, ToolSet};

/// Takes a parameter from a call, or notes why it cannot be taken.
pub fn param<'c, T: Param<'c>>(call: &'c Call, index: usize) -> Extracted<'c, T> {
    let extraction = T::extract(call, index);
    Extracted { call, extraction }
}

/// A parameter that is taken from a call. It resolves to `None` once the reason why it cannot be taken is noted.
#[derive(Debug)]
pub struct Extracted<'c, T> {
    call: &'c Call,
    extraction: Extraction<'c, T>,
}

impl<T> Future for Extracted<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = Pin::new(&mut self.extraction).poll(context);
        polled.map(|result| result.map_err(|reason| self.call.reject(&reason)).ok())
    }
}

impl<T> Extracted<'_, T> {
    /// Waits on a thread that may block.
    pub fn wait(mut self) -> Option<T> {
        let call = self.call;
        if let Poll::Ready(value) = self.poll_once() {
            return value;
        }
        let Ok(runtime) = Handle::try_current() else {
            return rejected(call, "a parameter has to wait, and no runtime is running");
        };
        let cancel = call.cancel();
        runtime.block_on(async {
            tokio::select! {
                biased;
                value = self => value,
                () = cancel.cancelled() => rejected(call, "the call was cancelled"),
            }
        })
    }

    /// Takes the parameter on a thread that must not block.
    pub fn now(mut self) -> Option<T> {
        let message = "a parameter has to wait, which an `inline` function cannot: remove `inline`";
        match self.poll_once() {
            Poll::Ready(value) => value,
            Poll::Pending => rejected(self.call, message),
        }
    }

    fn poll_once(&mut self) -> Poll<Option<T>> {
        Pin::new(self).poll(&mut Context::from_waker(Waker::noop()))
    }
}

fn rejected<T>(call: &Call, reason: &str) -> Option<T> {
    call.reject(&ToolError::new(reason));
    None
}

/// Takes a parameter that has a default from a call; null stands for it as well.
pub fn param_or<'c, T: Param<'c>>(
    call: &'c Call,
    index: usize,
    default: impl FnOnce() -> T,
) -> Extracted<'c, T> {
    let is_given = match call.arguments.slot(index) {
        Slot::Missing => false,
        Slot::Json(_) => call.json(index) != Some("null"),
        _ => true,
    };
    if is_given {
        return param(call, index);
    }
    let extraction = Extraction::ready(Ok(default()));
    Extracted { call, extraction }
}

/// Asks what a parameter wants to know.
pub fn ask<P: AskParam>(call: &Call, message: &str, key: Option<&str>) -> Asking<P> {
    Asking::new(call, message, key)
}

/// Waits for the answers to all questions, which are asked side by side. An error is why the call cannot go on.
pub async fn answers(questions: &mut [&mut (dyn Asked + Send)]) -> Result<(), AskError> {
    ask::all(questions).await
}

/// Shares the value whose methods are components: every call may run on a thread of its own.
pub fn shared<T: Send + Sync + 'static>(value: T) -> Arc<T> {
    Arc::new(value)
}

/// A field of a form.
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

/// Makes a function of what is named beside methods: a method is called with the value that is served.
pub fn bind<A, T, M, F: Bind<T, A, M>>(value: &Arc<T>, function: F) -> F::Bound {
    function.bind(value)
}

/// A completing function of any kind.
pub fn completer<M>(function: impl CompleteWith<M>) -> Completer {
    Completer::new(function)
}

/// A listing function of any kind.
pub fn lister<M>(function: impl ListWith<M>) -> Lister {
    Lister::new(function)
}

/// Makes a list of icons.
pub fn icons(icons: impl IntoIcons) -> Vec<Icon> {
    icons.into_icons()
}

/// How long a call may take.
pub fn timeout(limit: Duration) -> Duration {
    limit
}

/// Asks whether a type is injected. A type that is no parameter at all is reported where it is taken from the call,
/// and must not be reported here once more: for it, the constant of [`NoParam`] answers.
#[derive(Debug)]
pub struct Supplied<T>(PhantomData<T>);

impl<T: Param<'static>> Supplied<T> {
    /// Whether the server supplies it.
    pub const BY_SERVER: Option<bool> = Some(T::INJECTED);
}

/// See [`Supplied`].
pub trait NoParam {
    /// Neither.
    const BY_SERVER: Option<bool> = None;
}

impl<T> NoParam for Supplied<T> {}

/// Boxes the future of a handler, which may be moved to another thread while it waits.
pub fn boxed<F: Future + Send + 'static>(future: F) -> BoxFuture<F::Output> {
    Box::pin(future)
}

/// What the values of a type are, as far as options of `#[arg]` care.
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

/// Tells what the values of the types are that everybody knows. Of others, for which the constant of [`UnknownValues`]
/// answers, the schema tells when the server is built.
#[derive(Debug)]
pub struct Known<T>(PhantomData<T>);

/// See [`Known`].
pub trait UnknownValues {
    /// Anything.
    const VALUES: Option<Values> = None;
}

impl<T> UnknownValues for Known<T> {}

macro_rules! known {
    ($($values:ident: $([$($generic:tt)*] $type:ty),*;)*) => {$($(
        impl<$($generic)*> Known<$type> {
            /// What its values are.
            pub const VALUES: Option<Values> = Some(Values::$values);
        }

        impl<$($generic)*> Known<Option<$type>> {
            /// What its values are, if there is one.
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

/// Makes a value of a type from a text in the source, where the type is one for texts. The function of [`NoText`] leaves
/// it to the compiler to say that another type is none.
#[derive(Debug)]
pub struct Text<T>(PhantomData<T>);

/// See [`Text`].
pub trait NoText {
    /// The text as it is.
    fn value(text: &'static str) -> &'static str {
        text
    }
}

impl<T> NoText for Text<T> {}

macro_rules! texts {
    ($([$($generic:tt)*] $type:ty),*) => {$(
        impl<$($generic)*> Text<$type> {
            /// The text as a value of this type.
            pub fn value(text: &'static str) -> $type {
                text.into()
            }
        }
    )*};
}

texts!([] String, [] Box<str>, [] Arc<str>, [] PathBuf, ['a] Cow<'a, str>);

/// Whether values can have a `range`.
pub const fn ranges(values: Option<Values>) -> bool {
    matches!(values, None | Some(Values::Integers | Values::Floats))
}

/// Whether values can have a `length`.
pub const fn lengths(values: Option<Values>) -> bool {
    matches!(
        values,
        None | Some(Values::Texts | Values::Lists | Values::Maps)
    )
}

/// Whether values can have a `pattern`.
pub const fn patterns(values: Option<Values>) -> bool {
    matches!(values, None | Some(Values::Texts))
}

/// Whether a header can repeat values.
pub const fn headers(values: Option<Values>) -> bool {
    matches!(
        values,
        None | Some(Values::Integers | Values::Booleans | Values::Texts)
    )
}
