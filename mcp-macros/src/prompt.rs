//! `#[prompt]`: its options, which all other kinds share.

use crate::component::{self, LISTS};
use crate::grammar::Grammar;

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "prompt",
    options: &[component::OPTIONS, &["inline", "crate"]],
    lists: &LISTS,
    replacements: &[
        (
            "annotations",
            "the protocol has none for prompts: use `meta` for what your client knows",
        ),
        ("task", "only calls of tools can be tasks: remove it"),
    ],
    ..Grammar::EMPTY
};
