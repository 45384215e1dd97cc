//! The parameters of a component: their declarations in the function, and the signature for calls.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::NeededState;
use super::complete::{COMPLETING, Completer};
use super::constraint::{Bounds, Constraints};
use super::flatten::{conflicts, flattening_mistake};
use super::header_params::HEADER_PARAM;
use crate::call::{ParameterSpec, Signature};
use crate::opaque::opaque_debug;
use crate::param::{Description, Param};
use crate::schema::{
    Budget, Patterns, Rules, Schemas, Validator, gather_variants, is_textual, publish, texts,
    without_null,
};

/// A parameter of a component, as declared by its function.
pub struct Parameter {
    name: &'static str,
    description: Option<&'static str>,
    default: Option<ShownValue>,
    complete: Option<Completer>,
    header: Option<&'static str>,
    constraints: Constraints,
    example: Option<ShownValue>,
    flattened: bool,
    nullable: bool,
    depends_on_caller: bool,
    describe: fn(&mut Description<'_>),
}

opaque_debug!(Parameter, |it| name: it.name);

/// A default or an example, which the schema contains if it can be serialised as JSON.
struct ShownValue(Option<Value>);

impl ShownValue {
    /// Returns the value unless it is null. Null means a missing argument, which needs no example and is no explicit default.
    fn shown(&self) -> Option<&Value> {
        self.0.as_ref().filter(|value| !value.is_null())
    }
}

impl Parameter {
    /// Creates a parameter of type `T`.
    pub fn of<'c, T: Param<'c>>(name: &'static str) -> Self {
        Self::new(name, T::DEPENDS_ON_CALLER, T::describe)
    }

    /// Creates a parameter that the user answers, so that it depends on the caller.
    pub fn asked(name: &'static str) -> Self {
        Self::new(name, true, |_| {})
    }

    fn new(
        name: &'static str,
        depends_on_caller: bool,
        describe: fn(&mut Description<'_>),
    ) -> Self {
        Self {
            name,
            description: None,
            default: None,
            complete: None,
            header: None,
            constraints: Constraints::default(),
            example: None,
            flattened: false,
            nullable: false,
            depends_on_caller,
            describe,
        }
    }

    /// Sets the description.
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Sets the default. `None` is a default that cannot be serialised as JSON.
    pub fn default(mut self, value: Option<Value>) -> Self {
        self.default = Some(ShownValue(value));
        self
    }

    /// Sets the completing function.
    pub fn complete(mut self, completer: Completer) -> Self {
        self.complete = Some(completer);
        self
    }

    /// Requests clients to repeat the argument in an HTTP header, whose name is `Mcp-Param-` followed by this name.
    pub fn header(mut self, name: &'static str) -> Self {
        self.header = Some(name);
        self
    }

    /// Sets the bounds of a number.
    pub fn range(mut self, bounds: Bounds) -> Self {
        self.constraints.range = Some(bounds);
        self
    }

    /// Sets the bounds of the number of characters of a string, items of a list or members of a map.
    pub fn length(mut self, bounds: Bounds) -> Self {
        self.constraints.length = Some(bounds);
        self
    }

    /// Sets the pattern that a string must match.
    pub fn pattern(mut self, pattern: &'static str) -> Self {
        self.constraints.pattern = Some(pattern);
        self
    }

    /// Sets an example.
    pub fn example(mut self, value: Option<Value>) -> Self {
        self.example = Some(ShownValue(value));
        self
    }

    /// Makes the members of the parameter's object arguments themselves.
    pub fn flatten(mut self) -> Self {
        self.flattened = true;
        self
    }

    /// Makes null a value of the argument, which is then required unless it has a default.
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Returns `true` if a property is set that applies to arguments only.
    fn has_argument_options(&self) -> bool {
        self.default.is_some()
            || self.complete.is_some()
            || self.header.is_some()
            || self.example.is_some()
            || self.flattened
            || self.nullable
            || !self.constraints.is_empty()
    }

    fn specify(
        &self,
        schemas: &mut Schemas,
        states: &mut Vec<NeededState>,
        problems: &mut Vec<String>,
    ) -> ParameterSpec {
        let mut description = Description::new(schemas);
        (self.describe)(&mut description);
        states.append(&mut description.states);
        if let Some(role) = description.only_in {
            problems.push(format!(
                "`{}` has a type that only {role} functions can take: remove it",
                self.name
            ));
        }
        let required = self.default.is_none() && (!description.optional || self.nullable);
        let nullable = description.nullable || self.nullable;
        let mut schema = description.schema;
        if let Some(schema) = schema.as_mut() {
            if description.optional && !nullable {
                without_null(schema);
            }
            if self.nullable && !accepts_null(schema) {
                let name = self.name;
                problems.push(format!(
                    "`{name}` is never null: make it an `Option`, or remove `nullable`"
                ));
            }
            self.constraints.narrow(self.name, schema, problems);
            let is_null = matches!(&self.default, Some(ShownValue(Some(Value::Null))));
            if is_null && !description.optional && schema["type"] == "number" {
                problems.push(format!(
                    "the default of `{}` is not finite, and JSON has no such number",
                    self.name
                ));
            }
            self.annotate(schema);
            gather_variants(schema);
            if self.flattened {
                problems.extend(flattening_mistake(self.name, schema, description.optional));
            }
        }
        ParameterSpec {
            name: self.name.to_owned(),
            schema,
            exact: description.exact && self.constraints.is_empty(),
            validator: None,
            required,
            description: self.description.map(str::to_owned),
            nullable,
            flattened: self.flattened,
            own_name: None,
            fixed: None,
        }
    }

    /// Adds the properties to the schema that its type does not provide.
    fn annotate(&self, schema: &mut Value) {
        let texts = texts(schema).is_some();
        let Some(schema) = schema.as_object_mut() else {
            return;
        };
        if let Some(name) = self.header {
            // Clients require a `type` at the top, but the schema of an enum may have one in each branch only.
            if texts && !schema.contains_key("type") {
                schema.insert("type".to_owned(), "string".into());
            }
            schema.insert(HEADER_PARAM.to_owned(), name.into());
        }
        if let Some(description) = self.description {
            schema.insert("description".to_owned(), description.into());
        }
        if let Some(value) = self.default.as_ref().and_then(ShownValue::shown) {
            schema.insert("default".to_owned(), value.clone());
        }
        if let Some(value) = self.example.as_ref().and_then(ShownValue::shown) {
            schema.insert("examples".to_owned(), Value::Array(vec![value.clone()]));
        }
    }

    /// Records a problem for a default or an example that the schema forbids.
    fn check_values(&self, schema: &Value, rules: &Rules<'_>, problems: &mut Vec<String>) {
        // A default without constraints is not checked, because a type may serialise in another form than it deserialises.
        let default = self
            .default
            .as_ref()
            .filter(|_| !self.constraints.is_empty());
        for (what, given) in [("default", default), ("example", self.example.as_ref())] {
            let Some(value) = given.and_then(ShownValue::shown) else {
                continue;
            };
            for mistake in rules.mistakes(value, schema, self.name) {
                problems.push(format!(
                    "its {what} breaks the rules of the argument: {mistake}"
                ));
            }
        }
    }
}

/// Returns `true` if null is a value of a schema.
fn accepts_null(schema: &Value) -> bool {
    let (patterns, budget) = (Patterns::default(), Budget::default());
    Rules::new(None, &patterns, true, &budget).fits(&Value::Null, schema)
}

/// Compiles the patterns in the schemas.
fn patterns(
    specs: &[ParameterSpec],
    definitions: Option<&Value>,
    mistakes: &mut Vec<String>,
) -> Patterns {
    let mut patterns = Patterns::default();
    let schemas = specs.iter().filter_map(|spec| spec.schema.as_ref());
    for schema in schemas.chain(definitions) {
        mistakes.extend(patterns.add(schema).err().into_iter().flatten());
    }
    patterns
}

impl ParameterSpec {
    /// Adds a validator for the keywords that [`Rules`] does not support.
    fn add_validator(&mut self, definitions: Option<&Value>, mistakes: &mut Vec<String>) {
        let Some(schema) = &self.schema else {
            return;
        };
        match Validator::for_what_is_unknown(schema, definitions) {
            Ok(validator) => self.validator = validator.map(Arc::new),
            Err(error) => mistakes.push(format!("`{}`: {error}", self.name)),
        }
    }
}

/// The signature of a component, and the requirements of its parameters.
pub(super) struct Specified {
    pub(super) signature: Signature,
    pub(super) completers: Vec<(String, Completer)>,
    /// The needed states, each with the place that needs it.
    pub(super) states: Vec<(String, NeededState)>,
    /// `true` if any parameter depends on the caller.
    pub(super) depends_on_caller: bool,
}

/// Builds the signature of a component from its parameters. If `open`, unknown arguments are ignored.
pub(super) fn specify(
    place: &str,
    parameters: &[Parameter],
    noun: &'static str,
    open: bool,
    problems: &mut Vec<String>,
) -> Specified {
    let mut schemas = Schemas::of_input(open);
    let (mut states, mut mistakes) = (Vec::new(), Vec::new());
    let mut specs: Vec<ParameterSpec> = parameters
        .iter()
        .map(|parameter| parameter.specify(&mut schemas, &mut states, &mut mistakes))
        .collect();
    let definitions = schemas.definitions();
    let patterns = patterns(&specs, definitions.as_ref(), &mut mistakes);
    for spec in &mut specs {
        spec.add_validator(definitions.as_ref(), &mut mistakes);
    }
    let mut completers = Vec::new();
    for (parameter, spec) in parameters.iter().zip(&specs) {
        let Some(schema) = &spec.schema else {
            if parameter.has_argument_options() {
                problems.push(format!(
                    "{place}: `{}` is injected, so `#[arg(..)]` on it has no meaning",
                    spec.name
                ));
            }
            continue;
        };
        let budget = Budget::default();
        let rules = Rules::new(definitions.as_ref(), &patterns, true, &budget);
        parameter.check_values(schema, &rules, &mut mistakes);
        completers.extend(spec.arguments().filter_map(|argument| {
            let completer = parameter.complete.clone();
            let completer = completer.or_else(|| Completer::of_schema(argument.schema))?;
            Some((argument.name.to_owned(), completer))
        }));
    }
    mistakes.extend(conflicts(&specs));
    problems.extend(
        mistakes
            .into_iter()
            .map(|mistake| format!("{place}: {mistake}")),
    );
    Specified {
        signature: Signature {
            parameters: specs,
            definitions,
            patterns,
            noun,
            open,
            ..Signature::default()
        },
        completers,
        states: states
            .into_iter()
            .map(|it| (place.to_owned(), it))
            .collect(),
        depends_on_caller: parameters
            .iter()
            .any(|parameter| parameter.depends_on_caller),
    }
}

impl Specified {
    /// Records the states that the completing functions need, and their mistakes.
    pub(super) fn check_completers(&mut self, place: &str, problems: &mut Vec<String>) {
        for (name, completer) in &self.completers {
            let place = format!("{place}: the completing function of `{name}`");
            completer.check(&place, COMPLETING, &mut self.states, problems);
        }
    }

    /// Returns the schema of the object of all arguments, as clients receive it.
    pub(super) fn input_schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for argument in self.signature.arguments() {
            properties.insert(argument.name.to_owned(), argument.schema.clone());
            if argument.required {
                required.push(Value::from(argument.name));
            }
        }
        let mut parameters = self.signature.parameters.iter();
        let others = parameters.find_map(ParameterSpec::others);
        let mut schema = json!({ "type": "object", "properties": properties });
        if let Some(schema) = schema.as_object_mut() {
            if !required.is_empty() {
                schema.insert("required".to_owned(), required.into());
            }
            if let Some(others) = others {
                schema.insert("additionalProperties".to_owned(), others.clone());
            } else if !self.signature.open {
                schema.insert("additionalProperties".to_owned(), false.into());
            }
            if let Some(definitions) = self.signature.definitions.clone() {
                schema.insert("$defs".to_owned(), definitions);
            }
        }
        publish(&mut schema);
        schema
    }

    /// Records a problem for each argument whose type cannot be read from a text, as URIs require. `listed`
    /// contains the names of those that must be a list instead.
    pub(super) fn check_textual(&self, place: &str, listed: &[&str], problems: &mut Vec<String>) {
        for parameter in &self.signature.parameters {
            let Some(schema) = &parameter.schema else {
                continue;
            };
            let is_array = schema.get("type").is_some_and(|name| name == "array");
            let is_listed = listed.contains(&parameter.name.as_str());
            if is_listed && !is_array {
                problems.push(format!(
                    "{place}: `{0}` is a list in the URI: take a `Vec`, or write `{0}` without its `*`",
                    parameter.name
                ));
            } else if !is_listed && !is_textual(schema) {
                problems.push(format!(
                    "{place}: `{}` cannot be read from a text: make it a string, a number, a `bool` or an enum without data",
                    parameter.name
                ));
            }
        }
    }
}
