//! Parses JSON into a tree, and finds repeated members of objects. A tree cannot represent these: the last one would
//! silently win.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::budget::{Budget, too_costly};
use super::check::Mistakes;
use crate::json_path::Path;

/// Parses a JSON text, which has the path `root`. Returns the value, and a message for each repeated member.
///
/// # Errors
/// Returns a message if the text is not JSON, cannot be represented as a tree, or exceeds the budget.
pub(crate) fn read(
    json: &str,
    root: &str,
    budget: &Budget,
) -> Result<(Value, Vec<String>), String> {
    let shared = Shared {
        repeated: RefCell::default(),
        unreadable: Cell::default(),
        budget,
    };
    let reader = RepeatFinder {
        path: Path::Root(root),
        shared: &shared,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = reader.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(|_| {
        let path = shared.unreadable.take();
        let path = path.unwrap_or_else(|| root.to_owned());
        if budget.is_spent() {
            too_costly(&path)
        } else {
            unreadable(&path)
        }
    })?;
    Ok((value, shared.repeated.into_inner().told()))
}

/// Returns the message for a value that is valid JSON only by its grammar.
pub(crate) fn unreadable(path: &str) -> String {
    format!(
        "`{path}` cannot be read: it has a number that is too large, or a text with an unpaired surrogate"
    )
}

struct RepeatFinder<'r> {
    path: Path<'r>,
    shared: &'r Shared<'r>,
}

/// The state that the readers of all parts of a text share.
struct Shared<'r> {
    repeated: RefCell<Mistakes>,
    /// The path of the innermost value that could not be parsed.
    unreadable: Cell<Option<String>>,
    budget: &'r Budget,
}

impl<'de> DeserializeSeed<'de> for RepeatFinder<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Self { path, shared } = self;
        if !shared.budget.spend(1) {
            return Err(D::Error::custom("the budget is spent"));
        }
        deserializer.deserialize_any(self).inspect_err(|_| {
            let innermost = shared.unreadable.take();
            let innermost = innermost.unwrap_or_else(|| path.to_string());
            shared.unreadable.set(Some(innermost));
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

impl<'de> Visitor<'de> for RepeatFinder<'_> {
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
        self.shared.budget.spend_on(text);
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let item = RepeatFinder {
                path: Path::Item(&self.path, read.len()),
                shared: self.shared,
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
            self.shared.budget.spend_on(&name);
            let value = members.next_value_seed(RepeatFinder {
                path: Path::Member(&self.path, &name),
                shared: self.shared,
            })?;
            match read.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(first) => {
                    let path = Path::Member(&self.path, first.key());
                    let mut repeated = self.shared.repeated.borrow_mut();
                    repeated.note(|| format!("`{path}` is given twice"));
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
        let repeated = |json| read(json, "v", &Budget::default()).unwrap().1;
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
        let (value, _) = read(json, "v", &Budget::default()).unwrap();
        assert_eq!(value.to_string(), json);
    }
}
