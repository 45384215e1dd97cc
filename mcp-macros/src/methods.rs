//! `#[tools]`: the annotated methods of an `impl`, and the generated implementation of `ToolSet`.
//!
//! As with functions, the bodies of methods are raw tokens and never parsed, and the `impl` is kept even after an
//! error.

use proc_macro2::{Delimiter, Group, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    Attribute, GenericParam, Generics, LitStr, Meta, Path, Signature, Token, Type, Visibility,
};

use crate::annotated_fn::{AnnotatedFn, inherited_by};
use crate::arguments::Arguments;
use crate::component::Component;
use crate::entry;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::kind::Kind;
use crate::owner::Owner;
use crate::runtime_path::{attribute, generated, generated_at, in_const, this};
use crate::types::replace_tokens;

const GRAMMAR: Grammar = Grammar {
    attribute: "tools",
    options: &[&["more", "crate"]],
    ..Grammar::EMPTY
};

/// An `impl` as written, with this crate's attributes removed from its methods.
struct AnnotatedImpl {
    attributes: Vec<Attribute>,
    keyword: Token![impl],
    generics: Generics,
    ty: Type,
    /// The `for` of `impl Trait for Type`.
    of_trait: Option<Token![for]>,
    items: Vec<Item>,
}

enum Item {
    Method(Box<Method>),
    Other(TokenStream),
}

struct Method {
    kind: Kind,
    /// The component attribute.
    arguments: Attribute,
    written: AnnotatedFn,
    /// The method with `Self` replaced by the type, since `Self` has another meaning in generated code.
    resolved: AnnotatedFn,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = match AnnotatedImpl::parse.parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            return entry::with_error(&item, &not_an_impl(item.clone()).unwrap_or(error));
        }
    };
    let (Ok(generated) | Err(generated)) = block.components(arguments);
    let mut tokens = block.into_token_stream();
    tokens.extend(generated);
    tokens
}

impl AnnotatedImpl {
    /// Generates the implementation of `ToolSet`, or the errors.
    fn components(&self, arguments: TokenStream) -> Result<TokenStream, TokenStream> {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
        let runtime = arguments.runtime(&mut errors);
        let is_more = arguments.is_set("more", &mut errors);
        self.check(is_more, &mut errors);
        let mut components: Vec<Component> = Vec::new();
        let of_methods: TokenStream = self
            .methods()
            .filter_map(|method| method.define().map(|it| components.push(it)).err())
            .collect();
        check_names_unique(&components, &mut errors);
        let mut found = errors.finish(Some(())).err().unwrap_or_default();
        found.extend(of_methods);
        if found.is_empty() {
            return Ok(if is_more {
                self.expand_more(runtime.as_ref(), &components)
            } else {
                self.expand(runtime.as_ref(), &components)
            });
        }
        if !is_more {
            found.extend(self.stand_in(runtime.as_ref()));
        }
        Err(found)
    }

    /// Generates an empty implementation of `ToolSet` after an error, so that it remains the only error.
    fn stand_in(&self, runtime: Option<&Path>) -> Option<TokenStream> {
        // A trait may be implemented for a type of another crate, for which `ToolSet` must not be implemented.
        let of_type = self.of_trait.is_none();
        let conversion = quote_spanned!(generated()=> fn components(self) -> __mcp::Components { __mcp::Default::default() });
        of_type.then(|| self.implement(runtime, &TokenStream::new(), &conversion))
    }

    /// Generates a use of each attribute's path: the attributes are removed, and their imports would be reported as
    /// unused.
    fn used_attributes(&self) -> TokenStream {
        self.methods()
            .map(|method| {
                let path = method.arguments.path();
                quote_spanned!(generated_at(path)=> #[allow(unused_imports)] use #path as _;)
            })
            .collect()
    }

    fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Other(_) => None,
        })
    }

    fn check(&self, is_more: bool, errors: &mut Errors) {
        if let Some(of_trait) = &self.of_trait {
            errors.at(
                of_trait,
                "`#[tools]` goes on the `impl` of a type, not on that of a trait: write `impl Type { .. }`",
            );
        }
        for parameter in &self.generics.params {
            if let GenericParam::Lifetime(lifetime) = parameter {
                errors.at(
                    lifetime,
                    "the value serves as long as the server does and cannot borrow: let it own what it holds",
                );
            }
        }
        if is_more && !self.generics.params.is_empty() {
            errors.at(
                &self.generics,
                "the methods of a type with parameters are in one `impl`: move them into that with `#[tools]`",
            );
        }
        if self.methods().next().is_none() {
            errors.at_span(
                attribute(),
                "no method of this `impl` is annotated: put `#[tool]`, `#[resource(\"..\")]` or `#[prompt]` on one",
            );
        }
    }

    fn expand(&self, runtime: Option<&Path>, components: &[Component]) -> TokenStream {
        let (ty, this) = (&self.ty, this());
        let items = self.items(components);
        let shared = quote_spanned!(generated_at(ty)=> __mcp::shared::<#ty>(self));
        let added = add(components);
        let conversion = quote_spanned! {generated()=>
            fn components(self) -> __mcp::Components {
                let (#this, __mcp_more) = #shared;
                let mut __mcp_components: __mcp::Components = __mcp::Default::default();
                #added
                __mcp_more(&#this, &mut __mcp_components);
                __mcp_components
            }
        };
        self.implement(runtime, &items, &conversion)
    }

    /// Generates the registration of a further `impl`, whose methods are added to those of the `impl` with `#[tools]`.
    fn expand_more(&self, runtime: Option<&Path>, components: &[Component]) -> TokenStream {
        let (ty, this) = (&self.ty, this());
        let (items, added) = (self.items(components), add(components));
        let content = quote_spanned! {generated()=>
            #items
            fn __mcp_add(#this: __mcp::Arc<#ty>, __mcp_components: &mut __mcp::Components) {
                #added
            }
            __mcp::register_more!(#ty, __mcp_add);
        };
        in_const(&inherited_by(&self.attributes), runtime, &content)
    }

    /// Generates the uses of the attributes and the checks of the methods.
    fn items(&self, components: &[Component]) -> TokenStream {
        let mut items = self.used_attributes();
        items.extend(components.iter().filter_map(Component::checked_method));
        items
    }

    /// Generates the implementation of `ToolSet`, which `Server::with` requires.
    fn implement(
        &self,
        runtime: Option<&Path>,
        items: &TokenStream,
        conversion: &TokenStream,
    ) -> TokenStream {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        let ty = &self.ty;
        let content = quote_spanned! {generated()=>
            #items
            impl #parameters __mcp::ToolSet for #ty #bounds {
                #conversion
            }
        };
        in_const(&inherited_by(&self.attributes), runtime, &content)
    }
}

/// Generates the statements that add components to a collection.
fn add(components: &[Component]) -> TokenStream {
    let added = components.iter().map(|component| {
        let attributes = &component.attributes;
        let value = component.value();
        quote_spanned! {generated()=>
            #attributes
            __mcp_components.add({ #value });
        }
    });
    added.collect()
}

impl Method {
    fn define(&self) -> Result<Component, TokenStream> {
        let arguments = match &self.arguments.meta {
            Meta::Path(_) => TokenStream::new(),
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(_) => {
                let message = format!("write `#[{}(..)]`", self.kind.attribute());
                return Err(syn::Error::new_spanned(&self.arguments, message).to_compile_error());
            }
        };
        entry::define(self.kind, arguments, &self.resolved)
    }
}

/// Reports components with the same name: methods have different names, but their components may be renamed.
fn check_names_unique(components: &[Component], errors: &mut Errors) {
    // Resources are identified by their URIs.
    for kind in [Kind::Tool, Kind::Prompt] {
        let names = components
            .iter()
            .filter(|it| it.kind == kind)
            .map(|it| &it.name);
        errors.at_repeated(names, LitStr::value, |name| {
            let what = kind.attribute();
            format!("two {what}s are named `{name}`: rename one")
        });
    }
}

impl Parse for AnnotatedImpl {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let keyword = input.parse()?;
        let mut generics: Generics = input.parse()?;
        let mut ty: Type = input.parse()?;
        let mut of_trait = None;
        if let Some(token) = input.parse::<Option<Token![for]>>()? {
            of_trait = Some(token);
            ty = input.parse()?;
        }
        generics.where_clause = input.parse()?;
        let content;
        syn::braced!(content in input);
        let owner = Owner {
            ty: ty.clone(),
            is_generic: !generics.params.is_empty(),
        };
        let mut items = Vec::new();
        while !content.is_empty() {
            items.push(Item::parse(&owner, &content)?);
        }
        Ok(Self {
            attributes,
            keyword,
            generics,
            ty,
            of_trait,
            items,
        })
    }
}

impl Item {
    /// Parses a method with a component attribute. Everything else, including incomplete code, is kept as tokens.
    fn parse(owner: &Owner, input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        if let Some(method) = Method::parse(owner, &ahead) {
            input.advance_to(&ahead);
            return Ok(Self::Method(Box::new(method)));
        }
        let mut tokens = TokenStream::new();
        while !input.is_empty() {
            let token: TokenTree = input.parse()?;
            let is_last = match &token {
                TokenTree::Punct(punct) => punct.as_char() == ';',
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                _ => false,
            };
            tokens.extend([token]);
            if is_last {
                break;
            }
        }
        Ok(Self::Other(tokens))
    }
}

impl Method {
    /// Returns `None` for anything but a complete method with a component attribute.
    fn parse(owner: &Owner, input: ParseStream<'_>) -> Option<Self> {
        let mut attributes = input.call(Attribute::parse_outer).ok()?;
        let visibility: Visibility = input.parse().ok()?;
        let signature: Signature = input.parse().ok()?;
        let is_ours = |attribute: &Attribute| Kind::of(attribute.path()).is_some();
        let first = attributes.remove(attributes.iter().position(is_ours)?);
        let body: Group = input.parse().ok()?;
        if body.delimiter() != Delimiter::Brace {
            return None;
        }
        let head = quote_spanned!(generated()=> #(#attributes)* #visibility #signature);
        let resolve = |tokens: TokenStream| replace_self(tokens, &owner.ty);
        let mut resolved: AnnotatedFn = syn::parse2(resolve(head)).ok()?;
        resolved.set_owner(owner.clone());
        attributes.retain(|attribute| !is_ours(attribute));
        let written = quote_spanned!(generated()=> #(#attributes)* #visibility #signature #body);
        let arguments = resolve(first.to_token_stream());
        Some(Self {
            kind: Kind::of(first.path())?,
            arguments: Attribute::parse_outer.parse2(arguments).ok()?.pop()?,
            written: syn::parse2(written).ok()?,
            resolved,
        })
    }
}

impl ToTokens for AnnotatedImpl {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let (attributes, keyword, ty) = (&self.attributes, &self.keyword, &self.ty);
        let items = &self.items;
        let (parameters, _, bounds) = self.generics.split_for_impl();
        tokens.extend(quote_spanned! {generated()=>
            #(#attributes)*
            #keyword #parameters #ty #bounds {
                #(#items)*
            }
        });
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Method(method) => method.written.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

/// Replaces `Self` by the type.
fn replace_self(tokens: TokenStream, ty: &Type) -> TokenStream {
    let is_plain = matches!(ty, Type::Path(path) if path.path.get_ident().is_some());
    replace_tokens(tokens, &mut |token, next| match token {
        TokenTree::Ident(name) if name == "Self" => {
            let is_path = matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
            let resolved = respan(ty.to_token_stream(), name.span());
            if is_path && !is_plain {
                quote_spanned!(name.span()=> <#resolved>)
            } else {
                resolved
            }
        }
        other => other.into(),
    })
}

/// Returns the same tokens, located at another span.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    replace_tokens(tokens, &mut |mut token, _| {
        token.set_span(token.span().located_at(span));
        token.into()
    })
}

/// Returns an error at the keyword of the item, unless the keyword is `impl`.
fn not_an_impl(item: TokenStream) -> Option<syn::Error> {
    let keyword = entry::item_keyword.parse2(item).ok()?;
    let message = match keyword.to_string().as_str() {
        "impl" => return None,
        "fn" | "async" => {
            "`#[tools]` goes on an `impl`: a function is annotated with `#[tool]`".to_owned()
        }
        other => format!("`#[tools]` goes on an `impl`, not on `{other}`"),
    };
    Some(syn::Error::new(keyword.span(), message))
}
