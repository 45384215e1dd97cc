//! Streams of events: reading them, and resuming those that end early.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep};

use super::endpoint::Endpoint;
use super::events::EventParser;
use super::headers::CommonHeaders;
use crate::error::chain;
use crate::upstream::transport::SendError;

/// The number of times in a row that the stream of a response is resumed in vain.
const ATTEMPTS: u32 = 5;

/// The time before a stream is resumed for the first time, if the server does not set it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 200 });

/// The maximum time before a stream is resumed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A stream without events was not opened in vain if it was open for this time.
const LASTING: Duration = Duration::from_secs(5);

/// The reason why the reading of a stream ended.
enum End {
    /// The response has been received.
    Response,
    /// The stream ended before the response.
    Early {
        why: String,
        /// `true` if the stream had an event, or was open for a while.
        was_useful: bool,
    },
    /// An event cannot be read.
    Unreadable(SendError),
}

impl Endpoint {
    /// Receives the messages of the response to a request, until the response itself.
    pub(super) async fn follow(
        &self,
        body: Incoming,
        common: &CommonHeaders,
        id: u64,
    ) -> Result<(), SendError> {
        let has_session = !common.is_stateless() && common.session.is_some();
        let mut parser = EventParser::default();
        let mut failures = 0;
        let mut end = self.read(body, &mut parser, Some(id)).await;
        loop {
            let (why, was_useful) = match end {
                End::Response => return Ok(()),
                End::Unreadable(error) => return Err(error),
                End::Early { why, was_useful } => (why, was_useful),
            };
            failures = if was_useful { 0 } else { failures + 1 };
            if !has_session || parser.last_id().is_none() || failures == ATTEMPTS {
                return Err(SendError::Unreachable(why));
            }
            sleep(pause(parser.retry(), failures)).await;
            end =
                self.resume(common, &mut parser, Some(id))
                    .await
                    .map_err(|error| match error {
                        // The request may have been run already: only a request that was refused itself is sent again.
                        SendError::NoSession => SendError::Unreachable(error.to_string()),
                        other => other,
                    })?;
        }
    }

    /// Receives the messages that belong to no request, until the server has no stream for them.
    pub(super) async fn listen(&self) {
        let mut parser = EventParser::default();
        let mut failures: u32 = 0;
        loop {
            match self.resume(&self.latest(), &mut parser, None).await {
                Ok(End::Early {
                    was_useful: true, ..
                }) => failures = 0,
                Ok(End::Early { .. } | End::Response) => failures = failures.saturating_add(1),
                Ok(End::Unreadable(error)) => {
                    tracing::warn!("the stream of messages of {}: {error}", self.shown);
                    // The server would send the event again if it knew the id of the last one.
                    parser = EventParser::default();
                    failures = failures.saturating_add(1);
                }
                Err(error) => {
                    tracing::debug!("no stream of messages of {}: {error}", self.shown);
                    return;
                }
            }
            sleep(pause(parser.retry(), failures)).await;
        }
    }

    /// Opens a stream after its last event, and receives its messages.
    async fn resume(
        &self,
        common: &CommonHeaders,
        parser: &mut EventParser,
        id: Option<u64>,
    ) -> Result<End, SendError> {
        match self.open(common, parser.last_id()).await {
            Ok(body) => {
                parser.restart();
                Ok(self.read(body, parser, id).await)
            }
            Err(error) if is_temporary(&error) => Ok(End::Early {
                why: format!(
                    "the stream of the response ended early, and cannot be resumed: {error}"
                ),
                was_useful: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// Receives the messages of a stream. Those on the stream of a response belong to the request with the id.
    async fn read(&self, mut body: Incoming, parser: &mut EventParser, id: Option<u64>) -> End {
        let opened = Instant::now();
        let mut has_event = false;
        let why = loop {
            let bytes = match next(&mut body).await {
                Ok(bytes) => bytes,
                Err(why) => break why,
            };
            match self.deliver(bytes, parser, id) {
                Ok(Delivered::Response) => return End::Response,
                Ok(Delivered::Events) => has_event = true,
                Ok(Delivered::Nothing) => {}
                Err(error) => return End::Unreadable(error),
            }
        };
        End::Early {
            why,
            was_useful: has_event || opened.elapsed() >= LASTING,
        }
    }

    /// Receives the messages that end in these bytes, until the response.
    fn deliver(
        &self,
        mut bytes: Bytes,
        parser: &mut EventParser,
        id: Option<u64>,
    ) -> Result<Delivered, SendError> {
        let mut delivered = Delivered::Nothing;
        while let Some(event) = parser.next(&mut bytes)? {
            delivered = Delivered::Events;
            let Some(message) = event.message else {
                continue;
            };
            let message = match id {
                None => message,
                Some(id) => match self.receiver.receive_response(message, id) {
                    Ok(()) => return Ok(Delivered::Response),
                    Err(other) => other,
                },
            };
            self.receiver.receive(message, id);
        }
        Ok(delivered)
    }
}

/// Returns the next bytes of a stream, or the reason why there are none.
async fn next(body: &mut Incoming) -> Result<Bytes, String> {
    match body.frame().await {
        Some(Ok(frame)) => Ok(frame.into_data().unwrap_or_default()),
        Some(Err(error)) => Err(format!(
            "the connection broke before the response: {}",
            chain(&error)
        )),
        None => Err("the stream ended before the response".to_owned()),
    }
}

/// The events that ended in some bytes.
enum Delivered {
    Nothing,
    Events,
    /// The last is the response.
    Response,
}

/// Returns the time before the next attempt: what the server asks for, and longer after each failure.
fn pause(retry: Option<Duration>, failures: u32) -> Duration {
    let asked = retry.unwrap_or(SHORTEST_PAUSE);
    let backed_off = match failures {
        0 => Duration::ZERO,
        _ => SHORTEST_PAUSE.saturating_mul(1 << failures.min(10)),
    };
    asked.max(backed_off).min(LONGEST_PAUSE)
}

/// Returns `true` if another attempt may succeed.
fn is_temporary(error: &SendError) -> bool {
    match error {
        SendError::Unreachable(_) => true,
        SendError::Status(status, _) => *status >= 500 || matches!(status, 401 | 403 | 408 | 429),
        SendError::NoSession | SendError::Invalid(_) => false,
    }
}
