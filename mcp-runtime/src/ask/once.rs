//! Effects that happen once, however often their call begins anew.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Way;
use crate::context::Context;
use crate::error::AskError;
use crate::questions::Questions;

impl Context {
    /// Runs an effect once in a call that may begin anew: what came out is recorded under `key` and given again the next
    /// time.
    ///
    /// The record travels with the client, sealed, and is also kept in this process until it expires, in case the client
    /// sends an older state again. Across replicas that share a key but no memory it is "at least once" then.
    ///
    /// # Errors
    /// What came out cannot be written as JSON, or read as `T`.
    pub async fn once<T>(&self, key: &str, effect: impl Future<Output = T>) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
    {
        let Way::Replay(questions) = &self.surroundings().way else {
            return Ok(effect.await);
        };
        if let Some(value) = questions.effect(key) {
            return serde_json::from_value(value).map_err(json);
        }
        let busy = Busy::new(questions);
        let outcome = effect.await;
        let value = serde_json::to_value(&outcome).map_err(json)?;
        busy.done(key, value);
        Ok(outcome)
    }
}

fn json(error: serde_json::Error) -> AskError {
    AskError::Json(format!("the outcome of an effect: {error}"))
}

/// An effect that is under way.
struct Busy<'q> {
    questions: &'q Questions,
    done: bool,
}

impl<'q> Busy<'q> {
    fn new(questions: &'q Questions) -> Self {
        questions.begin_effect();
        Self {
            questions,
            done: false,
        }
    }

    fn done(mut self, key: &str, value: Value) {
        self.done = true;
        self.questions.end_effect(Some((key, value)));
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.questions.end_effect(None);
        }
    }
}
