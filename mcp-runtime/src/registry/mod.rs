//! The components of a server: their definitions, collection at link time, lookup and lists.
//!
//! It calls no handlers and does not depend on messages.

mod app;
mod complete;
mod component_kind;
mod component_view;
mod components;
mod constraint;
mod definition;
mod draft;
mod flatten;
mod function;
mod handler;
mod header_params;
mod list;
mod listing;
mod mounted;
mod parameter;
mod prompt;
mod prompt_argument;
mod registered;
mod resource;
mod selection;
#[cfg(feature = "skills")]
mod skill;
#[cfg(feature = "skills")]
mod skill_lists;
mod snapshot;
mod stands_for;
mod task_support;
mod tool;
mod tool_index;
mod transform;
mod version;

pub use app::{App, AppPermission, ToolVisibility};
pub use complete::{CompleteWith, Completer, Completion};
pub use component_kind::ComponentKind;
pub use component_view::ComponentView;
pub(crate) use components::package_id;
pub use components::{Component, Components, IntoComponents, MoreTools, Registration, ToolSet};
pub use constraint::{Bound, Bounds};
pub use function::{
    AsyncMethod, Blocking, Eventual, Eventually, Function, Injected, IntoOutput, Method, Needs, Ran,
};
pub use handler::Handler;
pub(crate) use header_params::HeaderParam;
pub(crate) use list::{Filter, Form, ListCaller, Listed, read_cursor, write_cursor};
pub use listing::{IntoLinks, ListWith, Lister, Listing};
pub use parameter::Parameter;
pub use prompt::Prompt;
pub(crate) use prompt::PromptEntry;
pub use prompt_argument::PromptArgument;
pub(crate) use registered::{NO_COMPONENT, PageRequest, Registry};
pub use resource::Resource;
pub(crate) use resource::ResourceEntry;
pub(crate) use selection::Selection;
#[cfg(feature = "skills")]
pub(crate) use skill::{InvalidCursor, Manifest, SKILL_FILE, SkillFile};
pub(crate) use snapshot::Snapshot;
pub(crate) use stands_for::StandsFor;
pub use task_support::TaskSupport;
pub use tool::Tool;
pub(crate) use tool::ToolEntry;
pub(crate) use transform::Transforms;
pub use transform::{PromptTransform, ResourceTransform, ResultSchema, ToolTransform, Transform};

use std::any::TypeId;

use mcp_grammar::name::{RULE, is_component};

/// The id and name of a state that a component takes and the server must have.
pub(crate) type NeededState = (TypeId, &'static str);

/// Reports a name that clients do not accept.
fn check_name(kind: &str, name: &str, problems: &mut Vec<String>) {
    if !is_component(name) {
        problems.push(format!("{kind} `{name}`: a name is {RULE}"));
    }
}
