//! The tree of a specification, without the parts that nothing reads: half of a large specification are examples.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The kind of an object: what its keys are.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Keywords of OpenAPI or JSON Schema.
    Keywords,
    /// Names of the specification, such as those of properties.
    Names,
    /// The kinds of components, each with names.
    Components,
    /// Data, which is kept as it is.
    Data,
}

impl Kind {
    /// Returns `true` for a keyword whose value is not read.
    fn skips(self, key: &str) -> bool {
        matches!(self, Self::Keywords)
            && (key.starts_with("x-")
                || matches!(
                    key,
                    "examples" | "externalDocs" | "xml" | "callbacks" | "webhooks"
                ))
    }

    /// Returns the kind of an object under a key.
    fn under(self, key: &str) -> Self {
        match self {
            Self::Data => Self::Data,
            Self::Components => Self::Names,
            Self::Names => Self::Keywords,
            Self::Keywords => match key {
                "components" => Self::Components,
                "$defs" | "content" | "definitions" | "dependentSchemas" | "encoding"
                | "headers" | "links" | "parameters" | "paths" | "patternProperties"
                | "properties" | "responses" | "variables" => Self::Names,
                "const" | "default" | "enum" | "example" | "mapping" | "security" => Self::Data,
                _ => Self::Keywords,
            },
        }
    }
}

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kind {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part of an OpenAPI specification")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let kind = match self {
            Self::Names => Self::Keywords,
            other => other,
        };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(kind)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if self.skips(&key) {
                members.next_value::<IgnoredAny>()?;
            } else {
                let value = members.next_value_seed(self.under(&key))?;
                map.insert(key, value);
            }
        }
        Ok(map.into())
    }
}
