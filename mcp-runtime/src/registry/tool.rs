//! Tools: how they are defined, and what of a definition a list shows.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools>.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::NeededState;
use super::component_kind::ComponentKind;
use super::definition::{Definition, define};
use super::handler::Handler;
use super::header_params::{HeaderParam, header_params};
use super::list::Listed;
use super::parameter::{Parameter, specify};
use crate::call::{Call, Signature};
use crate::content::{IntoToolResult, OutputSchema, ToolResult, push_member, push_optional};
use crate::context::Context;
use crate::opaque::opaque_debug;
use crate::protocol::revision::Features;
#[cfg(feature = "cli")]
use crate::schema::unenforced;
use crate::schema::{Schemas, Validator, gather_variants, references, unreadable};
use crate::service::BoxFuture;

/// The dialect of JSON Schema that schemas are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A tool: a function that a model can call.
///
/// `#[tool]` makes one from a function. [`Tool::new`] makes one at run time, from a schema and a closure.
pub struct Tool {
    pub(crate) definition: Definition,
    /// The hints on what it does to the world, as lists show them.
    hints: Map<String, Value>,
    parameters: Vec<Parameter>,
    /// The schema of the arguments, where it was made at run time and no type keeps it.
    schema: Option<Value>,
    output: Option<fn(&mut Schemas) -> Option<OutputSchema>>,
    pub(crate) handler: Handler<ToolResult>,
    /// The URI of the resource that is its interface.
    pub(super) interface: Option<String>,
    open: bool,
    strict: bool,
}

opaque_debug!(Tool, |it| name: it.definition.name);

define!(Tool);

impl Tool {
    #[doc(hidden)]
    pub fn define(name: &str, handler: Handler<ToolResult>) -> Self {
        Self {
            definition: Definition::new(name),
            hints: Map::new(),
            parameters: Vec::new(),
            schema: None,
            output: None,
            handler,
            interface: None,
            open: false,
            strict: false,
        }
    }

    /// A tool made at run time. `schema` is the JSON Schema of its arguments, an object, shown to clients as it is.
    ///
    /// With the feature `validate` the arguments are checked against the schema before the handler gets them, and never
    /// repaired; without it they are not checked. Its dialect is JSON Schema 2020-12,
    /// and its references stay within it: nothing is ever fetched.
    ///
    /// ```
    /// use mcp_runtime::{Tool, prelude::*};
    /// use serde_json::{Value, json};
    ///
    /// let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    /// let echo = Tool::new("echo", schema, |arguments: Value, _context: Context| async move {
    ///     arguments["text"].as_str().unwrap_or_default().to_owned()
    /// })
    /// .description("Say it again.");
    /// let server = Server::new("echo", "1.0.0").with(echo);
    /// ```
    pub fn new<F, Fut, M>(name: impl Into<String>, schema: Value, handler: F) -> Self
    where
        F: Fn(Value, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoToolResult<M>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let handler = move |call: Call| -> BoxFuture<ToolResult> {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let arguments = call.arguments.whole(call.call_context.message.text());
                match serde_json::from_str(arguments) {
                    Ok(arguments) => match call.signature.refuse_whole(&arguments) {
                        Some(refusal) => ToolResult::error(refusal),
                        None => handler(arguments, Context::of(&call.call_context))
                            .await
                            .into_tool_result(),
                    },
                    Err(_) => ToolResult::error(unreadable("arguments")),
                }
            })
        };
        Self {
            schema: Some(schema),
            open: true,
            ..Self::define(&name.into(), Handler::Async(Arc::new(handler)))
        }
    }

    /// Says whether it leaves everything as it is.
    pub fn read_only(self, hint: bool) -> Self {
        self.hint("readOnlyHint", hint)
    }

    /// Says whether it may destroy something.
    pub fn destructive(self, hint: bool) -> Self {
        self.hint("destructiveHint", hint)
    }

    /// Says whether calling it twice with the same arguments is the same as calling it once.
    pub fn idempotent(self, hint: bool) -> Self {
        self.hint("idempotentHint", hint)
    }

    /// Says whether it deals with the world outside, such as the web.
    pub fn open_world(self, hint: bool) -> Self {
        self.hint("openWorldHint", hint)
    }

    fn hint(mut self, name: &str, hint: bool) -> Self {
        self.hints.insert(name.to_owned(), hint.into());
        self
    }

    /// Says which resource is the tool's interface: a page that a host with MCP Apps shows beside the call.
    ///
    /// Its URI begins with `ui://`, and the server must have it, with the MIME type `text/html;profile=mcp-app`. A server
    /// with such a tool declares the extension `io.modelcontextprotocol/ui`.
    /// See <https://modelcontextprotocol.io/extensions/apps/overview>.
    pub fn ui(mut self, uri: impl Into<String>) -> Self {
        self.interface = Some(uri.into());
        self
    }

    /// Ignores arguments that no parameter takes, instead of refusing them.
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Refuses values of the wrong type even where what was meant is plain, such as `"5"` for a number.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    #[doc(hidden)]
    pub fn param(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    #[doc(hidden)]
    pub fn returns<T: IntoToolResult<M>, M>(mut self) -> Self {
        self.output = Some(T::output_schema);
        self
    }

    pub(super) fn finish(
        mut self,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> ToolEntry {
        let place = format!("tool `{}`", self.definition.name);
        self.definition.check("tool", &place, problems);
        self.check_hints(&place, problems);
        if let Some(uri) = &self.interface {
            self.definition.add_interface(uri);
        }
        let (input_schema, signature) = if let Some(schema) = &self.schema {
            (schema.clone(), signature_of(&place, schema, problems))
        } else {
            let parameters = std::mem::take(&mut self.parameters);
            let mut specified = specify(&place, &parameters, "arguments", self.open, problems);
            specified.signature.strict = self.strict;
            states.extend(specified.states.iter().map(|state| (place.clone(), *state)));
            (specified.input_schema(), specified.signature)
        };
        ToolEntry {
            header_params: header_params(&place, &input_schema, problems),
            input_schema,
            output: self.output.and_then(output),
            signature: Arc::new(signature),
            tool: self,
        }
    }

    /// What only reads destroys nothing, and does no more when it is called twice.
    fn check_hints(&self, place: &str, problems: &mut Vec<String>) {
        let is = |name: &str, hint: bool| self.hints.get(name) == Some(&hint.into());
        for (contradicts, hint) in [
            (is("destructiveHint", true), "destructive(true)"),
            (is("idempotentHint", false), "idempotent(false)"),
        ] {
            if contradicts && is("readOnlyHint", true) {
                problems.push(format!(
                    "{place}: its hints `read_only(true)` and `{hint}` contradict each other: remove one"
                ));
            }
        }
    }
}

/// Returns the signature of a tool whose schema was made at run time, and notes what keeps the schema from being
/// understood: nothing is ever fetched for it.
fn signature_of(place: &str, schema: &Value, problems: &mut Vec<String>) -> Signature {
    let mut problem = |what: String| {
        problems.push(format!("{place}: the schema of its arguments {what}"));
    };
    if schema.get("type").is_none_or(|name| name != "object") {
        problem("must have `\"type\": \"object\"`".to_owned());
    }
    if let Some(dialect) = schema.get("$schema").filter(|dialect| **dialect != DIALECT) {
        problem(format!(
            "is written in {dialect}: only \"{DIALECT}\" is supported, which needs no `$schema`"
        ));
    }
    let outer = references(schema).into_iter();
    for reference in outer.filter(|target| !target.starts_with('#')) {
        problem(format!(
            "refers to `{reference}`, which is not in it: put it under `$defs`"
        ));
    }
    let whole = Validator::of_whole(schema).unwrap_or_else(|error| {
        problem(format!("is none: {error}"));
        None
    });
    Signature {
        open: true,
        noun: "arguments",
        whole,
        ..Signature::default()
    }
}

/// Returns the schema of a tool's structured content, with the definitions that it refers to.
fn output(of: fn(&mut Schemas) -> Option<OutputSchema>) -> Option<OutputSchema> {
    let mut schemas = Schemas::of_output();
    let mut output = of(&mut schemas)?;
    gather_variants(&mut output.schema);
    if let (Some(schema), Some(definitions)) =
        (output.schema.as_object_mut(), schemas.definitions())
    {
        schema.insert("$defs".to_owned(), definitions);
    }
    Some(output)
}

/// A tool that can be listed and called.
pub(crate) struct ToolEntry {
    pub(crate) tool: Tool,
    pub(crate) input_schema: Value,
    /// The arguments that HTTP headers repeat.
    pub(crate) header_params: Vec<HeaderParam>,
    pub(crate) output: Option<OutputSchema>,
    pub(crate) signature: Arc<Signature>,
}

/// What a tool's schema says and this build holds no call to.
#[cfg(feature = "cli")]
pub(crate) enum Unenforced {
    /// All of it: no type stands behind the schema, which was made at run time.
    Everything,
    /// These keywords, each with its place.
    These(Vec<(String, String)>),
}

#[cfg(feature = "cli")]
impl ToolEntry {
    pub(crate) fn unenforced(&self) -> Unenforced {
        if self.tool.schema.is_none() {
            return Unenforced::These(unenforced(&self.input_schema));
        }
        let says_nothing =
            |keyword: &str| ["$schema", "description", "title", "type"].contains(&keyword);
        let mut keywords = self.input_schema.as_object().into_iter().flatten();
        if cfg!(feature = "validate") || keywords.all(|(keyword, _)| says_nothing(keyword)) {
            return Unenforced::These(Vec::new());
        }
        Unenforced::Everything
    }
}

impl Listed for ToolEntry {
    const KIND: ComponentKind = ComponentKind::Tool;

    fn key(&self) -> &str {
        &self.tool.definition.name
    }

    fn definition(&self) -> &Definition {
        &self.tool.definition
    }

    fn push_own(&self, out: &mut String, features: &Features) {
        push_member(out, "inputSchema", &self.input_schema);
        let output = self.output.as_ref().filter(|_| features.structured_content);
        push_optional(out, "outputSchema", output.map(|output| &output.schema));
        if features.tool_annotations && !self.tool.hints.is_empty() {
            push_member(out, "annotations", &self.tool.hints);
        }
    }
}
