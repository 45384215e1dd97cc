//! Configuration files that are edited in place: JSON with comments, TOML and YAML. Comments, the order of members and the
//! layout stay as they are.

use serde_json::Value;

/// A parsed configuration file. A path is the names of members, from the outside in.
pub(super) trait Document {
    /// Returns the value at a path, if there is one.
    ///
    /// # Errors
    /// Returns an error if a value on the way has no members.
    fn get(&self, path: &[&str]) -> Result<Option<Value>, String>;

    /// Sets the value at a path. Members on the way are created.
    ///
    /// # Errors
    /// Returns an error if a value on the way has no members.
    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String>;

    /// Removes the value at a path. Returns `false` if there is none.
    ///
    /// # Errors
    /// Returns an error if a value on the way has no members.
    fn remove(&mut self, path: &[&str]) -> Result<bool, String>;

    /// Returns the text of the file.
    fn text(&self) -> String;
}

/// Changes the value at a path from `old` to `new`. Members that stay the same are not touched, nor are their comments.
///
/// # Errors
/// Returns an error if a value on the way has no members.
pub(super) fn change(
    document: &mut dyn Document,
    path: &[&str],
    old: Option<&Value>,
    new: &Value,
) -> Result<(), String> {
    let (Some(Value::Object(old)), Value::Object(new)) = (old, new) else {
        return document.set(path, new);
    };
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        document.remove(&[path, &[name.as_str()]].concat())?;
    }
    for (name, value) in new {
        let before = old.get(name);
        if before != Some(value) {
            change(document, &[path, &[name.as_str()]].concat(), before, value)?;
        }
    }
    Ok(())
}

/// Returns the error for a value on the way that has no members.
pub(super) fn not_a_table(path: &[&str]) -> String {
    match path {
        [] => "the file is not an object".to_owned(),
        path => format!("`{}` is not an object", path.join(".")),
    }
}
