//! The sizes of messages and of their parts.

use serde_json::{Value, json};

use super::page::{Row, row};
use super::process::{Client, http, http_process};

/// Returns a call of exactly this many bytes.
fn padded(client: &Client, bytes: usize) -> String {
    let mut call = client.call();
    call["params"]["_meta"]["com.example/pad"] = "".into();
    let length = call.to_string().len();
    call["params"]["_meta"]["com.example/pad"] = "x".repeat(bytes - length).into();
    call.to_string()
}

/// Fails unless a message at the limit is served, and one beyond it is refused with this code and, over HTTP, this status.
fn check(row: &Row, message: impl Fn(&Client, usize) -> String, code: i64, status: u16) {
    let limit = row.number();
    row.says_refusal(Some(code), Some(status));
    for mut client in Client::all() {
        let at = client.send(&message(&client, limit));
        assert!(at.is_served(), "{limit}: {at:?}");
        let beyond = client.send(&message(&client, limit + 1));
        assert_eq!(beyond.code(), Some(code), "{beyond:?}");
        if !client.is_stdio() {
            assert_eq!(beyond.status, Some(status), "{beyond:?}");
        }
        let call = client.call().to_string();
        assert!(client.send(&call).is_served(), "the server goes on");
    }
}

#[test]
fn message() {
    check(&row("message").for_all(), padded, -32600, 413);
}

#[test]
fn depth() {
    let nested = |client: &Client, levels: usize| {
        let mut call = client.call();
        call["params"]["_meta"]["com.example/deep"] = "DEEP".into();
        let call = call.to_string();
        // The message, `params` and `_meta` are three levels.
        let (open, close) = ("[".repeat(levels - 3), "]".repeat(levels - 3));
        call.replace("\"DEEP\"", &format!("{open}{close}"))
    };
    check(&row("depth").for_all(), nested, -32600, 400);
}

#[test]
fn id() {
    let identified = |client: &Client, length: usize| {
        let mut call = client.call();
        call["id"] = "i".repeat(length).into();
        call.to_string()
    };
    check(&row("id").for_all(), identified, -32600, 400);
}

#[test]
fn token() {
    let tracked = |client: &Client, length: usize| {
        let mut call = client.call();
        call["params"]["_meta"]["progressToken"] = "t".repeat(length).into();
        call.to_string()
    };
    check(&row("token").for_all(), tracked, -32602, 200);
}

#[test]
fn http_header() {
    let row = row("http-header").is("64 KiB");
    row.says("431");
    let (_server, address) = http_process(&["--http", "127.0.0.1:0"]);
    for (bytes, status) in [(row.number() - 1024, 200), (row.number() + 1024, 431)] {
        let header = format!("X-Long: {}\r\n", "x".repeat(bytes));
        let answer = http(address, "GET /health", &header, b"");
        assert_eq!(answer.status, Some(status), "{bytes}");
    }
}

#[test]
fn error_message() {
    let row = row("error-message").for_all();
    row.says("`...`");
    for mut client in Client::all() {
        let lengths = [row.number() / 2, 2 * row.number()];
        let errors = lengths.map(|length| {
            let method = "m".repeat(length);
            let call = client.message(&method, json!({})).to_string();
            client.send(&call).error().to_owned()
        });
        assert!(errors[0].len() > row.number() / 2, "{}", errors[0]);
        assert!(errors[1].ends_with("..."), "{}", errors[1]);
        let length = errors[1].len();
        assert!((row.number() - 3..=row.number()).contains(&length));
    }
}

/// Returns a call in which a member of this path is given twice, with the name that an error must have.
fn repeated(call: &Value, path: &[&str]) -> Option<(String, String)> {
    const MARK: &str = "com.example/repeated";
    let (name, parents) = path.split_last()?;
    let mut call = call.clone();
    let mut parent = &mut call;
    for name in parents {
        parent = parent.get_mut(*name)?;
    }
    let value = parent.get(*name)?.to_string();
    parent[MARK] = Value::Null;
    let again = format!("\"{name}\":{value}");
    let text = call
        .to_string()
        .replace(&format!("\"{MARK}\":null"), &again);
    let path = parents.iter().map(|parent| format!("{parent}."));
    Some((text, path.collect::<String>() + name))
}

/// The members that the server reads, as paths.
const READ: [&[&str]; 10] = [
    &["jsonrpc"],
    &["id"],
    &["method"],
    &["params"],
    &["params", "name"],
    &["params", "arguments"],
    &["params", "_meta"],
    &["params", "_meta", "progressToken"],
    &["params", "_meta", "io.modelcontextprotocol/protocolVersion"],
    &[
        "params",
        "_meta",
        "io.modelcontextprotocol/clientCapabilities",
    ],
];

#[test]
fn repeated_keys() {
    let row = row("repeated-keys").is("refused").for_all();
    for mut client in Client::all() {
        let mut call = client.call();
        call["params"]["_meta"]["progressToken"] = 7.into();
        let mut checked = 0;
        for path in READ {
            let Some((text, name)) = repeated(&call, path) else {
                continue;
            };
            checked += 1;
            let answer = client.send(&text);
            let code = if path.len() == 1 { -32600 } else { -32602 };
            row.says_refusal(Some(code), Some(400));
            assert_eq!(answer.code(), Some(code), "{text}: {answer:?}");
            assert!(answer.error().contains(&format!("`{name}`")), "{answer:?}");
            assert!(answer.error().contains("twice"), "{answer:?}");
            if client.is_modern() && !client.is_stdio() {
                assert_eq!(answer.status, Some(400), "{text}: {answer:?}");
            }
        }
        assert_eq!(checked, if client.is_modern() { READ.len() } else { 8 });
        assert!(client.send(&call.to_string()).is_served());
    }
}
