//! What a table cannot say: time, order, limits and ends.

mod batches;
mod calls;
mod endpoint;
mod events;
mod pipes;
mod refusals;
mod spelling;
mod stateless;
mod subscriptions;
