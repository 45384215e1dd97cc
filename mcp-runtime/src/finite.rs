//! JSON text that never hides a number it could not write.
//!
//! `serde_json` writes NaN and the infinities as `null`, so a reply could break its own schema without a word.
//! [`to_json`] writes the same text as [`serde_json::to_string`] and turns that case into an error which says where
//! the number is.
//!
//! A value is walked a second time only if its text holds a `null`, and that walk writes nothing.
//!
//! This cannot see a NaN that became `null` earlier, as in `serde_json::json!(f64::NAN)`.

use std::fmt::{self, Display};
use std::io;

use serde::{Serialize, Serializer, ser};

use crate::json_path;

/// Most replies are larger than this; below it a `Vec` would grow several times for nothing.
const INITIAL_CAPACITY: usize = 128;

/// Writes `value` as compact JSON in one line, otherwise identical to [`serde_json::to_string`].
///
/// # Errors
///
/// A number in `value` is NaN or infinite, or `value` refuses to be serialized.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut null_written = false;
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    let formatter = NullWatch {
        null_written: &mut null_written,
    };
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    if null_written {
        value.serialize(Check).map_err(ser::Error::custom)?;
    }
    // Takes over the buffer: the bytes are checked once and never copied.
    String::from_utf8(bytes).map_err(ser::Error::custom)
}

/// The compact format, which is what the trait's provided methods write, and a note of whether a `null` went out.
struct NullWatch<'a> {
    null_written: &'a mut bool,
}

impl serde_json::ser::Formatter for NullWatch<'_> {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        *self.null_written = true;
        writer.write_all(b"null")
    }

    /// JSON that somebody else wrote may have line breaks, which are at most between its tokens: a message has none.
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

/// Why a value has no JSON form, and where. The path grows from its end as the error travels outwards, so that a
/// walk which finds nothing keeps no path.
#[derive(Debug)]
struct Fault {
    path: String,
    says: String,
}

impl Fault {
    fn not_finite(number: f64) -> Self {
        let name = match number {
            f64::INFINITY => "infinity",
            f64::NEG_INFINITY => "-infinity",
            _ => "NaN",
        };
        Self {
            path: String::new(),
            says: format!(" is {name}, which JSON cannot hold"),
        }
    }

    fn in_element(mut self, index: usize) -> Self {
        self.path.insert_str(0, &json_path::item(index));
        self
    }

    fn in_member(mut self, name: &str) -> Self {
        self.path.insert_str(0, &json_path::member(name));
        self
    }

    fn in_variant(self, name: Option<&str>) -> Self {
        match name {
            Some(name) => self.in_member(name),
            None => self,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}{}", self.path, self.says)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self {
            path: String::new(),
            says: format!(": {message}"),
        }
    }
}

/// Walks a value and fails at the first number that is not finite.
///
/// Map keys are not looked at: `serde_json` refuses such a key by itself.
struct Check;

/// Scalars that JSON can always hold.
macro_rules! accept {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, _: $type) -> Result<(), Fault> {
            Ok(())
        })*
    };
}

impl Serializer for Check {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    accept! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, number: f32) -> Result<(), Fault> {
        self.serialize_f64(f64::from(number))
    }

    fn serialize_f64(self, number: f64) -> Result<(), Fault> {
        if number.is_finite() {
            Ok(())
        } else {
            Err(Fault::not_finite(number))
        }
    }

    fn serialize_none(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value
            .serialize(self)
            .map_err(|fault| fault.in_member(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Fault> {
        Ok(Elements::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements, Fault> {
        Ok(Elements {
            variant: Some(variant),
            index: 0,
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members, Fault> {
        Ok(Members::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, Fault> {
        Ok(Members::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members, Fault> {
        Ok(Members {
            variant: Some(variant),
            key: String::new(),
        })
    }

    /// Text is never a number, so it need not be built.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), Fault> {
        Ok(())
    }
}

/// Inside an array.
#[derive(Default)]
struct Elements {
    variant: Option<&'static str>,
    index: usize,
}

impl Elements {
    fn check<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let index = self.index;
        self.index += 1;
        value
            .serialize(Check)
            .map_err(|fault| fault.in_element(index).in_variant(self.variant))
    }
}

/// Inside an object.
#[derive(Default)]
struct Members {
    variant: Option<&'static str>,
    /// The key of the value that comes next, for maps that hand over the two one after the other.
    key: String,
}

impl Members {
    fn check<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), Fault> {
        value
            .serialize(Check)
            .map_err(|fault| fault.in_member(name).in_variant(self.variant))
    }
}

/// A key as JSON shows it, without the quotes.
fn key_text<K: Serialize + ?Sized>(key: &K) -> Result<String, Fault> {
    match serde_json::to_value(key).map_err(ser::Error::custom)? {
        serde_json::Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// The four array traits differ in their names only.
macro_rules! impl_elements {
    ($($trait:ident::$method:ident)*) => {
        $(impl ser::$trait for Elements {
            type Ok = ();
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                self.check(value)
            }

            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        })*
    };
}

impl_elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

/// The two struct traits differ in their names only.
macro_rules! impl_members {
    ($($trait:ident)*) => {
        $(impl ser::$trait for Members {
            type Ok = ();
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
                self.check(name, value)
            }

            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        })*
    };
}

impl_members!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Members {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key = key_text(key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.check(&self.key, value)
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), Fault>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        // The key becomes text only if it is needed for the error.
        match value.serialize(Check) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.in_member(&key_text(key)?)),
        }
    }

    fn end(self) -> Result<(), Fault> {
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
