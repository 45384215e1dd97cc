//! The HTTP request of a call.

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use mcp_grammar::percent::LEGAL;
use serde_json::{Map, Value};

use super::body::Body;
use super::document::push_encoded;
use super::parameter::{Parameter, Place};
use super::security::Credentials;

/// A piece of the path of an operation.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// A text that is written as it is.
    Literal(String),
    /// The name of a parameter.
    Parameter(String),
}

/// The path of an operation, with its parameters.
#[derive(Debug)]
pub(super) struct Path(Vec<Piece>);

impl Path {
    /// Parses a path such as `/users/{id}`.
    pub(super) fn parse(path: &str) -> Self {
        // A fragment is never sent.
        let mut rest = path.split('#').next().unwrap_or_default();
        let mut pieces = Vec::new();
        let literal = |text: &str| {
            let mut literal = String::new();
            push_encoded(&mut literal, text, |byte| LEGAL.contains(byte));
            Piece::Literal(literal)
        };
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            pieces.push(literal(before));
            pieces.push(Piece::Parameter(name.to_owned()));
            rest = after;
        }
        pieces.push(literal(rest));
        Self(pieces)
    }

    /// Returns the names of the parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Writes the path with the values of its parameters, none of which can leave its segment.
    fn expand(
        &self,
        parameters: &[Parameter],
        arguments: &Map<String, Value>,
    ) -> Result<String, String> {
        let mut path = String::new();
        for piece in &self.0 {
            let name = match piece {
                Piece::Literal(text) => {
                    path.push_str(text);
                    continue;
                }
                Piece::Parameter(name) => name,
            };
            let parameter = parameters
                .iter()
                .find(|it| it.place == Place::Path && it.name == *name)
                .ok_or_else(|| format!("the path needs `{name}`, which is no parameter"))?;
            let argument = &parameter.argument;
            let value = arguments.get(argument).filter(|it| !it.is_null());
            let value = value.ok_or_else(|| format!("`{argument}` is missing"))?;
            let written = parameter.format.path(name, value);
            if written.is_empty() {
                return Err(format!(
                    "`{argument}` is part of the path and must not be empty"
                ));
            }
            path.push_str(&written);
        }
        let before_query = path.split('?').next().unwrap_or_default();
        if before_query.split('/').any(|it| it == "." || it == "..") {
            return Err("a part of the path is `.` or `..`, which is not accepted: it would be another path".to_owned());
        }
        Ok(path)
    }
}

/// The parts of an operation's requests.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) method: Method,
    /// The base URL, without a slash at the end.
    pub(super) base: String,
    pub(super) path: Path,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    /// The header `Accept`.
    pub(super) accept: String,
}

impl Template {
    /// Returns the request for these arguments.
    ///
    /// # Errors
    /// Returns an error for the model if an argument cannot be sent.
    pub(super) fn request(
        &self,
        arguments: &Map<String, Value>,
        credentials: &Credentials,
    ) -> Result<Request<Bytes>, String> {
        let mut url = format!(
            "{}{}",
            self.base,
            self.path.expand(&self.parameters, arguments)?
        );
        let mut cookies = Vec::new();
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = self.method.clone();
        for parameter in &self.parameters {
            let value = arguments.get(&parameter.argument);
            let Some(value) = value.filter(|it| !it.is_null()) else {
                continue;
            };
            let (name, format) = (&parameter.name, parameter.format);
            match parameter.place {
                Place::Path => {}
                Place::Query => {
                    for (name, value) in format.pairs(name, value) {
                        push_query(&mut url, &name, &value);
                    }
                }
                Place::Cookie => {
                    let pairs = format.pairs(name, value).into_iter();
                    cookies.extend(pairs.map(|(name, value)| format!("{name}={value}")));
                }
                Place::Header => {
                    let text = format.header(value);
                    let value = header_value(&text)
                        .map_err(|why| format!("`{}` {why}", parameter.argument))?;
                    request.headers_mut().append(header_name(name)?, value);
                }
            }
        }
        for (name, value) in &credentials.query {
            push_query(&mut url, name, value.expose());
        }
        let secret = credentials.cookies.iter();
        cookies.extend(secret.map(|(name, value)| format!("{name}={}", value.expose())));
        let uri: Result<Uri, _> = url.parse();
        *request.uri_mut() = uri.map_err(|error| format!("the URL is not valid: {error}"))?;
        self.write_body(arguments, &mut request)?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, header_value(&self.accept)?);
        if !cookies.is_empty() {
            headers.insert(COOKIE, header_value(&cookies.join("; "))?);
        }
        for (name, value) in &credentials.headers {
            let mut value = header_value(value.expose())
                .map_err(|_| format!("the credential in `{name}` is not valid in a header"))?;
            value.set_sensitive(true);
            headers.insert(header_name(name)?, value);
        }
        Ok(request)
    }

    fn write_body(
        &self,
        arguments: &Map<String, Value>,
        request: &mut Request<Bytes>,
    ) -> Result<(), String> {
        let Some(body) = &self.body else {
            return Ok(());
        };
        if let Some(value) = arguments.get(&body.argument) {
            let (media, bytes) = body.encode(value)?;
            *request.body_mut() = bytes.into();
            let headers = request.headers_mut();
            headers.insert(CONTENT_TYPE, header_value(&media)?);
        }
        Ok(())
    }
}

/// Adds a pair to the query of a URL.
fn push_query(url: &mut String, name: &str, value: &str) {
    let separator = if url.contains('?') { "&" } else { "?" };
    url.extend([separator, name, "=", value]);
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = name.parse();
    parsed.map_err(|_| format!("the specification has the header {name:?}, which is not valid"))
}

/// Returns the value of a header. It has no line breaks, which would begin another header.
fn header_value(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    value.map_err(|_| "has characters that a header cannot have, such as a line break".to_owned())
}
