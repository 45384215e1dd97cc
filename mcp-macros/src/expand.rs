//! The code that is generated for a component.
//!
//! It holds no logic of its own: one runtime call a parameter, one for the result, and the definition. Every path
//! goes through `__mcp`, even `Some`: the user may have shadowed it, or have no prelude.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, LitStr};

use crate::component::{Component, Handler};
use crate::parameters::{Ask, DefaultValue, Parameter};
use crate::runtime_path::{generated, generated_at, import, variable};
use crate::signature::{find_impl, return_type, with_lifetime};

/// The three kinds of components, and the names each has in the runtime.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];

    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    /// The type of definitions.
    fn definition(self) -> Ident {
        self.pick("Tool", "Resource", "Prompt")
    }

    /// What a call gives.
    fn outcome(self) -> Ident {
        self.pick("ToolResult", "ResourceOutcome", "PromptOutcome")
    }

    /// The function that makes an outcome of what the user's function returns.
    fn convert(self) -> Ident {
        self.pick("tool_result", "resource_result", "prompt_result")
    }

    fn pick(self, tool: &str, resource: &str, prompt: &str) -> Ident {
        let name = match self {
            Self::Tool => tool,
            Self::Resource => resource,
            Self::Prompt => prompt,
        };
        Ident::new(name, generated())
    }
}

impl Component {
    /// Everything generated, in one `const`. `leading` are the definition's arguments before the name, `options`
    /// builder calls of this kind, `checks` items that the compiler checks along with it.
    pub(crate) fn expand(
        &self,
        leading: &TokenStream,
        options: &TokenStream,
        checks: &TokenStream,
    ) -> TokenStream {
        let attributes = &self.attributes;
        let import = import(self.runtime.as_ref());
        let argument_checks: TokenStream = self
            .parameters
            .iter()
            .filter_map(|it| self.check_argument(it))
            .collect();
        let define = self.define(leading, options);
        let register = self.register();
        quote_spanned! {generated()=>
            #attributes
            const _: () = {
                #import
                #argument_checks
                #checks
                #define
                #register
            };
        }
    }

    /// A closure, not a function: the compiler checks it together with the definition around it, and then shows
    /// a type that fits neither only once.
    fn invoke(&self) -> TokenStream {
        let outcome = self.kind.outcome();
        let (parameters, answers, call) = (self.decode(), self.ask(), self.call());
        let span = generated_at(&self.signature.ident);
        match self.handler {
            Handler::Async => quote_spanned! {span=>
                |__mcp_call: __mcp::Call| -> __mcp::BoxFuture<__mcp::#outcome> {
                    __mcp::boxed(async move {
                        #parameters
                        #answers
                        #call
                    })
                }
            },
            Handler::Blocking | Handler::Inline => quote_spanned! {span=>
                |__mcp_call: __mcp::Call| -> __mcp::#outcome {
                    #parameters
                    #call
                }
            },
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
        match parameter.default.as_ref().map(DefaultValue::expression) {
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
        let variables = (0..self.parameters.len()).map(variable);
        let dot_await = (self.handler == Handler::Async).then(|| quote_spanned!(span=> .await));
        quote_spanned!(span=> __mcp::#convert #returned (#function(#(#variables),*) #dot_await))
    }

    fn define(&self, leading: &TokenStream, options: &TokenStream) -> TokenStream {
        let definition = self.kind.definition();
        let (name, handler, invoke) = (&self.name, self.handler, self.invoke());
        let title = builder_call("title", self.title.as_ref());
        let description = builder_call("description", self.description.as_ref());
        let icons = self
            .icons
            .as_ref()
            .map(|icons| quote_spanned!(generated_at(icons)=> .icons(__mcp::icons(#icons))));
        let meta = expression_call("meta", self.meta.as_ref());
        let parameters = self
            .parameters
            .iter()
            .map(|parameter| self.describe(parameter));
        let returns = self.returns();
        quote_spanned! {generated()=>
            fn __mcp_define() -> __mcp::#definition {
                __mcp::#definition::define(#leading #name, __mcp::Handler::#handler(#invoke))
                    #title
                    #description
                    #icons
                    #meta
                    #options
                    #(.param(#parameters))*
                    #returns
            }
        }
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
            let value = default.expression();
            quote_spanned!(span=> .default(__mcp::default_json!(#ty, #value)))
        });
        let complete = parameter
            .complete
            .as_ref()
            .map(|path| quote_spanned!(generated_at(path)=> .complete(__mcp::completer(#path))));
        quote_spanned!(span=> __mcp::Parameter::of::<#ty>(#name) #description #default #header #complete)
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

    fn register(&self) -> TokenStream {
        let function = &self.signature.ident;
        let constructor = Ident::new(self.kind.attribute(), generated());
        quote_spanned! {generated()=>
            __mcp::submit! {
                __mcp::Registration::#constructor(
                    __mcp::package!(),
                    __mcp::place!(),
                    || __mcp::type_id_of(&#function),
                    __mcp_define,
                )
            }
        }
    }

    /// `#[arg]` on what the server itself supplies would be silently ignored.
    fn check_argument(&self, parameter: &Parameter) -> Option<TokenStream> {
        let span = generated().located_at(parameter.arg?);
        let message = format!(
            "`#[arg]` is for what clients send, and `{}` comes from the server: remove the `#[arg]`",
            parameter.wire_name.value()
        );
        Some(self.refuse_supplied(parameter, true, span, &message))
    }

    /// Refuses a parameter that the server supplies, or one that it does not: only the compiler knows which do.
    pub(crate) fn refuse_supplied(
        &self,
        parameter: &Parameter,
        refused: bool,
        span: Span,
        message: &str,
    ) -> TokenStream {
        let ty = with_lifetime(&parameter.ty, &self.signature.generics, "static");
        quote_spanned! {span=>
            const _: () = {
                #[allow(unused_imports)]
                use __mcp::NoParam as _;
                let refused = ::core::matches!(__mcp::Supplied::<#ty>::BY_SERVER, __mcp::Some(#refused));
                ::core::assert!(!refused, "{}", #message);
            };
        }
    }

    fn spell(&self, ty: &impl ToTokens) -> TokenStream {
        with_lifetime(ty, &self.signature.generics, "_")
    }
}

impl DefaultValue {
    fn expression(&self) -> TokenStream {
        match self {
            Self::OfType(key) => quote_spanned!(generated_at(key)=> __mcp::Default::default()),
            Self::Expression(expression) => expression.to_token_stream(),
        }
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
