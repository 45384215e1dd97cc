//! `#[tool]`: its options, and what is generated from them.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;

use crate::arguments::{Arguments, Flag};
use crate::builder::builder_call;
use crate::component::{self, LISTS};
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::runtime_path::generated;

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "tool",
    options: &[
        component::OPTIONS,
        &["ui"],
        &HINTS,
        &["open", "strict", "inline", "crate"],
    ],
    lists: &LISTS,
    elsewhere: &[(
        "annotations",
        "the annotations of a tool are its hints: write `read_only`, `destructive`, `idempotent` or `open_world`",
    )],
    ..Grammar::EMPTY
};

/// The builder methods that take the hint's value.
const HINTS: [&str; 4] = ["read_only", "destructive", "idempotent", "open_world"];

/// The calls of the builder for what only tools have.
pub(crate) fn options(arguments: &Arguments, errors: &mut Errors) -> TokenStream {
    let hints = HINTS.iter().filter_map(|hint| arguments.flag(hint, errors));
    let hints: Vec<Flag> = hints.collect();
    check_hints(&hints, errors);
    let hints = hints
        .iter()
        .map(|Flag { key, value }| quote_spanned!(generated()=> .#key(#value)));
    let interface = arguments.checked_text(
        "ui",
        |uri| uri.starts_with("ui://"),
        "the interface of a tool is a resource whose URI begins with `ui://`: write `ui = \"ui://page\"`",
        errors,
    );
    let interface = builder_call("ui", interface);
    let switches = ["open", "strict"].into_iter();
    let switches = switches
        .filter(|name| arguments.is_set(name, errors))
        .map(|name| Ident::new(name, generated()));
    quote_spanned!(generated()=> #interface #(#hints)* #(.#switches())*)
}

fn check_hints(hints: &[Flag], errors: &mut Errors) {
    let said = |name: &str, value: bool| {
        let mut hints = hints.iter();
        hints.find(|hint| hint.key == name && hint.value == value)
    };
    if said("read_only", true).is_none() {
        return;
    }
    if let Some(hint) = said("destructive", true) {
        errors.at(
            &hint.key,
            "a tool that only reads destroys nothing: remove `destructive` or `read_only`",
        );
    }
    // The other values say again what `read_only` says, which helps clients that look at one hint alone.
    if let Some(hint) = said("idempotent", false) {
        errors.at(
            &hint.key,
            "a tool that only reads changes no more when it is called twice: remove `idempotent = false` or `read_only`",
        );
    }
}
