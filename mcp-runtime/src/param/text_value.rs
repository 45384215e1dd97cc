//! Deserialises argument values that are not JSON.
//!
//! The variables of URIs and the arguments of prompts are texts: `"7"` deserialises as a number if the type asks for one. A
//! missing value deserialises only as an optional type, such as an `Option`. Null deserialises only as a type that tells it
//! from a missing value, such as an `Option` of an `Option`.

use serde::de::value::{BorrowedStrDeserializer, Error, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};

/// The value of an argument that is not JSON.
#[derive(Clone, Copy)]
pub(super) enum TextValue<'de> {
    Missing,
    Null,
    Text(&'de str),
    List(&'de [String]),
}

use TextValue::{List, Missing, Null, Text};

macro_rules! parsed {
    ($($method:ident $visit:ident $what:literal,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let Text(text) = self else {
                return self.deserialize_any(visitor);
            };
            match text.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Error::custom(format_args!("{text:?} is not {}", $what))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for TextValue<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Missing | Null => Err(Error::custom("missing")),
            Text(text) => visitor.visit_borrowed_str(text),
            List(texts) => {
                let texts = texts.iter().map(|text| Text(text));
                visitor.visit_seq(SeqDeserializer::new(texts))
            }
        }
    }

    parsed! {
        deserialize_bool visit_bool "true or false",
        deserialize_i8 visit_i8 "an integer that fits",
        deserialize_i16 visit_i16 "an integer that fits",
        deserialize_i32 visit_i32 "an integer that fits",
        deserialize_i64 visit_i64 "an integer that fits",
        deserialize_i128 visit_i128 "an integer that fits",
        deserialize_u8 visit_u8 "an integer that fits",
        deserialize_u16 visit_u16 "an integer that fits",
        deserialize_u32 visit_u32 "an integer that fits",
        deserialize_u64 visit_u64 "an integer that fits",
        deserialize_u128 visit_u128 "an integer that fits",
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    // Rust also parses infinities and NaN, which JSON does not have.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Text(text) = self else {
            return self.deserialize_any(visitor);
        };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => visitor.visit_f64(value),
            _ => Err(Error::custom(format_args!("{text:?} is not a number"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Missing => visitor.visit_none(),
            // The inner `Option` is the one that null is a value of.
            Null => visitor.visit_some(Missing),
            text => visitor.visit_some(text),
        }
    }

    // A newtype around an `Option` is optional too.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Text(_) => visitor.visit_seq(SeqDeserializer::new(std::iter::once(self))),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Text(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            other => other.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for TextValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Option<u8>);

    #[test]
    fn the_type_decides_what_a_text_is() {
        assert_eq!(i32::deserialize(Text("-7")), Ok(-7));
        assert_eq!(bool::deserialize(Text("true")), Ok(true));
        assert_eq!(<&str>::deserialize(Text("7")), Ok("7"));
        assert_eq!(Color::deserialize(Text("red")), Ok(Color::Red));
        assert_eq!(Option::<f64>::deserialize(Text("1.5")), Ok(Some(1.5)));
        assert_eq!(Wrapped::deserialize(Text("255")), Ok(Wrapped(Some(255))));
        assert!(u8::deserialize(Text("256")).is_err());
        assert_eq!(Option::<Option<u8>>::deserialize(Missing), Ok(None));
        assert_eq!(Option::<Option<u8>>::deserialize(Null), Ok(Some(None)));
        assert_eq!(
            Option::<Wrapped>::deserialize(Null),
            Ok(Some(Wrapped(None)))
        );
        assert!(Option::<u8>::deserialize(Null).is_err());
        for no_number in ["inf", "NaN", "1e999", "infinity"] {
            assert!(f64::deserialize(Text(no_number)).is_err());
        }
        assert!(Color::deserialize(Text("blue")).is_err());
        let many = ["1".to_owned(), "2".to_owned()];
        assert_eq!(Vec::<u8>::deserialize(List(&many)), Ok(vec![1, 2]));
        assert_eq!(Vec::<u8>::deserialize(Text("1")), Ok(vec![1]));
    }
}
