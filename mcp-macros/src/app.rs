//! The pages of MCP Apps: `app` of `#[resource]`, and `visibility` of `#[tool]`.

use mcp_grammar::app::{
    AUDIENCES, DOMAIN_RULE, MIME, PERMISSIONS, SCHEME, is_domain, origin_mistake,
};
use mcp_grammar::near::nearest;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::LitStr;

use crate::arguments::Arguments;
use crate::builder::builder_call;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::literal::text;
use crate::runtime_path::{generated, generated_at};

pub(crate) const EXAMPLE: &str = "app(csp_connect = [\"https://api.example.com\"])";

const GRAMMAR: Grammar = Grammar {
    attribute: "resource(app(..))",
    options: &[&[
        "csp_connect",
        "csp_resources",
        "csp_frames",
        "csp_base_uris",
        "permissions",
        "domain",
        "prefers_border",
    ]],
    ..Grammar::EMPTY
};

/// The lists of origins, with the builder method of each.
const LISTS: [(&str, &str); 4] = [
    ("csp_connect", "connect"),
    ("csp_resources", "resources"),
    ("csp_frames", "frames"),
    ("csp_base_uris", "base_uris"),
];

/// Generates the builder call of `app`.
pub(crate) fn options(arguments: &Arguments, errors: &mut Errors) -> Option<TokenStream> {
    let app = arguments.option("app")?;
    let arguments = Arguments::parse(&GRAMMAR, app.list.clone(), errors);
    let lists: Vec<TokenStream> = LISTS
        .iter()
        .filter_map(|(key, method)| origins(&arguments, key, method, errors))
        .collect();
    let permissions = permissions(&arguments, errors);
    let domain = arguments.checked_text("domain", is_domain, DOMAIN_RULE, errors);
    let domain = builder_call("domain", domain);
    let border = arguments.flag("prefers_border", errors);
    let border = builder_call("prefers_border", border.map(|flag| flag.value));
    let place = generated_at(&app.key);
    Some(quote_spanned!(place=> .app(__mcp::App::new() #(#lists)* #permissions #domain #border)))
}

fn origins(
    arguments: &Arguments,
    key: &str,
    method: &str,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let mistake = |origin: &str| origin_mistake(origin, method == "connect");
    let example = "\"https://api.example.com\"";
    let origins = arguments.bracketed(key, example, mistake, errors)?;
    let method = Ident::new(method, generated());
    Some(quote_spanned!(generated()=> .#method([#(#origins),*])))
}

fn permissions(arguments: &Arguments, errors: &mut Errors) -> Option<TokenStream> {
    let mistake = |name: &str| unknown("permission", name, &PERMISSIONS);
    let names = arguments.bracketed("permissions", "\"camera\"", mistake, errors)?;
    let variants = variants(&names);
    Some(quote_spanned!(generated()=> .permissions([#(__mcp::AppPermission::#variants),*])))
}

/// Generates the builder call of `visibility`.
pub(crate) fn visibility(arguments: &Arguments, errors: &mut Errors) -> Option<TokenStream> {
    let mistake = |name: &str| unknown("caller of tools", name, &AUDIENCES);
    let names = arguments.bracketed("visibility", "\"app\"", mistake, errors)?;
    let variants = variants(&names);
    Some(quote_spanned!(generated()=> .visibility([#(__mcp::ToolVisibility::#variants),*])))
}

/// Returns the message for a name that is not among the known ones.
fn unknown(what: &str, name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) {
        return None;
    }
    Some(match nearest(known.iter().copied(), name) {
        Some(near) => format!("there is no {what} `{name}`; did you mean `{near}`?"),
        None => format!(
            "there is no {what} `{name}`: write one of `{}`",
            known.join("`, `")
        ),
    })
}

/// Returns the names as variants of an enum.
fn variants(names: &[LitStr]) -> Vec<Ident> {
    let variant = |name: &LitStr| {
        let name = name.value();
        let (first, rest) = name.split_at(1);
        format_ident!("{}{rest}", first.to_uppercase(), span = generated())
    };
    names.iter().map(variant).collect()
}

/// Reports a page whose URI or MIME type hosts do not show.
pub(crate) fn check(arguments: &Arguments, uri: &LitStr, errors: &mut Errors) {
    let Some(key) = arguments.key("app") else {
        return;
    };
    if !uri.value().starts_with(SCHEME) {
        errors.at(
            uri,
            format!("the URI of a page begins with `{SCHEME}`: write `{SCHEME}page`"),
        );
    }
    let mime = arguments.option("mime").and_then(|it| it.value.as_ref());
    if let Some(mime) = mime.filter(|mime| text(mime).is_some_and(|it| it != MIME)) {
        errors.at(
            mime,
            format!("the MIME type of a page is `{MIME}`: remove `mime`, or `{key}`"),
        );
    }
}
