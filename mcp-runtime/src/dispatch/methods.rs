//! The methods of the protocol.

use super::core::{MethodRun, Request};
#[cfg(feature = "skills")]
use super::skills;
use super::{
    completion, lifecycle, listen, lists, logging, prompts, resources, session_tasks, subscribe,
    task_result, tasks, tools,
};
use crate::outcome::Outcome;
use crate::protocol::error::RpcError;

/// A function that serves a method of the protocol.
pub(super) type MethodFn = fn(Request) -> Result<MethodRun, RpcError>;

/// Returns `true` if a revision has this method.
pub(super) fn is_known(name: &str) -> bool {
    method(name, true).or_else(|| method(name, false)).is_some()
}

/// Returns the function that serves a method, or `None` if the method is unknown in this era.
pub(super) fn method(name: &str, stateless: bool) -> Option<MethodFn> {
    let method: MethodFn = match (name, stateless) {
        ("tools/call", _) => tools::call,
        ("resources/read", _) => resources::read,
        ("prompts/get", _) => prompts::get,
        ("completion/complete", _) => completion::complete,
        ("tools/list", _) => lists::tools,
        ("prompts/list", _) => lists::prompts,
        ("resources/list", _) => lists::resources,
        ("resources/templates/list", _) => lists::templates,
        #[cfg(feature = "skills")]
        ("skills/list", _) => skills::list_all,
        #[cfg(feature = "skills")]
        ("skills/get", _) => skills::get,
        #[cfg(feature = "skills")]
        ("resources/directory/read", _) => skills::read_directory,
        ("server/discover", true) => |request| Ok(MethodRun::Ready(lifecycle::discover(&request))),
        ("subscriptions/listen", true) => listen::listen,
        ("tasks/get", true) => tasks::get,
        ("tasks/update", true) => tasks::update,
        ("tasks/cancel", true) => tasks::cancel,
        ("tasks/get", false) => session_tasks::get,
        ("tasks/result", false) => task_result::result,
        ("tasks/list", false) => session_tasks::list,
        ("tasks/cancel", false) => session_tasks::cancel,
        ("initialize", false) => lifecycle::initialize,
        ("resources/subscribe", false) => subscribe::subscribe,
        ("resources/unsubscribe", false) => subscribe::unsubscribe,
        ("logging/setLevel", false) => logging::set_level,
        ("ping", false) => |_| Ok(MethodRun::Ready(Outcome::Empty)),
        _ => return None,
    };
    Some(method)
}
