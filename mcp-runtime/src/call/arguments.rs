//! The values that a call gives to its parameters, by position.

use std::sync::OnceLock;

use serde_json::Value;

use super::signature::Signature;
use crate::protocol::members::members;
use crate::protocol::text::Span;
use crate::schema::{Budget, Mistakes, read};

/// One value for each parameter.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    slots: Vec<Slot>,
    /// All of them as they came, for handlers that are not functions with parameters.
    whole: Option<Span>,
    /// What looking at all of them may cost.
    pub(crate) budget: Budget,
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
    tree: OnceLock<Box<Tree>>,
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
    fn read(json: &str, signature: &Signature, index: usize, budget: &Budget) -> Self {
        let name = signature.name(index);
        let (value, mistakes) = match read(json, name, budget) {
            Ok((mut value, mut mistakes)) => {
                mistakes.extend(signature.repair(index, &mut value, budget));
                (value, mistakes)
            }
            Err(mistake) => (Value::Null, vec![mistake]),
        };
        Self {
            value,
            mistakes,
            text: OnceLock::new(),
        }
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
}

impl Arguments {
    /// As many empty places as the signature has parameters.
    pub(crate) fn empty(signature: &Signature) -> Self {
        Self {
            slots: signature.parameters.iter().map(|_| Slot::Missing).collect(),
            whole: None,
            budget: Budget::default(),
        }
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        const MISSING: &Slot = &Slot::Missing;
        self.slots.get(index).unwrap_or(MISSING)
    }

    /// The argument at a position as a tree, made on first use, if it was given as JSON.
    pub(crate) fn tree(&self, message: &str, signature: &Signature, index: usize) -> Option<&Tree> {
        let Slot::Json(json) = self.slot(index) else {
            return None;
        };
        let read = || {
            let json = json.text(message);
            Box::new(Tree::read(json, signature, index, &self.budget))
        };
        Some(json.tree.get_or_init(read))
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

    /// Takes an object apart, which must be a part of `message`. The second part of the result says what was wrong with single
    /// arguments.
    pub(crate) fn parse(signature: &Signature, message: &str, json: &str) -> (Self, Vec<String>) {
        let mut arguments = Self {
            whole: Some(Span::of(message, json)),
            budget: Budget::of_text(json),
            ..Self::empty(signature)
        };
        let mut wrong = Mistakes::default();
        for (name, value) in members(json) {
            let Some(index) = signature.position(&name) else {
                if !signature.open {
                    wrong.note(|| signature.unknown(&name));
                }
                continue;
            };
            if !matches!(arguments.slot(index), Slot::Missing) {
                wrong.note(|| format!("`{name}` is given twice"));
            }
            let place = Span::of(message, value);
            let tree = OnceLock::new();
            arguments.set(index, Slot::Json(Json { place, tree }));
        }
        (arguments, wrong.told())
    }
}

/// What arguments cost: each is taken, told of or refused within the budget of its message.
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, SystemTime};

    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::super::signature::ParameterSpec;
    use super::*;
    use crate::schema::Schemas;

    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)] // only read
    enum Tree {
        Leaf(u32),
        Node { left: Box<Tree>, right: Box<Tree> },
        List(Vec<Tree>),
    }

    /// Variants that look alike until their end.
    #[derive(Deserialize, JsonSchema)]
    #[serde(untagged)]
    #[allow(dead_code)] // only read
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
    #[allow(dead_code)] // only read
    enum Tagged {
        A { of: Box<Tagged> },
        B { of: Box<Tagged> },
        End { set: BTreeSet<u8> },
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)] // only read
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
            exact: false,
            validator: None,
            required: true,
            description: None,
        }
    }

    /// What becomes of arguments.
    #[derive(Debug, PartialEq)]
    enum End {
        Taken,
        /// What is wrong was told.
        Told,
        /// They took more than the steps of a message.
        Refused,
    }
    use End::{Refused, Taken, Told};

    fn end<T: JsonSchema + DeserializeOwned>(what: &str, json: &str) -> End {
        let signature = signature::<T>();
        let message = format!("{{\"value\":{json}}}");
        let start = spent();
        let (arguments, _) = Arguments::parse(&signature, &message, &message);
        let tree = arguments.tree(&message, &signature, 0).unwrap();
        let end = match tree.mistakes.as_slice() {
            [] => Taken,
            [only] if only.contains("too intricate") => Refused,
            _ => Told,
        };
        assert_eq!(end == Refused, arguments.budget.is_spent(), "{what}");
        let taken = end == Taken;
        assert!(!taken || T::deserialize(&tree.value).is_ok(), "{what}");
        let bytes = json.len();
        let took = spent().saturating_sub(start);
        eprintln!("{what}: {bytes} bytes, {end:?} after {took:?}");
        end
    }

    /// Returns how long this thread has run, or what the time is where nobody counts that.
    fn spent() -> Duration {
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
        for (what, end, expected) in [
            (
                "wrong leaves",
                end::<Tree>("wrong leaves", &balanced(10, "\"x\"")),
                Told,
            ),
            (
                "right leaves",
                end::<Tree>("right leaves", &balanced(12, "1")),
                Taken,
            ),
            (
                "leaves in quotes",
                end::<Tree>("leaves in quotes", &balanced(10, "\"1\"")),
                Taken,
            ),
            (
                "deep and wide",
                end::<Tree>("deep and wide", &nested(40, ("[", "]"), &items(5000, "1"))),
                Taken,
            ),
            (
                "wrong and wide",
                end::<Tree>(
                    "wrong and wide",
                    &nested(40, ("[", "]"), &items(5000, "-1")),
                ),
                Told,
            ),
            (
                "texts in texts",
                end::<Tree>("texts in texts", &texts(10)),
                Told,
            ),
            (
                "right twins",
                end::<Twin>("right twins", &twins("1")),
                Refused,
            ),
            (
                "wrong twins",
                end::<Twin>("wrong twins", &twins("\"x\"")),
                Refused,
            ),
            (
                "copied twins",
                end::<Twin>("copied twins", &nested(8, ("{\"x\":", &any), "\"1\"")),
                Refused,
            ),
            (
                "tags at the end",
                end::<Tagged>("tags at the end", &tagged),
                Taken,
            ),
            ("many", end::<Vec<Point>>("many", &points), Taken),
            (
                "wrong sets",
                end::<Vec<BTreeSet<u8>>>("wrong sets", &items(5000, "[1,1,300]")),
                Told,
            ),
            (
                "repeated",
                end::<Value>(
                    "repeated",
                    &format!("{{{}\"a\":1}}", "\"a\":1,".repeat(20_000)),
                ),
                Told,
            ),
            (
                "too many",
                end::<Value>("too many", &items(1_000_000, "1")),
                Refused,
            ),
        ] {
            assert_eq!(end, expected, "{what}");
        }
    }

    #[test]
    #[ignore = "prints how long the largest messages take, which says something in a release build only"]
    fn the_largest_messages_take_a_tenth_of_a_second() {
        end::<Tree>("wrong 21K", &balanced(10, "\"x\""));
        end::<Tree>("wrong 86K", &balanced(12, "\"x\""));
        end::<Tree>("wrong 344K", &balanced(14, "\"x\""));
        end::<Tree>("wrong 2.7M", &balanced(17, "\"x\""));
        end::<Tree>("right 155K", &balanced(13, "1"));
        end::<Tree>("right 311K", &balanced(14, "1"));
        end::<Tree>("right 622K", &balanced(15, "1"));
        end::<Tree>("right 2.5M", &balanced(17, "1"));
        let twins = |leaf: &str| {
            let twin = nested(30, ("{\"x\":", ",\"c\":1}"), leaf);
            items(4_000_000 / twin.len(), &twin)
        };
        end::<Vec<Twin>>("right twins", &twins("1"));
        end::<Vec<Twin>>("wrong twins", &twins("\"x\""));
        end::<Tree>("texts in texts", &texts(16));
        end::<Vec<BTreeSet<u8>>>("wrong sets", &items(400_000, "[1,1,300]"));
        let quoted = Value::from(items(1_300_000, "1")).to_string();
        end::<Vec<u8>>("a list in quotes", &quoted);
        end::<Vec<f64>>("numbers in quotes", &items(900_000, "\"1\""));
        end::<Tree>(
            "deep and wide",
            &nested(40, ("[", "]"), &items(200_000, "1")),
        );
        end::<Tree>("numbers", &items(2_000_000, "1"));
        end::<Vec<Point>>("points", &items(290_000, r#"{"x":1,"y":2}"#));
        end::<Vec<Point>>("wrong points", &items(240_000, r#"{"x":"a","z":2}"#));
        end::<Vec<String>>("texts", &items(4000, &format!("\"{}\"", "x".repeat(1000))));
        end::<BTreeSet<Vec<u8>>>("set", &items(900_000, "[]"));
        let members: Vec<String> = (0..230_000).map(|n| format!("\"unknown{n}\":1")).collect();
        end::<Point>("unknown", &format!("{{{}}}", members.join(",")));
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
