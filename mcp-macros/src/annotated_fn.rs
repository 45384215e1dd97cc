//! The function under the attribute: how it is read, and how it is written back.
//!
//! Its body is raw tokens and never parsed: a half-typed body must not change what the rest of the program sees.
//! Whether the function can be a component is not checked here.

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

/// A function as written, with the parameters' attributes that are ours taken off its signature.
pub(crate) struct AnnotatedFn {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) parameters: Vec<WrittenParameter>,
    body: TokenStream,
    /// Whose method it is, if it is one.
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
    /// Makes it a method: then `&self` is the value that the server was given.
    pub(crate) fn become_method(&mut self, owner: Owner) {
        self.owner = Some(owner);
        self.parameters.retain(|it| !it.is_shared_self());
    }

    pub(crate) fn doc_text(&self) -> Option<LitStr> {
        docs::text(&self.attributes)
    }

    /// Reports a second attribute of ours: the other one would register the function once more.
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

    /// The attributes that what we generate about the function needs too.
    pub(crate) fn inherited(&self) -> TokenStream {
        inherited_by(&self.attributes)
    }
}

/// The attributes of an item that what we generate about it needs too.
pub(crate) fn inherited_by(attributes: &[Attribute]) -> TokenStream {
    attributes.iter().filter_map(inherited).collect()
}

/// Without its `cfg` our code would call a function that is not there; without its `allow`s a lint that the user
/// silenced would fire again at the copy of a type.
fn inherited(attribute: &Attribute) -> Option<TokenStream> {
    let name = attribute.path().get_ident()?.to_string();
    let span = generated_at(attribute);
    match (name.as_str(), &attribute.meta) {
        ("cfg" | "allow", _) => Some(attribute.to_token_stream()),
        // An expectation is fulfilled, and can be, only at the function itself.
        ("expect", Meta::List(list)) => {
            let lints = &list.tokens;
            Some(quote_spanned!(span=> #[allow(#lints)]))
        }
        ("deprecated", _) => Some(quote_spanned!(span=> #[allow(deprecated)])),
        _ => None,
    }
}
