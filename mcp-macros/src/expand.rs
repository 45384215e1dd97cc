//! The code that is generated for a component.
//!
//! It holds no logic of its own: one runtime call a parameter, one for the result, and the definition. Every path
//! goes through `__mcp`, even `Some`: the user may have shadowed it, or have no prelude.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprPath};

use crate::builder::builder_call;
use crate::component::{Component, Handler};
use crate::kind::Kind;
use crate::literal::string;
use crate::parameters::{Ask, DefaultValue, Parameter};
use crate::runtime_path::{generated, generated_at, import, in_const, this, variable};
use crate::types::{find_impl, return_type, with_lifetime};

impl Component {
    /// Everything generated beside a free function, in one `const`, whose name keeps others of the module from having
    /// the component's.
    pub(crate) fn beside_function(&self) -> TokenStream {
        let (attributes, runtime) = (&self.attributes, self.runtime.as_ref());
        let (import, name, register) = (import(runtime), self.unique_name(), self.register());
        // In a constant of its own: the compiler names the one that a check fails in.
        let checks = self.checks().map(|it| in_const(attributes, runtime, &it));
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
        let attributes = &self.attributes;
        self.checks()
            .map(|checks| quote_spanned!(generated()=> #attributes const _: () = { #checks };))
    }

    /// All items that the compiler checks along with it, if there are any.
    fn checks(&self) -> Option<TokenStream> {
        // An item cannot name the parameters of the `impl` around it. The server finds the mistake when it is built.
        if self.owner.as_ref().is_some_and(|owner| owner.is_generic) {
            return None;
        }
        let mut checks = TokenStream::new();
        for parameter in &self.parameters {
            checks.extend(self.check_argument(parameter));
            checks.extend(self.check_options(parameter));
        }
        checks.extend(self.checks.clone());
        (!checks.is_empty()).then_some(checks)
    }

    fn register(&self) -> TokenStream {
        let (function, definition) = (&self.signature.ident, self.kind.definition());
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
        let (leading, name, options) = (&self.leading, &self.name, &self.options);
        let (definition, handler) = (self.kind.definition(), self.handler);
        let (invoke, returns) = (self.invoke(), self.returns());
        let parameters = self.parameters.iter().map(|it| self.describe(it));
        quote_spanned! {generated()=>
            let __mcp_handler = __mcp::Handler::#handler(#invoke);
            __mcp::#definition::define(#leading #name, __mcp_handler)
                #options
                #(.param(#parameters))*
                #returns
        }
    }

    /// An item of a module or a block has a name of its own, so this one makes two equal names of components a mistake.
    fn unique_name(&self) -> TokenStream {
        // Resources are told apart by their URIs.
        if self.kind == Kind::Resource {
            return quote_spanned!(generated()=> _);
        }
        let what = self.kind.attribute();
        let name = self.name.value();
        let name = name.replace('-', "_dash_").replace('.', "_dot_");
        let name = format!("only_one_{what}_may_have_the_name_{name}");
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
        let body = match self.handler {
            Handler::Async => quote_spanned! {span=>
                #share
                __mcp::boxed(async move {
                    #parameters
                    #answers
                    #call
                })
            },
            Handler::Blocking | Handler::Inline => quote_spanned!(span=> #parameters #call),
        };
        let closure = quote_spanned!(span=> #captures |__mcp_call| { #body });
        match share {
            Some(share) => quote_spanned!(span=> { #share #closure }),
            None => closure,
        }
    }

    /// All parameters are tried before any refusal, so that the refusal can name all that is wrong.
    fn decode(&self) -> TokenStream {
        let parameters = self.parameters.iter().enumerate();
        let (variables, values): (Vec<Ident>, Vec<TokenStream>) = parameters
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
        let extracted = match &parameter.default {
            None => quote_spanned!(span=> __mcp::param::<#ty>(&__mcp_call, #index)),
            Some(default) => {
                let default = default.expression(&ty);
                quote_spanned!(span=> __mcp::param_or::<#ty>(&__mcp_call, #index, || #default))
            }
        };
        match self.handler {
            Handler::Async => quote_spanned!(span=> #extracted.await),
            Handler::Blocking => quote_spanned!(span=> #extracted.wait()),
            Handler::Inline => quote_spanned!(span=> #extracted.now()),
        }
    }

    /// All questions are asked side by side, once the arguments are known to be good.
    fn ask(&self) -> Option<TokenStream> {
        let parameters = self.parameters.iter().enumerate();
        let (variables, questions): (Vec<Ident>, Vec<TokenStream>) = parameters
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
        let key = match &ask.key {
            None => quote_spanned!(span=> __mcp::None),
            Some(key) => quote_spanned!(span=> __mcp::Some(#key)),
        };
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
        Some(self.refuse_supplied(parameter, true, span, &message))
    }

    /// Options that make no sense for the values of a type, where the compiler knows them by any name.
    fn check_options(&self, parameter: &Parameter) -> TokenStream {
        let ty = with_lifetime(&parameter.ty, &self.signature.generics, "static");
        let checks = parameter.options.iter().filter_map(|key| {
            let (_, takes, message) = TAKEN.iter().find(|(option, ..)| key == option)?;
            let span = generated_at(key);
            let takes = Ident::new(takes, span);
            let condition = quote_spanned!(span=> __mcp::#takes(__mcp::Known::<#ty>::VALUES));
            Some(assertion(span, "UnknownValues", &condition, message))
        });
        checks.collect()
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
        let condition = quote_spanned! {span=>
            !::core::matches!(__mcp::Supplied::<#ty>::BY_SERVER, __mcp::Some(#refused))
        };
        assertion(span, "NoParam", &condition, message)
    }

    fn spell(&self, ty: &impl ToTokens) -> TokenStream {
        with_lifetime(ty, &self.signature.generics, "_")
    }
}

/// The options that only some types take: the function that knows which, and what is said of others.
const TAKEN: [(&str, &str, &str); 4] = [
    (
        "range",
        "ranges",
        "`range` bounds numbers: bound the size of a string, list or map with `length(..)`",
    ),
    (
        "length",
        "lengths",
        "`length` counts the characters of strings, the items of lists and the members of maps: bound a number with `range(..)`",
    ),
    (
        "pattern",
        "patterns",
        "`pattern` is for strings: a list of strings needs a type of its own for its items",
    ),
    (
        "header",
        "headers",
        "a header can repeat a string, an integer or a boolean: remove `header`",
    ),
];

/// A condition that the compiler checks. The trait answers for the types of which nothing is known.
fn assertion(span: Span, other: &str, condition: &TokenStream, message: &str) -> TokenStream {
    let other = Ident::new(other, span);
    quote_spanned! {span=>
        const _: () = {
            #[allow(unused_imports)]
            use __mcp::#other as _;
            ::core::assert!(#condition, "{}", #message);
        };
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
    let Some(text) = string(written) else {
        return written.to_token_stream();
    };
    // As if the user had written it: a text that does not fit is their mistake, and not the attribute's.
    let made = quote_spanned!(text.span()=> __mcp::Text::<#ty>::value(#text));
    quote_spanned! {generated_at(text)=> {
        #[allow(unused_imports)]
        use __mcp::NoText as _;
        #made
    }}
}
