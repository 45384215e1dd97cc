//! The components of a specification: names, schemas, descriptions and hints.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value, json};

use super::base::{checked_base, origin, server, server_of};
use super::body::{Body, body};
use super::call::{Api, Operation};
use super::choose::{Chosen, choose, description, tool_names, unknown_keys, unknown_schemes};
use super::client::ApiClient;
use super::document::Document;
use super::lazy::Schema;
use super::links::ToolNames;
use super::operation::{OpenApiOperation, operations};
use super::options::Options;
use super::output::{described, output, response_media};
use super::parameter::{Arguments, Parameter, Place, add, parameters};
use super::request::{Path, Template};
use super::response::{Output, is_json};
use super::schema::{Converter, Direction, References};
use super::security::{Scheme, alternatives, is_secret, schemes};
use super::style::{Format, Style};
use crate::context::Context;
use crate::registry::{Component, Resource, Tool};

/// The maximum length of a title in bytes.
const LONGEST_TITLE: usize = 100;

/// Returns the components of a specification.
///
/// # Errors
/// Returns all problems of the operations that are not hidden, and of the options.
pub(super) fn components(
    options: Options,
    client: Box<dyn ApiClient>,
) -> Result<Vec<Component>, Vec<String>> {
    let Options {
        document,
        base_url,
        secrets,
        rules,
        names,
        descriptions,
    } = options;
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
        let (schema, parameters, body) = self.arguments(operation)?;
        let output = output(self.document, operation, &mut self.outputs);
        let (output, output_schema) = output.unzip();
        let called = self.operation(chosen, parameters, body, output)?;
        let called = Arc::new((called, Schema::new(&schema)));
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
        let tags = operation.tags().filter(|tag| !tag.trim().is_empty());
        Ok(tags.fold(tool.description(description(chosen)), Tool::tag))
    }

    /// Returns the schema of the arguments of a tool, and what they become.
    fn arguments(
        &mut self,
        operation: &OpenApiOperation<'d>,
    ) -> Result<(Value, Vec<Parameter>, Option<Body>), String> {
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
        Ok((schema.into(), parameters, body))
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
        let uri = resource_uri(operation.path, &parameters);
        let called = Arc::new(self.operation(chosen, parameters, None, None)?);
        let media = response_media(self.document, operation).into_iter().next();
        let handler = move |variables: Value, _: Context| {
            let called = Arc::clone(&called);
            async move { called.read(variables).await }
        };
        let mut resource = Resource::new(uri, chosen.name.as_str(), handler);
        resource.definition.is_generated = true;
        if let Some(media) = media.filter(|it| mcp_grammar::name::is_media_type(it)) {
            resource = resource.mime(media);
        }
        let tags = operation.tags().filter(|tag| !tag.trim().is_empty());
        Ok(tags.fold(resource.description(description(chosen)), Resource::tag))
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
        body: Option<Body>,
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
        let mut accepted = response_media(self.document, operation);
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
            responses: described(self.document, operation),
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

/// Returns the URI template of a resource: the path with the query parameters.
fn resource_uri(path: &str, parameters: &[Parameter]) -> String {
    let mut uri = format!("api:/{}", path.trim_end_matches('/'));
    let at = |place: Place| parameters.iter().filter(move |it| it.place == place);
    for parameter in at(Place::Path) {
        let (name, argument) = (&parameter.name, &parameter.argument);
        uri = uri.replace(&format!("{{{name}}}"), &format!("{{{argument}}}"));
    }
    let variables = at(Place::Query).map(|it| {
        let explode = if it.schema["type"] == "array" {
            "*"
        } else {
            ""
        };
        format!("{}{explode}", it.argument)
    });
    let variables = variables.collect::<Vec<_>>().join(",");
    if variables.is_empty() {
        uri
    } else {
        format!("{uri}{{?{variables}}}")
    }
}
