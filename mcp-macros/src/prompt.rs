//! `#[prompt]`: its options, and what is generated from them.

use proc_macro2::TokenStream;

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::Arguments;
use crate::component::{Component, SCOPES, TAGS};
use crate::errors::Errors;
use crate::expand::Definition;
use crate::grammar::Grammar;
use crate::kind::Kind;

const GRAMMAR: Grammar = Grammar {
    attribute: "prompt",
    options: &[
        "name",
        "title",
        "description",
        "icons",
        "meta",
        "timeout",
        "tags",
        "scopes",
        "inline",
        "crate",
    ],
    lists: &[TAGS, SCOPES],
    elsewhere: &[(
        "annotations",
        "the protocol has none for prompts: use `meta` for what your client knows",
    )],
    leading_value: None,
};

pub(crate) fn define(
    arguments: TokenStream,
    function: &AnnotatedFn,
) -> Result<Definition, TokenStream> {
    let mut errors = Errors::new();
    let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
    let component = Component::validate(Kind::Prompt, &arguments, function, &mut errors);
    errors.finish(Some(Definition {
        component,
        leading: TokenStream::new(),
        options: TokenStream::new(),
        checks: TokenStream::new(),
    }))
}
