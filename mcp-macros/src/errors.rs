//! The compile errors of one item, which are reported together.
//!
//! The stages decide what is an error. This module ensures that no error is lost.

use std::collections::HashSet;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::LitStr;

/// The errors found so far. They must be read with [`Errors::finish`].
pub(crate) struct Errors {
    /// `None` after [`Errors::finish`].
    unread: Option<Vec<syn::Error>>,
    /// `true` if the compiler reports an error by itself.
    left_to_compiler: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self {
            unread: Some(Vec::new()),
            left_to_compiler: false,
        }
    }

    /// Reports an error at the span of all the tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Reports an error at a span.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Records an error that the compiler reports by itself. No code is generated, since that would repeat the error.
    pub(crate) fn leave_to_compiler(&mut self) {
        self.left_to_compiler = true;
    }

    /// Reports an error and returns `None` in place of a value.
    pub(crate) fn refuse<Value>(
        &mut self,
        tokens: impl ToTokens,
        message: impl Display,
    ) -> Option<Value> {
        self.at(tokens, message);
        None
    }

    /// Reports every text whose key, as returned by `key`, has occurred before.
    pub(crate) fn at_repeated<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t LitStr>,
        key: impl Fn(&LitStr) -> String,
        message: impl Fn(&str) -> String,
    ) {
        let mut seen = HashSet::new();
        for text in texts {
            if !seen.insert(key(text)) {
                self.at(text, message(&text.value()));
            }
        }
    }

    /// Reports the error of a result, or returns its value.
    pub(crate) fn keep<Value>(&mut self, result: syn::Result<Value>) -> Option<Value> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn add(&mut self, error: syn::Error) {
        self.unread.get_or_insert_default().push(error);
    }

    /// Returns the value if there are no errors, and the `compile_error!`s otherwise. `valid` may be `None` only after
    /// an error.
    pub(crate) fn finish<Valid>(mut self, valid: Option<Valid>) -> Result<Valid, TokenStream> {
        let errors = self.unread.take().unwrap_or_default();
        match valid {
            Some(valid) if errors.is_empty() && !self.left_to_compiler => Ok(valid),
            _ => Err(errors.iter().map(syn::Error::to_compile_error).collect()),
        }
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        let lost = self.unread.is_some() && !std::thread::panicking();
        assert!(
            !lost,
            "mcp-macros: compile errors were collected and never reported"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Errors;
    use proc_macro2::Span;

    #[test]
    fn all_errors_are_reported_together() {
        let mut errors = Errors::new();
        errors.at_span(Span::call_site(), "first");
        errors.at_span(Span::call_site(), "second");
        let reported = errors.finish(Some(())).map_err(|tokens| tokens.to_string());
        assert!(matches!(reported, Err(text) if text.contains("first") && text.contains("second")));
    }

    #[test]
    #[should_panic(expected = "never reported")]
    fn unread_errors_panic() {
        drop(Errors::new());
    }
}
