//! The arguments of a call, by position of their parameter.

use std::sync::OnceLock;

use super::flattened::Flattened;
use serde_json::Value;

use super::signature::{ParameterSpec, Signature};
use super::tree::Tree;
use crate::protocol::members::members;
use crate::protocol::text::Span;
use crate::schema::{Budget, Mistakes};

/// The arguments of a call: one slot for each parameter.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    slots: Vec<Slot>,
    /// The JSON object of all arguments, for the handlers of tools made at run time.
    whole: Option<Span>,
    /// The steps left for checking all arguments.
    pub(crate) budget: Budget,
}

/// The argument for one parameter.
#[derive(Debug, Default)]
pub(crate) enum Slot {
    /// No value.
    #[default]
    Missing,
    /// A JSON value.
    Json(Json),
    /// A JSON value that a transform has fixed.
    Fixed(Box<Fixed>),
    /// A text: a variable of a URI or an argument of a prompt.
    Text(String),
    /// A list of texts: an exploded variable of a URI.
    List(Vec<String>),
    /// The arguments of a flattened parameter. They are boxed because few parameters are flattened.
    Flattened(Box<Flattened>),
}

/// A JSON value within the message of the call.
#[derive(Debug)]
pub(crate) struct Json {
    place: Span,
    /// The decoded value. It is boxed because most arguments do not need it.
    tree: OnceLock<Box<Tree>>,
}

/// A JSON value that is not in the message.
#[derive(Debug)]
pub(crate) struct Fixed {
    text: String,
    tree: OnceLock<Tree>,
}

impl Fixed {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Slot {
    /// Returns the slot of a parameter before an argument is found.
    #[inline]
    fn empty(parameter: &ParameterSpec) -> Self {
        if parameter.flattened {
            Self::Flattened(Box::default())
        } else {
            Self::Missing
        }
    }
}

impl Json {
    #[inline]
    pub(crate) fn text<'a>(&self, message: &'a str) -> &'a str {
        self.place.of_text(message)
    }
}

impl Arguments {
    /// Creates an empty slot for each parameter of the signature.
    pub(crate) fn empty(signature: &Signature) -> Self {
        Self {
            slots: signature.parameters.iter().map(Slot::empty).collect(),
            whole: None,
            budget: Budget::default(),
        }
    }

    #[inline]
    pub(crate) fn slot(&self, index: usize) -> &Slot {
        const MISSING: &Slot = &Slot::Missing;
        self.slots.get(index).unwrap_or(MISSING)
    }

    /// Returns the argument at a position as a tree, if it is JSON. The tree is made on first use.
    pub(crate) fn tree(&self, message: &str, signature: &Signature, index: usize) -> Option<&Tree> {
        let budget = &self.budget;
        match self.slot(index) {
            Slot::Json(json) => Some(json.tree.get_or_init(|| {
                let json = json.text(message);
                Box::new(Tree::read(json, signature, index, budget))
            })),
            Slot::Fixed(fixed) => Some(fixed.tree.get_or_init(|| {
                let json = &fixed.text;
                Tree::read(json, signature, index, budget)
            })),
            Slot::Flattened(it) => Some(it.tree(message, signature, index, budget)),
            _ => None,
        }
    }

    /// Returns all arguments as a JSON object.
    pub(crate) fn whole<'a>(&self, message: &'a str) -> &'a str {
        match self.whole.map(|span| span.of_text(message)) {
            None | Some("") => "{}",
            Some(json) => json,
        }
    }

    /// Returns the texts and the lists of texts as a JSON object.
    pub(crate) fn texts_as_json(&self, signature: &Signature) -> Value {
        let named = signature.parameters.iter().zip(&self.slots);
        let given = named.filter_map(|(parameter, slot)| {
            let value: Value = match slot {
                Slot::Text(text) => text.clone().into(),
                Slot::List(texts) => texts.clone().into(),
                _ => return None,
            };
            Some((parameter.name.clone(), value))
        });
        Value::Object(given.collect())
    }

    /// Adds the JSON value of an argument, which is a part of the message. Returns `false` if the parameter has a value
    /// already. The arguments of a flattened parameter are compared later.
    pub(crate) fn add(&mut self, index: usize, name: &str, place: Span) -> bool {
        let tree = OnceLock::new();
        match self.slots.get_mut(index) {
            Some(Slot::Flattened(flattened)) => flattened.add(name, place),
            Some(slot) => {
                let before = std::mem::replace(slot, Slot::Json(Json { place, tree }));
                return matches!(before, Slot::Missing);
            }
            None => {}
        }
        true
    }

    pub(crate) fn set(&mut self, index: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(index) {
            *place = slot;
        }
    }

    /// Sets the arguments that transforms have fixed.
    #[cold]
    pub(crate) fn fix(&mut self, signature: &Signature) {
        for (slot, parameter) in self.slots.iter_mut().zip(&signature.parameters) {
            *slot = match &parameter.fixed {
                None => continue,
                Some(Value::String(text)) if signature.texts => Slot::Text(text.clone()),
                Some(value) => Slot::Fixed(Box::new(Fixed {
                    text: value.to_string(),
                    tree: OnceLock::new(),
                })),
            };
        }
    }

    /// Parses the object of the arguments, which must be a part of `message`. The second value lists the arguments that are
    /// unknown or repeated.
    pub(crate) fn parse(signature: &Signature, message: &str, json: &str) -> (Self, Vec<String>) {
        let mut arguments = Self {
            whole: Some(Span::of(message, json)),
            budget: Budget::of_text(json),
            ..Self::empty(signature)
        };
        let mut mistakes = Mistakes::default();
        for (name, value) in members(json) {
            let Some(index) = signature.position(&name) else {
                if !signature.open {
                    mistakes.note(|| signature.unknown(&name));
                }
                continue;
            };
            if !arguments.add(index, &name, Span::of(message, value)) {
                mistakes.note(|| format!("`{name}` is given twice"));
            }
        }
        (arguments, mistakes.told())
    }
}

/// Tests of the cost of arguments: each is accepted, reported or refused within the budget of its message.
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, SystemTime};

    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::schema::Schemas;

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)] // only deserialised
    enum Tree {
        Leaf(u32),
        Node { left: Box<Tree>, right: Box<Tree> },
        List(Vec<Tree>),
    }

    /// Variants that differ only at their end.
    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)] // only deserialised
    enum Twin {
        Leaf(u32),
        A {
            x: Box<Twin>,
            a: u8,
        },
        B {
            x: Box<Twin>,
            b: u8,
        },
        C {
            x: Box<Twin>,
            c: Option<u8>,
            any: Option<Value>,
        },
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code)] // only deserialised
    enum Tagged {
        A { of: Box<Tagged> },
        B { of: Box<Tagged> },
        End { set: BTreeSet<u8> },
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)] // only deserialised
    struct Point {
        x: f64,
        y: f64,
        name: Option<String>,
    }

    fn signature<T: JsonSchema>() -> Signature {
        let mut schemas = Schemas::of_input(false);
        let schema = schemas.of::<T>().schema;
        Signature {
            parameters: vec![parameter("value", schema)],
            definitions: schemas.definitions(),
            noun: "arguments",
            ..Signature::default()
        }
    }

    fn parameter(name: &str, schema: Value) -> ParameterSpec {
        ParameterSpec {
            name: name.to_owned(),
            schema: Some(schema),
            required: true,
            ..ParameterSpec::default()
        }
    }

    /// The outcome of checking arguments.
    #[derive(Debug, PartialEq)]
    enum Outcome {
        Accepted,
        /// Mistakes were reported.
        Reported,
        /// The check needed more steps than a message has.
        Refused,
    }
    use Outcome::{Accepted, Refused, Reported};

    fn check<T: JsonSchema + DeserializeOwned>(what: &str, json: &str) -> Outcome {
        let signature = signature::<T>();
        let message = format!("{{\"value\":{json}}}");
        let start = thread_time();
        let (arguments, _) = Arguments::parse(&signature, &message, &message);
        let tree = arguments.tree(&message, &signature, 0).unwrap();
        let outcome = match tree.mistakes.as_slice() {
            [] => Accepted,
            [only] if only.contains("too intricate") => Refused,
            _ => Reported,
        };
        assert_eq!(outcome == Refused, arguments.budget.is_spent(), "{what}");
        let accepted = outcome == Accepted;
        assert!(!accepted || T::deserialize(&tree.value).is_ok(), "{what}");
        let bytes = json.len();
        let took = thread_time().saturating_sub(start);
        eprintln!("{what}: {bytes} bytes, {outcome:?} after {took:?}");
        outcome
    }

    /// Returns the CPU time of this thread or, on systems without it, the wall clock time.
    fn thread_time() -> Duration {
        let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let counted = counted.and_then(|all| all.split(' ').next()?.parse().ok());
        let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap();
        counted.map_or_else(now, Duration::from_nanos)
    }

    fn balanced(depth: usize, leaf: &str) -> String {
        (0..depth).fold(leaf.to_owned(), |whole, _| {
            format!("{{\"left\":{whole},\"right\":{whole}}}")
        })
    }

    fn nested(depth: usize, around: (&str, &str), inner: &str) -> String {
        format!(
            "{}{inner}{}",
            around.0.repeat(depth),
            around.1.repeat(depth)
        )
    }

    fn items(count: usize, item: &str) -> String {
        format!("[{}]", vec![item; count].join(","))
    }

    fn texts(count: usize) -> String {
        (0..count).fold(String::from("1"), |inner, _| {
            let list = nested(60, ("[", "]"), &inner);
            Value::from(list).to_string()
        })
    }

    #[test]
    fn what_takes_too_many_steps_is_refused_and_all_else_is_taken_or_told_of() {
        let any = format!(",\"any\":{}}}", items(4000, "1"));
        let tagged = nested(
            60,
            ("{\"of\":", ",\"kind\":\"B\"}"),
            r#"{"set":["1"],"kind":"End"}"#,
        );
        let twins = |leaf| nested(30, ("{\"x\":", ",\"c\":1}"), leaf);
        let points = items(20_000, r#"{"x":"1","y":2,"name":null}"#);
        for (what, outcome, expected) in [
            (
                "wrong leaves",
                check::<Tree>("wrong leaves", &balanced(10, "\"x\"")),
                Reported,
            ),
            (
                "right leaves",
                check::<Tree>("right leaves", &balanced(12, "1")),
                Accepted,
            ),
            (
                "leaves in quotes",
                check::<Tree>("leaves in quotes", &balanced(10, "\"1\"")),
                Accepted,
            ),
            (
                "deep and wide",
                check::<Tree>("deep and wide", &nested(40, ("[", "]"), &items(5000, "1"))),
                Accepted,
            ),
            (
                "wrong and wide",
                check::<Tree>(
                    "wrong and wide",
                    &nested(40, ("[", "]"), &items(5000, "-1")),
                ),
                Reported,
            ),
            (
                "texts in texts",
                check::<Tree>("texts in texts", &texts(10)),
                Reported,
            ),
            (
                "right twins",
                check::<Twin>("right twins", &twins("1")),
                Refused,
            ),
            (
                "wrong twins",
                check::<Twin>("wrong twins", &twins("\"x\"")),
                Refused,
            ),
            (
                "copied twins",
                check::<Twin>("copied twins", &nested(8, ("{\"x\":", &any), "\"1\"")),
                Refused,
            ),
            (
                "tags at the end",
                check::<Tagged>("tags at the end", &tagged),
                Accepted,
            ),
            ("many", check::<Vec<Point>>("many", &points), Accepted),
            (
                "wrong sets",
                check::<Vec<BTreeSet<u8>>>("wrong sets", &items(5000, "[1,1,300]")),
                Reported,
            ),
            (
                "repeated",
                check::<Value>(
                    "repeated",
                    &format!("{{{}\"a\":1}}", "\"a\":1,".repeat(20_000)),
                ),
                Reported,
            ),
            (
                "too many",
                check::<Value>("too many", &items(1_000_000, "1")),
                Refused,
            ),
        ] {
            assert_eq!(outcome, expected, "{what}");
        }
    }

    #[test]
    #[ignore = "prints the time that the largest messages take, which is meaningful only in a release build"]
    fn the_largest_messages_take_a_tenth_of_a_second() {
        check::<Tree>("wrong 21K", &balanced(10, "\"x\""));
        check::<Tree>("wrong 86K", &balanced(12, "\"x\""));
        check::<Tree>("wrong 344K", &balanced(14, "\"x\""));
        check::<Tree>("wrong 2.7M", &balanced(17, "\"x\""));
        check::<Tree>("right 155K", &balanced(13, "1"));
        check::<Tree>("right 311K", &balanced(14, "1"));
        check::<Tree>("right 622K", &balanced(15, "1"));
        check::<Tree>("right 2.5M", &balanced(17, "1"));
        let twins = |leaf: &str| {
            let twin = nested(30, ("{\"x\":", ",\"c\":1}"), leaf);
            items(4_000_000 / twin.len(), &twin)
        };
        check::<Vec<Twin>>("right twins", &twins("1"));
        check::<Vec<Twin>>("wrong twins", &twins("\"x\""));
        check::<Tree>("texts in texts", &texts(16));
        check::<Vec<BTreeSet<u8>>>("wrong sets", &items(400_000, "[1,1,300]"));
        let quoted = Value::from(items(1_300_000, "1")).to_string();
        check::<Vec<u8>>("a list in quotes", &quoted);
        check::<Vec<f64>>("numbers in quotes", &items(900_000, "\"1\""));
        check::<Tree>(
            "deep and wide",
            &nested(40, ("[", "]"), &items(200_000, "1")),
        );
        check::<Tree>("numbers", &items(2_000_000, "1"));
        check::<Vec<Point>>("points", &items(290_000, r#"{"x":1,"y":2}"#));
        check::<Vec<Point>>("wrong points", &items(240_000, r#"{"x":"a","z":2}"#));
        check::<Vec<String>>("texts", &items(4000, &format!("\"{}\"", "x".repeat(1000))));
        check::<BTreeSet<Vec<u8>>>("set", &items(900_000, "[]"));
        let members: Vec<String> = (0..230_000).map(|n| format!("\"unknown{n}\":1")).collect();
        check::<Point>("unknown", &format!("{{{}}}", members.join(",")));
    }

    #[test]
    fn all_arguments_of_a_message_have_one_budget() {
        let mut signature = signature::<Value>();
        signature
            .parameters
            .push(parameter("other", Value::Bool(true)));
        let message = format!("{{\"value\":{},\"other\":[1]}}", items(1_000_000, "1"));
        let (arguments, _) = Arguments::parse(&signature, &message, &message);
        let mistakes = |index| {
            let tree = arguments.tree(&message, &signature, index);
            tree.unwrap().mistakes.clone()
        };
        assert_eq!(mistakes(0).len(), 1);
        assert_eq!(
            mistakes(1),
            ["`other` is too large or too intricate to be checked; send less at once"]
        );
    }

    #[test]
    fn of_many_unknown_arguments_a_few_are_told() {
        let signature = signature::<Value>();
        let members: Vec<String> = (0..10_000).map(|n| format!("\"unknown{n}\":1")).collect();
        let message = format!("{{{}}}", members.join(","));
        let (_, wrong) = Arguments::parse(&signature, &message, &message);
        assert_eq!(wrong.len(), 21);
        assert_eq!(wrong[20], "and 9980 more");
    }
}
