//! `#[resource]`: its options, the agreement of URI template and signature, and what is generated from them.

use mcp_grammar::near::nearest;
use mcp_grammar::uri_template;
use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{Expr, ExprLit, ExprPath, Lit, LitStr};

use crate::annotated_fn::AnnotatedFn;
use crate::arguments::Arguments;
use crate::component::{Component, SCOPES, TAGS};
use crate::errors::Errors;
use crate::expand::{Definition, builder_call, duration, expression_call};
use crate::grammar::Grammar;
use crate::kind::Kind;
use crate::parameters::Parameter;
use crate::runtime_path::{attribute, generated, generated_at};

const GRAMMAR: Grammar = Grammar {
    attribute: "resource",
    options: &[
        "name",
        "title",
        "description",
        "icons",
        "meta",
        "timeout",
        "tags",
        "scopes",
        "annotations",
        "cache",
        "mime",
        "size",
        "list",
        "inline",
        "crate",
    ],
    lists: &[TAGS, SCOPES, ("cache", CACHE_EXAMPLE)],
    elsewhere: &[],
    leading_value: Some("URI"),
};

const CACHE_EXAMPLE: &str = "cache(ttl = 60, scope = public)";

const CACHE_GRAMMAR: Grammar = Grammar {
    attribute: "resource(cache(..))",
    options: &["ttl", "scope"],
    lists: &[],
    elsewhere: &[],
    leading_value: None,
};

/// A resource without mistakes, or a template of resources.
struct Resource {
    component: Component,
    uri: Uri,
    mime: Option<LitStr>,
    size: Option<u64>,
    list: Option<ExprPath>,
    annotations: Option<Expr>,
    cache: Option<Cache>,
}

/// How long a read may be kept, and the name of the scope.
struct Cache {
    ttl: Expr,
    scope: &'static str,
}

/// A URI, which is a template if it has variables.
struct Uri {
    literal: LitStr,
    variables: Vec<String>,
}

pub(crate) fn define(
    arguments: TokenStream,
    function: &AnnotatedFn,
) -> Result<Definition, TokenStream> {
    Ok(Resource::validate(arguments, function)?.define())
}

impl Resource {
    fn validate(arguments: TokenStream, function: &AnnotatedFn) -> Result<Self, TokenStream> {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [arguments], &mut errors);
        let component = Component::validate(Kind::Resource, &arguments, function, &mut errors);
        let mime = mime(&arguments, &mut errors);
        let size = arguments.number("size", &mut errors);
        let list = arguments.function("list", "function", &mut errors);
        let annotations = arguments.expression(
            "annotations",
            "Annotations::new().priority(0.5)",
            &mut errors,
        );
        let cache = Cache::validate(&arguments, &mut errors);
        let uri = Uri::validate(&arguments, &mut errors);
        if let Some(uri) = &uri {
            uri.check_options(&arguments, &mut errors);
            // A parameter with a mistake is missing here, and would be reported as such.
            if component.parameters.len() == function.parameters.len() {
                uri.check_parameters(&component.parameters, &mut errors);
            }
        }
        errors.finish(uri.map(|uri| Self {
            component,
            uri,
            mime,
            size,
            list,
            annotations,
            cache,
        }))
    }

    fn define(self) -> Definition {
        let uri = &self.uri.literal;
        let mime = builder_call("mime", self.mime.as_ref());
        let size = self
            .size
            .map(|size| quote_spanned!(generated()=> .size(#size)));
        let list = self.list.as_ref().map(|path| {
            let function = self.component.function(path, "Listing");
            quote_spanned!(generated_at(path)=> .list(__mcp::lister(#function)))
        });
        let annotations = expression_call("annotations", self.annotations.as_ref());
        let cache = self.cache.as_ref().map(Cache::expand);
        let checks: TokenStream = self
            .supplied_by_server()
            .filter_map(|parameter| self.check_injected(parameter))
            .collect();
        Definition {
            leading: quote_spanned!(generated()=> #uri,),
            options: quote_spanned!(generated()=> #mime #size #annotations #cache #list),
            checks,
            component: self.component,
        }
    }

    /// The parameters that no variable of the URI stands for.
    fn supplied_by_server(&self) -> impl Iterator<Item = &Parameter> {
        self.component
            .parameters
            .iter()
            .filter(|parameter| parameter.ask.is_none() && !self.uri.has_variable(parameter))
    }

    /// Only the compiler knows which types are injected.
    fn check_injected(&self, parameter: &Parameter) -> Option<TokenStream> {
        let message = format!(
            "{}, or take the value from `State<T>` or `Context`",
            not_in_template(&parameter.wire_name, &self.uri.literal)
        );
        let span = generated_at(&parameter.ty);
        self.component
            .refuse_supplied(parameter, false, span, &message)
    }
}

impl Cache {
    fn validate(arguments: &Arguments, errors: &mut Errors) -> Option<Self> {
        let option = arguments.option("cache")?;
        let list = option.list.clone()?;
        let arguments = Arguments::parse(&CACHE_GRAMMAR, [list], errors);
        let scope = scope(&arguments, errors);
        if arguments.option("ttl").is_none() {
            errors.at(
                &option.key,
                format!("`cache` needs a `ttl`: write `{CACHE_EXAMPLE}`"),
            );
        }
        let ttl = arguments.expression("ttl", "60", errors)?;
        Some(Self { ttl, scope: scope? })
    }

    fn expand(&self) -> TokenStream {
        let span = generated_at(&self.ttl);
        let scope = Ident::new(self.scope, generated());
        let ttl = duration(&self.ttl);
        quote_spanned!(span=> .cache(#ttl, __mcp::CacheScope::#scope))
    }
}

/// The scope of a cache: private unless it is said to be public.
fn scope(arguments: &Arguments, errors: &mut Errors) -> Option<&'static str> {
    let Some(option) = arguments.option("scope") else {
        return Some("Private");
    };
    match &option.value {
        Some(Expr::Path(path)) if path.path.is_ident("public") => Some("Public"),
        Some(Expr::Path(path)) if path.path.is_ident("private") => Some("Private"),
        _ => {
            option.refuse(
                errors,
                "a cache is `scope = public`, shared by all callers, or `scope = private`, kept by one",
            );
            None
        }
    }
}

impl Uri {
    fn validate(arguments: &Arguments, errors: &mut Errors) -> Option<Self> {
        match &arguments.leading_value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(literal),
                ..
            })) => Self::parse(literal, errors),
            Some(other) => {
                errors.at(
                    other,
                    "the URI is a string literal: write `#[resource(\"scheme://path\")]`",
                );
                None
            }
            None => {
                errors.at_span(
                    attribute(),
                    "a resource needs its URI first: write `#[resource(\"scheme://path\")]`",
                );
                None
            }
        }
    }

    fn parse(literal: &LitStr, errors: &mut Errors) -> Option<Self> {
        match uri_template::parse(&literal.value()) {
            Ok(template) => Some(Self {
                literal: literal.clone(),
                variables: template.variables.into_iter().map(|it| it.name).collect(),
            }),
            Err(mistakes) => {
                for mistake in mistakes {
                    errors.at(literal, mistake);
                }
                None
            }
        }
    }

    fn is_template(&self) -> bool {
        !self.variables.is_empty()
    }

    fn has_variable(&self, parameter: &Parameter) -> bool {
        self.variables.contains(&parameter.wire_name.value())
    }

    fn check_options(&self, arguments: &Arguments, errors: &mut Errors) {
        if let (true, Some(key)) = (self.is_template(), arguments.key("size")) {
            errors.at(
                key,
                "the resources of a template differ in size: remove `size`",
            );
        }
        if let (false, Some(key)) = (self.is_template(), arguments.key("list")) {
            errors.at(
                key,
                "`list` is for templates, and this URI has no `{variable}`: remove `list`",
            );
        }
    }

    fn check_parameters(&self, parameters: &[Parameter], errors: &mut Errors) {
        let names: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter.ask.is_none())
            .map(|parameter| parameter.wire_name.value())
            .collect();
        let missing: Vec<&String> = self
            .variables
            .iter()
            .filter(|variable| !names.contains(variable))
            .collect();
        for variable in &missing {
            errors.at(
                &self.literal,
                no_parameter(
                    variable,
                    names.iter().filter(|name| !self.variables.contains(name)),
                ),
            );
        }
        // With a variable missing, a parameter that is left over is most likely its misspelling.
        if missing.is_empty() {
            for parameter in parameters
                .iter()
                .filter(|it| it.arg.is_some() && !self.has_variable(it))
            {
                errors.at(
                    &parameter.wire_name,
                    not_in_template(&parameter.wire_name, &self.literal),
                );
            }
        }
    }
}

fn no_parameter<'a>(variable: &str, unused: impl Iterator<Item = &'a String>) -> String {
    let fix = nearest(unused.map(String::as_str), variable).map_or_else(
        || format!("add a parameter `{variable}`, or remove the variable"),
        |name| format!("did you mean `{name}`?"),
    );
    format!(
        "the URI has the variable `{variable}`, and the function no parameter of that name; {fix}"
    )
}

fn not_in_template(name: &LitStr, template: &LitStr) -> String {
    let (name, template) = (name.value(), template.value());
    format!("parameter `{name}` is not in the URI template `{template}`: add `{{{name}}}` to it")
}

fn mime(arguments: &Arguments, errors: &mut Errors) -> Option<LitStr> {
    let mime = arguments.text("mime", errors)?;
    if !mime.value().contains('/') {
        errors.at(&mime, "a MIME type is `type/subtype`, such as `text/plain`");
    }
    Some(mime)
}
