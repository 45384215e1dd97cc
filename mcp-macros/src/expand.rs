//! The code that is generated for a component.
//!
//! It holds no logic of its own: one runtime call a parameter, one for the result, and the definition. Every path
//! goes through `__mcp`, even `Some`: the user may have shadowed it, or have no prelude.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprLit, ExprPath, Lit, LitStr};

use crate::component::{Component, Handler};
use crate::kind::Kind;
use crate::parameters::{Ask, DefaultValue, Parameter};
use crate::runtime_path::{generated, generated_at, import, this, variable};
use crate::types::{find_impl, return_type, with_lifetime};

/// A component, and what only its kind says of it.
pub(crate) struct Definition {
    pub(crate) component: Component,
    /// The arguments before the name.
    pub(crate) leading: TokenStream,
    /// Calls of the builder.
    pub(crate) options: TokenStream,
    /// Items that the compiler checks along with it.
    pub(crate) checks: TokenStream,
}

impl Definition {
    /// Everything generated beside a free function, in one `const`, whose name keeps others of the module from having
    /// the component's.
    pub(crate) fn beside_function(&self) -> TokenStream {
        let component = &self.component;
        let attributes = &component.attributes;
        let import = import(component.runtime.as_ref());
        let name = component.unique_name();
        let (checks, register) = (self.checks(), self.register());
        // In a constant of its own: the compiler names the one that a check fails in.
        let checks = (!checks.is_empty())
            .then(|| quote_spanned!(generated()=> #attributes const _: () = { #import #checks };));
        quote_spanned! {generated()=>
            #attributes
            const #name: () = {
                #import
                #register
            };
            #checks
        }
    }

    /// The checks of a method, which is not there where its `cfg` says so.
    pub(crate) fn checked_method(&self) -> Option<TokenStream> {
        let checks = self.checks();
        let attributes = &self.component.attributes;
        (!checks.is_empty())
            .then(|| quote_spanned!(generated()=> #attributes const _: () = { #checks };))
    }

    /// All items that the compiler checks along with it.
    fn checks(&self) -> TokenStream {
        let parameters = self.component.parameters.iter();
        let mut checks: TokenStream = parameters
            .flat_map(|it| {
                self.component
                    .check_argument(it)
                    .into_iter()
                    .chain(self.component.check_options(it))
            })
            .collect();
        checks.extend(self.checks.clone());
        checks
    }

    fn register(&self) -> TokenStream {
        let component = &self.component;
        let (function, definition) = (&component.signature.ident, component.kind.definition());
        let value = self.value();
        quote_spanned! {generated()=>
            fn __mcp_define() -> __mcp::#definition {
                #value
            }
            __mcp::register!(#function, __mcp_define);
        }
    }

    /// The definition, as what a block may hold.
    pub(crate) fn value(&self) -> TokenStream {
        let Self {
            component,
            leading,
            options,
            ..
        } = self;
        let definition = component.kind.definition();
        let (name, handler, invoke) = (&component.name, component.handler, component.invoke());
        let title = builder_call("title", component.title.as_ref());
        let description = builder_call("description", component.description.as_ref());
        let icons = component
            .icons
            .as_ref()
            .map(|icons| quote_spanned!(generated_at(icons)=> .icons(__mcp::icons(#icons))));
        let meta = expression_call("meta", component.meta.as_ref());
        let timeout = component.timeout.as_ref().map(|limit| {
            let value = duration(limit);
            quote_spanned!(generated_at(limit)=> .timeout(__mcp::timeout(#value)))
        });
        let (tags, scopes) = (&component.tags, &component.scopes);
        let parameters = component
            .parameters
            .iter()
            .map(|parameter| component.describe(parameter));
        let returns = component.returns();
        quote_spanned! {generated()=>
            let __mcp_handler = __mcp::Handler::#handler(#invoke);
            __mcp::#definition::define(#leading #name, __mcp_handler)
                #title
                #description
                #icons
                #meta
                #timeout
                #(.tag(#tags))*
                #(.scope(#scopes))*
                #options
                #(.param(#parameters))*
                #returns
        }
    }
}

impl Component {
    /// An item of a module or a block has a name of its own, so this one makes two equal names of components a mistake.
    fn unique_name(&self) -> TokenStream {
        // Resources are told apart by their URIs.
        if self.kind == Kind::Resource {
            return quote_spanned!(generated()=> _);
        }
        let what = self.kind.attribute();
        let mut name = format!("only_one_{what}_may_have_the_name_");
        for character in self.name.value().chars() {
            match character {
                '-' => name.push_str("_dash_"),
                '.' => name.push_str("_dot_"),
                other => name.push(other),
            }
        }
        Ident::new(&name, generated_at(&self.name)).into_token_stream()
    }

    /// A closure, not a function: the compiler checks it together with the definition around it, and then shows
    /// a type that fits neither only once.
    fn invoke(&self) -> TokenStream {
        let (parameters, answers, call) = (self.decode(), self.ask(), self.call());
        let span = generated_at(&self.signature.ident);
        let this = self.this();
        let share =
            this.map(|this| quote_spanned!(span=> let #this = __mcp::Clone::clone(&#this);));
        let captures = share.as_ref().map(|_| quote_spanned!(span=> move));
        let closure = match self.handler {
            Handler::Async => quote_spanned! {span=>
                #captures |__mcp_call| {
                    #share
                    __mcp::boxed(async move {
                        #parameters
                        #answers
                        #call
                    })
                }
            },
            Handler::Blocking | Handler::Inline => quote_spanned! {span=>
                #captures |__mcp_call| {
                    #parameters
                    #call
                }
            },
        };
        match share {
            Some(share) => quote_spanned!(span=> { #share #closure }),
            None => closure,
        }
    }

    /// All parameters are tried before any refusal, so that the refusal can name all that is wrong.
    fn decode(&self) -> TokenStream {
        let (variables, values): (Vec<Ident>, Vec<TokenStream>) = self
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, parameter)| parameter.ask.is_none())
            .map(|(index, parameter)| (variable(index), self.decode_one(index, parameter)))
            .unzip();
        quote_spanned! {generated()=>
            let (#(__mcp::Some(#variables),)* true,) = (#(#values,)* __mcp_call.accepted(),) else {
                return __mcp_call.refuse();
            };
        }
    }

    fn decode_one(&self, index: usize, parameter: &Parameter) -> TokenStream {
        let ty = self.spell(&parameter.ty);
        let span = generated_at(&parameter.ty);
        let default = parameter.default.as_ref().map(|it| it.expression(&ty));
        match default {
            None => quote_spanned!(span=> __mcp::param::<#ty>(&__mcp_call, #index)),
            Some(default) => {
                quote_spanned!(span=> __mcp::param_or::<#ty>(&__mcp_call, #index, || #default))
            }
        }
    }

    /// All questions are asked side by side, once the arguments are known to be good.
    fn ask(&self) -> Option<TokenStream> {
        let (variables, questions): (Vec<Ident>, Vec<TokenStream>) = self
            .parameters
            .iter()
            .enumerate()
            .filter_map(|(index, it)| Some((variable(index), self.ask_one(it, it.ask.as_ref()?))))
            .unzip();
        (!variables.is_empty()).then(|| {
            quote_spanned! {generated()=>
                #(let mut #variables = #questions;)*
                let __mcp_outcome = __mcp::answers(&mut [#(&mut #variables),*]).await;
                let (#(__mcp::Some(#variables),)*) = (#(#variables.take(),)*) else {
                    return __mcp::unanswered(__mcp_outcome);
                };
            }
        })
    }

    fn ask_one(&self, parameter: &Parameter, ask: &Ask) -> TokenStream {
        let ty = self.spell(&parameter.ty);
        let span = generated_at(&parameter.ty);
        let question = &ask.question;
        let key = ask.key.as_ref().map_or_else(
            || quote_spanned!(span=> __mcp::None),
            |key| quote_spanned!(span=> __mcp::Some(#key)),
        );
        quote_spanned!(span=> __mcp::ask::<#ty>(&__mcp_call, #question, #key))
    }

    /// The type is given to the conversion although it could be inferred: so an unfit result is shown where the
    /// type was written.
    fn call(&self) -> TokenStream {
        let function = &self.signature.ident;
        let span = generated_at(function);
        let convert = self.kind.convert();
        let returned = self.returned().map(|ty| quote_spanned!(span=> ::<#ty, _>));
        let owner = self.owner.as_ref().map(|owner| {
            let ty = &owner.ty;
            quote_spanned!(span=> <#ty>::)
        });
        let this = self.this().map(|this| quote_spanned!(span=> &#this,));
        let variables = (0..self.parameters.len()).map(variable);
        let dot_await = (self.handler == Handler::Async).then(|| quote_spanned!(span=> .await));
        quote_spanned!(span=> __mcp::#convert #returned (#owner #function(#this #(#variables),*) #dot_await))
    }

    /// The variable with the value whose method it is.
    fn this(&self) -> Option<Ident> {
        self.signature.receiver().map(|_| this())
    }

    fn describe(&self, parameter: &Parameter) -> TokenStream {
        let ty = self.spell(&parameter.ty);
        let span = generated_at(&parameter.ty);
        let name = &parameter.wire_name;
        if parameter.ask.is_some() {
            return quote_spanned!(span=> __mcp::Parameter::asked(#name));
        }
        let description = builder_call("description", parameter.description.as_ref());
        let header = builder_call("header", parameter.header.as_ref());
        let default = parameter.default.as_ref().map(|default| {
            let value = default.expression(&ty);
            quote_spanned!(span=> .default(__mcp::default_json!(#ty, #value)))
        });
        let example = parameter.example.as_ref().map(|example| {
            let value = value(example, &ty);
            quote_spanned!(generated_at(example)=> .example(__mcp::default_json!(#ty, #value)))
        });
        let constraints = parameter.constraints.describe();
        let complete = parameter.complete.as_ref().map(|path| {
            let function = self.function(path, "Completion");
            quote_spanned!(generated_at(path)=> .complete(__mcp::completer(#function)))
        });
        quote_spanned!(span=> __mcp::Parameter::of::<#ty>(#name) #description #default #example #constraints #header #complete)
    }

    /// A function that the user named, which takes a `taken`. Beside methods it may be one of them: the compiler knows.
    pub(crate) fn function(&self, path: &ExprPath, taken: &str) -> TokenStream {
        if self.owner.is_none() {
            return path.to_token_stream();
        }
        let (this, taken) = (this(), Ident::new(taken, generated()));
        quote_spanned!(generated_at(path)=> __mcp::bind::<__mcp::#taken, _, _, _>(&#this, #path))
    }

    /// The definition of a prompt does not say what it returns.
    fn returns(&self) -> Option<TokenStream> {
        let ty = self.returned().filter(|_| self.kind != Kind::Prompt)?;
        let span = generated_at(&ty);
        Some(quote_spanned!(span=> .returns::<#ty, _>()))
    }

    /// The type of the result, unless it is an `impl Trait` and has no name.
    fn returned(&self) -> Option<TokenStream> {
        let ty = return_type(&self.signature);
        find_impl(&ty).is_none().then(|| self.spell(&ty))
    }

    /// `#[arg]` on what the server itself supplies would be silently ignored.
    fn check_argument(&self, parameter: &Parameter) -> Option<TokenStream> {
        let span = generated().located_at(parameter.arg?);
        let message = format!(
            "`#[arg]` is for what clients send, and `{}` comes from the server: remove the `#[arg]`",
            parameter.wire_name.value()
        );
        self.refuse_supplied(parameter, true, span, &message)
    }

    /// Options that make no sense for the values of a type, where the compiler knows them by any name.
    fn check_options(&self, parameter: &Parameter) -> Option<TokenStream> {
        if self.is_in_generic_impl() {
            return None;
        }
        let constraints = &parameter.constraints;
        let options = [
            (
                constraints.range.as_ref().map(|range| range.key.span()),
                "ranges",
                "`range` bounds numbers: bound the size of a string, list or map with `length(..)`",
            ),
            (
                constraints.length.as_ref().map(|length| length.key.span()),
                "lengths",
                "`length` counts the characters of strings, the items of lists and the members of maps: bound a number with `range(..)`",
            ),
            (
                constraints
                    .pattern
                    .as_ref()
                    .map(|pattern| pattern.key.span()),
                "patterns",
                "`pattern` is for strings: a list of strings needs a type of its own for its items",
            ),
            (
                parameter.header.as_ref().map(LitStr::span),
                "headers",
                "a header can repeat a string, an integer or a boolean: remove `header`",
            ),
        ];
        let ty = with_lifetime(&parameter.ty, &self.signature.generics, "static");
        let checks = options.into_iter().filter_map(|(place, takes, message)| {
            let span = generated().located_at(place?);
            let takes = Ident::new(takes, span);
            Some(quote_spanned! {span=>
                const _: () = {
                    #[allow(unused_imports)]
                    use __mcp::UnknownValues as _;
                    ::core::assert!(__mcp::#takes(__mcp::Known::<#ty>::VALUES), "{}", #message);
                };
            })
        });
        Some(checks.collect())
    }

    /// An item cannot name the parameters of the `impl` around it. The server finds the mistake when it is built.
    fn is_in_generic_impl(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.is_generic)
    }

    /// Refuses a parameter that the server supplies, or one that it does not: only the compiler knows which do.
    pub(crate) fn refuse_supplied(
        &self,
        parameter: &Parameter,
        refused: bool,
        span: Span,
        message: &str,
    ) -> Option<TokenStream> {
        if self.is_in_generic_impl() {
            return None;
        }
        let ty = with_lifetime(&parameter.ty, &self.signature.generics, "static");
        Some(quote_spanned! {span=>
            const _: () = {
                #[allow(unused_imports)]
                use __mcp::NoParam as _;
                let refused = ::core::matches!(__mcp::Supplied::<#ty>::BY_SERVER, __mcp::Some(#refused));
                ::core::assert!(!refused, "{}", #message);
            };
        })
    }

    fn spell(&self, ty: &impl ToTokens) -> TokenStream {
        with_lifetime(ty, &self.signature.generics, "_")
    }
}

impl DefaultValue {
    fn expression(&self, ty: &TokenStream) -> TokenStream {
        match self {
            Self::OfType(key) => quote_spanned!(generated_at(key)=> __mcp::Default::default()),
            Self::Expression(expression) => value(expression, ty),
        }
    }
}

/// A value of a type: a text as it is written may stand for a `String`.
fn value(written: &Expr, ty: &TokenStream) -> TokenStream {
    match written {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => {
            // As if the user had written it: a text that does not fit is their mistake, and not the attribute's.
            let made = quote_spanned!(text.span()=> __mcp::Text::<#ty>::value(#text));
            quote_spanned! {generated_at(text)=> {
                #[allow(unused_imports)]
                use __mcp::NoText as _;
                #made
            }}
        }
        other => other.to_token_stream(),
    }
}

/// A number is one of seconds; what else the compiler must find to be a `Duration`.
pub(crate) fn duration(value: &Expr) -> TokenStream {
    let span = generated_at(value);
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(seconds),
            ..
        }) => quote_spanned!(span=> __mcp::Duration::from_secs(#seconds)),
        other => other.to_token_stream(),
    }
}

/// `.method(value)`, if there is a value.
pub(crate) fn builder_call(method: &str, value: Option<&LitStr>) -> Option<TokenStream> {
    let method = Ident::new(method, generated());
    value.map(|value| quote_spanned!(generated()=> .#method(#value)))
}

/// `.method(value)`, if there is a value. What is wrong with it is shown at it.
pub(crate) fn expression_call(method: &str, value: Option<&Expr>) -> Option<TokenStream> {
    value.map(|value| {
        let method = Ident::new(method, generated());
        quote_spanned!(generated_at(value)=> .#method(#value))
    })
}
