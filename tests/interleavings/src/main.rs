//! Runs `in_flight` and `bus` of mcp-runtime under many interleavings of their threads: `interleavings [ITERATIONS]`.
//!
//! The modules are compiled with the locks and atomics of shuttle, which switches threads at each of their operations. The other
//! modules that they name are replaced by the few items that they use.

// Each module is used in part only.
#![allow(dead_code)]

#[path = "../../../mcp-runtime/src/bus.rs"]
mod bus;
mod calls;
mod changes;
#[path = "../../../mcp-runtime/src/in_flight.rs"]
mod in_flight;
#[path = "../../../mcp-runtime/src/mount.rs"]
mod mount;
#[path = "../../../mcp-runtime/src/owner.rs"]
mod owner;
mod replaced;
mod sync;

use replaced::{protocol, service, uri_template};

/// A model: its name, and a function that runs it once.
type Model = (&'static str, fn());

const MODELS: [Model; 6] = [
    (
        "a request ends once: finished or cancelled",
        calls::a_request_ends_once,
    ),
    (
        "a cancelled request is woken",
        calls::a_cancelled_request_is_woken,
    ),
    (
        "no more permits are held than the limit allows",
        calls::permits_stay_below_the_limit,
    ),
    (
        "a closed registry becomes idle",
        calls::a_closed_registry_becomes_idle,
    ),
    (
        "all listeners see one order of changes",
        changes::all_listeners_see_one_order,
    ),
    (
        "a listener hears nothing before it begins or after its end",
        changes::a_listener_hears_its_time_only,
    ),
];

/// The number of switches at chosen places. Most mistakes need fewer.
const SWITCHES: usize = 3;

fn main() {
    let iterations = std::env::args()
        .nth(1)
        .map_or(Ok(1000), |number| number.parse());
    let Ok(iterations) = iterations else {
        eprintln!("usage: interleavings [ITERATIONS]");
        std::process::exit(2);
    };
    for (name, model) in MODELS {
        shuttle::check_random(model, iterations);
        shuttle::check_pct(model, iterations, SWITCHES);
        println!("{name}: {} interleavings", 2 * iterations);
    }
}
