//! The encoding of content as JSON for each revision. What a revision does not support is downgraded or omitted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_grammar::percent::{self, LEGAL};
use serde::Serialize;
use serde_json::Value;

use super::block::{Annotations, Audio, Content, EmbeddedResource, Extras, ResourceLink};
use super::icon::Icon;
use super::prompt::Message;
use super::resource::{Body, ResourceContents};
use crate::protocol::json::{push_json, push_string};
use crate::protocol::revision::Features;

/// Appends `,"name":value`.
pub(crate) fn push_member<T: Serialize + ?Sized>(out: &mut String, name: &str, value: &T) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    push_json(out, value);
}

/// Appends `,"name":value`, if there is a value.
pub(crate) fn push_optional<T: Serialize + ?Sized>(
    out: &mut String,
    name: &str,
    value: Option<&T>,
) {
    if let Some(value) = value {
        push_member(out, name, value);
    }
}

fn push_base64(out: &mut String, name: &str, bytes: &[u8]) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":\"");
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

/// Appends a URI as a JSON string. Each character that URIs do not allow is percent-encoded.
fn push_uri(out: &mut String, uri: &str) {
    // No character that URIs allow is escaped in JSON.
    out.push('"');
    percent::encode(out, uri, LEGAL);
    out.push('"');
}

/// Appends `,"icons":[..]`, if there are any and the revision supports them.
pub(crate) fn push_icons(out: &mut String, icons: &[Icon], features: &Features) {
    if features.icons && !icons.is_empty() {
        push_member(out, "icons", icons);
    }
}

impl Content {
    /// Appends the block.
    pub(crate) fn push(&self, out: &mut String, features: &Features) {
        match self {
            Self::Text(text) => push_text_block(out, &text.text, &text.extras, features),
            Self::Image(it) => {
                push_binary(out, "image", (&it.data, &it.mime), &it.extras, features);
            }
            Self::Audio(it) if features.audio => {
                push_binary(out, "audio", (&it.data, &it.mime), &it.extras, features);
            }
            Self::Audio(audio) => audio.as_resource().push(out, features),
            Self::ResourceLink(link) if features.resource_links && link.has_scheme => {
                link.push(out, features);
            }
            Self::ResourceLink(link) => {
                push_text_block(out, &link.as_text(), &link.extras, features);
            }
            Self::Resource(resource) => resource.push(out, features),
        }
    }
}

/// Appends blocks as an array.
pub(crate) fn push_blocks(out: &mut String, blocks: &[Content], features: &Features) {
    push_array(out, blocks, |out, block| block.push(out, features));
}

pub(crate) fn push_array<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

fn push_text_block(out: &mut String, text: &str, extras: &Extras, features: &Features) {
    out.push_str("{\"type\":\"text\",\"text\":");
    push_string(out, text);
    extras.push(out, features);
    out.push('}');
}

fn push_binary(
    out: &mut String,
    kind: &str,
    (data, mime): (&[u8], &str),
    extras: &Extras,
    features: &Features,
) {
    out.push_str("{\"type\":\"");
    out.push_str(kind);
    out.push('"');
    push_base64(out, "data", data);
    push_member(out, "mimeType", mime);
    extras.push(out, features);
    out.push('}');
}

impl Audio {
    /// Converts the sound for a revision without audio blocks.
    fn as_resource(&self) -> EmbeddedResource {
        let contents = ResourceContents::bytes(self.data.clone()).mime(self.mime.clone());
        EmbeddedResource {
            extras: self.extras.clone(),
            ..EmbeddedResource::new("audio:///inline", contents)
        }
    }
}

impl ResourceLink {
    fn push(&self, out: &mut String, features: &Features) {
        out.push_str("{\"type\":\"resource_link\",");
        self.push_members(out, features);
    }

    /// Appends the definition of the resource for a list.
    pub(crate) fn push_definition(&self, out: &mut String, features: &Features) {
        out.push('{');
        self.push_members(out, features);
    }

    fn push_members(&self, out: &mut String, features: &Features) {
        out.push_str("\"uri\":");
        push_uri(out, &self.uri);
        push_member(out, "name", &self.name);
        if features.titles_and_meta {
            push_optional(out, "title", self.title.as_ref());
        }
        push_optional(out, "description", self.description.as_ref());
        push_optional(out, "mimeType", self.mime.as_ref());
        push_optional(out, "size", self.size.as_ref());
        push_icons(out, &self.icons, features);
        self.extras.push(out, features);
        out.push('}');
    }

    /// Converts the link for a revision without link blocks, or a link without a valid URI: `[name](uri)`, followed by the description.
    fn as_text(&self) -> String {
        let mut text = format!(
            "[{}]({})",
            self.title.as_ref().unwrap_or(&self.name),
            self.uri
        );
        if let Some(description) = &self.description {
            text.push_str(": ");
            text.push_str(description);
        }
        text
    }
}

impl EmbeddedResource {
    fn push(&self, out: &mut String, features: &Features) {
        out.push_str("{\"type\":\"resource\",\"resource\":");
        self.contents
            .push(out, "resource:///inline", None, features);
        self.extras.push(out, features);
        out.push('}');
    }
}

impl ResourceContents {
    /// Appends the contents. `uri` and `mime` are the URI that was read and the declared MIME type; those of the contents, if
    /// set, take precedence.
    pub(crate) fn push(
        &self,
        out: &mut String,
        uri: &str,
        mime: Option<&str>,
        features: &Features,
    ) {
        out.push_str("{\"uri\":");
        push_uri(out, self.uri.as_deref().unwrap_or(uri));
        push_optional(out, "mimeType", self.mime.as_deref().or(mime));
        match &self.body {
            Body::Text(text) => push_member(out, "text", text),
            Body::Bytes(bytes) => push_base64(out, "blob", bytes),
        }
        if features.titles_and_meta {
            push_optional(out, "_meta", self.meta.as_ref());
        }
        out.push('}');
    }
}

impl Message {
    /// Encodes the message for a revision.
    pub(crate) fn to_json(&self, features: &Features) -> Value {
        let mut json = String::new();
        self.push(&mut json, features);
        serde_json::from_str(&json).unwrap_or_default()
    }

    pub(crate) fn push(&self, out: &mut String, features: &Features) {
        out.push_str("{\"role\":");
        push_json(out, &self.role);
        out.push_str(",\"content\":");
        self.content.push(out, features);
        out.push('}');
    }
}

impl Extras {
    fn push(&self, out: &mut String, features: &Features) {
        if let Some(annotations) = &self.annotations {
            annotations.push_member(out, features);
        }
        if features.titles_and_meta {
            push_optional(out, "_meta", self.meta.as_ref());
        }
    }
}

impl Annotations {
    /// Appends `,"annotations":{..}`.
    pub(crate) fn push_member(&self, out: &mut String, features: &Features) {
        if features.last_modified || self.last_modified.is_none() {
            push_member(out, "annotations", self);
        } else {
            let without_date = Self {
                last_modified: None,
                ..self.clone()
            };
            push_member(out, "annotations", &without_date);
        }
    }
}
