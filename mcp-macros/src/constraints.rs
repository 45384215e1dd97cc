//! What `#[arg]` says of a value beyond its type: `range`, `length` and `pattern`.
//!
//! What literals alone give away is checked here; what needs the type or the value of a constant, by the compiler and when
//! the server is built.

use std::cmp::Ordering;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprLit, ExprUnary, Lit, LitInt, LitStr, RangeLimits, UnOp};

use crate::arguments::Arguments;
use crate::errors::Errors;
use crate::pattern;
use crate::runtime_path::generated_at;

/// The options of one parameter that narrow its type.
#[derive(Default)]
pub(crate) struct Constraints {
    pub(crate) range: Option<Bounds>,
    pub(crate) length: Option<Bounds>,
    pub(crate) pattern: Option<Pattern>,
}

/// `range(1..=10)` or `length(3)`
pub(crate) struct Bounds {
    pub(crate) key: Ident,
    least: Option<Expr>,
    most: Option<Expr>,
    below: Option<Expr>,
}

/// `pattern = "..."`
pub(crate) struct Pattern {
    pub(crate) key: Ident,
    text: LitStr,
}

/// A literal number.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Constraints {
    pub(crate) fn validate(arguments: &Arguments, errors: &mut Errors) -> Self {
        let range = Bounds::validate(arguments, "range", errors);
        let length = Bounds::validate(arguments, "length", errors);
        if let Some(length) = &length {
            length.check_counts(errors);
        }
        let pattern = arguments.text("pattern", errors).map(|text| {
            if let Err(message) = pattern::check(&text.value()) {
                errors.at(&text, message);
            }
            let key = arguments.key("pattern").cloned();
            Pattern {
                key: key.unwrap_or_else(|| Ident::new("pattern", text.span())),
                text,
            }
        });
        Self {
            range,
            length,
            pattern,
        }
    }

    /// Reports a literal that is to be a value and breaks a rule.
    pub(crate) fn check_value(&self, what: &str, value: &Expr, errors: &mut Errors) {
        if let (Some(range), Some(number)) = (&self.range, Number::of(value))
            && !range.admit(number)
        {
            errors.at(value, format!("the {what} is outside of its own `range`"));
        }
        let Some(text) = text(value) else {
            return;
        };
        #[allow(clippy::cast_possible_wrap)] // no literal is that long
        let count = Number::Whole(text.chars().count() as i128);
        if let Some(length) = &self.length
            && !length.admit(count)
        {
            errors.at(value, format!("the {what} is outside of its own `length`"));
        }
        if let Some(pattern) = &self.pattern
            && !pattern::matches(&pattern.text.value(), &text)
        {
            errors.at(
                value,
                format!("the {what} does not match its own `pattern`"),
            );
        }
    }

    /// Calls of the builder.
    pub(crate) fn describe(&self) -> TokenStream {
        let range = self
            .range
            .as_ref()
            .map(|bounds| quote_spanned!(generated_at(&bounds.key)=> .range(#bounds)));
        let length = self
            .length
            .as_ref()
            .map(|bounds| quote_spanned!(generated_at(&bounds.key)=> .length(#bounds)));
        let pattern = self
            .pattern
            .as_ref()
            .map(|Pattern { key, text }| quote_spanned!(generated_at(key)=> .pattern(#text)));
        quote::quote!(#range #length #pattern)
    }
}

impl Bounds {
    fn validate(arguments: &Arguments, key: &str, errors: &mut Errors) -> Option<Self> {
        let option = arguments.option(key)?;
        let list = option.list.clone()?;
        let example = if key == "range" {
            "`range(1..=10)`, `range(0..)` or `range(..1.0)`"
        } else {
            "`length(1..=80)`, `length(1..)` or `length(3)`"
        };
        let written = match syn::parse2::<Expr>(list.clone()) {
            Ok(written) => written,
            Err(_) if list.is_empty() => {
                errors.at(
                    &option.key,
                    format!("`{key}` needs its bounds: write {example}"),
                );
                return None;
            }
            Err(error) => {
                errors.at_span(error.span(), format!("expected bounds: write {example}"));
                return None;
            }
        };
        let bounds = match written.clone() {
            Expr::Range(range) => {
                let end = range.end.map(|end| *end);
                let (most, below) = match range.limits {
                    RangeLimits::Closed(_) => (end, None),
                    RangeLimits::HalfOpen(_) => (None, end),
                };
                Self {
                    key: option.key.clone(),
                    least: range.start.map(|start| *start),
                    most,
                    below,
                }
            }
            exact if key == "length" => Self {
                key: option.key.clone(),
                least: Some(exact.clone()),
                most: Some(exact),
                below: None,
            },
            other => {
                errors.at(other, format!("`{key}` takes a range: write {example}"));
                return None;
            }
        };
        if bounds.all().next().is_none() {
            errors.at(&written, format!("`..` bounds nothing: write {example}"));
            return None;
        }
        for bound in bounds.all() {
            if matches!(bound, Expr::Lit(ExprLit { lit, .. }) if !matches!(lit, Lit::Int(_) | Lit::Float(_)))
            {
                errors.at(bound, format!("a bound is a number: write {example}"));
                return None;
            }
        }
        if bounds.is_empty() {
            errors.at(
                &written,
                "nothing is within these bounds: write the lower one first",
            );
        }
        Some(bounds)
    }

    fn all(&self) -> impl Iterator<Item = &Expr> {
        [&self.least, &self.most, &self.below].into_iter().flatten()
    }

    /// Whether what is written as literals leaves nothing.
    fn is_empty(&self) -> bool {
        let literal = |bound: &Option<Expr>| bound.as_ref().and_then(Number::of);
        let Some(least) = literal(&self.least) else {
            return false;
        };
        literal(&self.most).is_some_and(|most| least.compare(most).is_gt())
            || literal(&self.below).is_some_and(|below| least.compare(below).is_ge())
    }

    /// Whether a literal keeps what is written as literals.
    fn admit(&self, number: Number) -> bool {
        let keeps = |bound: &Option<Expr>, keeps: fn(Ordering) -> bool| {
            let bound = bound.as_ref().and_then(Number::of);
            bound.is_none_or(|bound| keeps(number.compare(bound)))
        };
        keeps(&self.least, Ordering::is_ge)
            && keeps(&self.most, Ordering::is_le)
            && keeps(&self.below, Ordering::is_lt)
    }

    fn check_counts(&self, errors: &mut Errors) {
        for bound in self.all() {
            let wrong = match Number::of(bound) {
                Some(Number::Whole(count)) => count < 0,
                Some(Number::Float(_)) => true,
                None => false,
            };
            if wrong {
                errors.at(bound, "a length is a whole number, and not below 0");
                return;
            }
        }
    }
}

impl ToTokens for Bounds {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let bound = |method: &str, bound: &Option<Expr>| {
            bound.as_ref().map(|bound| {
                let span = generated_at(bound);
                let (method, bound) = (Ident::new(method, span), widened(bound));
                quote_spanned!(span=> .#method(#bound))
            })
        };
        let least = bound("from", &self.least);
        let most = bound("to", &self.most);
        let below = bound("below", &self.below);
        let span = generated_at(&self.key);
        tokens.extend(quote_spanned!(span=> __mcp::Bounds::new() #least #most #below));
    }
}

/// A literal without a type would be an `i32`, which not every bound fits in.
fn widened(bound: &Expr) -> Expr {
    let mut bound = bound.clone();
    let literal = match &mut bound {
        Expr::Unary(ExprUnary { expr, .. }) => &mut **expr,
        other => other,
    };
    if let Expr::Lit(ExprLit {
        lit: Lit::Int(number),
        ..
    }) = literal
        && number.suffix().is_empty()
    {
        *number = LitInt::new(&format!("{number}i128"), number.span());
    }
    bound
}

impl Number {
    /// The number that a literal stands for, with or without a sign.
    fn of(value: &Expr) -> Option<Self> {
        match value {
            Expr::Group(group) => Self::of(&group.expr),
            Expr::Unary(ExprUnary {
                op: UnOp::Neg(_),
                expr,
                ..
            }) => Some(match Self::of(expr)? {
                Self::Whole(number) => Self::Whole(number.checked_neg()?),
                Self::Float(number) => Self::Float(-number),
            }),
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Int(number) => number.base10_parse().ok().map(Self::Whole),
                Lit::Float(number) => number.base10_parse().ok().map(Self::Float),
                _ => None,
            },
            _ => None,
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (left, right) => left.float().total_cmp(&right.float()),
        }
    }

    fn float(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss)] // it is compared with a float
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// The text of a literal, also of one that is made a `String`: `"a".to_owned()`, `"a".into()`.
fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Group(group) => text(&group.expr),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        Expr::MethodCall(call)
            if ["to_owned", "to_string", "into"]
                .iter()
                .any(|name| call.method == name) =>
        {
            text(&call.receiver)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::Constraints;
    use crate::arguments::Arguments;
    use crate::errors::Errors;
    use crate::grammar::Grammar;

    const GRAMMAR: Grammar = Grammar {
        attribute: "arg",
        options: &["range", "length", "pattern"],
        lists: &[("range", "range(1..=10)"), ("length", "length(1..=80)")],
        elsewhere: &[],
        leading_value: None,
    };

    fn mistakes(list: proc_macro2::TokenStream, default: Option<syn::Expr>) -> String {
        let mut errors = Errors::new();
        let arguments = Arguments::parse(&GRAMMAR, [list], &mut errors);
        let constraints = Constraints::validate(&arguments, &mut errors);
        if let Some(default) = default {
            constraints.check_value("default", &default, &mut errors);
        }
        let valid = errors.finish(Some(constraints));
        valid.map_or_else(|errors| errors.to_string(), |_| String::new())
    }

    #[test]
    fn every_form_of_bounds_is_accepted() {
        for list in [
            quote!(range(1..=10)),
            quote!(range(-1.5..)),
            quote!(range(..10)),
            quote!(range(..=MAX * 2)),
            quote!(range(config::MIN..config::MAX)),
            quote!(range(0..=18446744073709551615)),
            quote!(range(1..=1)),
            quote!(length(1..=80)),
            quote!(length(3)),
            quote!(length(0)),
            quote!(length(..MOST)),
        ] {
            assert_eq!(mistakes(list.clone(), None), "", "{list}");
        }
    }

    #[test]
    fn every_mistake_in_bounds_is_reported_once() {
        for (list, message) in [
            (quote!(range(10..=1)), "nothing is within these bounds"),
            (quote!(range(1..1)), "nothing is within these bounds"),
            (quote!(range(1.5..-1)), "nothing is within these bounds"),
            (quote!(range(..)), "bounds nothing"),
            (quote!(range(5)), "`range` takes a range"),
            (quote!(range()), "`range` needs its bounds"),
            (quote!(range = 1), "`range` takes a list"),
            (quote!(range("a"..)), "a bound is a number"),
            (quote!(range(1..=2, 3)), "expected bounds"),
            (quote!(length(-1..)), "a length is a whole number"),
            (quote!(length(1.5)), "a length is a whole number"),
            (quote!(length(2..=1)), "nothing is within these bounds"),
            (quote!(pattern), "`pattern` takes a string"),
        ] {
            let mistakes = mistakes(list.clone(), None);
            assert!(mistakes.contains(message), "{list}: {mistakes}");
            assert_eq!(mistakes.matches("compile_error").count(), 1, "{mistakes}");
        }
    }

    #[test]
    fn a_literal_default_keeps_literal_bounds() {
        for (list, default, right) in [
            (quote!(range(1..=10)), parse_quote!(10), true),
            (quote!(range(1..=10)), parse_quote!(11), false),
            (quote!(range(1..10)), parse_quote!(10), false),
            (quote!(range(0.5..)), parse_quote!(-0.5), false),
            (quote!(range(1..=MAX)), parse_quote!(99), true),
            (quote!(length(..=2)), parse_quote!("äöü"), false),
            (quote!(length(3)), parse_quote!("äöü".to_owned()), true),
            (quote!(length(3)), parse_quote!(name()), true),
        ] {
            let mistakes = mistakes(list.clone(), Some(default));
            assert_eq!(mistakes.is_empty(), right, "{list}: {mistakes}");
        }
    }
}
