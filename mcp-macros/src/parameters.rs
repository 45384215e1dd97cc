//! The parameters of the function: how they are written, and what of it can be a component's parameter.
//!
//! Whether a parameter is an argument or injected is not known here: the trait `Param` decides, in the user's crate.

use mcp_grammar::name::is_token;
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{
    Attribute, Expr, ExprLit, ExprPath, FnArg, Lit, LitStr, Pat, PatType, Receiver, ReceiverKind,
    Type,
};

use crate::arguments::Arguments;
use crate::constraints::Constraints;
use crate::docs;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::kind::Kind;
use crate::runtime_path::generated;
use crate::types::{find_impl, is_unsized, ungrouped};

const ASK_GRAMMAR: Grammar = Grammar {
    attribute: "ask",
    options: &["key"],
    lists: &[],
    elsewhere: &[(
        "message",
        "the question comes first, without a key: `#[ask(\"...\")]`",
    )],
    leading_value: Some("question"),
};

const GRAMMAR: Grammar = Grammar {
    attribute: "arg",
    options: &[
        "name", "default", "example", "range", "length", "pattern", "complete", "header",
    ],
    lists: &[("range", "range(1..=10)"), ("length", "length(1..=80)")],
    elsewhere: &[(
        "description",
        "write a doc comment, `/// ...`, on the parameter",
    )],
    leading_value: None,
};

/// A parameter as written, with the attributes that were taken off it.
pub(crate) struct WrittenParameter {
    input: FnArg,
    docs: Vec<Attribute>,
    arg_attributes: Vec<Attribute>,
    ask_attributes: Vec<Attribute>,
    /// Those that would be no attributes of parameters, or not ours.
    unfit_attributes: Vec<Attribute>,
}

/// A parameter that generated code can decode and pass on.
pub(crate) struct Parameter {
    /// The name in messages, at the place it was written.
    pub(crate) wire_name: LitStr,
    pub(crate) ty: Type,
    pub(crate) description: Option<LitStr>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) example: Option<Expr>,
    pub(crate) constraints: Constraints,
    pub(crate) complete: Option<ExprPath>,
    /// The HTTP header, after `Mcp-Param-`, that repeats it.
    pub(crate) header: Option<LitStr>,
    /// Where `#[arg(...)]` was, if it says anything. It makes sense on an argument only.
    pub(crate) arg: Option<Span>,
    /// What the user is asked, if the client does not give the value.
    pub(crate) ask: Option<Ask>,
}

/// `#[ask("question", key = "...")]`
pub(crate) struct Ask {
    /// Where it is.
    pub(crate) attribute: Span,
    pub(crate) question: LitStr,
    pub(crate) key: Option<LitStr>,
}

pub(crate) enum DefaultValue {
    /// `#[arg(default)]`, with its key
    OfType(Ident),
    /// `#[arg(default = expression)]`
    Expression(Expr),
}

/// The attributes that somebody may think of, and what to write in their place.
const UNFIT: [(&str, &str); 5] = [
    ("cfg", "write one function for each configuration"),
    ("cfg_attr", "write one function for each configuration"),
    (
        "serde",
        "write `#[arg(default)]` or `#[arg(name = \"...\")]`, or give the argument a type of its own",
    ),
    (
        "schemars",
        "write `#[arg(range(..))]`, `#[arg(length(..))]` or `#[arg(example = ...)]`",
    ),
    (
        "validate",
        "write `#[arg(range(..))]`, `#[arg(length(..))]` or `#[arg(pattern = \"...\")]`",
    ),
];

impl WrittenParameter {
    /// Takes doc comments, `#[arg]` and `#[ask]` off a parameter, where Rust itself does not allow them.
    pub(crate) fn take(input: &mut FnArg) -> Self {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        let docs = attributes
            .extract_if(.., |attribute| docs::is_doc(attribute))
            .collect();
        let mut take = |names: &[&str]| {
            let is_named = |attribute: &mut Attribute| {
                names.iter().any(|name| attribute.path().is_ident(name))
            };
            attributes.extract_if(.., is_named).collect()
        };
        let (arg_attributes, ask_attributes) = (take(&["arg"]), take(&["ask"]));
        let unfit_attributes = take(&UNFIT.map(|(name, _)| name));
        Self {
            input: input.clone(),
            docs,
            arg_attributes,
            ask_attributes,
            unfit_attributes,
        }
    }

    /// Whether it is `&self`, and nothing more.
    pub(crate) fn is_shared_self(&self) -> bool {
        matches!(&self.input, FnArg::Receiver(receiver) if is_shared(receiver))
            && self.attributes().next().is_none()
    }

    /// The attributes that were taken off.
    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        let all = [
            &self.docs,
            &self.arg_attributes,
            &self.ask_attributes,
            &self.unfit_attributes,
        ];
        all.into_iter().flatten()
    }

    /// `None` after an error.
    pub(crate) fn validate(&self, kind: Kind, errors: &mut Errors) -> Option<Parameter> {
        let typed = match &self.input {
            FnArg::Typed(typed) => typed,
            FnArg::Receiver(receiver) => {
                match self.attributes().next() {
                    Some(attribute) => errors.at(
                        attribute,
                        "`self` comes from the server, and nothing can be said of it: remove this",
                    ),
                    None => report_receiver(receiver, errors),
                }
                return None;
            }
        };
        check_attributes(&self.unfit_attributes, errors);
        check_type(&typed.ty, errors);
        let ask = self.ask(errors);
        let arguments = self.arguments(errors);
        let complete = arguments.function("complete", "function", errors);
        if let (Kind::Tool, Some(key)) = (kind, arguments.key("complete")) {
            errors.at(
                key,
                "completion exists for prompts and resource templates only: remove `complete`",
            );
        }
        let header = header(kind, &arguments, errors);
        let constraints = Constraints::validate(&arguments, errors);
        let example = arguments.expression("example", "\"...\"", errors);
        if let Some(example) = &example {
            constraints.check_value("example", example, errors);
        }
        let default = arguments
            .option("default")
            .map(|option| match &option.value {
                None => DefaultValue::OfType(option.key.clone()),
                Some(value) => {
                    constraints.check_value("default", value, errors);
                    DefaultValue::Expression(value.clone())
                }
            });
        let renamed = arguments.text("name", errors);
        let name = identifier(typed, errors)?;
        Some(Parameter {
            wire_name: renamed
                .unwrap_or_else(|| LitStr::new(&name.unraw().to_string(), name.span())),
            ty: Type::clone(&typed.ty),
            description: docs::text(&self.docs).map(|text| LitStr::new(&text, generated())),
            default,
            example,
            constraints,
            complete,
            header,
            arg: self
                .arg_attributes
                .first()
                .map(|attribute| attribute.pound_token.spans[0]),
            ask,
        })
    }

    fn ask(&self, errors: &mut Errors) -> Option<Ask> {
        const EXAMPLE: &str = "`#[ask]` needs its question: write `#[ask(\"...\")]`";
        let attribute = self.ask_attributes.first()?;
        if let Some(arg) = self.arg_attributes.first() {
            errors.at(
                arg,
                "`#[arg]` is for what clients send, and `#[ask]` for what their users answer: remove one of them",
            );
        }
        let mut lists: Vec<TokenStream> = Vec::new();
        for attribute in &self.ask_attributes {
            let Ok(list) = attribute.meta.require_list() else {
                errors.at(attribute, EXAMPLE);
                return None;
            };
            lists.push(list.tokens.clone());
        }
        let arguments = Arguments::parse(&ASK_GRAMMAR, lists, errors);
        let key = arguments.text("key", errors);
        let question = match &arguments.leading_value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(question),
                ..
            })) if !question.value().trim().is_empty() => question.clone(),
            Some(other) => {
                errors.at(
                    other,
                    "the question is a text for the user: write `#[ask(\"...\")]`",
                );
                return None;
            }
            None => {
                errors.at(attribute, EXAMPLE);
                return None;
            }
        };
        Some(Ask {
            attribute: attribute.pound_token.spans[0],
            question,
            key,
        })
    }

    fn arguments(&self, errors: &mut Errors) -> Arguments {
        let mut lists: Vec<TokenStream> = Vec::new();
        for attribute in &self.arg_attributes {
            match attribute.meta.require_list() {
                Ok(list) => lists.push(list.tokens.clone()),
                Err(_) => errors.at(
                    attribute,
                    "`#[arg]` needs an option: write `#[arg(default)]`",
                ),
            }
        }
        Arguments::parse(&GRAMMAR, lists, errors)
    }
}

/// All parameters of a component: of those with a mistake, only the mistake remains.
pub(crate) fn validate(
    kind: Kind,
    written: &[WrittenParameter],
    errors: &mut Errors,
) -> Vec<Parameter> {
    let parameters: Vec<Parameter> = written
        .iter()
        .filter_map(|parameter| parameter.validate(kind, errors))
        .collect();
    for (index, parameter) in parameters.iter().enumerate() {
        check_name_unique(parameter, &parameters[..index], errors);
        check_header_unique(parameter, &parameters[..index], errors);
        check_key_unique(parameter, &parameters[..index], errors);
    }
    parameters
}

fn check_name_unique(parameter: &Parameter, earlier: &[Parameter], errors: &mut Errors) {
    let name = &parameter.wire_name;
    if earlier
        .iter()
        .any(|other| other.wire_name.value() == name.value())
    {
        errors.at(
            name,
            format!(
                "two parameters are named `{}`: rename one with `#[arg(name = \"...\")]`",
                name.value()
            ),
        );
    }
}

fn check_key_unique(parameter: &Parameter, earlier: &[Parameter], errors: &mut Errors) {
    fn key(parameter: &Parameter) -> Option<&LitStr> {
        parameter.ask.as_ref()?.key.as_ref()
    }
    let Some(asked) = key(parameter) else {
        return;
    };
    if earlier
        .iter()
        .filter_map(key)
        .any(|other| other.value() == asked.value())
    {
        errors.at(
            asked,
            format!(
                "two questions have the key `{}`, by which clients tell them apart: rename one",
                asked.value()
            ),
        );
    }
}

/// The name of a header, which only tools have for their arguments.
fn header(kind: Kind, arguments: &Arguments, errors: &mut Errors) -> Option<LitStr> {
    let header = arguments.text("header", errors);
    if let (Kind::Resource | Kind::Prompt, Some(key)) = (kind, arguments.key("header")) {
        errors.at(
            key,
            "headers repeat the arguments of tools only: remove `header`",
        );
        return None;
    }
    let header = header?;
    if !is_token(&header.value()) {
        errors.at(
            &header,
            "a header's name is made of letters, digits and the characters `!#$%&'*+-.^_|~` and the backtick",
        );
    }
    Some(header)
}

fn check_header_unique(parameter: &Parameter, earlier: &[Parameter], errors: &mut Errors) {
    let Some(header) = &parameter.header else {
        return;
    };
    let is_same = |other: &LitStr| other.value().eq_ignore_ascii_case(&header.value());
    if earlier
        .iter()
        .any(|other| other.header.as_ref().is_some_and(is_same))
    {
        errors.at(
            header,
            format!(
                "two arguments have the header `{}`, whose case does not matter: rename one",
                header.value()
            ),
        );
    }
}

/// `&self`, or `self: &Self`
pub(crate) fn is_shared(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => {
            matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none())
        }
        _ => false,
    }
}

/// `&mut self`
fn is_exclusive(receiver: &Receiver) -> bool {
    matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_)))
}

fn report_receiver(receiver: &Receiver, errors: &mut Errors) {
    let message = if is_exclusive(receiver) {
        "calls run side by side and share `self`: take `&self`, and keep what changes in a `Mutex`"
    } else if !is_shared(receiver) {
        "every call needs `self`: take `&self`"
    } else {
        "a method is a component if its `impl` has `#[tools]`; a function takes its surroundings as `State<T>`"
    };
    errors.at(receiver, message);
}

fn check_attributes(unfit: &[Attribute], errors: &mut Errors) {
    for attribute in unfit {
        for (name, instead) in UNFIT {
            if attribute.path().is_ident(name) {
                errors.at(
                    attribute,
                    format!("`#[{name}]` on a parameter is not supported: {instead}"),
                );
            }
        }
    }
}

fn check_type(ty: &Type, errors: &mut Errors) {
    if let Some(impl_token) = find_impl(ty) {
        errors.at_span(
            impl_token,
            "a parameter needs a type that can be named: write a concrete type in place of `impl Trait`",
        );
    }
    if is_unsized(ty) {
        errors.leave_to_compiler();
    }
    let Type::Reference(reference) = ungrouped(ty) else {
        return;
    };
    if reference.mutability.is_some() {
        errors.at(
            ty,
            "an argument belongs to its call and cannot be borrowed mutably: take it by value, as `mut name: T`",
        );
    } else if let Some(lifetime) = &reference.lifetime
        && lifetime.ident == "static"
    {
        errors.at(
            lifetime,
            "an argument belongs to its call and is gone with it: remove the `'static`, or take a type that owns it, such as `String`",
        );
    } else if let Type::Slice(slice) = ungrouped(&reference.elem) {
        let item = slice.elem.to_token_stream();
        errors.at(
            ty,
            format!("only texts can be borrowed from a request: take `Vec<{item}>`"),
        );
    }
}

fn identifier<'a>(typed: &'a PatType, errors: &mut Errors) -> Option<&'a Ident> {
    match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Some(&pattern.ident)
        }
        Pat::Wild(wildcard) => {
            errors.at(
                wildcard,
                "a parameter needs a name: write `name: T`, or remove it",
            );
            None
        }
        pattern => {
            errors.at(
                pattern,
                "a parameter needs a name: write `name: T`, and take it apart in the body",
            );
            None
        }
    }
}
