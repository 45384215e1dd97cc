//! The state of the notebook, and its tools, resource and prompt.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_runtime::prelude::*;

/// All notes. The number of a note is its place, from 1.
#[derive(Default)]
pub struct Notes(Mutex<Vec<Note>>);

struct Note {
    title: String,
    text: String,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns links to the notes that a condition selects.
    fn links(&self, selects: impl Fn(&Note) -> bool) -> Vec<ResourceLink> {
        let notes = self.lock();
        let numbered = (1..).zip(notes.iter());
        let selected = numbered.filter(|(_, note)| selects(note));
        selected
            .map(|(number, note)| ResourceLink::new(format!("note://{number}"), &note.title))
            .collect()
    }
}

/// Add a note, and return its number.
#[tool(title = "Add a note", destructive = false)]
fn add_note(
    notes: State<Notes>,
    /// The title, which no other note has.
    #[arg(length(1..=80))]
    title: String,
    /// The text of the note.
    text: String,
) -> Result<usize, ToolError> {
    let mut notes = notes.lock();
    if notes.iter().any(|note| note.title == title) {
        return Err(ToolError::new(format!(
            "a note with the title {title:?} exists; choose another title"
        )));
    }
    notes.push(Note { title, text });
    Ok(notes.len())
}

/// Find the notes that contain a text.
#[tool(title = "Find notes", read_only)]
fn find_notes(
    notes: State<Notes>,
    /// A part of the title or of the text. The empty text finds all notes.
    #[arg(default)]
    words: String,
) -> Vec<ResourceLink> {
    notes.links(|note| note.title.contains(&words) || note.text.contains(&words))
}

/// A note.
#[resource("note://{number}", mime = "text/plain", list = all_notes)]
fn note(notes: State<Notes>, number: usize) -> Option<String> {
    let place = number.checked_sub(1)?;
    notes.lock().get(place).map(|note| note.text.clone())
}

fn all_notes(notes: State<Notes>) -> Vec<ResourceLink> {
    notes.links(|_| true)
}

/// Ask for a summary of all notes.
#[prompt(title = "Summary")]
fn summary(notes: State<Notes>) -> String {
    let notes = notes.lock();
    let texts: Vec<String> = notes
        .iter()
        .map(|note| format!("# {}\n\n{}", note.title, note.text))
        .collect();
    format!("Summarise these notes:\n\n{}", texts.join("\n\n"))
}
