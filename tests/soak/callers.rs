//! The callers: how each proves who it is, and what it may do. The server and the clients share this table.

/// How a caller proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Tokens of the issuer, which expire soon.
    Token,
    /// An API key.
    Key,
    /// The environment of the server, over stdio.
    Environment,
}

/// A caller.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    /// Whether the caller has the scope of the guarded tools.
    pub(crate) is_granted: bool,
}

/// The scope of the guarded tools, which the attributes of the server repeat.
pub(crate) const SCOPE: &str = "soak:write";

/// The audience of the tokens.
pub(crate) const AUDIENCE: &str = "https://soak.example/mcp";

/// The environment variable of the server with the URL of the issuer.
pub(crate) const ISSUER: &str = "SOAK_ISSUER";

/// The callers.
pub(crate) const CALLERS: [Caller; 10] = [
    caller("ada", Way::Token, true),
    caller("bob", Way::Key, false),
    caller("carol", Way::Token, true),
    caller("dave", Way::Token, false),
    caller("erin", Way::Key, true),
    caller("frank", Way::Key, false),
    caller("grace", Way::Environment, true),
    caller("heidi", Way::Environment, false),
    caller("ivan", Way::Environment, false),
    caller("judy", Way::Environment, true),
];

const fn caller(name: &'static str, way: Way, is_granted: bool) -> Caller {
    Caller {
        name,
        way,
        is_granted,
    }
}

impl Caller {
    /// The API key of the caller.
    pub(crate) fn key(&self) -> String {
        format!("{}-0123456789abcdef-0123456789abcdef", self.name)
    }

    /// The scopes of the caller, separated by spaces.
    pub(crate) fn scopes(&self) -> &'static str {
        if self.is_granted { SCOPE } else { "" }
    }
}
