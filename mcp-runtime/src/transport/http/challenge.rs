//! Challenges, and their format in the header `WWW-Authenticate`: RFC 6750 and RFC 9728.

/// A challenge to the client, which becomes the header `WWW-Authenticate` of its response.
#[derive(Debug, Clone)]
pub(super) enum Challenge {
    NoCredentials,
    Malformed,
    InvalidToken,
    /// The scopes that the operation needs.
    InsufficientScope(Vec<String>),
}

impl Challenge {
    /// Returns the error code of RFC 6750. A request without credentials has none.
    pub(super) fn error(&self) -> Option<&'static str> {
        match self {
            Self::NoCredentials => None,
            Self::Malformed => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope(_) => Some("insufficient_scope"),
        }
    }
}

/// Formats a challenge of the scheme `Bearer`, which has at least one parameter.
pub(super) fn bearer(parameters: &[(&str, Option<String>)]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let present = parameters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", quoted(value.as_ref()?))));
    let mut present: Vec<String> = present.collect();
    if present.is_empty() {
        present.push("realm=\"mcp\"".to_owned());
    }
    format!("Bearer {}", present.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_parameters_in_quotes() {
        for (parameters, header) in [
            (vec![], "Bearer realm=\"mcp\""),
            (vec![("error", None)], "Bearer realm=\"mcp\""),
            (
                vec![("error", Some("x")), ("scope", Some("a b"))],
                "Bearer error=\"x\", scope=\"a b\"",
            ),
            (
                vec![("resource_metadata", Some("http://a/\"\\"))],
                "Bearer resource_metadata=\"http://a/\\\"\\\\\"",
            ),
        ] {
            let parameters: Vec<_> = parameters
                .into_iter()
                .map(|(name, value)| (name, value.map(str::to_owned)))
                .collect();
            assert_eq!(bearer(&parameters), header);
        }
    }
}
