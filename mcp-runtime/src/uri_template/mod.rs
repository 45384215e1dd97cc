//! URI templates (RFC 6570): parsed once, then matched against URIs and expanded into them.
//!
//! The RFC defines expansion only. Matching is its inverse, with these rules where the RFC is silent:
//!
//! - **Characters.** `{x}` matches unreserved characters, percent-encoded ones and `! $ ' ( ) * + @`; never
//!   `/ ? # [ ] : , ; = &`. `{+x}` and `{#x}` match everything. A character that no URI may hold, such as `é` or a
//!   space, is read as its percent-encoded form, in the URI as in the template. `%c3` and `%C3` are the same.
//! - **Length.** Every variable takes at least one character, save those of `{;x}`, `{?x}` and `{&x}`, which may be
//!   empty or absent. An element of a list is not empty either: `/a//b` does not match `{/path*}`.
//! - **Choice.** A URI matches if its text can be divided among the variables at all. If there are several ways,
//!   then, from left to right, `{x}` takes as little as possible, and `{+x}`, `{#x}` and lists (`{x*}`) as much.
//!   So `{+path}@{revision}` splits at the last `@`, which an expanded `{revision}` cannot hold.
//! - **Later delimiters.** A variable does not run into the query, fragment or parameters that an expression further
//!   right opens: in `{+path}{?page}`, the path holds no `?`.
//! - **Labels** are divided by dots, so `{.x}` holds none unless it is a list.
//! - **Keys.** `{;x}`, `{?x}` and `{&x}` are found by key, in any order. Other keys are ignored. If a key that is not
//!   a list comes twice, the first one counts. `+` is a plus sign, not a space.
//! - **Values** are percent-decoded once. What does not decode to UTF-8 does not match.
//!
//! Literal text is compared exactly, the scheme included.
//!
//! Matching takes time linear in the length of the URI, for any template.
//!
//! Not supported: the prefix modifier (`{x:3}`), associative arrays, and templates whose variables cannot be told
//! apart (`{a}{b}`). Each is an error of [`UriTemplate::parse`]. A decoded value is not fit to be a file's path until
//! [`unsafe_path`] has nothing to say about it.

mod expand;
mod kind;
mod matching;
mod parse;
mod percent;
mod screen;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use kind::VariableKind;
pub use parse::UriTemplateError;
pub use screen::unsafe_path;

use matching::Step;

/// A parsed URI template.
#[derive(Debug, Clone)]
pub struct UriTemplate {
    text: String,
    variables: Vec<Variable>,
    parts: Vec<Part>,
    steps: Vec<Step>,
}

/// A stretch of a template, as it is written.
#[derive(Debug, Clone)]
enum Part {
    /// In normal form: see [`percent::normalise`].
    Literal(String),
    Expression(Expression),
}

/// One `{…}`: the variables it holds, as a range of those of the template.
#[derive(Debug, Clone)]
struct Expression {
    kind: VariableKind,
    variables: Range<usize>,
}

/// A variable of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    name: String,
    /// The name without percent-encoding: what a key in a query is compared with.
    key: String,
    kind: VariableKind,
    exploded: bool,
}

impl Variable {
    /// The name, as the template writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of expression that holds the variable.
    pub fn kind(&self) -> VariableKind {
        self.kind
    }

    /// Whether the variable is a list: `{x*}`.
    pub fn exploded(&self) -> bool {
        self.exploded
    }

    /// Whether a URI matches without it, which is so for those found by key: `{;x}`, `{?x}`, `{&x}`.
    pub fn optional(&self) -> bool {
        self.kind.is_keyed()
    }
}

/// A value that a URI gave to a variable, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchedValue {
    /// The value of an ordinary variable.
    One(String),
    /// The elements of a list (`{x*}`); never empty.
    Many(Vec<String>),
}

/// The values that a URI gave to the variables of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    values: Vec<Option<MatchedValue>>,
}

impl Matched {
    /// The value of a variable, by its position in [`UriTemplate::variables`]. `None` if it is absent.
    pub fn get(&self, index: usize) -> Option<&MatchedValue> {
        self.values.get(index)?.as_ref()
    }

    /// All values, in the order of [`UriTemplate::variables`].
    pub fn into_values(self) -> Vec<Option<MatchedValue>> {
        self.values
    }
}

impl UriTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// The text breaks the grammar of RFC 6570, has no scheme, or has a form that cannot be matched: see the errors
    /// for the fix.
    pub fn parse(template: &str) -> Result<Self, UriTemplateError> {
        let (parts, variables) = parse::parse(template)?;
        Ok(Self {
            text: template.to_owned(),
            steps: matching::compile(&parts, &variables),
            variables,
            parts,
        })
    }

    /// Whether there is any variable. If not, the template is the URI of a single resource.
    pub fn is_template(&self) -> bool {
        !self.variables.is_empty()
    }

    /// The template, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The variables, in the order in which they are written.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter()
    }

    /// The values with which the template expands to `uri`, or `None` if there are none.
    pub fn match_uri(&self, uri: &str) -> Option<Matched> {
        let values = matching::match_uri(&self.steps, &self.variables, uri)?;
        Some(Matched { values })
    }

    /// The URI that these values give. A name without a value is left out, as the RFC has it. A name that comes
    /// several times is a list; names that the template does not have are ignored.
    pub fn expand(&self, values: &[(&str, &str)]) -> String {
        expand::expand(&self.parts, &self.variables, values)
    }
}
