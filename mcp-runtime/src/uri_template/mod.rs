//! URI templates (RFC 6570): parsed once, then matched against URIs.
//!
//! The RFC defines expansion only. Matching is its inverse, with these rules where the RFC is silent:
//!
//! - **Characters.** `{x}` matches unreserved characters, percent-encoded ones and `! $ ' ( ) * + @`, and `: , ; = &`
//!   unless they stand between it and another variable without a `/` or the like; never `/ ? # [ ]`. `{+x}` and `{#x}`
//!   match everything. A character that no URI may hold, such as `é` or a space, is read as its percent-encoded form,
//!   in the URI as in the template. `%c3` and `%C3` are the same.
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
//! Literal text is compared exactly, the scheme included. A template without variables is a URI, which equivalent ones
//! match: see [`normal`].
//!
//! Matching takes time linear in the length of the URI, for any template.
//!
//! `mcp_grammar` reads templates, and refuses what cannot be matched. A decoded value is not fit to be a file's path until
//! [`unsafe_path`] has nothing to say about it.

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
    /// What equals that of equivalent URIs, where there are no variables.
    normal: String,
    variables: Vec<Variable>,
    steps: Vec<Step>,
}

impl UriTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// All mistakes, each with its fix.
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

    /// Returns `true` if there is any variable. If not, the template is the URI of a single resource.
    pub(crate) fn is_template(&self) -> bool {
        !self.variables.is_empty()
    }

    /// The template, as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The text by which templates differ: that of a URI is in normal form.
    pub(crate) fn identity(&self) -> &str {
        &self.normal
    }

    /// The variables, in the order in which they are written.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter()
    }

    /// The values with which the template expands to `uri`, or `None` if there are none.
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Values> {
        if self.is_template() {
            matching::match_uri(&self.steps, &self.variables, uri)
        } else {
            (normal(uri) == self.normal).then(Vec::new)
        }
    }
}
