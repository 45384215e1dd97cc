//! Request bodies: the schema of the argument `body`, and the bytes that it becomes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::schema::{Converter, References};
use super::style::{Format, Style, text};

/// The name of the argument, unless a parameter has it.
pub(super) const ARGUMENT: &str = "body";

/// A body of an operation.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) argument: String,
    pub(super) media: String,
    kind: Kind,
    pub(super) is_required: bool,
}

/// The encoding of a body.
#[derive(Debug)]
enum Kind {
    Json,
    /// Pairs of a form, with the formats of some members.
    Form(Vec<(String, Format)>),
    /// Parts, with the media types of some members, and the members that are files.
    Multipart {
        media: Vec<(String, String)>,
        files: Vec<String>,
    },
    Text,
    /// Bytes as base64.
    Binary,
}

/// The form of a value of a form without another one.
const FORM: Format = Format {
    style: Style::Form,
    explode: true,
    allow_reserved: false,
};

/// Returns the body of an operation and the schema of its argument. If there are several media types, the one is used whose
/// values a model can write best.
///
/// # Errors
/// Returns what is wrong with the body.
pub(super) fn body<'d>(
    document: &'d Document,
    operation: &'d Value,
    converter: &mut Converter<'d>,
    references: &mut References,
) -> Result<Option<(Body, Value)>, String> {
    let Some(body) = operation.get("requestBody") else {
        return Ok(None);
    };
    let body = document.resolve(body)?;
    let content = body.get("content").and_then(Value::as_object);
    let best = content
        .into_iter()
        .flatten()
        .min_by_key(|(media, _)| rank(media));
    let Some((media, content)) = best else {
        return Ok(None);
    };
    let (kind, mut schema) = match rank(media) {
        0 | 1 => (Kind::Json, of_schema(content, converter, references)),
        2 => multipart(document, content, converter, references)?,
        3 => {
            let kind = Kind::Form(formats(content));
            (kind, of_schema(content, converter, references))
        }
        4 => (Kind::Text, json!({ "type": "string" })),
        _ => {
            let schema = json!({ "type": "string", "contentEncoding": "base64" });
            (Kind::Binary, schema)
        }
    };
    let media = if media.contains('*') {
        match kind {
            Kind::Json => "application/json",
            Kind::Text => "text/plain",
            _ => "application/octet-stream",
        }
        .to_owned()
    } else {
        media.clone()
    };
    if let Some(schema) = schema.as_object_mut() {
        let description = body["description"].as_str().map(str::trim);
        if let Some(description) = description.filter(|it| !it.is_empty()) {
            schema.insert("description".to_owned(), description.into());
        } else if !matches!(kind, Kind::Json) && !schema.contains_key("description") {
            let description = match kind {
                Kind::Binary => format!("The bytes of the body in base64, of the type {media}."),
                _ => format!("Sent as {media}."),
            };
            schema.insert("description".to_owned(), description.into());
        }
    }
    let body = Body {
        argument: ARGUMENT.to_owned(),
        media,
        kind,
        is_required: body["required"] == true,
    };
    Ok(Some((body, schema)))
}

/// Returns the rank of a media type, the best first: JSON, another JSON, multipart, a form, text, bytes.
fn rank(media: &str) -> u8 {
    let media = media.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    match media.as_str() {
        "application/json" => 0,
        "*/*" | "application/*" => 1,
        _ if media.ends_with("+json") => 1,
        _ if media.starts_with("multipart/") => 2,
        "application/x-www-form-urlencoded" => 3,
        "application/xml" | "application/yaml" | "application/x-ndjson" => 4,
        _ if media.starts_with("text/") || media.ends_with("+xml") => 4,
        _ => 5,
    }
}

fn of_schema<'d>(
    content: &'d Value,
    converter: &mut Converter<'d>,
    references: &mut References,
) -> Value {
    let schema = content.get("schema");
    schema.map_or(json!({}), |it| converter.convert(it, references))
}

/// Returns the formats of the members of a form that have an `encoding`.
fn formats(content: &Value) -> Vec<(String, Format)> {
    let encodings = content.get("encoding").and_then(Value::as_object);
    let formats = encodings.into_iter().flatten().map(|(name, encoding)| {
        let style = encoding["style"].as_str().and_then(Style::named);
        let is_json = style.is_none()
            && encoding["contentType"]
                .as_str()
                .is_some_and(|it| it.contains("json"));
        let style = if is_json {
            Style::Json
        } else {
            style.unwrap_or(Style::Form)
        };
        let explode = encoding["explode"].as_bool();
        let format = Format {
            style,
            explode: explode.unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
            allow_reserved: encoding["allowReserved"] == true,
        };
        (name.clone(), format)
    });
    formats.collect()
}

fn multipart<'d>(
    document: &'d Document,
    content: &'d Value,
    converter: &mut Converter<'d>,
    references: &mut References,
) -> Result<(Kind, Value), String> {
    let encodings = content.get("encoding").and_then(Value::as_object);
    let media = encodings
        .into_iter()
        .flatten()
        .filter_map(|(name, it)| Some((name.clone(), it["contentType"].as_str()?.to_owned())));
    let media: Vec<_> = media.collect();
    let mut files = Vec::new();
    let Some(source) = content.get("schema") else {
        return Ok((
            Kind::Multipart { media, files },
            json!({ "type": "object" }),
        ));
    };
    let source = document.resolve(source)?;
    let mut schema = converter.convert_target(source, references);
    let members = source.get("properties").and_then(Value::as_object);
    for (name, member) in members.into_iter().flatten() {
        let member = document.resolve(member)?;
        let items = member.get("items").map(|items| document.resolve(items));
        let file = if is_file(member) {
            file(member)
        } else if let Some(Ok(items)) = items
            && is_file(items)
        {
            json!({ "type": "array", "items": file(items) })
        } else {
            continue;
        };
        if let Some(slot) = schema.get_mut("properties").and_then(|it| it.get_mut(name)) {
            *slot = file;
            files.push(name.clone());
        }
    }
    Ok((Kind::Multipart { media, files }, schema))
}

/// Returns `true` for the schema of a file: `format: binary` in OpenAPI 3.0, and a media type in 3.1.
fn is_file(schema: &Value) -> bool {
    let is_binary = schema["format"] == "binary";
    let media = schema["contentMediaType"].as_str();
    let has_encoding = schema.get("contentEncoding").is_some();
    is_binary || (media.is_some_and(|it| !it.contains("json")) && !has_encoding)
}

/// Returns the schema of a file as an argument.
fn file(schema: &Value) -> Value {
    let mut file = json!({
        "type": "object",
        "properties": {
            "data": { "type": "string", "contentEncoding": "base64", "description": "The bytes in base64." },
            "name": { "type": "string", "description": "The name of the file." },
            "type": { "type": "string", "description": "The media type, such as image/png." },
        },
        "required": ["data"],
        "additionalProperties": false,
    });
    if let (Some(file), Some(description)) = (file.as_object_mut(), schema.get("description")) {
        file.insert("description".to_owned(), description.clone());
    }
    file
}

impl Body {
    /// Returns the media type and the bytes of a body.
    ///
    /// # Errors
    /// Returns an error if the argument has another form than its schema, or if its base64 is invalid.
    pub(super) fn encode(&self, value: &Value) -> Result<(String, Vec<u8>), String> {
        let media = self.media.clone();
        Ok(match &self.kind {
            Kind::Json => (media, value.to_string().into_bytes()),
            Kind::Text => (media, text(value).into_bytes()),
            Kind::Binary => (media, decoded(&self.argument, value)?),
            Kind::Form(formats) => (media, self.form(formats, value)?.into_bytes()),
            Kind::Multipart { media, files } => {
                let boundary = boundary()?;
                let mut bytes = Vec::new();
                for (name, value) in self.members(value)? {
                    let is_file = files.contains(name);
                    let media = media.iter().find(|(it, _)| it == name);
                    let media = media.map(|(_, media)| media.as_str());
                    let values = match value {
                        Value::Array(items) => items.as_slice(),
                        value => std::slice::from_ref(value),
                    };
                    for value in values.iter().filter(|it| !it.is_null()) {
                        let part = Part::of(name, value, media, is_file)?;
                        part.push(&boundary, &mut bytes);
                    }
                }
                bytes.extend(format!("--{boundary}--\r\n").bytes());
                (format!("{}; boundary={boundary}", self.media), bytes)
            }
        })
    }

    fn members<'v>(&self, value: &'v Value) -> Result<&'v Map<String, Value>, String> {
        let members = value.as_object();
        members.ok_or_else(|| format!("`{}` is an object, sent as {}", self.argument, self.media))
    }

    fn form(&self, formats: &[(String, Format)], value: &Value) -> Result<String, String> {
        let mut form = String::new();
        for (name, value) in self.members(value)? {
            let format = formats.iter().find(|(it, _)| it == name);
            let format = match format {
                Some((_, format)) => *format,
                // The default content type of an object is JSON.
                None if value.is_object() => Format {
                    style: Style::Json,
                    ..FORM
                },
                None => FORM,
            };
            for (name, value) in format.pairs(name, value) {
                let separator = if form.is_empty() { "" } else { "&" };
                form.extend([separator, &name, "=", &value]);
            }
        }
        Ok(form)
    }
}

/// A part of a multipart body.
struct Part<'v> {
    name: &'v str,
    file_name: Option<&'v str>,
    media: Option<&'v str>,
    bytes: Vec<u8>,
}

impl<'v> Part<'v> {
    fn of(
        name: &'v str,
        value: &'v Value,
        media: Option<&'v str>,
        is_file: bool,
    ) -> Result<Self, String> {
        if is_file {
            let own = value["type"].as_str();
            if let Some(media) = own.filter(|it| !mcp_grammar::name::is_media_type(it)) {
                return Err(format!(
                    "`{name}.type` is a media type such as `image/png`, not {media:?}"
                ));
            }
            let media = own.or(media.filter(|it| !it.contains([',', '*'])));
            return Ok(Self {
                name,
                file_name: Some(value["name"].as_str().unwrap_or("file")),
                media: Some(media.unwrap_or("application/octet-stream")),
                bytes: decoded(&format!("{name}.data"), &value["data"])?,
            });
        }
        let is_json = value.is_object() || value.is_array();
        let default = is_json.then_some("application/json");
        let media = media.filter(|it| mcp_grammar::name::is_media_type(it));
        Ok(Self {
            name,
            file_name: None,
            media: media.or(default),
            bytes: text(value).into_bytes(),
        })
    }

    fn push(&self, boundary: &str, out: &mut Vec<u8>) {
        let quoted = |text: &str| {
            let text = text.replace('"', "%22");
            text.replace('\r', "%0D").replace('\n', "%0A")
        };
        let mut head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            quoted(self.name)
        );
        if let Some(name) = self.file_name {
            head.extend(["; filename=\"", &quoted(name), "\""]);
        }
        if let Some(media) = self.media {
            head.extend(["\r\nContent-Type: ", media]);
        }
        out.extend(head.bytes());
        out.extend(b"\r\n\r\n");
        out.extend(&self.bytes);
        out.extend(b"\r\n");
    }
}

/// Returns a boundary that no part can contain by accident.
fn boundary() -> Result<String, String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| format!("there are no random bytes: {error}"))?;
    Ok(format!("mcp-{:032x}", u128::from_be_bytes(random)))
}

fn decoded(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let wrong = || format!("`{name}` is not base64: encode the bytes with the standard alphabet");
    let text = value.as_str().ok_or_else(wrong)?;
    STANDARD.decode(text.trim()).map_err(|_| wrong())
}
