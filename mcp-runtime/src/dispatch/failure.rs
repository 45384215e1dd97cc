//! What clients learn of the errors of handlers.

use super::contain::reference;
use crate::call::CallContext;
use crate::error::ToolError;
use crate::protocol::error::RpcError;

/// The protocol's own error for a client that lacks a capability, where the revision has it.
pub(super) fn lack(call: &CallContext, error: &ToolError) -> Option<RpcError> {
    let capability = error.lack().filter(|_| call.caller.features.stateless)?;
    let mut lacking = call.lacking();
    if !lacking.contains(&capability) {
        lacking.push(capability);
    }
    Some(RpcError::missing_capabilities(&lacking))
}

/// The error of a handler as one of the protocol, for what has no results that say so.
pub(super) fn failed(call: &CallContext, handler: &str, error: &ToolError) -> RpcError {
    if let Some(lack) = lack(call, error) {
        lack
    } else if error.is_refusal() {
        RpcError::invalid_params(in_one_line(&error.to_string()))
    } else {
        RpcError::internal(shown(call, handler, error))
    }
}

/// A list of mistakes as the message of an error, which is one sentence.
fn in_one_line(list: &str) -> String {
    list.replacen("\n- ", " ", 1).replace("\n- ", "; ")
}

/// The text of an error that the client may see. What caused it goes to the log.
pub(super) fn shown(call: &CallContext, handler: &str, error: &ToolError) -> String {
    if error.is_deliberate() {
        return error.to_string();
    }
    if !call.server.mask_errors {
        tracing::warn!(handler, error = error.chain(), "a handler failed");
        return error.to_string();
    }
    let reference = reference();
    tracing::warn!(
        handler,
        reference,
        error = error.chain(),
        "a handler failed"
    );
    format!("It failed; the reason is in the server's log (reference {reference})")
}
