//! Tests with an authorization server on loopback.

mod defaults;
mod fetching;
mod introspecting;
mod issuer;
mod revoking;
mod signer;
mod tokens;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::{AuthError, Authenticate, Credentials, Identity};

/// The audience of the server under test.
const SERVER: &str = "https://server.example/mcp";

type Checked = Result<Option<Identity>, AuthError>;

/// Sends a bearer token.
async fn send(way: &impl Authenticate, token: &str) -> Checked {
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {token}").parse().unwrap();
    headers.insert(AUTHORIZATION, value);
    way.authenticate(&Credentials::new(&headers, None)).await
}

/// Sends a token many times at once.
async fn send_at_once(way: &Arc<impl Authenticate>, tokens: Vec<String>) -> Vec<Checked> {
    let sent = tokens.into_iter().map(|token| {
        let way = Arc::clone(way);
        tokio::spawn(async move { send(&*way, &token).await })
    });
    let sent: Vec<_> = sent.collect();
    let mut checked = Vec::new();
    for one in sent {
        checked.push(one.await.unwrap());
    }
    checked
}

fn invalid(checked: &Checked) -> &str {
    match checked {
        Err(AuthError::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn unavailable(checked: &Checked) -> &str {
    match checked {
        Err(AuthError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn accepted(checked: Checked) -> Identity {
    checked.unwrap().expect("a caller")
}

/// Encodes a part of a token.
fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn standard_base64(text: &str) -> String {
    STANDARD.encode(text)
}
