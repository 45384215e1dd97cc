#![deny(warnings)]

use mcp_runtime::prelude::*;

#[cfg(any())]
#[tool]
fn never(missing: ThereIsNoSuchType) {}

#[tool]
#[cfg(any())]
fn never_after_its_attribute(missing: ThereIsNoSuchType) {}

#[cfg(unix)]
#[tool(name = "family")]
fn unix() -> &'static str {
    "unix"
}

#[cfg(not(unix))]
#[tool(name = "family")]
fn windows() -> &'static str {
    "another"
}

#[cfg_attr(all(), tool)]
fn sometimes() {}

#[cfg_attr(any(), tool)]
fn plain<T>(_: T) {}

struct Store;

#[tools]
impl Store {
    #[tool]
    fn always(&self) {}

    #[cfg(any())]
    #[tool]
    fn never(&self, missing: ThereIsNoSuchType) {}
}

#[test]
fn it_runs() {
    plain(components![sometimes]);
    let _ = mcp_runtime::server!().with(Store);
}
