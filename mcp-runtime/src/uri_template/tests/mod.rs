//! Tests of matching, and of the round trip through expansion.

mod expand;

use super::{MatchedValue, UriTemplate};
use expand::expand;

/// Returns the values as text: `-` if absent, `[a|b]` for a list.
fn matched(template: &str, uri: &str) -> Option<String> {
    let template = UriTemplate::parse(template).unwrap();
    let values = template.match_uri(uri)?;
    let shown: Vec<_> = values.iter().map(|value| show(value.as_ref())).collect();
    Some(shown.join(" "))
}

fn show(value: Option<&MatchedValue>) -> String {
    match value {
        None => "-".to_owned(),
        Some(MatchedValue::One(text)) => text.clone(),
        Some(MatchedValue::Many(texts)) => format!("[{}]", texts.join("|")),
    }
}

#[test]
fn uris_match() {
    for (template, uri, expected) in [
        // Literals.
        ("x:a", "x:a", ""),
        ("x:é/{a}", "x:%c3%a9/1", "1"),
        ("x:%c3%a9/{a}", "x:é/1", "1"),
        // Without variables: equivalent URIs match.
        ("x:a", "X:%61", ""),
        ("x://h/~a?b", "X://H/c/../%7Ea?b", ""),
        // Simple.
        ("x://u/{id}", "x://u/7", "7"),
        ("x://u/{id}", "x://u/a%2Fb%20c%C3%A9", "a/b cé"),
        ("x://u/{id}", "x://u/é!$'()*+@~", "é!$'()*+@~"),
        ("x://u/{id}", "x://u/a b", "a b"),
        ("x://u/{id}/p/{page}", "x://u/7/p/8", "7 8"),
        ("x:{a,b}", "x:1,2", "1 2"),
        ("x:{list*}", "x:1,2,3", "[1|2|3]"),
        ("x:{list*,last}", "x:1,2,3", "[1|2] 3"),
        ("x:{first,list*}", "x:1,2,3", "1 [2|3]"),
        ("x:{list*}", "x:1%2C2,3", "[1,2|3]"),
        // As little as possible, provided that the whole URI matches.
        ("x:{name}.{rest}", "x:a.b.c", "a b.c"),
        ("x:{name}.txt", "x:a.txt.txt", "a.txt"),
        ("x:{a}-{b}-c", "x:1-2-c-c", "1 2-c"),
        // Delimiters that are unambiguous in the template.
        ("x:{id}", "x:a:b;c,d&e=f", "a:b;c,d&e=f"),
        ("time://{zone}", "time://a:b", "a:b"),
        ("x://{a}/{b}", "x://k=v;w/1,2&3:4", "k=v;w 1,2&3:4"),
        ("x:{a}:{b}/{c}", "x:1,2:3;4/5:6", "1,2 3;4 5:6"),
        ("x:{a}:z/{b}", "x:1:z:z/2:3", "1:z 2:3"),
        ("x:{a}:end{?q}", "x:1:end:end?q=1", "1:end 1"),
        ("x:{a}{;v}", "x:1=2,3;v=4", "1=2,3 4"),
        ("x:s?a={b}&c={d}", "x:s?a=1:2&c=3;4", "1:2 3;4"),
        ("x:{/path*}", "x:/a=1/b;v=2", "[a=1|b;v=2]"),
        ("x:{list*}", "x:a=1,b;2", "[a=1|b;2]"),
        ("x:f{.ext}", "x:f.a=1:2", "a=1:2"),
        ("x:{+a}:{b}", "x:1:2:3,4", "1:2 3,4"),
        // Reserved: as much as possible.
        ("x:///{+path}", "x:///a/b?c=d#e", "a/b?c=d#e"),
        ("x:{+path}/meta", "x:a/meta/b/meta", "a/meta/b"),
        ("x:{+path}@{rev}", "x:a@b/c@2", "a@b/c 2"),
        ("x:{+path}/x{b}", "x:p/x/q/xz", "p/x/q z"),
        ("x:{+a,b}", "x:1,2,3", "1,2 3"),
        ("x:{+list*}", "x:a/b,c", "[a/b|c]"),
        ("x:y{#f}", "x:y#a/b#c", "a/b#c"),
        ("x:y{#f,g}", "x:y#a,b", "a b"),
        // Labels and segments.
        ("x:{name}{.ext}", "x:a.tar.gz", "a.tar gz"),
        ("x:www{.dom*}", "x:www.a.b", "[a|b]"),
        ("x:www{.a,b}", "x:www.1.2", "1 2"),
        ("x:/{/path*}", "x://a/b%2Fc", "[a|b/c]"),
        ("x:{/path*}/edit", "x:/a/edit/edit", "[a|edit]"),
        ("x:{/a,b}", "x:/1/2", "1 2"),
        ("x:{/dirs*}{/file}", "x:/a/b/c", "[a|b] c"),
        // Keys.
        ("x:s{?q,page}", "x:s?page=2&q=a%26b", "a&b 2"),
        ("x:s{?q,page}", "x:s?q=1", "1 -"),
        ("x:s{?q,page}", "x:s", "- -"),
        ("x:s{?q}", "x:s?", "-"),
        ("x:s{?q}", "x:s?other=1&&%FF=2", "-"),
        ("x:s{?q}", "x:s?q=", ""),
        ("x:s{?q}", "x:s?q", ""),
        ("x:s{?q}", "x:s?q=1&q=2", "1"),
        ("x:s{?q}", "x:s?q=a=b/c?d:e,f+g", "a=b/c?d:e,f+g"),
        ("x:s{?tags*}", "x:s?tags=a&x=1&tags=b", "[a|b]"),
        ("x:s{?tags*}", "x:s", "-"),
        ("x:s{?%C3%A9}", "x:s?é=1", "1"),
        ("x:s?fixed=yes{&q}", "x:s?fixed=yes&q=1", "1"),
        ("x:s?fixed=yes{&q}", "x:s?fixed=yes", "-"),
        ("x:p{;a,b*}/q", "x:p;b=1;a;b=2/q", " [1|2]"),
        ("x:p{;a}/q", "x:p/q", "-"),
        // Later delimiters.
        ("x:{+path}{?page}", "x:a/b?page=2", "a/b 2"),
        ("x:{+path}{?page}{#f}", "x:a/b?page=2#top", "a/b 2 top"),
        ("x:{+path}/raw{?page}", "x:a/raw?page=/raw", "a /raw"),
        ("x:{+path}{;v}{?page}", "x:a;v=1", "a 1 -"),
        ("x:{id}{?page}{#f}", "x:1#f", "1 - f"),
        // Percent-encoded characters are never divided.
        ("x:{a}2F{b}", "x:a%2F2Fb", "a/ b"),
    ] {
        assert_eq!(
            matched(template, uri).as_deref(),
            Some(expected),
            "{template} {uri}"
        );
    }
}

#[test]
fn uris_that_do_not_match() {
    for (template, uris) in [
        ("x:a", &["x:b", "x:", "x:ab", "x:A", "", "y:a"][..]),
        (
            "x://u/{id}",
            &[
                "x://u/",
                "x://u",
                "x://v/1",
                "x://u/a/b",
                "x://u/1?q=1",
                "x://u/1#f",
            ],
        ),
        ("x:{id}", &["x:[a]", "x:/a"]),
        // Ambiguous: any of these could end a variable.
        ("x:{a}:{b}", &["x:1:2:3"]),
        ("x:{a}-;{b}", &["x:1;2-;3", "x:1-;2;3"]),
        ("x:{a,b}/{c*}", &["x:1,2,3/4", "x:1:2,3/4,"]),
        ("x:s?a={b}&c={d}", &["x:s?a=1=2&c=3", "x:s?a=1&c=2&c=3"]),
        (
            "x:{id}",
            &[
                "x:%",
                "x:%4",
                "x:%zz",
                "x:%FF",
                "x:a%C3",
                "x:%ED%A0%80",
                "x:%+1",
            ],
        ),
        ("x:{+path}/meta", &["x:/meta", "x:a/meta/b"]),
        ("x:{+path}", &["x:", "x:%FF"]),
        ("x:{a,b}", &["x:1", "x:1,2,3", "x:,2", "x:1,"]),
        (
            "x:{/path*}",
            &["x:", "x:/", "x:a", "x:/a//b", "x://etc", "x:/a/"],
        ),
        ("x:{list*}", &["x:a,,b", "x:,"]),
        ("x:a{.ext}", &["x:a", "x:a.", "x:a.b.c"]),
        (
            "x:s{?q}",
            &["x:s?q=%FF", "x:s?q=%", "x:s&q=1", "x:s?q=1#f", "x:st"],
        ),
        ("x:p{;a}", &["x:p;a=1/b", "x:p;a=1?b"]),
        ("x:y{#f}", &["x:y", "x:y#"]),
        // The `2F` belongs to an encoded slash.
        ("x:{a}2F{b}", &["x:a%2Fb"]),
    ] {
        for uri in uris {
            assert_eq!(matched(template, uri), None, "{template} {uri}");
        }
    }
}

/// With backtracking, the first two of these would practically never end.
#[test]
fn a_megabyte_is_matched_in_linear_time() {
    const COUNT: usize = 500_000;
    let slashes = format!("x:{}", "/b".repeat(COUNT));
    for template in [
        "x:{+a}/b{+c}/b{+d}/b{+e}/c",
        "x:{/a*}/b/{c}/b/{d}/c",
        "x:{a}/b",
        "y:{+a}",
    ] {
        assert_eq!(matched(template, &slashes), None, "{template}");
    }
    let template = UriTemplate::parse("x:{+a}/b{+c}/b{+d}").unwrap();
    assert!(template.match_uri(&slashes).is_some());
    let dashes = format!("x:{}", "-".repeat(2 * COUNT));
    assert_eq!(matched("x:{a}-{b}-{c}-{d}-{e}!", &dashes), None);
    assert!(matched("x:{a}-{b}-{c}-{d}-{e}", &dashes).is_some());
    let query = format!("x:?{}", "a=1&".repeat(COUNT / 2));
    assert!(matched("x:{?a*,b}", &query).is_some());
    assert!(matched("x:{+a}", &format!("x:{}", "%41".repeat(COUNT))).is_some());
}

/// A generator with the same sequence on every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn pieces(&mut self, pieces: &[&str], most: usize) -> String {
        let count = self.below(most + 1);
        let chosen: String = (0..count)
            .map(|_| pieces[self.below(pieces.len())])
            .collect();
        format!("x:{chosen}")
    }

    fn text(&mut self, without: &str) -> String {
        let alphabet: Vec<char> = "abZ09-._~:/?#[]@!$&'()*+,;= %\\\"<>{}é日\u{1f600}\0\n"
            .chars()
            .filter(|&c| !without.contains(c))
            .collect();
        let length = 1 + self.below(8);
        (0..length)
            .map(|_| alphabet[self.below(alphabet.len())])
            .collect()
    }
}

#[test]
fn an_expansion_matches_with_the_same_values() {
    let mut random = Random(1);
    // Characters that a value must not contain, because the RFC leaves them unencoded although they are delimiters.
    for (template, without) in [
        ("x:{a}", ""),
        ("x://{a}/{b}/c", ""),
        ("x:{a,b,c}", ""),
        ("x:{a*}", ""),
        ("x:{a,b*}", ""),
        ("x:{a}.txt", ""),
        ("x:{+a}", "%"),
        ("x:{+a}:{b}", "%"),
        ("x:{+a}{?b,c*}", "%?"),
        ("x:y{#a}", "%"),
        ("x:{+a}{#b}", "%#"),
        ("x:y{.a,b*}", "."),
        ("x:{a}{.b}", "."),
        ("x:{/a,b}", ""),
        ("x:{/a*}/{b}", ""),
        ("x:{/a*}{/b}{?c}", ""),
        ("x:y{;a,b*}/{c}", ""),
        ("x:y{?a,b*,c}", ""),
        ("x:y?z=1{&a,b*}", ""),
    ] {
        let template = UriTemplate::parse(template).unwrap();
        for _ in 0..500 {
            round_trip(&template, &mut random, without);
        }
    }
}

fn round_trip(template: &UriTemplate, random: &mut Random, without: &str) {
    let mut pairs = Vec::new();
    let mut expected = Vec::new();
    for variable in template.variables() {
        let count = if variable.exploded {
            1 + random.below(3)
        } else {
            1
        };
        let count = if variable.kind.is_keyed() && random.below(3) == 0 {
            0
        } else {
            count
        };
        let mut texts: Vec<_> = (0..count).map(|_| random.text(without)).collect();
        pairs.extend(
            texts
                .iter()
                .map(|text| (variable.name.clone(), text.clone())),
        );
        expected.push(match texts.pop() {
            Some(text) if !variable.exploded => Some(MatchedValue::One(text)),
            Some(text) => {
                texts.push(text);
                Some(MatchedValue::Many(texts))
            }
            None => None,
        });
    }
    let borrowed: Vec<_> = pairs
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let uri = expand(template.as_str(), &borrowed);
    let found = template.match_uri(&uri);
    assert_eq!(found, Some(expected), "{} {uri}", template.as_str());
}

#[test]
fn no_text_makes_it_panic() {
    const TEMPLATE: &[&str] = &[
        "{a}", "{+b}", "{#c}", "{.d*}", "{/e*}", "{;f,g*}", "{?h,i*}", "{&j}", "{k*,l}", "{", "}",
        "/", "?", "2F", "%C3", "é", ".", ",", "{/m,n}", "{:1}", "{é}", "{¿}",
    ];
    const URI: &[&str] = &[
        "a", "/", "?", "#", "&h=1", ";g=2", "%2F", "%", "%C3%A9", "é", ".", ",", "=", "2F", "\0",
        " ", "i=", "%4",
    ];
    let mut random = Random(2);
    let mut parsed = 0;
    for _ in 0..20_000 {
        let text = random.pieces(TEMPLATE, 5);
        let Ok(template) = UriTemplate::parse(&text) else {
            continue;
        };
        parsed += 1;
        for _ in 0..5 {
            let uri = random.pieces(URI, 10);
            template.match_uri(&uri);
        }
        let expanded = expand(&text, &[("a", "1"), ("b", "2"), ("e", "3"), ("h", "4")]);
        assert!(expanded.is_ascii());
    }
    assert!(parsed > 1_000);
}
