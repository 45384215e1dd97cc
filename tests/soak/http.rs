//! A client over HTTP, which keeps a connection as long as the server does.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mcp_tests::raw_http::{self, Connection, Response, modern_headers, request};
use mcp_tests::{Outcome, schemas};
use serde_json::json;

use crate::ask::{Ask, Era};
use crate::callers::Caller;
use crate::credentials::{self, Credentials, Sent};
use crate::issuer::Issuer;
use crate::memory::Series;
use crate::{Lane, Tally, Verdict};

/// The maximum number of requests that are written before the first answer is read.
const PIPELINE: usize = 5;

/// What the clients of one server share.
pub(crate) struct Site<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) issuer: &'a Issuer,
    /// The headers of two legacy sessions.
    pub(crate) sessions: [String; 2],
}

/// The headers of a new legacy session, without credentials.
pub(crate) fn session(address: SocketAddr, issuer: &Issuer, caller: &Caller) -> Outcome<String> {
    let revision = Era::Legacy.revision();
    let params = json!({
        "protocolVersion": revision, "capabilities": {}, "clientInfo": { "name": "soak", "version": "0" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let credentials = credentials::own(issuer, caller)?;
    let (headers, answer) = raw_http::session(
        address,
        revision,
        &credentials.headers,
        &message.to_string(),
    )?;
    schemas::reply(revision, Some("initialize"), &answer.only_message()?, true)?;
    Ok(headers)
}

/// A request that has been written.
struct Written {
    ask: Ask,
    sent: Sent,
    /// Whether the request names the session of another caller.
    is_elsewhere: bool,
}

/// The connection of a client, and the messages that it has yet to send.
struct Client<'a> {
    site: &'a Site<'a>,
    lane: Lane,
    session: usize,
    credentials: Credentials<'a>,
    connection: Connection,
    /// The number of messages that were created.
    created: u64,
    /// Messages that the server has not read, because it closed their connection.
    again: VecDeque<Ask>,
    /// Whether the last response refused the credentials of its request.
    is_refused: bool,
    tally: Tally,
}

impl<'a> Client<'a> {
    fn open(site: &'a Site<'a>, session: usize, lane: Lane) -> Outcome<Self> {
        Ok(Self {
            credentials: Credentials::new(site.issuer, lane.caller)?,
            connection: Connection::open(site.address)?,
            site,
            lane,
            session,
            created: 0,
            again: VecDeque::new(),
            is_refused: false,
            tally: Tally::default(),
        })
    }

    /// Returns the next message, if there is one more.
    fn next(&mut self) -> Option<Ask> {
        if let Some(ask) = self.again.pop_front() {
            return Some(ask);
        }
        let Lane {
            number, numbering, ..
        } = self.lane;
        (self.created < self.lane.messages).then(|| {
            self.created += 1;
            Ask::random(
                &mut self.lane.random,
                self.lane.caller,
                number,
                self.created,
                numbering,
            )
        })
    }

    /// Returns a request and its bytes.
    fn request(&mut self, ask: Ask) -> Outcome<(Written, String)> {
        let Lane { era, random, .. } = &mut self.lane;
        let sent = self.credentials.next(random)?;
        let is_legacy = *era == Era::Legacy;
        let is_elsewhere = is_legacy && !ask.is_malformed() && random.below(100) == 0;
        let session = self.session ^ usize::from(is_elsewhere);
        let headers = if is_legacy {
            self.site.sessions[session].clone()
        } else {
            modern_headers(&ask.method(), ask.name().as_deref())
        };
        let headers = headers + &sent.headers;
        let text = request(self.site.address, &headers, &ask.json(*era));
        let written = Written {
            ask,
            sent,
            is_elsewhere,
        };
        Ok((written, text))
    }

    /// Writes several requests, and reads their responses. Returns `false` if all messages have been sent.
    fn converse(&mut self, series: &Series) -> Outcome<bool> {
        let (mut bytes, mut written) = (String::new(), VecDeque::new());
        for _ in 0..=self.lane.random.below(PIPELINE) {
            let Some(ask) = self.next() else { break };
            let (request, text) = self.request(ask)?;
            bytes += &text;
            written.push_back(request);
        }
        if written.is_empty() {
            return Ok(false);
        }
        let socket = self.connection.socket();
        let mut failure = self.lane.random.write(socket, bytes.as_bytes()).err();
        while let Some(request) = written.pop_front() {
            let response = match self.connection.read() {
                Ok(response) => response,
                Err(error) => {
                    written.push_front(request);
                    failure = failure.or(Some(std::io::Error::other(error)));
                    break;
                }
            };
            series.answered();
            self.is_refused = response.status == 401;
            match self.judge(&request, &response) {
                Ok(verdict) => self.tally.add(verdict),
                Err(problem) => self.tally.problem(problem.to_string()),
            }
        }
        match failure {
            None => Ok(true),
            // A refusal does not wait for the body. If it has not arrived, the server closes the connection.
            Some(_) if self.is_refused => self.reopen(written),
            Some(error) => Err(error.into()),
        }
    }

    fn reopen(&mut self, unread: VecDeque<Written>) -> Outcome<bool> {
        for request in unread.into_iter().rev() {
            self.again.push_front(request.ask);
        }
        self.connection = Connection::open(self.site.address)?;
        self.tally.reopened += 1;
        Ok(true)
    }

    fn judge(&mut self, request: &Written, response: &Response) -> Outcome<Verdict> {
        if let Some(verdict) = self.credentials.judge(&request.sent, response)? {
            return Ok(verdict);
        }
        if request.is_elsewhere {
            let body = response.message()?;
            return match (response.status, body.get("error")) {
                (404, Some(_)) => Ok(Verdict::Unknown),
                _ => Err(format!("the session of another caller: {response:?}").into()),
            };
        }
        if request.ask.is_notification() {
            return match (response.status, &*response.body) {
                (202, "") => Ok(Verdict::Silent),
                _ => Err(format!("a notification was answered: {response:?}").into()),
            };
        }
        let verdict = request
            .ask
            .judge(self.lane.era, &response.only_message()?)?;
        let challenge = response.challenge.as_deref().unwrap_or_default();
        let is_challenged = challenge.contains(r#"error="insufficient_scope""#)
            && challenge.contains(r#"scope="soak:write""#);
        let is_forbidden = verdict == Verdict::Forbidden;
        if is_forbidden != (response.status == 403) || is_forbidden != is_challenged {
            return Err(format!("the status and the challenge are wrong: {response:?}").into());
        }
        Ok(verdict)
    }
}

/// Sends all messages of a lane.
pub(crate) fn converse(
    site: &Site<'_>,
    session: usize,
    lane: Lane,
    series: &Series,
) -> Outcome<Tally> {
    let mut client = Client::open(site, session, lane)?;
    while client.converse(series)? {}
    // After a refusal, the server may have closed the connection already.
    if !client.connection.end().unwrap_or(true) {
        client.tally.problem("there was more than was asked for");
    }
    Ok(client.tally)
}
