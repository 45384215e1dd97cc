//! `#[tools]`: the annotated methods of an `impl`, and what makes components of a value that has them.
//!
//! Like those of functions, the bodies of methods are raw tokens and never parsed, and the `impl` comes back whatever
//! is wrong with it.

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
    options: &[&["crate"]],
    ..Grammar::EMPTY
};

/// An `impl` as written, with the attributes that are ours taken off its methods.
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
    /// What its attribute says.
    arguments: Attribute,
    written: AnnotatedFn,
    /// The same with the type in the place of `Self`, which has another meaning in generated code.
    spelled: AnnotatedFn,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = match AnnotatedImpl::parse.parse2(item.clone()) {
        Ok(block) => block,
        Err(error) => {
            return entry::beside(&item, &not_an_impl(item.clone()).unwrap_or(error));
        }
    };
    let (Ok(generated) | Err(generated)) = block.components(arguments);
    let mut tokens = block.into_token_stream();
    tokens.extend(generated);
    tokens
}

impl AnnotatedImpl {
    /// What makes components of a value, or the errors.
    fn components(&self, arguments: TokenStream) -> Result<TokenStream, TokenStream> {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
        let runtime = arguments.runtime(&mut errors);
        self.check(&mut errors);
        let mut components: Vec<Component> = Vec::new();
        let of_methods: TokenStream = self
            .methods()
            .filter_map(|method| method.define().map(|it| components.push(it)).err())
            .collect();
        check_names_unique(&components, &mut errors);
        let mut found = errors.finish(Some(())).err().unwrap_or_default();
        found.extend(of_methods);
        if found.is_empty() {
            return Ok(self.expand(runtime.as_ref(), &components));
        }
        found.extend(self.stand_in(runtime.as_ref()));
        Err(found)
    }

    /// Lets a server take the value in spite of a mistake, so that the mistake is the only error.
    fn stand_in(&self, runtime: Option<&Path>) -> Option<TokenStream> {
        // What a trait is implemented for may be of another crate, and then this may not be.
        let of_type = self.of_trait.is_none();
        let taken = quote_spanned!(generated()=> fn components(self) -> __mcp::Components { __mcp::Default::default() });
        of_type.then(|| self.convert(runtime, &TokenStream::new(), &taken))
    }

    /// The attributes are taken off the methods, and yet their imports are used.
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

    fn check(&self, errors: &mut Errors) {
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
        if self.methods().next().is_none() {
            errors.at_span(
                attribute(),
                "no method of this `impl` is annotated: put `#[tool]`, `#[resource(\"..\")]` or `#[prompt]` on one",
            );
        }
    }

    fn expand(&self, runtime: Option<&Path>, components: &[Component]) -> TokenStream {
        let (ty, this) = (&self.ty, this());
        let mut items = self.used_attributes();
        items.extend(components.iter().filter_map(Component::checked_method));
        let shared = quote_spanned!(generated_at(ty)=> __mcp::shared::<#ty>(self));
        let added = components.iter().map(|component| {
            let attributes = &component.attributes;
            let value = component.value();
            quote_spanned! {generated()=>
                #attributes
                __mcp_components.add({ #value });
            }
        });
        let taken = quote_spanned! {generated()=>
            fn components(self) -> __mcp::Components {
                let #this = #shared;
                let mut __mcp_components: __mcp::Components = __mcp::Default::default();
                #(#added)*
                __mcp_components
            }
        };
        self.convert(runtime, &items, &taken)
    }

    /// What `Server::with` wants of the type.
    fn convert(
        &self,
        runtime: Option<&Path>,
        items: &TokenStream,
        taken: &TokenStream,
    ) -> TokenStream {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        let ty = &self.ty;
        let content = quote_spanned! {generated()=>
            #items
            impl #parameters __mcp::ToolSet for #ty #bounds {
                #taken
            }
        };
        in_const(&inherited_by(&self.attributes), runtime, &content)
    }
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
        entry::define(self.kind, arguments, &self.spelled)
    }
}

/// Two methods have two names, but their components may be renamed.
fn check_names_unique(components: &[Component], errors: &mut Errors) {
    // Resources are told apart by their URIs.
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
    /// Reads a method with an attribute of ours. Everything else, also what is half typed, is passed on as it is.
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
    /// `None` for what is no method with an attribute of ours, or none yet.
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
        let spell = |tokens: TokenStream| replace_self(tokens, &owner.ty);
        let mut spelled: AnnotatedFn = syn::parse2(spell(head)).ok()?;
        spelled.become_method(owner.clone());
        attributes.retain(|attribute| !is_ours(attribute));
        let written = quote_spanned!(generated()=> #(#attributes)* #visibility #signature #body);
        let arguments = spell(first.to_token_stream());
        Some(Self {
            kind: Kind::of(first.path())?,
            arguments: Attribute::parse_outer.parse2(arguments).ok()?.pop()?,
            written: syn::parse2(written).ok()?,
            spelled,
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

/// The type in the place of `Self`.
fn replace_self(tokens: TokenStream, ty: &Type) -> TokenStream {
    let is_plain = matches!(ty, Type::Path(path) if path.path.get_ident().is_some());
    replace_tokens(tokens, &mut |token, next| match token {
        TokenTree::Ident(name) if name == "Self" => {
            let is_path = matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
            let spelled = respan(ty.to_token_stream(), name.span());
            if is_path && !is_plain {
                quote_spanned!(name.span()=> <#spelled>)
            } else {
                spelled
            }
        }
        other => other.into(),
    })
}

/// The same tokens at another place.
fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    replace_tokens(tokens, &mut |mut token, _| {
        token.set_span(token.span().located_at(span));
        token.into()
    })
}

/// An error at the keyword of the item, if it is another one.
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
