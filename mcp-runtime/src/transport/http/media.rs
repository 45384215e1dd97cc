//! Media types: what the client sends and what it says it understands.

use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use super::reply::Rejection;

const JSON: (&str, &str) = ("application", "json");
const EVENTS: (&str, &str) = ("text", "event-stream");

/// What clients send who keep to the letter: not worth taking apart each time.
const USUAL: &str = "application/json, text/event-stream";

/// Refuses a body that is not said to be JSON with 415.
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

/// What the client understands, of what this endpoint can answer.
///
/// Clients must accept both, and those that do not are served as far as it goes: only one that accepts neither is
/// refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Formats {
    /// Reads `Accept`. A client that accepts none of the formats is refused with 406.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Rejection> {
        if headers.get(ACCEPT).is_some_and(|accept| accept == USUAL) {
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

/// Whether `Accept` allows a type. Its most specific range decides; there being no such header allows everything.
fn accepts(headers: &HeaderMap, wanted: (&str, &str)) -> bool {
    if !headers.contains_key(ACCEPT) {
        return true;
    }
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| judge(range, wanted))
        .max()
        .is_some_and(|(_, allowed)| allowed)
}

/// How closely a media range names a type and whether it allows it; `None` if it is about other types.
fn judge(range: &str, (kind, subtype): (&str, &str)) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let closeness = match (range_kind, range_subtype) {
        ("*", "*") => 0,
        (same, "*") if same.eq_ignore_ascii_case(kind) => 1,
        (same, full) if same.eq_ignore_ascii_case(kind) && full.eq_ignore_ascii_case(subtype) => 2,
        _ => return None,
    };
    Some((closeness, !parts.any(is_zero_quality)))
}

/// Whether a parameter is `q=0`, which means "not this".
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
