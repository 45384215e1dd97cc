//! Questions of handlers, which the person at the terminal answers.

mod field;

use std::io::{self, BufRead, IsTerminal as _, Write};

use mcp_grammar::percent::{self, Ascii, UNRESERVED};
use serde_json::{Map, Value, json};

use self::field::Field;
use super::terminal;

/// A person at a terminal.
struct Person<R, W> {
    input: R,
    output: W,
}

/// How a person ends a form without answers.
enum Refusal {
    /// They answered no.
    Declined,
    /// The input ended.
    Cancelled,
}

/// Returns a function that asks the person at the terminal, or `None` if stdin or stderr is not a terminal.
pub(super) fn person() -> Option<impl FnMut(&Value) -> Value + Send + 'static> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    Some(|question: &Value| {
        let mut person = Person {
            input: io::stdin().lock(),
            output: io::stderr(),
        };
        person.answer(question)
    })
}

impl<R: BufRead, W: Write> Person<R, W> {
    /// Returns the result of a question of the server.
    fn answer(&mut self, question: &Value) -> Value {
        let params = &question["params"];
        match question["method"].as_str() {
            Some("elicitation/create") if params["mode"] == "url" => self.visit(params),
            Some("elicitation/create") => self.fill(params),
            Some("sampling/createMessage") => self.speak(params),
            // A client offers the folder in which it was started.
            _ => roots(),
        }
    }

    /// Asks for the values of a form.
    fn fill(&mut self, params: &Value) -> Value {
        self.say(&format!("The server asks: {}", shown(&params["message"])));
        match self.values(&params["requestedSchema"]) {
            Ok(values) => json!({ "action": "accept", "content": values }),
            Err(Refusal::Declined) => json!({ "action": "decline" }),
            Err(Refusal::Cancelled) => json!({ "action": "cancel" }),
        }
    }

    fn values(&mut self, schema: &Value) -> Result<Map<String, Value>, Refusal> {
        let mut values = Map::new();
        let fields = schema["properties"].as_object().into_iter().flatten();
        for (name, property) in fields {
            let required = schema["required"].as_array().into_iter().flatten();
            let field = Field {
                name,
                schema: property,
                is_required: required.into_iter().any(|required| required == name),
            };
            if let Some(value) = self.value(&field)? {
                values.insert(name.clone(), value);
            }
        }
        if self.agrees("Send this answer?")? {
            Ok(values)
        } else {
            Err(Refusal::Declined)
        }
    }

    /// Asks for one value until it is valid. Returns `None` if the field is left out.
    fn value(&mut self, field: &Field<'_>) -> Result<Option<Value>, Refusal> {
        for line in field.explanation() {
            self.say(&format!("  {line}"));
        }
        loop {
            let text = self.ask(&format!("  {}: ", field.prompt()))?;
            match field.parse(&text) {
                Ok(value) => return Ok(value),
                Err(why) => self.say(&format!("  {why}")),
            }
        }
    }

    /// Asks to open a page.
    fn visit(&mut self, params: &Value) -> Value {
        self.say(&format!("The server asks: {}", shown(&params["message"])));
        self.say(&format!("  Open this page: {}", shown(&params["url"])));
        match self.agrees("Have you opened it?") {
            Ok(true) => json!({ "action": "accept" }),
            Ok(false) | Err(Refusal::Declined) => json!({ "action": "decline" }),
            Err(Refusal::Cancelled) => json!({ "action": "cancel" }),
        }
    }

    /// Asks for the text of a model.
    fn speak(&mut self, params: &Value) -> Value {
        self.say("The server asks a model. Write its answer:");
        for message in params["messages"].as_array().into_iter().flatten() {
            let text = match message["content"]["text"].as_str() {
                Some(text) => text.to_owned(),
                None => message["content"].to_string(),
            };
            self.say(&format!("  {}: {text}", shown(&message["role"])));
        }
        let text = self.ask("  assistant: ").unwrap_or_else(|_| String::new());
        json!({
            "role": "assistant",
            "content": { "type": "text", "text": text },
            "model": "a person",
            "stopReason": "endTurn",
        })
    }

    /// Asks a question of yes or no. An empty answer is yes.
    fn agrees(&mut self, question: &str) -> Result<bool, Refusal> {
        loop {
            let answer = self.ask(&format!("{question} [Y/n] "))?;
            match answer.to_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("Write `y` or `n`."),
            }
        }
    }

    /// Prints a prompt and reads a line.
    fn ask(&mut self, prompt: &str) -> Result<String, Refusal> {
        self.print(prompt);
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) | Err(_) => Err(Refusal::Cancelled),
            Ok(_) => Ok(line.trim().to_owned()),
        }
    }

    fn say(&mut self, line: &str) {
        self.print(line);
        self.print("\n");
    }

    /// Prints a text of the server with its control characters escaped, whatever the output is.
    fn print(&mut self, text: &str) {
        let text = if text == "\n" {
            text.into()
        } else {
            terminal::escape_all(text)
        };
        // Without an output, the person cannot answer either.
        let _ = self
            .output
            .write_all(text.as_bytes())
            .and_then(|()| self.output.flush());
    }
}

fn shown(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the current directory as the only root.
fn roots() -> Value {
    let folder = std::env::current_dir().ok();
    let folder = folder.as_deref().and_then(|folder| folder.to_str());
    let root = |folder: &str| {
        let mut uri = "file://".to_owned();
        percent::encode(&mut uri, folder, UNRESERVED.with(Ascii::of(b"/:")));
        json!({ "uri": uri, "name": folder })
    };
    json!({ "roots": folder.into_iter().map(root).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers a question with these lines. Returns the result, and what was printed.
    fn answered(question: &Value, lines: &str) -> (Value, String) {
        let mut output = Vec::new();
        let mut person = Person {
            input: lines.as_bytes(),
            output: &mut output,
        };
        let answer = person.answer(question);
        (answer, String::from_utf8(output).unwrap())
    }

    fn form() -> Value {
        json!({ "method": "elicitation/create", "params": {
            "message": "When?\u{1b}[2J",
            "requestedSchema": {
                "type": "object",
                "properties": {
                    "guests": { "type": "integer", "title": "Guests", "minimum": 1, "maximum": 9 },
                    "meal": { "type": "string", "enum": ["lunch", "dinner"], "default": "dinner" },
                    "note": { "type": "string", "description": "Anything else." },
                    "window": { "type": "boolean" },
                },
                "required": ["guests", "meal", "window"],
            },
        } })
    }

    #[test]
    fn a_form_is_filled_field_by_field() {
        let (answer, printed) = answered(&form(), "none\n12\n3\n\n\nyes\n\n");
        let content = json!({ "guests": 3, "meal": "dinner", "window": true });
        assert_eq!(answer, json!({ "action": "accept", "content": content }));
        for part in [
            "When?\\u001b[2J",
            "Guests",
            "1 to 9",
            "1. lunch",
            "2. dinner",
            "Anything else.",
        ] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
    }

    #[test]
    fn a_form_is_declined_or_cancelled() {
        assert_eq!(
            answered(&form(), "3\n1\n\ny\nn\n").0,
            json!({ "action": "decline" })
        );
        for lines in ["", "3\n", "3\n1\n\ny\n"] {
            assert_eq!(
                answered(&form(), lines).0,
                json!({ "action": "cancel" }),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_other_questions() {
        let visit = json!({ "method": "elicitation/create", "params": { "mode": "url", "message": "Pay", "url": "https://pay.example.com" } });
        assert_eq!(answered(&visit, "\n").0, json!({ "action": "accept" }));
        assert_eq!(answered(&visit, "n\n").0, json!({ "action": "decline" }));
        let message =
            json!({ "role": "user", "content": { "type": "text", "text": "Capital of France?" } });
        let sample =
            json!({ "method": "sampling/createMessage", "params": { "messages": [message] } });
        let (answer, printed) = answered(&sample, "Paris\n");
        assert_eq!(answer["content"]["text"], "Paris");
        assert!(printed.contains("user: Capital of France?"), "{printed}");
        let (answer, _) = answered(&json!({ "method": "roots/list", "params": {} }), "");
        assert!(
            answer["roots"][0]["uri"]
                .as_str()
                .unwrap()
                .starts_with("file:///")
        );
    }
}
