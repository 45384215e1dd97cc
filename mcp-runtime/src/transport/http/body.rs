//! Reading the body of a request, within the limits.

use std::error::Error;
use std::pin::pin;

use bytes::Buf;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;

use super::reply::Refusal;
use crate::service::Limits;

/// Room made before a body has shown how long it is: no more than this is taken on the client's word.
const TRUSTED_LENGTH: usize = 64 * 1024;

/// Reads a body completely: a message is judged by itself, not by how it arrived.
///
/// A body that is too long is 413, at once if its length was declared; one that is too slow is 408.
pub(super) async fn read<B>(body: B, limits: &Limits) -> Result<Vec<u8>, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let most = limits.message_bytes;
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > most {
        return Err(too_long(most));
    }
    let reading = collect(body, declared.min(TRUSTED_LENGTH), most);
    let Ok(bytes) = tokio::time::timeout(limits.header_timeout, reading).await else {
        return Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("The body did not arrive within {:?}", limits.header_timeout),
        ));
    };
    bytes
}

async fn collect<B>(body: B, room: usize, most: usize) -> Result<Vec<u8>, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::with_capacity(room);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&*error.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue; // trailers
        };
        if data.remaining() > most - bytes.len() {
            return Err(too_long(most));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(bytes)
}

fn too_long(most: usize) -> Refusal {
    let message = format!("The message is longer than {most} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn unreadable(error: &(dyn Error + Send + Sync)) -> Refusal {
    let message = format!("The body could not be read: {error}");
    Refusal::new(StatusCode::BAD_REQUEST, message)
}
