//! The values that a call gives to its parameters, by position.

use std::fmt;
use std::sync::OnceLock;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::signature::Signature;
use crate::protocol::text::Span;
use crate::schema::repeated;

/// One value for each parameter.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    slots: Vec<Slot>,
    /// All of them as they came, for handlers that are not functions with parameters.
    whole: Option<Span>,
}

/// The value for one parameter.
#[derive(Debug, Default)]
pub(crate) enum Slot {
    /// None was given.
    #[default]
    Missing,
    /// It was given as JSON.
    Json(Json),
    /// It was given as a text: a variable of a URI, an argument of a prompt.
    Text(String),
    /// It was given as several texts: an exploded variable of a URI.
    List(Vec<String>),
}

/// A JSON value within the message of the call.
#[derive(Debug)]
pub(crate) struct Json {
    place: Span,
    /// Most arguments need none, so that it is kept elsewhere.
    tree: OnceLock<Box<Result<Tree, serde_json::Error>>>,
}

/// A JSON value in memory that the call owns: strings with escapes are decoded in it, and what clients are known to send
/// wrong is repaired.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) value: Value,
    /// All that is wrong with the value, repaired as it is.
    pub(crate) mistakes: Vec<String>,
    text: OnceLock<String>,
}

impl Tree {
    fn read(json: &str, signature: &Signature, index: usize) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::from_str(json)?;
        let name = signature.name(index);
        let mut mistakes: Vec<String> = repeated(json, name)
            .iter()
            .map(|path| format!("`{path}` is given twice"))
            .collect();
        if let Some(schema) = signature.schema(index) {
            signature.rules(json.len()).repair(&mut value, schema);
        }
        mistakes.extend(signature.mistakes(index, &value, json.len()));
        Ok(Self {
            value,
            mistakes,
            text: OnceLock::new(),
        })
    }

    /// The value as JSON in one line.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| self.value.to_string())
    }
}

impl Json {
    pub(crate) fn text<'a>(&self, message: &'a str) -> &'a str {
        self.place.of_text(message)
    }

    /// The value as a tree, made on first use.
    pub(crate) fn tree(
        &self,
        message: &str,
        signature: &Signature,
        index: usize,
    ) -> Result<&Tree, &serde_json::Error> {
        let read = || Box::new(Tree::read(self.text(message), signature, index));
        self.tree.get_or_init(read).as_ref().as_ref()
    }
}

impl Arguments {
    /// As many empty places as the signature has parameters.
    pub(crate) fn empty(signature: &Signature) -> Self {
        Self {
            slots: signature.parameters.iter().map(|_| Slot::Missing).collect(),
            whole: None,
        }
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        const MISSING: &Slot = &Slot::Missing;
        self.slots.get(index).unwrap_or(MISSING)
    }

    /// All arguments as JSON.
    pub(crate) fn whole<'a>(&self, message: &'a str) -> &'a str {
        match self.whole.map(|span| span.of_text(message)) {
            None | Some("") => "{}",
            Some(json) => json,
        }
    }

    pub(crate) fn set(&mut self, index: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(index) {
            *place = slot;
        }
    }

    /// Takes a JSON object apart. The second part of the result says what was wrong with single arguments.
    ///
    /// # Errors
    /// `json`, which must be a part of `message`, is no object.
    pub(crate) fn parse(
        signature: &Signature,
        message: &str,
        json: &str,
    ) -> Result<(Self, Vec<String>), serde_json::Error> {
        let mut collect = Collect {
            signature,
            message,
            arguments: Self {
                whole: Some(Span::of(message, json)),
                ..Self::empty(signature)
            },
            wrong: Vec::new(),
        };
        serde_json::Deserializer::from_str(json).deserialize_map(&mut collect)?;
        Ok((collect.arguments, collect.wrong))
    }
}

struct Collect<'s> {
    signature: &'s Signature,
    message: &'s str,
    arguments: Arguments,
    wrong: Vec<String>,
}

impl<'de> Visitor<'de> for &mut Collect<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of arguments")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed(self.signature))? {
            let index = match key {
                Key::Known(index) => index,
                Key::Unknown(name) => {
                    map.next_value::<IgnoredAny>()?;
                    if !self.signature.open {
                        self.wrong.push(self.signature.unknown(&name));
                    }
                    continue;
                }
            };
            let value: &RawValue = map.next_value()?;
            if !matches!(self.arguments.slot(index), Slot::Missing) {
                let name = self.signature.name(index);
                self.wrong.push(format!("`{name}` is given twice"));
            }
            let place = Span::of(self.message, value.get());
            let tree = OnceLock::new();
            self.arguments.set(index, Slot::Json(Json { place, tree }));
        }
        Ok(())
    }
}

enum Key {
    Known(usize),
    Unknown(String),
}

struct KeySeed<'s>(&'s Signature);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of an argument")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(match self.0.position(name) {
            Some(index) => Key::Known(index),
            None => Key::Unknown(name.to_owned()),
        })
    }
}
