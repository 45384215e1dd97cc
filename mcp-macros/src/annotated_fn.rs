//! The annotated function: parsing, and writing it back.
//!
//! The body is kept as raw tokens and never parsed: an incomplete body must not change what the rest of the program
//! sees. This module does not check that the function can be a component.

use proc_macro2::TokenStream;
use quote::{ToTokens, TokenStreamExt, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Meta, Signature, Visibility};

use crate::docs;
use crate::errors::Errors;
use crate::kind::Kind;
use crate::owner::Owner;
use crate::parameters::WrittenParameter;
use crate::runtime_path::generated_at;

/// A function as written, with this crate's attributes removed from its parameters.
pub(crate) struct AnnotatedFn {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) parameters: Vec<WrittenParameter>,
    body: TokenStream,
    /// The type that the method belongs to; `None` for a free function.
    pub(crate) owner: Option<Owner>,
}

impl Parse for AnnotatedFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let mut signature: Signature = input.parse()?;
        let parameters = signature
            .inputs
            .iter_mut()
            .map(WrittenParameter::take)
            .collect();
        Ok(Self {
            attributes,
            visibility,
            signature,
            parameters,
            body: input.parse()?,
            owner: None,
        })
    }
}

impl ToTokens for AnnotatedFn {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

impl AnnotatedFn {
    /// Turns the function into a method, whose `&self` is the value passed to `Server::with`.
    pub(crate) fn set_owner(&mut self, owner: Owner) {
        self.owner = Some(owner);
        self.parameters.retain(|it| !it.is_shared_self());
    }

    pub(crate) fn doc_text(&self) -> Option<LitStr> {
        docs::text(&self.attributes)
    }

    /// Reports a second component attribute, which would register the function twice.
    pub(crate) fn check_single(&self, kind: Kind, errors: &mut Errors) {
        for attribute in self
            .attributes
            .iter()
            .filter(|it| Kind::of(it.path()).is_some())
        {
            let message = format!(
                "`#[{}]` is already on this function, and a function is one component: remove one of them",
                kind.attribute()
            );
            errors.at(attribute, message);
        }
    }

    /// Returns the attributes of the function that generated items need too.
    pub(crate) fn inherited(&self) -> TokenStream {
        inherited_by(&self.attributes)
    }
}

/// Returns the attributes of an item that the items generated for it need too.
pub(crate) fn inherited_by(attributes: &[Attribute]) -> TokenStream {
    attributes.iter().filter_map(inherited).collect()
}

/// Without `cfg`, generated code would call a function that does not exist. Without `allow`, a lint that the user
/// silenced would fire again at the copy of a type.
fn inherited(attribute: &Attribute) -> Option<TokenStream> {
    let name = attribute.path().get_ident()?.to_string();
    let span = generated_at(attribute);
    match (name.as_str(), &attribute.meta) {
        ("cfg" | "allow", _) => Some(attribute.to_token_stream()),
        // An expectation can be fulfilled only at the function itself.
        ("expect", Meta::List(list)) => {
            let lints = &list.tokens;
            Some(quote_spanned!(span=> #[allow(#lints)]))
        }
        ("deprecated", _) => Some(quote_spanned!(span=> #[allow(deprecated)])),
        _ => None,
    }
}
