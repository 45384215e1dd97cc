//! What a component takes: the names, schemas and defaults of its parameters, worked out when the server is built.

use serde_json::Value;

/// The parameters of a component, in the order of its function.
#[derive(Debug, Default)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<ParameterSpec>,
    /// Arguments that no parameter takes are ignored instead of refused.
    pub(crate) open: bool,
    /// Values of the wrong type are refused even where what was meant is plain.
    pub(crate) strict: bool,
    /// What the user calls them: "arguments", or "variables" of a URI.
    pub(crate) noun: &'static str,
}

/// One parameter.
#[derive(Debug)]
pub(crate) struct ParameterSpec {
    pub(crate) name: String,
    /// JSON Schema of the argument; `None` for what is injected.
    pub(crate) schema: Option<Value>,
    pub(crate) required: bool,
    pub(crate) description: Option<String>,
}

impl Signature {
    /// The position of the argument of this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.parameters
            .iter()
            .position(|parameter| parameter.schema.is_some() && parameter.name == name)
    }

    pub(crate) fn schema(&self, index: usize) -> Option<&Value> {
        self.parameters.get(index)?.schema.as_ref()
    }

    pub(crate) fn name(&self, index: usize) -> &str {
        self.parameters
            .get(index)
            .map_or("", |parameter| &parameter.name)
    }

    /// What is said of an argument that no parameter takes.
    pub(crate) fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self
            .parameters
            .iter()
            .filter(|parameter| parameter.schema.is_some())
            .map(|parameter| parameter.name.as_str())
            .collect();
        let nearest = known
            .iter()
            .map(|candidate| (distance(candidate, name), candidate))
            .min()
            .filter(|(distance, candidate)| {
                // Short names are all alike: half of one must be right at least.
                *distance
                    <= candidate
                        .chars()
                        .count()
                        .div_ceil(3)
                        .min(candidate.chars().count() / 2)
            });
        match (nearest, known.as_slice()) {
            (Some((_, near)), _) => format!("unknown argument `{name}`; did you mean `{near}`?"),
            (None, []) => format!("unknown argument `{name}`: it takes none"),
            (None, _) => format!("unknown argument `{name}`; known: `{}`", known.join("`, `")),
        }
    }
}

/// How many characters must be inserted, removed or replaced to make one text of the other.
/// A prefix counts as near, since models like to shorten: `lim` for `limit`.
fn distance(left: &str, right: &str) -> usize {
    if !right.is_empty() && left.starts_with(right) {
        return 1;
    }
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(names: &[&str]) -> Signature {
        Signature {
            parameters: names
                .iter()
                .map(|name| ParameterSpec {
                    name: (*name).to_owned(),
                    schema: Some(Value::Bool(true)),
                    required: true,
                    description: None,
                })
                .collect(),
            noun: "arguments",
            ..Signature::default()
        }
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let signature = signature(&["limit", "query"]);
        assert_eq!(
            signature.unknown("lim"),
            "unknown argument `lim`; did you mean `limit`?"
        );
        assert_eq!(
            signature.unknown("qeury"),
            "unknown argument `qeury`; did you mean `query`?"
        );
        assert_eq!(
            signature.unknown("colour"),
            "unknown argument `colour`; known: `limit`, `query`"
        );
    }
}
