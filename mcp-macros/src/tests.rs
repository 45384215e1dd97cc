//! Snapshots of whole expansions, in `snapshots`: those of a simple tool, of layers, and of incomplete code.
//!
//! `BLESS=1 cargo test -p mcp-runtime-macros` updates them. It fails if `CI` is set.

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;

use crate::kind::Kind::{self, Prompt, Resource, Tool};
use crate::{entry, methods};

/// Functions as editors send them after each keystroke: the attribute, its arguments, the function, and the expected
/// item where it differs because this crate's attributes are removed.
const FUNCTIONS: &[(Kind, &str, &str, Option<&str>)] = &[
    // The body.
    (Tool, "", "fn f(a: u8) -> u8 { let b = a. ; match }", None),
    (Tool, "", "async fn f(a: u8) -> u8 { a + }", None),
    (Prompt, "", "fn f() -> String { format!(\"{}\", ) . }", None),
    (
        Resource,
        "\"a://b\"",
        "fn f() -> String { if let Some( ) = }",
        None,
    ),
    // The attribute.
    (Tool, "na", "fn f(a: u8) {}", None),
    (Tool, "name", "fn f(a: u8) {}", None),
    (Tool, "name =", "fn f(a: u8) {}", None),
    (Tool, "name = ,", "fn f(a: u8) {}", None),
    (Tool, "name = , read_only", "fn f(a: u8) {}", None),
    (Tool, ",", "fn f(a: u8) {}", None),
    (Tool, "read_only title = \"T\"", "fn f(a: u8) {}", None),
    (Tool, "crate = a::", "fn f(a: u8) {}", None),
    (Resource, "", "fn f(a: u8) -> String {}", None),
    (Resource, "\"users\"", "fn f(a: u8) -> String {}", None),
    (Resource, "\"users://{\"", "fn f(a: u8) -> String {}", None),
    (
        Resource,
        "\"users://{a}\", cache(ttl)",
        "fn f(a: u8) -> String {}",
        None,
    ),
    // The attributes of parameters.
    (Tool, "", "fn f(#[arg] a: u8) {}", Some("fn f(a: u8) {}")),
    (Tool, "", "fn f(#[arg()] a: u8) {}", Some("fn f(a: u8) {}")),
    (Tool, "", "fn f(#[arg(d)] a: u8) {}", Some("fn f(a: u8) {}")),
    (
        Tool,
        "",
        "fn f(#[arg(default = )] a: u8) {}",
        Some("fn f(a: u8) {}"),
    ),
    (
        Tool,
        "",
        "fn f(#[arg(default = a.)] a: u8) {}",
        Some("fn f(a: u8) {}"),
    ),
    (
        Tool,
        "",
        "async fn f(#[ask] a: u8) {}",
        Some("async fn f(a: u8) {}"),
    ),
    (
        Tool,
        "",
        "async fn f(#[ask(\"Which?\", key = )] a: u8) {}",
        Some("async fn f(a: u8) {}"),
    ),
    // The parameters, the result, and the function itself.
    (Tool, "", "fn f(a) {}", None),
    (Tool, "", "fn f(a:) {}", None),
    (Tool, "", "fn f(a: u8, b) -> u8 { a }", None),
    (Tool, "", "fn f(a: Vec<) {}", None),
    (Tool, "", "fn f(#[arg(default)] a:) {}", None),
    (Tool, "", "fn f(a: u8) -> {}", None),
    (Tool, "", "fn f(a: u8)", None),
    (Tool, "", "fn f", None),
    (Tool, "", "fn", None),
    (Tool, "", "pub async", None),
    (Tool, "", "pub", None),
    (Tool, "", "", None),
];

/// The same for `impl`s with `#[tools]`.
const IMPLS: &[(&str, &str, Option<&str>)] = &[
    // A method without a component attribute, which may contain anything.
    (
        "",
        "impl S { #[tool] fn f(&self) {} fn g(&self) { self. } }",
        Some("impl S { fn f(&self) {} fn g(&self) { self. } }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} fn g(&self, a) -> {} }",
        Some("impl S { fn f(&self) {} fn g(&self, a) -> {} }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} fn }",
        Some("impl S { fn f(&self) {} fn }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} pub con }",
        Some("impl S { fn f(&self) {} pub con }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} const A: = ; }",
        Some("impl S { fn f(&self) {} const A: = ; }"),
    ),
    ("", "impl S { fn #[tool] fn f(&self) {} }", None),
    // A method with a component attribute.
    (
        "",
        "impl S { #[tool] fn f(&self) { self. } }",
        Some("impl S { fn f(&self) { self. } }"),
    ),
    (
        "",
        "impl S { #[tool(name = )] fn f(&self, #[arg(def)] a: u8) {} }",
        Some("impl S { fn f(&self, a: u8) {} }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} #[tool] fn g(&self, a) {} }",
        Some("impl S { fn f(&self) {} #[tool] fn g(&self, a) {} }"),
    ),
    (
        "",
        "impl S { #[tool] fn f(&self) {} #[tool] }",
        Some("impl S { fn f(&self) {} #[tool] }"),
    ),
    (
        "",
        "impl S { #[resource()] fn f(&self) -> String { } }",
        Some("impl S { fn f(&self) -> String { } }"),
    ),
    // The block.
    (
        "cra",
        "impl S { #[tool] fn f(&self) {} }",
        Some("impl S { fn f(&self) {} }"),
    ),
    (
        "crate =",
        "impl S { #[tool] fn f(&self) {} }",
        Some("impl S { fn f(&self) {} }"),
    ),
    ("", "impl S {}", None),
    ("", "impl S", None),
    ("", "impl {}", None),
    ("", "impl", None),
    ("", "", None),
];

/// Splits code into tokens. Code that cannot be split never reaches a macro.
fn tokens(code: &str) -> TokenStream {
    let tokens: Result<TokenStream, _> = code.parse();
    assert!(tokens.is_ok(), "{code}");
    tokens.unwrap_or_default()
}

/// Panics if a snapshot is stale.
fn assert_snapshot(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("snapshots")
        .join(name);
    if env::var_os("BLESS").is_some() {
        assert!(env::var_os("CI").is_none(), "`BLESS` is set in CI");
        assert!(fs::write(&path, made).is_ok(), "{}", path.display());
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{} is stale: set BLESS=1 to update it. The new content is:\n{made}",
        path.display()
    );
}

/// Formats code and its expansion, with each error and each generated constant on its own line.
fn show(typed: &str, expansion: &TokenStream) -> String {
    let shown = expansion
        .to_string()
        .replace(
            " :: core :: compile_error",
            "\n    :: core :: compile_error",
        )
        .replace(" const ", "\n    const ");
    format!("{typed}\n    {shown}\n\n")
}

fn assert_comes_back(expansion: &TokenStream, item: &str) {
    let (expansion, item) = (expansion.to_string(), tokens(item));
    assert!(
        expansion.starts_with(&item.to_string()),
        "{item}\nbecame\n{expansion}"
    );
}

#[test]
fn functions_come_back_while_they_are_typed() {
    let mut shown = String::new();
    for (kind, arguments, item, without_ours) in FUNCTIONS {
        let expansion = entry::expand(*kind, tokens(arguments), &tokens(item));
        assert_comes_back(&expansion, without_ours.unwrap_or(item));
        shown += &show(
            &format!("#[{}({arguments})] {item}", kind.attribute()),
            &expansion,
        );
    }
    assert_snapshot("unfinished_functions.txt", &shown);
}

#[test]
fn impls_come_back_while_they_are_typed() {
    let mut shown = String::new();
    for (arguments, item, without_ours) in IMPLS {
        let expansion = methods::expand(tokens(arguments), tokens(item));
        assert_comes_back(&expansion, without_ours.unwrap_or(item));
        shown += &show(&format!("#[tools({arguments})] {item}"), &expansion);
    }
    assert_snapshot("unfinished_impls.txt", &shown);
}

/// Expands a tool and formats the result.
fn expand_tool(arguments: TokenStream, item: &TokenStream) -> syn::Result<String> {
    let expansion = entry::expand(Tool, arguments, item);
    Ok(prettyplease::unparse(&syn::parse2(expansion)?))
}

/// The snapshot documents the macro for readers, so it must stay short.
#[test]
fn the_first_tool_expands_to_a_few_lines() -> syn::Result<()> {
    let item = quote::quote! {
        async fn add(a: i64, b: i64) -> i64 {
            a + b
        }
    };
    let formatted = expand_tool(TokenStream::new(), &item)?;
    assert_snapshot("add.rs", &formatted);
    assert!(formatted.lines().count() <= 25, "{formatted}");
    Ok(())
}

#[test]
fn layers_are_builder_calls_in_their_order() -> syn::Result<()> {
    let arguments = tokens("read_only, layer = [path::to::layer, Retry::new(3)]");
    let formatted = expand_tool(arguments, &tokens("async fn now() -> u64 { 7 }"))?;
    assert_snapshot("layers.rs", &formatted);
    Ok(())
}
