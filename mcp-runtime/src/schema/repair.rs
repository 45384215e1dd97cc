//! Mends what clients are known to send wrong, where the schema leaves no doubt what was meant, and says in the same walk
//! whether the rest fits: each part is looked at once, for a look at each level would be too many.

use std::cell::RefCell;
use std::collections::HashMap;

use mcp_grammar::number::whole;
use serde_json::{Map, Value};

use super::budget::too_costly;
use super::check::{
    Members, Misfit, Mistakes, Rules, has_type, is_counted, item_schema, missing, required,
    stands_for_nothing, unknown, unlike, wants,
};
use super::choice::{by_member, could_be, could_have_tag, names, only, only_key, tag};
use super::repeats::read;
use super::words::{in_words, one_member_of};
use crate::json_path::Path;

/// How deep a text may be that is read as an array or object: what is in it may be such a text again.
const DEPTH: usize = 64;

/// What a value is to its schema.
#[derive(Default)]
pub(super) struct Mended {
    /// Whether it fits, once it is repaired.
    fits: bool,
    /// The repaired value, if it is another one.
    value: Option<Value>,
    /// Whether the schema forbids the value as it was sent.
    forgiven: bool,
}

impl Mended {
    fn of(fits: bool) -> Self {
        Self {
            fits,
            ..Self::default()
        }
    }

    /// Adds what was found of a part, and returns the part if it is repaired.
    fn add(&mut self, part: Self) -> Option<Value> {
        self.fits &= part.fits;
        self.forgiven |= part.forgiven;
        part.value
    }
}

/// What a value is looked at for.
#[derive(Clone, Copy)]
pub(super) enum Aim<'l> {
    /// To repair what can be.
    Repair,
    /// To repair it only if it fits then, as one of several choices: the first misfit is enough.
    Choose,
    /// To tell what is wrong with it.
    Tell(&'l RefCell<Mistakes>),
}

/// How a value is looked at, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Look<'l> {
    path: Path<'l>,
    depth: usize,
    aim: Aim<'l>,
}

impl<'l> Look<'l> {
    pub(super) fn new(path: Path<'l>, aim: Aim<'l>) -> Self {
        let depth = 0;
        Self { path, depth, aim }
    }

    /// For a part of the value, which this path leads to.
    pub(super) fn part<'p>(self, path: Path<'p>) -> Look<'p>
    where
        'l: 'p,
    {
        Look {
            path,
            depth: self.depth + 1,
            aim: self.aim,
        }
    }

    pub(super) fn path(&self) -> &Path<'l> {
        &self.path
    }

    fn is_telling(self) -> bool {
        matches!(self.aim, Aim::Tell(_))
    }

    fn is_choosing(self) -> bool {
        matches!(self.aim, Aim::Choose)
    }

    pub(super) fn tell(self, mistake: impl FnOnce(&Path<'_>) -> String) {
        if let Aim::Tell(found) = self.aim {
            found.borrow_mut().note(|| mistake(&self.path));
        }
    }
}

impl Rules<'_> {
    /// Makes integers of numbers that are written with a fraction of zero, which JSON Schema takes for integers and
    /// serde does not, and leaves out members that are null and need not be there. Unless strict, mends also `"5"` for a
    /// number, `"true"` for a boolean, an array or object sent as a string, and an item that comes again in a set.
    ///
    /// Returns `true` if the value fits then. If not, [`mistakes`](Rules::mistakes) tells why.
    pub(crate) fn repair(&self, value: &mut Value, schema: &Value) -> bool {
        let mended = self.mend(value, schema, Look::new(Path::Root(""), Aim::Repair));
        if let Some(mended) = mended.value {
            *value = mended;
        }
        mended.fits && !self.budget.is_spent()
    }

    /// All that is wrong with a value, which `path` leads to.
    pub(crate) fn mistakes(&self, value: &Value, schema: &Value, path: &str) -> Vec<String> {
        let found = RefCell::default();
        self.mend(
            value,
            schema,
            Look::new(Path::Root(path), Aim::Tell(&found)),
        );
        if self.budget.is_spent() {
            // What was found until then may be wrong.
            return vec![too_costly(path)];
        }
        found.into_inner().told()
    }

    /// Whether nothing is wrong with a value as it is.
    pub(super) fn fits(&self, value: &Value, schema: &Value) -> bool {
        let mended = self.mend(value, schema, Look::new(Path::Root(""), Aim::Choose));
        mended.fits && !mended.forgiven
    }

    pub(super) fn mend(&self, sent: &Value, schema: &Value, look: Look<'_>) -> Mended {
        let schema = self.resolve(schema);
        if !schema.is_object() {
            return Mended::of(true);
        }
        if !self.budget.spend(1) {
            return Mended::default();
        }
        self.looks.set(self.looks.get() + 1);
        let scalar = self.mend_scalar(sent, schema, look);
        let forgiven = scalar.is_some() && sent.is_string();
        let value = scalar.as_ref().unwrap_or(sent);
        let misfit = self.misfit(value, schema);
        if let Some(misfit) = &misfit {
            look.tell(|path| misfit.told(path, schema, value));
        }
        let parts = match (&misfit, value) {
            (None, Value::Array(_)) => self.mend_items(value, schema, look),
            (None, Value::Object(members)) => self.mend_members(members, schema, look),
            (misfit, _) => Mended::of(misfit.is_none()),
        };
        let mut mended = Mended {
            forgiven: parts.forgiven || forgiven,
            value: parts.value.or(scalar),
            ..parts
        };
        if !matches!(misfit, Some(Misfit::Kind)) {
            self.mend_by_choices(sent, &mut mended, schema, look);
        }
        mended
    }

    /// Looks at a value, of which everything else is known, as what its schema offers to choose from.
    fn mend_by_choices(&self, sent: &Value, mended: &mut Mended, schema: &Value, look: Look<'_>) {
        for (keyword, branches) in schema.as_object().into_iter().flatten() {
            let Value::Array(branches) = branches else {
                continue;
            };
            if look.is_choosing() && !mended.fits {
                return;
            }
            let value = mended.value.as_ref().unwrap_or(sent);
            let chosen = match keyword.as_str() {
                "anyOf" | "oneOf" if look.is_telling() => {
                    self.tell_choice(value, branches, schema, look);
                    continue;
                }
                "anyOf" => self.choose_untagged(value, branches, look),
                "oneOf" => self.choose(value, branches, look),
                "allOf" if look.is_telling() => {
                    for all in branches {
                        self.mend(value, all, look);
                    }
                    continue;
                }
                "allOf" => Mended::of(branches.iter().all(|all| self.fits(value, all))),
                _ => continue,
            };
            if let Some(value) = mended.add(chosen) {
                mended.value = Some(value);
            }
        }
    }

    /// [`choose`](Self::choose) where serde cannot choose by a tag: it copies the value first, at each level anew.
    fn choose_untagged(&self, value: &Value, branches: &[Value], look: Look<'_>) -> Mended {
        let before = self.looks.get();
        let chosen = self.choose(value, branches, look);
        let is_null = |branch: &&Value| branch.get("type").is_some_and(|name| name == "null");
        if branches.iter().filter(|branch| !is_null(branch)).count() > 1 {
            self.budget.spend((self.looks.get() - before) / 4);
        }
        chosen
    }

    /// Repairs what fits one choice alone once it is repaired.
    fn choose(&self, value: &Value, branches: &[Value], look: Look<'_>) -> Mended {
        let look = Look {
            aim: Aim::Choose,
            ..look
        };
        let mut chosen: Option<Mended> = None;
        for branch in branches {
            if !could_have_tag(value, self.resolve(branch)) {
                continue;
            }
            let mended = self.mend(value, branch, look);
            if mended.fits && mended.value.is_none() {
                return mended;
            }
            if mended.fits {
                chosen = Some(match chosen {
                    None => mended,
                    // Nobody knows which of them was meant.
                    Some(other) => Mended {
                        forgiven: mended.forgiven && other.forgiven,
                        ..Mended::of(!mended.forgiven || !other.forgiven)
                    },
                });
            }
        }
        chosen.unwrap_or_default()
    }

    fn mend_scalar(&self, value: &Value, schema: &Value, look: Look<'_>) -> Option<Value> {
        match value {
            Value::Number(number) if number.is_f64() && wants(schema.get("type"), "integer") => {
                number.as_f64().and_then(whole).map(Value::from)
            }
            Value::String(text) if !self.strict => {
                let wanted = schema.get("type")?;
                let is_plain = has_type(value, Some(wanted)) || look.depth > DEPTH;
                (!is_plain).then(|| self.meant(text, wanted)).flatten()
            }
            _ => None,
        }
    }

    /// What a string stands for where a value of these types is asked for.
    fn meant(&self, text: &str, wanted: &Value) -> Option<Value> {
        let (value, repeated) = read(text.trim(), "", self.budget).ok()?;
        match value {
            _ if !repeated.is_empty() => None,
            Value::String(_) | Value::Null => None,
            Value::Number(number) if number.is_f64() && wants(Some(wanted), "integer") => {
                let rest = wants(Some(wanted), "number").then(|| number.clone().into());
                number.as_f64().and_then(whole).map(Value::from).or(rest)
            }
            value => has_type(&value, Some(wanted)).then_some(value),
        }
    }

    fn mend_items(&self, value: &Value, schema: &Value, look: Look<'_>) -> Mended {
        let sent = value.as_array().map_or(&[][..], Vec::as_slice);
        if !is_counted(sent.len(), schema, "minItems", "maxItems") {
            look.tell(|path| unlike(path, schema, value));
        }
        let mut all = Mended::of(true);
        let mut repaired = Vec::new();
        for (index, item) in sent.iter().enumerate() {
            let look = look.part(Path::Item(look.path(), index));
            let part = item_schema(schema, index)
                .map_or(Mended::of(true), |schema| self.mend(item, schema, look));
            if let Some(part) = all.add(part) {
                repaired.push((index, part));
            }
            if look.is_choosing() && !all.fits {
                return all;
            }
        }
        if !repaired.is_empty() {
            all.value = Some(self.with_items(sent, repaired));
        }
        let items = all.value.as_ref().and_then(Value::as_array);
        let items = items.map_or(sent, Vec::as_slice);
        let mut count = items.len();
        if schema.get("uniqueItems") == Some(&Value::Bool(true))
            && let Some(distinct) = self.distinct(items, look)
        {
            all.forgiven = true;
            all.fits &= !self.strict;
            if !self.strict {
                count = distinct.len();
                all.value = Some(distinct.into());
            }
        }
        all.fits &= is_counted(count, schema, "minItems", "maxItems");
        all
    }

    /// Items with some of them repaired.
    fn with_items(&self, items: &[Value], repaired: Vec<(usize, Value)>) -> Value {
        let mut repaired = repaired.into_iter().peekable();
        let item = |(index, item)| match repaired.next_if(|(at, _)| *at == index) {
            Some((_, part)) => part,
            None => self.copy(item),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The items without those that come again, if any do.
    fn distinct(&self, items: &[Value], look: Look<'_>) -> Option<Vec<Value>> {
        if !self.budget.spend(items.iter().map(weight).sum()) {
            return None;
        }
        let mut seen = HashMap::with_capacity(items.len());
        let mut distinct = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let first = *seen.entry(item).or_insert(index);
            if first == index {
                distinct.push(item);
            } else {
                look.tell(|path| {
                    let [first, again] = [first, index].map(|index| Path::Item(path, index));
                    format!("`{again}` is the same as `{first}`, and no item may come again")
                });
            }
        }
        (distinct.len() < items.len())
            .then(|| distinct.into_iter().map(|item| self.copy(item)).collect())
    }

    fn mend_members(&self, members: &Map<String, Value>, schema: &Value, look: Look<'_>) -> Mended {
        let known = Members::of(schema);
        if look.is_telling() {
            self.tell_members(members, schema, look);
        }
        let mut all = Mended::of(true);
        let mut repaired: Vec<(&String, Option<Value>)> = Vec::new();
        for (name, member) in members {
            if stands_for_nothing(schema, name, member) {
                repaired.push((name, None));
                continue;
            }
            let look = look.part(Path::Member(look.path(), name));
            let part = match (known.wrong_key(name), known.schema(name)) {
                (Some(expected), _) => {
                    look.tell(|path| format!("`{path}`: expected a key that is {expected}"));
                    Mended::of(false)
                }
                (None, Some(Value::Bool(false))) => {
                    look.tell(|path| {
                        let own = known.own.into_iter().flat_map(Map::keys);
                        let left = own.filter(|name| !members.contains_key(*name));
                        unknown(path, left.map(String::as_str), name)
                    });
                    Mended::of(false)
                }
                (None, Some(schema)) => self.mend(member, schema, look),
                (None, None) => Mended::of(true),
            };
            if let Some(part) = all.add(part) {
                repaired.push((name, Some(part)));
            }
            if look.is_choosing() && !all.fits {
                return all;
            }
        }
        // As serde does, which knows what is missing when it has read all: what is cheap here is cheap there.
        all.fits &= required(schema).all(|name| members.contains_key(name));
        let left_out = repaired.iter().filter(|(_, part)| part.is_none()).count();
        let count = members.len() - left_out;
        all.fits &= is_counted(count, schema, "minProperties", "maxProperties");
        if !repaired.is_empty() && (all.fits || !look.is_choosing()) {
            all.value = Some(self.with_parts(members, repaired));
        }
        all
    }

    /// Tells how many members an object should have, and which are missing.
    fn tell_members(&self, members: &Map<String, Value>, schema: &Value, look: Look<'_>) {
        let count = members.len();
        if !is_counted(count, schema, "minProperties", "maxProperties") {
            let expected = in_words(schema);
            look.tell(|path| format!("`{path}`: expected {expected}, got {count} members"));
        }
        for name in required(schema).filter(|name| !members.contains_key(*name)) {
            look.part(Path::Member(look.path(), name)).tell(|path| {
                let own = schema.get("properties").and_then(|own| own.get(name));
                let expected = own.map(|schema| in_words(self.resolve(schema)));
                missing(path, expected.as_deref().unwrap_or("a value"))
            });
        }
    }

    /// An object with some of its members repaired, or left out, in the same order.
    fn with_parts(
        &self,
        members: &Map<String, Value>,
        repaired: Vec<(&String, Option<Value>)>,
    ) -> Value {
        let mut repaired = repaired.into_iter().peekable();
        let mut whole = Map::with_capacity(members.len());
        for (name, member) in members {
            let part = match repaired.next_if(|(repaired, _)| *repaired == name) {
                Some((_, part)) => part,
                None => Some(self.copy(member)),
            };
            if let Some(part) = part {
                whole.insert(name.clone(), part);
            }
        }
        whole.into()
    }

    /// A copy of what did not need to be repaired.
    fn copy(&self, value: &Value) -> Value {
        if self.budget.spend(weight(value)) {
            value.clone()
        } else {
            Value::Null
        }
    }
}

/// The steps that it takes to copy a value.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            let member = |(name, value): (&String, _)| 1 + name.len() / 64 + weight(value);
            1 + members.iter().map(member).sum::<usize>()
        }
        _ => 1,
    }
}

impl Rules<'_> {
    fn tell_choice(&self, value: &Value, branches: &[Value], schema: &Value, look: Look<'_>) {
        let possible: Vec<&Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| could_be(value, branch))
            .collect();
        let members = value.as_object();
        // What was meant is looked at once. Whether any fits is asked only where nobody knows what was meant.
        if let Some(meant) = only(&possible).or_else(|| by_member(members?, &possible)) {
            self.mend(value, meant, look);
            return;
        }
        if branches.iter().any(|branch| self.fits(value, branch)) {
            return;
        }
        if let Some(members) = members {
            if let Some(tag) = tag(&possible) {
                return self.tell_tag(members, &possible, tag, look);
            }
            let names = names(&possible).filter(|names| !names.is_empty());
            if let Some(names) = names {
                return tell_variant(members, &names, look);
            }
        }
        look.tell(|path| unlike(path, schema, value));
    }

    /// Tells of an object whose member that says which of the choices it is says none of them.
    fn tell_tag(
        &self,
        members: &Map<String, Value>,
        branches: &[&Value],
        tag: &str,
        look: Look<'_>,
    ) {
        let known = branches
            .iter()
            .map(|branch| branch["properties"][tag]["const"].clone());
        let choice = Value::from_iter([("enum", known.collect::<Value>())]);
        let look = look.part(Path::Member(look.path(), tag));
        match members.get(tag) {
            Some(chosen) => {
                self.mend(chosen, &choice, look);
            }
            None => look.tell(|path| missing(path, &in_words(&choice))),
        }
    }
}

/// Tells of an object whose only member should say which of the choices it is.
fn tell_variant(members: &Map<String, Value>, names: &[&str], look: Look<'_>) {
    if let Some(key) = only_key(members) {
        let look = look.part(Path::Member(look.path(), key));
        return look.tell(|path| unknown(path, names.iter().copied(), key));
    }
    let (expected, count) = (one_member_of(names), members.len());
    look.tell(|path| format!("`{path}`: expected {expected}, got {count} members"));
}
