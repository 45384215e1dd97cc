//! Tests of time, order, limits and ends, which a table of cases cannot express.

mod batches;
mod calls;
mod endpoint;
mod eras;
mod events;
mod floods;
mod lengths;
mod pipes;
mod refusals;
mod sessionless;
mod spelling;
mod stateless;
mod subscriptions;
mod traps;
