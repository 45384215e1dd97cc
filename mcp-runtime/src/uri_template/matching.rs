//! Matching: from a URI to the values of variables.
//!
//! The parts of a template become steps. For each step, beginning with the last one, a table row holds the positions in
//! the URI from which this step and all later ones match the rest. One pass from the left then follows the table. There
//! is no backtracking, and the time is proportional to the length of the URI times the number of steps.

use std::ops::Range;

use mcp_grammar::percent::{self, Ascii};
use mcp_grammar::uri_template::{Expression, Part, Variable};

/// The value of a variable in a URI, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MatchedValue {
    /// The value of an ordinary variable.
    One(String),
    /// The elements of a list (`{x*}`); never empty.
    Many(Vec<String>),
}

/// The values of all variables, in the order of [`UriTemplate::variables`]. `None` for an absent variable.
pub(crate) type Values = Vec<Option<MatchedValue>>;

/// One step of the matcher.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// This exact text.
    Literal(String),
    /// The text of one variable.
    Value {
        variable: usize,
        characters: Ascii,
        /// Delimiters that the value may also contain if the surrounding text does not use them.
        delimiters: Ascii,
        separator: char,
        longest: bool,
    },
    /// All variables of a keyed expression, or nothing.
    Keyed {
        variables: Range<usize>,
        characters: Ascii,
        prefix: char,
        separator: char,
    },
}

/// Returns the steps that match the expansions of `parts`.
pub(super) fn compile(parts: &[Part], variables: &[Variable]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(text) => steps.push(Step::Literal(text.clone())),
            Part::Expression(expression) => {
                let excluded = opened_by(&parts[index + 1..]);
                push_steps(&mut steps, expression, variables, excluded);
            }
        }
    }
    allow_delimiters(&mut steps);
    steps
}

/// Characters that are delimiters in some URIs and part of values in others.
const DELIMITERS: Ascii = Ascii::of(b":,;=&");

/// Allows the delimiters in the values of variables whose end stays unambiguous.
fn allow_delimiters(steps: &mut [Step]) {
    for index in 0..steps.len() {
        let (before, rest) = steps.split_at_mut(index);
        let Some((
            Step::Value {
                characters,
                delimiters,
                ..
            },
            after,
        )) = rest.split_first_mut()
        else {
            continue;
        };
        let possible = characters.with(*delimiters);
        let around = [
            literal_between(before.iter().rev(), false),
            literal_between(after.iter(), true),
        ];
        let certain = around.into_iter().flatten().fold(*delimiters, |set, text| {
            // A character that the variable cannot contain marks its end, whatever text is next to it.
            if text.bytes().all(|byte| possible.contains(byte)) {
                set.without(Ascii::of(text.as_bytes()))
            } else {
                set
            }
        });
        *characters = characters.with(certain);
    }
}

/// Returns the text between a variable and the next one on one side, or `None` if there is no next one, since the text
/// then extends to an end of the URI. `through_keyed` skips expressions that may be absent.
fn literal_between<'s>(
    steps: impl Iterator<Item = &'s Step>,
    through_keyed: bool,
) -> Option<String> {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Literal(literal) => text.push_str(literal),
            Step::Keyed { .. } if through_keyed => {}
            Step::Keyed { .. } | Step::Value { .. } => return Some(text),
        }
    }
    None
}

/// Returns the characters that open a component of the URI anywhere in `parts`.
fn opened_by(parts: &[Part]) -> Ascii {
    let openers = parts.iter().filter_map(|part| match part {
        Part::Expression(expression) => expression.kind.opens(),
        Part::Literal(_) => None,
    });
    openers.fold(Ascii::EMPTY, |set, opener| set.with(Ascii::of_char(opener)))
}

fn push_steps(
    steps: &mut Vec<Step>,
    expression: &Expression,
    variables: &[Variable],
    excluded: Ascii,
) {
    let kind = expression.kind;
    let separator = kind.separator();
    let mut lead = kind.prefix();
    if let Some(prefix) = lead.filter(|_| kind.is_keyed()) {
        steps.push(Step::Keyed {
            variables: expression.variables.clone(),
            characters: kind.matches(false),
            prefix,
            separator,
        });
        return;
    }
    for variable in expression.variables.clone() {
        let exploded = variables[variable].exploded;
        steps.extend(lead.map(|lead| Step::Literal(lead.to_string())));
        lead = Some(separator);
        steps.push(Step::Value {
            variable,
            characters: kind.matches(exploded).without(excluded),
            delimiters: if kind.keeps_reserved() {
                Ascii::EMPTY
            } else {
                DELIMITERS.without(excluded)
            },
            separator,
            longest: exploded || kind.keeps_reserved(),
        });
    }
}

/// Returns the values of all variables, or `None` if `uri` does not match.
pub(super) fn match_uri(steps: &[Step], variables: &[Variable], uri: &str) -> Option<Values> {
    if !may_begin(steps, uri) {
        return None;
    }
    let uri = percent::normalise(uri)?;
    let table = fill(steps, uri.as_bytes());
    let reachable = table.first().and_then(|row| row.first()) == Some(&true);
    let extractor = Extractor {
        uri: &uri,
        variables,
        table: &table,
    };
    reachable.then(|| extractor.run(steps)).flatten()
}

/// Rejects most URIs of other resources early. Text before the first `%` is the same in every form of a URI.
fn may_begin(steps: &[Step], uri: &str) -> bool {
    match steps.first() {
        Some(Step::Literal(text)) => text
            .split('%')
            .next()
            .is_some_and(|start| uri.starts_with(start)),
        _ => true,
    }
}

/// Returns the table. `rows[step][position]` is `true` if the steps from this one on match the URI from this position
/// on. The row after the last step is for the end of the URI.
fn fill(steps: &[Step], uri: &[u8]) -> Vec<Vec<bool>> {
    let mut next = vec![false; uri.len() + 1];
    next[uri.len()] = true;
    let mut rows = Vec::with_capacity(steps.len() + 1);
    for step in steps.iter().rev() {
        let row = step.starts(uri, &next);
        rows.push(std::mem::replace(&mut next, row));
    }
    rows.push(next);
    rows.reverse();
    rows
}

/// Returns `true` if no `%XX` extends across this position.
fn is_boundary(uri: &[u8], place: usize) -> bool {
    !uri[place.saturating_sub(2)..place].contains(&b'%')
}

/// Returns the positions from which a possibly empty run of `characters` leads to a position of `next`.
fn run_starts(uri: &[u8], characters: Ascii, next: &[bool]) -> Vec<bool> {
    let mut starts = vec![false; next.len()];
    let mut inside = false;
    for place in (0..next.len()).rev() {
        let continues = inside && characters.contains(uri[place]);
        inside = continues || (next[place] && is_boundary(uri, place));
        starts[place] = inside;
    }
    starts
}

impl Step {
    /// Returns the positions from which this step leads to a position of `next`.
    fn starts(&self, uri: &[u8], next: &[bool]) -> Vec<bool> {
        let run = match self {
            Self::Literal(_) => Vec::new(),
            Self::Value { characters, .. } | Self::Keyed { characters, .. } => {
                run_starts(uri, *characters, next)
            }
        };
        let leads = |place: usize| match (self, uri.get(place)) {
            (Self::Literal(text), _) => {
                uri[place..].starts_with(text.as_bytes()) && next[place + text.len()]
            }
            (Self::Value { characters, .. }, Some(&byte)) => {
                characters.contains(byte) && run[place + 1]
            }
            (Self::Keyed { prefix, .. }, Some(&byte)) if char::from(byte) == *prefix => {
                next[place] || run[place + 1]
            }
            (Self::Keyed { .. }, _) => next[place],
            (Self::Value { .. }, None) => false,
        };
        (0..next.len()).map(leads).collect()
    }
}

/// Extracts values along the table.
struct Extractor<'a> {
    uri: &'a str,
    variables: &'a [Variable],
    table: &'a [Vec<bool>],
}

impl Extractor<'_> {
    fn run(&self, steps: &[Step]) -> Option<Values> {
        let mut values = vec![None; self.variables.len()];
        let mut place = 0;
        for (step, next) in steps.iter().zip(&self.table[1..]) {
            place = self.take(step, place, next, &mut values)?;
        }
        Some(values)
    }

    /// Returns the end of the `step` that begins at `place`.
    fn take(&self, step: &Step, place: usize, next: &[bool], values: &mut Values) -> Option<usize> {
        match step {
            Step::Literal(text) => Some(place + text.len()),
            Step::Value {
                variable,
                characters,
                separator,
                longest,
                ..
            } => {
                let mut ends = self
                    .run_ends(*characters, place, next)
                    .skip_while(|&end| end == place);
                let end = if *longest { ends.last() } else { ends.next() }?;
                values[*variable] =
                    Some(self.value(*variable, &self.uri[place..end], *separator)?);
                Some(end)
            }
            Step::Keyed {
                variables,
                characters,
                prefix,
                separator,
            } => {
                if !self.uri[place..].starts_with(*prefix) {
                    return Some(place);
                }
                let start = place + prefix.len_utf8();
                let Some(end) = self.run_ends(*characters, start, next).last() else {
                    return Some(place);
                };
                self.read_keyed(&self.uri[start..end], *separator, variables, values)?;
                Some(end)
            }
        }
    }

    /// Returns the positions of `next` that a run of `characters` from `start` reaches.
    fn run_ends(
        &self,
        characters: Ascii,
        start: usize,
        next: &[bool],
    ) -> impl Iterator<Item = usize> {
        let uri = self.uri.as_bytes();
        let run = uri[start..]
            .iter()
            .take_while(|&&byte| characters.contains(byte))
            .count();
        (start..=start + run).filter(|&end| next[end] && is_boundary(uri, end))
    }

    fn value(&self, variable: usize, text: &str, separator: char) -> Option<MatchedValue> {
        if !self.variables[variable].exploded {
            return percent::decode(text).map(MatchedValue::One);
        }
        let elements = text.split(separator);
        let decoded =
            elements.map(|element| percent::decode(element).filter(|element| !element.is_empty()));
        decoded.collect::<Option<_>>().map(MatchedValue::Many)
    }

    fn read_keyed(
        &self,
        text: &str,
        separator: char,
        range: &Range<usize>,
        values: &mut Values,
    ) -> Option<()> {
        for item in text.split(separator) {
            let (key, value) = item.split_once('=').unwrap_or((item, ""));
            let key = percent::decode(key);
            let known = range
                .clone()
                .find(|&index| key.as_ref() == Some(&self.variables[index].key));
            if let Some(index) = known {
                add(
                    &mut values[index],
                    percent::decode(value)?,
                    self.variables[index].exploded,
                );
            }
        }
        Some(())
    }
}

/// Adds a value. The first value is kept, unless the variable is a list.
fn add(slot: &mut Option<MatchedValue>, value: String, exploded: bool) {
    match slot {
        Some(MatchedValue::Many(values)) => values.push(value),
        Some(MatchedValue::One(_)) => {}
        None if exploded => *slot = Some(MatchedValue::Many(vec![value])),
        None => *slot = Some(MatchedValue::One(value)),
    }
}
