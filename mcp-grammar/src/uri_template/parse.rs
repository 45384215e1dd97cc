//! The parser: the grammar of RFC 6570, and the rejection of templates that cannot be matched.

use super::kind::VariableKind;
use super::template::{Expression, Part, Template, Variable};
use crate::percent::{self, LEGAL};

/// A piece of a template: the text outside of braces, or the text inside of one pair.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Literal(&'a str),
    Expression(&'a str),
}

/// Parses a template.
///
/// # Errors
///
/// Returns all mistakes of the template, each with its fix.
pub fn parse(text: &str) -> Result<Template, Vec<String>> {
    let mut parser = Parser::default();
    if !has_scheme(text) {
        let path = text.split_once("://").map_or(text, |(_, path)| path);
        parser.mistakes.push(format!(
            "a URI starts with a scheme, which consists of letters, digits, `+`, `-` and `.`: write `scheme://{path}`"
        ));
    }
    match split(text) {
        Err(mistake) => parser.mistakes.push(mistake),
        Ok(pieces) => parser.all(&pieces),
    }
    if parser.mistakes.is_empty() {
        Ok(parser.template)
    } else {
        Err(parser.mistakes)
    }
}

/// Returns `true` if a text starts with `scheme:`, as in RFC 3986, section 3.1.
pub fn has_scheme(template: &str) -> bool {
    let Some((scheme, _)) = template.split_once(':') else {
        return false;
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(allowed)
}

fn split(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(brace) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(brace);
        let Some(inside) = from_brace.strip_prefix('{') else {
            return Err("a `}` without a `{` before it: remove it, or write `%7D`".to_owned());
        };
        let Some((expression, after)) = inside.split_once('}').filter(|(it, _)| !it.contains('{'))
        else {
            let place = match inside {
                "" => "at the end".to_owned(),
                _ => format!("before `{inside}`"),
            };
            return Err(format!(
                "the `{{` {place} is never closed: add a `}}`, or write `%7B`"
            ));
        };
        pieces.extend([Piece::Literal(literal), Piece::Expression(expression)]);
        rest = after;
    }
    pieces.push(Piece::Literal(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Literal("")));
    Ok(pieces)
}

#[derive(Default)]
struct Parser<'a> {
    template: Template,
    /// The text inside of the previous expression, if no literal follows that expression.
    previous: Option<&'a str>,
    mistakes: Vec<String>,
}

impl<'a> Parser<'a> {
    fn all(&mut self, pieces: &[Piece<'a>]) {
        let is_literal = |piece: &Piece<'_>| matches!(piece, Piece::Literal(_));
        let is_static = pieces.iter().all(is_literal);
        for piece in pieces {
            match piece {
                Piece::Literal(text) => self.literal(text, is_static),
                Piece::Expression(inside) => self.expression(inside),
            }
        }
    }

    fn literal(&mut self, text: &str, is_static: bool) {
        self.previous = None;
        self.mistakes.extend(illegal(text, is_static));
        match percent::normalise(text) {
            Some(text) => self.template.parts.push(Part::Literal(text)),
            None => self.mistakes.push(
                "a `%` in a URI is followed by two hexadecimal digits: write `%25` for the character"
                    .to_owned(),
            ),
        }
    }

    fn expression(&mut self, inside: &'a str) {
        let previous = self.previous.take();
        let (kind, list) = match operator(inside) {
            Ok(found) => found,
            Err(mistake) => return self.mistakes.push(mistake),
        };
        let first = self.template.variables.len();
        for variable in list.split(',') {
            match self.variable(inside, kind, variable) {
                Ok(variable) => self.template.variables.push(variable),
                Err(mistake) => self.mistakes.push(mistake),
            }
        }
        let expression = Expression {
            kind,
            variables: first..self.template.variables.len(),
        };
        if !kind.is_keyed() && self.lists(&expression) > 1 {
            self.mistakes.push(format!(
                "`{{{inside}}}` has two lists without a boundary between them: keep one `*`"
            ));
        }
        if let Some(first) = previous
            && !self.is_separable(&expression)
        {
            self.mistakes.push(format!(
                "`{{{first}}}` and `{{{inside}}}` have no clear boundary: put a literal between them, as in `{{{first}}}/{{{inside}}}`"
            ));
        }
        self.previous = Some(inside);
        self.template.parts.push(Part::Expression(expression));
    }

    fn lists(&self, expression: &Expression) -> usize {
        let variables = &self.template.variables[expression.variables.clone()];
        variables.iter().filter(|it| it.exploded).count()
    }

    fn variable(&self, inside: &str, kind: VariableKind, text: &str) -> Result<Variable, String> {
        if let Some((name, length)) = text.split_once(':') {
            return Err(format!(
                "the prefix modifier `:{length}` is not supported: write `{name}` without it"
            ));
        }
        let stripped = text.strip_suffix('*');
        let name = stripped.unwrap_or(text);
        let key = percent::decode(name)
            .filter(|_| is_name(name))
            .ok_or_else(|| {
                let rule =
                    "a variable's name consists of `A-Z`, `a-z`, `0-9` and `_`, with single `.` between them";
                format!("`{name}` in `{{{inside}}}` is not a variable: {rule}")
            })?;
        if self.template.variables.iter().any(|other| other.key == key) {
            return Err(format!(
                "the variable `{name}` is in the template twice: rename one of them"
            ));
        }
        Ok(Variable {
            name: name.to_owned(),
            key,
            kind,
            exploded: stripped.is_some(),
        })
    }

    /// Returns `true` if it is always clear where the text of the previous expression ends and that of `second` begins.
    fn is_separable(&self, second: &Expression) -> bool {
        let Some(Part::Expression(first)) = self.template.parts.last() else {
            return true;
        };
        let Some(prefix) = second.kind.prefix() else {
            return false;
        };
        let first_matches_prefix = first.variables.clone().next_back().is_some_and(|last| {
            let exploded = self.template.variables[last].exploded;
            u8::try_from(prefix).is_ok_and(|prefix| first.kind.matches(exploded).contains(prefix))
        });
        // If the first expression matches the prefix of the second one, it must be unkeyed, and the second one must either
        // begin a new component of the URI or match a fixed number of segments.
        !first_matches_prefix
            || (!first.kind.is_keyed()
                && (second.kind.opens().is_some() || self.lists(second) == 0))
    }
}

/// Splits the text inside of an expression into the kind of its operator and the list of variables.
fn operator(inside: &str) -> Result<(VariableKind, &str), String> {
    let first = inside.chars().next();
    let (kind, list) = match first.and_then(VariableKind::of_operator) {
        Some(kind) => (kind, &inside[1..]),
        None => (VariableKind::Simple, inside),
    };
    if list.is_empty() {
        return Err(format!(
            "`{{{inside}}}` names no variable: write `{{{inside}name}}`"
        ));
    }
    // RFC 6570 reserves these operators.
    match list.chars().next().filter(|first| "=,!@|".contains(*first)) {
        Some(first) if list == inside => Err(format!(
            "`{first}` in `{{{inside}}}` is not an operator: use one of `+ # . / ; ? &`, or none"
        )),
        _ => Ok((kind, list)),
    }
}

/// Returns an error message for the first character that a URI cannot contain. Templates may contain characters beyond
/// ASCII, which are encoded by the expansion.
fn illegal(literal: &str, is_static: bool) -> Option<String> {
    let is_legal = |character: &char| match u8::try_from(*character) {
        Ok(byte) if byte.is_ascii() => LEGAL.contains(byte),
        _ => !is_static && !character.is_whitespace() && !character.is_control(),
    };
    let bad = literal.chars().find(|character| !is_legal(character))?;
    let encoded = percent::normalise(bad.encode_utf8(&mut [0; 4])).unwrap_or_default();
    Some(format!("a URI cannot contain {bad:?}: write `{encoded}`"))
}

/// Returns `true` if a name follows the grammar. Its percent-encoding is checked when the name is decoded.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_%".contains(&byte);
    text.split('.')
        .all(|piece| !piece.is_empty() && piece.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn variables(template: &str) -> Vec<String> {
        let template = parse(template).unwrap();
        template.variables.into_iter().map(|it| it.name).collect()
    }

    fn is_ok(template: &str) -> bool {
        parse(template).is_ok()
    }

    #[test]
    fn variables_are_found_in_every_kind_of_expression() {
        for (template, expected) in [
            ("config://app", &[][..]),
            ("urn:isbn:{isbn}", &["isbn"]),
            ("a://{x}/{+path}{?q,limit}", &["x", "path", "q", "limit"]),
            ("a://\u{fc}/{x}", &["x"]),
            ("a://h{/x}{.y}{;z}{#w}", &["x", "y", "z", "w"]),
            (
                "a://h/{path*}{?list*,other.part}",
                &["path", "list", "other.part"],
            ),
        ] {
            assert_eq!(variables(template), expected, "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in [
            ("{x}", "starts with a scheme"),
            ("", "starts with a scheme"),
            ("users/{id}", "write `scheme://users/{id}`"),
            ("1a://x", "starts with a scheme"),
            ("1a://{x}", "write `scheme://{x}`"),
            ("a://{x", "before `x` is never closed"),
            ("a://{", "at the end is never closed"),
            ("a://{x{y}}", "never closed"),
            ("a://x}", "without a `{`"),
            ("a://{}", "write `{name}`"),
            ("a://{?}", "write `{?name}`"),
            ("a://{x,}", "is not a variable"),
            ("a://{my-id}", "`my-id` in `{my-id}` is not a variable"),
            ("a://{=x}", "`=` in `{=x}` is not an operator"),
            ("a://{x}/{x}", "twice"),
            ("a://{x:3}", "`:3` is not supported"),
            ("a://my file", "write `%20`"),
            ("a://m%fly", "write `%25`"),
            ("a://100%", "write `%25`"),
            ("a://\u{fc}", "write `%C3%BC`"),
            ("a://{x}{y}", "as in `{x}/{y}`"),
            ("a://{?x}{+y}", "`{?x}` and `{+y}` have no clear boundary"),
            ("a://{x*,y*}", "`{x*,y*}` has two lists"),
        ] {
            let mistakes = parse(template).err().unwrap_or_default();
            assert!(
                mistakes.len() == 1 && mistakes[0].contains(part),
                "{template}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_reported() {
        let mistakes = parse("a b/{}/{x:1}").err().unwrap_or_default();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    }

    #[test]
    fn a_scheme_is_required() {
        for template in [
            "",
            ":",
            "1a:x",
            "a_b:x",
            "{scheme}://x",
            "/a:b",
            "\u{e9}:x",
            "a b:c",
            "a{x}:b",
        ] {
            assert!(!has_scheme(template), "{template}");
        }
        for template in ["a:", "urn:x", "git+ssh://x", "coap+tcp.v1-2:{x}"] {
            assert!(is_ok(template), "{template}");
        }
    }

    #[test]
    fn names_follow_the_grammar() {
        for name in ["a", "A1_b", "a.b.c", "%C3%A9", "1", "_"] {
            assert!(is_ok(&format!("x:{{{name}}}")), "{name}");
        }
        for name in [
            ".a.", "a..b", "a.", "\u{e9}", "a b", "a,", "+", "?", "a**", "*", "%4", "%FF", "a,,b",
        ] {
            assert!(!is_ok(&format!("x:{{{name}}}")), "{name}");
        }
    }

    #[test]
    fn literals_follow_the_grammar() {
        for literal in ["a'b", "{a}\u{e9}", "%c3", "[::1]", "~", "?a=b&c#d"] {
            assert!(is_ok(&format!("x:{literal}")), "{literal}");
        }
        for literal in [
            "\"",
            "<",
            ">",
            "\\",
            "^",
            "`",
            "|",
            "\n",
            "\u{7f}",
            "%g0",
            "{a}\u{a0}",
        ] {
            assert!(!is_ok(&format!("x:{literal}")), "{literal:?}");
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
            let result = parse(&format!("x:{template}"));
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
            let mistakes = parse(&format!("x:{template}")).unwrap_err();
            assert!(mistakes[0].contains("no clear boundary"), "{template}");
        }
    }
}
