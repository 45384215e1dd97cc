//! What `#[arg]` says of an argument beyond its type: bounds, lengths and patterns, put into its schema.
//!
//! Whether a value keeps them is not decided here: `schema` checks what the schema says, wherever it comes from.

use serde_json::{Map, Number, Value};

use crate::schema::{compare, in_words};

/// A number that bounds another.
#[diagnostic::on_unimplemented(
    message = "`{Self}` bounds nothing",
    label = "not a number",
    note = "the bounds of `range` and `length` are integers or floats"
)]
pub trait Bound {
    /// As JSON; `None` if JSON has no such number.
    fn to_number(self) -> Option<Number>;
}

macro_rules! integers_are_bounds {
    ($($integer:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Bound for $integer {
            fn to_number(self) -> Option<Number> {
                let exact = i128::try_from(self).ok().and_then(Number::from_i128);
                #[allow(clippy::cast_precision_loss, clippy::cast_lossless)] // JSON has nothing nearer
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

/// The bounds of a value, or of a length.
#[derive(Debug, Default)]
pub struct Bounds {
    least: Option<Value>,
    most: Option<Value>,
    below: Option<Value>,
    /// Whether one of them is infinite, or no number at all.
    unwritable: bool,
}

impl Bounds {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Not less than this.
    pub fn from(mut self, least: impl Bound) -> Self {
        self.least = self.written(least);
        self
    }

    /// Not more than this.
    pub fn to(mut self, most: impl Bound) -> Self {
        self.most = self.written(most);
        self
    }

    /// Less than this.
    pub fn below(mut self, bound: impl Bound) -> Self {
        self.below = self.written(bound);
        self
    }

    fn written(&mut self, bound: impl Bound) -> Option<Value> {
        let number = bound.to_number().map(Value::Number);
        self.unwritable |= number.is_none();
        number
    }

    /// The same bounds for what is counted, which is never a fraction nor less than nothing.
    fn of_count(&self) -> Option<(Option<u64>, Option<u64>)> {
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

/// All that is said of one argument.
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

    /// Narrows a schema. What cannot be said of such an argument, or leaves nothing of it, is a problem.
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

/// What can be said of the values of a schema.
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
        match schema.get("type").and_then(Value::as_str) {
            Some("integer" | "number") => Self::Number,
            Some("string") => Self::Text,
            Some("array") => Self::List,
            // The members of a struct are counted already.
            Some("object") if schema.get("properties").is_none() => Self::Map,
            _ => Self::Other,
        }
    }
}

/// An argument whose schema is narrowed. An error says why it cannot be.
struct Argument<'s> {
    name: &'s str,
    /// What the schema says, before it is narrowed.
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
                "`range` bounds numbers, and `{name}` is none, but {words}: bound its size with `length(..)`"
            ));
        }
        if bounds.unwritable {
            return Err(format!("a bound of `{name}` is no number"));
        }
        let all = [&bounds.least, &bounds.most, &bounds.below];
        let has_fraction = |bound: &Value| bound.as_f64().is_some_and(|bound| bound.fract() != 0.0);
        if self.schema["type"] == "integer" && all.into_iter().flatten().any(has_fraction) {
            return Err(format!(
                "`{name}` is {words}, and a bound of its `range` has a fraction: write whole numbers"
            ));
        }
        for (keyword, bound, tighter) in [
            ("minimum", &bounds.least, Greater),
            ("maximum", &bounds.most, Less),
            ("exclusiveMaximum", &bounds.below, Less),
        ] {
            // The type may have one that is as tight.
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
        // The looser of two upper bounds tells nothing.
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
        let Some((least, most)) = bounds.of_count() else {
            return Err(format!("a `length` of `{name}` is no count"));
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
            return Err(format!(
                "`pattern` is for strings, and `{name}` is none, but {words}"
            ));
        }
        // A type that has a pattern keeps it: both must match.
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
