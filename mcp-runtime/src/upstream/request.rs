//! Requests to upstream servers, which are written into one buffer.

use crate::protocol::json::push_string;
use crate::secret::Secret;

/// A request to an upstream server.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    /// The message up to the last parameter. Its `_meta` and its id follow when it is sent.
    json: String,
    has_params: bool,
    /// Members of `_meta` that many requests have, each followed by a comma.
    pub(super) common_meta: &'static str,
    /// Further members of `_meta`, each followed by a comma.
    pub(super) meta: String,
    /// The name or URI of the component.
    pub(super) name: Option<&'a str>,
    /// The arguments that are repeated in headers.
    pub(super) headers: Vec<(String, String)>,
    /// The value of the header `Authorization`.
    pub(super) authorization: Option<Secret<String>>,
    /// The revision that the request is written in, if none was negotiated yet.
    pub(super) revision: Option<&'static str>,
    /// `true` if the progress of the request is reported.
    pub(super) progress: bool,
    /// `true` if the server may ask its questions to the caller of this request.
    pub(super) may_ask: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(method: &'static str) -> Self {
        let mut json = String::with_capacity(512);
        json.push_str("{\"jsonrpc\":\"2.0\",\"method\":\"");
        json.push_str(method);
        json.push_str("\",\"params\":{");
        Self {
            method,
            json,
            has_params: false,
            common_meta: "",
            meta: String::new(),
            name: None,
            headers: Vec::new(),
            authorization: None,
            revision: None,
            progress: false,
            may_ask: false,
        }
    }

    fn member(&mut self, name: &str) {
        if self.has_params {
            self.json.push(',');
        }
        self.has_params = true;
        self.json.push('"');
        self.json.push_str(name);
        self.json.push_str("\":");
    }

    /// Adds a parameter, which is JSON. Its name has no characters to escape.
    pub(super) fn param(mut self, name: &str, json: &str) -> Self {
        self.member(name);
        self.json.push_str(json);
        self
    }

    /// Adds a parameter that is a text, by which the request is routed.
    pub(super) fn named(mut self, member: &str, name: &'a str) -> Self {
        self.member(member);
        push_string(&mut self.json, name);
        self.name = Some(name);
        self
    }

    /// Returns the message with this id.
    pub(super) fn end(&mut self, id: u64) -> String {
        let mut buffer = itoa::Buffer::new();
        let id = buffer.format(id);
        if self.progress || !self.common_meta.is_empty() || !self.meta.is_empty() {
            self.member("_meta");
            self.json.push('{');
            self.json.push_str(self.common_meta);
            self.json.push_str(&self.meta);
            if self.progress {
                self.json.push_str("\"progressToken\":");
                self.json.push_str(id);
            } else {
                // The comma after the last member.
                self.json.pop();
            }
            self.json.push('}');
        }
        self.json.push_str("},\"id\":");
        self.json.push_str(id);
        self.json.push('}');
        std::mem::take(&mut self.json)
    }
}
