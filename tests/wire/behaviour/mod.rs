//! What a table cannot say: time, order, limits and ends.

mod batches;
mod calls;
mod endpoint;
mod eras;
mod events;
mod pipes;
mod refusals;
mod sessionless;
mod spelling;
mod stateless;
mod subscriptions;
mod traps;
