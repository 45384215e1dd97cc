//! The requests that the calls of some tools stand for.

/// The request that the calls of a tool stand for, for clients that know tools only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandsFor {
    ResourceList,
    TemplateList,
    Read,
    PromptList,
    Get,
}

impl StandsFor {
    /// Returns the name of the tool.
    pub(crate) fn tool(self) -> &'static str {
        match self {
            Self::ResourceList => "list_resources",
            Self::TemplateList => "list_resource_templates",
            Self::Read => "read_resource",
            Self::PromptList => "list_prompts",
            Self::Get => "get_prompt",
        }
    }

    /// Returns the option of the server that adds the tool.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::ResourceList | Self::TemplateList | Self::Read => "resources_as_tools",
            Self::PromptList | Self::Get => "prompts_as_tools",
        }
    }

    /// Returns the method of the request.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::ResourceList => "resources/list",
            Self::TemplateList => "resources/templates/list",
            Self::Read => "resources/read",
            Self::PromptList => "prompts/list",
            Self::Get => "prompts/get",
        }
    }
}
