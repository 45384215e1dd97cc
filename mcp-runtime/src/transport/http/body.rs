//! Reading the body of a request, within the limits.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;

use super::reply::Rejection;
use crate::protocol::outline::Outliner;
use crate::protocol::text::remove_mark;
use crate::service::Limits;
use crate::transport::incoming;

/// Room made before a body has shown how long it is: no more than this is taken on the client's word.
const TRUSTED_LENGTH: usize = 64 * 1024;

/// A body that is refused for its declared length is looked at for its id as far as it arrives within this.
const FIRST_BYTES: Duration = Duration::from_millis(50);

/// Reads a body completely: a message is judged by itself, not by how it arrived.
///
/// A body that is too long is 413, without reading it if its length was declared; one that is too slow is 408.
pub(super) async fn read<B>(body: B, limits: &Limits) -> Result<Vec<u8>, Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let most = limits.message_bytes;
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > most {
        let mut body = pin!(body);
        let mut outliner = Outliner::default();
        let first = tokio::time::timeout(FIRST_BYTES, body.frame()).await;
        if let Ok(Some(Ok(frame))) = first
            && let Ok(data) = frame.into_data()
        {
            take(data, |chunk| outliner.feed(chunk));
        }
        return Err(too_long(most, outliner));
    }
    let reading = collect(body, declared.min(TRUSTED_LENGTH), most);
    let Ok(bytes) = tokio::time::timeout(limits.header_timeout, reading).await else {
        return Err(Rejection::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("The body did not arrive within {:?}", limits.header_timeout),
        ));
    };
    bytes
}

async fn collect<B>(body: B, room: usize, most: usize) -> Result<Vec<u8>, Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::with_capacity(room);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&*error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        if data.remaining() > most - bytes.len() {
            let mut outliner = Outliner::default();
            outliner.feed(&bytes);
            take(data, |chunk| outliner.feed(chunk));
            return Err(too_long(most, outliner));
        }
        take(data, |chunk| bytes.extend_from_slice(chunk));
    }
    remove_mark(&mut bytes);
    Ok(bytes)
}

/// Takes what arrived, piece by piece.
fn take(mut data: impl Buf, mut piece: impl FnMut(&[u8])) {
    while data.has_remaining() {
        let chunk = data.chunk();
        piece(chunk);
        let length = chunk.len();
        data.advance(length);
    }
}

/// The refusal of a body that is too long, under its id if that was seen. A response has none of its own.
fn too_long(most: usize, outliner: Outliner) -> Rejection {
    let outline = outliner.finish();
    let id = outline.id.filter(|_| !outline.is_response);
    let error = incoming::too_long(most);
    Rejection::rpc(StatusCode::PAYLOAD_TOO_LARGE, id.as_ref(), &error)
}

fn unreadable(error: &(dyn Error + Send + Sync)) -> Rejection {
    let message = format!("The body could not be read: {error}");
    Rejection::new(StatusCode::BAD_REQUEST, message)
}
