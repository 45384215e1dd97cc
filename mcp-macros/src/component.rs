//! What a tool, a resource and a prompt have in common, validated.
//!
//! Their own options are in `tool`, `resource` and `prompt`; how it is written out is in `expand`.

use mcp_grammar::name::{RULE, is_component};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, Path, Signature, UnOp};

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::Arguments;
use crate::errors::Errors;
use crate::kind::Kind;
use crate::owner::Owner;
use crate::parameters::{self, Parameter};
use crate::runtime_path::generated;
use crate::signature;

/// A function that generated code can call, and what is said about it to clients.
pub(crate) struct Component {
    pub(crate) kind: Kind,
    /// The path behind `crate =`.
    pub(crate) runtime: Option<Path>,
    pub(crate) name: LitStr,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) icons: Option<Expr>,
    pub(crate) meta: Option<Expr>,
    /// How long a call may take: seconds, or a `Duration`.
    pub(crate) timeout: Option<Expr>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) scopes: Vec<LitStr>,
    pub(crate) signature: Signature,
    /// Whose method it is, if it is one.
    pub(crate) owner: Option<Owner>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) handler: Handler,
    /// The attributes that go on everything generated.
    pub(crate) attributes: TokenStream,
}

/// The lists that every kind takes, each with what to write.
pub(crate) const TAGS: (&str, &str) = ("tags", "tags(\"weather\", \"beta\")");
pub(crate) const SCOPES: (&str, &str) = ("scopes", "scopes(\"calendar:write\")");

/// How the runtime is to call the function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handler {
    /// An `async fn`, polled in place.
    Async,
    /// A plain `fn`, on the blocking pool.
    Blocking,
    /// A plain `fn`, in place.
    Inline,
}

impl Component {
    /// What is wrong goes into `errors`; the component may then be incomplete and must not be expanded.
    pub(crate) fn validate(
        kind: Kind,
        arguments: &Arguments,
        function: &AnnotatedFn,
        errors: &mut Errors,
    ) -> Self {
        function.check_single(kind, errors);
        signature::check(kind, &function.signature, errors);
        let doc_text = || {
            function
                .doc_text()
                .map(|text| LitStr::new(&text, generated()))
        };
        let parameters = parameters::validate(kind, &function.parameters, errors);
        let handler = handler(arguments, &function.signature, errors);
        check_asks(handler, &parameters, errors);
        Self {
            kind,
            runtime: arguments.path("crate", "path::to::mcp_runtime", errors),
            name: name(kind, arguments, &function.signature.ident, errors),
            title: arguments.text("title", errors),
            description: arguments.text("description", errors).or_else(doc_text),
            icons: arguments.expression("icons", "[Icon::new(\"https://...\")]", errors),
            meta: arguments.expression("meta", "json!({ ... })", errors),
            timeout: timeout(arguments, errors),
            tags: arguments.texts(TAGS.0, TAGS.1, errors),
            scopes: scopes(arguments, errors),
            signature: function.signature.clone(),
            owner: function.owner.clone(),
            parameters,
            handler,
            attributes: function.inherited(),
        }
    }
}

fn name(kind: Kind, arguments: &Arguments, function: &Ident, errors: &mut Errors) -> LitStr {
    let what = kind.attribute();
    let Some(name) = arguments.text("name", errors) else {
        let name = LitStr::new(&function.unraw().to_string(), function.span());
        // A `name` that is given and wrong was reported already.
        if !is_component(&name.value()) && arguments.key("name").is_none() {
            errors.at(
                function,
                format!("a {what}'s name is {RULE}: add `#[{what}(name = \"...\")]`"),
            );
        }
        return name;
    };
    if !is_component(&name.value()) {
        errors.at(&name, format!("a {what}'s name is {RULE}"));
    }
    name
}

fn timeout(arguments: &Arguments, errors: &mut Errors) -> Option<Expr> {
    const RULE: &str = "a timeout is a whole number of seconds, or a `Duration`: write `timeout = 30` or `timeout = Duration::from_millis(500)`";
    let timeout = arguments.expression("timeout", "30", errors)?;
    if let Expr::Unary(ExprUnary {
        op: UnOp::Neg(_), ..
    }) = &timeout
    {
        errors.at(&timeout, RULE);
        return None;
    }
    let Expr::Lit(ExprLit { lit, .. }) = &timeout else {
        return Some(timeout);
    };
    match lit {
        Lit::Int(seconds) if seconds.base10_digits() == "0" => {
            errors.at(
                lit,
                "a timeout of zero stops every call: give it some seconds, or leave `timeout` out",
            );
            None
        }
        Lit::Int(_) => Some(timeout),
        _ => {
            errors.at(lit, RULE);
            None
        }
    }
}

fn scopes(arguments: &Arguments, errors: &mut Errors) -> Vec<LitStr> {
    let scopes = arguments.texts(SCOPES.0, SCOPES.1, errors);
    for scope in scopes.iter().filter(|scope| !is_scope(&scope.value())) {
        errors.at(
            scope,
            "a scope is one word of ASCII without `\"` and `\\`, such as `calendar:write`: give several as `scopes(\"one\", \"two\")`",
        );
    }
    scopes
}

/// A `scope-token` of RFC 6749.
fn is_scope(scope: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.is_empty() && scope.bytes().all(allowed)
}

/// A thread that blocks cannot be given up and begun anew.
fn check_asks(handler: Handler, parameters: &[Parameter], errors: &mut Errors) {
    let asks = parameters
        .iter()
        .filter_map(|parameter| parameter.ask.as_ref());
    for ask in asks.filter(|_| handler != Handler::Async) {
        errors.at_span(
            ask.attribute,
            "`#[ask]` waits for the user, which a plain `fn` cannot: make it an `async fn`",
        );
    }
}

fn handler(arguments: &Arguments, signature: &Signature, errors: &mut Errors) -> Handler {
    let inline = arguments.is_set("inline", errors);
    match (&signature.asyncness, arguments.key("inline")) {
        (Some(_), Some(key)) => {
            errors.at(key, "an `async fn` runs in place anyway: remove `inline`");
            Handler::Async
        }
        (Some(_), None) => Handler::Async,
        (None, _) if inline => Handler::Inline,
        (None, _) => Handler::Blocking,
    }
}

impl ToTokens for Handler {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let constructor = match self {
            Self::Async => "future",
            Self::Blocking => "blocking",
            Self::Inline => "inline",
        };
        Ident::new(constructor, generated()).to_tokens(tokens);
    }
}
