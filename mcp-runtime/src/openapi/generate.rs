//! The components of a specification: names, schemas, descriptions and hints.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hyper::{Method, Uri};
use serde_json::{Map, Value, json};

use super::body::body;
use super::call::{Api, Described, Operation};
use super::client::ApiClient;
use super::document::Document;
use super::lazy::Schema;
use super::links::{ToolNames, links};
use super::names::{valid_name, with_digest};
use super::operation::{ExposeAs, OpenApiOperation, operations};
use super::parameter::{Arguments, Parameter, Place, add, parameters};
use super::request::{Path, Template};
use super::response::{Output, is_json, shortened};
use super::schema::{Converter, Direction, References};
use super::security::{Scheme, alternatives, is_secret, schemes};
use super::style::{Format, Style};
use super::{OpenApi, Secrets};
use crate::context::Context;
use crate::registry::{Component, Resource, Tool};

/// The maximum length of a description in bytes, so that the APIs of all models accept it.
const LONGEST_DESCRIPTION: usize = 1000;

/// The maximum length of a title in bytes.
const LONGEST_TITLE: usize = 100;

/// The maximum depth and number of the parts of a schema that are read to find whether its values are objects.
const DEEPEST: usize = 3;
const MOST_PARTS: usize = 32;

/// An operation with its name and kind.
struct Chosen<'d> {
    operation: OpenApiOperation<'d>,
    name: String,
    is_resource: bool,
    description: Option<&'d str>,
}

/// Returns the components of a specification.
///
/// # Errors
/// Returns all problems of the operations that are not hidden, and of the options.
pub(super) fn components(
    spec: OpenApi,
    client: Box<dyn ApiClient>,
) -> Result<Vec<Component>, Vec<String>> {
    let OpenApi {
        document,
        base_url,
        secrets,
        rules,
        names,
        descriptions,
    } = spec;
    let all = operations(&document).map_err(|problem| vec![problem])?;
    let schemes = schemes(&document);
    let mut problems = unknown_keys(&all, [&names, &descriptions]);
    problems.extend(unknown_schemes(&secrets, &schemes));
    let rules = rules.as_deref();
    let chosen = choose(&all, rules, &names, &descriptions);
    let tools: ToolNames = Arc::new(tool_names(&chosen));
    let mut generator = Generator {
        document: &document,
        base_url: base_url.as_deref(),
        schemes,
        inputs: Converter::new(&document, Direction::Input),
        outputs: Converter::new(&document, Direction::Output),
        api: Arc::new(Api {
            client,
            secrets,
            tools,
        }),
    };
    let mut components = Vec::new();
    for chosen in &chosen {
        match generator.component(chosen) {
            Ok(component) => components.push(component),
            Err(found) => {
                let place = chosen.operation.place();
                problems.extend(found.into_iter().map(|it| format!("{place}: {it}")));
            }
        }
    }
    if problems.is_empty() {
        Ok(components)
    } else {
        Err(problems)
    }
}

/// Returns a problem for each option that means no operation.
fn unknown_keys(all: &[OpenApiOperation<'_>], options: [&[(String, String)]; 2]) -> Vec<String> {
    let keys = options.into_iter().flatten().map(|(key, _)| key);
    let unknown = keys.filter(|key| !all.iter().any(|it| it.is_called(key)));
    let problems = unknown.map(|key| {
        format!(
            "there is no operation `{key}`: write its `operationId`, or its method and path such as `GET /users/{{id}}`"
        )
    });
    problems.collect()
}

fn unknown_schemes(secrets: &Secrets, schemes: &[Arc<Scheme>]) -> Vec<String> {
    let known: Vec<_> = schemes.iter().map(|it| it.name.as_str()).collect();
    let unknown = secrets.fixed.keys();
    let unknown = unknown.filter(|name| !known.contains(&name.as_str()));
    let mut problems: Vec<_> = unknown
        .map(|name| {
            let known = known.join("`, `");
            format!("there is no security scheme `{name}` that can have a secret; known: `{known}`")
        })
        .collect();
    problems.sort();
    problems
}

/// Returns the operations that become components, with their names.
fn choose<'d>(
    all: &[OpenApiOperation<'d>],
    rules: Option<&super::Rules>,
    names: &'d [(String, String)],
    descriptions: &'d [(String, String)],
) -> Vec<Chosen<'d>> {
    let mut taken = HashSet::new();
    let mut chosen = Vec::new();
    for operation in all {
        let kind = rules.map_or(ExposeAs::Tool, |rules| rules(operation));
        if kind == ExposeAs::Hidden {
            continue;
        }
        let find = |options: &'d [(String, String)]| {
            let option = options.iter().rev().find(|it| operation.is_called(&it.0));
            option.map(|(_, value)| value.as_str())
        };
        let given = find(names).map(str::to_owned);
        let is_given = given.is_some();
        let place = operation.place();
        let mut name = given.unwrap_or_else(|| match operation.id() {
            Some(id) => valid_name(id),
            None => valid_name(&place.replacen(operation.method(), operation.method, 1)),
        });
        // A wrong or double name of the user is an error when the server is built.
        if !is_given && taken.contains(&name) {
            name = with_digest(&name, &place);
        }
        taken.insert(name.clone());
        chosen.push(Chosen {
            operation: *operation,
            name,
            is_resource: kind == ExposeAs::Resource,
            description: find(descriptions),
        });
    }
    chosen
}

/// Returns the names of the tools by what links call their operations.
fn tool_names(chosen: &[Chosen<'_>]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for tool in chosen.iter().filter(|it| !it.is_resource) {
        let operation = &tool.operation;
        let id = operation.id().map(str::to_owned);
        let path = operation.path.replace('~', "~0").replace('/', "~1");
        let reference = format!("#/paths/{path}/{}", operation.method);
        for key in id.into_iter().chain([reference]) {
            names.insert(key, tool.name.clone());
        }
    }
    names
}

struct Generator<'d> {
    document: &'d Document,
    base_url: Option<&'d str>,
    schemes: Vec<Arc<Scheme>>,
    inputs: Converter<'d>,
    outputs: Converter<'d>,
    api: Arc<Api>,
}

impl<'d> Generator<'d> {
    fn component(&mut self, chosen: &Chosen<'d>) -> Result<Component, Vec<String>> {
        let result = if chosen.is_resource {
            self.resource(chosen).map(Component::from)
        } else {
            self.tool(chosen).map(Component::from)
        };
        let mut problems = self.inputs.take_problems();
        problems.extend(self.outputs.take_problems());
        match result {
            Ok(component) if problems.is_empty() => Ok(component),
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.push(problem);
                Err(problems)
            }
        }
    }

    fn tool(&mut self, chosen: &Chosen<'d>) -> Result<Tool, String> {
        let operation = &chosen.operation;
        let mut references = References::default();
        let mut arguments = Arguments::default();
        let parameters = self.parameters(operation, &mut references, &mut arguments)?;
        let body = body(
            self.document,
            operation.value,
            &mut self.inputs,
            &mut references,
        )?;
        let mut properties = Map::new();
        let mut required = add(&parameters, &mut properties);
        let body = body.map(|(mut body, schema)| {
            body.argument = arguments.name(&body.argument, "body");
            properties.insert(body.argument.clone(), schema);
            if body.is_required {
                required.push(body.argument.as_str().into());
            }
            body
        });
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties.into());
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        schema.insert("additionalProperties".to_owned(), false.into());
        self.inputs.define(&mut schema, references);
        let output = self.output(operation);
        let output_schema = output.as_ref().map(|it| it.schema.value().clone());
        let called = self.operation(chosen, parameters, body, output)?;
        let schema = Value::Object(schema);
        let input = Schema::new(schema.clone());
        let called = Arc::new((called, input));
        let handler = move |arguments: Value, _: Context| {
            let called = Arc::clone(&called);
            async move {
                let (called, input) = &*called;
                input.check_arguments(&arguments)?;
                called.call(arguments).await
            }
        };
        let tool = Tool::new(chosen.name.as_str(), schema, handler);
        let mut tool = tool.checks_itself(output_schema);
        tool.definition.is_generated = true;
        tool = match operation.method {
            "get" => tool.read_only(true),
            "put" => tool.idempotent(true),
            "delete" => tool.destructive(true).idempotent(true),
            _ => tool,
        };
        if let Some(title) = operation.value["summary"].as_str().map(str::trim)
            && !title.is_empty()
            && title.len() <= LONGEST_TITLE
        {
            tool = tool.title(title);
        }
        for tag in operation.tags().filter(|tag| !tag.trim().is_empty()) {
            tool = tool.tag(tag);
        }
        Ok(tool.description(description(chosen)))
    }

    fn resource(&mut self, chosen: &Chosen<'d>) -> Result<Resource, String> {
        let operation = &chosen.operation;
        if operation.method != "get" {
            return Err(format!(
                "only operations with the method GET can be resources, not {}: expose it as a tool",
                operation.method()
            ));
        }
        let mut arguments = Arguments::default();
        let mut references = References::default();
        let mut parameters = self.parameters(operation, &mut references, &mut arguments)?;
        for parameter in &mut parameters {
            // The names of variables in templates have no `-`.
            parameter.argument = parameter.argument.replace('-', "_");
        }
        let is_sent = |it: &Parameter| matches!(it.place, Place::Path | Place::Query);
        if let Some(other) = parameters.iter().find(|it| !is_sent(it) && it.is_required) {
            return Err(format!(
                "a resource has no place for the parameter `{}` in a {}: expose the operation as a tool",
                other.name,
                other.place.name()
            ));
        }
        let variables: Vec<_> = parameters
            .iter()
            .filter(|it| it.place == Place::Query)
            .map(|it| {
                let explode = if it.schema["type"] == "array" {
                    "*"
                } else {
                    ""
                };
                format!("{}{explode}", it.argument)
            })
            .collect();
        let mut uri = format!("api:/{}", operation.path.trim_end_matches('/'));
        for parameter in parameters.iter().filter(|it| it.place == Place::Path) {
            let (name, argument) = (&parameter.name, &parameter.argument);
            uri = uri.replace(&format!("{{{name}}}"), &format!("{{{argument}}}"));
        }
        if !variables.is_empty() {
            uri = format!("{uri}{{?{}}}", variables.join(","));
        }
        let called = Arc::new(self.operation(chosen, parameters, None, None)?);
        let media = self.response_media(operation).into_iter().next();
        let handler = move |variables: Value, _: Context| {
            let called = Arc::clone(&called);
            async move { called.read(variables).await }
        };
        let mut resource = Resource::new(uri, chosen.name.as_str(), handler);
        resource.definition.is_generated = true;
        if let Some(media) = media.filter(|it| mcp_grammar::name::is_media_type(it)) {
            resource = resource.mime(media);
        }
        for tag in operation.tags().filter(|tag| !tag.trim().is_empty()) {
            resource = resource.tag(tag);
        }
        Ok(resource.description(description(chosen)))
    }

    fn parameters(
        &mut self,
        operation: &OpenApiOperation<'d>,
        references: &mut References,
        arguments: &mut Arguments,
    ) -> Result<Vec<Parameter>, String> {
        let lists = [
            &operation.item["parameters"],
            &operation.value["parameters"],
        ];
        let schemes = &self.schemes;
        let mut parameters = parameters(
            self.document,
            lists,
            |place, name| is_secret(schemes, place, name),
            (&mut self.inputs, references),
            arguments,
        )?;
        let path = Path::parse(operation.path);
        parameters.retain(|it| it.place != Place::Path || path.names().any(|name| name == it.name));
        for name in path.names() {
            let is_known = |it: &Parameter| it.place == Place::Path && it.name == name;
            if !parameters.iter().any(is_known) {
                parameters.insert(0, undeclared(name, arguments));
            }
        }
        Ok(parameters)
    }

    /// Returns the operation as it is called.
    fn operation(
        &self,
        chosen: &Chosen<'d>,
        parameters: Vec<Parameter>,
        body: Option<super::body::Body>,
        output: Option<Output>,
    ) -> Result<Operation, String> {
        let operation = &chosen.operation;
        let base = self.base(operation)?;
        let method: Method = operation
            .method()
            .parse()
            .map_err(|_| format!("`{}` is no method", operation.method()))?;
        let home = self.home();
        let is_home = home.is_some_and(|home| origin(&home) == origin(&base));
        let security = alternatives(self.document, operation.value, &self.schemes);
        let mut accepted = self.response_media(operation);
        // A server may choose the first one.
        accepted.sort_by_key(|media| !is_json(media));
        accepted.truncate(4);
        accepted.push("*/*;q=0.1".to_owned());
        Ok(Operation {
            api: Arc::clone(&self.api),
            name: chosen.name.clone(),
            template: Template {
                method,
                base,
                path: Path::parse(operation.path),
                parameters,
                body,
                accept: accepted.join(", "),
            },
            security: is_home.then_some(security),
            responses: self.described(operation),
            output,
        })
    }

    /// Returns the base URL of an operation, without a slash at the end.
    fn base(&self, operation: &OpenApiOperation<'d>) -> Result<String, String> {
        if let Some(url) = self.base_url {
            return checked_base(url.to_owned(), true);
        }
        let own = [operation.value, operation.item].into_iter();
        let url = own.map(server).find_map(|it| it).or_else(|| self.home());
        let url = url.ok_or("the specification has no `servers`: set `.base_url(..)`")?;
        checked_base(url, false)
    }

    /// Returns the URL that credentials are meant for: the base URL, or the first server of the specification.
    fn home(&self) -> Option<String> {
        let url = self.base_url.map(str::to_owned);
        url.or_else(|| server_of(self.document.member("servers")))
    }

    /// Returns the responses of an operation with their statuses.
    fn responses(&self, operation: &OpenApiOperation<'d>) -> Vec<(&'d str, &'d Value)> {
        let responses = operation.value["responses"].as_object();
        let responses = responses.into_iter().flatten();
        let responses = responses.filter_map(|(status, response)| {
            let response = self.document.resolve(response).ok()?;
            Some((status.as_str(), response))
        });
        responses.collect()
    }

    fn described(&self, operation: &OpenApiOperation<'d>) -> Vec<Described> {
        let responses = self.responses(operation).into_iter();
        let responses = responses.map(|(status, response)| Described {
            statuses: status.to_owned(),
            description: shortened(response["description"].as_str().unwrap_or_default(), 300),
            links: links(self.document, response),
        });
        responses.collect()
    }

    /// Returns the media types of successful responses.
    fn response_media(&self, operation: &OpenApiOperation<'d>) -> Vec<String> {
        let mut found = Vec::new();
        for (_, response) in self.successes(operation) {
            let content = response.get("content").and_then(Value::as_object);
            for media in content.into_iter().flat_map(Map::keys) {
                let is_valid = mcp_grammar::name::is_media_type(media);
                if is_valid && !found.contains(media) {
                    found.push(media.clone());
                }
            }
        }
        found
    }

    fn successes(&self, operation: &OpenApiOperation<'d>) -> Vec<(&'d str, &'d Value)> {
        let mut responses = self.responses(operation);
        responses.retain(|(status, _)| status.starts_with('2'));
        if responses.is_empty() {
            responses = self.responses(operation);
            responses.retain(|(status, _)| *status == "default");
        }
        responses.sort_by_key(|(status, _)| *status);
        responses
    }

    /// Returns the schema of the result, if all successful responses with JSON have the same.
    fn output(&mut self, operation: &OpenApiOperation<'d>) -> Option<Output> {
        let mut sources: Vec<&'d Value> = Vec::new();
        for (_, response) in self.successes(operation) {
            let content = response.get("content").and_then(Value::as_object);
            let json = content
                .into_iter()
                .flatten()
                .find(|(media, _)| is_json(media.split(';').next().unwrap_or_default().trim()));
            let Some(schema) = json.and_then(|(_, content)| content.get("schema")) else {
                continue;
            };
            if !sources.contains(&schema) {
                sources.push(schema);
            }
        }
        let [source] = sources[..] else {
            return None;
        };
        let mut references = References::default();
        let is_object = self.is_object(source, 0);
        let (mut schema, wraps) = if is_object {
            let schema = self.outputs.convert_target(source, &mut references);
            let mut schema = schema.as_object().cloned().unwrap_or_default();
            schema.insert("type".to_owned(), "object".into());
            (schema, false)
        } else {
            let result = self.outputs.convert(source, &mut references);
            let mut schema = Map::new();
            schema.insert("type".to_owned(), "object".into());
            schema.insert("properties".to_owned(), json!({ "result": result }));
            (schema, true)
        };
        self.outputs.define(&mut schema, references);
        Some(Output {
            schema: Schema::new(schema.into()),
            wraps,
        })
    }

    /// Returns `true` if all values of a schema are objects.
    fn is_object(&self, schema: &Value, depth: usize) -> bool {
        let Ok(schema) = self.document.resolve(schema) else {
            return false;
        };
        if depth > DEEPEST || schema["nullable"] == true {
            return false;
        }
        if let Some(types) = schema.get("type") {
            return types == "object";
        }
        let parts = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
        let is_object = |part: &Value| self.is_object(part, depth + 1);
        if let Some(parts) = parts("allOf") {
            return parts.iter().take(MOST_PARTS).any(is_object);
        }
        if let Some(variants) = parts("oneOf").or_else(|| parts("anyOf")) {
            let is_small = (1..=MOST_PARTS).contains(&variants.len());
            return is_small && variants.iter().all(is_object);
        }
        schema.get("properties").is_some()
    }
}

/// Returns the parameter of a path whose specification does not describe it.
fn undeclared(name: &str, arguments: &mut Arguments) -> Parameter {
    Parameter {
        argument: arguments.name(name, Place::Path.name()),
        name: name.to_owned(),
        place: Place::Path,
        format: Format {
            style: Style::Simple,
            explode: false,
            allow_reserved: false,
        },
        is_required: true,
        schema: json!({ "type": "string" }),
    }
}

/// Returns the first server of an operation or path.
fn server(value: &Value) -> Option<String> {
    server_of(value.get("servers")?)
}

/// Returns the URL of the first server, with the defaults of its variables.
fn server_of(servers: &Value) -> Option<String> {
    let server = servers.get(0)?;
    let mut url = server["url"].as_str()?.to_owned();
    for (name, variable) in server["variables"].as_object().into_iter().flatten() {
        if let Some(default) = variable["default"].as_str() {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    Some(url)
}

/// Checks a base URL. That of a specification must be safe; that of the user is trusted.
fn checked_base(url: String, is_of_user: bool) -> Result<String, String> {
    let shown = encoded_for_error(&url);
    let uri: Uri = url
        .trim()
        .parse()
        .map_err(|_| format!("the base URL `{shown}` is not valid: set `.base_url(..)`"))?;
    let is_usable = uri.scheme().is_some();
    let authority = uri
        .authority()
        .filter(|it| is_usable && !it.as_str().contains('@'));
    let Some(authority) = authority else {
        return Err(format!(
            "the base URL `{shown}` is not absolute, or has a user: set `.base_url(..)` with one such as `https://example.com/v1`"
        ));
    };
    let host = authority.host().trim_matches(['[', ']']);
    let is_local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_of_user || is_local => {}
        _ if is_of_user => {
            return Err(format!(
                "the base URL `{shown}` is neither `https` nor `http`"
            ));
        }
        _ => {
            return Err(format!(
                "the server `{shown}` of the specification is not `https`: set `.base_url(\"{shown}\")` if you trust the network to it"
            ));
        }
    }
    if uri.query().is_some() {
        return Err(format!("the base URL `{shown}` has a query: remove it"));
    }
    Ok(uri.to_string().trim_end_matches('/').to_owned())
}

fn encoded_for_error(url: &str) -> String {
    let shown: String = url.chars().take(200).collect();
    shown.escape_default().to_string()
}

/// Returns the scheme and the authority of a URL.
fn origin(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.trim().parse().ok()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some((uri.scheme_str()?.to_owned(), authority))
}

/// Returns the description of a component: that of the user, or the summary and description of the operation.
fn description(chosen: &Chosen<'_>) -> String {
    if let Some(description) = chosen.description {
        return description.to_owned();
    }
    let operation = &chosen.operation;
    let text = |name: &str| operation.value[name].as_str().unwrap_or_default().trim();
    let (summary, long) = (text("summary"), text("description"));
    let mut parts = Vec::new();
    if operation.is_deprecated() {
        parts.push("Deprecated.");
    }
    if !summary.is_empty() && !long.starts_with(summary) {
        parts.push(summary);
    }
    if !long.is_empty() {
        parts.push(long);
    }
    if summary.is_empty() && long.is_empty() {
        let place = operation.place();
        parts.push(&place);
        return parts.join(" ");
    }
    shortened(&parts.join("\n\n"), LONGEST_DESCRIPTION)
}
