//! Expansion: from variables to a URI (RFC 6570, section 3.2). Matching is checked against it.

use mcp_grammar::percent::{self, LEGAL, UNRESERVED};
use mcp_grammar::uri_template::{Expression, Part, Template, Variable, VariableKind, parse};

/// Returns the URI for these values. As in the RFC, a name without a value is left out. A name that occurs several
/// times is a list; names that the template does not have are ignored.
pub(super) fn expand(template: &str, values: &[(&str, &str)]) -> String {
    let Template { parts, variables } = parse(template).unwrap();
    let mut uri = String::new();
    for part in &parts {
        match part {
            Part::Literal(text) => uri.push_str(text),
            Part::Expression(expression) => {
                push_expression(&mut uri, expression, &variables, values);
            }
        }
    }
    uri
}

fn push_expression(
    uri: &mut String,
    expression: &Expression,
    variables: &[Variable],
    values: &[(&str, &str)],
) {
    let kind = expression.kind;
    let mut lead = kind.prefix();
    for variable in &variables[expression.variables.clone()] {
        let given: Vec<&str> = given_to(variable, values).collect();
        // A list without `*` is a single text whose elements are separated by commas.
        let groups: Vec<&[&str]> = if variable.exploded {
            given.chunks(1).collect()
        } else {
            given.chunks(given.len().max(1)).collect()
        };
        for group in groups {
            uri.extend(lead);
            lead = Some(kind.separator());
            push_group(uri, kind, &variable.name, group);
        }
    }
}

fn given_to<'v>(variable: &Variable, values: &[(&str, &'v str)]) -> impl Iterator<Item = &'v str> {
    values
        .iter()
        .filter(|(name, _)| *name == variable.name)
        .map(|(_, value)| *value)
}

fn push_group(uri: &mut String, kind: VariableKind, name: &str, group: &[&str]) {
    if kind.is_keyed() {
        uri.push_str(name);
        // `;x` is equivalent to `;x=`, but forms need the `=`.
        if kind != VariableKind::Parameter || group.iter().any(|value| !value.is_empty()) {
            uri.push('=');
        }
    }
    let keep = if kind.keeps_reserved() {
        LEGAL
    } else {
        UNRESERVED
    };
    for (index, value) in group.iter().enumerate() {
        if index > 0 {
            uri.push(',');
        }
        percent::encode(uri, value, keep);
    }
}

/// The variables of RFC 6570, section 3.2; a name that occurs several times is a list.
const VALUES: &[(&str, &str)] = &[
    ("count", "one"),
    ("count", "two"),
    ("count", "three"),
    ("dom", "example"),
    ("dom", "com"),
    ("dub", "me/too"),
    ("hello", "Hello World!"),
    ("half", "50%"),
    ("var", "value"),
    ("who", "fred"),
    ("base", "http://example.com/home/"),
    ("path", "/foo/bar"),
    ("list", "red"),
    ("list", "green"),
    ("list", "blue"),
    ("v", "6"),
    ("x", "1024"),
    ("y", "768"),
    ("empty", ""),
];

/// The examples of sections 3.2.1 to 3.2.9, without prefix modifiers, associative arrays and repeated names.
const EXAMPLES: &[(&str, &str)] = &[
    ("{count}", "one,two,three"),
    ("{count*}", "one,two,three"),
    ("{/count}", "/one,two,three"),
    ("{/count*}", "/one/two/three"),
    ("{;count}", ";count=one,two,three"),
    ("{;count*}", ";count=one;count=two;count=three"),
    ("{?count}", "?count=one,two,three"),
    ("{?count*}", "?count=one&count=two&count=three"),
    ("{&count*}", "&count=one&count=two&count=three"),
    ("{var}", "value"),
    ("{hello}", "Hello%20World%21"),
    ("{half}", "50%25"),
    ("O{empty}X", "OX"),
    ("O{undef}X", "OX"),
    ("{x,y}", "1024,768"),
    ("{x,hello,y}", "1024,Hello%20World%21,768"),
    ("?{x,empty}", "?1024,"),
    ("?{x,undef}", "?1024"),
    ("?{undef,y}", "?768"),
    ("{list}", "red,green,blue"),
    ("{list*}", "red,green,blue"),
    ("{+var}", "value"),
    ("{+hello}", "Hello%20World!"),
    ("{+half}", "50%25"),
    ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"),
    ("{+base}index", "http://example.com/home/index"),
    ("O{+empty}X", "OX"),
    ("O{+undef}X", "OX"),
    ("{+path}/here", "/foo/bar/here"),
    ("here?ref={+path}", "here?ref=/foo/bar"),
    ("{+x,hello,y}", "1024,Hello%20World!,768"),
    ("{+path,x}/here", "/foo/bar,1024/here"),
    ("{+list}", "red,green,blue"),
    ("{+list*}", "red,green,blue"),
    ("{#var}", "#value"),
    ("{#hello}", "#Hello%20World!"),
    ("{#half}", "#50%25"),
    ("foo{#empty}", "foo#"),
    ("foo{#undef}", "foo"),
    ("{#x,hello,y}", "#1024,Hello%20World!,768"),
    ("{#path,x}/here", "#/foo/bar,1024/here"),
    ("{#list*}", "#red,green,blue"),
    ("{.who}", ".fred"),
    ("{.half,who}", ".50%25.fred"),
    ("www{.dom*}", "www.example.com"),
    ("X{.var}", "X.value"),
    ("X{.empty}", "X."),
    ("X{.undef}", "X"),
    ("X{.list}", "X.red,green,blue"),
    ("X{.list*}", "X.red.green.blue"),
    ("{/who}", "/fred"),
    ("{/half,who}", "/50%25/fred"),
    ("{/who,dub}", "/fred/me%2Ftoo"),
    ("{/var,empty}", "/value/"),
    ("{/var,undef}", "/value"),
    ("{/var,x}/here", "/value/1024/here"),
    ("{/list*}", "/red/green/blue"),
    ("{;who}", ";who=fred"),
    ("{;half}", ";half=50%25"),
    ("{;empty}", ";empty"),
    ("{;v,empty,who}", ";v=6;empty;who=fred"),
    ("{;v,bar,who}", ";v=6;who=fred"),
    ("{;x,y}", ";x=1024;y=768"),
    ("{;x,y,empty}", ";x=1024;y=768;empty"),
    ("{;x,y,undef}", ";x=1024;y=768"),
    ("{;list}", ";list=red,green,blue"),
    ("{;list*}", ";list=red;list=green;list=blue"),
    ("{?who}", "?who=fred"),
    ("{?half}", "?half=50%25"),
    ("{?x,y}", "?x=1024&y=768"),
    ("{?x,y,empty}", "?x=1024&y=768&empty="),
    ("{?x,y,undef}", "?x=1024&y=768"),
    ("{?list}", "?list=red,green,blue"),
    ("{?list*}", "?list=red&list=green&list=blue"),
    ("{&who}", "&who=fred"),
    ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
    ("{&x,y,empty}", "&x=1024&y=768&empty="),
    ("{&list*}", "&list=red&list=green&list=blue"),
];

#[test]
fn the_examples_of_the_rfc_expand() {
    for (template, expected) in EXAMPLES {
        let expanded = expand(&format!("x:{template}"), VALUES);
        assert_eq!(expanded, format!("x:{expected}"));
    }
}

#[test]
fn a_literal_beyond_ascii_is_encoded() {
    assert_eq!(expand("x:é/{a}", &[("a", "ü")]), "x:%C3%A9/%C3%BC");
}

#[test]
fn what_is_encoded_stays_so_in_reserved_expansion_only() {
    assert_eq!(
        expand("x:{a}/{+b}", &[("a", "%2f"), ("b", "%2f")]),
        "x:%252f/%2F"
    );
}

#[test]
fn names_that_the_template_does_not_have_are_ignored() {
    assert_eq!(expand("x:y{?a}", &[("b", "1")]), "x:y");
}
