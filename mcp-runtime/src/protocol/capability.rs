//! The client's name and its declared capabilities.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A client's name and version, as the client sends them. They are not verified: use them for display and logs only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The client's name.
    #[serde(default)]
    pub name: String,
    /// The client's version.
    #[serde(default)]
    pub version: String,
}

/// The capabilities that a client declares.
///
/// See <https://modelcontextprotocol.io/specification/2026-07-28/schema#clientcapabilities>.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // a set of flags
pub struct ClientCapabilities {
    /// The client can list its roots.
    pub roots: bool,
    /// The client can sample its model.
    pub sampling: bool,
    /// The client can ask its user to fill in a form.
    pub elicitation_form: bool,
    /// The client can send its user to a URL.
    pub elicitation_url: bool,
}

/// One capability of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// List the client's roots.
    Roots,
    /// Sample the client's model.
    Sampling,
    /// Ask the user to fill in a form.
    ElicitationForm,
    /// Send the user to a URL.
    ElicitationUrl,
}

impl Capability {
    /// Returns the action of a client with this capability, as a phrase after "cannot".
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Roots => "list its roots",
            Self::Sampling => "sample a model",
            Self::ElicitationForm => "ask its user to fill in a form",
            Self::ElicitationUrl => "send its user to a URL",
        }
    }

    /// Returns the JSON with which a client declares the capability.
    pub(crate) fn declaration(self) -> Value {
        match self {
            Self::Roots => json!({ "roots": {} }),
            Self::Sampling => json!({ "sampling": {} }),
            Self::ElicitationForm => json!({ "elicitation": { "form": {} } }),
            Self::ElicitationUrl => json!({ "elicitation": { "url": {} } }),
        }
    }
}

/// Returns the JSON with which a client declares all of these capabilities.
pub(crate) fn declarations(capabilities: &[Capability]) -> Value {
    let mut all = json!({});
    for capability in capabilities {
        let declaration = capability.declaration();
        for (name, modes) in declaration.as_object().into_iter().flatten() {
            for (mode, how) in modes.as_object().into_iter().flatten() {
                all[name][mode] = how.clone();
            }
            if all[name].is_null() {
                all[name] = json!({});
            }
        }
    }
    all
}

#[derive(Deserialize)]
struct Declared<'a> {
    #[serde(borrow, default)]
    roots: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sampling: Option<&'a RawValue>,
    #[serde(default)]
    elicitation: Option<Elicitation>,
}

#[derive(Deserialize)]
struct Elicitation {
    #[serde(default)]
    form: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    url: Option<serde::de::IgnoredAny>,
}

impl ClientCapabilities {
    /// Returns `true` if the client has this capability.
    pub fn has(self, capability: Capability) -> bool {
        match capability {
            Capability::Roots => self.roots,
            Capability::Sampling => self.sampling,
            Capability::ElicitationForm => self.elicitation_form,
            Capability::ElicitationUrl => self.elicitation_url,
        }
    }

    /// Parses the `capabilities` object. Returns `None` if the JSON is not such an object.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        // Most clients have none of these capabilities, and send `{}` with each request.
        if json == "{}" {
            return Some(Self::default());
        }
        // Checked here because serde also deserialises a struct from an array.
        if !json.starts_with('{') {
            return None;
        }
        let declared: Declared<'_> = serde_json::from_str(json).ok()?;
        let elicitation = declared.elicitation;
        Some(Self {
            roots: declared.roots.is_some(),
            sampling: declared.sampling.is_some(),
            // An empty object means forms, as it did before there were modes.
            elicitation_form: elicitation
                .as_ref()
                .is_some_and(|modes| modes.form.is_some() || modes.url.is_none()),
            elicitation_url: elicitation.is_some_and(|modes| modes.url.is_some()),
        })
    }
}

impl ClientInfo {
    /// Parses a `clientInfo` object. Missing fields are empty.
    pub(crate) fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_elicitation_object_means_forms() {
        let parse = |json| ClientCapabilities::parse(json).unwrap_or_default();
        assert!(parse(r#"{"elicitation":{}}"#).elicitation_form);
        assert!(!parse(r#"{"elicitation":{"url":{}}}"#).elicitation_form);
        assert!(parse(r#"{"elicitation":{"url":{},"form":{}}}"#).elicitation_url);
        assert!(parse(r#"{"roots":{"listChanged":true}}"#).roots);
        assert_eq!(ClientCapabilities::parse("[]"), None);
    }
}
