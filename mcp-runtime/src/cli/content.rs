//! Content of results: as text, and saved to files.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::output::{line, lines};

/// The names of files for media types. Other types get the part after the slash.
const EXTENSIONS: &[(&str, &str)] = &[
    ("application/octet-stream", "bin"),
    ("audio/mpeg", "mp3"),
    ("image/jpeg", "jpg"),
    ("image/svg+xml", "svg"),
    ("text/plain", "txt"),
];

/// Formats the result of a tool: its content, or its structured content if it has no other.
pub(super) fn result(content: &[Value], structured: &Value) -> String {
    if content.is_empty() && !structured.is_null() {
        return structured.to_string();
    }
    lines(content.iter().map(block))
}

/// Formats a content block: the text of a text block, and a short description of any other.
pub(super) fn block(block: &Value) -> String {
    match block["type"].as_str() {
        Some("text") => text(&block["text"]),
        Some("resource_link") => format!("[{}]", line(&text(&block["uri"]))),
        Some("resource") => contents(&block["resource"]),
        _ => binary(block, "data"),
    }
}

/// Formats the contents of a resource.
pub(super) fn contents(contents: &Value) -> String {
    match contents["text"].as_str() {
        Some(text) => text.to_owned(),
        None => binary(contents, "blob"),
    }
}

fn binary(holder: &Value, member: &str) -> String {
    format!(
        "[{}, {} bytes as base64]",
        line(&text(&holder["mimeType"])),
        text(&holder[member]).len()
    )
}

/// Returns a text, or nothing for any other value.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Saves images, audio and the contents of resources. Returns a line for each file.
///
/// A single file is written to `path`, unless that is a folder. Several files are written into the folder `path`, which is
/// created, as `STEM-1.png`, `STEM-2.png` and so on.
///
/// # Errors
/// Returns an error if there is nothing to save, or if a file cannot be written.
pub(super) fn save(blocks: &[Value], path: &Path, stem: &str) -> Result<Vec<String>, String> {
    let files: Vec<_> = blocks.iter().filter_map(file).collect();
    let failure = |path: &Path, why: &dyn std::fmt::Display| {
        format!("`{}` cannot be written: {why}", path.display())
    };
    let is_folder = files.len() > 1 || path.is_dir() || ends_with_separator(path);
    if is_folder && !files.is_empty() {
        fs::create_dir_all(path).map_err(|error| failure(path, &error))?;
    }
    let mut saved = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let name = format!(
            "{}-{}.{}",
            file_stem(stem),
            index + 1,
            extension(&file.media_type)
        );
        let path = if is_folder {
            path.join(name)
        } else {
            path.to_owned()
        };
        let bytes = file.bytes().map_err(|error| failure(&path, &error))?;
        fs::write(&path, &bytes).map_err(|error| failure(&path, &error))?;
        saved.push(saved_line(&path, &file.media_type, bytes.len()));
    }
    if saved.is_empty() {
        return Err("the result has no image, audio or resource for `--out`".to_owned());
    }
    Ok(saved)
}

fn saved_line(path: &Path, media_type: &str, bytes: usize) -> String {
    let path = path.display().to_string();
    format!(
        "saved {} ({}, {bytes} bytes)",
        line(&path),
        line(media_type)
    )
}

fn ends_with_separator(path: &Path) -> bool {
    path.to_string_lossy().ends_with(std::path::is_separator)
}

/// Data of a content block.
struct FileData<'a> {
    media_type: String,
    text: Option<&'a str>,
    base64: Option<&'a str>,
}

impl FileData<'_> {
    fn bytes(&self) -> Result<Vec<u8>, String> {
        match (self.text, self.base64) {
            (Some(text), _) => Ok(text.as_bytes().to_vec()),
            (None, Some(data)) => {
                let bytes = STANDARD.decode(data);
                bytes.map_err(|error| format!("the data is not base64: {error}"))
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// Returns the data of a block that is not a mere text: an image, audio, an embedded resource, or contents of a resource.
fn file(block: &Value) -> Option<FileData<'_>> {
    let holder = match block["type"].as_str() {
        Some("text" | "resource_link") => return None,
        Some("resource") => &block["resource"],
        _ => block,
    };
    let member = |name: &str| holder.get(name).and_then(Value::as_str);
    let data = FileData {
        media_type: member("mimeType")
            .unwrap_or("application/octet-stream")
            .to_owned(),
        text: member("text"),
        base64: member("data").or_else(|| member("blob")),
    };
    (data.text.is_some() || data.base64.is_some()).then_some(data)
}

fn extension(media_type: &str) -> String {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let known = EXTENSIONS.iter().find(|(name, _)| *name == media_type);
    let subtype = media_type.rsplit('/').next().unwrap_or_default();
    let subtype = known.map_or(subtype, |(_, extension)| extension);
    let letters: String = subtype
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(16)
        .collect();
    if letters.is_empty() {
        "bin".to_owned()
    } else {
        letters
    }
}

/// Returns a name without separators and other letters that could lead to another folder.
fn file_stem(name: &str) -> String {
    let is_kept = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
    let stem: String = name
        .chars()
        .map(|letter| if is_kept(letter) { letter } else { '-' })
        .take(64)
        .collect();
    let stem = stem.trim_matches('-').to_owned();
    if stem.is_empty() {
        "result".to_owned()
    } else {
        stem
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_shows_its_content_or_its_data() {
        let text = json!({ "type": "text", "text": "3 pages" });
        let image = json!({ "type": "image", "mimeType": "image/png", "data": "AAAA" });
        let data = json!({ "pages": 3 });
        for (content, structured, shown) in [
            (vec![text.clone()], &data, "3 pages"),
            (vec![], &data, r#"{"pages":3}"#),
            (
                vec![text.clone(), text.clone()],
                &Value::Null,
                "3 pages\n3 pages",
            ),
            (vec![image], &Value::Null, "[image/png, 4 bytes as base64]"),
            (vec![], &Value::Null, ""),
        ] {
            assert_eq!(result(&content, structured), shown);
        }
    }

    #[test]
    fn names_of_files_cannot_lead_to_another_folder() {
        for (name, stem) in [
            ("chart", "chart"),
            ("../../etc/passwd", "etc-passwd"),
            ("docs://a/b", "docs---a-b"),
            ("..", "result"),
        ] {
            assert_eq!(file_stem(name), stem);
        }
        for (media_type, extension) in [
            ("image/png", "png"),
            ("image/jpeg", "jpg"),
            ("image/svg+xml; charset=utf-8", "svg"),
            ("application/vnd.a.b+json", "vndabjson"),
            ("../../x", "x"),
            ("", "bin"),
        ] {
            assert_eq!(super::extension(media_type), extension);
        }
    }

    #[test]
    fn one_file_is_written_to_the_path_and_several_into_the_folder() {
        let folder = std::env::temp_dir().join(format!("mcp-out-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let image = json!({ "type": "image", "mimeType": "image/png", "data": "AQID" });
        let page = json!({ "type": "resource", "resource": { "uri": "a://b", "mimeType": "text/html", "text": "<p>" } });
        let text = json!({ "type": "text", "text": "no file" });
        let one = folder.join("one.png");
        save(&[text.clone(), image.clone()], &one, "chart").unwrap();
        assert_eq!(fs::read(one).unwrap(), [1, 2, 3]);
        let several = folder.join("new");
        let saved = save(&[image.clone(), page], &several, "chart").unwrap();
        assert_eq!(saved.len(), 2);
        assert_eq!(fs::read(several.join("chart-1.png")).unwrap(), [1, 2, 3]);
        assert_eq!(fs::read(several.join("chart-2.html")).unwrap(), b"<p>");
        save(&[image], &folder, "chart").unwrap();
        assert!(folder.join("chart-1.png").exists());
        assert!(save(&[text], &folder, "chart").is_err());
        let broken = json!({ "type": "image", "mimeType": "image/png", "data": "?" });
        assert!(save(&[broken], &folder, "chart").is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
