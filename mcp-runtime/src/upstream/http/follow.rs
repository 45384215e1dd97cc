//! Streams of events: reading them, and resuming those that end early.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep};

use super::answer::is_response_to;
use super::endpoint::{Endpoint, causes};
use super::events::EventParser;
use super::headers::CommonHeaders;
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
}

impl Endpoint {
    /// Receives the messages of the response to a request, until the response itself.
    pub(super) async fn follow(
        &self,
        body: Incoming,
        common: &CommonHeaders,
        id: u64,
    ) -> Result<(), SendError> {
        let mut parser = EventParser::default();
        let mut failures = 0;
        let mut end = self.read(body, &mut parser, Some(id)).await?;
        loop {
            let why = match end {
                End::Response => return Ok(()),
                End::Early { why, was_useful } => {
                    failures = if was_useful { 0 } else { failures + 1 };
                    why
                }
            };
            let is_resumable = !common.is_stateless() && common.session.is_some();
            let last_id = parser.last_id().filter(|_| is_resumable).cloned();
            let Some(last_id) = last_id.filter(|_| failures < ATTEMPTS) else {
                return Err(SendError::Unreachable(why));
            };
            sleep(pause(parser.retry(), failures)).await;
            parser.restart();
            end = match self.open(common, Some(&last_id)).await {
                Ok(body) => self.read(body, &mut parser, Some(id)).await?,
                Err(error) if is_temporary(&error) => End::Early {
                    why: format!(
                        "the stream of the response ended early, and cannot be resumed: {error}"
                    ),
                    was_useful: false,
                },
                // The request may have been run already: only a request that was refused itself is sent again.
                Err(error @ SendError::NoSession) => {
                    return Err(SendError::Unreachable(error.to_string()));
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// Receives the messages that belong to no request, until the server has no stream for them.
    pub(super) async fn listen(&self) {
        let mut parser = EventParser::default();
        let mut failures = 0;
        loop {
            let last_id = parser.last_id().cloned();
            match self.open(&self.latest(), last_id.as_ref()).await {
                Ok(body) => {
                    parser.restart();
                    match self.read(body, &mut parser, None).await {
                        Ok(End::Early {
                            was_useful: true, ..
                        }) => failures = 0,
                        Ok(_) => failures += 1,
                        Err(error) => {
                            tracing::warn!("the stream of messages of {}: {error}", self.shown);
                            // An event that cannot be read is not sent again.
                            parser = EventParser::default();
                            failures += 1;
                        }
                    }
                }
                Err(error) if is_temporary(&error) => failures += 1,
                Err(error) => {
                    tracing::debug!("no stream of messages of {}: {error}", self.shown);
                    return;
                }
            }
            sleep(pause(parser.retry(), failures)).await;
        }
    }

    /// Receives the messages of a stream. Those on the stream of a response belong to the request with the id.
    async fn read(
        &self,
        mut body: Incoming,
        parser: &mut EventParser,
        id: Option<u64>,
    ) -> Result<End, SendError> {
        let opened = Instant::now();
        let mut has_event = false;
        let why = loop {
            let mut bytes = match body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_else(|_| Bytes::new()),
                Some(Err(error)) => {
                    break format!(
                        "the connection broke before the response: {}",
                        causes(&error)
                    );
                }
                None => break "the stream ended before the response".to_owned(),
            };
            while let Some(event) = parser.next(&mut bytes)? {
                has_event = true;
                let Some(message) = event.message else {
                    continue;
                };
                let is_last = id.is_some_and(|id| is_response_to(&message, id));
                self.receive.receive(message, id);
                if is_last {
                    return Ok(End::Response);
                }
            }
        };
        Ok(End::Early {
            why,
            was_useful: has_event || opened.elapsed() >= LASTING,
        })
    }
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
