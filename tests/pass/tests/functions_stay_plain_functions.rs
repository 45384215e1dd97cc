use mcp_runtime::prelude::*;

/// Add two numbers.
#[tool]
async fn add(
    /// The first addend.
    a: f64,
    /// The second addend.
    b: f64,
) -> f64 {
    a + b
}

/// A greeting for one person.
#[resource("greeting://{name}")]
fn greeting(name: String) -> String {
    format!("Hello, {name}!")
}

/// Ask for a review of a piece of code.
#[prompt]
fn review(
    /// The code to review.
    code: &str,
) -> String {
    format!("Please review this code:\n\n{code}")
}

/// Count calls.
#[tool]
const fn twice(number: i32) -> i32 {
    number * 2
}

#[tool]
fn shared(state: State<String>) -> usize {
    state.len()
}

const FOUR: i32 = twice(2);

#[tokio::test]
async fn it_runs() {
    assert_eq!(add(1.0, 2.0).await, 3.0);
    assert_eq!(greeting("Ada".to_owned()), "Hello, Ada!");
    assert!(review("x").ends_with('x'));
    assert_eq!(FOUR, 4);
    assert_eq!(shared(State::from("abc".to_owned())), 3);
}
