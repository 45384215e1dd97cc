//! Members that an object has twice, which a tree in memory cannot show: the last one would win without a word.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json_path;

/// The paths of members that come again, within a JSON text. `path` leads to the text.
pub(crate) fn repeated(json: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let search = Search {
        path: path.to_owned(),
        found: &mut found,
    };
    // What is no JSON is refused by whoever reads it.
    let _ = search.deserialize(&mut serde_json::Deserializer::from_str(json));
    found
}

struct Search<'f> {
    path: String,
    found: &'f mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let item = Search {
                path: format!("{}{}", self.path, json_path::item(index)),
                found: self.found,
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = format!("{}{}", self.path, json_path::member(&name));
            if !seen.insert(name) {
                self.found.push(path.clone());
            }
            members.next_value_seed(Search {
                path,
                found: self.found,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_come_again_are_found_where_they_are() {
        let json = r#"{"a":1,"b":[{"c":1,"c":2,"\u0063":3}],"a":null,"odd key":{"x":1.5,"x":"y"}}"#;
        assert_eq!(
            repeated(json, "v"),
            ["v.b[0].c", "v.b[0].c", "v.a", "v[\"odd key\"].x"]
        );
        assert_eq!(repeated("[1, {\"a\": [true]}, -3, \"x\"]", "v"), [""; 0]);
    }
}
