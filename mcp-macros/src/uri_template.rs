//! A check of the syntax of a URI or RFC 6570 template, made at compile time, and the names of its variables.
//!
//! It matches and expands nothing: that is the runtime's.

/// The characters that say how an expression expands, as in `{?query}`.
const OPERATORS: [char; 7] = ['+', '#', '.', '/', ';', '?', '&'];

/// Characters that RFC 6570 forbids outside expressions, besides white space and control characters.
const FORBIDDEN: [char; 8] = ['"', '<', '>', '\\', '^', '`', '|', '\''];

/// The variables of a template in the order they are written, or everything that is wrong with it.
pub(crate) fn variables(template: &str) -> Result<Vec<String>, Vec<String>> {
    let mut variables: Vec<String> = Vec::new();
    let mut mistakes: Vec<String> = Vec::new();
    if !has_scheme(template) {
        let path = template
            .split_once("://")
            .map_or(template, |(_, path)| path);
        mistakes.push(format!(
            "a URI starts with a scheme, which is made of letters, digits, `+`, `-` and `.`: write `scheme://{path}`"
        ));
    }
    match split(template) {
        Err(mistake) => mistakes.push(mistake),
        Ok((literals, expressions)) => {
            mistakes.extend(touching(&literals, &expressions));
            let is_static = expressions.is_empty();
            mistakes.extend(
                literals
                    .into_iter()
                    .filter_map(|literal| check_literal(literal, is_static)),
            );
            for variable in expressions.into_iter().flat_map(expression_variables) {
                match variable {
                    Ok(name) if variables.contains(&name) => {
                        mistakes.push(format!(
                            "the variable `{name}` is in the template twice: rename one of them"
                        ));
                    }
                    Ok(name) => variables.push(name),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
    }
    if mistakes.is_empty() {
        Ok(variables)
    } else {
        Err(mistakes)
    }
}

/// `scheme:`, as RFC 3986 has it.
fn has_scheme(template: &str) -> bool {
    let Some((scheme, _)) = template.split_once(':') else {
        return false;
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(allowed)
}

/// The parts outside braces, and those inside.
fn split(template: &str) -> Result<(Vec<&str>, Vec<&str>), String> {
    let (mut literals, mut expressions) = (Vec::new(), Vec::new());
    let mut rest = template;
    while let Some(brace) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(brace);
        literals.push(literal);
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
        expressions.push(expression);
        rest = after;
    }
    literals.push(rest);
    Ok((literals, expressions))
}

/// Two variables of which nothing tells where the first one ends: `{x}{y}`. Operators begin with a character of their own.
fn touching(literals: &[&str], expressions: &[&str]) -> Option<String> {
    let plain =
        |expression: &str| !expression.starts_with(OPERATORS) || expression.starts_with('+');
    let mut pairs = expressions.windows(2).zip(literals.iter().skip(1));
    let (pair, _) = pairs.find(|(pair, between)| between.is_empty() && plain(pair[1]))?;
    let (first, second) = (pair[0], pair[1]);
    Some(format!(
        "nothing tells where `{{{first}}}` ends and `{{{second}}}` begins: put a literal between them, as in `{{{first}}}/{{{second}}}`"
    ))
}

/// What cannot be in a URI. Templates may have characters beyond ASCII, which are encoded when they are expanded.
fn check_literal(literal: &str, is_static: bool) -> Option<String> {
    let mut rest = literal;
    while let Some((_, after)) = rest.split_once('%') {
        let digits = after.as_bytes().iter().take(2);
        if digits.filter(|byte| byte.is_ascii_hexdigit()).count() < 2 {
            return Some(
                "a `%` in a URI is followed by two hexadecimal digits: write `%25` for the character"
                    .to_owned(),
            );
        }
        rest = after;
    }
    let is_bad = |character: &char| {
        character.is_whitespace()
            || character.is_control()
            || FORBIDDEN.contains(character)
            || (is_static && !character.is_ascii())
    };
    let bad = literal.chars().find(is_bad)?;
    let mut bytes = [0; 4];
    let encoded: Vec<String> = bad
        .encode_utf8(&mut bytes)
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let encoded = encoded.concat();
    Some(format!("a URI cannot contain {bad:?}: write `{encoded}`"))
}

/// The variables of what is between two braces.
fn expression_variables(expression: &str) -> Vec<Result<String, String>> {
    let list = expression.strip_prefix(OPERATORS).unwrap_or(expression);
    if list.is_empty() {
        return vec![Err(format!(
            "`{{{expression}}}` names no variable: write `{{{expression}name}}`"
        ))];
    }
    list.split(',')
        .map(|variable| variable_name(expression, variable))
        .collect()
}

fn variable_name(expression: &str, variable: &str) -> Result<String, String> {
    if let Some((name, length)) = variable.split_once(':') {
        return Err(format!(
            "the prefix modifier `:{length}` is not supported: write `{name}` without it"
        ));
    }
    let name = variable.strip_suffix('*').unwrap_or(variable);
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let is_part = |part: &str| !part.is_empty() && part.chars().all(allowed);
    if name.split('.').all(is_part) {
        Ok(name.to_owned())
    } else {
        let rule = "a variable's name is made of `A-Z`, `a-z`, `0-9`, `_`, and `.` between them";
        Err(format!(
            "`{name}` in `{{{expression}}}` is no variable: {rule}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn variables_are_found_in_every_kind_of_expression() {
        for (template, expected) in [
            ("config://app", &[][..]),
            ("urn:isbn:{isbn}", &["isbn"]),
            (
                "a://{x}/{+path}{?q,limit}{&more}",
                &["x", "path", "q", "limit", "more"],
            ),
            ("a://\u{fc}/{x}", &["x"]),
            ("a://h{/x}{.y}{;z}{#w}", &["x", "y", "z", "w"]),
            (
                "a://h/{path*}{?list*,other.part}",
                &["path", "list", "other.part"],
            ),
        ] {
            let found = variables(template);
            assert_eq!(
                found.as_deref().map_err(Vec::clone),
                Ok(expected
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .as_slice()),
                "{template}"
            );
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (template, part) in [
            ("{x}", "starts with a scheme"),
            ("", "starts with a scheme"),
            ("users/{id}", "write `scheme://users/{id}`"),
            ("1a://x", "starts with a scheme"),
            ("a://{x", "never closed"),
            ("a://{x{y}}", "never closed"),
            ("a://x}", "without a `{`"),
            ("a://{}", "write `{name}`"),
            ("a://{?}", "write `{?name}`"),
            ("a://{x,}", "is no variable"),
            ("a://{my-id}", "`my-id` in `{my-id}` is no variable"),
            ("a://{=x}", "is no variable"),
            ("a://{x}/{x}", "twice"),
            ("a://{x:3}", "`:3` is not supported"),
            ("a://my file", "write `%20`"),
            ("a://m%fly", "write `%25`"),
            ("a://100%", "write `%25`"),
            ("a://\u{fc}", "write `%C3%BC`"),
            ("a://{x}{y}", "as in `{x}/{y}`"),
            ("a://{?x}{+y}", "`{+y}` begins"),
            ("1a://{x}", "write `scheme://{x}`"),
        ] {
            let mistakes = variables(template).err().unwrap_or_default();
            assert!(
                mistakes.len() == 1 && mistakes[0].contains(part),
                "{template}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_reported() {
        let mistakes = variables("a b/{}/{x:1}").err().unwrap_or_default();
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
    }
}
