//! `#[prompt]`: its options, and what is generated from them.

use proc_macro2::TokenStream;

use crate::annotated_fn::{AnnotatedFn, expand_beside};
use crate::arguments::{Arguments, Grammar};
use crate::component::Component;
use crate::errors::Errors;
use crate::expand::Kind;

const GRAMMAR: Grammar = Grammar {
    attribute: "prompt",
    options: &[
        "name",
        "title",
        "description",
        "icons",
        "meta",
        "inline",
        "crate",
    ],
    lists: &[],
    elsewhere: &[],
    leading_value: None,
};

/// A prompt without mistakes.
struct Prompt {
    component: Component,
}

pub(crate) fn expand(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    expand_beside(Kind::Prompt, item, |function| {
        Ok(Prompt::validate(arguments, function)?.expand())
    })
}

impl Prompt {
    fn validate(arguments: TokenStream, function: &AnnotatedFn) -> Result<Self, TokenStream> {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
        let component = Component::validate(Kind::Prompt, &arguments, function, &mut errors);
        errors.finish(Some(Self { component }))
    }

    fn expand(&self) -> TokenStream {
        self.component.expand(
            &TokenStream::new(),
            &TokenStream::new(),
            &TokenStream::new(),
        )
    }
}
