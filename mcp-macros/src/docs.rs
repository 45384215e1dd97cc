//! Doc comments as text.
//!
//! Only string literals are read: `#[doc = include_str!(..)]` and `#[doc(hidden)]` are left to rustdoc.

use syn::{Attribute, LitStr, Meta};

use crate::literal::string;
use crate::runtime_path::generated;

/// Returns the text of the doc comments, or `None` if it is empty.
pub(crate) fn text(attributes: &[Attribute]) -> Option<LitStr> {
    let comments: Vec<String> = attributes.iter().filter_map(literal).collect();
    let lines: Vec<&str> = comments
        .iter()
        .flat_map(|comment| comment.split('\n'))
        .map(unindented)
        .collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then(|| LitStr::new(&text, generated()))
}

fn literal(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(string(&pair.value)?.value()),
        _ => None,
    }
}

/// Removes one leading space: `/// text` arrives as `" text"`. Further indentation belongs to lists and code.
fn unindented(line: &str) -> &str {
    line.strip_prefix(' ').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::text;
    use syn::{Attribute, parse_quote};

    fn written(attributes: &[Attribute]) -> String {
        text(attributes).map_or_else(String::new, |text| text.value())
    }

    #[test]
    fn lines_are_joined_and_keep_their_indentation() {
        let attributes: Vec<Attribute> = parse_quote! {
            #[doc = " Add:"]
            #[doc = ""]
            #[doc = "   - numbers "]
            #[doc = " "]
        };
        assert_eq!(written(&attributes), "Add:\n\n  - numbers");
    }

    #[test]
    fn other_forms_of_doc_are_ignored() {
        let attributes: Vec<Attribute> = parse_quote! {
            #[doc(hidden)]
            #[doc = include_str!("x")]
            #[inline]
        };
        assert!(text(&attributes).is_none());
    }

    #[test]
    fn a_block_comment_is_unindented_line_by_line() {
        let attributes: Vec<Attribute> = parse_quote!(#[doc = " one\n two "]);
        assert_eq!(written(&attributes), "one\ntwo");
    }
}
