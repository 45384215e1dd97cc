//! Repairs the mistakes that clients are known to make, if the schema is unambiguous, and checks the rest in the same
//! pass: each part is visited once, since a separate pass at each level would be too expensive.

use std::cell::RefCell;
use std::collections::HashMap;

use mcp_grammar::number::whole;
use serde_json::{Map, Value};

use super::budget::too_costly;
use super::check::{
    Members, Mismatch, Mistakes, Rules, has_type, is_count_allowed, is_omittable_null, item_schema,
    mismatch_message, missing, required, unknown, wants,
};
use super::choice::{by_member, could_be, could_have_tag, names, only, only_key, tag};
use super::repeats::read;
use super::words::{in_words, one_member_of};
use crate::json_path::Path;

/// The depth up to which a text is parsed as an array or object: its content may again contain such texts.
const DEPTH: usize = 64;

/// The maximum number of schemas around the one that is checked. A schema whose parts refer to itself would never end.
const MAX_DEPTH: usize = 512;

/// The result of comparing a value with its schema.
#[derive(Default)]
pub(super) struct Checked {
    /// `true` if the value, after its repair, fits the schema.
    fits: bool,
    /// The repaired value, if it differs from the original.
    value: Option<Value>,
    /// `true` if the schema forbids the value as it was sent.
    deviates: bool,
}

impl Checked {
    fn of(fits: bool) -> Self {
        Self {
            fits,
            ..Self::default()
        }
    }

    /// Adds the result for a part, and returns the repaired part if there is one.
    fn add(&mut self, part: Self) -> Option<Value> {
        self.fits &= part.fits;
        self.deviates |= part.deviates;
        part.value
    }
}

/// The purpose of a visit.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'l> {
    /// Repairs mistakes where possible.
    Repair,
    /// Tries one of several choices, which is repaired only if it then fits: the visit ends at the first mismatch.
    Try,
    /// Collects all mistakes.
    Report(&'l RefCell<Mistakes>),
}

/// The purpose of a visit, and the path and depth of the visited value.
#[derive(Clone, Copy)]
pub(super) struct Visit<'l> {
    path: Path<'l>,
    depth: usize,
    purpose: Purpose<'l>,
}

impl<'l> Visit<'l> {
    pub(super) fn new(path: Path<'l>, purpose: Purpose<'l>) -> Self {
        let depth = 0;
        Self {
            path,
            depth,
            purpose,
        }
    }

    /// Returns the visit of a part of the value, which has this path.
    pub(super) fn part<'p>(self, path: Path<'p>) -> Visit<'p>
    where
        'l: 'p,
    {
        Visit {
            path,
            depth: self.depth + 1,
            purpose: self.purpose,
        }
    }

    pub(super) fn path(&self) -> &Path<'l> {
        &self.path
    }

    fn is_reporting(self) -> bool {
        matches!(self.purpose, Purpose::Report(_))
    }

    fn is_trying(self) -> bool {
        matches!(self.purpose, Purpose::Try)
    }

    pub(super) fn report(self, mistake: impl FnOnce(&Path<'_>) -> String) {
        if let Purpose::Report(found) = self.purpose {
            found.borrow_mut().note(|| mistake(&self.path));
        }
    }
}

impl Rules<'_> {
    /// Repairs a value. Numbers with a zero fraction become integers, since JSON Schema accepts them as integers and
    /// serde does not. Optional members that are `null` are removed. Unless strict, it also converts `"5"` to a number,
    /// `"true"` to a boolean and a string to the array or object that it contains, and removes repeated items from a
    /// set.
    ///
    /// Returns `true` if the value then fits. Otherwise [`mistakes`](Rules::mistakes) returns the reasons.
    pub(crate) fn repair(&self, value: &mut Value, schema: &Value) -> bool {
        let checked = self.check(value, schema, Visit::new(Path::Root(""), Purpose::Repair));
        if let Some(repaired) = checked.value {
            *value = repaired;
        }
        checked.fits && !self.budget.is_spent()
    }

    /// Returns all mistakes in a value, which has this path.
    pub(crate) fn mistakes(&self, value: &Value, schema: &Value, path: &str) -> Vec<String> {
        let found = RefCell::default();
        self.check(
            value,
            schema,
            Visit::new(Path::Root(path), Purpose::Report(&found)),
        );
        if self.budget.is_spent() {
            // The mistakes found before the budget was spent may be wrong.
            return vec![too_costly(path)];
        }
        found.into_inner().told()
    }

    /// Returns `true` if the value fits as it is.
    pub(crate) fn fits(&self, value: &Value, schema: &Value) -> bool {
        let checked = self.check(value, schema, Visit::new(Path::Root(""), Purpose::Try));
        checked.fits && !checked.deviates
    }

    pub(super) fn check(&self, sent: &Value, schema: &Value, visit: Visit<'_>) -> Checked {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            // No result can be known.
            self.budget.spend(usize::MAX);
            return Checked::default();
        }
        self.depth.set(depth + 1);
        let checked = self.check_whole(sent, schema, visit);
        self.depth.set(depth);
        checked
    }

    fn check_whole(&self, sent: &Value, schema: &Value, visit: Visit<'_>) -> Checked {
        let schema = self.resolve(schema);
        if !schema.is_object() {
            let allows = *schema != Value::Bool(false);
            if !allows {
                visit.report(|path| format!("`{path}` is not allowed here"));
            }
            return Checked::of(allows);
        }
        if !self.budget.spend(1) {
            return Checked::default();
        }
        self.visits.set(self.visits.get() + 1);
        let scalar = self.repair_scalar(sent, schema, visit);
        let deviates = scalar.is_some() && sent.is_string();
        let value = scalar.as_ref().unwrap_or(sent);
        let mismatch = self.mismatch(value, schema);
        if let Some(mismatch) = &mismatch {
            visit.report(|path| mismatch.message(path, schema, value));
        }
        let parts = match (&mismatch, value) {
            (None, Value::Array(_)) => self.check_items(value, schema, visit),
            (None, Value::Object(members)) => self.check_members(members, schema, visit),
            (mismatch, _) => Checked::of(mismatch.is_none()),
        };
        let mut checked = Checked {
            deviates: parts.deviates || deviates,
            value: parts.value.or(scalar),
            ..parts
        };
        if !matches!(mismatch, Some(Mismatch::Kind)) {
            self.check_choices(sent, &mut checked, schema, visit);
        }
        checked
    }

    /// Checks a value, which is otherwise checked already, against the choices of its schema.
    fn check_choices(&self, sent: &Value, checked: &mut Checked, schema: &Value, visit: Visit<'_>) {
        for (keyword, branches) in schema.as_object().into_iter().flatten() {
            let Value::Array(branches) = branches else {
                continue;
            };
            if visit.is_trying() && !checked.fits {
                return;
            }
            let value = checked.value.as_ref().unwrap_or(sent);
            let chosen = match keyword.as_str() {
                "anyOf" | "oneOf" if visit.is_reporting() => {
                    self.report_choice(value, branches, schema, visit);
                    continue;
                }
                "anyOf" => self.choose_untagged(value, branches, visit),
                "oneOf" => self.choose(value, branches, visit),
                "allOf" if visit.is_reporting() => {
                    for all in branches {
                        self.check(value, all, visit);
                    }
                    continue;
                }
                "allOf" => Checked::of(branches.iter().all(|all| self.fits(value, all))),
                _ => continue,
            };
            if let Some(value) = checked.add(chosen) {
                checked.value = Some(value);
            }
        }
    }

    /// Like [`choose`](Self::choose), for a choice without a tag: serde copies the value first, at each level again.
    fn choose_untagged(&self, value: &Value, branches: &[Value], visit: Visit<'_>) -> Checked {
        let before = self.visits.get();
        let chosen = self.choose(value, branches, visit);
        let is_null = |branch: &&Value| branch.get("type").is_some_and(|name| name == "null");
        if branches.iter().filter(|branch| !is_null(branch)).count() > 1 {
            self.budget.spend((self.visits.get() - before) / 4);
        }
        chosen
    }

    /// Repairs a value that fits exactly one choice once it is repaired.
    fn choose(&self, value: &Value, branches: &[Value], visit: Visit<'_>) -> Checked {
        let visit = Visit {
            purpose: Purpose::Try,
            ..visit
        };
        let mut chosen: Option<Checked> = None;
        for branch in branches {
            if !could_have_tag(value, self.resolve(branch)) {
                continue;
            }
            let checked = self.check(value, branch, visit);
            if checked.fits && checked.value.is_none() {
                return checked;
            }
            if checked.fits {
                chosen = Some(match chosen {
                    None => checked,
                    // It is ambiguous which of them was meant.
                    Some(other) => Checked {
                        deviates: checked.deviates && other.deviates,
                        ..Checked::of(!checked.deviates || !other.deviates)
                    },
                });
            }
        }
        chosen.unwrap_or_default()
    }

    fn repair_scalar(&self, value: &Value, schema: &Value, visit: Visit<'_>) -> Option<Value> {
        match value {
            Value::Number(number) if number.is_f64() && wants(schema.get("type"), "integer") => {
                number.as_f64().and_then(whole).map(Value::from)
            }
            Value::String(text) if !self.strict => {
                let wanted = schema.get("type")?;
                let is_plain = has_type(value, Some(wanted)) || visit.depth > DEPTH;
                (!is_plain).then(|| self.embedded(text, wanted)).flatten()
            }
            _ => None,
        }
    }

    /// Returns the value that a string contains, if the schema asks for one of its types.
    fn embedded(&self, text: &str, wanted: &Value) -> Option<Value> {
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

    fn check_items(&self, value: &Value, schema: &Value, visit: Visit<'_>) -> Checked {
        let sent = value.as_array().map_or(&[][..], Vec::as_slice);
        if !is_count_allowed(sent.len(), schema, "minItems", "maxItems") {
            visit.report(|path| mismatch_message(path, schema, value));
        }
        let mut all = Checked::of(true);
        let mut repaired = Vec::new();
        for (index, item) in sent.iter().enumerate() {
            let visit = visit.part(Path::Item(visit.path(), index));
            let part = item_schema(schema, index)
                .map_or(Checked::of(true), |schema| self.check(item, schema, visit));
            if let Some(part) = all.add(part) {
                repaired.push((index, part));
            }
            if visit.is_trying() && !all.fits {
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
            && let Some(distinct) = self.distinct(items, visit)
        {
            all.deviates = true;
            all.fits &= !self.strict;
            if !self.strict {
                count = distinct.len();
                all.value = Some(distinct.into());
            }
        }
        all.fits &= is_count_allowed(count, schema, "minItems", "maxItems");
        all
    }

    /// Returns the items, some of which are repaired.
    fn with_items(&self, items: &[Value], repaired: Vec<(usize, Value)>) -> Value {
        let mut repaired = repaired.into_iter().peekable();
        let item = |(index, item)| match repaired.next_if(|(at, _)| *at == index) {
            Some((_, part)) => part,
            None => self.copy(item),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Returns the items without repeats, or `None` if no item is repeated.
    fn distinct(&self, items: &[Value], visit: Visit<'_>) -> Option<Vec<Value>> {
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
                visit.report(|path| {
                    let [first, again] = [first, index].map(|index| Path::Item(path, index));
                    format!("`{again}` is the same as `{first}`, and items must be unique")
                });
            }
        }
        (distinct.len() < items.len())
            .then(|| distinct.into_iter().map(|item| self.copy(item)).collect())
    }

    fn check_members(
        &self,
        members: &Map<String, Value>,
        schema: &Value,
        visit: Visit<'_>,
    ) -> Checked {
        let known = Members::of(schema);
        if visit.is_reporting() {
            self.report_members(members, schema, visit);
        }
        let mut all = Checked::of(true);
        let mut repaired: Vec<(&String, Option<Value>)> = Vec::new();
        for (name, member) in members {
            if self.omits_null && is_omittable_null(schema, name, member) {
                repaired.push((name, None));
                continue;
            }
            let visit = visit.part(Path::Member(visit.path(), name));
            let part = match (known.wrong_key(name), known.schema(name)) {
                (Some(expected), _) => {
                    visit.report(|path| format!("`{path}`: expected a key that is {expected}"));
                    Checked::of(false)
                }
                (None, Some(Value::Bool(false))) => {
                    visit.report(|path| {
                        let own = known.own.into_iter().flat_map(Map::keys);
                        let left = own.filter(|name| !members.contains_key(*name));
                        unknown(path, left.map(String::as_str), name)
                    });
                    Checked::of(false)
                }
                (None, Some(schema)) => self.check(member, schema, visit),
                (None, None) => Checked::of(true),
            };
            if let Some(part) = all.add(part) {
                repaired.push((name, Some(part)));
            }
            if visit.is_trying() && !all.fits {
                return all;
            }
        }
        // Missing members are checked last, as in serde: what is cheap here is cheap there.
        all.fits &= required(schema).all(|name| members.contains_key(name));
        let left_out = repaired.iter().filter(|(_, part)| part.is_none()).count();
        let count = members.len() - left_out;
        all.fits &= is_count_allowed(count, schema, "minProperties", "maxProperties");
        if !repaired.is_empty() && (all.fits || !visit.is_trying()) {
            all.value = Some(self.with_parts(members, repaired));
        }
        all
    }

    /// Reports a wrong number of members, and the missing members.
    fn report_members(&self, members: &Map<String, Value>, schema: &Value, visit: Visit<'_>) {
        let count = members.len();
        if !is_count_allowed(count, schema, "minProperties", "maxProperties") {
            let expected = in_words(schema);
            visit.report(|path| format!("`{path}`: expected {expected}, got {count} members"));
        }
        for name in required(schema).filter(|name| !members.contains_key(*name)) {
            visit.part(Path::Member(visit.path(), name)).report(|path| {
                let own = schema.get("properties").and_then(|own| own.get(name));
                let expected = own.map(|schema| in_words(self.resolve(schema)));
                missing(path, expected.as_deref().unwrap_or("a value"))
            });
        }
    }

    /// Returns an object with some of its members repaired or removed, in the same order.
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

    /// Returns a copy of a part that needs no repair.
    fn copy(&self, value: &Value) -> Value {
        if self.budget.spend(weight(value)) {
            value.clone()
        } else {
            Value::Null
        }
    }
}

/// Returns the number of steps for copying a value.
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
    fn report_choice(&self, value: &Value, branches: &[Value], schema: &Value, visit: Visit<'_>) {
        let possible: Vec<&Value> = branches
            .iter()
            .map(|branch| self.resolve(branch))
            .filter(|branch| could_be(value, branch))
            .collect();
        let members = value.as_object();
        // The intended choice is visited once. The others are tried only if it is ambiguous.
        if let Some(meant) = only(&possible).or_else(|| by_member(members?, &possible)) {
            self.check(value, meant, visit);
            return;
        }
        if branches.iter().any(|branch| self.fits(value, branch)) {
            return;
        }
        if let Some(members) = members {
            if let Some(tag) = tag(&possible) {
                return self.report_tag(members, &possible, tag, visit);
            }
            let names = names(&possible).filter(|names| !names.is_empty());
            if let Some(names) = names {
                return report_variant(members, &names, visit);
            }
        }
        visit.report(|path| mismatch_message(path, schema, value));
    }

    /// Reports an object whose tag is missing or is that of no choice.
    fn report_tag(
        &self,
        members: &Map<String, Value>,
        branches: &[&Value],
        tag: &str,
        visit: Visit<'_>,
    ) {
        let known = branches
            .iter()
            .map(|branch| branch["properties"][tag]["const"].clone());
        let choice = Value::from_iter([("enum", known.collect::<Value>())]);
        let visit = visit.part(Path::Member(visit.path(), tag));
        match members.get(tag) {
            Some(chosen) => {
                self.check(chosen, &choice, visit);
            }
            None => visit.report(|path| missing(path, &in_words(&choice))),
        }
    }
}

/// Reports an object whose only member should name the choice.
fn report_variant(members: &Map<String, Value>, names: &[&str], visit: Visit<'_>) {
    if let Some(key) = only_key(members) {
        let visit = visit.part(Path::Member(visit.path(), key));
        return visit.report(|path| unknown(path, names.iter().copied(), key));
    }
    let (expected, count) = (one_member_of(names), members.len());
    visit.report(|path| format!("`{path}`: expected {expected}, got {count} members"));
}
