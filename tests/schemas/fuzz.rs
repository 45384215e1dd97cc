//! Random arguments: a tool accepts them or reports what is wrong, and never fails. `CASES` sets the number of cases.

use fastrand::Rng;
use mcp_tests::client::Connect as _;
use serde_json::{Value, json};

use crate::raw::{Raw, request};
use crate::types::server;
use crate::values::{Values, cases};

/// Changes one thing somewhere in a value.
pub(crate) fn mutate(value: &mut Value, values: &mut Values<'_>) {
    let go_deeper = values.random.u8(0..3) > 0;
    match value {
        Value::Array(items) if go_deeper && !items.is_empty() => {
            let index = values.random.usize(..items.len());
            return mutate(&mut items[index], values);
        }
        Value::Object(members) if go_deeper && !members.is_empty() => {
            let index = values.random.usize(..members.len());
            if let Some((_, member)) = members.iter_mut().nth(index) {
                return mutate(member, values);
            }
        }
        _ => {}
    }
    match (values.random.u8(0..6), &mut *value) {
        (0, Value::Array(items)) => {
            let item = values.any(2);
            items.push(item);
        }
        (1, Value::Array(items)) => drop(items.pop()),
        (0, Value::Object(members)) => {
            let name = values.text(0, 6);
            members.insert(name, values.any(2));
        }
        (1 | 2, Value::Object(members)) => {
            // A member with a slightly different name, or without its value.
            let name = members.keys().next().cloned().unwrap_or_default();
            let member = members.shift_remove(&name);
            if let (Some(member), true) = (member, values.random.bool()) {
                members.insert(format!("{name}s"), member);
            }
        }
        (3, value) => *value = value.to_string().into(),
        (4, value) => *value = json!([value.take()]),
        (5, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            *value = json!(number * [-1.0, 0.5, 1e3, 1e200][values.random.usize(..4)]);
        }
        (_, value) => *value = values.any(3),
    }
}

#[tokio::test]
async fn any_value_is_taken_or_refused_with_the_place_of_each_mistake() {
    let mut refused = 0;
    for strict in [false, true] {
        let client = server(strict).connect().await;
        for (number, tool) in client.tools().await.unwrap().iter().enumerate() {
            let name = tool["name"].as_str().unwrap();
            let schema = &tool["inputSchema"];
            let mut values = Values::of(schema.get("$defs"), 1000 + number as u64);
            for _ in 0..cases(40) {
                let mut value = values.of_schema(&schema["properties"]["value"], 4);
                for _ in 0..values.random.u8(1..4) {
                    mutate(&mut value, &mut values);
                }
                let arguments = json!({ "value": value });
                let reply = client.call(name, arguments.clone()).await.unwrap();
                if !reply.is_error() {
                    continue;
                }
                refused += 1;
                let text = reply.text();
                let list = text.strip_prefix("Invalid arguments:\n- ");
                let mistakes = list.unwrap_or_else(|| panic!("{name} {arguments}: {text}"));
                for mistake in mistakes.split("\n- ") {
                    let has_place = mistake.contains("`value") || mistake.starts_with("and ");
                    assert!(
                        has_place && !mistake.contains('\n'),
                        "{name} {arguments}: {text}"
                    );
                }
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

/// Changes some bytes of a text. The result may be invalid UTF-8.
fn damage(bytes: &mut Vec<u8>, random: &mut Rng) {
    const PIECES: [&[u8]; 14] = [
        b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"\\ud800", b"\xff",
        b"\n", b"-0",
    ];
    for _ in 0..random.u8(1..5) {
        let at = random.usize(..bytes.len());
        match random.u8(0..5) {
            0 => drop(bytes.remove(at)),
            1 => bytes[at] = random.u8(..),
            2 => bytes.truncate(at.max(1)),
            3 => {
                let copy = bytes[at..(at + random.usize(1..40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let piece = PIECES[random.usize(..PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

#[tokio::test]
async fn any_bytes_are_answered_and_the_next_call_is_well() {
    let tools = server(false).connect().await.tools().await.unwrap();
    let mut client = Raw::to(server(false));
    let mut random = Rng::with_seed(7);
    let mut answered = 0;
    for number in 0..cases(3000) {
        let tool = &tools[random.usize(..tools.len())];
        let schema = &tool["inputSchema"];
        let value =
            Values::of(schema.get("$defs"), number).of_schema(&schema["properties"]["value"], 3);
        let arguments = json!({ "value": value }).to_string();
        let mut bytes = request("damaged", tool["name"].as_str().unwrap(), &arguments).into_bytes();
        damage(&mut bytes, &mut random);
        let mut answers = client.send(&bytes, "uint8", "{\"value\":7}").await;
        let last = answers.pop().unwrap();
        assert_eq!(last["result"]["structuredContent"]["result"], 7, "{last}");
        for answer in answers {
            answered += 1;
            let text = answer.to_string();
            assert!(
                answer["error"]["code"] != -32603 && !text.contains("failed unexpectedly"),
                "{text}"
            );
        }
    }
    assert!(answered > 1000, "only {answered} were answered");
}
