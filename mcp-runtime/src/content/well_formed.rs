//! Checks of the MIME types, times and URIs that handlers return.
//!
//! An invalid value of a result is not sent, because clients may refuse the whole result for it. It is logged instead.

use mcp_grammar::name::is_media_type;
use mcp_grammar::percent::normalise;
use mcp_grammar::uri_template::has_scheme;

/// Returns the error for a MIME type that is not of the form `type/subtype`.
pub(crate) fn mime_mistake(mime: &str) -> Option<String> {
    (!is_media_type(mime)).then(|| {
        format!(
            "the MIME type `{mime}` is not of the form `type/subtype`: write one such as `text/plain`"
        )
    })
}

/// Returns a MIME type, or `None` and logs it if it is invalid.
pub(super) fn checked_mime(mime: String) -> Option<String> {
    match mime_mistake(&mime) {
        Some(mistake) => {
            tracing::warn!("{mistake}; it is left out");
            None
        }
        None => Some(mime),
    }
}

/// Returns `true` for a URI with a scheme that contains only characters that URIs allow.
pub(crate) fn is_uri(text: &str) -> bool {
    has_scheme(text) && normalise(text).is_some_and(|normal| normal.eq_ignore_ascii_case(text))
}

/// Returns `true` if a URI has a scheme. Otherwise it is logged.
pub(super) fn checked_scheme(uri: &str) -> bool {
    let is_uri = has_scheme(uri);
    if !is_uri {
        tracing::warn!(uri, "a URI without a scheme is left out");
    }
    is_uri
}

/// Returns `true` for a date of ISO 8601, or a date and a time.
pub(super) fn is_iso_8601(text: &str) -> bool {
    match text.split_once('T') {
        Some((date, time)) => is_date(date) && is_time(time),
        None => is_date(text),
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [year, month, day]
        if number(year, 4).is_some() && is_within(month, 1, 12) && is_within(day, 1, 31))
}

/// Returns `true` for a time such as `23:59`, `23:59:59.5Z` and `23:59:59+01:00`.
fn is_time(text: &str) -> bool {
    let (clock, offset) = text.split_at(text.find(['Z', '+', '-']).unwrap_or(text.len()));
    let offset = offset.strip_prefix(['+', '-']).unwrap_or(match offset {
        "" | "Z" => "00:00",
        _ => offset,
    });
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return false,
    };
    // The second 60 is a leap second.
    is_within(hour, 0, 23)
        && is_within(minute, 0, 59)
        && is_within(second, 0, 60)
        && number(fraction, fraction.len()).is_some()
        && is_offset(offset)
}

fn is_offset(text: &str) -> bool {
    let parts = text.split_once(':').or_else(|| text.split_at_checked(2));
    parts.is_some_and(|(hours, minutes)| is_within(hours, 0, 23) && is_within(minutes, 0, 59))
}

/// Returns `true` for a number of two digits between two bounds.
fn is_within(text: &str, least: u32, most: u32) -> bool {
    number(text, 2).is_some_and(|number| (least..=most).contains(&number))
}

/// Parses a number of exactly `digits` digits. A number that does not fit is the largest one.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_number = text.len() == digits && !text.is_empty();
    (is_number && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_those_of_iso_8601() {
        for right in [
            "2026-01-31",
            "2026-01-31T00:00",
            "2026-12-01T23:59:60Z",
            "2026-12-01T23:59:59.123456789123Z",
            "2026-12-01T23:59:59+14:00",
            "2026-12-01T23:59:59-0330",
            "2026-12-01T23:59:59",
        ] {
            assert!(is_iso_8601(right), "{right}");
        }
        for wrong in [
            "",
            "T",
            "today",
            "2026",
            "2026-1-31",
            "2026-00-31",
            "2026-13-31",
            "2026-12-32",
            "+026-12-31",
            "2026-12-01T",
            "2026-12-01T24:00Z",
            "2026-12-01T23:60Z",
            "2026-12-01T23:59:61Z",
            "2026-12-01T23:59:59.Z",
            "2026-12-01T23:59:59ZZ",
            "2026-12-01T23:59:59Z+01:00",
            "2026-12-01T23:59:59+1",
            "2026-12-01T23:59:59+\u{e9}\u{e9}",
            "2026-12-01t23:59:59Z",
            "2026-12-01 23:59:59Z",
        ] {
            assert!(!is_iso_8601(wrong), "{wrong}");
        }
    }
}
