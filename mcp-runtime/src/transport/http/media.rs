//! Media types: the `Content-Type` of a request, and the formats in its `Accept` header.

use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use super::reply::Rejection;

const JSON: (&str, &str) = ("application", "json");
const EVENTS: (&str, &str) = ("text", "event-stream");

/// The exact `Accept` header of most clients, which needs no parsing.
const COMMON_ACCEPT: &str = "application/json, text/event-stream";

/// Rejects a request whose `Content-Type` is not JSON with 415.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Rejection> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let (media_type, _) = value.split_once(';').unwrap_or((value, ""));
            media_type.trim().eq_ignore_ascii_case("application/json")
        });
    if is_json {
        return Ok(());
    }
    Err(Rejection::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The Content-Type must be application/json",
    ))
}

/// The formats that a client accepts.
///
/// Clients must accept both. A client that accepts only one is still served with that one; a client that accepts neither is
/// refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Formats {
    /// Parses the `Accept` header. Rejects a client that accepts neither format with 406.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Rejection> {
        if headers
            .get(ACCEPT)
            .is_some_and(|accept| accept == COMMON_ACCEPT)
        {
            return Ok(Self {
                json: true,
                events: true,
            });
        }
        let formats = Self {
            json: accepts(headers, JSON),
            events: accepts(headers, EVENTS),
        };
        if formats.json || formats.events {
            return Ok(formats);
        }
        Err(Rejection::new(
            StatusCode::NOT_ACCEPTABLE,
            "Accept must list application/json and text/event-stream",
        ))
    }
}

/// Returns `true` if the `Accept` header allows a type. The most specific range decides. Without the header, every type is
/// allowed.
fn accepts(headers: &HeaderMap, wanted: (&str, &str)) -> bool {
    if !headers.contains_key(ACCEPT) {
        return true;
    }
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| match_range(range, wanted))
        .max()
        .is_some_and(|(_, allowed)| allowed)
}

/// Returns the specificity of a media range that matches a type, and whether it allows the type; `None` if it does not match.
fn match_range(range: &str, (kind, subtype): (&str, &str)) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let specificity = match (range_kind, range_subtype) {
        ("*", "*") => 0,
        (same, "*") if same.eq_ignore_ascii_case(kind) => 1,
        (same, full) if same.eq_ignore_ascii_case(kind) && full.eq_ignore_ascii_case(subtype) => 2,
        _ => return None,
    };
    Some((specificity, !parts.any(is_zero_quality)))
}

/// Returns `true` if a parameter is `q=0`, which excludes the type.
fn is_zero_quality(parameter: &str) -> bool {
    parameter
        .split_once('=')
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, value)| value.trim().parse::<f32>().ok())
        .is_some_and(|quality| quality <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, json, events) in [
            ("application/json, text/event-stream", true, true),
            ("text/event-stream;q=0.5,application/json;q=0.9", true, true),
            ("*/*", true, true),
            ("application/*", true, false),
            ("Text/*", false, true),
            ("application/json;q=0, */*", false, true),
            ("*/*;q=0.1, text/*; q=0.0", true, false),
            ("*/*;q=0", false, false),
            ("text/html", false, false),
            ("application/jsonx, json", false, false),
            ("", false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(accepts(&headers, JSON), json, "json in {accept:?}");
            assert_eq!(accepts(&headers, EVENTS), events, "events in {accept:?}");
        }
    }

    #[test]
    fn no_accept_header_accepts_everything() {
        let formats = Formats::accepted(&HeaderMap::new()).ok();
        let both = Formats {
            json: true,
            events: true,
        };
        assert_eq!(formats, Some(both));
    }
}
