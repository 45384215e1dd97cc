//! The options of a specification.

use super::document::Document;
use super::operation::{ExposeAs, OpenApiOperation};
use super::security::Secrets;

pub(super) type Rules = dyn Fn(&OpenApiOperation<'_>) -> ExposeAs;

/// A specification, and the options of the user.
pub(super) struct Options {
    pub(super) document: Document,
    pub(super) base_url: Option<String>,
    pub(super) secrets: Secrets,
    pub(super) rules: Option<Box<Rules>>,
    /// The names of components, each with the key of its operation.
    pub(super) names: Vec<(String, String)>,
    /// The same with descriptions.
    pub(super) descriptions: Vec<(String, String)>,
}

impl Options {
    pub(super) fn new(document: Document) -> Self {
        Self {
            document,
            base_url: None,
            secrets: Secrets::default(),
            rules: None,
            names: Vec::new(),
            descriptions: Vec::new(),
        }
    }
}
