//! The pages of MCP Apps: their URIs, and the origins and permissions that they ask for.
//!
//! See <https://modelcontextprotocol.io/extensions/apps/overview>.

/// The beginning of the URI of a page.
pub const SCHEME: &str = "ui://";

/// The MIME type of a page.
pub const MIME: &str = "text/html;profile=mcp-app";

/// The permissions that a page can ask for.
pub const PERMISSIONS: [&str; 4] = ["camera", "microphone", "geolocation", "clipboardWrite"];

/// Those who can call a tool: the model, and the pages of the server.
pub const AUDIENCES: [&str; 2] = ["model", "app"];

/// Returns what is wrong with an origin of a page's Content Security Policy. `for_requests` is `true` if it is for requests, which
/// may use connections of web sockets.
pub fn origin_mistake(origin: &str, for_requests: bool) -> Option<String> {
    let reason = check(origin, for_requests).err()?;
    Some(format!("`{origin}` is not an origin: {reason}"))
}

/// The form of a valid origin, for error messages.
const FORM: &str = "write `https://host`, `https://host:port` or `https://*.host`";

fn check(origin: &str, for_requests: bool) -> Result<(), String> {
    if origin == "*" {
        return Err("`*` is every host, and a page names those it needs".to_owned());
    }
    if origin.contains(['\'', '"', ' ', ';', ',']) {
        return Err(format!("it has one host and no keywords: {FORM}"));
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Err(format!("it has a scheme and a host: {FORM}"));
    };
    if let Some((authority, _)) = rest.split_once(['/', '?', '#']) {
        return Err(format!("it has no path: write `{scheme}://{authority}`"));
    }
    let (host, port) = split_port(rest);
    if !port.is_none_or(is_port) {
        return Err(format!("its port is a number from 1 to 65535: {FORM}"));
    }
    let plain_host = host.strip_prefix("*.").unwrap_or(host);
    if !is_host(plain_host) {
        return Err(format!("its host is a name of ASCII or an address: {FORM}"));
    }
    if host != plain_host && !plain_host.contains('.') {
        return Err(
            "a `*` is for the subdomains of one domain, as in `https://*.example.com`".to_owned(),
        );
    }
    check_scheme(scheme, host, for_requests)
}

fn check_scheme(scheme: &str, host: &str, for_requests: bool) -> Result<(), String> {
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    match scheme {
        "https" => Ok(()),
        "wss" if for_requests => Ok(()),
        "ws" if for_requests && is_local => Ok(()),
        "http" if is_local => Ok(()),
        "http" | "ws" if for_requests || scheme == "http" => Err(format!(
            "browsers block `{scheme}` in the pages of hosts: use `{scheme}s`"
        )),
        "ws" | "wss" => Err("WebSockets are for requests: write `https`".to_owned()),
        _ => Err(format!("its scheme is `https`: {FORM}")),
    }
}

/// Splits the text after the scheme into a host and a port. The host of an address of IPv6 keeps its brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.len() <= 253 && text.split('.').all(is_label),
    }
}

/// The rule of [`is_domain`], for error messages.
pub const DOMAIN_RULE: &str = "the domain of a page is 1 to 253 letters, digits, `.`, `-`, `:` and `/`, in the form that the host documents";

/// Returns `true` if a host can accept the text as the domain of a page. Each host has its own rules for it.
pub fn is_domain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:/".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_a_host() {
        for origin in [
            "https://api.example.com",
            "https://api.example.com:8443",
            "https://*.example.com",
            "https://xn--bcher-kva.example",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443",
            "http://localhost:3000",
            "http://[::1]:3000",
            "http://127.0.0.1",
        ] {
            for for_requests in [true, false] {
                assert_eq!(origin_mistake(origin, for_requests), None, "{origin}");
            }
        }
        for origin in ["wss://live.example.com", "ws://localhost:1"] {
            assert_eq!(origin_mistake(origin, true), None, "{origin}");
            assert!(origin_mistake(origin, false).is_some(), "{origin}");
        }
    }

    #[test]
    fn the_reason_is_named() {
        for (origin, reason) in [
            ("*", "every host"),
            ("'self'", "no keywords"),
            ("'unsafe-eval'", "no keywords"),
            ("https://a.example https://b.example", "one host"),
            ("https://a.example;script-src", "one host"),
            ("https://a.example,https://b.example", "one host"),
            ("", "a scheme and a host"),
            ("api.example.com", "a scheme and a host"),
            ("data:", "a scheme and a host"),
            ("https:", "a scheme and a host"),
            ("https://a.example/", "write `https://a.example`"),
            ("https://a.example/v1", "no path"),
            ("https://a.example?x", "no path"),
            ("https://a.example#x", "no path"),
            ("https://", "its host"),
            ("https://*", "its host"),
            ("https://a.*.example", "its host"),
            ("https://user@a.example", "its host"),
            ("https://bücher.example", "its host"),
            ("https://a..example", "its host"),
            ("https://-a.example", "its host"),
            ("https://[::g]", "its host"),
            ("https://*.com", "subdomains of one domain"),
            ("https://a.example:", "its port"),
            ("https://a.example:0", "its port"),
            ("https://a.example:65536", "its port"),
            ("https://a.example:*", "its port"),
            ("http://a.example", "use `https`"),
            ("ws://a.example", "use `wss`"),
            ("ftp://a.example", "its scheme"),
            ("HTTPS://a.example", "its scheme"),
            ("https://a.example\n", "its host"),
        ] {
            let mistake = origin_mistake(origin, true).unwrap_or_default();
            assert!(mistake.contains(reason), "{origin}: {mistake}");
        }
    }

    #[test]
    fn a_domain_has_the_form_of_some_host() {
        assert!(is_domain("a904794854a047f6.claudemcpcontent.com"));
        assert!(is_domain("https://chatgpt.com"));
        for text in ["", "a b", "a;b", "a\"b", "é.com"] {
            assert!(!is_domain(text), "{text}");
        }
    }
}
