//! The dialects, and what all parts of a form have in common.

use serde_json::{Map, Value};

/// The form in which a server sends the schemas of its tools' arguments: see
/// [`Server::schema_dialect`](crate::Server::schema_dialect).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaDialect {
    /// The subset of `OpenAPI` that Gemini takes in function declarations.
    Gemini,
    /// The subset of JSON Schema that `OpenAI` takes in strict functions: every property is required, and null if it is optional.
    OpenAi,
    /// The form of the client's model, if the client's name tells it: [`Gemini`](Self::Gemini) for Gemini CLI, and
    /// [`OpenAi`](Self::OpenAi) for `ChatGPT` and Codex. All other clients receive JSON Schema.
    ByClient,
}

/// The form of a schema other than JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Gemini,
    OpenAi,
}

/// The formats of strings that `OpenAI` takes. Gemini takes only the first one, beside its own `enum`.
pub(crate) const OPENAI_FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The number of nested levels of objects that `OpenAI` allows.
pub(crate) const OPENAI_LEVELS: usize = 10;

/// The names with which clients introduce themselves, and the form that their models take.
///
/// Sources: <https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/tools/mcp-client.ts> and
/// <https://github.com/apify/mcp-client-capabilities>.
const CLIENTS: [(&str, Dialect); 4] = [
    ("gemini-cli-mcp-client", Dialect::Gemini),
    ("ChatGPT", Dialect::OpenAi),
    ("codex-mcp-client", Dialect::OpenAi),
    ("Codex", Dialect::OpenAi),
];

impl Dialect {
    /// The number of dialects.
    pub(crate) const COUNT: usize = 2;

    /// Returns the position of this dialect in tables.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Gemini => 0,
            Self::OpenAi => 1,
        }
    }

    /// Returns the form that the model of a client takes, by the name of the client.
    pub(crate) fn of_client(name: &str) -> Option<Self> {
        let known = CLIENTS.iter().find(|(known, _)| *known == name);
        known.map(|(_, dialect)| *dialect)
    }
}

impl SchemaDialect {
    /// Returns the form for a client. `name` returns its name.
    pub(crate) fn for_client(self, name: impl FnOnce() -> String) -> Option<Dialect> {
        match self {
            Self::Gemini => Some(Dialect::Gemini),
            Self::OpenAi => Some(Dialect::OpenAi),
            Self::ByClient => Dialect::of_client(&name()),
        }
    }
}

#[cfg(feature = "cli")]
impl SchemaDialect {
    /// Returns the form that all clients of this name receive.
    pub(crate) fn fixed(self, name: &str) -> Option<Self> {
        let dialect = self.for_client(|| name.to_owned())?;
        Some(match dialect {
            Dialect::Gemini => Self::Gemini,
            Dialect::OpenAi => Self::OpenAi,
        })
    }
}

/// A mark within a guide: the value is a string with JSON.
pub(super) const JSON_TEXT: &str = "x-json-text";

/// A mark within a guide: the properties that are null if they have no value.
pub(super) const OMITTABLE: &str = "x-omittable";

/// The keyword that makes clients of the protocol repeat an argument in a header, before any model sees the schema.
pub(super) const HEADER: &str = "x-mcp-header";

/// The members of a schema.
pub(super) type Members = Map<String, Value>;

/// Returns the description of a schema, or its title.
pub(super) fn description_of(members: &Members) -> Option<String> {
    let texts = ["description", "title"].map(|name| members.get(name)?.as_str());
    texts.into_iter().flatten().next().map(str::to_owned)
}

/// Sets the description of a form: a text, and notes in parentheses.
pub(super) fn describe(form: &mut Members, text: Option<&str>, notes: &[String]) {
    let notes = notes.join("; ");
    let description = match (text.unwrap_or_default(), notes.as_str()) {
        ("", "") => return,
        (text, "") => text.to_owned(),
        ("", notes) => notes.to_owned(),
        (text, notes) => format!("{text} ({notes})"),
    };
    form.insert("description".to_owned(), description.into());
}

/// Returns the members of an object.
pub(super) fn members_of(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        _ => Members::new(),
    }
}
