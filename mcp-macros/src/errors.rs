//! Collects every mistake of one item, to report them all at once.
//!
//! What counts as a mistake is decided by the stages; this file only sees to it that none gets lost.

use std::collections::HashSet;
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::LitStr;

/// The mistakes found so far. Must be read with [`Errors::finish`].
pub(crate) struct Errors {
    /// `None` once they were read.
    unread: Option<Vec<syn::Error>>,
    /// Whether there is one that is not ours to tell of.
    left: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self {
            unread: Some(Vec::new()),
            left: false,
        }
    }

    /// Reports a mistake at all of the tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Reports a mistake at one place.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.add(syn::Error::new(span, message));
    }

    /// There is a mistake of which the compiler tells by itself: nothing is generated that would repeat it.
    pub(crate) fn leave_to_compiler(&mut self) {
        self.left = true;
    }

    /// Reports a mistake in what would else have a value.
    pub(crate) fn refuse<Value>(
        &mut self,
        tokens: impl ToTokens,
        message: impl Display,
    ) -> Option<Value> {
        self.at(tokens, message);
        None
    }

    /// Reports those of these that are not the first of their kind.
    pub(crate) fn at_repeated<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t LitStr>,
        kind: impl Fn(&LitStr) -> String,
        message: impl Fn(&str) -> String,
    ) {
        let mut seen = HashSet::new();
        for text in texts {
            if !seen.insert(kind(text)) {
                self.at(text, message(&text.value()));
            }
        }
    }

    /// Reports the mistake that a result may be.
    pub(crate) fn keep<Value>(&mut self, result: syn::Result<Value>) -> Option<Value> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn add(&mut self, error: syn::Error) {
        self.unread.get_or_insert_default().push(error);
    }

    /// The value if there was no mistake, else the `compile_error!`s. `valid` may be `None` only after a mistake.
    pub(crate) fn finish<Valid>(mut self, valid: Option<Valid>) -> Result<Valid, TokenStream> {
        let errors = self.unread.take().unwrap_or_default();
        match valid {
            Some(valid) if errors.is_empty() && !self.left => Ok(valid),
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
