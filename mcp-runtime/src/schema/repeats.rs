//! Reads JSON into a tree, and finds the members that an object has twice, which a tree cannot show: the last one would win
//! without a word.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::budget::{Budget, too_costly};
use super::check::Mistakes;
use crate::json_path;

/// A tree, and what is said of the members that come again within it.
pub(crate) struct Read {
    pub(crate) value: Value,
    pub(crate) repeated: Vec<String>,
}

/// Reads a JSON text, which `path` leads to.
///
/// # Errors
/// It is no JSON, holds what no tree can hold, or takes more steps than are left: what is said of it.
pub(crate) fn read(json: &str, path: &str, budget: &Budget) -> Result<Read, String> {
    let mut repeated = Mistakes::default();
    let innermost = Cell::new(None);
    let reader = Reader {
        place: Place::Root(path),
        repeated: &mut repeated,
        unreadable: &innermost,
        budget,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = reader.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|_| {
        let path = innermost.take().unwrap_or_else(|| path.to_owned());
        if budget.is_spent() {
            too_costly(&path)
        } else {
            unreadable(&path)
        }
    })?;
    let repeated = repeated.told();
    Ok(Read { value, repeated })
}

/// What is said of a value that is JSON by its grammar alone.
pub(crate) fn unreadable(path: &str) -> String {
    format!(
        "`{path}` cannot be read: it has a number that is too large, or a text with half of a surrogate pair"
    )
}

/// Where a value is. A path is written only for what is told.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root(&'p str),
    Item(&'p Place<'p>, usize),
    Member(&'p Place<'p>, &'p str),
}

impl Place<'_> {
    fn path(&self) -> String {
        match self {
            Self::Root(path) => (*path).to_owned(),
            Self::Item(whole, index) => whole.path() + &json_path::item(*index),
            Self::Member(whole, name) => whole.path() + &json_path::member(name),
        }
    }
}

struct Reader<'r> {
    place: Place<'r>,
    repeated: &'r mut Mistakes,
    /// The path of the innermost value that could not be read.
    unreadable: &'r Cell<Option<String>>,
    budget: &'r Budget,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if !self.budget.spend(1) {
            return Err(D::Error::custom("it takes too many steps"));
        }
        let (place, unreadable) = (self.place, self.unreadable);
        deserializer.deserialize_any(self).inspect_err(|_| {
            let innermost = unreadable.take().unwrap_or_else(|| place.path());
            unreadable.set(Some(innermost));
        })
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E>(self, scalar: $type) -> Result<Value, E> {
            Ok(scalar.into())
        }
    )*};
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    scalars! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        self.budget.spend_on(text);
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let item = Reader {
                place: Place::Item(&self.place, read.len()),
                repeated: self.repeated,
                unreadable: self.unreadable,
                budget: self.budget,
            };
            match items.next_element_seed(item)? {
                Some(item) => read.push(item),
                None => return Ok(read.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.budget.spend_on(&name);
            let place = Place::Member(&self.place, &name);
            let value = members.next_value_seed(Reader {
                place,
                repeated: self.repeated,
                unreadable: self.unreadable,
                budget: self.budget,
            })?;
            match read.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(first) => {
                    let place = Place::Member(&self.place, first.key());
                    self.repeated
                        .note(|| format!("`{}` is given twice", place.path()));
                }
            }
        }
        Ok(read.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_come_again_are_found_where_they_are() {
        let repeated = |json| read(json, "v", &Budget::default()).unwrap().repeated;
        let json = r#"{"a":1,"b":[{"c":1,"c":2,"\u0063":3}],"a":null,"odd key":{"x":1.5,"x":"y"}}"#;
        assert_eq!(
            repeated(json).join(", "),
            "`v.b[0].c` is given twice, `v.b[0].c` is given twice, `v.a` is given twice, `v[\"odd key\"].x` is given twice"
        );
        assert_eq!(repeated("[1, {\"a\": [true]}, -3, \"x\"]"), [""; 0]);
    }

    #[test]
    fn a_tree_is_what_was_sent() {
        let json = r#"{"a":[1,-2,3.5,"é\n",null,true],"$serde_json::private::RawValue":"1"}"#;
        let value = read(json, "v", &Budget::default()).unwrap().value;
        assert_eq!(value.to_string(), json);
    }
}
