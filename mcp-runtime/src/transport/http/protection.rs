//! The protection of an endpoint: its ways to authenticate callers, and the reasons why a request is not served.

use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;

use super::challenge::Challenge;
use super::reply::Rejection;
use super::resource_url::ResourceUrl;
use crate::auth::{AuthError, AuthFuture, Authenticate, Credentials, Identity};
use crate::opaque::opaque_debug;
use crate::protocol::error::RpcError;

/// The time that the ways of authentication have together.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The protection of an endpoint. Without ways, everybody may use it.
#[derive(Clone, Default)]
pub(crate) struct Protection {
    pub(crate) ways: Vec<Arc<dyn Authenticate>>,
    /// The canonical URL of the endpoint; `None` if it is derived from each request.
    pub(crate) resource: Option<ResourceUrl>,
    /// The scopes in the challenge of a request without valid credentials; `None` for all scopes of components.
    pub(crate) initial_scopes: Option<Vec<String>>,
    /// The name of the resource for people.
    pub(crate) name: String,
}

opaque_debug!(Protection, |it| ways: it.ways.len());

impl Protection {
    /// Returns the URLs of all authorization servers, without repetition.
    pub(super) fn authorization_servers(&self) -> Vec<String> {
        let mut servers = Vec::new();
        for server in self.ways.iter().flat_map(|way| way.authorization_servers()) {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }

    /// Returns the caller that the first way which recognises the credentials names.
    async fn identify(&self, credentials: &Credentials<'_>) -> Result<Arc<Identity>, Refusal> {
        for way in &self.ways {
            match ask(&**way, credentials).await? {
                Some(identity) if identity.has_expired() => {
                    return Err(AuthError::Invalid("they have expired".to_owned()).into());
                }
                Some(identity) => {
                    #[cfg(feature = "tls")]
                    credentials.confirm(&identity)?;
                    return Ok(identity);
                }
                None => {}
            }
        }
        let is_given = |name: &String| credentials.has_header(name);
        let mut headers = self.ways.iter().flat_map(|way| way.credential_headers());
        Err(
            if credentials.bearer().is_some() || headers.any(|it| is_given(&it)) {
                AuthError::Invalid("no way of authentication knows them".to_owned()).into()
            } else {
                Refusal::NoCredentials
            },
        )
    }

    /// Returns the caller with these credentials.
    ///
    /// # Errors
    /// Returns the reason why there is none.
    pub(super) async fn check(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Arc<Identity>, Refusal> {
        let mut identifying = pin!(self.identify(credentials));
        // A known token is found at the first poll, which needs no timer.
        let first = poll_fn(|context| Poll::Ready(identifying.as_mut().poll(context)));
        let identified = match first.await {
            Poll::Ready(identified) => identified,
            Poll::Pending => {
                let late = |_| AuthError::Unavailable(format!("it takes longer than {TIMEOUT:?}"));
                let identified = tokio::time::timeout(TIMEOUT, identifying).await;
                identified.map_err(late)?
            }
        };
        // A token that somebody knows is well formed, and needs no check of its characters.
        identified.map_err(|refusal| {
            let mistake = credentials.mistake();
            mistake.map_or(refusal, Refusal::Malformed)
        })
    }
}

/// Asks a way of authentication, which may be code of the application and panic.
async fn ask(
    way: &dyn Authenticate,
    credentials: &Credentials<'_>,
) -> Result<Option<Arc<Identity>>, AuthError> {
    let panicked = || AuthError::Unavailable("the way of authentication panicked".to_owned());
    let begin = AssertUnwindSafe(|| match way.known(credentials) {
        Some(identity) => Begun::Known(identity),
        None => Begun::Asked(way.authenticate(credentials)),
    });
    let mut future = match catch_unwind(begin).map_err(|_| panicked())? {
        Begun::Known(identity) => return Ok(Some(identity)),
        Begun::Asked(future) => future,
    };
    let answer = poll_fn(|context| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    });
    let Some(mut identity) = answer.await? else {
        return Ok(None);
    };
    // Boxed, so that the future of a known caller is not larger.
    Box::pin(credentials.refuse_revoked(&mut identity)).await?;
    Ok(Some(Arc::new(identity)))
}

/// The first step of a way of authentication.
enum Begun<'a> {
    /// The way knows the caller already.
    Known(Arc<Identity>),
    Asked(AuthFuture<'a>),
}

/// The reason why a request is not served.
pub(super) enum Refusal {
    NoCredentials,
    Malformed(&'static str),
    Error(AuthError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Error(error)
    }
}

impl Refusal {
    /// Returns the response. The client does not learn more than the kind of the error.
    pub(super) fn into_rejection(self) -> Rejection {
        match self {
            Self::NoCredentials => Rejection::new(
                StatusCode::UNAUTHORIZED,
                "Authentication is required: send credentials with the request",
            )
            .with_challenge(Challenge::NoCredentials),
            Self::Malformed(mistake) => Rejection::new(
                StatusCode::BAD_REQUEST,
                format!("The header Authorization is malformed: {mistake}"),
            )
            .with_challenge(Challenge::Malformed),
            Self::Error(AuthError::Unavailable(reason)) => {
                tracing::warn!(reason, "credentials could not be checked");
                let message = "The credentials cannot be checked at the moment: try again later";
                let error = RpcError::overloaded(message);
                Rejection::rpc(StatusCode::SERVICE_UNAVAILABLE, None, &error)
            }
            Self::Error(AuthError::Invalid(reason)) => {
                tracing::info!(reason, "credentials were refused");
                Rejection::new(
                    StatusCode::UNAUTHORIZED,
                    "The credentials are not valid, or have expired",
                )
                .with_challenge(Challenge::InvalidToken)
            }
        }
    }
}
