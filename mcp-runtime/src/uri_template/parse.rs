//! Text to parts: the grammar of RFC 6570, and the refusal of what cannot be matched.

use std::fmt;

use super::percent::{self, LEGAL};
use super::{Expression, Part, Variable, VariableKind};

/// What is wrong with a URI template, where, and how to write it instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplateError {
    template: String,
    at: usize,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    NoScheme,
    NeverClosed,
    NeverOpened,
    Character(char),
    StrayPercent,
    Operator(char),
    Name(String),
    Prefix { spec: String, name: String },
    Repeated(String),
    TwoLists(String),
    Adjacent { first: String, second: String },
}

impl std::error::Error for UriTemplateError {}

impl fmt::Display for UriTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format_args!("at byte {} of `{}`", self.at, self.template);
        match &self.problem {
            Problem::NoScheme => write!(
                f,
                "`{}` has no scheme: begin it with one, such as `app://`",
                self.template
            ),
            Problem::NeverClosed => write!(f, "`{{` {place} is never closed: write `{{name}}`"),
            Problem::NeverOpened => write!(
                f,
                "`}}` {place} closes nothing: write `{{name}}` for a variable, `%7D` for the character"
            ),
            Problem::Character(character) => write!(
                f,
                "{character:?} {place} is not allowed in a URI: write `{}`",
                percent::normalise(character.encode_utf8(&mut [0; 4])).unwrap_or_default()
            ),
            Problem::StrayPercent => write!(
                f,
                "`%` {place} is not followed by two hexadecimal digits: write `%25` for the character"
            ),
            Problem::Operator(operator) => write!(
                f,
                "`{operator}` {place} is no operator: use one of `+ # . / ; ? &`, or none"
            ),
            Problem::Name(name) if name.is_empty() => {
                write!(f, "`{{` {place} names no variable: write `{{name}}`")
            }
            Problem::Name(name) => write!(
                f,
                "`{name}` {place} is not a name: use letters, digits, `_`, and `.` between them"
            ),
            Problem::Prefix { spec, name } => write!(
                f,
                "`{spec}` {place} asks for a part of the value, from which the value cannot be told: write `{name}`"
            ),
            Problem::Repeated(name) => write!(
                f,
                "`{name}` {place} was used before: give each variable a name of its own"
            ),
            Problem::TwoLists(expression) => write!(
                f,
                "`{expression}` {place} holds two lists, and nothing tells where the first one ends: keep one `*`"
            ),
            Problem::Adjacent { first, second } => write!(
                f,
                "`{first}` and `{second}` {place} touch, and nothing tells where the first one ends: \
                 put a literal between them, as in `{first}/{second}`, or write both in one expression"
            ),
        }
    }
}

/// The parts of `template`, and its variables in order.
pub(super) fn parse(template: &str) -> Result<(Vec<Part>, Vec<Variable>), UriTemplateError> {
    let mut parser = Parser {
        template,
        parts: Vec::new(),
        variables: Vec::new(),
    };
    parser.scheme()?;
    parser.all()?;
    Ok((parser.parts, parser.variables))
}

struct Parser<'a> {
    template: &'a str,
    parts: Vec<Part>,
    variables: Vec<Variable>,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, at: usize, problem: Problem) -> Result<T, UriTemplateError> {
        Err(UriTemplateError {
            template: self.template.to_owned(),
            at,
            problem,
        })
    }

    fn scheme(&self) -> Result<(), UriTemplateError> {
        match self.template.split_once(':') {
            Some((scheme, _)) if is_scheme(scheme) => Ok(()),
            _ => self.fail(0, Problem::NoScheme),
        }
    }

    fn all(&mut self) -> Result<(), UriTemplateError> {
        let mut at = 0;
        while let Some(offset) = self.template[at..].find('{') {
            let open = at + offset;
            self.literal(at, open)?;
            let inside = self.inside(open)?;
            self.expression(open, inside)?;
            at = open + inside.len() + "{}".len();
        }
        self.literal(at, self.template.len())
    }

    fn literal(&mut self, start: usize, end: usize) -> Result<(), UriTemplateError> {
        let text = &self.template[start..end];
        if text.is_empty() {
            return Ok(());
        }
        if let Some((offset, character)) = text.char_indices().find(|&(_, c)| !may_be_literal(c)) {
            let problem = match character {
                '}' => Problem::NeverOpened,
                _ => Problem::Character(character),
            };
            return self.fail(start + offset, problem);
        }
        if let Some(offset) = percent::stray_percent(text) {
            return self.fail(start + offset, Problem::StrayPercent);
        }
        self.parts
            .extend(percent::normalise(text).map(Part::Literal));
        Ok(())
    }

    /// The text between the `{` at `open` and its `}`.
    fn inside(&self, open: usize) -> Result<&'a str, UriTemplateError> {
        let after = &self.template[open + 1..];
        match after.find(['{', '}']) {
            Some(length) if after[length..].starts_with('}') => Ok(&after[..length]),
            _ => self.fail(open, Problem::NeverClosed),
        }
    }

    fn expression(&mut self, open: usize, inside: &str) -> Result<(), UriTemplateError> {
        let (kind, list) = self.operator(open, inside)?;
        let first = self.variables.len();
        for spec in list.split(',') {
            let variable = self.variable(open, kind, spec)?;
            self.variables.push(variable);
        }
        let expression = Expression {
            kind,
            variables: first..self.variables.len(),
        };
        self.refuse_two_lists(open, &expression)?;
        self.refuse_adjacent(open, &expression)?;
        self.parts.push(Part::Expression(expression));
        Ok(())
    }

    /// Splits the operator off the list of variables.
    fn operator<'b>(
        &self,
        open: usize,
        inside: &'b str,
    ) -> Result<(VariableKind, &'b str), UriTemplateError> {
        let Some(first) = inside.chars().next() else {
            return self.fail(open, Problem::Name(String::new()));
        };
        match u8::try_from(first).ok().and_then(VariableKind::of_operator) {
            Some(kind) => Ok((kind, &inside[1..])),
            // RFC 6570 keeps these for later.
            None if "=,!@|".contains(first) => self.fail(open + 1, Problem::Operator(first)),
            None => Ok((VariableKind::Simple, inside)),
        }
    }

    fn variable(
        &self,
        open: usize,
        kind: VariableKind,
        spec: &str,
    ) -> Result<Variable, UriTemplateError> {
        if let Some((name, _)) = spec.split_once(':') {
            let (spec, name) = (spec.to_owned(), name.to_owned());
            return self.fail(open, Problem::Prefix { spec, name });
        }
        let (name, exploded) = match spec.strip_suffix('*') {
            Some(name) => (name, true),
            None => (spec, false),
        };
        let Some(key) = percent::decode(name).filter(|_| is_name(name)) else {
            return self.fail(open, Problem::Name(name.to_owned()));
        };
        if self.variables.iter().any(|other| other.key == key) {
            return self.fail(open, Problem::Repeated(name.to_owned()));
        }
        Ok(Variable {
            name: name.to_owned(),
            key,
            kind,
            exploded,
        })
    }

    fn refuse_two_lists(
        &self,
        open: usize,
        expression: &Expression,
    ) -> Result<(), UriTemplateError> {
        let variables = &self.variables[expression.variables.clone()];
        let lists = variables
            .iter()
            .filter(|variable| variable.exploded)
            .count();
        // Keyed lists repeat their name, which tells them apart.
        if lists > 1 && !expression.kind.is_keyed() {
            return self.fail(open, Problem::TwoLists(self.written(open)));
        }
        Ok(())
    }

    fn refuse_adjacent(&self, open: usize, second: &Expression) -> Result<(), UriTemplateError> {
        let Some(Part::Expression(first)) = self.parts.last() else {
            return Ok(());
        };
        if self.can_be_told_apart(first, second) {
            return Ok(());
        }
        // The first one ends where the second one opens.
        let start = self.template[..open].rfind('{').unwrap_or_default();
        let (first, second) = (self.written(start), self.written(open));
        self.fail(open, Problem::Adjacent { first, second })
    }

    /// Whether a text that both expressions cover can be divided in one way only.
    fn can_be_told_apart(&self, first: &Expression, second: &Expression) -> bool {
        let Some(prefix) = second.kind.prefix() else {
            return false;
        };
        let runs_into = first.variables.clone().next_back().is_some_and(|last| {
            let exploded = self.variables[last].exploded;
            u8::try_from(prefix).is_ok_and(|prefix| first.kind.matches(exploded).contains(prefix))
        });
        if !runs_into {
            return true;
        }
        let has_list = self.variables[second.variables.clone()]
            .iter()
            .any(|variable| variable.exploded);
        // Variables stop at what opens a component; otherwise the second takes a known number of segments.
        !first.kind.is_keyed() && (second.kind.opens().is_some() || !has_list)
    }

    /// The expression that opens at `open`, with its braces.
    fn written(&self, open: usize) -> String {
        self.template[open..]
            .split_inclusive('}')
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Characters beyond ASCII are let through and encoded, as the RFC has it.
fn may_be_literal(character: char) -> bool {
    u8::try_from(character)
        .ok()
        .filter(u8::is_ascii)
        .is_none_or(|byte| LEGAL.contains(byte))
}

/// Percent-encoding is checked where the name is decoded.
fn is_name(text: &str) -> bool {
    text.split('.').all(|piece| !piece.is_empty())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::UriTemplate;
    use super::*;

    #[track_caller]
    fn refuses(template: &str, message: &str) {
        assert_eq!(
            UriTemplate::parse(template).unwrap_err().to_string(),
            message
        );
    }

    #[test]
    fn errors_state_the_rule_and_the_fix() {
        refuses(
            "app://users/{id",
            "`{` at byte 12 of `app://users/{id` is never closed: write `{name}`",
        );
        refuses(
            "app://{a{b}}",
            "`{` at byte 6 of `app://{a{b}}` is never closed: write `{name}`",
        );
        refuses(
            "app://a}b",
            "`}` at byte 7 of `app://a}b` closes nothing: write `{name}` for a variable, `%7D` for the character",
        );
        refuses(
            "app://my file",
            "' ' at byte 8 of `app://my file` is not allowed in a URI: write `%20`",
        );
        refuses(
            "app://100%/{x}",
            "`%` at byte 9 of `app://100%/{x}` is not followed by two hexadecimal digits: \
             write `%25` for the character",
        );
        refuses(
            "app://{}",
            "`{` at byte 6 of `app://{}` names no variable: write `{name}`",
        );
        refuses(
            "app://{a-b}",
            "`a-b` at byte 6 of `app://{a-b}` is not a name: use letters, digits, `_`, and `.` between them",
        );
        refuses(
            "app://{!a}",
            "`!` at byte 7 of `app://{!a}` is no operator: use one of `+ # . / ; ? &`, or none",
        );
        refuses(
            "app://{id:3}",
            "`id:3` at byte 6 of `app://{id:3}` asks for a part of the value, from which the value cannot be told: \
             write `id`",
        );
        refuses(
            "app://{id}/{id}",
            "`id` at byte 11 of `app://{id}/{id}` was used before: give each variable a name of its own",
        );
        refuses(
            "app://{a*,b*}",
            "`{a*,b*}` at byte 6 of `app://{a*,b*}` holds two lists, and nothing tells where the first one ends: \
             keep one `*`",
        );
        refuses(
            "app://{a}{b}",
            "`{a}` and `{b}` at byte 9 of `app://{a}{b}` touch, and nothing tells where the first one ends: \
             put a literal between them, as in `{a}/{b}`, or write both in one expression",
        );
    }

    #[test]
    fn a_scheme_is_required() {
        refuses(
            "users/{id}",
            "`users/{id}` has no scheme: begin it with one, such as `app://`",
        );
        for template in [
            "",
            ":",
            "1a:x",
            "a_b:x",
            "{scheme}://x",
            "/a:b",
            "é:x",
            "a b:c",
            "a{x}:b",
        ] {
            let error = UriTemplate::parse(template).unwrap_err();
            assert_eq!(error.problem, Problem::NoScheme, "{template}");
        }
        for template in ["a:", "urn:x", "git+ssh://x", "coap+tcp.v1-2:{x}"] {
            assert!(UriTemplate::parse(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn names_follow_the_grammar() {
        for name in ["a", "A1_b", "a.b.c", "%C3%A9", "1", "_"] {
            assert!(
                UriTemplate::parse(&format!("x:{{{name}}}")).is_ok(),
                "{name}"
            );
        }
        for name in [
            ".a.", "a..b", "a.", "é", "a b", "a,", "+", "?", "a**", "*", "%4", "%FF", "a,,b",
        ] {
            assert!(
                UriTemplate::parse(&format!("x:{{{name}}}")).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn literals_follow_the_grammar() {
        for literal in ["a'b", "é", "%c3", "[::1]", "~", "?a=b&c#d"] {
            assert!(
                UriTemplate::parse(&format!("x:{literal}")).is_ok(),
                "{literal}"
            );
        }
        for literal in ["\"", "<", ">", "\\", "^", "`", "|", "\n", "\u{7f}", "%g0"] {
            assert!(
                UriTemplate::parse(&format!("x:{literal}")).is_err(),
                "{literal:?}"
            );
        }
    }

    #[test]
    fn expressions_that_touch_must_be_told_apart() {
        for template in [
            "{a}{/b}",
            "{a}{/b*}",
            "{a}{.b}",
            "{a}{?b}",
            "{a}{#b}",
            "{+a}{?b}",
            "{+a}{#b}",
            "{+a}{;b}",
            "{+a}{/b}",
            "{/a*}{/b}",
            "{/a}{/b*}",
            "{.a}{.b*}",
            "{;a}{?b}",
            "{;a}{/b}",
            "{?a}{#b}",
            "{/a*}{?b}{#c}",
        ] {
            let result = UriTemplate::parse(&format!("x:{template}"));
            assert!(result.is_ok(), "{template}: {result:?}");
        }
        for template in [
            "{a}{b}",
            "{a}{+b}",
            "{+a}{b}",
            "{/a}{b}",
            "{a}{.b*}",
            "{+a}{/b*}",
            "{/a*}{/b*}",
            "{.a*}{.b*}",
            "{?a}{&b}",
            "{?a}{?b}",
            "{&a}{&b}",
            "{;a}{;b}",
            "{?a}{/b}",
            "{?a}{b}",
            "{#a}{b}",
        ] {
            let error = UriTemplate::parse(&format!("x:{template}")).unwrap_err();
            assert!(
                matches!(error.problem, Problem::Adjacent { .. }),
                "{template}"
            );
        }
    }

    #[test]
    fn variables_say_what_they_are() {
        let template = UriTemplate::parse("x:{a}{/b*}{?c,d*}").unwrap();
        let seen: Vec<_> = template
            .variables()
            .map(|v| (v.name(), v.kind(), v.exploded(), v.optional()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", VariableKind::Simple, false, false),
                ("b", VariableKind::Path, true, false),
                ("c", VariableKind::Query, false, true),
                ("d", VariableKind::Query, true, true),
            ]
        );
        assert!(template.is_template());
        assert_eq!(template.as_str(), "x:{a}{/b*}{?c,d*}");
        assert!(!UriTemplate::parse("x:a").unwrap().is_template());
    }
}
