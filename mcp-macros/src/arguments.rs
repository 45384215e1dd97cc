//! The arguments of `#[tool(...)]`, `#[resource(...)]`, `#[prompt(...)]` and `#[arg(...)]`.
//!
//! Each attribute takes a list of `key`, `key = value` and `key(list)`. The [`Grammar`] defines the keys; the caller
//! interprets the values. Keys keep their spans, so that errors point at them.

use std::fmt::Display;

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprPath, Lit, LitBool, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::literal::{literal, string};

/// The options of an attribute. All keys are known, and each occurs at most once.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) leading_value: Option<Expr>,
    options: Vec<Argument>,
}

/// One `key`, `key = value` or `key(list)`.
pub(crate) struct Argument {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
    pub(crate) list: Option<TokenStream>,
}

/// A flag that is present, with its key.
pub(crate) struct Flag {
    pub(crate) key: Ident,
    pub(crate) value: bool,
}

impl Arguments {
    /// Parses the lists of one or more attributes as a single list.
    pub(crate) fn parse(
        grammar: &Grammar,
        lists: impl IntoIterator<Item = TokenStream>,
        errors: &mut Errors,
    ) -> Self {
        let mut arguments = Self::default();
        for list in lists {
            let parser = |input: ParseStream<'_>| arguments.parse_list(grammar, input, errors);
            let result = parser.parse2(list);
            errors.keep(result);
        }
        arguments
    }

    /// Parses attributes that must have a list. Reports an error and returns `None` if an attribute has
    /// no list.
    pub(crate) fn of_attributes<'attribute>(
        grammar: &Grammar,
        attributes: impl IntoIterator<Item = &'attribute Attribute>,
        needs_list: &str,
        errors: &mut Errors,
    ) -> Option<Self> {
        let mut lists = Vec::new();
        for attribute in attributes {
            match attribute.meta.require_list() {
                Ok(list) => lists.push(list.tokens.clone()),
                Err(_) => return errors.refuse(attribute, needs_list),
            }
        }
        Some(Self::parse(grammar, lists, errors))
    }

    fn parse_list(
        &mut self,
        grammar: &Grammar,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        while !input.is_empty() {
            let result = self.parse_one(grammar, input, errors);
            if errors.keep(result).is_none() {
                skip_to_comma(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn parse_one(
        &mut self,
        grammar: &Grammar,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if (input.peek(Lit) && !input.peek(LitBool)) || self.starts_with_value(grammar, input) {
            return self.parse_leading_value(grammar, input);
        }
        let key = input.call(Ident::parse_any).map_err(|error| {
            let message = format!(
                "expected an option of `#[{}]`: {}",
                grammar.attribute,
                grammar.names()
            );
            syn::Error::new(error.span(), message)
        })?;
        if !grammar.accepts(&key) {
            errors.at(&key, grammar.unknown(&key));
            return self.skip_unknown(grammar, &key, input);
        }
        let needs_no_list = grammar.needs_no_list(&key);
        let (value, list) = match grammar.list_example(&key) {
            Some(_) if needs_no_list && (input.is_empty() || input.peek(Token![,])) => (None, None),
            None if !(needs_no_list && input.peek(token::Paren)) => {
                (parse_value(&key, input)?, None)
            }
            example => {
                let list = parse_inner_list(&key, example.unwrap_or_default(), input)?;
                (None, Some(list))
            }
        };
        self.add(Argument { key, value, list }, errors);
        Ok(())
    }

    /// Returns `true` if the list begins with an expression other than a literal, such as `config` or `concat!(..)`.
    /// The caller, which expects a literal, reports the error.
    fn starts_with_value(&self, grammar: &Grammar, input: ParseStream<'_>) -> bool {
        let comes_first = self.leading_value.is_none() && self.options.is_empty();
        let ahead = input.fork();
        let is_value = |key: &Ident| !ahead.peek(Token![=]) && !grammar.is_near(key);
        comes_first
            && grammar.leading_value.is_some()
            && Ident::parse_any(&ahead).is_ok_and(|key| !grammar.accepts(&key) && is_value(&key))
    }

    /// Skips an option with an unknown key, whose value cannot be checked.
    fn skip_unknown(
        &mut self,
        grammar: &Grammar,
        key: &Ident,
        input: ParseStream<'_>,
    ) -> syn::Result<()> {
        // The error already asks to move the value, so the value must not be reported as missing too.
        if grammar.leading(&key.to_string()).is_some()
            && let Ok(Some(value)) = parse_value(key, input)
        {
            self.leading_value.get_or_insert(value);
        }
        skip_to_comma(input)
    }

    fn parse_leading_value(
        &mut self,
        grammar: &Grammar,
        input: ParseStream<'_>,
    ) -> syn::Result<()> {
        let value = parse_expression(input)?;
        let Some(what) = grammar.leading_value else {
            return Err(syn::Error::new_spanned(value, grammar.without_key()));
        };
        if self.leading_value.is_none() && self.options.is_empty() {
            self.leading_value = Some(value);
            return Ok(());
        }
        let message = format!("the {what} comes first, and only once: move or remove it");
        let error = syn::Error::new_spanned(&value, message);
        self.leading_value.get_or_insert(value);
        Err(error)
    }

    fn add(&mut self, argument: Argument, errors: &mut Errors) {
        let key = &argument.key;
        if self.options.iter().any(|earlier| earlier.key == *key) {
            errors.at(key, format!("`{key}` is given twice: remove one of them"));
        } else {
            self.options.push(argument);
        }
    }

    /// Returns a key and the tokens in the parentheses after it.
    pub(crate) fn list(&self, key: &str) -> Option<(&Ident, TokenStream)> {
        let option = self.option(key)?;
        Some((&option.key, option.list.clone()?))
    }

    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.option(key).map(|option| &option.key)
    }

    /// Returns the keys of all options.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Ident> {
        self.options.iter().map(|option| &option.key)
    }

    /// Reports an option that is not allowed here.
    pub(crate) fn forbid(&self, key: &str, why: &str, errors: &mut Errors) {
        if let Some(key) = self.key(key) {
            errors.at(key, why);
        }
    }

    pub(crate) fn option(&self, key: &str) -> Option<&Argument> {
        self.options.iter().find(|option| option.key == key)
    }

    pub(crate) fn flag(&self, key: &str, errors: &mut Errors) -> Option<Flag> {
        let Argument { key, value, .. } = self.option(key)?;
        let value = match value.as_ref().map(|value| (value, literal(value))) {
            None => true,
            Some((_, Some(Lit::Bool(value)))) => value.value,
            Some((other, _)) => {
                let message = format!("`{key}` is a flag: write `{key}` or `{key} = false`");
                return errors.refuse(other, message);
            }
        };
        let key = key.clone();
        Some(Flag { key, value })
    }

    /// Returns `true` if the flag is present and not `false`.
    pub(crate) fn is_set(&self, key: &str, errors: &mut Errors) -> bool {
        self.flag(key, errors).is_some_and(|flag| flag.value)
    }

    /// Returns the value of an option that is a non-empty string.
    pub(crate) fn text(&self, key: &str, errors: &mut Errors) -> Option<LitStr> {
        let option = self.option(key)?;
        let value = option.value.as_ref();
        if let Some(text) = value.and_then(string) {
            if !is_blank(text) {
                return Some(text.clone());
            }
            let message = format!("`{key}` is empty: write a text, or leave `{key}` out");
            return errors.refuse(text, message);
        }
        let message = match value {
            Some(Expr::Path(path)) if is_constant(path) => {
                format!(
                    "`{key}` cannot be a constant, because a macro cannot read its value: write the text itself, as in `{key} = \"...\"`"
                )
            }
            other => {
                let example = other.map_or_else(|| "...".to_owned(), as_text);
                format!("`{key}` takes a string: write `{key} = \"{example}\"`")
            }
        };
        option.refuse(errors, message)
    }

    /// Returns the value of an option that is a string, and reports `rule` if it is not valid.
    pub(crate) fn checked_text(
        &self,
        key: &str,
        is_valid: fn(&str) -> bool,
        rule: &str,
        errors: &mut Errors,
    ) -> Option<LitStr> {
        let text = self.text(key, errors)?;
        if !is_valid(&text.value()) {
            errors.at(&text, rule);
        }
        Some(text)
    }

    /// Returns the strings of a list, which must be non-empty and distinct.
    pub(crate) fn texts(&self, key: &str, example: &str, errors: &mut Errors) -> Vec<LitStr> {
        let mut texts = Vec::new();
        let Some((place, list)) = self.list(key) else {
            return texts;
        };
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        let Some(values) = errors.keep(parser.parse2(list)) else {
            return texts;
        };
        if values.is_empty() {
            let message = format!("`{key}` is empty: write `{example}`, or leave `{key}` out");
            errors.at(place, message);
        }
        for value in &values {
            match text_of_list(key, value, &texts) {
                Ok(text) => texts.push(text.clone()),
                Err(message) => errors.at(value, message),
            }
        }
        texts
    }

    /// Returns the texts of an option whose value is a list in brackets, `key = ["a", "b"]`. It reports an empty list, and each
    /// text with a mistake.
    pub(crate) fn bracketed(
        &self,
        key: &str,
        example: &str,
        mistake: impl Fn(&str) -> Option<String>,
        errors: &mut Errors,
    ) -> Option<Vec<LitStr>> {
        let option = self.option(key)?;
        let Some(Expr::Array(list)) = &option.value else {
            let message = format!("`{key}` takes a list of texts: write `{key} = [{example}]`");
            return option.refuse(errors, message);
        };
        if list.elems.is_empty() {
            let message =
                format!("`{key}` is empty: write `{key} = [{example}]`, or leave `{key}` out");
            return errors.refuse(list, message);
        }
        let mut texts: Vec<LitStr> = Vec::new();
        for element in &list.elems {
            let Some(text) = string(element) else {
                errors.at(
                    element,
                    format!("`{key}` takes texts: write `{key} = [{example}]`"),
                );
                continue;
            };
            let value = text.value();
            if let Some(mistake) = mistake(&value) {
                errors.at(text, mistake);
            } else if texts.iter().any(|other| other.value() == value) {
                errors.at(text, format!("`{value}` is in `{key}` twice: remove one"));
            } else {
                texts.push(text.clone());
            }
        }
        Some(texts)
    }

    /// Returns the value of an option, which may be any expression. The compiler checks its type.
    pub(crate) fn expression(&self, key: &str, example: &str, errors: &mut Errors) -> Option<Expr> {
        let option = self.option(key)?;
        option.value.clone().or_else(|| {
            let message = format!("`{key}` needs a value: write `{key} = {example}`");
            option.refuse(errors, message)
        })
    }

    pub(crate) fn number(&self, key: &str, errors: &mut Errors) -> Option<u64> {
        let option = self.option(key)?;
        let number = match option.value.as_ref().and_then(literal) {
            Some(Lit::Int(number)) => number.base10_parse().ok(),
            _ => None,
        };
        number.or_else(|| {
            let message = format!("`{key}` takes a whole number: write `{key} = 1024`");
            option.refuse(errors, message)
        })
    }

    /// Returns the path of the runtime: the value of `crate =`.
    pub(crate) fn runtime(&self, errors: &mut Errors) -> Option<Path> {
        match self.path("crate", "path::to::mcp_runtime", errors)? {
            path if path.qself.is_none() => Some(path.path),
            other => errors.refuse(other, takes_path("crate", "path::to::mcp_runtime")),
        }
    }

    /// Returns the path of a function, which may be an associated function.
    pub(crate) fn function(&self, key: &str, errors: &mut Errors) -> Option<ExprPath> {
        self.path(key, "function", errors)
    }

    fn path(&self, key: &str, example: &str, errors: &mut Errors) -> Option<ExprPath> {
        let option = self.option(key)?;
        match &option.value {
            Some(Expr::Path(path)) => Some(path.clone()),
            _ => option.refuse(errors, takes_path(key, example)),
        }
    }
}

impl Argument {
    /// Reports a mistake at the value, or at the key if there is no value.
    pub(crate) fn refuse<Value>(
        &self,
        errors: &mut Errors,
        message: impl Display,
    ) -> Option<Value> {
        match &self.value {
            Some(value) => errors.refuse(value, message),
            None => errors.refuse(&self.key, message),
        }
    }
}

fn takes_path(key: &str, example: &str) -> String {
    format!("`{key}` takes a path: write `{key} = {example}`")
}

/// Returns the next string of a list, or an error message if it is not allowed.
fn text_of_list<'v>(key: &str, value: &'v Expr, texts: &[LitStr]) -> Result<&'v LitStr, String> {
    let Some(text) = string(value) else {
        let example = as_text(value);
        return Err(format!(
            "`{key}` takes strings: write `{key}(\"{example}\")`"
        ));
    };
    if is_blank(text) {
        return Err(format!("a text in `{key}` is empty: remove it"));
    }
    let text_value = text.value();
    if texts.iter().any(|other| other.value() == text_value) {
        return Err(format!("`{text_value}` is in `{key}` twice: remove one"));
    }
    Ok(text)
}

fn is_blank(text: &LitStr) -> bool {
    text.value().trim().is_empty()
}

/// Parses the list after a key, and returns it without its parentheses.
fn parse_inner_list(
    key: &Ident,
    example: &str,
    input: ParseStream<'_>,
) -> syn::Result<TokenStream> {
    if input.peek(token::Paren) {
        return input
            .parse::<proc_macro2::Group>()
            .map(|group| group.stream());
    }
    Err(syn::Error::new(
        key.span(),
        format!("`{key}` takes a list: write `{example}`"),
    ))
}

/// Parses the part after a key: nothing, or `= value`.
fn parse_value(key: &Ident, input: ParseStream<'_>) -> syn::Result<Option<Expr>> {
    if input.peek(token::Paren) {
        // Consumed, so that the options after it are checked too.
        let group: proc_macro2::Group = input.parse()?;
        return Err(syn::Error::new(
            group.span(),
            format!("`{key}` takes no list: write `{key} = ...`"),
        ));
    }
    if input.peek(Token![:]) || input.peek(Token![==]) || input.peek(Token![=>]) {
        let written: proc_macro2::TokenTree = input.parse()?;
        skip_to_comma(input)?;
        return Err(syn::Error::new(
            written.span(),
            format!("a value follows `=`: write `{key} = ...`"),
        ));
    }
    let Some(equals) = input.parse::<Option<Token![=]>>()? else {
        return Ok(None);
    };
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new_spanned(
            equals,
            format!("`{key} =` needs a value after the `=`"),
        ));
    }
    parse_expression(input).map(Some)
}

/// Parses an expression, without the invisible group that `$value:literal` of `macro_rules!` adds.
fn parse_expression(input: ParseStream<'_>) -> syn::Result<Expr> {
    let mut value: Expr = input.parse()?;
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    Ok(value)
}

/// Skips to the next comma, so that one mistake does not hide those after it.
fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

/// Returns `true` if a path probably names a constant, and is not a string whose quotes are missing.
fn is_constant(path: &ExprPath) -> bool {
    let last = path.path.segments.last();
    last.is_some_and(|last| !last.ident.to_string().contains(char::is_lowercase))
}

/// Returns the text of a string whose quotes are probably missing.
fn as_text(value: &Expr) -> String {
    match value {
        Expr::Path(path) if path.path.get_ident().is_some() => path.to_token_stream().to_string(),
        other => match literal(other) {
            Some(Lit::Int(number)) => number.to_string(),
            _ => "...".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Errors, Grammar};
    use quote::quote;

    const GRAMMAR: Grammar = Grammar {
        attribute: "resource",
        options: &[&["name", "size", "open", "cache", "crate"]],
        lists: &[("cache", "cache(ttl = 60)")],
        optional_lists: &[],
        replacements: &[("docs", "write a doc comment")],
        leading_value: Some("URI"),
    };

    /// Returns the messages for one list, after reading every option once.
    fn mistakes(list: proc_macro2::TokenStream) -> String {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [list], &mut errors);
        arguments.text("name", &mut errors);
        arguments.number("size", &mut errors);
        arguments.is_set("open", &mut errors);
        arguments.runtime(&mut errors);
        errors
            .finish(Some(()))
            .map_or_else(|errors| errors.to_string(), |()| String::new())
    }

    #[test]
    fn every_form_is_accepted() {
        assert_eq!(
            mistakes(quote!(
                "a://b",
                name = "x",
                size = 1,
                open,
                cache(ttl = 60, scope = public),
                crate = crate::x,
            )),
            ""
        );
        assert_eq!(mistakes(quote!(open = false)), "");
        assert_eq!(mistakes(quote!()), "");
    }

    #[test]
    fn every_mistake_is_reported_once() {
        for (list, message) in [
            (
                quote!(naem = "x"),
                "unknown option `naem`; did you mean `name`?",
            ),
            (
                quote!("a://b", range(1..=3)),
                "unknown option `range`; `#[resource]` takes `name`, `size`, `open`, `cache` and `crate`",
            ),
            (
                quote!(docs = "x"),
                "unknown option `docs`: write a doc comment",
            ),
            (quote!(uri = "a://b"), "the URI comes first, without a key"),
            (quote!(open, "a://b"), "the URI comes first, and only once"),
            (quote!(open, open), "`open` is given twice"),
            (quote!(name = ADD), "`name` cannot be a constant"),
            (
                quote!(name: "add"),
                "a value follows `=`: write `name = ...`",
            ),
            (quote!(name == "add"), "a value follows `=`"),
            (quote!(name = add), "write `name = \\\"add\\\"`"),
            (quote!(name = 3), "write `name = \\\"3\\\"`"),
            (quote!(name = my - tool), "write `name = \\\"...\\\"`"),
            (quote!(name), "`name` takes a string"),
            (quote!(name =), "`name =` needs a value"),
            (quote!(name("x")), "`name` takes no list"),
            (quote!(name = ""), "`name` is empty"),
            (quote!(size = "1"), "`size` takes a whole number"),
            (quote!(size = -1), "`size` takes a whole number"),
            (quote!(open = 1), "`open` is a flag"),
            (
                quote!(cache),
                "`cache` takes a list: write `cache(ttl = 60)`",
            ),
            (quote!(cache = 60), "`cache` takes a list"),
            (quote!(crate = "x"), "`crate` takes a path"),
            (quote!(+ - *), "expected an option of `#[resource]`"),
        ] {
            let mistakes = mistakes(list.clone());
            assert!(mistakes.contains(message), "{list}: {mistakes}");
            assert_eq!(
                mistakes.matches("compile_error").count(),
                1,
                "{list}: {mistakes}"
            );
        }
    }
}
