//! The results of completing functions.

use crate::error::ToolError;

/// A list of suggested values. Clients receive the first 100 values and the total number.
///
/// ```
/// use mcp_runtime::{Completion, Completions};
///
/// /// Completes the name of a city. There are more than a reply can have.
/// fn cities(completion: Completion) -> Completions {
///     let found = ["Paris", "Parma"].into_iter().filter(|city| city.starts_with(completion.value()));
///     found.collect::<Completions>().total(7)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completions {
    pub(crate) values: Vec<String>,
    pub(crate) total: Option<usize>,
    /// For values of another server, whose total may be unknown: `true` if it has more of them.
    pub(crate) relayed: Option<bool>,
}

impl Completions {
    /// Sets the total number of values, if the list contains only some of them.
    pub fn total(mut self, total: usize) -> Self {
        self.total = Some(total);
        self
    }
}

impl<T: Into<String>> FromIterator<T> for Completions {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self {
            values: values.into_iter().map(Into::into).collect(),
            total: None,
            relayed: None,
        }
    }
}

/// A type that a completing function can return.
///
/// ```
/// use mcp_runtime::{Completion, prelude::*};
///
/// /// Suggest a drink.
/// #[prompt]
/// async fn suggest(#[arg(complete = drinks)] likes: String) -> String {
///     format!("A guest likes {likes}.")
/// }
///
/// /// A list, or a `Result` of one.
/// async fn drinks(_: Completion) -> Result<Vec<String>, std::io::Error> {
///     Ok(vec!["latte".to_owned()])
/// }
/// ```
pub trait IntoCompletions {
    /// Converts into completions.
    ///
    /// # Errors
    /// Returns an error if the function failed.
    fn into_completions(self) -> Result<Completions, ToolError>;
}

impl IntoCompletions for Completions {
    fn into_completions(self) -> Result<Completions, ToolError> {
        Ok(self)
    }
}

impl<T: Into<String>> IntoCompletions for Vec<T> {
    fn into_completions(self) -> Result<Completions, ToolError> {
        Ok(self.into_iter().collect())
    }
}

impl<T: IntoCompletions, E: Into<ToolError>> IntoCompletions for Result<T, E> {
    fn into_completions(self) -> Result<Completions, ToolError> {
        self.map_err(Into::into).and_then(T::into_completions)
    }
}
