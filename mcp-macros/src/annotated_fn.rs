//! The function under the attribute: how it is read, and how it is written back.
//!
//! Its body is raw tokens and never parsed: a half-typed body must not change what the rest of the program sees.
//! Whether the function can be a component is not checked here.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, TokenStreamExt, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Meta, Path, Signature, Token, Visibility};

use crate::docs;
use crate::errors::Errors;
use crate::expand::Kind;
use crate::methods::Owner;
use crate::parameters::WrittenParameter;
use crate::runtime_path::{generated, generated_at};

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

/// Writes the item back, followed by what is made of it: the registration, or the errors.
///
/// The item comes back whatever happens, so that one mistake does not make the function unknown everywhere else.
pub(crate) fn expand(kind: Kind, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    match syn::parse2::<AnnotatedFn>(item.clone()) {
        Ok(function) => {
            let (Ok(generated) | Err(generated)) = kind
                .define(arguments, &function)
                .map(|definition| definition.beside_function());
            let mut tokens = function.into_token_stream();
            tokens.extend(generated);
            tokens
        }
        Err(error) => {
            let error = not_a_function(kind, item.clone())
                .unwrap_or(error)
                .to_compile_error();
            quote_spanned!(generated()=> #item #error)
        }
    }
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

    pub(crate) fn doc_text(&self) -> Option<String> {
        docs::text(&self.attributes)
    }

    /// Reports a second attribute of ours: the other one would register the function once more.
    pub(crate) fn check_single(&self, kind: Kind, errors: &mut Errors) {
        for attribute in self
            .attributes
            .iter()
            .filter(|attribute| is_ours(attribute.path()))
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

pub(crate) fn is_ours(path: &Path) -> bool {
    let ours = path
        .segments
        .last()
        .is_some_and(|name| Kind::ALL.iter().any(|kind| name.ident == kind.attribute()));
    let in_runtime = path
        .segments
        .first()
        .is_some_and(|name| name.ident == "mcp_runtime");
    ours && (path.get_ident().is_some() || in_runtime)
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

/// An error that names the item, if it is one that cannot be a function.
fn not_a_function(kind: Kind, item: TokenStream) -> Option<syn::Error> {
    const ITEMS: [&str; 11] = [
        "struct",
        "enum",
        "union",
        "trait",
        "impl",
        "mod",
        "use",
        "type",
        "static",
        "const",
        "macro_rules",
    ];
    let keyword = item_keyword.parse2(item).ok()?;
    let name = keyword.to_string();
    let message = format!(
        "`#[{}]` goes on a function, not on `{name}`",
        kind.attribute()
    );
    ITEMS
        .contains(&name.as_str())
        .then(|| syn::Error::new(keyword.span(), message))
}

fn item_keyword(input: ParseStream<'_>) -> syn::Result<Ident> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    input.parse::<Option<Token![unsafe]>>()?;
    let keyword = input.call(Ident::parse_any)?;
    input.parse::<TokenStream>()?;
    Ok(keyword)
}

#[cfg(test)]
mod tests {
    use super::{Kind, expand};
    use quote::quote;

    #[test]
    fn the_function_comes_first_and_without_our_attributes() {
        // In braces, because rustfmt would add commas between parentheses.
        let item = quote! { #[inline] pub fn f(#[arg(default)] #[doc = " A."] mut a: u8) {} };
        let function = quote! { #[inline] pub fn f(mut a: u8) {} };
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with(&function.to_string()), "{expansion}");
    }

    #[test]
    fn the_function_comes_back_beside_an_error() {
        let item = quote!(
            fn f(#[arg(nonsense)] a: u8) {}
        );
        let expansion = expand(Kind::Tool, quote!(nonsense), &item).to_string();
        assert!(
            expansion.starts_with(
                &quote!(
                    fn f(a: u8) {}
                )
                .to_string()
            ),
            "{expansion}"
        );
        assert_eq!(expansion.matches("compile_error").count(), 2, "{expansion}");
        assert!(!expansion.contains("__mcp"), "{expansion}");
    }

    #[test]
    fn a_half_typed_body_is_no_mistake() {
        let item = quote!(fn f(a: u8) -> u8 { let b = a. ; match });
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with(&item.to_string()), "{expansion}");
        assert!(!expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn what_is_no_function_comes_back_too() {
        let item = quote!(
            struct S;
        );
        let expansion = expand(Kind::Tool, quote!(), &item).to_string();
        assert!(expansion.starts_with("struct S ;"), "{expansion}");
        assert!(
            expansion.contains("goes on a function, not on `struct`"),
            "{expansion}"
        );
    }
}
