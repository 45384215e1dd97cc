//! `#[tool]`: its options, and code generation for them.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;

use crate::app;
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
        &["ui", "visibility"],
        &HINTS,
        &["task", "open", "strict", "inline", "crate"],
    ],
    lists: &LISTS,
    optional_lists: &["task"],
    replacements: &[
        (
            "annotations",
            "the annotations of a tool are its hints: write `read_only`, `destructive`, `idempotent` or `open_world`",
        ),
        (
            "restart",
            "only a task is started again after a restart: write `task(restart)`",
        ),
    ],
    ..Grammar::EMPTY
};

/// The hints, which are also the names of the builder methods.
const HINTS: [&str; 4] = ["read_only", "destructive", "idempotent", "open_world"];

/// Generates the builder calls of the options that only tools have.
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
    let visibility = app::visibility(arguments, errors);
    let switches = ["open", "strict"].into_iter();
    let switches = switches
        .filter(|name| arguments.is_set(name, errors))
        .map(|name| Ident::new(name, generated()));
    quote_spanned!(generated()=> #interface #visibility #(#hints)* #(.#switches())*)
}

fn check_hints(hints: &[Flag], errors: &mut Errors) {
    let given = |name: &str, value: bool| {
        let mut hints = hints.iter();
        hints.find(|hint| hint.key == name && hint.value == value)
    };
    if given("read_only", true).is_none() {
        return;
    }
    if let Some(hint) = given("destructive", true) {
        errors.at(
            &hint.key,
            "a tool that only reads destroys nothing: remove `destructive` or `read_only`",
        );
    }
    // Other values repeat what `read_only` implies, for clients that examine only one hint.
    if let Some(hint) = given("idempotent", false) {
        errors.at(
            &hint.key,
            "a tool that only reads changes no more when it is called twice: remove `idempotent = false` or `read_only`",
        );
    }
}
