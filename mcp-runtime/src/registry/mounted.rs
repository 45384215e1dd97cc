//! The components of mounted servers: entries with other names and the same handlers.

use std::sync::Arc;

use mcp_grammar::name::{RULE, is_component};

use super::list::Listed;
use super::prompt::{Prompt, PromptEntry};
use super::resource::{Resource, ResourceEntry};
use super::stands_for::StandsFor;
use super::tool::{Tool, ToolEntry};
use crate::mount::{Mount, Mounted};
use crate::uri_template::UriTemplate;

/// A component that a server can have in another name, because it is mounted there.
pub(super) trait Mountable: Listed + Sized {
    /// Returns the entry in the outer server.
    ///
    /// # Errors
    /// Returns an error if the name or URI is not valid there.
    fn mount(&self, mount: &Arc<Mount>) -> Result<Self, String>;

    /// Returns the origin of the entry in the outer server.
    fn origin(&self, mount: &Arc<Mount>) -> Option<Box<Mounted>> {
        let mounted = Mounted::new(mount, self.key(), self.mounted());
        Some(Box::new(mounted))
    }

    /// Returns the option of the server that adds the component, if there is one.
    fn option(&self) -> Option<&'static str> {
        None
    }

    /// Describes the server that the component comes from, for the error about a conflict.
    fn describe_origin(&self) -> String {
        match self.mounted() {
            Some(Mounted { mounts, names, .. }) => {
                let (mount, name) = (mounts.first(), names.first());
                let server = mount.map_or("", |mount| &mount.server);
                let name = name.map_or("", String::as_str);
                format!("`{name}` of the mounted server `{server}`")
            }
            None => match &self.definition().original_name {
                Some(name) => format!("`{name}` (renamed by a transform)"),
                None => "one of the server itself".to_owned(),
            },
        }
    }
}

/// Returns the name of a tool or prompt in the outer server.
fn name(kind: &str, mount: &Mount, inner: &str) -> Result<String, String> {
    let outer = mount.name(inner);
    if is_component(&outer) {
        return Ok(outer);
    }
    Err(format!(
        "{kind} `{inner}` of the mounted server `{}` is called `{outer}`, but a name is {RULE}: choose a shorter prefix",
        mount.server
    ))
}

impl Mountable for ToolEntry {
    fn option(&self) -> Option<&'static str> {
        self.tool.stands_for.map(StandsFor::option)
    }

    fn mount(&self, mount: &Arc<Mount>) -> Result<Self, String> {
        let mut definition = self.tool.definition.clone();
        definition.name = name("tool", mount, &definition.name)?;
        let interface = self.tool.interface.as_ref().map(|uri| mount.uri(uri));
        if let Some(uri) = &interface {
            definition.add_interface(uri);
        }
        let tool = Tool {
            definition,
            hints: self.tool.hints.clone(),
            parameters: Vec::new(),
            schema: None,
            output: None,
            handler: self.tool.handler.clone(),
            interface,
            visibility: None,
            open: self.tool.open,
            relayed: self.tool.relayed,
            strict: self.tool.strict,
            per_caller: self.tool.per_caller,
            // Only the outermost server has such tools.
            stands_for: None,
            task: self.tool.task,
        };
        Ok(Self {
            tool,
            input_schema: self.input_schema.clone(),
            typed: self.typed,
            converted: Default::default(),
            header_params: self.header_params.clone(),
            output: self.output.clone(),
            output_rules: self.output_rules.clone(),
            signature: Arc::clone(&self.signature),
            renamings: self.renamings.mounted(),
            mounted: self.origin(mount),
            listed: true,
        })
    }
}

impl Mountable for PromptEntry {
    fn mount(&self, mount: &Arc<Mount>) -> Result<Self, String> {
        let mut definition = self.prompt.definition.clone();
        definition.name = name("prompt", mount, &definition.name)?;
        Ok(Self {
            prompt: Prompt {
                definition,
                parameters: Vec::new(),
                arguments: Vec::new(),
                handler: self.prompt.handler.clone(),
            },
            signature: Arc::clone(&self.signature),
            completers: self.completers.clone(),
            renamings: self.renamings.mounted(),
            mounted: self.origin(mount),
        })
    }
}

impl Mountable for ResourceEntry {
    fn mount(&self, mount: &Arc<Mount>) -> Result<Self, String> {
        let uri = mount.uri(self.key());
        let template = UriTemplate::parse(&uri).map_err(|mistakes| {
            format!(
                "resource `{}` of the mounted server `{}` has the URI `{uri}`: {}",
                self.key(),
                mount.server,
                mistakes.join("; ")
            )
        })?;
        let (definition, handler) = (
            self.resource.definition.clone(),
            self.resource.handler.clone(),
        );
        let mut resource = Resource::of(uri, definition, handler);
        resource.mime.clone_from(&self.resource.mime);
        resource.size = self.resource.size;
        resource.relayed = self.resource.relayed;
        resource.annotations.clone_from(&self.resource.annotations);
        resource.cache = self.resource.cache;
        resource.lister.clone_from(&self.resource.lister);
        #[cfg(feature = "skills")]
        resource.skill.clone_from(&self.resource.skill);
        Ok(Self {
            resource,
            page: self.page.clone(),
            template,
            depends_on_caller: self.depends_on_caller,
            lists_for_caller: self.lists_for_caller,
            signature: Arc::clone(&self.signature),
            completers: self.completers.clone(),
            mounted: self.origin(mount),
        })
    }
}
