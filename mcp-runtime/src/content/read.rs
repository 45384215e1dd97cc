//! The decoding of content, such as the content that another server returned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::block::{
    Annotations, Audio, Content, EmbeddedResource, Extras, Image, ResourceLink, Role, Text,
};
use super::icon::Icon;
use super::meta::checked_meta;
use super::prompt::Message;
use super::resource::{Body, ResourceContents};
use super::well_formed::{checked_mime, checked_scheme};

/// A content block in its wire format.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
        #[serde(flatten)]
        extras: WireExtras,
    },
    Image(Binary),
    Audio(Binary),
    ResourceLink(Link),
    Resource {
        resource: ResourceContents,
        #[serde(flatten)]
        extras: WireExtras,
    },
}

#[derive(Deserialize)]
struct WireExtras {
    annotations: Option<Annotations>,
    #[serde(rename = "_meta")]
    meta: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binary {
    #[serde(deserialize_with = "base64")]
    data: Vec<u8>,
    mime_type: String,
    #[serde(flatten)]
    extras: WireExtras,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    uri: String,
    name: String,
    title: Option<String>,
    description: Option<String>,
    mime_type: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    icons: Vec<Icon>,
    #[serde(flatten)]
    extras: WireExtras,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    uri: Option<String>,
    mime_type: Option<String>,
    text: Option<String>,
    blob: Option<Blob>,
    #[serde(rename = "_meta")]
    meta: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Blob(#[serde(deserialize_with = "base64")] Vec<u8>);

#[derive(Deserialize)]
struct WireMessage {
    role: Role,
    content: Content,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD
        .decode(text)
        .map_err(|error| D::Error::custom(format!("invalid base64: {error}")))
}

impl From<WireExtras> for Extras {
    fn from(wire: WireExtras) -> Self {
        Self {
            annotations: wire.annotations.map(Annotations::checked),
            meta: wire.meta.and_then(checked_meta),
        }
    }
}

impl From<Block> for Content {
    fn from(block: Block) -> Self {
        match block {
            Block::Text { text, extras } => Self::Text(Text {
                text,
                extras: extras.into(),
            }),
            Block::Image(it) => Self::Image(Image {
                extras: it.extras.into(),
                ..Image::new(it.data, it.mime_type)
            }),
            Block::Audio(it) => Self::Audio(Audio {
                extras: it.extras.into(),
                ..Audio::new(it.data, it.mime_type)
            }),
            Block::ResourceLink(link) => Self::ResourceLink(link.into()),
            Block::Resource { resource, extras } => Self::Resource(EmbeddedResource {
                contents: resource,
                extras: extras.into(),
            }),
        }
    }
}

impl From<Link> for ResourceLink {
    fn from(link: Link) -> Self {
        Self {
            title: link.title,
            description: link.description,
            mime: link.mime_type.and_then(checked_mime),
            size: link.size,
            extras: link.extras.into(),
            ..Self::new(link.uri, link.name)
        }
        .icons(link.icons)
    }
}

/// Decodes a content block from the format of any revision. An invalid annotation, MIME type, icon or URI is omitted, as in
/// content that a handler creates.
impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Block::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for ResourceContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let contents = Contents::deserialize(deserializer)?;
        let body = match (contents.text, contents.blob) {
            (Some(text), None) => Body::Text(text),
            (None, Some(Blob(bytes))) => Body::Bytes(bytes),
            _ => return Err(D::Error::custom("expected either `text` or `blob`")),
        };
        Ok(Self {
            uri: contents.uri.filter(|uri| checked_scheme(uri)),
            mime: contents.mime_type.and_then(checked_mime),
            body,
            meta: contents.meta.and_then(checked_meta),
        })
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WireMessage { role, content } = WireMessage::deserialize(deserializer)?;
        Ok(Self { role, content })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::Revision;

    /// Returns the block as the newest revision encodes it.
    fn encoded(content: &Content) -> Value {
        let mut out = String::new();
        content.push(&mut out, Revision::LATEST.features());
        serde_json::from_str(&out).expect("JSON")
    }

    #[test]
    fn every_block_is_decoded_as_it_was_encoded() {
        for block in [
            json!({ "type": "text", "text": "a\n\"b\"" }),
            json!({ "type": "text", "text": "", "annotations": { "audience": ["user"], "priority": 0.5, "lastModified": "2026-07-28T00:00:00Z" },
                    "_meta": { "com.example/a": [1] } }),
            json!({ "type": "image", "data": "AP8=", "mimeType": "image/png" }),
            json!({ "type": "audio", "data": "", "mimeType": "audio/wav", "_meta": { "a": {} } }),
            json!({ "type": "resource_link", "uri": "a://b", "name": "b", "title": "B", "description": "A b.", "mimeType": "text/plain",
                    "size": 7, "icons": [{ "src": "https://example.com/a.png", "mimeType": "image/png", "sizes": ["any"], "theme": "dark" }] }),
            json!({ "type": "resource", "resource": { "uri": "a://b", "text": "t", "mimeType": "text/plain", "_meta": { "a": 1 } } }),
            json!({ "type": "resource", "resource": { "uri": "a://b", "blob": "AA==" }, "annotations": { "priority": 1.0 } }),
        ] {
            let content: Content = serde_json::from_value(block.clone()).expect("a block");
            assert_eq!(encoded(&content), block);
        }
    }

    #[test]
    fn a_block_that_breaks_the_rules_is_an_error_or_repaired() {
        for (wrong, words) in [
            (json!({ "type": "video", "data": "" }), "unknown variant"),
            (json!({ "text": "a" }), "missing field `type`"),
            (json!({ "type": "text" }), "missing field `text`"),
            (json!({ "type": "text", "text": 1 }), "expected a string"),
            (
                json!({ "type": "image", "data": "a*", "mimeType": "image/png" }),
                "invalid base64",
            ),
            (
                json!({ "type": "image", "data": "AA==" }),
                "missing field `mimeType`",
            ),
            (
                json!({ "type": "resource", "resource": { "uri": "a://b" } }),
                "either `text` or `blob`",
            ),
            (
                json!({ "type": "resource", "resource": { "uri": "a://b", "text": "", "blob": "" } }),
                "either `text` or `blob`",
            ),
            (json!("text"), "expected"),
        ] {
            let error = serde_json::from_value::<Content>(wrong.clone()).expect_err("an error");
            assert!(error.to_string().contains(words), "{wrong}: {error}");
        }
        let link = json!({ "type": "resource_link", "uri": "a://b", "name": "b", "icons": [{ "src": "javascript:alert(1)" }],
                           "annotations": { "priority": 7 }, "_meta": { "io.modelcontextprotocol/x": 1 } });
        let content: Content = serde_json::from_value(link).expect("a block");
        assert_eq!(
            encoded(&content),
            json!({ "type": "resource_link", "uri": "a://b", "name": "b", "annotations": { "priority": 1.0 } })
        );
        for (block, sent) in [
            (
                json!({ "type": "image", "data": "AA==", "mimeType": "a picture" }),
                json!({ "type": "image", "data": "AA==", "mimeType": "application/octet-stream" }),
            ),
            (
                json!({ "type": "text", "text": "", "annotations": { "priority": 0.5, "lastModified": "today" } }),
                json!({ "type": "text", "text": "", "annotations": { "priority": 0.5 } }),
            ),
            (
                json!({ "type": "resource_link", "uri": "a://b", "name": "b", "mimeType": "text" }),
                json!({ "type": "resource_link", "uri": "a://b", "name": "b" }),
            ),
            (
                json!({ "type": "resource", "resource": { "uri": "no scheme", "text": "t", "mimeType": "text" } }),
                json!({ "type": "resource", "resource": { "uri": "resource:///inline", "text": "t" } }),
            ),
        ] {
            let content: Content = serde_json::from_value(block).expect("a block");
            assert_eq!(encoded(&content), sent);
        }
        let message = json!({ "role": "assistant", "content": { "type": "text", "text": "a" } });
        let message: Message = serde_json::from_value(message).expect("a message");
        assert_eq!(message, Message::assistant("a"));
    }
}
