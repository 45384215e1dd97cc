//! URI templates (RFC 6570): parsed once, then matched against URIs.
//!
//! The RFC defines expansion only. Matching is its inverse, with these rules where the RFC is silent:
//!
//! - **Characters.** `{x}` matches unreserved characters, percent-encoded ones and `! $ ' ( ) * + @`. It also matches
//!   `: , ; = &`, unless they occur between it and another variable without a `/` or similar character. It never matches
//!   `/ ? # [ ]`. `{+x}` and `{#x}` match everything. A character that is not allowed in URIs, such as `é` or a space, is
//!   read as its percent-encoded form, in the URI and in the template. `%c3` and `%C3` are the same.
//! - **Length.** Every variable takes at least one character, except those of `{;x}`, `{?x}` and `{&x}`, which may be
//!   empty or absent. An element of a list is not empty either: `/a//b` does not match `{/path*}`.
//! - **Choice.** A URI matches if its text can be divided among the variables at all. If there are several ways, then,
//!   from left to right, `{x}` takes as little as possible, and `{+x}`, `{#x}` and lists (`{x*}`) as much as possible. So
//!   `{+path}@{revision}` splits at the last `@`, which an expanded `{revision}` cannot contain.
//! - **Later delimiters.** A variable does not extend into the query, fragment or parameters that a later expression
//!   opens: in `{+path}{?page}`, the path contains no `?`.
//! - **Labels** are separated by dots, so `{.x}` contains none unless it is a list.
//! - **Keys.** `{;x}`, `{?x}` and `{&x}` are found by key, in any order. Other keys are ignored. If a key that is not
//!   a list is repeated, the first one is used. `+` is a plus sign, not a space.
//! - **Values** are percent-decoded once. A value that does not decode to UTF-8 does not match.
//!
//! Literal text is compared exactly, including the scheme. A template without variables is a URI and matches equivalent
//! ones: see [`normal`].
//!
//! Matching takes time linear in the length of the URI, for any template.
//!
//! `mcp_grammar` parses templates and refuses those that cannot be matched. A decoded value must not be used in a file
//! path unless [`unsafe_path`] returns `None` for it.

mod matching;
mod normal;
mod screen;
#[cfg(test)]
mod tests;

pub(crate) use matching::{MatchedValue, Values};
pub(crate) use mcp_grammar::uri_template::{Variable, VariableKind};
pub(crate) use normal::{Uri, Uris, normal};
pub(crate) use screen::unsafe_path;

use matching::Step;
use mcp_grammar::uri_template::{Template, parse};

/// A parsed URI template.
#[derive(Debug, Clone)]
pub(crate) struct UriTemplate {
    text: String,
    /// The normal form if there are no variables, otherwise the template as it was written.
    normal: String,
    variables: Vec<Variable>,
    steps: Vec<Step>,
}

impl UriTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Returns all mistakes, each with its fix.
    pub(crate) fn parse(template: &str) -> Result<Self, Vec<String>> {
        let Template { parts, variables } = parse(template)?;
        Ok(Self {
            normal: if variables.is_empty() {
                normal(template)
            } else {
                template.to_owned()
            },
            text: template.to_owned(),
            steps: matching::compile(&parts, &variables),
            variables,
        })
    }

    /// Returns `true` if there is any variable. Otherwise the template is the URI of a single resource.
    pub(crate) fn is_template(&self) -> bool {
        !self.variables.is_empty()
    }

    /// Returns the template as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the text by which templates are compared: the normal form of a URI without variables.
    pub(crate) fn identity(&self) -> &str {
        &self.normal
    }

    /// Returns the variables in the order in which they are written.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter()
    }

    /// Returns the values with which the template expands to `uri`, or `None` if it does not match.
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Values> {
        if self.is_template() {
            matching::match_uri(&self.steps, &self.variables, uri)
        } else {
            (normal(uri) == self.normal).then(Vec::new)
        }
    }
}
