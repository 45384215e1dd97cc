//! Reads the body of a request, within the limits.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;

use super::reply::Rejection;
use crate::protocol::error::RpcError;
use crate::protocol::outline::Outliner;
use crate::protocol::text::remove_mark;
use crate::service::{Held, Limits, UNCOUNTED};
use crate::transport::incoming;

/// The maximum capacity that is allocated for a declared length before the body arrives, in bytes.
const MAX_INITIAL_CAPACITY: usize = 64 * 1024;

/// The time to wait for the first bytes of a body that is refused for its declared length. They may contain the id.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_millis(50);

/// Reads a whole body. `begin` is called for a long one: it returns what counts its bytes.
///
/// # Errors
/// Returns 413 if the body is too long, without reading it if its length is declared, 408 if it arrives too slowly, and 503 if
/// the server already holds too many bytes of requests.
pub(super) async fn read<B>(
    body: B,
    limits: &Limits,
    begin: impl FnOnce() -> Held,
) -> Result<Vec<u8>, Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let limit = limits.message_bytes;
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        let mut body = pin!(body);
        let mut outliner = Outliner::default();
        let first = tokio::time::timeout(FIRST_FRAME_TIMEOUT, body.frame()).await;
        if let Ok(Some(Ok(frame))) = first
            && let Ok(data) = frame.into_data()
        {
            take(data, |chunk| outliner.feed(chunk));
        }
        return Err(too_long(limit, outliner));
    }
    let reading = collect(body, declared.min(MAX_INITIAL_CAPACITY), limit, begin);
    let Ok(bytes) = tokio::time::timeout(limits.body_timeout, reading).await else {
        return Err(Rejection::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("The body did not arrive within {:?}", limits.body_timeout),
        ));
    };
    bytes
}

async fn collect<B>(
    body: B,
    capacity: usize,
    limit: usize,
    begin: impl FnOnce() -> Held,
) -> Result<Vec<u8>, Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::with_capacity(capacity);
    let (mut begin, mut held) = (Some(begin), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&*error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        if data.remaining() > limit - bytes.len() {
            let mut outliner = Outliner::default();
            outliner.feed(&bytes);
            take(data, |chunk| outliner.feed(chunk));
            return Err(too_long(limit, outliner));
        }
        let length = bytes.len() + data.remaining();
        if length > UNCOUNTED {
            held = held.or_else(|| begin.take().map(|begin| begin()));
            if held
                .as_mut()
                .is_some_and(|held: &mut Held| !held.grow_to(length))
            {
                return Err(too_busy());
            }
        }
        take(data, |chunk| bytes.extend_from_slice(chunk));
    }
    remove_mark(&mut bytes);
    Ok(bytes)
}

/// Calls `each` for each chunk of the data.
fn take(mut data: impl Buf, mut each: impl FnMut(&[u8])) {
    while data.has_remaining() {
        let chunk = data.chunk();
        each(chunk);
        let length = chunk.len();
        data.advance(length);
    }
}

/// Returns the rejection of a body that is too long, with its id if that was read. The id of a response belongs to another
/// request and is left out.
fn too_long(limit: usize, outliner: Outliner) -> Rejection {
    let outline = outliner.finish();
    let id = outline.id.filter(|_| !outline.is_response);
    let error = incoming::too_long(limit);
    Rejection::rpc(StatusCode::PAYLOAD_TOO_LARGE, id.as_ref(), &error)
}

/// Returns the rejection of a body while the server holds too many bytes of requests.
fn too_busy() -> Rejection {
    let message = "The server is busy: it is receiving too many large requests; try again later";
    Rejection::rpc(
        StatusCode::SERVICE_UNAVAILABLE,
        None,
        &RpcError::overloaded(message),
    )
}

fn unreadable(error: &(dyn Error + Send + Sync)) -> Rejection {
    let message = format!("The body could not be read: {error}");
    Rejection::new(StatusCode::BAD_REQUEST, message)
}
