//! The constraints that `#[arg]` adds to the schema of an argument: bounds, lengths and patterns.
//!
//! Values are not checked here, but against the schema in `schema`.

use serde_json::{Map, Number, Value};

use crate::schema::{compare, in_words, wants};

/// A number that can be a bound.
#[diagnostic::on_unimplemented(
    message = "`{Self}` bounds nothing",
    label = "not a number",
    note = "the bounds of `range` and `length` are integers or floats"
)]
pub trait Bound {
    /// Converts into a JSON number. Returns `None` if JSON cannot represent it.
    fn to_number(self) -> Option<Number>;
}

macro_rules! integers_are_bounds {
    ($($integer:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Bound for $integer {
            fn to_number(self) -> Option<Number> {
                let exact = i128::try_from(self).ok().and_then(Number::from_i128);
                #[allow(clippy::cast_precision_loss, clippy::cast_lossless)] // the nearest number in JSON
                exact.or_else(|| Number::from_f64(self as f64))
            }
        }
    )*};
}

integers_are_bounds!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

#[diagnostic::do_not_recommend]
impl Bound for f32 {
    fn to_number(self) -> Option<Number> {
        f64::from(self).to_number()
    }
}

#[diagnostic::do_not_recommend]
impl Bound for f64 {
    fn to_number(self) -> Option<Number> {
        Number::from_f64(self)
    }
}

/// The bounds of a value or a length.
#[derive(Debug, Default)]
pub struct Bounds {
    least: Option<Value>,
    most: Option<Value>,
    below: Option<Value>,
    /// `true` if a bound is infinite or NaN.
    not_finite: bool,
}

impl Bounds {
    /// Creates bounds without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the inclusive lower bound.
    pub fn from(mut self, least: impl Bound) -> Self {
        self.least = self.json_number(least);
        self
    }

    /// Sets the inclusive upper bound.
    pub fn to(mut self, most: impl Bound) -> Self {
        self.most = self.json_number(most);
        self
    }

    /// Sets the exclusive upper bound.
    pub fn below(mut self, bound: impl Bound) -> Self {
        self.below = self.json_number(bound);
        self
    }

    fn json_number(&mut self, bound: impl Bound) -> Option<Value> {
        let number = bound.to_number().map(Value::Number);
        self.not_finite |= number.is_none();
        number
    }

    /// Returns the bounds as inclusive limits of a count, or `None` if one of them is negative or has a fraction.
    fn as_count(&self) -> Option<(Option<u64>, Option<u64>)> {
        let count = |bound: &Option<Value>| match bound {
            None => Some(None),
            Some(bound) => bound.as_u64().map(Some),
        };
        let most = match count(&self.below)? {
            Some(below) => Some(below.checked_sub(1)?),
            None => count(&self.most)?,
        };
        Some((count(&self.least)?, most))
    }
}

/// The constraints of an argument.
#[derive(Default)]
pub(super) struct Constraints {
    pub(super) range: Option<Bounds>,
    pub(super) length: Option<Bounds>,
    pub(super) pattern: Option<&'static str>,
}

impl Constraints {
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_none() && self.length.is_none() && self.pattern.is_none()
    }

    /// Adds the constraints to a schema. A constraint that does not apply to its type, or that no value satisfies, is a
    /// problem.
    pub(super) fn narrow(&self, name: &str, schema: &mut Value, problems: &mut Vec<String>) {
        let (words, kind) = (in_words(schema), ValueKind::of(schema));
        let Some(schema) = schema.as_object_mut() else {
            return;
        };
        let mut argument = Argument {
            name,
            words,
            kind,
            schema,
        };
        let range = self.range.as_ref();
        let length = self.length.as_ref();
        let results = [
            range.map(|bounds| argument.narrow_range(bounds)),
            length.map(|bounds| argument.narrow_length(bounds)),
            self.pattern.map(|pattern| argument.add_pattern(pattern)),
        ];
        problems.extend(results.into_iter().flatten().filter_map(Result::err));
    }
}

/// A kind of values, which determines the constraints that apply to them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Number,
    Text,
    List,
    Map,
    Other,
}

impl ValueKind {
    fn of(schema: &Value) -> Self {
        match kind_beside_null(schema) {
            Some("integer" | "number") => Self::Number,
            Some("string") => Self::Text,
            Some("array") => Self::List,
            // A struct has a fixed number of members.
            Some("object") if schema.get("properties").is_none() => Self::Map,
            _ => Self::Other,
        }
    }
}

/// Returns the type of the values of a schema other than null, to which the rules of numbers, texts and lists do not apply.
fn kind_beside_null(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(kinds) => match kinds.as_slice() {
            [kind, null] if *null == "null" => kind.as_str(),
            _ => None,
        },
        kind => kind.as_str(),
    }
}

/// An argument whose schema is being narrowed. The methods return an error if a constraint does not apply.
struct Argument<'s> {
    name: &'s str,
    /// A description of the schema before the constraints were added.
    words: String,
    kind: ValueKind,
    schema: &'s mut Map<String, Value>,
}

impl Argument<'_> {
    fn narrow_range(&mut self, bounds: &Bounds) -> Result<(), String> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let (name, words) = (self.name, &self.words);
        if self.kind != ValueKind::Number {
            return Err(format!(
                "`range` bounds numbers, but `{name}` is {words}: bound its size with `length(..)`"
            ));
        }
        if bounds.not_finite {
            return Err(format!("a bound of `{name}` is not a finite number"));
        }
        let all = [&bounds.least, &bounds.most, &bounds.below];
        let has_fraction = |bound: &Value| bound.as_f64().is_some_and(|bound| bound.fract() != 0.0);
        if wants(self.schema.get("type"), "integer") && all.into_iter().flatten().any(has_fraction)
        {
            return Err(format!(
                "`{name}` is {words}, and a bound of its `range` has a fraction: write whole numbers"
            ));
        }
        for (keyword, bound, tighter) in [
            ("minimum", &bounds.least, Greater),
            ("maximum", &bounds.most, Less),
            ("exclusiveMaximum", &bounds.below, Less),
        ] {
            // The type may already have an equal or tighter bound.
            let own = self.schema.get(keyword);
            let is_tighter =
                |bound: &&Value| own.is_none_or(|own| compare(bound, own) == Some(tighter));
            if let Some(bound) = bound.as_ref().filter(is_tighter) {
                self.schema.insert(keyword.to_owned(), bound.clone());
            }
        }
        let order =
            |left: &str, right: &str| compare(self.schema.get(left)?, self.schema.get(right)?);
        let is_empty = order("minimum", "maximum") == Some(Greater)
            || matches!(order("minimum", "exclusiveMaximum"), Some(Greater | Equal));
        if is_empty {
            return Err(format!(
                "no value of `{name}`, {words}, is within its `range`"
            ));
        }
        // The looser of two upper bounds is redundant.
        match order("exclusiveMaximum", "maximum") {
            Some(Less | Equal) => self.schema.shift_remove("maximum"),
            Some(Greater) => self.schema.shift_remove("exclusiveMaximum"),
            None => None,
        };
        Ok(())
    }

    fn narrow_length(&mut self, bounds: &Bounds) -> Result<(), String> {
        let (name, words) = (self.name, &self.words);
        let (least_keyword, most_keyword) = match self.kind {
            ValueKind::Text => ("minLength", "maxLength"),
            ValueKind::List => ("minItems", "maxItems"),
            ValueKind::Map => ("minProperties", "maxProperties"),
            ValueKind::Number | ValueKind::Other => {
                return Err(format!(
                    "`length` counts characters, items or members, and `{name}` has none: it is {words}"
                ));
            }
        };
        let Some((least, most)) = bounds.as_count() else {
            return Err(format!(
                "a bound of the `length` of `{name}` is not a whole number"
            ));
        };
        let own = |keyword: &str| self.schema.get(keyword).and_then(Value::as_u64);
        let least = least.max(own(least_keyword));
        let most = [most, own(most_keyword)].into_iter().flatten().min();
        if least > most && most.is_some() {
            return Err(format!(
                "no value of `{name}`, {words}, is within its `length`"
            ));
        }
        for (keyword, bound) in [(least_keyword, least), (most_keyword, most)] {
            if let Some(bound) = bound {
                self.schema.insert(keyword.to_owned(), bound.into());
            }
        }
        Ok(())
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<(), String> {
        let (name, words) = (self.name, &self.words);
        if self.kind != ValueKind::Text {
            return Err(format!("`pattern` is for strings, but `{name}` is {words}"));
        }
        // The pattern of the type, if it has one, must match too.
        match self.schema.get("pattern") {
            None => self.schema.insert("pattern".to_owned(), pattern.into()),
            Some(_) => self.schema.insert(
                "allOf".to_owned(),
                Value::Array(vec![Value::from_iter([("pattern", pattern)])]),
            ),
        };
        Ok(())
    }
}
