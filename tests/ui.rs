//! What users get wrong, and what the compiler tells them; and what they may write, however unusual.
//!
//! `TRYBUILD=overwrite cargo test -p mcp-tests --test ui` writes the `.stderr` files anew.

#[test]
fn the_compiler_explains_every_mistake() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
