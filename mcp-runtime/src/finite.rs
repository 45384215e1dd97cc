//! JSON serialisation that rejects numbers which JSON cannot represent.
//!
//! `serde_json` writes NaN and the infinities as `null`, so a reply could silently violate its own schema. [`to_json`]
//! writes the same text as [`serde_json::to_string`], but returns an error with the path of such a number.
//!
//! A value is visited a second time only if its text contains a `null`, and that visit writes nothing.
//!
//! A NaN that became `null` earlier, as in `serde_json::json!(f64::NAN)`, cannot be detected.

use std::fmt::{self, Display};
use std::io;

use serde::{Serialize, Serializer, ser};

use crate::json_path;

/// Most replies are longer; a smaller buffer would have to grow several times.
const INITIAL_CAPACITY: usize = 128;

/// Serialises `value` as compact JSON on one line, otherwise identical to [`serde_json::to_string`].
///
/// # Errors
///
/// Returns an error if a number in `value` is NaN or infinite, or if `value` cannot be serialised.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut null_written = false;
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    let formatter = NullDetector {
        null_written: &mut null_written,
    };
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    let mut check = Check::default();
    if null_written && value.serialize(&mut check).is_err() && !check.number.is_finite() {
        return Err(ser::Error::custom(check));
    }
    // Reuses the buffer: the bytes are validated once and never copied.
    String::from_utf8(bytes).map_err(ser::Error::custom)
}

/// A compact formatter, as the trait's provided methods are, that records whether it wrote a `null`.
struct NullDetector<'a> {
    null_written: &'a mut bool,
}

impl serde_json::ser::Formatter for NullDetector<'_> {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        *self.null_written = true;
        writer.write_all(b"null")
    }

    /// Removes the line breaks of raw JSON, which can occur only between tokens: a message must have none.
    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        fragment
            .split(['\n', '\r'])
            .try_for_each(|line| writer.write_all(line.as_bytes()))
    }
}

/// A serializer that visits a value and fails at the first number that is not finite.
///
/// Map keys are not checked: `serde_json` itself refuses such keys.
#[derive(Default)]
struct Check {
    /// The path of the number. It is built from its end while the error propagates, so that a visit without a finding
    /// allocates no path.
    path: String,
    number: f64,
}

impl Check {
    fn add<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        step: impl FnOnce() -> String,
    ) -> fmt::Result {
        let found = value.serialize(&mut *self);
        found.inspect_err(|_| self.path.insert_str(0, &step()))
    }

    fn parts(&mut self, variant: Option<Name>) -> CompoundCheck<'_> {
        CompoundCheck {
            check: self,
            variant,
            index: 0,
            key: String::new(),
        }
    }
}

impl Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.number {
            f64::INFINITY => "infinity",
            f64::NEG_INFINITY => "-infinity",
            _ => "NaN",
        };
        write!(
            formatter,
            "${} is {name}, which JSON cannot hold",
            self.path
        )
    }
}

/// The name of a type or variant.
type Name = &'static str;

/// Methods for the types that are always valid in JSON. Texts are never numbers, so they are not built.
macro_rules! accept {
    ($($method:ident($($type:ty),*))*) => {
        $(fn $method(self, $(_: $type),*) -> fmt::Result {
            Ok(())
        })*
    };
}

impl<'c> Serializer for &'c mut Check {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = CompoundCheck<'c>;
    type SerializeTuple = CompoundCheck<'c>;
    type SerializeTupleStruct = CompoundCheck<'c>;
    type SerializeTupleVariant = CompoundCheck<'c>;
    type SerializeMap = CompoundCheck<'c>;
    type SerializeStruct = CompoundCheck<'c>;
    type SerializeStructVariant = CompoundCheck<'c>;

    accept! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_none() serialize_unit() serialize_unit_struct(Name)
        serialize_unit_variant(Name, u32, Name)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> fmt::Result {
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> fmt::Result {
        self.serialize_f64(f64::from(number))
    }

    fn serialize_f64(self, number: f64) -> fmt::Result {
        self.number = number;
        if number.is_finite() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: Name, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: Name,
        _: u32,
        variant: Name,
        value: &T,
    ) -> fmt::Result {
        self.add(value, || json_path::member(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(None))
    }

    fn serialize_tuple(self, _: usize) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(None))
    }

    fn serialize_tuple_struct(self, _: Name, _: usize) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(None))
    }

    fn serialize_tuple_variant(
        self,
        _: Name,
        _: u32,
        variant: Name,
        _: usize,
    ) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(None))
    }

    fn serialize_struct(self, _: Name, _: usize) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(None))
    }

    fn serialize_struct_variant(
        self,
        _: Name,
        _: u32,
        variant: Name,
        _: usize,
    ) -> Result<CompoundCheck<'c>, fmt::Error> {
        Ok(self.parts(Some(variant)))
    }
}

/// A visitor of the parts of an array or object.
struct CompoundCheck<'c> {
    check: &'c mut Check,
    variant: Option<Name>,
    /// The index of the next item.
    index: usize,
    /// The key of the next value, for maps that serialise keys and values separately.
    key: String,
}

impl CompoundCheck<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        let index = self.index;
        self.index += 1;
        self.part(value, || json_path::item(index))
    }

    fn part<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        step: impl FnOnce() -> String,
    ) -> fmt::Result {
        let variant = self.variant;
        self.check.add(value, || {
            variant.map(json_path::member).unwrap_or_default() + &step()
        })
    }
}

/// Returns a key as JSON shows it, without the quotes.
fn key_text<K: Serialize + ?Sized>(key: &K) -> String {
    match serde_json::to_value(key).unwrap_or_default() {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

// The traits of arrays and of structs differ only in their names.
macro_rules! impl_parts {
    ($($trait:ident::$method:ident($($name:ident)?))*) => {
        $(impl ser::$trait for CompoundCheck<'_> {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: Name,)? value: &T) -> fmt::Result {
                impl_parts!(self, value $(, $name)?)
            }

            fn end(self) -> fmt::Result {
                Ok(())
            }
        })*
    };
    ($parts:ident, $value:ident) => { $parts.item($value) };
    ($parts:ident, $value:ident, $name:ident) => { $parts.part($value, || json_path::member($name)) };
}

impl_parts! {
    SerializeSeq::serialize_element()
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(name)
    SerializeStructVariant::serialize_field(name)
}

impl ser::SerializeMap for CompoundCheck<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        self.key = key_text(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.check.add(value, || json_path::member(&self.key))
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> fmt::Result
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        // The key is formatted only for the error.
        self.check.add(value, || json_path::member(&key_text(key)))
    }

    fn end(self) -> fmt::Result {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize, Clone)]
    struct Point {
        x: f64,
        label: Option<String>,
    }

    #[derive(Serialize)]
    struct Newtype(f64);

    #[derive(Serialize)]
    struct Pair(u8, f64);

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    enum Shape {
        Empty,
        Radius(f64),
        Box(u8, f64),
        Named { width: f64 },
    }

    #[derive(Serialize)]
    struct Flat {
        name: Option<u8>,
        #[serde(flatten)]
        rest: BTreeMap<&'static str, f64>,
    }

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Circle { radius: f64 },
    }

    fn point(x: f64) -> Point {
        Point { x, label: None }
    }

    #[track_caller]
    fn fails<T: Serialize + ?Sized>(value: &T, message: &str) {
        assert_eq!(to_json(value).unwrap_err().to_string(), message);
    }

    #[track_caller]
    fn same_as_serde_json<T: Serialize + ?Sized>(value: &T) {
        assert_eq!(
            to_json(value).unwrap(),
            serde_json::to_string(value).unwrap()
        );
    }

    #[test]
    fn a_null_without_nan_passes() {
        same_as_serde_json(&());
        same_as_serde_json(&Unit);
        same_as_serde_json(&None::<f64>);
        same_as_serde_json(&[Some(1.5), None]);
        same_as_serde_json(&point(-0.0));
        same_as_serde_json(&json!({"a": null, "b": [1, 2.5e300, "é\u{1}\"\\"], "c": {}, "d": []}));
    }

    #[test]
    fn the_text_is_that_of_serde_json() {
        same_as_serde_json("quote \" and é and \u{7f}");
        same_as_serde_json(&(
            1u8,
            -2i64,
            f32::MAX,
            f64::MIN_POSITIVE,
            'ß',
            true,
            u128::MAX,
        ));
        same_as_serde_json(&[Shape::Empty, Shape::Radius(1.0), Shape::Box(1, 2.0)]);
        same_as_serde_json(&Shape::Named { width: 0.1 });
        same_as_serde_json(&BTreeMap::from([(1, None), (2, Some("x"))]));
        same_as_serde_json(&RawValue::from_string(r#"{"a": [ null ]}"#.to_owned()).unwrap());
        same_as_serde_json(&format_args!("{}", 3));
    }

    #[test]
    fn raw_json_loses_its_line_breaks() {
        let raw = RawValue::from_string("[1,\r\n  {\"a\": \"b\\n\"}\n]".to_owned()).unwrap();
        assert_eq!(to_json(&raw).unwrap(), "[1,  {\"a\": \"b\\n\"}]");
    }

    #[test]
    fn a_raw_null_next_to_a_null_passes() {
        let raw = RawValue::from_string("null".to_owned()).unwrap();
        same_as_serde_json(&(raw, ()));
    }

    #[test]
    fn a_number_that_is_not_finite_is_named() {
        fails(&f64::NAN, "$ is NaN, which JSON cannot hold");
        fails(&f64::INFINITY, "$ is infinity, which JSON cannot hold");
        fails(&f64::NEG_INFINITY, "$ is -infinity, which JSON cannot hold");
        fails(&f32::NAN, "$ is NaN, which JSON cannot hold");
        fails(
            &[1.0, f32::INFINITY],
            "$[1] is infinity, which JSON cannot hold",
        );
    }

    #[test]
    fn the_path_leads_through_every_shape() {
        let points = vec![point(0.0), point(1.0), point(f64::NAN)];
        fails(
            &BTreeMap::from([("points", points)]),
            "$.points[2].x is NaN, which JSON cannot hold",
        );
        fails(&Some(Newtype(f64::NAN)), "$ is NaN, which JSON cannot hold");
        fails(&Pair(1, f64::NAN), "$[1] is NaN, which JSON cannot hold");
        fails(
            &(0, (1, f64::NAN)),
            "$[1][1] is NaN, which JSON cannot hold",
        );
        fails(
            &Shape::Radius(f64::NAN),
            "$.Radius is NaN, which JSON cannot hold",
        );
        fails(
            &Shape::Box(0, f64::NAN),
            "$.Box[1] is NaN, which JSON cannot hold",
        );
        fails(
            &Shape::Named { width: f64::NAN },
            "$.Named.width is NaN, which JSON cannot hold",
        );
        fails(
            &Tagged::Circle { radius: f64::NAN },
            "$.radius is NaN, which JSON cannot hold",
        );
        let rest = BTreeMap::from([("far", f64::NAN)]);
        fails(
            &Flat { name: None, rest },
            "$.far is NaN, which JSON cannot hold",
        );
    }

    #[test]
    fn a_key_that_is_no_identifier_is_quoted() {
        fails(
            &BTreeMap::from([("a b", f64::NAN)]),
            "$[\"a b\"] is NaN, which JSON cannot hold",
        );
        fails(
            &BTreeMap::from([(7, f64::NAN)]),
            "$[\"7\"] is NaN, which JSON cannot hold",
        );
    }

    #[test]
    fn a_value_that_refuses_keeps_its_own_message() {
        let unsupported = BTreeMap::from([(vec![1], 2)]);
        let ours = to_json(&unsupported).unwrap_err().to_string();
        assert_eq!(
            ours,
            serde_json::to_string(&unsupported).unwrap_err().to_string()
        );
    }

    #[test]
    fn a_null_that_was_a_nan_before_cannot_be_seen() {
        assert_eq!(to_json(&json!(f64::NAN)).unwrap(), Value::Null.to_string());
    }
}
