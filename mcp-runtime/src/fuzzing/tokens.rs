//! Sealed tokens. Only those that the server sealed are opened.

use std::sync::Arc;

use serde_json::json;

use super::whole::ask;
use crate::protocol::Revision;
use crate::protocol::capability::{ClientCapabilities, ClientInfo};
use crate::protocol::error::INVALID_PARAMS;
use crate::seal::Sealer;
use crate::session::{Sessions, Tokens};

fn sealer() -> Sealer {
    Sealer::from_keys(&[[7; 32]]).expect("one key")
}

/// Changes one character of a token, which has only ASCII characters.
pub(super) fn changed(token: &str, data: &[u8]) -> String {
    let mut characters: Vec<char> = token.chars().collect();
    let sum: usize = data.iter().map(|byte| usize::from(*byte)).sum();
    let place = sum % characters.len();
    characters[place] = if characters[place] == 'A' { 'B' } else { 'A' };
    characters.into_iter().collect()
}

/// Sends the bytes as the state of a call, and seals and opens them.
pub fn sealed_state(data: &[u8]) {
    let sealer = sealer();
    let token = sealer.seal("purpose", data).expect("sealed");
    assert_eq!(sealer.open("purpose", &token).as_deref(), Some(data));
    assert_eq!(sealer.open("another", &token), None);
    assert_eq!(sealer.open("purpose", &changed(&token, data)), None);
    let text = String::from_utf8_lossy(data);
    assert_eq!(sealer.open("purpose", &text), None);
    let params = json!({ "name": "keep", "arguments": {}, "requestState": text });
    let reply = ask("tools/call", params);
    assert_eq!(reply["error"]["code"], INVALID_PARAMS, "{reply}");
}

/// Opens the bytes as the id of a session, and one of a session whose client has the bytes as its name.
pub fn session_token(data: &[u8]) {
    let tokens = || Tokens::new(Arc::new(sealer()));
    let text = String::from_utf8_lossy(data);
    assert_eq!(tokens().open(&text, None), None);
    let client = ClientInfo {
        name: text.clone().into_owned(),
        version: text.into_owned(),
        ..ClientInfo::default()
    };
    let revision = Revision::ALL[data.len() % Revision::ALL.len()];
    let begun = Sessions::begin(revision, ClientCapabilities::default(), client, None);
    let session = begun.expect("a session");
    let token = tokens().seal(&session).expect("sealed");
    // Another process has the same key.
    assert_eq!(tokens().open(&token, None).as_ref(), Some(&session));
    assert_eq!(tokens().open(&changed(&token, data), None), None);
}
