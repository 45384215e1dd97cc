//! The operations of a specification, as the rules of the user see them.

use serde_json::Value;

use super::document::Document;

/// The methods that become components. `HEAD`, `OPTIONS` and `TRACE` have nothing for a model.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The maximum number of operations of a specification.
const MOST: usize = 10_000;

/// What an operation becomes: see [`OpenApi::rules`](crate::OpenApi::rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExposeAs {
    /// A tool.
    Tool,
    /// A resource, or a template if it has parameters. Only operations with the method `GET` can be one.
    Resource,
    /// Nothing.
    Hidden,
}

/// An operation of an OpenAPI specification.
#[derive(Debug, Clone, Copy)]
pub struct OpenApiOperation<'d> {
    pub(super) method: &'static str,
    pub(super) path: &'d str,
    /// The item of the path, with what all of its operations share.
    pub(super) item: &'d Value,
    pub(super) value: &'d Value,
}

impl<'d> OpenApiOperation<'d> {
    /// Returns the method in upper case, such as `GET`.
    pub fn method(&self) -> &'static str {
        match self.method {
            "get" => "GET",
            "put" => "PUT",
            "post" => "POST",
            "delete" => "DELETE",
            _ => "PATCH",
        }
    }

    /// Returns the path, such as `/users/{id}`.
    pub fn path(&self) -> &'d str {
        self.path
    }

    /// Returns the `operationId`.
    pub fn id(&self) -> Option<&'d str> {
        self.value["operationId"].as_str()
    }

    /// Returns the tags.
    pub fn tags(&self) -> impl Iterator<Item = &'d str> {
        let tags = self.value["tags"].as_array().into_iter().flatten();
        tags.filter_map(Value::as_str)
    }

    /// Returns `true` if the operation has a tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags().any(|it| it == tag)
    }

    /// Returns `true` if the operation is deprecated.
    pub fn is_deprecated(&self) -> bool {
        self.value["deprecated"] == true
    }

    /// Returns the method and the path, such as `GET /users/{id}`.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.method(), self.path)
    }

    /// Returns `true` if a key of the user means this operation: its id, or its method and path.
    pub(super) fn is_called(&self, key: &str) -> bool {
        self.id() == Some(key) || self.place() == key
    }
}

/// Returns the operations in the order of the specification.
///
/// # Errors
/// Returns an error if there are no paths, too many operations, or references that lead nowhere.
pub(super) fn operations(document: &Document) -> Result<Vec<OpenApiOperation<'_>>, String> {
    let mut operations = Vec::new();
    let Some(paths) = document.member("paths").as_object() else {
        return Err("the specification has no `paths`, which contain its operations".to_owned());
    };
    for (path, item) in paths {
        if !path.starts_with('/') {
            continue;
        }
        let item = document
            .resolve(item)
            .map_err(|problem| format!("{path}: {problem}"))?;
        for method in METHODS {
            if let Some(value) = item.get(method) {
                operations.push(OpenApiOperation {
                    method,
                    path,
                    item,
                    value,
                });
            }
        }
        if operations.len() > MOST {
            return Err(format!("the specification has more than {MOST} operations"));
        }
    }
    Ok(operations)
}
