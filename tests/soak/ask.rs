//! The messages of clients, and the checks of their replies.

use mcp_tests::schemas;
use serde_json::{Value, json};

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
        lane: u64,
        number: u64,
        numbering: Numbering,
    ) -> Self {
        let kind = match random.below(100) {
            0..60 => Kind::Call(["echo_owned", "echo_borrowed"][random.below(2)]),
            60..68 => Kind::Call("echo_blocking"),
            68..70 => Kind::List,
            70..86 => Kind::Read,
            86..90 => Kind::UnknownTool,
            90..94 => Kind::UnknownMethod,
            94..97 => Kind::Malformed,
            _ => Kind::Notification,
        };
        let mut text = format!("{lane}-{number}");
        if let Kind::Call(_) = kind {
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
        Self { id, kind, text }
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
            Kind::Call(_) | Kind::UnknownTool | Kind::Malformed => "tools/call".to_owned(),
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
            Kind::UnknownTool => Some(format!("absent-{}", self.text)),
            Kind::Read => Some(format!("echo://{}", self.text)),
            Kind::Malformed => Some("echo_owned".to_owned()),
            _ => None,
        }
    }

    fn params(&self) -> Value {
        match self.kind {
            Kind::Call(tool) => json!({ "name": tool, "arguments": { "text": self.text } }),
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
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": era.revision(),
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let mut message = json!({ "jsonrpc": "2.0", "method": self.method(), "params": params });
        if !self.is_notification() {
            message["id"] = self.id.into();
        }
        message.to_string()
    }

    /// Returns an error if the reply is invalid or belongs to another message.
    pub(crate) fn judge(&self, era: Era, reply: &Value) -> Result<(), String> {
        let method = (!self.is_malformed()).then(|| self.method());
        let has_id = method.is_some();
        schemas::reply(era.revision(), method.as_deref(), reply, has_id)?;
        let id = if self.is_malformed() {
            Value::Null
        } else {
            self.id.into()
        };
        let error = &reply["error"];
        let says = |key: &str| {
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains(key))
        };
        let right = match self.kind {
            Kind::Call(_) => {
                reply["result"]["content"] == json!([{ "type": "text", "text": self.text }])
            }
            Kind::List => reply["result"]["tools"]
                .as_array()
                .is_some_and(|tools| tools.len() > 10),
            Kind::Read => {
                let contents = &reply["result"]["contents"][0];
                contents["text"] == *self.text
                    && contents["uri"] == *format!("echo://{}", self.text)
            }
            Kind::UnknownTool => error["code"] == -32602 && says(&self.text),
            Kind::UnknownMethod => error["code"] == -32601 && says(&self.text),
            Kind::Malformed => error["code"] == -32700,
            Kind::Notification => false,
        };
        let whole = reply["jsonrpc"] == "2.0" && reply.get("id").unwrap_or(&Value::Null) == &id;
        if right && whole {
            Ok(())
        } else {
            let sent: String = self.json(Era::Legacy).chars().take(300).collect();
            let got: String = reply.to_string().chars().take(300).collect();
            Err(format!("to {sent} the reply was {got}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_reply_is_right() {
        let ask = |id, text: &str| Ask {
            id,
            kind: Kind::Call("echo_owned"),
            text: text.to_owned(),
        };
        let reply = |id: Value, text: &str| {
            let content = json!([{ "type": "text", "text": text }]);
            json!({ "jsonrpc": "2.0", "id": id, "result": { "content": content } })
        };
        assert!(
            ask(1, "a")
                .judge(Era::Legacy, &reply(json!(1), "a"))
                .is_ok()
        );
        assert!(
            ask(1, "a")
                .judge(Era::Legacy, &reply(json!(1), "b"))
                .is_err()
        );
        assert!(
            ask(1, "a")
                .judge(Era::Legacy, &reply(json!(2), "a"))
                .is_err()
        );
        assert!(
            ask(1, "a")
                .judge(Era::Legacy, &reply(json!("1"), "a"))
                .is_err()
        );
    }

    #[test]
    fn no_message_is_two_lines() {
        let mut random = Random::new(1);
        for number in 1..1000 {
            let ask = Ask::random(&mut random, 1, number, Numbering::FromOne);
            assert!(!ask.json(Era::Modern).contains('\n'));
        }
    }
}
