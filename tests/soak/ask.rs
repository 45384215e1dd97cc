//! The messages of clients, and the checks of their replies.

use std::time::Duration;

use mcp_tests::schemas;
use serde_json::{Value, json};

use crate::Verdict;
use crate::callers::{Caller, SCOPE};
use crate::random::Random;

/// The era of a client.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

impl Era {
    pub(crate) fn revision(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }
}

/// The ids that a client gives its requests.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Numbering {
    FromOne,
    AlwaysOne,
}

enum Kind {
    Call(&'static str),
    /// A tool that needs a scope.
    Guarded,
    /// A tool that nobody without the scope knows.
    Secret,
    List,
    Read,
    UnknownTool,
    UnknownMethod,
    Malformed,
    Notification,
}

/// One message.
pub(crate) struct Ask {
    pub(crate) id: u64,
    caller: &'static Caller,
    kind: Kind,
    /// A text that no other message has.
    text: String,
}

/// Characters that are special in JSON, in lines or in events.
const LETTERS: [&str; 8] = ["a", "Z", " ", "\"", "\\", "\n", "ü", "🦀"];

impl Ask {
    /// The message with this number of a client.
    pub(crate) fn random(
        random: &mut Random,
        caller: &'static Caller,
        lane: u64,
        number: u64,
        numbering: Numbering,
    ) -> Self {
        let kind = match random.below(100) {
            0..50 => Kind::Call(["echo_owned", "echo_borrowed"][random.below(2)]),
            50..57 => Kind::Guarded,
            57..60 => Kind::Secret,
            60..68 => Kind::Call("echo_blocking"),
            68..70 => Kind::List,
            70..86 => Kind::Read,
            86..90 => Kind::UnknownTool,
            90..94 => Kind::UnknownMethod,
            94..97 => Kind::Malformed,
            _ => Kind::Notification,
        };
        let mut text = format!("{lane}-{number}");
        if let Kind::Call(_) | Kind::Guarded | Kind::Secret = kind {
            let longest = if random.below(200) == 0 { 8000 } else { 40 };
            for _ in 0..random.below(longest) {
                text.push_str(LETTERS[random.below(LETTERS.len())]);
            }
        }
        let id = if numbering == Numbering::FromOne {
            number
        } else {
            1
        };
        Self {
            id,
            caller,
            kind,
            text,
        }
    }

    /// Returns `true` if there must be no reply.
    pub(crate) fn is_notification(&self) -> bool {
        matches!(self.kind, Kind::Notification)
    }

    /// Returns `true` if the reply cannot repeat the id.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(self.kind, Kind::Malformed)
    }

    pub(crate) fn method(&self) -> String {
        match self.kind {
            Kind::Call(_) | Kind::Guarded | Kind::Secret | Kind::UnknownTool | Kind::Malformed => {
                "tools/call".to_owned()
            }
            Kind::List => "tools/list".to_owned(),
            Kind::Read => "resources/read".to_owned(),
            Kind::UnknownMethod => format!("absent/{}", self.text),
            Kind::Notification => "notifications/cancelled".to_owned(),
        }
    }

    /// The value of the header `Mcp-Name`.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Call(tool) => Some(tool.to_owned()),
            Kind::Guarded => Some("guarded".to_owned()),
            Kind::Secret => Some("secret".to_owned()),
            Kind::UnknownTool => Some(format!("absent-{}", self.text)),
            Kind::Read => Some(format!("echo://{}", self.text)),
            Kind::Malformed => Some("echo_owned".to_owned()),
            _ => None,
        }
    }

    fn params(&self) -> Value {
        match self.kind {
            Kind::Call(_) | Kind::Guarded | Kind::Secret => {
                json!({ "name": self.name(), "arguments": { "text": self.text } })
            }
            Kind::UnknownTool => json!({ "name": self.name(), "arguments": {} }),
            Kind::Read => json!({ "uri": self.name() }),
            Kind::Notification => json!({ "requestId": format!("none-{}", self.text) }),
            Kind::List | Kind::UnknownMethod | Kind::Malformed => json!({}),
        }
    }

    /// The message as one line.
    pub(crate) fn json(&self, era: Era) -> String {
        if self.is_malformed() {
            return format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"tools/call","params":"#,
                self.id
            );
        }
        let mut params = self.params();
        if era == Era::Modern {
            params["_meta"] = meta();
        }
        let mut message = json!({ "jsonrpc": "2.0", "method": self.method(), "params": params });
        if !self.is_notification() {
            message["id"] = self.id.into();
        }
        message.to_string()
    }

    /// Decides whether the reply is valid and belongs to this message.
    ///
    /// # Errors
    /// Returns an error if the reply is wrong.
    pub(crate) fn judge(&self, era: Era, reply: &Value) -> Result<Verdict, String> {
        let method = (!self.is_malformed()).then(|| self.method());
        let has_id = method.is_some();
        schemas::reply(era.revision(), method.as_deref(), reply, has_id)?;
        let id = if self.is_malformed() {
            Value::Null
        } else {
            self.id.into()
        };
        let whole = reply["jsonrpc"] == "2.0" && reply.get("id").unwrap_or(&Value::Null) == &id;
        if whole && self.is_right(reply) {
            let is_forbidden = matches!(self.kind, Kind::Guarded) && !self.caller.is_granted;
            return Ok(if is_forbidden {
                Verdict::Forbidden
            } else {
                Verdict::Answered
            });
        }
        let sent: String = self.json(Era::Legacy).chars().take(300).collect();
        let got: String = reply.to_string().chars().take(300).collect();
        Err(format!("to {sent} the reply was {got}"))
    }

    /// Returns `true` if the result or the error is that of this message.
    fn is_right(&self, reply: &Value) -> bool {
        let (result, error) = (&reply["result"], &reply["error"]);
        let message = error["message"].as_str().unwrap_or_default();
        let fails = |code: i64, says: &str| error["code"] == code && message.contains(says);
        let echoes = |text: &str| result["content"] == json!([{ "type": "text", "text": text }]);
        let is_granted = self.caller.is_granted;
        match self.kind {
            Kind::Call(_) => echoes(&self.text),
            Kind::Guarded | Kind::Secret if is_granted => {
                echoes(&format!("{} {}", self.caller.name, self.text))
            }
            Kind::Guarded => {
                fails(-32600, SCOPE) && error["data"]["requiredScopes"] == json!([SCOPE])
            }
            Kind::Secret => fails(-32602, "secret") && !message.contains(SCOPE),
            Kind::List => {
                let tools = result["tools"].as_array().map_or(&[][..], Vec::as_slice);
                let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
                tools.len() > 10 && has("guarded") && has("secret") == is_granted
            }
            Kind::Read => {
                let contents = &result["contents"][0];
                contents["text"] == *self.text
                    && contents["uri"] == *format!("echo://{}", self.text)
            }
            Kind::UnknownTool => fails(-32602, &self.text),
            Kind::UnknownMethod => fails(-32601, &self.text),
            Kind::Malformed => error["code"] == -32700,
            Kind::Notification => false,
        }
    }
}

/// A call of a tool that sleeps, as one line.
pub(crate) fn sleep(tool: &str, time: Duration, id: u64, era: Era) -> String {
    let mut params = json!({ "name": tool, "arguments": { "milliseconds": time.as_millis() } });
    if era == Era::Modern {
        params["_meta"] = meta();
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

/// The metadata of a modern request.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": Era::Modern.revision(),
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::CALLERS;

    fn ask(caller: &'static Caller, kind: Kind, text: &str) -> Ask {
        Ask {
            id: 1,
            caller,
            kind,
            text: text.to_owned(),
        }
    }

    fn reply(id: Value, text: &str) -> Value {
        let content = json!([{ "type": "text", "text": text }]);
        json!({ "jsonrpc": "2.0", "id": id, "result": { "content": content } })
    }

    #[test]
    fn only_its_own_reply_is_right() {
        let ask = ask(&CALLERS[0], Kind::Call("echo_owned"), "a");
        for (id, text, is_right) in [
            (json!(1), "a", true),
            (json!(1), "b", false),
            (json!(2), "a", false),
            (json!("1"), "a", false),
        ] {
            let judged = ask.judge(Era::Legacy, &reply(id, text));
            assert_eq!(judged.is_ok(), is_right, "{judged:?}");
        }
    }

    #[test]
    fn a_guarded_tool_answers_its_caller_with_the_scope_and_refuses_others() {
        let error = json!({
            "code": -32600, "message": "Forbidden: the scope `soak:write` is required",
            "data": { "requiredScopes": [SCOPE] },
        });
        let refusal = json!({ "jsonrpc": "2.0", "id": 1, "error": error });
        let (granted, other) = (&CALLERS[0], &CALLERS[1]);
        assert!(granted.is_granted && !other.is_granted);
        for (caller, reply, verdict) in [
            (granted, reply(json!(1), "ada a"), Some(Verdict::Answered)),
            (granted, reply(json!(1), "bob a"), None),
            (granted, refusal.clone(), None),
            (other, reply(json!(1), "bob a"), None),
            (other, refusal, Some(Verdict::Forbidden)),
        ] {
            let judged = ask(caller, Kind::Guarded, "a").judge(Era::Legacy, &reply);
            assert_eq!(judged.ok(), verdict, "{} {reply}", caller.name);
        }
    }

    #[test]
    fn no_message_is_two_lines() {
        let mut random = Random::new(1);
        for number in 1..1000 {
            let ask = Ask::random(&mut random, &CALLERS[0], 1, number, Numbering::FromOne);
            assert!(!ask.json(Era::Modern).contains('\n'));
        }
    }
}
