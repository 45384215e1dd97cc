//! The parameters of a function: parsing and validation.
//!
//! The macro does not know which parameters are arguments and which are injected: the trait `Param` decides, in the
//! user's crate.

use mcp_grammar::name::is_token;
use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprPath, FnArg, LitStr, Pat, PatType, Receiver, ReceiverKind, Type};

use crate::arguments::{Argument, Arguments};
use crate::constraints::Constraints;
use crate::docs;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::kind::Kind;
use crate::literal::string;
use crate::types::{find_impl, is_unsized, ungrouped};

const ASK_GRAMMAR: Grammar = Grammar {
    attribute: "ask",
    options: &[&["key"]],
    replacements: &[(
        "message",
        "the question comes first, without a key: `#[ask(\"...\")]`",
    )],
    leading_value: Some("question"),
    ..Grammar::EMPTY
};

const GRAMMAR: Grammar = Grammar {
    attribute: "arg",
    options: &[&[
        "name", "default", "example", "range", "length", "pattern", "complete", "header",
        "flatten", "nullable",
    ]],
    lists: &[("range", "range(1..=10)"), ("length", "length(1..=80)")],
    replacements: &[(
        "description",
        "write a doc comment, `/// ...`, on the parameter",
    )],
    ..Grammar::EMPTY
};

/// A parameter as written, and the attributes removed from it.
pub(crate) struct WrittenParameter {
    input: FnArg,
    docs: Vec<Attribute>,
    arg_attributes: Vec<Attribute>,
    ask_attributes: Vec<Attribute>,
    /// The attributes of [`UNSUPPORTED`].
    unsupported_attributes: Vec<Attribute>,
}

/// A parameter that generated code can decode and pass on.
pub(crate) struct Parameter {
    /// The name in protocol messages, with the span where it is written.
    pub(crate) wire_name: LitStr,
    pub(crate) ty: Type,
    pub(crate) description: Option<LitStr>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) example: Option<Expr>,
    pub(crate) constraints: Constraints,
    pub(crate) complete: Option<ExprPath>,
    /// The name of the HTTP header that repeats the argument, without `Mcp-Param-`.
    pub(crate) header: Option<LitStr>,
    /// `true` if the fields of the parameter are arguments themselves.
    pub(crate) flatten: bool,
    /// `true` if null is a value of the argument.
    pub(crate) nullable: bool,
    /// The keys of `#[arg(...)]`.
    pub(crate) options: Vec<Ident>,
    /// The span of the first `#[arg(...)]`, which only an argument may have.
    pub(crate) arg: Option<Span>,
    /// The question to the user, for a parameter with `#[ask(...)]`.
    pub(crate) ask: Option<Ask>,
}

/// `#[ask("question", key = "...")]`
pub(crate) struct Ask {
    /// The span of the attribute.
    pub(crate) attribute: Span,
    pub(crate) question: LitStr,
    pub(crate) key: Option<LitStr>,
}

pub(crate) enum DefaultValue {
    /// `#[arg(default)]`, with its key.
    OfType(Ident),
    /// `#[arg(default = expression)]`.
    Expression(Expr),
}

const HEADER_RULE: &str = "a header's name is made of letters, digits and the characters `!#$%&'*+-.^_|~` and the backtick";

/// Attributes that users may try on parameters, each with the advice what to write instead.
const UNSUPPORTED: [(&str, &str); 5] = [
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
    /// Removes doc comments, `#[arg]` and `#[ask]` from a parameter, where Rust itself does not allow them.
    pub(crate) fn take(input: &mut FnArg) -> Self {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        let mut take = |names: &[&str]| {
            let is_named = |attribute: &mut Attribute| {
                names.iter().any(|name| attribute.path().is_ident(name))
            };
            attributes.extract_if(.., is_named).collect()
        };
        let docs = take(&["doc"]);
        let (arg_attributes, ask_attributes) = (take(&["arg"]), take(&["ask"]));
        let unsupported_attributes = take(&UNSUPPORTED.map(|(name, _)| name));
        Self {
            input: input.clone(),
            docs,
            arg_attributes,
            ask_attributes,
            unsupported_attributes,
        }
    }

    /// Returns `true` for `&self` without attributes.
    pub(crate) fn is_shared_self(&self) -> bool {
        matches!(&self.input, FnArg::Receiver(receiver) if is_shared(receiver))
            && self.attributes().next().is_none()
    }

    /// Returns the removed attributes.
    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        let all = [
            &self.docs,
            &self.arg_attributes,
            &self.ask_attributes,
            &self.unsupported_attributes,
        ];
        all.into_iter().flatten()
    }

    /// Returns `None` after an error.
    pub(crate) fn validate(&self, kind: Kind, errors: &mut Errors) -> Option<Parameter> {
        let typed = match &self.input {
            FnArg::Typed(typed) => typed,
            FnArg::Receiver(receiver) => return self.refuse_receiver(receiver, errors),
        };
        check_attributes(&self.unsupported_attributes, errors);
        check_type(&typed.ty, errors);
        let ask = self.ask(errors);
        let arguments = self.arguments(errors);
        check_kind(kind, &arguments, errors);
        let flatten = arguments.is_set("flatten", errors);
        if flatten {
            check_flattened(&arguments, errors);
        }
        let header = arguments.checked_text("header", is_token, HEADER_RULE, errors);
        let constraints = Constraints::validate(&arguments, errors);
        let example = arguments.expression("example", "\"...\"", errors);
        if let Some(example) = &example {
            constraints.check_value("example", example, errors);
        }
        let default = arguments.option("default").map(DefaultValue::of);
        if let Some(DefaultValue::Expression(value)) = &default {
            constraints.check_value("default", value, errors);
        }
        let renamed = arguments.text("name", errors);
        let name = identifier(typed, errors)?;
        Some(Parameter {
            wire_name: renamed
                .unwrap_or_else(|| LitStr::new(&name.unraw().to_string(), name.span())),
            ty: Type::clone(&typed.ty),
            description: docs::text(&self.docs),
            default,
            example,
            constraints,
            complete: arguments.function("complete", errors),
            header,
            flatten,
            nullable: arguments.is_set("nullable", errors),
            options: arguments.keys().cloned().collect(),
            arg: self.arg_attributes.first().map(place),
            ask,
        })
    }

    fn refuse_receiver(&self, receiver: &Receiver, errors: &mut Errors) -> Option<Parameter> {
        if let Some(attribute) = self.attributes().next() {
            return errors.refuse(
                attribute,
                "`self` comes from the server, and nothing can be said of it: remove this",
            );
        }
        let is_exclusive = matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_)));
        let message = if is_exclusive {
            "calls run side by side and share `self`: take `&self`, and keep what changes in a `Mutex`"
        } else if !is_shared(receiver) {
            "every call needs `self`: take `&self`"
        } else {
            "a method is a component if its `impl` has `#[tools]`; a function takes its surroundings as `State<T>`"
        };
        errors.refuse(receiver, message)
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
        let arguments =
            Arguments::of_attributes(&ASK_GRAMMAR, &self.ask_attributes, EXAMPLE, errors)?;
        let key = arguments.text("key", errors);
        let Some(value) = &arguments.leading_value else {
            return errors.refuse(attribute, EXAMPLE);
        };
        let Some(question) = string(value).filter(|it| !it.value().trim().is_empty()) else {
            return errors.refuse(
                value,
                "the question is a text for the user: write `#[ask(\"...\")]`",
            );
        };
        Some(Ask {
            attribute: place(attribute),
            question: question.clone(),
            key,
        })
    }

    fn arguments(&self, errors: &mut Errors) -> Arguments {
        const EXAMPLE: &str = "`#[arg]` needs an option: write `#[arg(default)]`";
        Arguments::of_attributes(&GRAMMAR, &self.arg_attributes, EXAMPLE, errors)
            .unwrap_or_default()
    }
}

impl DefaultValue {
    fn of(option: &Argument) -> Self {
        match &option.value {
            None => Self::OfType(option.key.clone()),
            Some(value) => Self::Expression(value.clone()),
        }
    }
}

/// Returns the span of the `#` of an attribute.
fn place(attribute: &Attribute) -> Span {
    attribute.pound_token.spans[0]
}

/// Validates all parameters of a component. Parameters with a mistake are left out of the result.
pub(crate) fn validate(
    kind: Kind,
    written: &[WrittenParameter],
    errors: &mut Errors,
) -> Vec<Parameter> {
    let parameters: Vec<Parameter> = written
        .iter()
        .filter_map(|parameter| parameter.validate(kind, errors))
        .collect();
    let plain = parameters.iter().filter(|it| !it.flatten);
    let names = plain.map(|it| &it.wire_name);
    errors.at_repeated(names, LitStr::value, |name| {
        format!("two parameters are named `{name}`: rename one with `#[arg(name = \"...\")]`")
    });
    let headers = parameters.iter().filter_map(|it| it.header.as_ref());
    let lowercase = |header: &LitStr| header.value().to_ascii_lowercase();
    errors.at_repeated(headers, lowercase, |header| {
        format!("two arguments have the header `{header}`, whose case does not matter: rename one")
    });
    let keys = parameters
        .iter()
        .filter_map(|it| it.ask.as_ref()?.key.as_ref());
    errors.at_repeated(keys, LitStr::value, |key| {
        format!("two questions have the key `{key}`, by which clients tell them apart: rename one")
    });
    parameters
}

/// Reports the option that this kind of component does not take.
fn check_kind(kind: Kind, arguments: &Arguments, errors: &mut Errors) {
    let (key, why) = match kind {
        Kind::Tool => (
            "complete",
            "completion exists for prompts and resource templates only: remove `complete`",
        ),
        Kind::Resource | Kind::Prompt => (
            "header",
            "headers repeat the arguments of tools only: remove `header`",
        ),
    };
    arguments.forbid(key, why, errors);
    if kind != Kind::Tool {
        arguments.forbid(
            "nullable",
            "only arguments of tools can be null: remove `nullable`",
            errors,
        );
    }
    if kind == Kind::Resource {
        arguments.forbid(
            "flatten",
            "the URI names each variable: take one parameter for each, without `flatten`",
            errors,
        );
    }
}

/// Reports the options beside `flatten`, which has no argument of its own that they could apply to.
fn check_flattened(arguments: &Arguments, errors: &mut Errors) {
    for key in arguments.keys().filter(|key| *key != "flatten") {
        let instead = match key.to_string().as_str() {
            "name" => "`#[serde(rename = \"...\")]` on the field",
            "default" => "`#[serde(default)]` on the field",
            "range" => "`#[schemars(range(min = 1, max = 10))]` on the field",
            "length" => "`#[schemars(length(min = 1, max = 80))]` on the field",
            "pattern" => "`#[schemars(regex(pattern = ...))]` on the field",
            "example" => "`#[schemars(example = ...)]` on the field",
            "nullable" => "`#[schemars(extend(\"nullable\" = true))]` on the field",
            "header" => "`#[schemars(extend(\"x-mcp-header\" = \"...\"))]` on the field",
            _ => "a parameter of its own for that field",
        };
        let message = format!(
            "a flattened parameter has no `{key}`, because each of its fields is an argument: write {instead}"
        );
        errors.at(key, message);
    }
}

/// Returns `true` for `&self` and `self: &Self`.
fn is_shared(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => {
            matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none())
        }
        _ => false,
    }
}

fn check_attributes(unsupported: &[Attribute], errors: &mut Errors) {
    for attribute in unsupported {
        for (name, instead) in UNSUPPORTED
            .iter()
            .filter(|(name, _)| attribute.path().is_ident(name))
        {
            let message = format!("`#[{name}]` on a parameter is not supported: {instead}");
            errors.at(attribute, message);
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
        let message = format!("only texts can be borrowed from a request: take `Vec<{item}>`");
        errors.at(ty, message);
    }
}

fn identifier<'a>(typed: &'a PatType, errors: &mut Errors) -> Option<&'a Ident> {
    match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Some(&pattern.ident)
        }
        Pat::Wild(wildcard) => errors.refuse(
            wildcard,
            "a parameter needs a name: write `name: T`, or remove it",
        ),
        pattern => errors.refuse(
            pattern,
            "a parameter needs a name: write `name: T`, and take it apart in the body",
        ),
    }
}
