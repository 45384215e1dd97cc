//! Tools: their definitions, and the encoding of those for lists.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/tools>.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

use super::NeededState;
use super::app::{self, ToolVisibility};
use super::component_kind::ComponentKind;
use super::definition::{Definition, define};
use super::handler::Handler;
use super::header_params::{HeaderParam, header_params};
use super::list::{Form, Listed, push_definition};
use super::parameter::{Parameter, specify};
use super::stands_for::StandsFor;
use super::task_support::TaskSupport;
use crate::call::{Call, Renamings, Signature};
use crate::content::{IntoToolResult, OutputSchema, ToolResult, push_member, push_optional};
use crate::context::Context;
use crate::mount::Mounted;
use crate::opaque::opaque_debug;
#[cfg(feature = "cli")]
use crate::schema::unenforced;
use crate::schema::{
    Converted, Dialect, Schemas, WholeSchema, gather_variants, publish, references,
};

/// The supported dialect of JSON Schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A tool: a function that a model can call.
///
/// `#[tool]` makes one from a function. [`Tool::new`] makes one at run time, from a schema and a closure.
///
/// ```
/// use mcp_runtime::{Tool, prelude::*};
/// use serde_json::{Value, json};
///
/// async fn double(arguments: Value, _: Context) -> i64 {
///     arguments["number"].as_i64().unwrap_or_default() * 2
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let schema = json!({
///     "type": "object",
///     "properties": { "number": { "type": "integer", "description": "The number to double." } },
///     "required": ["number"],
/// });
/// let tool = Tool::new("double", schema, double).description("Double a number.").read_only(true);
/// let client = Server::new("app", "1.0.0").with(tool).client().await;
/// assert_eq!(client.call("double", json!({ "number": 21 })).await?.text(), "42");
/// assert!(client.call("double", json!({ "number": "x" })).await?.is_error());
/// # Ok(())
/// # }
/// ```
#[allow(clippy::struct_excessive_bools)] // a set of options
pub struct Tool {
    pub(crate) definition: Definition,
    /// The hints about the behaviour, as in lists.
    pub(super) hints: Map<String, Value>,
    pub(super) parameters: Vec<Parameter>,
    /// The schema of the arguments of a tool made at run time.
    pub(super) schema: Option<Value>,
    pub(super) output: Option<Output>,
    pub(crate) handler: Handler<ToolResult>,
    /// The URI of the resource that is the tool's interface.
    pub(super) interface: Option<String>,
    /// Who can call it; `None` after the check.
    pub(super) visibility: Option<Vec<ToolVisibility>>,
    pub(super) open: bool,
    /// `true` if another server checks the arguments and the result.
    pub(super) relayed: bool,
    pub(super) strict: bool,
    /// `true` if the result depends on what the caller sees, so that it is never kept for another call.
    pub(crate) per_caller: bool,
    /// The request that its calls stand for.
    pub(crate) stands_for: Option<StandsFor>,
    /// `None` if its calls never become tasks.
    pub(crate) task: Option<TaskSupport>,
}

opaque_debug!(Tool, |it| name: it.definition.name);

/// The source of the schema of structured content.
pub(super) enum Output {
    /// The type of the result.
    Type(fn(&mut Schemas) -> Option<OutputSchema>),
    /// A schema that was created at run time.
    Schema(Value),
    /// The same, if there is one. The handler checks the arguments and the results itself.
    #[cfg(feature = "openapi")]
    Checked(Option<Value>),
}

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
            visibility: None,
            open: false,
            relayed: false,
            strict: false,
            per_caller: false,
            stands_for: None,
            task: None,
        }
    }

    /// Creates a tool at run time. `schema` is the JSON Schema of its arguments, an object, sent to clients unchanged.
    ///
    /// Arguments are checked against the schema before the handler is called, and never repaired. Some keywords are checked
    /// only with the feature `validate`, such as `format`, `if` and `contains`; `check` of the command line names them. The
    /// dialect is JSON Schema 2020-12, and references must stay within the schema: nothing is ever fetched.
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
        let handler = Handler::of_closure(handler, Call::whole, |result| match result {
            Ok(result) => result.into_tool_result(),
            Err(error) => error.into_tool_result(),
        });
        Self {
            schema: Some(schema),
            open: true,
            ..Self::define(&name.into(), handler)
        }
    }

    /// Sets the JSON Schema of the structured content, an object, for a tool of [`Tool::new`]. It is sent to clients unchanged.
    ///
    /// Each result that is not an error must have structured content that the schema allows: return [`Json`](crate::Json), or
    /// a [`ToolResult`] with [`ToolResult::structured`]. Any other result is replaced by an error, which is logged too. The
    /// schema is checked like that of the arguments.
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output = Some(Output::Schema(schema));
        self
    }

    /// Leaves the checks of the arguments and of the structured content, which has this schema, to the handler.
    #[cfg(feature = "openapi")]
    pub(crate) fn checks_itself(mut self, output: Option<Value>) -> Self {
        self.output = Some(Output::Checked(output));
        self
    }

    /// Sets the hint that the tool does not modify its environment.
    pub fn read_only(self, hint: bool) -> Self {
        self.hint("readOnlyHint", hint)
    }

    /// Sets the hint that the tool may perform destructive updates.
    pub fn destructive(self, hint: bool) -> Self {
        self.hint("destructiveHint", hint)
    }

    /// Sets the hint that repeated calls with the same arguments have no additional effect.
    pub fn idempotent(self, hint: bool) -> Self {
        self.hint("idempotentHint", hint)
    }

    /// Sets the hint that the tool interacts with external entities, such as the web.
    pub fn open_world(self, hint: bool) -> Self {
        self.hint("openWorldHint", hint)
    }

    fn hint(mut self, name: &str, hint: bool) -> Self {
        self.hints.insert(name.to_owned(), hint.into());
        self
    }

    /// Returns `true` if a hint about the behaviour is set.
    pub(crate) fn has_hint(&self, name: &str) -> bool {
        self.hints.get(name) == Some(&true.into())
    }

    /// Sets the resource that is the tool's interface: a page that a host with MCP Apps shows beside the call.
    ///
    /// Its URI must begin with `ui://`, and the server must have this resource as a page: see [`Resource::app`](crate::Resource::app).
    /// A server with such a tool declares the extension `io.modelcontextprotocol/ui` in revisions from 2025-06-18 on. Clients that do
    /// not show pages use the text of its results: see [`ClientInfo::apps`](crate::ClientInfo::apps).
    /// See <https://modelcontextprotocol.io/extensions/apps/overview>.
    pub fn ui(mut self, uri: impl Into<String>) -> Self {
        self.interface = Some(uri.into());
        self
    }

    /// Sets who can call the tool in a host with MCP Apps: by default the model and the pages of the server.
    ///
    /// The list of tools has all of them, because the host reads it: the host hides a tool from its model, or from the pages. The tools
    /// of [`Server::tool_search`](crate::Server::tool_search) are for the model, so they neither find nor call one that is only for
    /// pages. It is no access control: any client can call a tool that it knows. Without anybody, the server cannot be built.
    ///
    /// ```
    /// use mcp_runtime::serde_json::{Value, json};
    /// use mcp_runtime::{Context, Tool, ToolVisibility};
    ///
    /// let refresh = Tool::new("refresh", json!({ "type": "object" }), |_: Value, _: Context| async { "new rows" })
    ///     .visibility([ToolVisibility::App]);
    /// ```
    pub fn visibility(mut self, callers: impl IntoIterator<Item = ToolVisibility>) -> Self {
        self.visibility = Some(callers.into_iter().collect());
        self
    }

    /// Ignores unknown arguments instead of refusing them.
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Refuses values of the wrong type that would otherwise be repaired, such as `"5"` for a number.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Lets calls become tasks, whose results clients read later.
    ///
    /// A server with such a tool declares the extension `io.modelcontextprotocol/tasks`.
    pub fn task(mut self, support: TaskSupport) -> Self {
        self.task = Some(support);
        self
    }

    /// Creates a tool of another server, which checks the arguments and the result itself. Both schemas are sent to clients
    /// unchanged. `hints` are the annotations.
    #[cfg(feature = "proxy")]
    pub(crate) fn relayed(
        name: &str,
        schema: Value,
        output: Option<Value>,
        hints: Map<String, Value>,
        handler: Handler<ToolResult>,
    ) -> Self {
        Self {
            schema: Some(schema),
            output: output.map(Output::Schema),
            hints,
            open: true,
            relayed: true,
            ..Self::define(name, handler)
        }
    }

    /// Returns the arguments of a tool that are repeated in headers, if its schema is valid.
    #[cfg(feature = "proxy")]
    pub(crate) fn header_params(schema: &Value) -> Vec<HeaderParam> {
        header_params("", schema, &mut Vec::new())
    }

    /// Declares that the result depends on what the caller sees.
    pub(crate) fn per_caller(mut self) -> Self {
        self.per_caller = true;
        self
    }

    /// Declares that the calls stand for another request.
    pub(crate) fn stands_for(mut self, request: StandsFor) -> Self {
        self.stands_for = Some(request);
        self
    }

    #[doc(hidden)]
    pub fn param(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    #[doc(hidden)]
    pub fn returns<T: IntoToolResult<M>, M>(mut self) -> Self {
        self.output = Some(Output::Type(T::output_schema));
        self
    }

    /// Adds the interface and the callers to `_meta`, and records the mistakes in it.
    fn finish_interface(&mut self, place: &str, problems: &mut Vec<String>) {
        if let Some(uri) = &self.interface {
            self.definition.add_interface(uri);
        }
        if let Some(callers) = self.visibility.take() {
            let names = callers.into_iter().map(ToolVisibility::name);
            self.definition.add_visibility(names.collect());
        }
        if !self.relayed {
            let mistakes = self.definition.ui().map(app::tool_mistakes);
            let mistakes = mistakes.into_iter().flatten();
            problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
        }
    }

    pub(super) fn finish(
        mut self,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> ToolEntry {
        let place = format!("tool `{}`", self.definition.name);
        self.definition.check_name("tool", problems);
        self.definition.check(&place, problems);
        if !self.relayed {
            self.check_hints(&place, problems);
        }
        self.finish_interface(&place, problems);
        let typed = self.schema.is_none();
        let (input_schema, signature) = if let Some(schema) = self.schema.take() {
            #[cfg(feature = "openapi")]
            let is_checked_by_handler = matches!(self.output, Some(Output::Checked(_)));
            #[cfg(not(feature = "openapi"))]
            let is_checked_by_handler = false;
            let what = format!("{place}: the schema of its arguments");
            let whole = if self.relayed {
                check_relayed(&what, &schema, problems);
                None
            } else if is_checked_by_handler {
                None
            } else {
                whole_schema(&what, &schema, problems)
            };
            let signature = Signature {
                open: true,
                noun: "arguments",
                whole,
                ..Signature::default()
            };
            (schema, signature)
        } else {
            let parameters = std::mem::take(&mut self.parameters);
            let mut specified = specify(&place, &parameters, "arguments", self.open, problems);
            specified.signature.strict = self.strict;
            states.append(&mut specified.states);
            (specified.input_schema(), specified.signature)
        };
        let output_rules = match &self.output {
            Some(Output::Schema(_)) if self.relayed => None,
            Some(Output::Schema(schema)) => whole_schema(
                &format!("{place}: the schema of its output"),
                schema,
                problems,
            ),
            _ => None,
        };
        ToolEntry {
            header_params: header_params(&place, &input_schema, problems),
            input_schema,
            typed,
            converted: Default::default(),
            output: self.output.take().and_then(output),
            output_rules: output_rules.map(Arc::new),
            signature: Arc::new(signature),
            renamings: Renamings::default(),
            listed: true,
            tool: self,
            mounted: None,
        }
    }

    /// Checks that the hints of a read-only tool do not say that it is destructive or not idempotent.
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

/// Records why clients cannot use the schema of another server's tool.
fn check_relayed(place: &str, schema: &Value, problems: &mut Vec<String>) {
    if schema.get("type").is_none_or(|name| name != "object") {
        problems.push(format!("{place} must have `\"type\": \"object\"`"));
    }
}

/// Prepares a schema that was created at run time, and records why it cannot be used: nothing is ever fetched for it.
pub(super) fn whole_schema(
    place: &str,
    schema: &Value,
    problems: &mut Vec<String>,
) -> Option<WholeSchema> {
    let mut problem = |what: String| problems.push(format!("{place} {what}"));
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
    WholeSchema::new(schema)
        .map_err(|mistakes| problem(format!("is invalid: {}", mistakes.join("; "))))
        .ok()
}

/// Returns the schema of a tool's structured content, with the definitions that it refers to.
fn output(output: Output) -> Option<OutputSchema> {
    let whole = |schema| OutputSchema {
        schema,
        wraps: false,
    };
    let of_type = match output {
        Output::Type(of_type) => of_type,
        Output::Schema(schema) => return Some(whole(schema)),
        #[cfg(feature = "openapi")]
        Output::Checked(schema) => return schema.map(whole),
    };
    let mut schemas = Schemas::of_output();
    let mut output = of_type(&mut schemas)?;
    gather_variants(&mut output.schema);
    if let (Some(schema), Some(definitions)) =
        (output.schema.as_object_mut(), schemas.definitions())
    {
        schema.insert("$defs".to_owned(), definitions);
    }
    publish(&mut output.schema);
    Some(output)
}

/// A tool that is served: listed and called.
pub(crate) struct ToolEntry {
    pub(crate) tool: Tool,
    pub(crate) input_schema: Value,
    /// `true` if the schema is made from the types of parameters.
    pub(super) typed: bool,
    /// The same schema in other forms.
    pub(super) converted: [OnceLock<Converted>; Dialect::COUNT],
    /// The arguments that are repeated in HTTP headers.
    pub(crate) header_params: Vec<HeaderParam>,
    pub(crate) output: Option<OutputSchema>,
    /// The check of structured content against a schema that was created at run time.
    pub(crate) output_rules: Option<Arc<WholeSchema>>,
    pub(crate) signature: Arc<Signature>,
    /// The arguments that transforms have changed.
    pub(crate) renamings: Renamings,
    pub(super) mounted: Option<Box<Mounted>>,
    /// `false` if clients must search the tool.
    pub(super) listed: bool,
}

impl ToolEntry {
    /// Returns `true` if models can call it, and not the pages of MCP Apps alone.
    pub(crate) fn is_for_models(&self) -> bool {
        app::is_for_models(self.tool.definition.meta.as_ref())
    }

    /// Returns the definition, encoded for a client as in the list of tools.
    pub(crate) fn definition_json(&self, form: &Form) -> String {
        let mut json = String::new();
        push_definition(&mut json, self, form, &[]);
        json
    }

    /// Returns the schema of the arguments in another form, which is made on first use.
    pub(crate) fn converted(&self, dialect: Dialect) -> &Converted {
        self.converted[dialect.index()].get_or_init(|| Converted::new(&self.input_schema, dialect))
    }
}

#[cfg(feature = "cli")]
impl ToolEntry {
    /// Returns the constraints of the arguments' schema that this build does not check, each with its path.
    pub(crate) fn unenforced(&self) -> Vec<(String, String)> {
        unenforced(&self.input_schema, self.typed)
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

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.mounted.as_deref()
    }

    fn is_listed(&self) -> bool {
        self.listed
    }

    fn push_own(&self, out: &mut String, form: &Form) {
        let features = form.features;
        let converted = form.dialect.map(|dialect| &self.converted(dialect).schema);
        push_member(out, "inputSchema", converted.unwrap_or(&self.input_schema));
        let output = self.output.as_ref().filter(|_| features.structured_content);
        push_optional(out, "outputSchema", output.map(|output| &output.schema));
        if features.tool_annotations && !self.tool.hints.is_empty() {
            push_member(out, "annotations", &self.tool.hints);
        }
        if let Some(support) = self.tool.task.filter(|_| features.session_tasks) {
            let support = json!({ "taskSupport": support.in_sessions() });
            push_member(out, "execution", &support);
        }
    }
}
