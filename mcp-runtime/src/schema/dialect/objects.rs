//! The forms of objects and arrays.

use serde_json::{Value, json};

use super::convert::{Converter, Level};
use super::form::{Dialect, HEADER, Members, OMITTABLE, members_of};
use super::merge::merge;
use super::notes::{MAX_SHOWN, json_text, rest, with_description};

impl Converter<'_> {
    /// Returns the form of all arguments: an object, also if it has no properties. Choices between groups of arguments become
    /// optional arguments.
    pub(super) fn arguments(&mut self, root: Members) -> Members {
        let Ok(mut members) = self.resolved(root) else {
            return members_of(json!({ "type": "object", "properties": {} }));
        };
        let mut notes = Vec::new();
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = members.shift_remove(keyword) {
                members = self.either(members, &branches, &mut notes);
            }
        }
        notes.extend(any_argument(&members));
        self.object_with(&members, 0, notes)
    }

    /// Adds the arguments of alternative groups as optional ones.
    fn either(
        &mut self,
        mut members: Members,
        branches: &[Value],
        notes: &mut Vec<String>,
    ) -> Members {
        let branches = branches.iter().cloned().map(members_of);
        let branches: Vec<Members> = branches.filter_map(|it| self.resolved(it).ok()).collect();
        let groups: Vec<Value> = branches.iter().map(required_of).map(Value::from).collect();
        for branch in &branches {
            add_properties(&mut members, branch);
        }
        let shown: Vec<String> = groups.iter().map(Value::to_string).collect();
        notes.push(format!(
            "give one of these groups of arguments: {}",
            shown.join(" or ")
        ));
        let always = groups
            .iter()
            .cloned()
            .reduce(|all, group| common(&all, &group));
        merge(
            members,
            members_of(json!({ "required": always.unwrap_or_else(|| json!([])) })),
        )
    }

    /// Returns the form of an object. One with members of any name is JSON in a string.
    pub(super) fn object(&mut self, members: Members, level: Level) -> Members {
        let is_empty = properties_of(&members).next().is_none();
        let is_closed = members.get("additionalProperties") == Some(&false.into());
        // Gemini refuses objects without properties.
        let has_form = !is_empty || is_closed && self.dialect == Dialect::OpenAi;
        if has_form && !allows_others(&members) {
            self.object_with(&members, level, Vec::new())
        } else {
            json_text(&members.into(), None, None)
        }
    }

    fn object_with(&mut self, members: &Members, level: Level, mut notes: Vec<String>) -> Members {
        notes.extend(self.member_notes(members));
        let form = match self.dialect {
            Dialect::Gemini => self.open_members(members, level),
            Dialect::OpenAi => self.strict_members(members, level),
        };
        with_description(form.into(), members, notes)
    }

    fn open_members(&mut self, members: &Members, level: Level) -> Members {
        let schemas = schemas_of(members);
        let schemas = schemas.iter();
        let forms =
            schemas.map(|(name, schema)| (name.clone(), self.part(schema, level + 1).into()));
        let properties: Members = forms.collect();
        let mut form = members_of(json!({ "type": "object", "properties": properties }));
        let required = required_of(members);
        if !required.is_empty() {
            form.insert("required".to_owned(), required.into());
        }
        copy(members, &mut form, &["minProperties", "maxProperties"]);
        form
    }

    /// Returns the form of an object whose properties are all required. Optional ones can be null.
    fn strict_members(&mut self, members: &Members, level: Level) -> Members {
        let required = required_of(members);
        let mut properties = Members::new();
        let mut omittable = Vec::new();
        for (name, schema) in schemas_of(members) {
            let mut property = self.part(&schema, level + 1);
            if !required.contains(&name.as_str().into()) {
                if !allows_null(&property) {
                    omittable.push(name.clone());
                }
                property = self.nullable(property);
            }
            properties.insert(name, property.into());
        }
        members_of(json!({
            "type": "object",
            "properties": properties,
            "required": properties.keys().collect::<Vec<_>>(),
            "additionalProperties": false,
            OMITTABLE: omittable,
        }))
    }

    /// Returns what the description of an object says of its members.
    fn member_notes(&self, members: &Members) -> Vec<String> {
        let mut notes = rest(members);
        let has_properties = members.get("properties").is_some_and(|it| *it != json!({}));
        let more = members.get("additionalProperties");
        if let Some(more) = more.filter(|more| has_properties && more.is_object()) {
            notes.push(format!(
                "the original schema also allows other members, with values of {more}"
            ));
        }
        if self.dialect == Dialect::OpenAi {
            let (least, most) = ("minProperties", "maxProperties");
            notes.extend(count_note(members, least, most, "members"));
        }
        notes
    }

    /// Returns the form of an array. The items of a tuple are those of a list.
    pub(super) fn array(&mut self, members: Members, level: Level) -> Members {
        let mut notes = rest(&members);
        let items = self.items(&members, level, &mut notes);
        if members.get("uniqueItems").is_some_and(|it| *it == true) {
            notes.push("no item twice".to_owned());
        }
        let form = json!({ "type": "array", "items": items });
        let mut form = with_description(form, &members, notes);
        copy(&members, &mut form, &["minItems", "maxItems"]);
        form
    }

    /// Returns the form of the items of an array, and notes the order of a tuple.
    fn items(&mut self, members: &Members, level: Level, notes: &mut Vec<String>) -> Members {
        let prefix = members.get("prefixItems").or_else(|| members.get("items"));
        let Some(Value::Array(prefix)) = prefix else {
            let any = json!({});
            return self.part(members.get("items").unwrap_or(&any), level);
        };
        notes.push(order(prefix));
        let rest = after_tuple(members);
        let mut forms: Vec<Members> = Vec::new();
        for schema in prefix.iter().chain(&rest) {
            let form = self.part(schema, level);
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        self.any_of(forms, None)
    }

    /// Returns a form that also allows null.
    pub(super) fn nullable(&self, mut form: Members) -> Members {
        if allows_null(&form) {
            return form;
        }
        match (self.dialect, form.get_mut("anyOf")) {
            (Dialect::Gemini, Some(Value::Array(branches))) => {
                // Beside a choice, Gemini takes no other keyword.
                for branch in branches.iter_mut().filter_map(Value::as_object_mut) {
                    branch.insert("nullable".to_owned(), true.into());
                }
            }
            (Dialect::Gemini, _) => {
                form.insert("nullable".to_owned(), true.into());
            }
            (Dialect::OpenAi, Some(Value::Array(branches))) => {
                branches.push(json!({ "type": "null" }));
            }
            (Dialect::OpenAi, _) => return or_null(form),
        }
        form
    }
}

/// Returns `true` if a form allows null.
fn allows_null(form: &Members) -> bool {
    let is_null = |name: &Value| name == "null";
    let by_type = match form.get("type") {
        Some(Value::Array(names)) => names.iter().any(is_null),
        Some(name) => is_null(name),
        None => false,
    };
    let branches = form.get("anyOf").and_then(Value::as_array);
    let branches = branches.into_iter().flatten().filter_map(Value::as_object);
    by_type
        || form.get("nullable").is_some_and(|it| *it == true)
        || branches.into_iter().any(allows_null)
}

/// Returns a form of `OpenAI` that also allows null.
fn or_null(mut form: Members) -> Members {
    let name = form.get("type").filter(|name| name.is_string()).cloned();
    if let Some(name) = name.filter(|_| !form.contains_key("enum")) {
        form.insert("type".to_owned(), json!([name, "null"]));
        return form;
    }
    let outer = ["description", HEADER].map(|keyword| (keyword, form.shift_remove(keyword)));
    let mut either = members_of(json!({ "anyOf": [form, { "type": "null" }] }));
    for (keyword, value) in outer {
        either.extend(value.map(|value| (keyword.to_owned(), value)));
    }
    either
}

/// Returns the properties of a schema.
fn properties_of(members: &Members) -> impl Iterator<Item = (&String, &Value)> {
    let properties = members.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

/// Returns what a description says of arguments that can have any name.
fn any_argument(members: &Members) -> Option<String> {
    let has_properties = properties_of(members).next().is_some();
    let values = members.get("additionalProperties");
    let values = values.filter(|values| !has_properties && **values != false)?;
    Some(format!(
        "any argument is allowed, with a value that fits the schema {values}"
    ))
}

/// Returns `true` if a schema says what members other than its properties are.
fn allows_others(members: &Members) -> bool {
    let keywords = [
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
    ];
    let mut others = keywords.iter().filter_map(|keyword| members.get(*keyword));
    others.any(Value::is_object)
}

/// Returns the names of the required properties of a schema.
fn required_of(members: &Members) -> Vec<Value> {
    let required = members.get("required").and_then(Value::as_array);
    required.cloned().unwrap_or_default()
}

/// Returns the schemas of all properties. Optional properties without a valid value are left out.
fn schemas_of(members: &Members) -> Members {
    let required = required_of(members);
    let own = properties_of(members).map(|(name, schema)| (name.clone(), schema.clone()));
    let mut schemas: Members = own.collect();
    for name in required.iter().filter_map(Value::as_str) {
        schemas.entry(name).or_insert_with(|| json!({}));
    }
    schemas.retain(|name, schema| *schema != false || required.contains(&name.as_str().into()));
    schemas
}

/// Adds properties, which can have the schema of either.
fn add_properties(members: &mut Members, more: &Members) {
    let mut all: Members = properties_of(members)
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect();
    for (name, schema) in properties_of(more) {
        let either = match all.get(name) {
            Some(other) if other != schema => json!({ "anyOf": [other, schema] }),
            _ => schema.clone(),
        };
        all.insert(name.clone(), either);
    }
    members.insert("properties".to_owned(), all.into());
}

/// Returns the items that two lists have in common.
fn common(first: &Value, second: &Value) -> Value {
    let second = second.as_array();
    let first = first.as_array().into_iter().flatten();
    let both = first.filter(|item| second.is_some_and(|items| items.contains(item)));
    both.cloned().collect()
}

/// Returns the schema of the items after those of a tuple. Without one, they can be of any kind.
fn after_tuple(members: &Members) -> Option<Value> {
    match (members.get("prefixItems"), members.get("items")) {
        (Some(Value::Array(prefix)), Some(Value::Bool(false))) if !prefix.is_empty() => None,
        (Some(_), Some(items)) => Some(items.clone()),
        (_, Some(Value::Array(items))) if !items.is_empty() => None,
        _ => Some(json!({})),
    }
}

/// Returns what a description says of the items of a tuple.
fn order(prefix: &[Value]) -> String {
    let shown = Value::from(prefix.to_vec()).to_string();
    if shown.len() <= MAX_SHOWN {
        format!("the first items fit these schemas in this order: {shown}")
    } else {
        "each position has its own schema, which is checked when the tool is called".to_owned()
    }
}

/// Copies keywords that both forms have.
pub(super) fn copy(from: &Members, to: &mut Members, keywords: &[&str]) {
    for keyword in keywords {
        if let Some(value) = from.get(*keyword) {
            to.insert((*keyword).to_owned(), value.clone());
        }
    }
}

/// Returns what a description says of a number of characters or members.
pub(super) fn count_note(members: &Members, least: &str, most: &str, noun: &str) -> Option<String> {
    let count = |keyword: &str| members.get(keyword).and_then(Value::as_f64);
    match (count(least).filter(|least| *least > 0.0), count(most)) {
        (Some(least), Some(most)) => Some(format!("{least} to {most} {noun}")),
        (Some(least), None) => Some(format!("at least {least} {noun}")),
        (None, Some(most)) => Some(format!("at most {most} {noun}")),
        (None, None) => None,
    }
}
