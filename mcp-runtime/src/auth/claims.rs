//! The claims of tokens and of introspection answers: their checks, and the identity that they give.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::Identity;
use crate::owner::Principal;
use crate::store::system_time;

/// The maximum length of a subject in bytes. OpenID Connect allows 255 characters.
const LONGEST_SUBJECT: usize = 512;

/// Claims that only tokens of another kind have: an ID token binds an access token or a code.
const OF_ID_TOKENS: [&str; 2] = ["at_hash", "c_hash"];

/// The rules for claims.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    /// The accepted difference of clocks.
    pub(super) leeway: Duration,
}

impl Rules<'_> {
    /// Checks the claims of a token, of which `exp` and `iss` are required.
    pub(super) fn check_token(self, claims: &Map<String, Value>) -> Result<(), String> {
        for required in ["iss", "exp"] {
            if !claims.contains_key(required) {
                return Err(format!("the token has no claim `{required}`"));
            }
        }
        self.check(claims)
    }

    /// Checks the claims of a token or of an introspection answer. `aud` is required: nothing else says that a token was
    /// issued for this server.
    pub(super) fn check(self, claims: &Map<String, Value>) -> Result<(), String> {
        if claims
            .get("iss")
            .is_some_and(|issuer| issuer != self.issuer)
        {
            return Err("the token is from another issuer (`iss`)".to_owned());
        }
        self.check_audience(claims)?;
        self.check_times(claims, since_epoch(system_time()))?;
        check_kind(claims)
    }

    fn check_audience(self, claims: &Map<String, Value>) -> Result<(), String> {
        let is_addressed = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(|one| one == self.audience),
            Some(audience) => audience == self.audience,
            None => return Err("the token has no audience (`aud`)".to_owned()),
        };
        if !is_addressed {
            return Err("the token is for another audience (`aud`)".to_owned());
        }
        Ok(())
    }

    fn check_times(self, claims: &Map<String, Value>, now: f64) -> Result<(), String> {
        let leeway = self.leeway.as_secs_f64();
        if time(claims, "exp")?.is_some_and(|end| end + leeway <= now) {
            return Err("the token has expired (`exp`)".to_owned());
        }
        for start in ["nbf", "iat"] {
            if time(claims, start)?.is_some_and(|start| now + leeway < start) {
                return Err(format!("the token is not valid yet (`{start}`)"));
            }
        }
        Ok(())
    }
}

/// Refuses tokens that are valid, and are no bearer tokens for access.
fn check_kind(claims: &Map<String, Value>) -> Result<(), String> {
    // Keycloak writes `typ`, Amazon Cognito `token_use`.
    let is_other = claims.get("token_use").is_some_and(|kind| kind != "access")
        || claims.get("typ").is_some_and(|kind| kind != "Bearer")
        || OF_ID_TOKENS.iter().any(|name| claims.contains_key(*name));
    if is_other {
        return Err("the token is not an access token, but for instance an ID token".to_owned());
    }
    if claims
        .get("cnf")
        .is_some_and(|methods| !is_confirmed(methods))
    {
        return Err(
            "the token is bound to a key of its client (`cnf`), which is not supported".to_owned(),
        );
    }
    Ok(())
}

/// Returns `true` for a binding of a token that is checked with each request.
fn is_confirmed(methods: &Value) -> bool {
    #[cfg(feature = "tls")]
    return super::binding::is_supported(methods);
    #[cfg(not(feature = "tls"))]
    {
        let _ = methods;
        false
    }
}

/// Returns a time in seconds since 1970.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_f64();
    let seconds =
        seconds.ok_or_else(|| format!("the claim `{name}` of the token is not a number"))?;
    Ok(Some(seconds))
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Returns the identity of the caller with these claims. The principal is the subject, or else the client.
///
/// # Errors
/// Returns an error if the claims name no principal.
pub(super) fn identity(claims: Map<String, Value>, rules: Rules<'_>) -> Result<Identity, String> {
    let named = |name| claims.get(name).and_then(Value::as_str);
    let subject = named("sub")
        .or_else(|| named("client_id"))
        .filter(|subject| !subject.is_empty())
        .ok_or("the token names neither a subject (`sub`) nor a client (`client_id`)")?;
    if subject.len() > LONGEST_SUBJECT {
        return Err(format!(
            "the subject of the token is longer than {LONGEST_SUBJECT} bytes"
        ));
    }
    let principal = Principal::new(subject).issued_by(rules.issuer);
    let mut identity = Identity::new(principal).scopes(scopes(&claims));
    identity.expires = expiry(&claims, rules.leeway);
    Ok(identity.claims(claims))
}

/// Returns the scopes: texts that contain names separated by spaces, or arrays of names.
fn scopes(claims: &Map<String, Value>) -> Vec<&str> {
    ["scope", "scp"]
        .iter()
        .filter_map(|name| claims.get(*name))
        .flat_map(|value| match value {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::String(names) => names.split(' ').filter(|name| !name.is_empty()).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// Returns the time at which the clock of this server may refuse the token.
fn expiry(claims: &Map<String, Value>, leeway: Duration) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?);
    UNIX_EPOCH.checked_add(since.ok()?.checked_add(leeway)?)
}
