//! Parameters of an operation: where their values are sent, and the arguments that they become.

use serde_json::{Map, Value, json};

use super::document::Document;
use super::names::valid_name;
use super::schema::{Converter, References};
use super::style::{Format, Style};

/// The place of a parameter in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

impl Place {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "path" => Self::Path,
            "query" => Self::Query,
            "header" => Self::Header,
            "cookie" => Self::Cookie,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// A parameter of an operation.
#[derive(Debug)]
pub(super) struct Parameter {
    /// The name of the argument.
    pub(super) argument: String,
    /// The name in the request.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) format: Format,
    pub(super) is_required: bool,
    /// The schema of the argument.
    pub(super) schema: Value,
}

/// Headers that a request has for other reasons. The specification ignores the first three; the others would change the meaning of
/// the request.
const RESERVED_HEADERS: [&str; 12] = [
    "accept",
    "authorization",
    "content-type",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The names of the arguments of a tool, each given once.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<String>);

impl Arguments {
    /// Returns the name of an argument: that of the parameter, made valid. If it is taken, the place follows it.
    pub(super) fn name(&mut self, name: &str, place: &str) -> String {
        let mut name = valid_name(name);
        while self.0.contains(&name) {
            name = valid_name(&format!("{name}_{place}"));
        }
        self.0.push(name.clone());
        name
    }
}

/// Returns the parameters of an operation and its path, in the order of their places. Those of the operation replace those of the
/// path with the same name and place. `is_secret` returns `true` for those that the security schemes of the specification send.
///
/// # Errors
/// Returns what is wrong with a parameter.
pub(super) fn parameters<'d>(
    document: &'d Document,
    lists: [&'d Value; 2],
    is_secret: impl Fn(Place, &str) -> bool,
    schemas: (&mut Converter<'d>, &mut References),
    arguments: &mut Arguments,
) -> Result<Vec<Parameter>, String> {
    let (converter, references) = schemas;
    let mut found: Vec<(Place, &'d str, &'d Value)> = Vec::new();
    for parameter in lists.into_iter().filter_map(Value::as_array).flatten() {
        let parameter = document.resolve(parameter)?;
        let name = parameter["name"].as_str();
        let place = parameter["in"].as_str().and_then(Place::named);
        let (Some(name), Some(place)) = (name, place) else {
            return Err(format!(
                "the parameter {} has no `name` or no known `in`",
                parameter["name"]
            ));
        };
        let is_reserved = place == Place::Header
            && RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        if is_reserved || is_secret(place, name) {
            continue;
        }
        match found.iter_mut().find(|it| it.0 == place && it.1 == name) {
            Some(known) => known.2 = parameter,
            None => found.push((place, name, parameter)),
        }
    }
    found.sort_by_key(|(place, ..)| *place as u8);
    let parameters = found.into_iter().map(|(place, name, parameter)| {
        let (schema, format) = shape(parameter, place, converter, references)
            .map_err(|why| format!("the parameter `{name}` {why}"))?;
        Ok(Parameter {
            argument: arguments.name(name, place.name()),
            name: name.to_owned(),
            place,
            format,
            is_required: place == Place::Path || parameter["required"] == true,
            schema: described(schema, parameter),
        })
    });
    parameters.collect()
}

/// Returns the schema and the format of a parameter.
fn shape<'d>(
    parameter: &'d Value,
    place: Place,
    converter: &mut Converter<'d>,
    references: &mut References,
) -> Result<(Value, Format), String> {
    if let Some(content) = parameter.get("content").and_then(Value::as_object) {
        let Some((media, content)) = content.iter().next() else {
            return Err("has an empty `content`".to_owned());
        };
        let is_json = media.starts_with("application/json") || media.contains("+json");
        let schema = content.get("schema");
        let schema = schema.map_or(json!({}), |it| converter.convert(it, references));
        let style = if is_json { Style::Json } else { Style::Simple };
        let format = Format {
            style,
            explode: false,
            allow_reserved: false,
        };
        return Ok((schema, format));
    }
    let schema = parameter.get("schema");
    let schema = schema.map_or(json!({ "type": "string" }), |it| {
        converter.convert(it, references)
    });
    let style = match parameter["style"].as_str() {
        None if matches!(place, Place::Path | Place::Header) => Style::Simple,
        None => Style::Form,
        Some(name) => {
            Style::named(name).ok_or_else(|| format!("has the unknown style `{name}`"))?
        }
    };
    let explode = parameter["explode"].as_bool();
    let format = Format {
        style,
        explode: explode.unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
        allow_reserved: parameter["allowReserved"] == true,
    };
    Ok((schema, format))
}

/// Adds the description of a parameter to its schema.
fn described(schema: Value, parameter: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(schema) => schema,
        other => return other,
    };
    let description = parameter["description"].as_str();
    if let Some(description) = description.filter(|it| !it.trim().is_empty()) {
        schema.insert("description".to_owned(), description.trim().into());
    }
    if parameter["deprecated"] == true {
        schema.insert("deprecated".to_owned(), true.into());
    }
    if let Some(example) = parameter
        .get("example")
        .filter(|it| !it.is_object() && !it.is_array())
        && !schema.contains_key("examples")
    {
        schema.insert("examples".to_owned(), json!([example]));
    }
    Value::Object(schema)
}

/// Adds parameters to the schema of the arguments.
pub(super) fn add(parameters: &[Parameter], properties: &mut Map<String, Value>) -> Vec<Value> {
    let mut required = Vec::new();
    for parameter in parameters {
        properties.insert(parameter.argument.clone(), parameter.schema.clone());
        if parameter.is_required {
            required.push(parameter.argument.as_str().into());
        }
    }
    required
}
