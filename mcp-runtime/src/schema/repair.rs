//! Mends what clients are known to send wrong, where the schema leaves no doubt what was meant, and says in the same walk
//! whether the rest fits: each part is looked at once, for a look at each level would be too many.

use std::collections::HashSet;

use mcp_grammar::number::whole;
use serde_json::{Map, Value};

use super::check::{
    Members, Misfit, Rules, could_have_tag, has_type, is_counted, item_schema, required,
    stands_for_nothing,
};
use super::repeats::{Read, read};

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

/// How a value is looked at.
#[derive(Clone, Copy)]
struct Look {
    depth: usize,
    /// Whether only a value that fits is wanted, as one of several choices, so that the first misfit is enough.
    choosing: bool,
}

impl Look {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
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
        let look = Look {
            depth: 0,
            choosing: false,
        };
        let mended = self.mend(value, schema, look);
        if let Some(mended) = mended.value {
            *value = mended;
        }
        mended.fits && !self.budget.is_spent()
    }

    /// Whether nothing is wrong with a value as it is.
    pub(super) fn fits(&self, value: &Value, schema: &Value) -> bool {
        let look = Look {
            depth: 0,
            choosing: true,
        };
        let mended = self.mend(value, schema, look);
        mended.fits && !mended.forgiven
    }

    fn mend(&self, sent: &Value, schema: &Value, look: Look) -> Mended {
        let schema = self.resolve(schema);
        let Some(rules) = schema.as_object() else {
            return Mended::of(true);
        };
        if !self.budget.spend(1) {
            return Mended::default();
        }
        self.looks.set(self.looks.get() + 1);
        let scalar = self.mend_scalar(sent, rules, look);
        let forgiven = scalar.is_some() && sent.is_string();
        let value = scalar.as_ref().unwrap_or(sent);
        let parts = match (self.misfit(value, rules), value) {
            (Some(Misfit::Kind), _) => Mended::of(false),
            (Some(_), _) if look.choosing => Mended::of(false),
            (None, Value::Array(items)) => self.mend_items(items, schema, rules, look.deeper()),
            (None, Value::Object(members)) => self.mend_members(members, rules, look.deeper()),
            (misfit, _) => Mended::of(misfit.is_none()),
        };
        let mut mended = Mended {
            forgiven: parts.forgiven || forgiven,
            value: parts.value.or(scalar),
            ..parts
        };
        self.mend_by_choices(sent, &mut mended, rules, look);
        mended
    }

    /// Looks at a value, of which everything else is known, as what its schema offers to choose from.
    fn mend_by_choices(
        &self,
        sent: &Value,
        mended: &mut Mended,
        rules: &Map<String, Value>,
        look: Look,
    ) {
        for (keyword, branches) in rules {
            let Value::Array(branches) = branches else {
                continue;
            };
            if look.choosing && !mended.fits {
                return;
            }
            let value = mended.value.as_ref().unwrap_or(sent);
            let chosen = match keyword.as_str() {
                "anyOf" => self.choose_untagged(value, branches, look),
                "oneOf" => self.choose(value, branches, look),
                "allOf" => Mended::of(branches.iter().all(|all| self.fits(value, all))),
                _ => continue,
            };
            if let Some(value) = mended.add(chosen) {
                mended.value = Some(value);
            }
        }
    }

    /// [`choose`](Self::choose) where serde cannot choose by a tag: it copies the value first, at each level anew.
    fn choose_untagged(&self, value: &Value, branches: &[Value], look: Look) -> Mended {
        let before = self.looks.get();
        let chosen = self.choose(value, branches, look);
        let is_null = |branch: &&Value| branch.get("type").is_some_and(|name| name == "null");
        if branches.iter().filter(|branch| !is_null(branch)).count() > 1 {
            self.budget.spend((self.looks.get() - before) / 4);
        }
        chosen
    }

    /// Repairs what fits one choice alone once it is repaired.
    fn choose(&self, value: &Value, branches: &[Value], look: Look) -> Mended {
        let look = Look {
            choosing: true,
            ..look
        };
        let mut chosen = Mended::default();
        let mut count = 0;
        for branch in branches {
            if !could_have_tag(value, self.resolve(branch)) {
                continue;
            }
            let mended = self.mend(value, branch, look);
            if mended.fits && mended.value.is_none() {
                chosen = mended;
                break;
            }
            if mended.fits {
                count += 1;
                let as_sent = !mended.forgiven || (count > 1 && !chosen.forgiven);
                chosen = match count {
                    1 => mended,
                    // Nobody knows which of them was meant.
                    _ => Mended {
                        forgiven: !as_sent,
                        ..Mended::of(as_sent)
                    },
                };
            }
        }
        chosen
    }

    fn mend_scalar(&self, value: &Value, rules: &Map<String, Value>, look: Look) -> Option<Value> {
        match value {
            Value::Number(number) if number.is_f64() && wants(rules.get("type"), "integer") => {
                number.as_f64().and_then(whole).map(Value::from)
            }
            Value::String(text) if !self.strict => {
                let wanted = rules.get("type")?;
                let is_plain = has_type(value, Some(wanted)) || look.depth > DEPTH;
                (!is_plain).then(|| self.meant(text, wanted)).flatten()
            }
            _ => None,
        }
    }

    /// What a string stands for where a value of these types is asked for.
    fn meant(&self, text: &str, wanted: &Value) -> Option<Value> {
        let Read { value, repeated } = read(text.trim(), "", self.budget).ok()?;
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

    fn mend_items(
        &self,
        items: &[Value],
        schema: &Value,
        rules: &Map<String, Value>,
        look: Look,
    ) -> Mended {
        let mut all = Mended::of(true);
        let mut repaired: Option<Vec<Value>> = None;
        for (index, item) in items.iter().enumerate() {
            let part = item_schema(schema, index)
                .map_or(Mended::of(true), |schema| self.mend(item, schema, look));
            let part = all.add(part);
            if look.choosing && !all.fits {
                return all;
            }
            match (&mut repaired, part) {
                (None, None) => {}
                (None, Some(part)) => {
                    let before = items[..index].iter().map(|item| self.copy(item));
                    repaired = Some(before.chain([part]).collect());
                }
                (Some(repaired), part) => {
                    repaired.push(part.unwrap_or_else(|| self.copy(item)));
                }
            }
        }
        if rules.get("uniqueItems") == Some(&Value::Bool(true)) {
            let items = repaired.as_deref().unwrap_or(items);
            if let Some(distinct) = self.distinct(items) {
                all.forgiven = true;
                all.fits &= !self.strict;
                repaired = Some(distinct).filter(|_| !self.strict).or(repaired);
            }
        }
        let count = repaired.as_deref().unwrap_or(items).len();
        all.fits &= is_counted(count, rules, "minItems", "maxItems");
        all.value = repaired.map(Value::from);
        all
    }

    /// The items without those that come again, if any do.
    fn distinct(&self, items: &[Value]) -> Option<Vec<Value>> {
        if !self.budget.spend(items.iter().map(weight).sum()) {
            return None;
        }
        let mut seen = HashSet::with_capacity(items.len());
        let distinct: Vec<&Value> = items.iter().filter(|item| seen.insert(*item)).collect();
        (distinct.len() < items.len())
            .then(|| distinct.into_iter().map(|item| self.copy(item)).collect())
    }

    fn mend_members(
        &self,
        members: &Map<String, Value>,
        rules: &Map<String, Value>,
        look: Look,
    ) -> Mended {
        let known = Members::of(rules);
        let mut all = Mended::of(true);
        let mut repaired: Vec<(&String, Option<Value>)> = Vec::new();
        for (name, member) in members {
            if stands_for_nothing(rules, name, member) {
                repaired.push((name, None));
                continue;
            }
            let part = match known.schema(name) {
                _ if known.wrong_key(name).is_some() => Mended::of(false),
                Some(Value::Bool(false)) => Mended::of(false),
                Some(schema) => self.mend(member, schema, look),
                None => Mended::of(true),
            };
            if let Some(part) = all.add(part) {
                repaired.push((name, Some(part)));
            }
            if look.choosing && !all.fits {
                return all;
            }
        }
        // As serde does, which knows what is missing when it has read all: what is cheap here is cheap there.
        all.fits &= required(rules).all(|name| members.contains_key(name));
        let left_out = repaired.iter().filter(|(_, part)| part.is_none()).count();
        let count = members.len() - left_out;
        all.fits &= is_counted(count, rules, "minProperties", "maxProperties");
        if !repaired.is_empty() && (all.fits || !look.choosing) {
            all.value = Some(self.with_parts(members, repaired));
        }
        all
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

fn wants(wanted: Option<&Value>, name: &str) -> bool {
    match wanted {
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        Some(one) => one == name,
        None => false,
    }
}
