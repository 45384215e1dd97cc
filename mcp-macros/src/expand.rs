//! Code generation for a component.
//!
//! Generated code contains no logic: one runtime call for each parameter, one for the result, and the definition. Every
//! path starts with `__mcp`, even that of `Some`: the user may have shadowed it, or have no prelude.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprPath, LitStr};

use crate::builder::builder_call;
use crate::component::{Component, Handler};
use crate::kind::Kind;
use crate::literal::string;
use crate::parameters::{Ask, DefaultValue, Parameter};
use crate::runtime_path::{generated, generated_at, import, in_const, this, variable};
use crate::task;
use crate::types::{find_impl, return_type, with_lifetime};

impl Component {
    /// Generates all items for a free function. They are in one `const`, whose name makes a second component of the
    /// same name in the module an error.
    pub(crate) fn beside_function(&self) -> TokenStream {
        let (attributes, runtime) = (&self.attributes, self.runtime.as_ref());
        let (import, name, register) = (import(runtime), self.unique_name(), self.register());
        // In a separate unnamed constant: the compiler prints the name of the constant in which a check fails.
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

    /// Generates the checks of a method, under the same `cfg` as the method.
    pub(crate) fn checked_method(&self) -> Option<TokenStream> {
        let attributes = &self.attributes;
        self.checks()
            .map(|checks| quote_spanned!(generated()=> #attributes const _: () = { #checks };))
    }

    /// Generates the compile-time checks, if there are any.
    fn checks(&self) -> Option<TokenStream> {
        // An item cannot name the generic parameters of the `impl` around it. The server reports such a mistake when it
        // is built.
        if self.owner.as_ref().is_some_and(|owner| owner.is_generic) {
            return None;
        }
        let mut checks = TokenStream::new();
        for parameter in &self.parameters {
            checks.extend(self.check_argument(parameter));
            checks.extend(self.check_options(parameter));
            let complete = parameter.complete.as_ref();
            checks.extend(complete.map(|path| self.check_function("completer", path)));
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

    /// Generates the definition: statements and an expression for the inside of a block.
    pub(crate) fn value(&self) -> TokenStream {
        let (leading, name, options) = (&self.leading, &self.name, &self.options);
        let (definition, handler) = (self.kind.definition(), self.handler);
        let (invoke, returns) = (self.invoke(), self.returns());
        let version = self.version.iter();
        let parameters = self.parameters.iter().map(|it| self.describe(it));
        quote_spanned! {generated()=>
            let __mcp_handler = __mcp::Handler::#handler(#invoke);
            __mcp::#definition::define(#leading #name, __mcp_handler)
                #options
                #(.version(#version))*
                #(.param(#parameters))*
                #returns
        }
    }

    /// Returns the name of the generated `const`. Items of a module or block have unique names, so two components with
    /// the same name do not compile.
    fn unique_name(&self) -> TokenStream {
        // Resources are identified by their URIs.
        if self.kind == Kind::Resource {
            return quote_spanned!(generated()=> _);
        }
        let what = self.kind.attribute();
        let name = self.name.value();
        let version = self.version.as_ref().map(LitStr::value);
        let version = version.map_or_else(String::new, |version| format!("_and_version_{version}"));
        let name = format!("only_one_{what}_may_have_the_name_{name}{version}");
        let name = name.replace('-', "_dash_").replace('.', "_dot_");
        // A version that is not valid is a problem of the server.
        let name = name.replace(|other: char| !other.is_ascii_alphanumeric(), "_");
        Ident::new(&name, generated_at(&self.name)).into_token_stream()
    }

    /// Generates the closure that calls the function. It is not a `fn` item: the compiler checks a closure together
    /// with the definition around it, and reports a type that fits neither only once.
    fn invoke(&self) -> TokenStream {
        let (parameters, answers, call) = (self.decode(), self.ask(), self.call());
        let span = generated_at(&self.signature.ident);
        let begin = self.is_task.then(|| task::begin(self.handler, span));
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
                    #begin
                    #call
                })
            },
            Handler::Blocking | Handler::Inline => quote_spanned!(span=> #parameters #begin #call),
        };
        let closure = quote_spanned!(span=> #captures |__mcp_call| { #body });
        match share {
            Some(share) => quote_spanned!(span=> { #share #closure }),
            None => closure,
        }
    }

    /// Decodes all parameters before a call is rejected, so that the error can name all mistakes.
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
        let ty = self.elided(&parameter.ty);
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

    /// Asks all questions concurrently, after the arguments have been decoded.
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
        let ty = self.elided(&parameter.ty);
        let span = generated_at(&parameter.ty);
        let question = &ask.question;
        let key = match &ask.key {
            None => quote_spanned!(span=> __mcp::None),
            Some(key) => quote_spanned!(span=> __mcp::Some(#key)),
        };
        quote_spanned!(span=> __mcp::ask::<#ty>(&__mcp_call, #question, #key))
    }

    /// Generates the call and the conversion of its result. The conversion names the type although it could be
    /// inferred, so that an unsuitable result type is reported where it is written.
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

    /// Returns the variable that holds the receiver of a method.
    fn this(&self) -> Option<Ident> {
        self.signature.receiver().map(|_| this())
    }

    fn describe(&self, parameter: &Parameter) -> TokenStream {
        let ty = self.elided(&parameter.ty);
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
            let completer = self.bound("completer", path);
            quote_spanned!(generated_at(path)=> .complete(#completer))
        });
        let flatten = parameter.flatten.then(|| quote_spanned!(span=> .flatten()));
        let nullable = parameter
            .nullable
            .then(|| quote_spanned!(span=> .nullable()));
        quote_spanned!(span=> __mcp::Parameter::of::<#ty>(#name) #description #default #example #constraints #header #complete #flatten #nullable)
    }

    /// Generates the conversion of a user's function by a function of the runtime. For a method, it may also be a method of
    /// the same value: the compiler decides.
    pub(crate) fn bound(&self, convert: &str, path: &ExprPath) -> TokenStream {
        let (function, span) = (self.unbound(convert, path), generated_at(path));
        if self.owner.is_none() {
            return quote_spanned!(span=> #function.free());
        }
        let this = this();
        quote_spanned!(span=> #function.bound(&#this))
    }

    fn unbound(&self, convert: &str, path: &ExprPath) -> TokenStream {
        let span = generated_at(path);
        let convert = Ident::new(convert, span);
        let owner = self.owner.as_ref().map(|owner| &owner.ty);
        let owner = owner.map_or_else(
            || quote_spanned!(span=> ()),
            |ty| quote_spanned!(span=> #ty),
        );
        quote_spanned!(span=> __mcp::#convert(__mcp::PhantomData::<#owner>, #path))
    }

    /// Generates a check that a user's function takes no arguments, which clients do not send to it.
    pub(crate) fn check_function(&self, convert: &str, path: &ExprPath) -> TokenStream {
        let (function, span) = (self.unbound(convert, path), generated_at(path));
        let message = "clients send no arguments to this function: take only what the server supplies, such as `State<T>` and \
                       `Context`";
        quote_spanned! {span=>
            const _: () = ::core::assert!(#function.injected, "{}", #message);
        }
    }

    /// Generates the declaration of the return type, which prompts do not have.
    fn returns(&self) -> Option<TokenStream> {
        let ty = self.returned().filter(|_| self.kind != Kind::Prompt)?;
        let span = generated_at(&ty);
        Some(quote_spanned!(span=> .returns::<#ty, _>()))
    }

    /// Returns the type of the result, or `None` for an `impl Trait`, which has no name.
    fn returned(&self) -> Option<TokenStream> {
        let ty = return_type(&self.signature);
        find_impl(&ty).is_none().then(|| self.elided(&ty))
    }

    /// Generates a check that a parameter with `#[arg]` is not injected: the attribute would be silently ignored.
    fn check_argument(&self, parameter: &Parameter) -> Option<TokenStream> {
        let span = generated().located_at(parameter.arg?);
        let message = format!(
            "`#[arg]` is for what clients send, and `{}` comes from the server: remove the `#[arg]`",
            parameter.wire_name.value()
        );
        Some(self.refuse_supplied(parameter, true, span, &message))
    }

    /// Generates checks that the options apply to the type. The compiler also resolves type aliases.
    fn check_options(&self, parameter: &Parameter) -> TokenStream {
        let ty = with_lifetime(&parameter.ty, &self.signature.generics, "static");
        // `flatten = false` applies to every type.
        let options = parameter.options.iter();
        let options = options.filter(|key| parameter.flatten || *key != "flatten");
        let checks = options.filter_map(|key| {
            let (_, applies, message) = OPTION_CHECKS.iter().find(|(option, ..)| key == option)?;
            let span = generated_at(key);
            let applies = Ident::new(applies, span);
            let condition = quote_spanned!(span=> __mcp::#applies(__mcp::Known::<#ty>::VALUES));
            Some(assertion(span, "UnknownValues", &condition, message))
        });
        checks.collect()
    }

    /// Generates a check that rejects parameters which are injected (`refused` is `true`) or which are not (`false`).
    /// Only the compiler knows which types are injected.
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

    fn elided(&self, ty: &impl ToTokens) -> TokenStream {
        with_lifetime(ty, &self.signature.generics, "_")
    }
}

/// The options that apply only to some types: the function that checks the type, and the error message.
const OPTION_CHECKS: [(&str, &str, &str); 5] = [
    (
        "flatten",
        "flattens",
        "`flatten` makes arguments of the fields of a struct or the members of a map: remove `flatten`",
    ),
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

/// Generates a condition that the compiler checks. The trait `other` is the fallback for unknown types.
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

/// Generates a value of a type. A string literal may stand for a `String`.
fn value(written: &Expr, ty: &TokenStream) -> TokenStream {
    let Some(text) = string(written) else {
        return written.to_token_stream();
    };
    // With the user's span: a string literal of the wrong type is reported as an error in the user's code.
    let made = quote_spanned!(text.span()=> __mcp::Text::<#ty>::value(#text));
    quote_spanned! {generated_at(text)=> {
        #[allow(unused_imports)]
        use __mcp::NoText as _;
        #made
    }}
}
