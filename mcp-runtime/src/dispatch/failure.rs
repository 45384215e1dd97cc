//! Conversion of the errors of handlers into the errors that clients see.

use super::contain::reference;
use crate::call::{CallContext, ServerContext};
use crate::error::ToolError;
use crate::protocol::error::RpcError;

/// Returns the protocol error behind the error of a handler, if it is not one for the model: the handler cannot run for
/// this caller, or the client lacks a capability in a revision that has an error for that.
pub(super) fn protocol_error(call: &CallContext, error: &ToolError) -> Option<RpcError> {
    if error.is_of_caller() {
        return Some(RpcError::forbidden(error.to_string()));
    }
    if let Some(reply) = error.reply() {
        return Some(reply);
    }
    let capability = error.lack().filter(|_| call.caller.features.stateless)?;
    let mut lacking = call.lacking();
    if !lacking.contains(&capability) {
        lacking.push(capability);
    }
    Some(RpcError::missing_capabilities(&lacking))
}

/// Converts the error of a handler into a protocol error, for methods whose results cannot carry errors.
pub(super) fn rpc_error(call: &CallContext, handler: &str, error: &ToolError) -> RpcError {
    rpc_error_of(&call.server, call, handler, error)
}

/// Converts the error of a handler of this server like [`rpc_error`].
pub(super) fn rpc_error_of(
    server: &ServerContext,
    call: &CallContext,
    handler: &str,
    error: &ToolError,
) -> RpcError {
    if let Some(error) = protocol_error(call, error) {
        error
    } else if let Some(seconds) = error.retry_after() {
        RpcError::rate_limited(error.to_string(), seconds)
    } else if error.is_refusal() {
        RpcError::invalid_params(in_one_line(&error.to_string()))
    } else {
        RpcError::internal(client_text(server, handler, error))
    }
}

/// Joins a list of mistakes into one line, as the message of an error.
fn in_one_line(list: &str) -> String {
    list.replacen("\n- ", " ", 1).replace("\n- ", "; ")
}

/// Returns the text of an error that the client may see, and logs the cause.
pub(super) fn client_text(server: &ServerContext, handler: &str, error: &ToolError) -> String {
    if error.is_deliberate() {
        return error.to_string();
    }
    if !server.mask_errors {
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
