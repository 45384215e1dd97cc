//! `#[prompt]`: its options, all of which the other kinds have too.

use crate::component::{self, LISTS};
use crate::grammar::Grammar;

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "prompt",
    options: &[component::OPTIONS, &["inline", "crate"]],
    lists: &LISTS,
    elsewhere: &[(
        "annotations",
        "the protocol has none for prompts: use `meta` for what your client knows",
    )],
    ..Grammar::EMPTY
};
