//! The tools that read files.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use cap_std::fs::File;
use mcp_runtime::prelude::*;

use crate::jail::{Jail, Place};
use crate::resources::uri_of;
use crate::{Text, text};

/// The maximum size of a text in a result, in bytes.
pub(crate) const TEXT_BYTES: u64 = 1 << 20;

/// The maximum size of a media file, in bytes.
const MEDIA_BYTES: u64 = 8 << 20;

/// The size of the blocks in which the end of a file is read, in bytes.
const BLOCK: u64 = 64 << 10;

/// Read a text file. Deprecated: use `read_text_file`.
#[tool(title = "Read File (Deprecated)", read_only, open_world = false)]
async fn read_file(
    /// The file.
    path: String,
    /// The number of lines to read from the end.
    #[arg(range(1..))]
    tail: Option<u32>,
    /// The number of lines to read from the start.
    #[arg(range(1..))]
    head: Option<u32>,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| text(read_text(&jail.find(&path)?, head, tail)?))
        .await
}

/// Read a text file, or its first or last lines. The file must be UTF-8.
#[tool(title = "Read Text File", read_only, open_world = false)]
async fn read_text_file(
    /// The file.
    path: String,
    /// The number of lines to read from the end.
    #[arg(range(1..))]
    tail: Option<u32>,
    /// The number of lines to read from the start.
    #[arg(range(1..))]
    head: Option<u32>,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| text(read_text(&jail.find(&path)?, head, tail)?))
        .await
}

/// Read an image, a sound, or any other file as bytes.
#[tool(title = "Read Media File", read_only, open_world = false)]
async fn read_media_file(
    /// The file.
    path: String,
    jail: Jail,
) -> Result<Content, ToolError> {
    jail.run(move |jail| {
        let place = jail.find(&path)?;
        let bytes = read_at_most(place.open()?, MEDIA_BYTES).map_err(|error| place.error(error))?;
        let bytes = bytes.ok_or_else(|| place.error(format!("larger than {MEDIA_BYTES} bytes")))?;
        let mime = mime_of(&place.below);
        Ok(match mime.split('/').next() {
            Some("image") => Image::new(bytes, mime).into(),
            Some("audio") => Audio::new(bytes, mime).into(),
            _ => {
                let contents = ResourceContents::bytes(bytes).mime(mime);
                EmbeddedResource::new(uri_of(&place.shown()), contents).into()
            }
        })
    })
    .await
}

/// Read several text files. A file that cannot be read is reported in place of its text.
#[tool(title = "Read Multiple Files", read_only, open_world = false)]
async fn read_multiple_files(
    /// The files.
    #[arg(length(1..))]
    paths: Vec<String>,
    jail: Jail,
) -> Result<Text, ToolError> {
    jail.run(move |jail| {
        let mut texts = Vec::new();
        let mut left = TEXT_BYTES;
        for path in &paths {
            let read = jail.find(path).and_then(|place| read_whole(&place, left));
            texts.push(match read {
                Ok(content) => {
                    left = left.saturating_sub(length(&content));
                    format!("{path}:\n{content}\n")
                }
                Err(error) => format!("{path}: Error - {error}"),
            });
        }
        text(texts.join("\n---\n"))
    })
    .await
}

fn read_text(place: &Place<'_>, head: Option<u32>, tail: Option<u32>) -> Result<String, ToolError> {
    match (head, tail) {
        (Some(_), Some(_)) => Err(ToolError::new("give either `head` or `tail`, not both")),
        (Some(lines), None) => first_lines(place, lines),
        (None, Some(lines)) => last_lines(place, lines),
        (None, None) => read_whole(place, TEXT_BYTES),
    }
}

/// Reads a whole text file of at most `limit` bytes.
pub(crate) fn read_whole(place: &Place<'_>, limit: u64) -> Result<String, ToolError> {
    let bytes = read_at_most(place.open()?, limit).map_err(|error| place.error(error))?;
    utf8(place, bytes.ok_or_else(|| too_large(place, limit))?)
}

/// Reads a file. Returns `None` if it is larger than `limit`.
pub(crate) fn read_at_most(file: File, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((length(&bytes) <= limit).then_some(bytes))
}

fn first_lines(place: &Place<'_>, lines: u32) -> Result<String, ToolError> {
    let mut reader = BufReader::new(place.open()?.take(TEXT_BYTES + 1));
    let mut bytes = Vec::new();
    for _ in 0..lines {
        let read = reader.read_until(b'\n', &mut bytes);
        if read.map_err(|error| place.error(error))? == 0 {
            break;
        }
    }
    if length(&bytes) > TEXT_BYTES {
        return Err(too_large(place, TEXT_BYTES));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    utf8(place, bytes)
}

/// Reads blocks from the end of the file until they contain enough lines.
fn last_lines(place: &Place<'_>, lines: u32) -> Result<String, ToolError> {
    let mut file = place.open()?;
    let failed = |error| place.error(error);
    let mut start = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let mut bytes = Vec::new();
    let wanted = usize::try_from(lines).unwrap_or(usize::MAX);
    while start > 0 && line_starts(&bytes).nth(wanted - 1).is_none() {
        let size = BLOCK.min(start);
        start -= size;
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut block = Vec::new();
        (&mut file)
            .take(size)
            .read_to_end(&mut block)
            .map_err(failed)?;
        block.append(&mut bytes);
        bytes = block;
        if length(&bytes) > TEXT_BYTES + BLOCK {
            return Err(too_large(place, TEXT_BYTES));
        }
    }
    let from = line_starts(&bytes).nth(wanted - 1).unwrap_or(0);
    let end = bytes.len() - usize::from(bytes.last() == Some(&b'\n'));
    let found = bytes.get(from..end).unwrap_or_default().to_vec();
    utf8(place, found)
}

/// Returns the positions after the line feeds, from the last to the first. That at the end starts no line.
fn line_starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let line_feeds = bytes.iter().enumerate().rev();
    let starts = line_feeds.filter(|(_, byte)| **byte == b'\n');
    starts
        .map(|(index, _)| index + 1)
        .filter(|start| *start < bytes.len())
}

fn utf8(place: &Place<'_>, bytes: Vec<u8>) -> Result<String, ToolError> {
    let text = String::from_utf8(bytes);
    text.map_err(|_| place.error("not UTF-8 text: `read_media_file` returns its bytes"))
}

fn too_large(place: &Place<'_>, limit: u64) -> ToolError {
    place.error(format!(
        "more than {limit} bytes: read a part with `head` or `tail`"
    ))
}

fn length(bytes: &(impl AsRef<[u8]> + ?Sized)) -> u64 {
    u64::try_from(bytes.as_ref().len()).unwrap_or(u64::MAX)
}

fn mime_of(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|it| it.to_str());
    match extension.unwrap_or_default().to_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        _ => "application/octet-stream",
    }
}
