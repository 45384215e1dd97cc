//! Validation of the parts that tools, resources and prompts have in common.
//!
//! Options that only one kind has are in `tool`, `resource` and `prompt`; `expand` generates the code.

use mcp_grammar::name::{RULE, SCOPE_RULE, is_component, is_scope};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::{Expr, Lit, LitStr, Path, Signature, UnOp};

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::Arguments;
use crate::builder::{builder_call, duration};
use crate::errors::Errors;
use crate::kind::Kind;
use crate::literal::literal;
use crate::owner::Owner;
use crate::parameters::{self, Parameter};
use crate::runtime_path::{generated, generated_at};
use crate::signature;

/// A validated function and the definition that clients see.
pub(crate) struct Component {
    pub(crate) kind: Kind,
    /// The value of `crate =`.
    pub(crate) runtime: Option<Path>,
    pub(crate) name: LitStr,
    /// The arguments that precede the name in the call that creates the definition.
    pub(crate) leading: TokenStream,
    /// The version, if there are several components of one name.
    pub(crate) version: Option<LitStr>,
    /// The builder calls of the options.
    pub(crate) options: TokenStream,
    pub(crate) signature: Signature,
    /// The type that the method belongs to; `None` for a free function.
    pub(crate) owner: Option<Owner>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) handler: Handler,
    /// `true` if calls can become tasks.
    pub(crate) is_task: bool,
    /// The attributes of all generated items.
    pub(crate) attributes: TokenStream,
    /// Compile-time checks of this kind of component.
    pub(crate) checks: TokenStream,
}

/// The options that all kinds share, except `inline` and `crate`, which messages list last.
pub(crate) const OPTIONS: &[&str] = &[
    "name",
    "title",
    "description",
    "icons",
    "meta",
    "timeout",
    "layer",
    "tags",
    "scopes",
    "hidden",
    "version",
];

/// The options in [`OPTIONS`] that take a list, each with an example.
pub(crate) const LISTS: [(&str, &str); 2] = [
    ("tags", "tags(\"weather\", \"beta\")"),
    ("scopes", "scopes(\"calendar:write\")"),
];

/// The way in which the runtime calls the function.
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
    /// Validates the parts that all kinds have. Mistakes are added to `errors`; the component may then be incomplete
    /// and must not be expanded.
    pub(crate) fn validate(
        kind: Kind,
        arguments: &Arguments,
        function: &AnnotatedFn,
        errors: &mut Errors,
    ) -> Self {
        function.check_single(kind, errors);
        signature::check(kind, &function.signature, errors);
        let parameters = parameters::validate(kind, &function.parameters, errors);
        let handler = handler(arguments, &function.signature, errors);
        check_asks(handler, &parameters, errors);
        Self {
            kind,
            runtime: arguments.runtime(errors),
            name: name(kind, arguments, &function.signature.ident, errors),
            leading: TokenStream::new(),
            version: arguments.text("version", errors),
            options: options(arguments, function, errors),
            signature: function.signature.clone(),
            owner: function.owner.clone(),
            parameters,
            handler,
            is_task: false,
            attributes: function.inherited(),
            checks: TokenStream::new(),
        }
    }
}

fn name(kind: Kind, arguments: &Arguments, function: &Ident, errors: &mut Errors) -> LitStr {
    let what = kind.attribute();
    if let Some(name) = arguments.text("name", errors) {
        if !is_component(&name.value()) {
            errors.at(&name, format!("a {what}'s name is {RULE}"));
        }
        return name;
    }
    let name = LitStr::new(&function.unraw().to_string(), function.span());
    // An invalid `name` option is already reported.
    if !is_component(&name.value()) && arguments.key("name").is_none() {
        let message = format!("a {what}'s name is {RULE}: add `#[{what}(name = \"...\")]`");
        errors.at(function, message);
    }
    name
}

fn options(arguments: &Arguments, function: &AnnotatedFn, errors: &mut Errors) -> TokenStream {
    let title = builder_call("title", arguments.text("title", errors));
    let description = arguments.text("description", errors);
    let description = builder_call("description", description.or_else(|| function.doc_text()));
    let icons = arguments.expression("icons", "[Icon::new(\"https://...\")]", errors);
    let icons =
        icons.map(|icons| quote_spanned!(generated_at(&icons)=> .icons(__mcp::icons(#icons))));
    let meta = builder_call(
        "meta",
        arguments.expression("meta", "json!({ ... })", errors),
    );
    let timeout = timeout(arguments, errors).map(|limit| {
        let value = duration(&limit);
        quote_spanned!(generated_at(&limit)=> .timeout(__mcp::timeout(#value)))
    });
    let layers = layers(arguments, errors);
    let [tags, scopes] = LISTS.map(|(key, example)| arguments.texts(key, example, errors));
    check_scopes(&scopes, errors);
    let hidden = arguments
        .is_set("hidden", errors)
        .then(|| quote_spanned!(generated()=> .hidden()));
    quote_spanned! {generated()=>
        #title #description #icons #meta #timeout #(#layers)* #(.tag(#tags))* #(.scope(#scopes))* #hidden
    }
}

/// Generates the builder calls of the layers: one, or several in an array.
fn layers(arguments: &Arguments, errors: &mut Errors) -> Vec<TokenStream> {
    let layers: Vec<Expr> = match arguments.expression("layer", "path::to::layer", errors) {
        Some(Expr::Array(layers)) => {
            if layers.elems.is_empty() {
                errors.at(
                    &layers,
                    "`layer = []` adds no layer: leave it out, or name one",
                );
            }
            layers.elems.into_iter().collect()
        }
        layer => layer.into_iter().collect(),
    };
    let call = |layer: &Expr| quote_spanned!(generated_at(layer)=> .layer(#layer));
    layers.iter().map(call).collect()
}

/// Returns the time limit of a call: seconds, a `Duration` or a `Timeout`.
fn timeout(arguments: &Arguments, errors: &mut Errors) -> Option<Expr> {
    const ZERO: &str = "a timeout of zero stops every call: give it some seconds, or write `timeout = Timeout::NONE`";
    const RULE: &str = "a timeout is a whole number of seconds, a `Duration` or a `Timeout`: write `timeout = 30`, `timeout = Duration::from_millis(500)` or `timeout = Timeout::NONE`";
    let timeout = arguments.expression("timeout", "30", errors)?;
    let negated = matches!(&timeout, Expr::Unary(it) if matches!(it.op, UnOp::Neg(_)));
    match literal(&timeout) {
        Some(Lit::Int(seconds)) if seconds.base10_digits() == "0" => errors.refuse(&timeout, ZERO),
        Some(Lit::Int(_)) => Some(timeout),
        None if !negated => Some(timeout),
        _ => errors.refuse(&timeout, RULE),
    }
}

fn check_scopes(scopes: &[LitStr], errors: &mut Errors) {
    for scope in scopes.iter().filter(|scope| !is_scope(&scope.value())) {
        errors.at(
            scope,
            format!("{SCOPE_RULE}: give several as `scopes(\"one\", \"two\")`"),
        );
    }
}

/// Reports `#[ask]` on a plain `fn`: a blocked thread cannot be suspended and restarted.
fn check_asks(handler: Handler, parameters: &[Parameter], errors: &mut Errors) {
    let asks = parameters.iter().filter_map(|it| it.ask.as_ref());
    for ask in asks.filter(|_| handler != Handler::Async) {
        errors.at_span(
            ask.attribute,
            "`#[ask]` suspends the call until the user answers, and a plain `fn` cannot be suspended: make it an `async fn`",
        );
    }
}

fn handler(arguments: &Arguments, signature: &Signature, errors: &mut Errors) -> Handler {
    let inline = arguments.is_set("inline", errors);
    if signature.asyncness.is_some() {
        let why = "an `async fn` runs in place anyway: remove `inline`";
        arguments.forbid("inline", why, errors);
        Handler::Async
    } else if inline {
        Handler::Inline
    } else {
        Handler::Blocking
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
