//! The credentials that a client sends over HTTP: its own, which it renews when they have expired, and ones that must be refused.

use mcp_tests::Outcome;
use mcp_tests::raw_http::Response;

use crate::Verdict;
use crate::callers::{Caller, Way};
use crate::issuer::{Issuer, now};
use crate::random::Random;

/// The difference in seconds by which the server may see a token expire earlier or later: it counts milliseconds.
const PRECISION: f64 = 0.005;

/// The credentials of a client.
pub(crate) struct Credentials<'a> {
    issuer: &'a Issuer,
    caller: &'static Caller,
    own: Sent,
}

/// The credentials of one request.
#[derive(Clone)]
pub(crate) struct Sent {
    /// The lines of the head.
    pub(crate) headers: String,
    kind: Kind,
    /// The time at which they are written, in seconds since 1970.
    at: f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Those of the caller, until they expire.
    Own { expires: f64 },
    /// None at all.
    Missing,
    /// Forged ones.
    Forged,
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

impl<'a> Credentials<'a> {
    pub(crate) fn new(issuer: &'a Issuer, caller: &'static Caller) -> Outcome<Self> {
        let own = own(issuer, caller)?;
        Ok(Self {
            issuer,
            caller,
            own,
        })
    }

    /// Returns the credentials of the next request.
    pub(crate) fn next(&self, random: &mut Random) -> Outcome<Sent> {
        let (headers, kind) = match random.below(100) {
            0 => (String::new(), Kind::Missing),
            1 => (bearer("soak-0123456789abcdef"), Kind::Forged),
            2 => {
                let guess = self.caller.key().replace("def", "fed");
                (format!("X-API-Key: {guess}\r\n"), Kind::Forged)
            }
            3..=5 => {
                let token = self.issuer.forgery(self.caller, random)?;
                (bearer(&token), Kind::Forged)
            }
            _ => (self.own.headers.clone(), self.own.kind),
        };
        let at = now()?;
        Ok(Sent { headers, kind, at })
    }

    /// Decides whether a response is right as far as the credentials of its request go. Returns `None` if the credentials are
    /// accepted, so that the message decides the rest. Renews credentials that have expired.
    pub(crate) fn judge(&mut self, sent: &Sent, response: &Response) -> Outcome<Option<Verdict>> {
        let expires = match sent.kind {
            Kind::Own { expires } if response.status != 401 => {
                if expires + PRECISION < sent.at {
                    return Err("an expired token was accepted".into());
                }
                return Ok(None);
            }
            Kind::Own { expires } => Some(expires),
            Kind::Missing | Kind::Forged => None,
        };
        if sent.kind == Kind::Forged && response.status == 503 {
            return Ok(Some(Verdict::Unchecked));
        }
        check_refusal(response, sent.kind != Kind::Missing)?;
        match expires {
            None => Ok(Some(Verdict::Forged)),
            Some(expires) if now()? + PRECISION < expires => {
                Err(format!("a valid token of {} was refused", self.caller.name).into())
            }
            Some(_) => {
                if self.own.kind == sent.kind {
                    self.own = own(self.issuer, self.caller)?;
                }
                Ok(Some(Verdict::Expired))
            }
        }
    }
}

/// Returns new credentials of a caller.
pub(crate) fn own(issuer: &Issuer, caller: &Caller) -> Outcome<Sent> {
    let (headers, expires) = if caller.way == Way::Key {
        (bearer(&caller.key()), f64::INFINITY)
    } else {
        let token = issuer.token(caller)?;
        (bearer(&token.text), token.expires)
    };
    Ok(Sent {
        headers,
        kind: Kind::Own { expires },
        at: now()?,
    })
}

/// Checks the response to a request whose credentials are refused.
fn check_refusal(response: &Response, is_given: bool) -> Outcome<()> {
    let body = response.message()?;
    let challenge = response.challenge.as_deref().unwrap_or_default();
    let names_error = challenge.contains(r#"error="invalid_token""#);
    let is_right = response.status == 401
        && challenge.starts_with("Bearer ")
        && names_error == is_given
        && body.get("error").is_some()
        && body.get("result").is_none();
    if is_right {
        return Ok(());
    }
    Err(format!("refused credentials were answered with {response:?}").into())
}
