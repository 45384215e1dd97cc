//! Resources and resource templates: their definitions, and the encoding of those for lists.
//!
//! See <https://modelcontextprotocol.io/specification/2026-07-28/server/resources>.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mcp_grammar::app::{MIME, SCHEME};
use serde_json::{Value, json};

use super::NeededState;
use super::app::{self, App, Page};
use super::complete::{CompleteWith, Completer};
use super::component_kind::ComponentKind;
use super::definition::{Definition, define};
use super::handler::Handler;
use super::list::{Form, Listed};
use super::listing::{LISTING, ListWith, Lister};
use super::parameter::{Parameter, specify};
#[cfg(feature = "skills")]
use super::skill::SkillFile;
use crate::call::{Arguments, Call, ParameterSpec, Signature, Slot};
use crate::content::{
    Annotations, IntoResource, ResourceOutcome, mime_mistake, push_member, push_optional,
};
use crate::context::Context;
use crate::mount::Mounted;
use crate::opaque::opaque_debug;
use crate::protocol::cache::{Cache, CacheScope};
use crate::uri_template::{MatchedValue, UriTemplate, Values, Variable, VariableKind, unsafe_path};

/// A resource or resource template: data that a client can read. `#[resource]` makes one from a function.
///
/// ```
/// use mcp_runtime::{Resource, prelude::*};
/// use serde_json::Value;
///
/// async fn table(variables: Value, _: Context) -> String {
///     format!("the rows of {}", variables["name"].as_str().unwrap_or_default())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mcp_runtime::ClientError> {
/// let resource = Resource::new("db://{name}", "table", table).description("The rows of a table.").mime("text/plain");
/// let client = Server::new("app", "1.0.0").with(resource).client().await;
/// assert_eq!(client.read("db://users").await?[0]["text"], "the rows of users");
/// # Ok(())
/// # }
/// ```
pub struct Resource {
    pub(super) uri: String,
    pub(crate) definition: Definition,
    pub(crate) mime: Option<Arc<str>>,
    /// The MIME type of the handler's result, which is that of the resource if it has no other.
    returned_mime: Option<&'static str>,
    app: Option<App>,
    pub(super) size: Option<u64>,
    pub(super) annotations: Option<Annotations>,
    pub(super) cache: Option<Cache>,
    parameters: Vec<Parameter>,
    /// `true` if it was created at run time, so that its variables have no parameters.
    is_run_time: bool,
    /// `true` if the handler has one more argument, without a name: the URI in its server.
    pub(crate) relayed: bool,
    /// The completers of variables that have no parameters.
    completers: Vec<(String, Completer)>,
    pub(crate) lister: Option<Lister>,
    /// The place of the resource in a skill, if it is a file of one.
    #[cfg(feature = "skills")]
    pub(super) skill: Option<Box<SkillFile>>,
    pub(crate) handler: Handler<ResourceOutcome>,
}

opaque_debug!(Resource, |it| uri: it.uri, name: it.definition.name);

define!(Resource);

impl Resource {
    #[doc(hidden)]
    pub fn define(uri: &str, name: &str, handler: Handler<ResourceOutcome>) -> Self {
        Self::of(uri.to_owned(), Definition::new(name), handler)
    }

    pub(super) fn of(
        uri: String,
        definition: Definition,
        handler: Handler<ResourceOutcome>,
    ) -> Self {
        Self {
            uri,
            definition,
            mime: None,
            returned_mime: None,
            app: None,
            size: None,
            annotations: None,
            cache: None,
            parameters: Vec::new(),
            is_run_time: false,
            relayed: false,
            completers: Vec::new(),
            lister: None,
            #[cfg(feature = "skills")]
            skill: None,
            handler,
        }
    }

    /// Creates a resource at run time, or a template for several, whose URI has variables such as `{id}`. The handler receives
    /// the variables as an object whose members are strings, or lists of strings for variables with a `*`; variables without
    /// a value are missing.
    ///
    /// ```
    /// use mcp_runtime::serde_json::Value;
    /// use mcp_runtime::{Resource, prelude::*};
    ///
    /// let user = Resource::new("users://{id}", "user", |variables: Value, _context: Context| async move {
    ///     match variables["id"].as_str() {
    ///         Some("7") => Some("Ada".to_owned()),
    ///         _ => None,
    ///     }
    /// })
    /// .description("The name of a user.");
    /// let server = Server::new("users", "1.0.0").with(user);
    /// ```
    pub fn new<F, Fut, M>(uri: impl Into<String>, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Value, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoResource<M>> + Send + 'static,
    {
        let handler = Handler::of_closure(handler, Call::texts, |contents| {
            contents.and_then(IntoResource::into_resource)
        });
        let mut resource = Self::define(&uri.into(), &name.into(), handler);
        resource.is_run_time = true;
        resource.returns::<<Fut as Future>::Output, M>()
    }

    /// Sets the function that completes values of a variable, for a template of [`Resource::new`].
    pub fn complete<M>(
        mut self,
        variable: impl Into<String>,
        function: impl CompleteWith<M>,
    ) -> Self {
        let completer = Completer::new(function, Arc::new(()));
        self.completers.push((variable.into(), completer));
        self
    }

    /// Sets the MIME type.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into().into());
        self
    }

    /// Makes it a page of MCP Apps, which hosts show beside the calls of tools that name it: see [`Tool::ui`](crate::Tool::ui).
    ///
    /// Its URI begins with `ui://`, and its MIME type is `text/html;profile=mcp-app`; with another one, the server cannot be built.
    /// What the page asks of the host is `ui` in the `_meta` of its definition, and of its contents unless the handler sets `ui`
    /// there. It is sent in revisions from 2025-06-18 on. See <https://modelcontextprotocol.io/extensions/apps/overview>.
    pub fn app(mut self, app: App) -> Self {
        self.app = Some(app);
        self
    }

    /// Sets the size, in bytes.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Sets the annotations: the audience, the importance and the time of the last change.
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// Sets how long clients may cache the contents, to the millisecond, and in which caches. It overrides
    /// [`Server::cache`](crate::Server::cache).
    ///
    /// If a parameter of the function depends on the caller, such as [`Headers`](crate::Headers), the scope is always private.
    /// See <https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching>.
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache = Some(Cache::new(ttl, scope));
        self
    }

    /// Sets the function that lists the concrete resources of a template.
    pub fn list<M>(self, function: impl ListWith<M>) -> Self {
        self.lister(Lister::new(function, Arc::new(())))
    }

    /// Makes it one of another server: its MIME type is that of the other server, and the handler gets the URI there as one more
    /// argument, with an empty name.
    #[cfg(feature = "proxy")]
    pub(crate) fn relayed(mut self, mime: Option<String>) -> Self {
        self.relayed = true;
        self.returned_mime = None;
        self.mime = mime.map(Arc::from);
        self
    }

    /// Returns the names of the variables of the URI, if it is valid.
    #[cfg(feature = "proxy")]
    pub(crate) fn variables(&self) -> Vec<String> {
        let template = UriTemplate::parse(&self.uri);
        template.map_or_else(
            |_| Vec::new(),
            |it| it.variables().map(|it| it.name.clone()).collect(),
        )
    }

    /// Returns `true` for a resource that is not in lists, because its skill lists it.
    #[cfg_attr(not(feature = "skills"), allow(clippy::unused_self))]
    fn is_unlisted(&self) -> bool {
        #[cfg(feature = "skills")]
        return self.is_unlisted_file();
        #[cfg(not(feature = "skills"))]
        false
    }

    #[doc(hidden)]
    pub fn lister(mut self, lister: Lister) -> Self {
        self.lister = Some(lister);
        self
    }

    #[doc(hidden)]
    pub fn param(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    #[doc(hidden)]
    pub fn returns<T: IntoResource<M>, M>(mut self) -> Self {
        self.returned_mime = T::MIME;
        self
    }

    pub(super) fn finish(
        mut self,
        states: &mut Vec<(String, NeededState)>,
        problems: &mut Vec<String>,
    ) -> Option<ResourceEntry> {
        let place = format!("resource `{}`", self.uri);
        // Other servers may give their resources any names, and files have theirs.
        if !self.relayed && !self.is_unlisted() {
            self.definition.check_name("resource", problems);
        }
        self.definition.check(&place, problems);
        let page = self.finish_page(&place, problems);
        self.check_values(&place, problems);
        let template = UriTemplate::parse(&self.uri)
            .map_err(|mistakes| {
                problems.extend(mistakes.iter().map(|mistake| format!("{place}: {mistake}")));
            })
            .ok()?;
        let parameters = std::mem::take(&mut self.parameters);
        let noun = "variables of the URI";
        let mut specified = specify(&place, &parameters, noun, false, problems);
        if self.is_run_time {
            let variables = template.variables().map(run_time_spec);
            specified.signature.parameters.extend(variables);
            if self.relayed {
                // No variable has an empty name.
                specified
                    .signature
                    .parameters
                    .push(ParameterSpec::default());
            }
        }
        check_completers(&place, &template, &self.completers, problems);
        specified.completers.append(&mut self.completers);
        let exploded = template.variables().filter(|variable| variable.exploded);
        let exploded: Vec<&str> = exploded.map(|it| it.name.as_str()).collect();
        specified.check_textual(&place, &exploded, problems);
        check_variables(&place, &template, &specified.signature, problems);
        specified.check_completers(&place, problems);
        let lists_for_caller = self.lister.as_ref().is_some_and(|lister| {
            let place = format!("{place}: the listing function");
            lister.check(&place, LISTING, &mut specified.states, problems)
        });
        states.append(&mut specified.states);
        Some(ResourceEntry {
            resource: self,
            page,
            template,
            depends_on_caller: specified.depends_on_caller,
            lists_for_caller,
            signature: Arc::new(specified.signature),
            completers: specified.completers,
            mounted: None,
        })
    }
}

/// Returns the specification of a variable of a resource that was created at run time.
fn run_time_spec(variable: &Variable) -> ParameterSpec {
    let schema = if variable.exploded {
        json!({ "type": "array", "items": { "type": "string" } })
    } else {
        json!({ "type": "string" })
    };
    ParameterSpec {
        name: variable.name.clone(),
        schema: Some(schema),
        exact: true,
        ..ParameterSpec::default()
    }
}

/// Records a problem for each completer of a variable that the template does not have.
fn check_completers(
    place: &str,
    template: &UriTemplate,
    completers: &[(String, Completer)],
    problems: &mut Vec<String>,
) {
    let is_known = |name: &str| template.variables().any(|variable| variable.name == name);
    let unknown = completers.iter().filter(|(name, _)| !is_known(name));
    problems.extend(unknown.map(|(name, _)| {
        format!(
            "{place}: the completed variable `{name}` is not in the URI: add `{{{name}}}` to it"
        )
    }));
}

impl Resource {
    /// Completes the definition of a page, and returns the page. Other resources receive their MIME type.
    fn finish_page(&mut self, place: &str, problems: &mut Vec<String>) -> Option<Arc<Page>> {
        let app = self.app.take();
        if app.is_some() && !app::is_page(&self.uri) {
            problems.push(format!(
                "{place} is a page, so its URI must begin with `{SCHEME}`"
            ));
        }
        if let Some(app) = app {
            if let Some(mime) = self.mime.as_ref().filter(|mime| ***mime != *MIME) {
                problems.push(format!(
                    "{place} is a page, so its MIME type is `{MIME}`: remove `{mime}`"
                ));
            }
            self.mime = Some(MIME.into());
            if !self.definition.add_page(app.into_json()) {
                problems.push(format!(
                    "{place} is a page, and `ui` in its `_meta` says what it asks of hosts: remove `ui`"
                ));
            }
        }
        self.mime = self.mime.take().or(self.returned_mime.map(Arc::from));
        let is_page = if self.relayed {
            // Hosts may take it for one, whatever its MIME type is.
            app::is_relayed_page(&self.uri)
        } else {
            app::is_page(&self.uri) && self.mime.as_deref() == Some(MIME)
        };
        if !is_page {
            return None;
        }
        let mut ui = self.definition.ui().cloned().unwrap_or_else(|| json!({}));
        let mistakes = app::remove_mistakes(&mut ui);
        if self.relayed {
            for mistake in &mistakes {
                tracing::warn!("{place} of another server: {mistake}; it is left out");
            }
            self.definition.set_ui(&ui);
        } else {
            problems.extend(mistakes.iter().map(|mistake| format!("{place}: {mistake}")));
        }
        let Value::Object(ui) = ui else {
            return None;
        };
        Some(Arc::new(Page {
            ui,
            relayed: self.relayed,
        }))
    }

    /// Records a problem for each annotation and MIME type that the protocol does not allow.
    fn check_values(&self, place: &str, problems: &mut Vec<String>) {
        let mime = self.mime.as_deref().and_then(mime_mistake);
        let annotations = self.annotations.iter().flat_map(Annotations::mistakes);
        let mistakes = mime.into_iter().chain(annotations);
        problems.extend(mistakes.map(|mistake| format!("{place}: {mistake}")));
    }
}

/// Records a problem for each variable without a parameter and each argument without a variable.
fn check_variables(
    place: &str,
    template: &UriTemplate,
    signature: &Signature,
    problems: &mut Vec<String>,
) {
    for variable in template.variables() {
        if signature.position(&variable.name).is_none() {
            problems.push(format!(
                "{place}: the variable `{{{0}}}` has no parameter: add `{0}: String` to the function",
                &variable.name
            ));
        }
    }
    for parameter in &signature.parameters {
        let known = template
            .variables()
            .any(|variable| variable.name == parameter.name);
        if parameter.schema.is_some() && !known {
            problems.push(format!(
                "{place}: the parameter `{0}` is not in the URI: add `{{{0}}}` to it",
                parameter.name
            ));
        }
    }
}

/// A resource or template that is served: listed and read.
pub(crate) struct ResourceEntry {
    pub(crate) resource: Resource,
    /// `None` if it is no page of MCP Apps.
    pub(crate) page: Option<Arc<Page>>,
    pub(crate) template: UriTemplate,
    pub(super) depends_on_caller: bool,
    /// `true` if the listing function depends on the caller.
    pub(crate) lists_for_caller: bool,
    pub(crate) signature: Arc<Signature>,
    pub(crate) completers: Vec<(String, Completer)>,
    pub(super) mounted: Option<Box<Mounted>>,
}

impl ResourceEntry {
    /// Returns the cache settings of a read result. `default` are those of the server.
    pub(crate) fn cache(&self, default: Option<Cache>) -> Cache {
        let cache = self.resource.cache.or(default);
        let cache = cache.unwrap_or_else(|| Cache::stale(CacheScope::Private));
        if self.depends_on_caller {
            cache.private()
        } else {
            cache
        }
    }

    /// Matches a URI. Returns the variables of the URI, an error if one of them is refused, or `None` if it does not match.
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Result<Arguments, String>> {
        self.template
            .match_uri(uri)
            .map(|values| self.arguments(values))
    }

    fn arguments(&self, values: Values) -> Result<Arguments, String> {
        let mut arguments = Arguments::empty(&self.signature);
        for (variable, value) in self.template.variables().zip(values) {
            let (Some(index), Some(value)) = (self.signature.position(&variable.name), value)
            else {
                continue;
            };
            if is_path(variable) {
                check_path(&variable.name, &value)?;
            }
            let slot = match value {
                MatchedValue::One(text) => Slot::Text(text),
                MatchedValue::Many(texts) => Slot::List(texts),
            };
            arguments.set(index, slot);
        }
        Ok(arguments)
    }
}

/// Returns `true` if a variable is in the path of a URI, not after `?`, `;` or `#`.
fn is_path(variable: &Variable) -> bool {
    use VariableKind::{Label, Path, Reserved, Simple};
    matches!(variable.kind, Simple | Reserved | Path | Label)
}

/// Refuses values that could escape from the directory that a path is meant for.
fn check_path(name: &str, value: &MatchedValue) -> Result<(), String> {
    let values = match value {
        MatchedValue::One(text) => std::slice::from_ref(text),
        MatchedValue::Many(texts) => texts,
    };
    match values.iter().find_map(|value| unsafe_path(value)) {
        Some(reason) => Err(format!("`{name}` {reason}")),
        None => Ok(()),
    }
}

impl Listed for ResourceEntry {
    const KIND: ComponentKind = ComponentKind::Resource;

    fn key(&self) -> &str {
        self.template.as_str()
    }

    fn identity(&self) -> &str {
        self.template.identity()
    }

    fn definition(&self) -> &Definition {
        &self.resource.definition
    }

    #[inline]
    fn mounted(&self) -> Option<&Mounted> {
        self.mounted.as_deref()
    }

    fn is_listed(&self) -> bool {
        !self.resource.is_unlisted()
    }

    fn push_own(&self, out: &mut String, form: &Form) {
        let uri = if self.template.is_template() {
            "uriTemplate"
        } else {
            "uri"
        };
        push_member(out, uri, self.template.as_str());
        push_optional(out, "mimeType", self.resource.mime.as_deref());
        push_optional(out, "size", self.resource.size.as_ref());
        if let Some(annotations) = &self.resource.annotations {
            annotations.push_member(out, form.features);
        }
    }
}
