//! Types as written by the user, and as used in generated code.

use proc_macro2::{Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Generics, ReturnType, Signature, Type};

use crate::runtime_path::generated_at;

/// Returns `true` for an unsized type, which the compiler rejects as a parameter or result of any function.
pub(crate) fn is_unsized(ty: &Type) -> bool {
    match ungrouped(ty) {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Removes parentheses, and the invisible groups that `$ty:ty` of `macro_rules!` adds.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        _ => ty,
    }
}

/// Returns the span of the first `impl` in a type, at any depth.
pub(crate) fn find_impl(ty: &impl ToTokens) -> Option<Span> {
    let mut tokens = ty.to_token_stream().into_iter();
    tokens.find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
        TokenTree::Group(group) => find_impl(&group.stream()),
        _ => None,
    })
}

/// Returns the return type of a function as tokens: `()`, located at the name of the function, if none is written.
pub(crate) fn return_type(signature: &Signature) -> TokenStream {
    match &signature.output {
        ReturnType::Default => quote_spanned!(generated_at(&signature.ident)=> ()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    }
}

/// Replaces the lifetimes that the function declares, which do not exist outside of it.
pub(crate) fn with_lifetime(
    ty: &impl ToTokens,
    generics: &Generics,
    lifetime: &str,
) -> TokenStream {
    let mut after_apostrophe = false;
    replace_tokens(ty.to_token_stream(), &mut |token, _| {
        let is_lifetime = std::mem::replace(&mut after_apostrophe, is_apostrophe(&token));
        let is_declared = |name: &Ident| generics.lifetimes().any(|it| it.lifetime.ident == *name);
        match token {
            TokenTree::Ident(name) if is_lifetime && is_declared(&name) => {
                Ident::new(lifetime, name.span()).into_token_stream()
            }
            other => other.into(),
        }
    })
}

/// Replaces tokens at any depth. `replace` receives each token and the next one; the content of a group is replaced
/// before the group.
pub(crate) fn replace_tokens(
    tokens: TokenStream,
    replace: &mut impl FnMut(TokenTree, Option<&TokenTree>) -> TokenStream,
) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(mut token) = rest.next() {
        if let TokenTree::Group(group) = &mut token {
            let mut inner = Group::new(group.delimiter(), replace_tokens(group.stream(), replace));
            inner.set_span(group.span());
            *group = inner;
        }
        replaced.extend(replace(token, rest.peek()));
    }
    replaced
}

fn is_apostrophe(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if Punct::as_char(punct) == '\'' && punct.spacing() == Spacing::Joint)
}

#[cfg(test)]
mod tests {
    use super::{find_impl, with_lifetime};
    use quote::quote;
    use syn::{Signature, parse_quote};

    #[test]
    fn only_declared_lifetimes_are_replaced() {
        let signature: Signature = parse_quote!(fn f<'a>());
        let ty = quote!((
            &'a str,
            for<'b> fn(&'b str) -> &'static str,
            Vec<Cow<'a, str>>
        ));
        let expected = quote!((
            &'_ str,
            for<'b> fn(&'b str) -> &'static str,
            Vec<Cow<'_, str>>
        ));
        assert_eq!(
            with_lifetime(&ty, &signature.generics, "_").to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn a_nested_impl_is_found() {
        assert!(find_impl(&quote!(Option<(u8, impl Copy)>)).is_some());
        assert!(find_impl(&quote!(Implementation)).is_none());
    }
}
