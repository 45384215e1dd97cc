//! `#[tool]`: its options, and what is generated from them.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::{Arguments, Flag};
use crate::component::{Component, SCOPES, TAGS};
use crate::errors::Errors;
use crate::expand::{Definition, builder_call};
use crate::grammar::Grammar;
use crate::kind::Kind;
use crate::runtime_path::generated;

const GRAMMAR: Grammar = Grammar {
    attribute: "tool",
    options: &[
        "name",
        "title",
        "description",
        "icons",
        "meta",
        "timeout",
        "tags",
        "scopes",
        "ui",
        "read_only",
        "destructive",
        "idempotent",
        "open_world",
        "open",
        "strict",
        "inline",
        "crate",
    ],
    lists: &[TAGS, SCOPES],
    elsewhere: &[(
        "annotations",
        "the annotations of a tool are its hints: write `read_only`, `destructive`, `idempotent` or `open_world`",
    )],
    leading_value: None,
};

/// The builder methods that take the hint's value.
const HINTS: [&str; 4] = ["read_only", "destructive", "idempotent", "open_world"];

/// A tool without mistakes.
struct Tool {
    component: Component,
    hints: Vec<Flag>,
    interface: Option<LitStr>,
    open: bool,
    strict: bool,
}

pub(crate) fn define(
    arguments: TokenStream,
    function: &AnnotatedFn,
) -> Result<Definition, TokenStream> {
    Ok(Tool::validate(arguments, function)?.define())
}

impl Tool {
    fn validate(arguments: TokenStream, function: &AnnotatedFn) -> Result<Self, TokenStream> {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
        let tool = Self {
            hints: HINTS
                .iter()
                .filter_map(|hint| arguments.flag(hint, &mut errors))
                .collect(),
            interface: interface(&arguments, &mut errors),
            open: arguments.is_set("open", &mut errors),
            strict: arguments.is_set("strict", &mut errors),
            component: Component::validate(Kind::Tool, &arguments, function, &mut errors),
        };
        tool.check_hints(&mut errors);
        errors.finish(Some(tool))
    }

    fn check_hints(&self, errors: &mut Errors) {
        let said = |name: &str, value: bool| {
            let mut hints = self.hints.iter();
            hints.find(|hint| hint.key == name && hint.value == value)
        };
        if said("read_only", true).is_none() {
            return;
        }
        if let Some(hint) = said("destructive", true) {
            errors.at(
                &hint.key,
                "a tool that only reads destroys nothing: remove `destructive` or `read_only`",
            );
        }
        // The other values say again what `read_only` says, which helps clients that look at one hint alone.
        if let Some(hint) = said("idempotent", false) {
            errors.at(
                &hint.key,
                "a tool that only reads changes no more when it is called twice: remove `idempotent = false` or `read_only`",
            );
        }
    }

    fn define(self) -> Definition {
        let hints = self
            .hints
            .iter()
            .map(|Flag { key, value }| quote_spanned!(generated()=> .#key(#value)));
        let relaxed = [("open", self.open), ("strict", self.strict)];
        let switches = relaxed
            .iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| Ident::new(name, generated()));
        let interface = builder_call("ui", self.interface.as_ref());
        let options = quote_spanned!(generated()=> #interface #(#hints)* #(.#switches())*);
        Definition {
            component: self.component,
            leading: TokenStream::new(),
            options,
            checks: TokenStream::new(),
        }
    }
}

fn interface(arguments: &Arguments, errors: &mut Errors) -> Option<LitStr> {
    let uri = arguments.text("ui", errors)?;
    if !uri.value().starts_with("ui://") {
        errors.at(
            &uri,
            "the interface of a tool is a resource whose URI begins with `ui://`: write `ui = \"ui://page\"`",
        );
    }
    Some(uri)
}
