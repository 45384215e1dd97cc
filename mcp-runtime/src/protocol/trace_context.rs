//! Validation of W3C Trace Context and Baggage. The values are not interpreted.
//!
//! See <https://www.w3.org/TR/trace-context/> and <https://www.w3.org/TR/baggage/>.

use std::collections::HashSet;

use mcp_grammar::name::is_token;
use serde_json::{Map, Value};

use super::HeaderSource;

/// The maximum number of members of a `tracestate`.
const STATES: usize = 32;

/// The maximum number of members, and of bytes, of a `baggage`.
const BAGGAGE_MEMBERS: usize = 180;
const BAGGAGE_BYTES: usize = 8192;

/// The position of a request in a distributed trace, as the client sends it. Invalid values are left out.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/basic#meta>.
///
/// ```
/// use mcp_runtime::prelude::*;
///
/// /// Ask another service.
/// #[tool]
/// async fn ask(context: Context) -> Vec<String> {
///     let trace = context.outgoing_trace();
///     // These belong into the request to the other service.
///     trace.headers().map(|(name, value)| format!("{name}: {value}")).collect()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceContext {
    /// The trace and the parent span of the request, such as `00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01`.
    pub traceparent: Option<String>,
    /// The vendors' additions to `traceparent`; always absent without it.
    pub tracestate: Option<String>,
    /// Names and values that travel with the trace. They come from the client and are not verified.
    pub baggage: Option<String>,
}

impl TraceContext {
    /// Returns the context of a request from its `_meta`, as JSON, and from its HTTP headers. The `_meta` takes precedence.
    pub(crate) fn incoming(meta: Option<&str>, headers: Option<&dyn HeaderSource>) -> Self {
        let meta = meta.and_then(|json| serde_json::from_str::<Map<String, Value>>(json).ok());
        let in_meta = |key: &str| Some(meta.as_ref()?.get(key)?.as_str()?.to_owned());
        let in_headers = |key: &str| Some(headers?.get(key)?.to_owned());
        let inner = Self::of(in_meta);
        let outer = Self::of(in_headers);
        let baggage = inner.baggage.or(outer.baggage);
        let trace = if inner.traceparent.is_some() {
            (inner.traceparent, inner.tracestate)
        } else {
            (outer.traceparent, outer.tracestate)
        };
        Self {
            traceparent: trace.0,
            tracestate: trace.1,
            baggage,
        }
    }

    fn of(value: impl Fn(&str) -> Option<String>) -> Self {
        Self::new(value("traceparent"), value("tracestate"), value("baggage"))
    }

    /// Returns the names and values of the headers that continue the trace in an outgoing HTTP request.
    ///
    /// ```
    /// use mcp_runtime::prelude::*;
    ///
    /// /// Get the weather forecast.
    /// #[tool]
    /// async fn forecast(context: Context) -> String {
    ///     let trace = context.outgoing_trace();
    ///     let headers: Vec<String> = trace.headers().map(|(name, value)| format!("{name}: {value}")).collect();
    ///     // ... send a request with these headers.
    ///     headers.join("\n")
    /// }
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let headers = [
            ("traceparent", self.traceparent.as_deref()),
            ("tracestate", self.tracestate.as_deref()),
            ("baggage", self.baggage.as_deref()),
        ];
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }

    /// Returns the id of the trace, as 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }

    /// Returns a context with the valid values of these.
    pub(crate) fn new(
        traceparent: Option<String>,
        tracestate: Option<String>,
        baggage: Option<String>,
    ) -> Self {
        let traceparent = traceparent.filter(|text| is_traceparent(text));
        Self {
            tracestate: tracestate.filter(|text| traceparent.is_some() && is_tracestate(text)),
            baggage: baggage.filter(|text| is_baggage(text)),
            traceparent,
        }
    }
}

fn is_traceparent(text: &str) -> bool {
    let mut parts = text.splitn(5, '-');
    let mut hex = |length: usize| {
        parts
            .next()
            .filter(|part| part.len() == length && part.bytes().all(is_lower_hex))
    };
    let (Some(version), Some(trace), Some(span), Some(_flags)) = (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
    // Later versions may add parts; version 00 may not.
    let fits = version != "00" || parts.next().is_none();
    fits && version != "ff" && !is_zero(trace) && !is_zero(span)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_tracestate(text: &str) -> bool {
    let members: Vec<&str> = text
        .split(',')
        .map(trimmed)
        .filter(|member| !member.is_empty())
        .collect();
    let mut keys = HashSet::new();
    let all_are_members = members.iter().copied().all(|member| {
        member.split_once('=').is_some_and(|(key, value)| {
            is_state_key(key) && is_state_value(value) && keys.insert(key)
        })
    });
    (1..=STATES).contains(&members.len()) && all_are_members
}

/// Returns `true` for a vendor's name, or `tenant@vendor`.
fn is_state_key(key: &str) -> bool {
    let is_name = |name: &str, most: usize, begins: fn(u8) -> bool| {
        let rest = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        name.len() <= most && name.bytes().next().is_some_and(begins) && name.bytes().all(rest)
    };
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    match key.split_once('@') {
        None => is_name(key, 256, is_letter),
        Some((tenant, vendor)) => {
            let begins = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            is_name(tenant, 241, begins) && is_name(vendor, 14, is_letter)
        }
    }
}

fn is_state_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=')
}

fn is_baggage(text: &str) -> bool {
    let is_property = |property: &str| match property.split_once('=') {
        None => is_token(trimmed(property)),
        Some((key, value)) => is_token(trimmed(key)) && is_baggage_value(trimmed(value)),
    };
    let is_member = |member: &str| {
        let mut parts = member.split(';');
        parts
            .next()
            .is_some_and(|pair| pair.contains('=') && is_property(pair))
            && parts.all(is_property)
    };
    text.len() <= BAGGAGE_BYTES
        && text.split(',').count() <= BAGGAGE_MEMBERS
        && text.split(',').all(is_member)
}

fn is_baggage_value(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_names_a_trace_and_a_span() {
        let good = [
            PARENT,
            "01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "cc-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-what-comes-later",
        ];
        for text in good {
            assert!(is_traceparent(text), "{text}");
        }
        let bad = [
            "",
            "é",
            "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-1",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-more",
            " 00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "cc-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01.more",
        ];
        for text in bad {
            assert!(!is_traceparent(text), "{text}");
        }
    }

    #[test]
    fn a_tracestate_is_a_list_of_vendors() {
        for text in [
            "a=1",
            "rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE",
            "1t@v=x y",
            "a=1,,b=2",
        ] {
            assert!(is_tracestate(text), "{text}");
        }
        let many: Vec<String> = (0..33).map(|number| format!("k{number}=1")).collect();
        assert!(is_tracestate(&many[..32].join(",")));
        for text in [
            "",
            ",",
            "a",
            "a=",
            "A=1",
            "1=1",
            "a=1,a=2",
            "a=b=c",
            "a=é",
            "a=\n",
            "a@1=x",
            &many.join(","),
        ] {
            assert!(!is_tracestate(text), "{text}");
        }
    }

    #[test]
    fn a_baggage_is_a_list_of_names_and_values() {
        for text in ["a=1", "user=%C3%A9 ; secret ;ttl=3, b =", "a=b=c"] {
            assert!(is_baggage(text), "{text}");
        }
        let long = format!("a={}", "x".repeat(BAGGAGE_BYTES));
        for text in [
            "",
            "a",
            "=1",
            "a=1,",
            "a=\"1\"",
            "a=é",
            "a=1 2",
            "a=1;",
            "a=1\r\nX: y",
            &long,
        ] {
            assert!(!is_baggage(text), "{text}");
        }
    }

    #[test]
    fn a_tracestate_without_its_traceparent_says_nothing() {
        let state = || Some("a=1".to_owned());
        let context = TraceContext::new(Some("nonsense".to_owned()), state(), state());
        assert_eq!((context.traceparent, context.tracestate), (None, None));
        assert_eq!(context.baggage, state());
        assert_eq!(
            TraceContext::new(Some(PARENT.to_owned()), state(), None).tracestate,
            state()
        );
    }
}
