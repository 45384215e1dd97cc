//! The macros of `mcp-runtime`: `#[tool]`, `#[resource]`, `#[prompt]` and `#[derive(Elicit)]`.
//!
//! Use them through `mcp-runtime`, which re-exports them with full examples. This crate only turns an annotated
//! function or type into calls of that crate, which decodes arguments, builds schemas and converts results.
//! `snapshots/add.rs` shows the expansion of one function. `docs/mistakes.md` in the repository lists the mistakes that
//! the macros reject, with the error message of each.
//!
//! Each stage has its own files:
//!
//! | stage | files |
//! |---|---|
//! | read | `annotated_fn`, `methods`, `kind`, `owner`, `types`, `arguments`, `parameters`, `constraints`, `literal`, `serde_attributes`, `docs` |
//! | check | `signature`, `component`, `pattern`, `errors`, and the crate `mcp-grammar` |
//! | write | `entry`, `tool`, `resource`, `prompt`, `expand`, `elicit`, `builder`, `runtime_path` |

mod annotated_fn;
mod app;
mod arguments;
mod builder;
mod component;
mod constraints;
mod docs;
mod elicit;
mod entry;
mod errors;
mod expand;
mod grammar;
mod kind;
mod literal;
mod methods;
mod owner;
mod parameters;
mod pattern;
mod prompt;
mod resource;
mod runtime_path;
mod serde_attributes;
mod signature;
mod task;
#[cfg(test)]
mod tests;
mod tool;
mod types;

use proc_macro::TokenStream;

use crate::kind::Kind;

/// Registers a function as a tool that clients can call.
///
/// The function itself is unchanged and can still be called from Rust. Its doc comment becomes the description of the
/// tool, and the doc comment of a parameter becomes the description of that argument.
///
/// # Example
///
/// ```text
/// /// Add two numbers.
/// #[tool(read_only)]
/// async fn add(
///     /// The first addend.
///     a: f64,
///     #[arg(default = 1.0)] b: f64,
/// ) -> f64 {
///     a + b
/// }
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "..."` | The name that clients call. Default: the name of the function. |
/// | `title = "..."` | A name for display. |
/// | `description = "..."` | The description, in place of the doc comment. |
/// | `icons = [Icon::new("https://...")]` | Icons that clients may show. |
/// | `meta = json!({ ... })` | The `_meta` of the definition. |
/// | `timeout = 30` | The time limit of one call, in whole seconds, as a `Duration` or as a `Timeout`, which progress can extend. A call that exceeds it is stopped, and the caller receives an error. Default: that of the server (`Server::timeout`). `Timeout::NONE` is no limit. |
/// | `layer = path::to::layer`, `layer = [one, other]` | Layers around the calls: see the module `layer`, also for their order. |
/// | `tags("weather", "beta")` | Tags for `Server::only_tagged` and `Server::without_tagged`. They are not sent to clients. |
/// | `scopes("calendar:write")` | The OAuth scopes that a caller needs. The server needs authorization (`Server::auth`), or it cannot be built. |
/// | `hidden` | Hides the tool from callers without its scopes: it is missing in lists, and unknown in requests. |
/// | `version = "2"` | The version, if there are several of one name: callers have the highest that they may use (`Tool::version`). |
/// | `ui = "ui://..."` | The URI of the resource that holds the user interface of the tool (MCP Apps): see `app` of `#[resource]`. |
/// | `visibility = ["model", "app"]` | Who can call the tool in a host with MCP Apps: the model, the pages of the server, or both, which is the default (`Tool::visibility`). |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | Hints for clients. `= false` states the opposite. A hint that contradicts `read_only` is an error. |
/// | `task` | Calls become tasks, whose results the client reads later, if the client can receive them. `task = "required"`: clients that cannot are refused. `task(after = "2s")`: a call becomes a task when it takes longer. With `restart` in the list, as in `task(required, restart)`, a task that the end of its process has interrupted is started again (`TaskSupport`). |
/// | `open` | Accepts arguments that the schema does not name. |
/// | `strict` | Rejects arguments of a wrong type; by default they are repaired where possible. |
/// | `inline` | Runs a plain `fn` in place instead of on the blocking pool. A `timeout` cannot stop it. |
/// | `crate = path` | The path of `mcp_runtime`. |
///
/// # Arguments
///
/// Parameters take `#[arg(..)]`. Constraints are part of the schema, and are checked before the function runs.
///
/// | option | meaning |
/// |---|---|
/// | `default`, `default = expression` | The value of an argument that is left out. A string literal is accepted for a `String`: `default = "en"`. |
/// | `name = "..."` | The name that clients use. Default: the name of the parameter. |
/// | `example = expression` | An example value. |
/// | `range(1..=10)` | The bounds of a number: literals, constants or expressions. |
/// | `length(1..=80)`, `length(3)` | The number of characters, items or members. |
/// | `pattern = "^[a-z]+$"` | A regular expression that matches a string or a part of it. Needs the feature `pattern`. |
/// | `header = "Region"` | The HTTP header that repeats a string, an integer or a boolean. |
/// | `flatten` | The fields of a struct, or the members of a map, are arguments themselves. |
/// | `nullable` | Null is a value of its own, and not the same as no argument. |
///
/// An argument of type `Option<T>` is optional, and null is the same as no argument. Where null has a meaning of its own:
///
/// | parameter | no argument | null |
/// |---|---|---|
/// | `value: Option<T>` | `None` | `None` |
/// | `value: Option<Option<T>>` | `None` | `Some(None)` |
/// | `#[arg(nullable)] value: Option<T>` | an error | `None` |
/// | `#[arg(nullable, default = x)] value: Option<T>` | `x` | `None` |
///
/// A field of a struct that distinguishes null from a missing value needs the attributes that the function
/// `mcp_runtime::nullable` describes.
///
/// With `#[arg(flatten)]` several tools can share arguments. The struct derives `Deserialize` and `JsonSchema`:
///
/// ```text
/// #[derive(Deserialize, JsonSchema)]
/// struct Paging {
///     /// The maximum number of results.
///     #[serde(default)]
///     #[schemars(range(max = 100))]
///     limit: u8,
///     cursor: Option<String>,
/// }
///
/// /// Find customers.
/// #[tool]
/// async fn find(query: String, #[arg(flatten)] paging: Paging) -> String {
///     // The arguments are `query`, `limit` and `cursor`.
/// }
/// ```
///
/// A flattened map takes all arguments that no parameter names. Two arguments of one name, an optional struct and an enum
/// are errors when the server is built. Descriptions are the doc comments of the fields; that of the parameter is not sent.
///
/// With `#[arg(header = "Region")]` clients repeat the argument in the HTTP header `Mcp-Param-Region`, so that
/// intermediaries can route by it. A call is rejected if header and argument differ.
///
/// # Questions
///
/// A parameter of an `async fn` with `#[ask("When, and for how many?")]` is filled in by the user before the body runs.
/// It is not part of the schema. Several questions are asked at once. `key = "details"` sets the key of a question on
/// the wire. The type of the parameter derives `Elicit`, or is an `Option<T>` or `Result<T, AskError>` of a type that
/// does.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Tool, arguments.into(), &item.into()).into()
}

/// Turns methods of a type into tools, resources and prompts.
///
/// Annotate methods of the `impl` with `#[tool]`, `#[resource(..)]` or `#[prompt]`; the rest of the `impl` is
/// unchanged. Pass a value of the type to `Server::with`. All calls share this value, so methods take `&self`. Options
/// and parameters are the same as for functions. Further `impl`s of the type have
/// `#[tools(more)]`, and their methods follow those of the first.
///
/// # Example
///
/// ```text
/// struct Weather {
///     key: String,
/// }
///
/// #[tools]
/// impl Weather {
///     /// Tell what the weather will be.
///     #[tool(read_only)]
///     async fn forecast(&self, city: String) -> Result<String, ToolError> {
///         ask_the_service(&self.key, &city).await
///     }
/// }
///
/// let server = Server::new("weather", "1.0.0").with(Weather { key });
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `more` | Adds a further `impl` of a type that has `#[tools]`. Not for types with generic parameters. |
/// | `crate = path` | The path of `mcp_runtime`. |
#[proc_macro_attribute]
pub fn tools(arguments: TokenStream, item: TokenStream) -> TokenStream {
    methods::expand(arguments.into(), item.into()).into()
}

/// Registers a function as a resource, or as a resource template, that clients can read.
///
/// Each variable of a URI template is passed to the parameter of the same name.
///
/// # Example
///
/// ```text
/// /// A greeting for one person.
/// #[resource("greeting://{name}")]
/// fn greeting(name: String) -> String {
///     format!("Hello, {name}!")
/// }
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `"scheme://path/{variable}"` | The URI, or a URI template (RFC 6570). It comes first. |
/// | `name = "..."` | The name of the resource. Default: the name of the function. |
/// | `title = "..."` | A name for display. |
/// | `description = "..."` | The description, in place of the doc comment. |
/// | `icons = [Icon::new("https://...")]` | Icons that clients may show. |
/// | `meta = json!({ ... })` | The `_meta` of the definition. |
/// | `timeout = 30` | The time limit of one call, in whole seconds, as a `Duration` or as a `Timeout`, which progress can extend. A call that exceeds it is stopped, and the caller receives an error. Default: that of the server (`Server::timeout`). `Timeout::NONE` is no limit. |
/// | `layer = path::to::layer`, `layer = [one, other]` | Layers around the calls: see the module `layer`, also for their order. |
/// | `tags("weather", "beta")` | Tags for `Server::only_tagged` and `Server::without_tagged`. They are not sent to clients. |
/// | `scopes("calendar:write")` | The OAuth scopes that a caller needs. The server needs authorization (`Server::auth`), or it cannot be built. |
/// | `hidden` | Hides the resource from callers without its scopes: it is missing in lists, and unknown in requests. |
/// | `version = "2"` | The version, if there are several of one URI: callers have the highest that they may use (`Resource::version`). |
/// | `annotations = Annotations::new()...` | The audience, the priority and the time of the last change. |
/// | `app`, `app(csp_connect = ["https://..."], ...)` | Makes the resource a page of MCP Apps, of the MIME type `text/html;profile=mcp-app`. It may ask for origins (`csp_connect`, `csp_resources`, `csp_frames`, `csp_base_uris`), for `permissions = ["camera"]`, for a `domain`, and for a border (`prefers_border`): see `App`. |
/// | `cache(ttl = 60, scope = public)` | The time for which clients may cache the contents, in seconds or as a `Duration`. `scope = public` lets all callers share the cached contents. Default: `private`. |
/// | `mime = "type/subtype"` | The MIME type of the contents. |
/// | `size = 123` | The size in bytes. Not for templates. |
/// | `list = function` | A function that lists the concrete resources of a template. It takes everything that is injected, such as `State<T>`. |
/// | `inline` | Runs a plain `fn` in place instead of on the blocking pool. A `timeout` cannot stop it. |
/// | `crate = path` | The path of `mcp_runtime`. |
///
/// # Arguments
///
/// Parameters take the `#[arg(..)]` options of [`macro@tool`], except `header`, `flatten` and `nullable`, and also
/// `#[arg(complete = function)]`, a function that completes values. It takes a `Completion` and everything that is
/// injected, such as `State<T>`. Parameters of an `async fn` also take `#[ask("...")]`, as described at [`macro@tool`].
#[proc_macro_attribute]
pub fn resource(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Resource, arguments.into(), &item.into()).into()
}

/// Registers a function as a prompt that clients can offer to users.
///
/// # Example
///
/// ```text
/// /// Ask for a review of a piece of code.
/// #[prompt]
/// fn review(
///     /// The code to review.
///     code: String,
/// ) -> String {
///     format!("Please review this code:\n\n{code}")
/// }
/// ```
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "..."` | The name of the prompt. Default: the name of the function. |
/// | `title = "..."` | A name for display. |
/// | `description = "..."` | The description, in place of the doc comment. |
/// | `icons = [Icon::new("https://...")]` | Icons that clients may show. |
/// | `meta = json!({ ... })` | The `_meta` of the definition. |
/// | `timeout = 30` | The time limit of one call, in whole seconds, as a `Duration` or as a `Timeout`, which progress can extend. A call that exceeds it is stopped, and the caller receives an error. Default: that of the server (`Server::timeout`). `Timeout::NONE` is no limit. |
/// | `layer = path::to::layer`, `layer = [one, other]` | Layers around the calls: see the module `layer`, also for their order. |
/// | `tags("weather", "beta")` | Tags for `Server::only_tagged` and `Server::without_tagged`. They are not sent to clients. |
/// | `scopes("calendar:write")` | The OAuth scopes that a caller needs. The server needs authorization (`Server::auth`), or it cannot be built. |
/// | `hidden` | Hides the prompt from callers without its scopes: it is missing in lists, and unknown in requests. |
/// | `version = "2"` | The version, if there are several of one name: callers have the highest that they may use (`Prompt::version`). |
/// | `inline` | Runs a plain `fn` in place instead of on the blocking pool. A `timeout` cannot stop it. |
/// | `crate = path` | The path of `mcp_runtime`. |
///
/// # Arguments
///
/// Parameters take the `#[arg(..)]` options of [`macro@tool`], except `header` and `nullable`, and also
/// `#[arg(complete = function)]`, a function that completes values. It takes a `Completion` and everything that is
/// injected, such as `State<T>`. Parameters of an `async fn` also take `#[ask("...")]`, as described at [`macro@tool`].
///
/// Arguments of prompts are texts. Strings, numbers, `bool` and enums without data are read from the text itself. For all
/// other types the text is JSON, such as `["a", "b"]` for a `Vec<String>`, and the description of the argument tells
/// clients its form.
#[proc_macro_attribute]
pub fn prompt(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Prompt, arguments.into(), &item.into()).into()
}

/// Derives the traits of forms: a struct becomes a form for users, and an enum becomes a field of a form.
///
/// # Example
///
/// ```text
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Booking {
///     /// The time, such as `19:30`.
///     time: String,
///     people: u8,
///     seats: Option<Seats>,
/// }
///
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// enum Seats {
///     Inside,
///     Outside,
/// }
/// ```
///
/// The form is built from the type's `JsonSchema`, which supplies names, descriptions, titles and bounds. The derived
/// code checks at compile time that the type can be a form. The documentation of the trait `Elicit` lists the types
/// that a form can contain, and how each protocol revision represents them.
///
/// `#[elicit(crate = path)]` sets the path of `mcp_runtime`.
#[proc_macro_derive(Elicit, attributes(elicit))]
pub fn elicit(item: TokenStream) -> TokenStream {
    elicit::expand(item.into()).into()
}
