//! The prompts.

use mcp_runtime::{Completion, prelude::*};

use crate::content::PNG;
use crate::resources::{ResourceType, complete_id, reference};

/// The departments and their members.
const TEAMS: [(&str, [&str; 3]); 4] = [
    ("Engineering", ["Alice", "Bob", "Charlie"]),
    ("Sales", ["David", "Eve", "Frank"]),
    ("Marketing", ["Grace", "Henry", "Iris"]),
    ("Support", ["John", "Kim", "Lee"]),
];

/// A prompt without arguments.
#[prompt(name = "simple-prompt")]
async fn simple_prompt() -> &'static str {
    "This is a simple prompt without arguments."
}

/// A prompt with a required and an optional argument.
#[prompt(name = "args-prompt")]
async fn args_prompt(
    /// The city.
    city: String,
    /// The state.
    state: Option<String>,
) -> String {
    let state = state.filter(|state| !state.is_empty());
    let state = state.map(|state| format!(", {state}")).unwrap_or_default();
    format!("What's weather in {city}{state}?")
}

fn departments(completion: Completion) -> Vec<&'static str> {
    let names = TEAMS.iter().map(|(name, _)| *name);
    names
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}

/// Completes a name from those of the department that was chosen before.
fn members(completion: Completion) -> Vec<&'static str> {
    let team = TEAMS
        .iter()
        .find(|(name, _)| completion.argument("department") == Some(name));
    let members = team
        .into_iter()
        .flat_map(|(_, members)| members.iter().copied());
    members
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}

/// A prompt whose first argument limits the completions of the second one.
#[prompt(name = "completable-prompt", title = "Team Management")]
async fn completable_prompt(
    /// The department.
    #[arg(complete = departments)]
    department: String,
    /// A member of the department.
    #[arg(complete = members)]
    name: String,
) -> String {
    format!("Please promote {name} to the head of the {department} team.")
}

fn kinds(completion: Completion) -> Vec<&'static str> {
    let kinds = ["Text", "Blob"].into_iter();
    kinds
        .filter(|kind| kind.starts_with(completion.value()))
        .collect()
}

/// A prompt with a resource in it.
#[prompt(name = "resource-prompt")]
async fn resource_prompt(
    /// The kind of the resource.
    #[arg(name = "resourceType", complete = kinds)]
    resource_type: ResourceType,
    /// The number of the resource.
    #[arg(name = "resourceId", complete = complete_id, range(1..))]
    resource_id: u32,
) -> [Message; 2] {
    let text = format!(
        "This prompt includes the {resource_type:?} resource with id: {resource_id}. Please analyze the following resource:"
    );
    [
        Message::user(text),
        Message::user(reference(resource_type, resource_id)),
    ]
}

/// A prompt with an image and an answer of the model in it.
#[prompt(name = "image-prompt")]
async fn image_prompt() -> [Message; 3] {
    [
        Message::user(Image::png(PNG)),
        Message::assistant("I see one red pixel."),
        Message::user("What would two of them look like?"),
    ]
}
