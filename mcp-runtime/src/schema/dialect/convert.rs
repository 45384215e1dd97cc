//! The conversion of a schema: references, and the choice of the form of each part.

use serde_json::{Value, json};

use super::form::{Dialect, HEADER, Members, OPENAI_LEVELS, members_of};
use super::merge::merge;
use super::notes::{json_text, rest, with_description};

/// The maximum number of parts of a converted schema. Parts beyond it are JSON in a string, because references can multiply.
const MAX_PARTS: usize = 2000;

/// The position of a part: the number of objects around it.
pub(super) type Level = usize;

/// The state of a conversion.
pub(super) struct Converter<'s> {
    pub(super) dialect: Dialect,
    root: &'s Value,
    /// The references that lead to the current part.
    followed: Vec<String>,
    /// The targets that refer to themselves, with the names of their definitions.
    recursive: Vec<(String, String)>,
    parts: usize,
    /// The number of values of all enums.
    pub(super) enum_values: usize,
}

impl<'s> Converter<'s> {
    pub(super) fn new(root: &'s Value, dialect: Dialect) -> Self {
        Self {
            dialect,
            root,
            followed: Vec::new(),
            recursive: Vec::new(),
            parts: 0,
            enum_values: 0,
        }
    }

    /// Converts the whole schema, whose values are objects.
    pub(super) fn whole(mut self) -> Value {
        self.followed.push("#".to_owned());
        let root = self.root.as_object().cloned().unwrap_or_default();
        let mut whole = self.arguments(root);
        let definitions = self.definitions();
        if !definitions.is_empty() {
            whole.insert("$defs".to_owned(), definitions.into());
        }
        whole.into()
    }

    /// Converts the schemas that refer to themselves, and those that these refer to.
    fn definitions(&mut self) -> Members {
        let mut definitions = Members::new();
        while let Some((target, name)) = self.recursive.get(definitions.len()).cloned() {
            let schema = self.target(&target).cloned().unwrap_or_default();
            self.followed = vec![target];
            let definition = self.part(&schema, 1);
            definitions.insert(name, definition.into());
        }
        definitions
    }

    /// Converts a part of the schema within this many objects.
    pub(super) fn part(&mut self, schema: &Value, level: Level) -> Members {
        self.parts += 1;
        let Value::Object(members) = schema else {
            let note = (*schema == false).then(|| ", but no value is allowed".to_owned());
            return json_text(&json!({}), None, note);
        };
        let depth = self.followed.len();
        let converted = match self.resolved(members.clone()) {
            Err(target) => self.recursion(&target, members),
            Ok(it) if self.parts > MAX_PARTS => json_text(&it.into(), None, None),
            Ok(it) => self.form(it, level),
        };
        self.followed.truncate(depth);
        converted
    }

    /// Follows the references of a schema, and merges what it consists of.
    ///
    /// # Errors
    /// Returns the target of a reference that leads to this part.
    pub(super) fn resolved(&mut self, members: Members) -> Result<Members, String> {
        let mut members = self.followed(members)?;
        if let Some(Value::Array(all)) = members.shift_remove("allOf") {
            for schema in all {
                let own = self.resolved(members_of(schema))?;
                members = merge(members, own);
            }
        }
        Ok(members)
    }

    /// Merges the targets of the references of a schema.
    fn followed(&mut self, mut members: Members) -> Result<Members, String> {
        while let Some(Value::String(target)) = members.shift_remove("$ref") {
            let Some(schema) = self.target(&target) else {
                continue;
            };
            if self.followed.contains(&target) {
                return Err(target);
            }
            self.followed.push(target);
            members = merge(members, members_of(schema.clone()));
        }
        Ok(members)
    }

    fn target(&self, target: &str) -> Option<&'s Value> {
        self.root.pointer(target.strip_prefix('#')?)
    }

    /// Returns the form of a part that refers to a schema around it.
    fn recursion(&mut self, target: &str, members: &Members) -> Members {
        if self.dialect == Dialect::OpenAi {
            let name = self.definition(target);
            return members_of(json!({ "$ref": format!("#/$defs/{name}") }));
        }
        let note = match target.rsplit('/').next().unwrap_or_default() {
            "#" | "" => " of the form of all arguments".to_owned(),
            name => format!(" of the form `{name}`, like a value around it"),
        };
        json_text(&json!({}), Some(members), Some(note))
    }

    /// Returns the name of the definition of a target.
    fn definition(&mut self, target: &str) -> String {
        let known = self.recursive.iter().find(|(known, _)| known == target);
        if let Some((_, name)) = known {
            return name.clone();
        }
        let name = self.definition_name(target);
        self.recursive.push((target.to_owned(), name.clone()));
        name
    }

    /// Returns a new name for the definition of a target: its own, if that is plain.
    fn definition_name(&self, target: &str) -> String {
        let own = target.rsplit('/').next().unwrap_or_default();
        let is_plain = own.starts_with(|first: char| first.is_ascii_alphabetic())
            && own
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '_');
        let is_taken = self.recursive.iter().any(|(_, name)| name == own);
        if is_plain && !is_taken {
            own.to_owned()
        } else {
            format!("part{}", self.recursive.len() + 1)
        }
    }

    /// Returns the form of a part without references.
    fn form(&mut self, members: Members, level: Level) -> Members {
        let header = members.get(HEADER).cloned();
        let mut converted = self.unmarked_form(members, level);
        if let Some(header) = header {
            converted.insert(HEADER.to_owned(), header);
        }
        converted
    }

    fn unmarked_form(&mut self, members: Members, level: Level) -> Members {
        if members.contains_key("enum") || members.contains_key("const") {
            return self.enumeration(&members);
        }
        if members.contains_key("anyOf") || members.contains_key("oneOf") {
            return self.union(members, level);
        }
        match kind(&members) {
            Kind::Several(names) => self.several(&members, &names, level),
            Kind::One(name) => self.of_type(&name, members, level),
            Kind::Any => json_text(&Value::Object(members), None, None),
        }
    }

    fn of_type(&mut self, name: &str, members: Members, level: Level) -> Members {
        match name {
            "string" => self.string(&members),
            "integer" | "number" => self.number(name, &members),
            "boolean" => {
                let notes = rest(&members);
                with_description(json!({ "type": name }), &members, notes)
            }
            "null" => self.null(&members),
            "array" => self.array(members, level),
            _ if self.dialect == Dialect::OpenAi && level >= OPENAI_LEVELS => {
                json_text(&Value::Object(members), None, None)
            }
            _ => self.object(members, level),
        }
    }

    pub(super) fn null(&mut self, members: &Members) -> Members {
        match self.dialect {
            Dialect::Gemini => json_text(&json!({ "type": "null" }), Some(members), None),
            Dialect::OpenAi => with_description(json!({ "type": "null" }), members, Vec::new()),
        }
    }
}

/// The types that a schema allows.
pub(super) enum Kind {
    One(String),
    Several(Vec<String>),
    Any,
}

/// Returns the types of a schema, which its keywords tell if it does not name them.
pub(super) fn kind(members: &Members) -> Kind {
    let has = |names: &[&str]| names.iter().any(|name| members.contains_key(*name));
    match members.get("type") {
        Some(Value::String(name)) => Kind::One(name.clone()),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).map(str::to_owned);
            Kind::Several(names.collect())
        }
        // Without a type, the keywords of one type allow all values of the others.
        _ if has(&["properties"]) => Kind::One("object".to_owned()),
        _ if has(&["items", "prefixItems"]) => Kind::One("array".to_owned()),
        _ => Kind::Any,
    }
}
