//! A light stemmer for English: forms of one word, such as `issues`, `created` and `creation`, get the same stem.
//!
//! A stem need not be a word. Words of other languages may lose an ending too, in tools and queries alike.

/// The length below which a stem is not shortened further.
const SHORTEST: usize = 3;

/// Returns the stem of a lower-case word. Only words of ASCII letters have one.
pub(super) fn stem(mut word: String) -> String {
    if word.len() > SHORTEST && word.bytes().all(|letter| letter.is_ascii_lowercase()) {
        singular(&mut word);
        if !verb(&mut word) {
            noun(&mut word);
        }
        end(&mut word);
    }
    word
}

/// Removes an ending if at least `shortest` letters remain. Returns `true` if it was removed.
fn cut(word: &mut String, ending: &str, shortest: usize) -> bool {
    let rest = word.strip_suffix(ending).map(str::len);
    let rest = rest.filter(|rest| *rest >= shortest);
    if let Some(rest) = rest {
        word.truncate(rest);
    }
    rest.is_some()
}

/// Turns a plural into its singular.
fn singular(word: &mut String) {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if ends(&["ss", "us", "is"]) {
        return;
    }
    if ends(&["sses", "xes", "ches", "shes"]) {
        cut(word, "es", 0);
    } else if cut(word, "ies", SHORTEST) {
        word.push('y');
    } else {
        cut(word, "s", SHORTEST);
    }
}

/// Removes `-ed` and `-ing`. Returns `true` if one was removed.
fn verb(word: &mut String) -> bool {
    let rest = ["ing", "ed"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    let is_verb = |rest: &&str| {
        rest.len() >= SHORTEST
            && !rest.ends_with('e')
            && rest.contains(['a', 'e', 'i', 'o', 'u', 'y'])
    };
    let Some(length) = rest.filter(is_verb).map(str::len) else {
        return false;
    };
    word.truncate(length);
    // `stopped`, but not `passed` or `called`.
    let [.., before, last] = word.as_bytes() else {
        return true;
    };
    if length > SHORTEST && before == last && !b"lsz".contains(last) {
        word.pop();
    }
    true
}

/// Reduces nouns of actions to their verbs: `creation` and `create`, `deployment` and `deploy`.
fn noun(word: &mut String) {
    if cut(word, "ification", SHORTEST) {
        word.push_str("ify");
        return;
    }
    let _ = ["ion", "ment", "ly"]
        .iter()
        .any(|ending| cut(word, ending, 5));
}

/// Unifies the ends that the forms of one word have: `translat` and `transl`, `cancell` and `cancel`, `copi` and `copy`.
fn end(word: &mut String) {
    cut(word, "e", SHORTEST);
    cut(word, "at", 5);
    if word.len() > SHORTEST + 1 && word.ends_with("ll") {
        word.pop();
    }
    if word.len() > SHORTEST && cut(word, "y", 0) {
        word.push('i');
    }
}

#[cfg(test)]
mod tests {
    fn stem(word: &str) -> String {
        super::stem(word.to_owned())
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["issue", "issues"][..],
            &["create", "creates", "created", "creating", "creation"],
            &["delete", "deleted", "deleting", "deletion"],
            &["translate", "translation", "translating", "translations"],
            &["deploy", "deploys", "deployed", "deployment", "deployments"],
            &["copy", "copies", "copied", "copying"],
            &["stop", "stopped", "stopping"],
            &["notify", "notification", "notifications"],
            &["branch", "branches"],
            &["search", "searches", "searching"],
            &["box", "boxes"],
            &["classify", "classification"],
            &["cancel", "cancelled", "cancelling", "cancellation"],
            &["install", "installed", "installation"],
            &["call", "calls", "called", "calling"],
            &["configure", "configured", "configuration"],
            &["query", "queries", "queried"],
            &["status", "statuses"],
            &["movie", "movies"],
            &["process", "processes", "processing"],
        ] {
            let stems: Vec<_> = forms.iter().map(|form| stem(form)).collect();
            let first = stems.first().map(String::as_str).unwrap_or_default();
            assert!(
                stems.iter().all(|stem| stem == first),
                "{forms:?}: {stems:?}"
            );
        }
    }

    #[test]
    fn different_words_keep_different_stems() {
        for (one, other) in [
            ("user", "use"),
            ("comment", "come"),
            ("station", "state"),
            ("status", "state"),
            ("string", "str"),
            ("red", "r"),
            ("order", "ord"),
            ("address", "add"),
            ("policy", "police"),
        ] {
            assert_ne!(stem(one), stem(other));
        }
    }

    #[test]
    fn short_and_foreign_words_stay() {
        for word in ["", "s", "pdf", "aws", "größe", "名前", "s3", "2026"] {
            assert_eq!(stem(word), word);
        }
    }
}
