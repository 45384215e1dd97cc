//! The constraints of `#[arg]`: `range`, `length` and `pattern`.
//!
//! Literals are checked here. Checks that need the type or the value of a constant are done by the compiler, and when
//! the server is built.

use std::cmp::Ordering;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, ExprLit, ExprUnary, Lit, LitInt, LitStr, RangeLimits, UnOp};

use crate::arguments::Arguments;
use crate::builder::builder_call;
use crate::errors::Errors;
use crate::literal::{literal, text};
use crate::pattern;
use crate::runtime_path::{generated, generated_at};

/// The constraints of one parameter.
#[derive(Default)]
pub(crate) struct Constraints {
    range: Option<Bounds>,
    length: Option<Bounds>,
    pattern: Option<LitStr>,
}

/// `range(1..=10)` or `length(3)`
struct Bounds(Vec<(Side, Expr)>);

/// One side of the bounds: the builder method, and the required ordering of a value relative to the bound.
type Side = (&'static str, fn(Ordering) -> bool);

const FROM: Side = ("from", Ordering::is_ge);
const TO: Side = ("to", Ordering::is_le);
const BELOW: Side = ("below", Ordering::is_lt);

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
        let pattern = arguments.text("pattern", errors);
        if let Some(text) = &pattern
            && let Err(message) = pattern::check(&text.value())
        {
            errors.at(text, message);
        }
        Self {
            range,
            length,
            pattern,
        }
    }

    /// Reports a literal value that violates a constraint.
    pub(crate) fn check_value(&self, what: &str, value: &Expr, errors: &mut Errors) {
        if let (Some(range), Some(number)) = (&self.range, Number::of(value))
            && !range.contains(number)
        {
            errors.at(value, format!("the {what} is outside of its own `range`"));
        }
        let Some(text) = text(value) else {
            return;
        };
        #[allow(clippy::cast_possible_wrap)] // a literal is never that long
        let count = Number::Whole(text.chars().count() as i128);
        if let Some(length) = &self.length
            && !length.contains(count)
        {
            errors.at(value, format!("the {what} is outside of its own `length`"));
        }
        if let Some(pattern) = &self.pattern
            && !pattern::matches(&pattern.value(), &text)
        {
            let message = format!("the {what} does not match its own `pattern`");
            errors.at(value, message);
        }
    }

    /// Generates the builder calls.
    pub(crate) fn describe(&self) -> TokenStream {
        let range = builder_call("range", self.range.as_ref());
        let length = builder_call("length", self.length.as_ref());
        let pattern = builder_call("pattern", self.pattern.as_ref());
        quote::quote!(#range #length #pattern)
    }
}

impl Bounds {
    fn validate(arguments: &Arguments, key: &str, errors: &mut Errors) -> Option<Self> {
        let (place, list) = arguments.list(key)?;
        let example = if key == "range" {
            "`range(1..=10)`, `range(0..)` or `range(..1.0)`"
        } else {
            "`length(1..=80)`, `length(1..)` or `length(3)`"
        };
        if list.is_empty() {
            return errors.refuse(place, format!("`{key}` needs its bounds: write {example}"));
        }
        let expected = |error: syn::Error| {
            syn::Error::new(error.span(), format!("expected bounds: write {example}"))
        };
        let written: Expr = errors.keep(syn::parse2(list).map_err(expected))?;
        let bounds = Self::read(place, &written);
        let Some(bounds) = bounds else {
            return errors.refuse(&written, format!("`{key}` takes a range: write {example}"));
        };
        bounds.check(&written, example, errors)
    }

    /// Returns `None` if the expression is not a valid form of bounds for this key.
    fn read(key: &Ident, written: &Expr) -> Option<Self> {
        let all = match written.clone() {
            Expr::Range(range) => {
                let end = match range.limits {
                    RangeLimits::Closed(_) => TO,
                    RangeLimits::HalfOpen(_) => BELOW,
                };
                let least = range.start.map(|start| (FROM, *start));
                let most = range.end.map(|most| (end, *most));
                least.into_iter().chain(most).collect()
            }
            exact if key == "length" => vec![(FROM, exact.clone()), (TO, exact)],
            _ => return None,
        };
        Some(Self(all))
    }

    /// Returns `None` after an error that would cause further errors.
    fn check(self, written: &Expr, example: &str, errors: &mut Errors) -> Option<Self> {
        let Some((_, least)) = self.0.first() else {
            return errors.refuse(written, format!("`..` bounds nothing: write {example}"));
        };
        let is_other =
            |it: &Expr| literal(it).is_some_and(|it| !matches!(it, Lit::Int(_) | Lit::Float(_)));
        if let Some((_, bound)) = self.0.iter().find(|(_, bound)| is_other(bound)) {
            return errors.refuse(bound, format!("a bound is a number: write {example}"));
        }
        // A single bound never excludes all values.
        if self.0.len() > 1 && Number::of(least).is_some_and(|least| !self.contains(least)) {
            errors.at(
                written,
                "nothing is within these bounds: write the lower one first",
            );
        }
        Some(self)
    }

    /// Returns `true` if a literal is within all bounds that are literals.
    fn contains(&self, number: Number) -> bool {
        self.0.iter().all(|((_, keeps), bound)| {
            let order = Number::of(bound).map(|bound| number.compare(bound));
            order.is_none_or(keeps)
        })
    }

    fn check_counts(&self, errors: &mut Errors) {
        let is_wrong = |bound: &Expr| match Number::of(bound) {
            Some(Number::Whole(count)) => count < 0,
            Some(Number::Float(_)) => true,
            None => false,
        };
        if let Some((_, bound)) = self.0.iter().find(|(_, bound)| is_wrong(bound)) {
            errors.at(bound, "a length is a whole number, and not below 0");
        }
    }
}

impl ToTokens for Bounds {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let calls = self.0.iter().map(|((method, _), bound)| {
            let span = generated_at(bound);
            let (method, bound) = (Ident::new(method, span), widened(bound));
            quote_spanned!(span=> .#method(#bound))
        });
        tokens.extend(quote_spanned!(generated()=> __mcp::Bounds::new() #(#calls)*));
    }
}

/// Adds the suffix `i128` to a literal without a type, which would otherwise be an `i32`.
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
    /// Returns the value of a number literal, with or without a sign.
    fn of(value: &Expr) -> Option<Self> {
        match value {
            Expr::Group(group) => Self::of(&group.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
                match Self::of(&unary.expr)? {
                    Self::Whole(number) => number.checked_neg().map(Self::Whole),
                    Self::Float(number) => Some(Self::Float(-number)),
                }
            }
            other => match literal(other)? {
                Lit::Int(number) => number.base10_parse().ok().map(Self::Whole),
                Lit::Float(number) => number.base10_parse().ok().map(Self::Float),
                _ => None,
            },
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
            #[allow(clippy::cast_precision_loss)] // compared with a float
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
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
        options: &[&["range", "length", "pattern"]],
        lists: &[("range", "range(1..=10)"), ("length", "length(1..=80)")],
        ..Grammar::EMPTY
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
