//! The keys of `#[serde(..)]` and `#[schemars(..)]`, some of which change the format of a form.
//!
//! Only the keys are examined. `serde` and `schemars` report other errors in their attributes themselves.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Attribute, Meta};

/// Returns the keys of all options of these attributes, in order.
pub(crate) fn keys(attributes: &[Attribute]) -> Vec<Ident> {
    let lists = attributes.iter().filter_map(|attribute| {
        let path = attribute.path();
        match &attribute.meta {
            Meta::List(list) if path.is_ident("serde") || path.is_ident("schemars") => {
                Some(list.tokens.clone())
            }
            _ => None,
        }
    });
    lists.flat_map(keys_of_list).collect()
}

/// Returns the identifiers that begin an option: the first one, and those after a comma.
fn keys_of_list(list: TokenStream) -> Vec<Ident> {
    let mut begins = true;
    let mut keys = Vec::new();
    for token in list {
        let was_first = begins;
        begins = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
        if let (true, TokenTree::Ident(key)) = (was_first, token) {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::keys;
    use syn::{Attribute, parse_quote};

    #[test]
    fn only_keys_are_found() {
        let attributes: Vec<Attribute> = parse_quote! {
            #[serde(rename = "flatten", default)]
            #[schemars(extend("skip" = flatten), title = "x")]
            #[other(flatten)]
            #[serde]
        };
        let names: Vec<String> = keys(&attributes).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["rename", "default", "extend", "title"]);
    }
}
