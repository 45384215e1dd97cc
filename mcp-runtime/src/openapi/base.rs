//! Base URLs: those of the specification, and the checks of all.

use hyper::Uri;
use serde_json::Value;

/// Returns the first server of an operation or path.
pub(super) fn server(value: &Value) -> Option<String> {
    server_of(value.get("servers")?)
}

/// Returns the URL of the first server, with the defaults of its variables.
pub(super) fn server_of(servers: &Value) -> Option<String> {
    let server = servers.get(0)?;
    let mut url = server["url"].as_str()?.to_owned();
    for (name, variable) in server["variables"].as_object().into_iter().flatten() {
        if let Some(default) = variable["default"].as_str() {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    Some(url)
}

/// Checks a base URL. That of a specification must be safe; that of the user is trusted.
pub(super) fn checked_base(url: String, is_of_user: bool) -> Result<String, String> {
    let shown = encoded_for_error(&url);
    let uri: Uri = url
        .trim()
        .parse()
        .map_err(|_| format!("the base URL `{shown}` is not valid: set `.base_url(..)`"))?;
    let is_usable = uri.scheme().is_some();
    let authority = uri
        .authority()
        .filter(|it| is_usable && !it.as_str().contains('@'));
    let Some(authority) = authority else {
        return Err(format!(
            "the base URL `{shown}` is not absolute, or has a user: set `.base_url(..)` with one such as `https://example.com/v1`"
        ));
    };
    let host = authority.host().trim_matches(['[', ']']);
    let is_local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_of_user || is_local => {}
        _ if is_of_user => {
            return Err(format!(
                "the base URL `{shown}` is neither `https` nor `http`"
            ));
        }
        _ => {
            return Err(format!(
                "the server `{shown}` of the specification is not `https`: set `.base_url(\"{shown}\")` if you trust the network to it"
            ));
        }
    }
    if uri.query().is_some() {
        return Err(format!("the base URL `{shown}` has a query: remove it"));
    }
    Ok(uri.to_string().trim_end_matches('/').to_owned())
}

fn encoded_for_error(url: &str) -> String {
    let shown: String = url.chars().take(200).collect();
    shown.escape_default().to_string()
}

/// Returns the scheme and the authority of a URL.
pub(super) fn origin(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.trim().parse().ok()?;
    let authority = uri.authority()?.as_str().to_ascii_lowercase();
    Some((uri.scheme_str()?.to_owned(), authority))
}
