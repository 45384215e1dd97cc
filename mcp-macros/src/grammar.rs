//! Which options an attribute takes, and what is said of one that it does not.

use mcp_grammar::near::nearest;
use syn::Ident;

/// What one attribute accepts.
pub(crate) struct Grammar {
    /// As in `#[tool]`.
    pub(crate) attribute: &'static str,
    /// In groups, which attributes may have in common.
    pub(crate) options: &'static [&'static [&'static str]],
    /// The options that take a list in place of a value, and what to write.
    pub(crate) lists: &'static [(&'static str, &'static str)],
    /// What is no option, although it may look like one, and what to do in its place.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
    /// What a value without a key, which then comes first, stands for.
    pub(crate) leading_value: Option<&'static str>,
}

impl Grammar {
    /// That of an attribute without options.
    pub(crate) const EMPTY: Self = Self {
        attribute: "",
        options: &[],
        lists: &[],
        elsewhere: &[],
        leading_value: None,
    };

    fn options(&self) -> impl Iterator<Item = &'static str> {
        self.options.iter().copied().flatten().copied()
    }

    pub(crate) fn knows(&self, key: &Ident) -> bool {
        self.options().any(|option| key == option)
    }

    pub(crate) fn list_example(&self, key: &Ident) -> Option<&'static str> {
        let found = self.lists.iter().find(|(name, _)| key == name);
        found.map(|(_, example)| *example)
    }

    /// What comes without a key, if this would be its key, as in `uri = "..."`.
    pub(crate) fn leading(&self, key: &str) -> Option<&'static str> {
        self.leading_value
            .filter(|what| what.eq_ignore_ascii_case(key))
    }

    pub(crate) fn unknown(&self, key: &Ident) -> String {
        let key = key.to_string();
        if let Some(what) = self.leading(&key) {
            let attribute = self.attribute;
            return format!(
                "unknown option `{key}`; the {what} comes first, without a key: `#[{attribute}(\"...\")]`"
            );
        }
        if let Some((_, instead)) = self.elsewhere.iter().find(|(name, _)| *name == key) {
            return format!("unknown option `{key}`: {instead}");
        }
        let hint = match nearest(self.options(), &key) {
            Some(name) => format!("; did you mean `{name}`?"),
            None => format!("; `#[{}]` takes {}", self.attribute, self.names()),
        };
        format!("unknown option `{key}`{hint}")
    }

    pub(crate) fn without_key(&self) -> String {
        format!(
            "an option of `#[{}]` needs its key: write `name = \"...\"`",
            self.attribute
        )
    }

    /// Whether a key is a misspelt option, probably.
    pub(crate) fn is_near(&self, key: &Ident) -> bool {
        nearest(self.options(), &key.to_string()).is_some()
    }

    /// All options: `a`, `b` and `c`.
    pub(crate) fn names(&self) -> String {
        let quoted: Vec<String> = self.options().map(|name| format!("`{name}`")).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.concat(),
        }
    }
}
