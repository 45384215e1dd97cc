//! Bounds are literals, constants and expressions, of every type of number.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mcp_runtime::prelude::*;

const MOST: usize = 20;
const LEAST: f32 = 0.5;

#[tool]
fn numbers(
    #[arg(range(1..=10), default = 5, example = 7)] _a: u8,
    #[arg(range(-1..))] _b: i64,
    #[arg(range(..5_000_000_000))] _c: u64,
    #[arg(range(LEAST..=1.0))] _d: f64,
    #[arg(range(0..=MOST * 2))] _e: Option<i32>,
    #[arg(range(u8::MIN..=u8::MAX), header = "Level")] _f: i128,
    #[arg(range(0x10..=0xFF_u64))] _g: usize,
) {
}

#[resource("counted://{a}/{b}{?c}")]
fn counted(
    #[arg(length(1..=MOST))] a: String,
    #[arg(length(2))] b: &str,
    #[arg(length(1..), example = Some(Cow::Borrowed("c")))] c: Option<Cow<'_, str>>,
) -> String {
    format!("{a}{b}{c:?}")
}

#[tool]
fn collections(
    #[arg(length(1..=3))] _a: Vec<u8>,
    #[arg(length(1..))] _b: BTreeSet<String>,
    #[arg(length(..MOST))] _c: HashMap<String, Vec<u8>>,
    #[arg(length(2))] _d: [u8; 2],
    #[arg(length(..=9))] _e: Option<HashSet<bool>>,
    #[arg(length(..=9), default)] _f: BTreeMap<String, u8>,
) {
}

#[prompt]
fn named(#[arg(pattern = r"^[\w\-]+(?: [a-z]+)?$", length(..=80), example = "ada".into())] name: String) -> String {
    name
}

#[test]
fn it_runs() {}
