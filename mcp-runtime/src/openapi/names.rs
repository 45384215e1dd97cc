//! Names of tools and arguments, made from those of a specification.

/// The maximum length of a name that all clients and the APIs of models accept.
const LONGEST: usize = 64;

/// Returns a name that all clients accept: letters, digits, `_` and `-`, at most 64 of them. All other characters become `_`, and
/// the end of a longer name becomes a digest of it.
pub(super) fn valid_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            name.push(character);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    if name.is_empty() {
        return with_digest("", text);
    }
    if name.len() > LONGEST {
        return with_digest(name, text);
    }
    name.to_owned()
}

/// Returns a name that ends with the digest of a text.
pub(super) fn with_digest(name: &str, text: &str) -> String {
    // FNV-1a: the name stays the same in all versions.
    let digest = text.bytes().fold(0x811c_9dc5_u32, |digest, byte| {
        (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let kept = name.get(..LONGEST - 9).unwrap_or(name);
    let separator = if kept.is_empty() { "" } else { "_" };
    format!("{kept}{separator}{digest:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_short_and_stable() {
        for (text, name) in [
            ("listPets", "listPets"),
            ("repos/list-for-org", "repos_list-for-org"),
            ("filter[name]", "filter_name"),
            ("$top", "top"),
            ("get /users/{id}/", "get_users_id"),
            ("übergröße", "bergr_e"),
            ("", "811c9dc5"),
        ] {
            assert_eq!(valid_name(text), name);
        }
        let long = valid_name(&"operation".repeat(10));
        assert_eq!(long.len(), 64);
        assert_eq!(long, valid_name(&"operation".repeat(10)));
        assert_ne!(long, valid_name(&"operation".repeat(11)));
    }
}
