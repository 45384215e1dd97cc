//! The options of an attribute, and the error messages for unknown ones.

use mcp_grammar::near::nearest;
use syn::Ident;

/// The options that an attribute accepts.
pub(crate) struct Grammar {
    /// The name of the attribute, such as `tool`.
    pub(crate) attribute: &'static str,
    /// The options, in groups that attributes can share.
    pub(crate) options: &'static [&'static [&'static str]],
    /// The options that take a list instead of a value, each with an example.
    pub(crate) lists: &'static [(&'static str, &'static str)],
    /// The options that take a list or nothing. Those that are not in `lists` also take a value.
    pub(crate) optional_lists: &'static [&'static str],
    /// Names that users may expect to be options, each with the advice what to write instead.
    pub(crate) replacements: &'static [(&'static str, &'static str)],
    /// The name of the first value, which has no key, if the attribute takes one.
    pub(crate) leading_value: Option<&'static str>,
}

impl Grammar {
    /// The grammar of an attribute without options.
    pub(crate) const EMPTY: Self = Self {
        attribute: "",
        options: &[],
        lists: &[],
        optional_lists: &[],
        replacements: &[],
        leading_value: None,
    };

    fn options(&self) -> impl Iterator<Item = &'static str> {
        self.options.iter().copied().flatten().copied()
    }

    pub(crate) fn accepts(&self, key: &Ident) -> bool {
        self.options().any(|option| key == option)
    }

    pub(crate) fn list_example(&self, key: &Ident) -> Option<&'static str> {
        let found = self.lists.iter().find(|(name, _)| key == name);
        found.map(|(_, example)| *example)
    }

    pub(crate) fn needs_no_list(&self, key: &Ident) -> bool {
        self.optional_lists.iter().any(|option| key == option)
    }

    /// Returns the name of the leading value if `key` is that name, as in `uri = "..."`.
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
        if let Some((_, instead)) = self.replacements.iter().find(|(name, _)| *name == key) {
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

    /// Returns `true` if a key is probably a misspelt option.
    pub(crate) fn is_near(&self, key: &Ident) -> bool {
        nearest(self.options(), &key.to_string()).is_some()
    }

    /// Returns a list of all options for messages: `a`, `b` and `c`.
    pub(crate) fn names(&self) -> String {
        let quoted: Vec<String> = self.options().map(|name| format!("`{name}`")).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.concat(),
        }
    }
}
