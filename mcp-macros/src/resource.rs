//! `#[resource]`: its options, the check of the URI template against the signature, and code generation for them.

use mcp_grammar::name::is_media_type;
use mcp_grammar::near::nearest;
use mcp_grammar::uri_template;
use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{Expr, LitStr};

use crate::app;
use crate::arguments::Arguments;
use crate::builder::{builder_call, duration};
use crate::component::{self, Component, LISTS};
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::literal::string;
use crate::parameters::Parameter;
use crate::runtime_path::{attribute, generated, generated_at};

pub(crate) const GRAMMAR: Grammar = Grammar {
    attribute: "resource",
    options: &[
        component::OPTIONS,
        &["annotations", "app", "cache", "mime", "size", "list"],
        &["inline", "crate"],
    ],
    lists: &[
        LISTS[0],
        LISTS[1],
        ("app", app::EXAMPLE),
        ("cache", CACHE_EXAMPLE),
    ],
    optional_lists: &["app"],
    leading_value: Some("URI"),
    replacements: &[("task", "only calls of tools can be tasks: remove it")],
};

const CACHE_EXAMPLE: &str = "cache(ttl = 60, scope = public)";

const CACHE_GRAMMAR: Grammar = Grammar {
    attribute: "resource(cache(..))",
    options: &[&["ttl", "scope"]],
    ..Grammar::EMPTY
};

/// A URI, or a URI template if it has variables.
struct Uri {
    literal: LitStr,
    variables: Vec<String>,
}

/// Completes a component with the parts that only resources have. `has_all_parameters` is `false` if a
/// parameter with an error was left out.
pub(crate) fn complete(
    component: &mut Component,
    arguments: &Arguments,
    has_all_parameters: bool,
    errors: &mut Errors,
) {
    let options = options(arguments, component, errors);
    component.options.extend(options);
    let Some(uri) = Uri::validate(arguments, errors) else {
        return;
    };
    uri.check_options(arguments, errors);
    // A parameter with a mistake is left out of the component, so its variable would also be reported.
    if has_all_parameters {
        uri.check_parameters(&component.parameters, errors);
    }
    let literal = &uri.literal;
    component.leading = quote_spanned!(generated()=> #literal,);
    let injected = uri.check_injected(component);
    component.checks.extend(injected);
}

/// Generates the builder calls of the options.
fn options(arguments: &Arguments, component: &mut Component, errors: &mut Errors) -> TokenStream {
    let mime = arguments.checked_text(
        "mime",
        is_media_type,
        "a MIME type is `type/subtype`, such as `text/plain`",
        errors,
    );
    let mime = builder_call("mime", mime);
    let size = builder_call("size", arguments.number("size", errors));
    let list = arguments.function("list", errors).map(|path| {
        component
            .checks
            .extend(component.check_function("lister", &path));
        let lister = component.bound("lister", &path);
        quote_spanned!(generated_at(&path)=> .lister(#lister))
    });
    let annotations =
        arguments.expression("annotations", "Annotations::new().priority(0.5)", errors);
    let annotations = builder_call("annotations", annotations);
    let cache = cache(arguments, errors);
    let app = app::options(arguments, errors);
    quote_spanned!(generated()=> #app #mime #size #annotations #cache #list)
}

fn cache(arguments: &Arguments, errors: &mut Errors) -> Option<TokenStream> {
    let (key, list) = arguments.list("cache")?;
    let arguments = Arguments::parse(&CACHE_GRAMMAR, [list], errors);
    let scope = scope(&arguments, errors);
    if arguments.option("ttl").is_none() {
        let message = format!("`cache` needs a `ttl`: write `{CACHE_EXAMPLE}`");
        errors.at(key, message);
    }
    let ttl = arguments.expression("ttl", "60", errors)?;
    let (scope, duration) = (Ident::new(scope?, generated()), duration(&ttl));
    Some(quote_spanned!(generated_at(&ttl)=> .cache(#duration, __mcp::CacheScope::#scope)))
}

/// Returns the scope of a cache, which is private by default.
fn scope(arguments: &Arguments, errors: &mut Errors) -> Option<&'static str> {
    let Some(option) = arguments.option("scope") else {
        return Some("Private");
    };
    match &option.value {
        Some(Expr::Path(path)) if path.path.is_ident("public") => Some("Public"),
        Some(Expr::Path(path)) if path.path.is_ident("private") => Some("Private"),
        _ => option.refuse(
            errors,
            "a cache is public, for all callers, or private, for one caller: write `scope = public` or `scope = private`",
        ),
    }
}

impl Uri {
    /// Returns `None` after an error.
    fn validate(arguments: &Arguments, errors: &mut Errors) -> Option<Self> {
        let Some(value) = &arguments.leading_value else {
            errors.at_span(
                attribute(),
                "a resource needs its URI first: write `#[resource(\"scheme://path\")]`",
            );
            return None;
        };
        let Some(literal) = string(value) else {
            return errors.refuse(
                value,
                "the URI is a string literal: write `#[resource(\"scheme://path\")]`",
            );
        };
        let template = uri_template::parse(&literal.value());
        let report = |mistakes: Vec<String>| mistakes.iter().for_each(|it| errors.at(literal, it));
        let variables = template.map_err(report).ok()?.variables.into_iter();
        Some(Self {
            literal: literal.clone(),
            variables: variables.map(|it| it.name).collect(),
        })
    }

    fn has_variable(&self, parameter: &Parameter) -> bool {
        self.variables.contains(&parameter.wire_name.value())
    }

    fn check_options(&self, arguments: &Arguments, errors: &mut Errors) {
        let (key, why) = if self.variables.is_empty() {
            (
                "list",
                "`list` is for templates, and this URI has no `{variable}`: remove `list`",
            )
        } else {
            (
                "size",
                "the resources of a template differ in size: remove `size`",
            )
        };
        arguments.forbid(key, why, errors);
        app::check(arguments, &self.literal, errors);
    }

    fn check_parameters(&self, parameters: &[Parameter], errors: &mut Errors) {
        let from_client = parameters
            .iter()
            .filter(|parameter| parameter.ask.is_none());
        let names: Vec<String> = from_client.map(|it| it.wire_name.value()).collect();
        let is_missing = |variable: &&String| !names.contains(variable);
        let missing: Vec<&String> = self.variables.iter().filter(is_missing).collect();
        for variable in &missing {
            let unused = names.iter().filter(|name| !self.variables.contains(name));
            errors.at(&self.literal, no_parameter(variable, unused));
        }
        // If a variable has no parameter, then an unused parameter is most likely a misspelling of it.
        let is_unused = |it: &&Parameter| it.arg.is_some() && !self.has_variable(it);
        for parameter in parameters
            .iter()
            .filter(|_| missing.is_empty())
            .filter(is_unused)
        {
            errors.at(&parameter.wire_name, self.missing_variable(parameter));
        }
    }

    /// Generates checks that parameters without a variable in the URI are injected. Only the compiler knows which types
    /// are injected.
    fn check_injected(&self, component: &Component) -> TokenStream {
        let parameters = component.parameters.iter();
        parameters
            .filter(|parameter| parameter.ask.is_none() && !self.has_variable(parameter))
            .map(|parameter| {
                let missing = self.missing_variable(parameter);
                let message = format!("{missing}, or take the value from `State<T>` or `Context`");
                let span = generated_at(&parameter.ty);
                component.refuse_supplied(parameter, false, span, &message)
            })
            .collect()
    }

    fn missing_variable(&self, parameter: &Parameter) -> String {
        let (name, template) = (parameter.wire_name.value(), self.literal.value());
        format!(
            "parameter `{name}` is not in the URI template `{template}`: add `{{{name}}}` to it"
        )
    }
}

fn no_parameter<'a>(variable: &str, unused: impl Iterator<Item = &'a String>) -> String {
    let fix = nearest(unused.map(String::as_str), variable).map_or_else(
        || format!("add a parameter `{variable}`, or remove the variable"),
        |name| format!("did you mean `{name}`?"),
    );
    format!(
        "the URI has the variable `{variable}`, but the function has no parameter of that name; {fix}"
    )
}
