//! Typed members of parameters. Each error names the member and the expected type.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;

use super::error::RpcError;
use super::json;
use super::reader::Reader;

/// The subject of a completion.
pub(crate) enum Reference<'a> {
    /// The prompt of this name.
    Prompt(Cow<'a, str>),
    /// The resource template of this URI.
    Resource(Cow<'a, str>),
}

/// The changes that a client subscribes to, or that the server agreed to send.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriptionFilter {
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) resources_list_changed: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) resource_subscriptions: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) task_ids: BTreeSet<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature serde requires
fn is_false(value: &bool) -> bool {
    !value
}

/// Returns the error message for a repeated member.
pub(super) fn twice(path: &str, name: &str) -> String {
    format!("`{path}.{name}` is given twice")
}

fn must_be(path: fmt::Arguments<'_>, what: &str) -> RpcError {
    RpcError::invalid_params(format!("`{path}` must be {what}"))
}

/// Reads a required string.
pub(super) fn string<'a>(
    json: Option<&'a str>,
    path: fmt::Arguments<'_>,
) -> Result<Cow<'a, str>, RpcError> {
    let json = json.ok_or_else(|| RpcError::invalid_params(format!("`{path}` is missing")))?;
    json::string(json).ok_or_else(|| must_be(path, "a string"))
}

/// Reads the `ref` of a completion.
pub(super) fn reference(json: Option<&str>) -> Result<Reference<'_>, RpcError> {
    let members = Object::read(json, "params.ref")?;
    match &*members.string("type")? {
        "ref/prompt" => members.string("name").map(Reference::Prompt),
        "ref/resource" => members.string("uri").map(Reference::Resource),
        _ => Err(must_be(
            format_args!("params.ref.type"),
            "\"ref/prompt\" or \"ref/resource\"",
        )),
    }
}

/// Reads the `argument` of a completion: its name and its partial value.
pub(super) fn argument(json: Option<&str>) -> Result<(String, String), RpcError> {
    let members = Object::read(json, "params.argument")?;
    let name = members.string("name")?.into_owned();
    Ok((name, members.string("value")?.into_owned()))
}

/// Reads the `context` of a completion: the arguments that already have values.
pub(super) fn context(json: Option<&str>) -> Result<HashMap<String, String>, RpcError> {
    let Some(json) = json else {
        return Ok(HashMap::new());
    };
    let Some(json) = Object::read(Some(json), "params.context")?.get("arguments")? else {
        return Ok(HashMap::new());
    };
    let path = "params.context.arguments";
    let known = Object::read(Some(json), path)?.members.into_iter();
    known
        .map(|(name, json)| {
            let value = string(Some(json), format_args!("{path}.{name}"))?.into_owned();
            Ok((name.into_owned(), value))
        })
        .collect()
}

/// The maximum length of a URI that a client subscribes to, in bytes.
const LONGEST_URI: usize = 2048;

/// The maximum length of the URIs of one filter, in bytes of JSON, and their maximum number.
const LONGEST_FILTER: usize = 64 << 10;
const MOST_URIS: usize = 1000;

/// The member of a filter that lists tasks.
const TASK_IDS: &str = "taskIds";

/// Refuses a URI that is too long to be kept.
pub(crate) fn check_subscribed(uri: &str) -> Result<(), RpcError> {
    if uri.len() <= LONGEST_URI {
        return Ok(());
    }
    let length = uri.len();
    Err(RpcError::invalid_params(format!(
        "The URI has {length} bytes, and a URI to subscribe to has at most {LONGEST_URI}"
    )))
}

/// Refuses a list of URIs or task ids, given as JSON, that is too long to be kept.
fn check_filter(list: &str, json: Option<&str>) -> Result<(), RpcError> {
    let length = json.map_or(0, str::len);
    if length <= LONGEST_FILTER {
        return Ok(());
    }
    Err(RpcError::invalid_params(format!(
        "`params.notifications.{list}` has {length} bytes, and the limit is {LONGEST_FILTER}: listen to fewer of them"
    )))
}

/// Reads the `notifications` of a `subscriptions/listen` request.
pub(super) fn subscription_filter(json: Option<&str>) -> Result<SubscriptionFilter, RpcError> {
    let path = "params.notifications";
    if !json.is_some_and(|json| json.starts_with('{')) {
        let what = "an object, such as {\"toolsListChanged\": true}";
        return Err(must_be(format_args!("{path}"), what));
    }
    let members = Object::read(json, path)?;
    let list = "resourceSubscriptions";
    check_filter(list, members.get(list)?)?;
    check_filter(TASK_IDS, members.get(TASK_IDS)?)?;
    let uris = members.strings(list)?;
    if uris.len() > MOST_URIS {
        return Err(RpcError::invalid_params(format!(
            "`{path}.{list}` has {} URIs, and the limit is {MOST_URIS}: listen to fewer resources",
            uris.len()
        )));
    }
    uris.iter().try_for_each(|uri| check_subscribed(uri))?;
    Ok(SubscriptionFilter {
        tools_list_changed: members.flag("toolsListChanged")?,
        prompts_list_changed: members.flag("promptsListChanged")?,
        resources_list_changed: members.flag("resourcesListChanged")?,
        resource_subscriptions: uris,
        task_ids: members.strings(TASK_IDS)?,
    })
}

/// Reads the `ttl` of a `task`, in milliseconds. It is `None` if it is left out or `null`.
pub(super) fn task_ttl(json: Option<&str>) -> Result<Option<u64>, RpcError> {
    let ttl = match Object::read(json, "params.task")?.get("ttl")? {
        None | Some("null") => return Ok(None),
        Some(ttl) => serde_json::from_str::<f64>(ttl).ok(),
    };
    let ttl = ttl.filter(|ttl| *ttl >= 0.0).ok_or_else(|| {
        must_be(
            format_args!("params.task.ttl"),
            "a number of milliseconds, and not negative",
        )
    })?;
    // The conversion saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Some(ttl as u64))
}

/// Returns `arguments` as JSON: an object, which is empty if it is left out or `null`.
pub(super) fn arguments(json: Option<&str>) -> Result<&str, RpcError> {
    match json.unwrap_or("null") {
        "null" => Ok("{}"),
        json if json.starts_with('{') => Ok(json),
        _ => Err(must_be(format_args!("params.arguments"), "an object")),
    }
}

/// Returns the members of an object in order: names, and values as JSON.
pub(crate) fn members(json: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut reader = Reader::new(json, usize::MAX);
    // The JSON is part of a message that was validated before: no step can fail.
    let mut is_object = matches!(reader.enter_object(), Ok(true));
    std::iter::from_fn(move || {
        let name = if is_object { reader.name().ok()? } else { None };
        is_object = name.is_some();
        Some((name?, reader.value().ok()?))
    })
}

/// An object within parameters.
struct Object<'a> {
    path: &'static str,
    members: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Object<'a> {
    /// Reads a required object.
    fn read(json: Option<&'a str>, path: &'static str) -> Result<Self, RpcError> {
        let json = json.ok_or_else(|| RpcError::invalid_params(format!("`{path}` is missing")))?;
        if !json.starts_with('{') {
            return Err(must_be(format_args!("{path}"), "an object"));
        }
        let members = members(json).collect();
        Ok(Self { path, members })
    }

    fn get(&self, name: &str) -> Result<Option<&'a str>, RpcError> {
        let mut found = self.members.iter().filter(|(key, _)| key == name);
        let first = found.next().map(|(_, json)| *json);
        match found.next() {
            None => Ok(first),
            Some(_) => Err(RpcError::invalid_params(twice(self.path, name))),
        }
    }

    fn string(&self, name: &str) -> Result<Cow<'a, str>, RpcError> {
        string(self.get(name)?, format_args!("{}.{name}", self.path))
    }

    fn flag(&self, name: &str) -> Result<bool, RpcError> {
        match self.get(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(must_be(
                format_args!("{}.{name}", self.path),
                "true or false",
            )),
        }
    }

    fn strings(&self, name: &str) -> Result<BTreeSet<String>, RpcError> {
        let Some(json) = self.get(name)? else {
            return Ok(BTreeSet::new());
        };
        serde_json::from_str(json)
            .map_err(|_| must_be(format_args!("{}.{name}", self.path), "a list of strings"))
    }
}
