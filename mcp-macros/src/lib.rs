//! The macros of `mcp-runtime`: `#[tool]`, `#[resource]`, `#[prompt]` and `#[derive(Elicit)]`.
//!
//! Use them through `mcp-runtime`, which re-exports them with full examples. This crate only turns an annotated
//! function or type into calls of that crate: how arguments are decoded, schemas made and results converted is decided there.
//! `snapshots/add.rs` is what becomes of a function; `docs/mistakes.md` in the repository lists what the macros refuse, and
//! what the compiler says then.
//!
//! One file a stage:
//!
//! | stage | files |
//! |---|---|
//! | read | `annotated_fn`, `methods`, `kind`, `owner`, `types`, `arguments`, `parameters`, `constraints`, `literal`, `serde_attributes`, `docs` |
//! | check | `signature`, `component`, `pattern`, `errors`, and the crate `mcp-grammar` |
//! | write | `entry`, `tool`, `resource`, `prompt`, `expand`, `elicit`, `builder`, `runtime_path` |

mod annotated_fn;
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
#[cfg(test)]
mod tests;
mod tool;
mod types;

use proc_macro::TokenStream;

use crate::kind::Kind;

/// Makes a function a tool that clients can call.
///
/// The function stays what it is; its doc comment is the tool's description, the doc comment of a parameter is
/// that argument's description.
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
/// | option | meaning |
/// |---|---|
/// | `name = "..."` | the name clients call; otherwise the function's |
/// | `title = "..."` | the name shown to people |
/// | `description = "..."` | takes the place of the doc comment |
/// | `icons = [Icon::new("https://...")]` | pictures that clients may show |
/// | `meta = json!({ ... })` | the definition's `_meta` |
/// | `timeout = 30` | how long one call may take, in whole seconds or as a `Duration`; then it is stopped, and the caller told so |
/// | `tags("weather", "beta")` | what `Server::only_tagged` and `Server::without_tagged` choose by; clients do not see it |
/// | `scopes("calendar:write")` | OAuth scopes that a caller needs; until there is authorization, such a server cannot be built |
/// | `ui = "ui://..."` | the resource that is the tool's interface, as MCP Apps has it |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | hints to clients; `= false` says the opposite; what contradicts `read_only` is refused |
/// | `open` | arguments the schema does not name are allowed |
/// | `strict` | arguments of a wrong type are refused, never repaired |
/// | `inline` | a plain `fn` runs in place, not on the blocking pool; no `timeout` can stop it |
/// | `crate = path` | where `mcp_runtime` is found |
///
/// Parameters take `#[arg(..)]`. What it says of values is in the schema, and kept before the function runs:
///
/// | option | meaning |
/// |---|---|
/// | `default`, `default = expression` | the value if none is given; of a `String`, a text is enough: `default = "en"` |
/// | `name = "..."` | the name clients use; otherwise the parameter's |
/// | `example = expression` | a value that makes sense |
/// | `range(1..=10)` | the bounds of a number: literals, constants, expressions |
/// | `length(1..=80)`, `length(3)` | how many characters, items or members |
/// | `pattern = "^[a-z]+$"` | what a string, or a part of it, looks like; needs the feature `pattern` |
/// | `header = "Region"` | the HTTP header that repeats a string, an integer or a boolean |
///
/// With `#[arg(header = "Region")]` clients repeat the argument in the HTTP header `Mcp-Param-Region`, so that what
/// stands between them and the server can route by it, and a call where the two differ is refused.
///
/// A parameter of an `async fn` with `#[ask("When, and for how many?")]` is answered by the user before the body runs, and is no
/// part of the schema. Several are asked at once; `key = "details"` names a question on the wire. Its type derives `Elicit`,
/// or is an `Option<T>` or `Result<T, AskError>` of one that does.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Tool, arguments.into(), &item.into()).into()
}

/// Makes components of the methods of a type.
///
/// Each method with `#[tool]`, `#[resource(..)]` or `#[prompt]` is one; the rest of the `impl` stays as it is. A value of
/// the type goes to `Server::with`, and is shared by all calls: methods take `&self`. The options and the parameters are
/// those of functions. A type has one `impl` with `#[tools]`.
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
/// | option | meaning |
/// |---|---|
/// | `crate = path` | where `mcp_runtime` is found |
#[proc_macro_attribute]
pub fn tools(arguments: TokenStream, item: TokenStream) -> TokenStream {
    methods::expand(arguments.into(), item.into()).into()
}

/// Makes a function a resource, or a template of resources, that clients can read.
///
/// The variables of the URI template are the function's parameters.
///
/// ```text
/// /// A greeting for one person.
/// #[resource("greeting://{name}")]
/// fn greeting(name: String) -> String {
///     format!("Hello, {name}!")
/// }
/// ```
///
/// | option | meaning |
/// |---|---|
/// | `"scheme://path/{variable}"` | the URI, or RFC 6570 template; comes first |
/// | `name = "..."` | the resource's name; otherwise the function's |
/// | `title = "..."` | the name shown to people |
/// | `description = "..."` | takes the place of the doc comment |
/// | `icons = [Icon::new("https://...")]` | pictures that clients may show |
/// | `meta = json!({ ... })` | the definition's `_meta` |
/// | `timeout = 30` | how long one call may take, in whole seconds or as a `Duration`; then it is stopped, and the caller told so |
/// | `tags("weather", "beta")` | what `Server::only_tagged` and `Server::without_tagged` choose by; clients do not see it |
/// | `scopes("calendar:write")` | OAuth scopes that a caller needs; until there is authorization, such a server cannot be built |
/// | `annotations = Annotations::new()...` | whom it is for, how important it is, when it last changed |
/// | `cache(ttl = 60, scope = public)` | how long clients may keep what they read, in seconds or as a `Duration`, and whether all callers may share it; otherwise `private` |
/// | `mime = "type/subtype"` | the MIME type of the contents |
/// | `size = 123` | the size in bytes, of a resource that is no template |
/// | `list = function` | lists the concrete resources of a template |
/// | `inline` | a plain `fn` runs in place, not on the blocking pool; no `timeout` can stop it |
/// | `crate = path` | where `mcp_runtime` is found |
///
/// Parameters take the `#[arg(..)]` of [`macro@tool`], but `header`, and `#[arg(complete = function)]`, which offers values.
/// Those of an `async fn` also take `#[ask("...")]`, as [`macro@tool`] has it.
#[proc_macro_attribute]
pub fn resource(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Resource, arguments.into(), &item.into()).into()
}

/// Makes a function a prompt that clients can offer to people.
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
/// | option | meaning |
/// |---|---|
/// | `name = "..."` | the prompt's name; otherwise the function's |
/// | `title = "..."` | the name shown to people |
/// | `description = "..."` | takes the place of the doc comment |
/// | `icons = [Icon::new("https://...")]` | pictures that clients may show |
/// | `meta = json!({ ... })` | the definition's `_meta` |
/// | `timeout = 30` | how long one call may take, in whole seconds or as a `Duration`; then it is stopped, and the caller told so |
/// | `tags("weather", "beta")` | what `Server::only_tagged` and `Server::without_tagged` choose by; clients do not see it |
/// | `scopes("calendar:write")` | OAuth scopes that a caller needs; until there is authorization, such a server cannot be built |
/// | `inline` | a plain `fn` runs in place, not on the blocking pool; no `timeout` can stop it |
/// | `crate = path` | where `mcp_runtime` is found |
///
/// Parameters take the `#[arg(..)]` of [`macro@tool`], but `header`, and `#[arg(complete = function)]`, which offers values.
/// Those of an `async fn` also take `#[ask("...")]`, as [`macro@tool`] has it.
#[proc_macro_attribute]
pub fn prompt(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Kind::Prompt, arguments.into(), &item.into()).into()
}

/// Makes a struct a form that the protocol can ask users for, or an enum a field of one.
///
/// ```text
/// #[derive(Deserialize, JsonSchema, Elicit)]
/// struct Booking {
///     /// When, such as `19:30`.
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
/// The form itself is made of the type's `JsonSchema`: names, descriptions, titles and bounds come from there. What is derived
/// here checks that it is one. The trait of the same name says what a form can hold and what each revision makes of it.
///
/// `#[elicit(crate = path)]` says where `mcp_runtime` is found.
#[proc_macro_derive(Elicit, attributes(elicit))]
pub fn elicit(item: TokenStream) -> TokenStream {
    elicit::expand(item.into()).into()
}
