//! The results and notifications of the extension `io.modelcontextprotocol/tasks`, whose schema is not one of the official ones.

use serde_json::Value;

use super::{Checked, MODERN, messages, validate};

/// Validates the state of a task: `DetailedTask`, or `CreateTaskResult` if it has just been created. `extra` are further members.
fn task(value: &Value, is_detailed: bool, extra: &[&str]) -> Checked {
    let wrong = |what: &str| Err(format!("not a valid task, {what}: {value:#}"));
    let Some(members) = value.as_object() else {
        return wrong("not an object");
    };
    let status = value["status"].as_str().unwrap_or_default();
    let of_status: &[&str] = match status {
        _ if !is_detailed => &[],
        "working" | "cancelled" => &[],
        "input_required" => &["inputRequests"],
        "completed" => &["result"],
        "failed" => &["error"],
        _ => return wrong("its status"),
    };
    let required = ["taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"];
    let optional = ["statusMessage", "pollIntervalMs"];
    for name in required.iter().chain(of_status).chain(extra) {
        if !members.contains_key(*name) {
            return wrong(name);
        }
    }
    let mut known = required
        .iter()
        .chain(&optional)
        .chain(of_status)
        .chain(extra);
    if let Some(name) = members
        .keys()
        .find(|name| !known.clone().any(|it| it == name))
    {
        return wrong(name);
    }
    let is_text = |name: &&&str| value[**name].is_string();
    if !known.all(|name| {
        is_text(&name) || !["taskId", "statusMessage"].contains(name) || value[*name].is_null()
    }) {
        return wrong("a text");
    }
    for name in ["createdAt", "lastUpdatedAt"] {
        let time = value[name].as_str().unwrap_or_default();
        if time.len() != 24 || time.as_bytes().get(10) != Some(&b'T') || !time.ends_with('Z') {
            return wrong(name);
        }
    }
    for name in ["ttlMs", "pollIntervalMs"] {
        if value[name].as_u64().is_none_or(|time| time == 0) {
            return wrong(name);
        }
    }
    for request in value["inputRequests"].as_object().into_iter().flatten() {
        messages::question(MODERN, request.1)?;
    }
    if is_detailed
        && status == "input_required"
        && value["inputRequests"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty)
    {
        return wrong("without a question");
    }
    if is_detailed && status == "completed" {
        validate(MODERN, "CallToolResult", &value["result"])?;
    }
    if is_detailed && status == "failed" {
        messages::error(MODERN, &value["error"])?;
    }
    Ok(())
}

/// Validates a result that is a task, a task's state or an acknowledgement. Returns `None` for the result of another method.
pub(super) fn result(method: &str, result: &Value) -> Option<Checked> {
    let has_type = |name: &str| {
        if result["resultType"] == name {
            Ok(())
        } else {
            Err(format!("the type of the result is not `{name}`: {result}"))
        }
    };
    let common = ["resultType", "_meta"];
    Some(match method {
        "tools/call" if result["resultType"] == "task" => task(result, false, &common),
        "tasks/get" => has_type("complete").and_then(|()| task(result, true, &common)),
        "tasks/update" | "tasks/cancel" => has_type("complete").and_then(|()| {
            let members = result.as_object().into_iter().flatten();
            let mut others = members.filter(|(name, _)| !common.contains(&name.as_str()));
            others.next().map_or(Ok(()), |other| {
                Err(format!("an acknowledgement has no {other:?}"))
            })
        }),
        _ => return None,
    })
}

/// Validates the parameters of `notifications/tasks`.
pub(super) fn notification(params: &Value) -> Checked {
    task(params, true, &["_meta"])
}
