//! The components of an upstream server, kept as they are there: listed when a connection is made, and again when the server says
//! that they have changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::exchange::Exchange;
use super::link::{Opened, modern_meta};
use super::list::{Host, List};
use super::open::Event;
use super::proxy::Proxy;
use super::request::Request;
use super::review::Held;
#[cfg(feature = "skills")]
use super::skills;
use crate::protocol::capability::ClientCapabilities;

/// The time that a server has to answer a request for a page of a list.
const LIST_LIMIT: Duration = Duration::from_secs(30);
/// The number of pages of a list.
const MAX_PAGES: usize = 1000;
/// The size of the definitions of a list, in bytes.
const MAX_BYTES: usize = 32 << 20;
/// The interval at which a server is asked whether it still answers.
const HEALTH_INTERVAL: Duration = Duration::from_secs(30);
/// The time that it has to answer.
const HEALTH_LIMIT: Duration = Duration::from_secs(10);
/// The shortest and the longest interval at which lists are read again if the server does not tell changes.
const SHORTEST_AGE: Duration = Duration::from_secs(60);
const LONGEST_AGE: Duration = Duration::from_secs(600);
/// The pause after a failure, before lists are read or changes are listened for again.
const PAUSE: Duration = Duration::from_secs(1);

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_cursor: Option<String>,
    ttl_ms: Option<u64>,
    #[serde(flatten)]
    lists: serde_json::Map<String, Value>,
}

/// The messages about changes of a modern server.
struct Listening {
    exchange: Exchange,
    resources: usize,
}

impl Proxy {
    /// Keeps a connection and the components of the host up to date, until it is dropped.
    pub(super) async fn maintain(self: Arc<Self>, host: Arc<dyn Host>) {
        let mut last_error = String::new();
        loop {
            match self.link.open(&self.link.shared).await {
                Ok(opened) => {
                    let followed = self.follow(&opened, &*host).await;
                    self.current.send_replace(true);
                    if let Err(why) = followed {
                        tracing::warn!(
                            upstream = self.link.options.name,
                            "its lists cannot be read: {why}"
                        );
                        self.ready.send_replace(true);
                        opened.connection.expire(&why);
                        sleep(PAUSE).await;
                        opened.connection.close().await;
                    }
                    last_error.clear();
                }
                Err(error) => {
                    let error = error.to_string();
                    let is_new = !error.contains("the next attempt") && error != last_error;
                    if is_new {
                        tracing::warn!(
                            upstream = self.link.options.name,
                            "it is not available: {error}"
                        );
                        last_error = error;
                    }
                    self.ready.send_replace(true);
                    let retry = self.link.shared.retry_at();
                    sleep_until(retry.unwrap_or_else(|| Instant::now() + PAUSE)).await;
                }
            }
        }
    }

    /// Follows the changes of a connection until it is lost.
    async fn follow(self: &Arc<Self>, opened: &Opened, host: &dyn Host) -> Result<(), String> {
        let stateless = opened.connection.features().is_some_and(|it| it.stateless);
        let mut due = BTreeMap::new();
        self.refresh_all(opened, host, List::ALL, &mut due).await?;
        self.instruct(opened, host);
        self.link.shared.works();
        self.ready.send_replace(true);
        let mut listening = None;
        let mut subscribed = 0;
        // Outside of the loop, so that other events do not delay the check.
        let mut health_due = Instant::now() + HEALTH_INTERVAL;
        loop {
            if opened.connection.is_lost() {
                return Ok(());
            }
            let watched = self.watched.lock().all();
            if stateless {
                let is_current = listening
                    .as_ref()
                    .is_some_and(|it: &Listening| it.resources == watched.len());
                if !is_current {
                    listening = Some(self.listen(opened, &watched).await?);
                }
            } else if opened.info.subscribes() {
                self.subscribe(opened, watched.get(subscribed..).unwrap_or_default())
                    .await?;
                subscribed = watched.len();
            }
            tokio::select! {
                () = self.changed.notified() => {}
                event = heard(&mut listening) => {
                    if !matches!(event, Event::Question(_)) {
                        // Changes may have been missed.
                        sleep(PAUSE).await;
                        listening = None;
                        self.mark(List::ALL);
                    }
                }
                () = sleep_until(health_due) => {
                    self.check(opened).await?;
                    health_due = Instant::now() + HEALTH_INTERVAL;
                }
                () = until(due.values().min().copied()) => {
                    let now = Instant::now();
                    self.mark(due.iter().filter(|it| *it.1 <= now).map(|it| *it.0));
                }
            }
            let dirty = std::mem::take(&mut *self.dirty.lock());
            if !dirty.is_empty() && !opened.connection.is_lost() {
                self.refresh_all(opened, host, dirty, &mut due).await?;
                let dirty = self.dirty.lock();
                if dirty.is_empty() {
                    self.current.send_replace(true);
                }
            }
        }
    }

    /// Reads the lock file again and again. What another file no longer accepts is removed at once, whatever the server does;
    /// what it accepts in addition is added when the lists are read.
    pub(super) async fn follow_lock_file(self: Arc<Self>, held: Arc<Held>, host: Arc<dyn Host>) {
        let mut generation = held.generation();
        loop {
            sleep_until(held.due()).await;
            held.refresh().await;
            let current = held.generation();
            if std::mem::replace(&mut generation, current) != current {
                self.recheck(&*host);
                self.mark(List::ALL);
            }
        }
    }

    /// Notes that lists have changed.
    pub(super) fn mark(&self, lists: impl IntoIterator<Item = List>) {
        self.dirty.lock().extend(lists);
        self.changed.notify_one();
    }

    /// Checks that the server still answers.
    async fn check(&self, opened: &Opened) -> Result<(), String> {
        let stateless = opened.connection.features().is_some_and(|it| it.stateless);
        let mut request = Request::new(if stateless { "server/discover" } else { "ping" });
        if stateless {
            request.meta = modern_meta(ClientCapabilities::default(), None);
        }
        request.authorization = self.link.authorization(None).await?;
        let reply = timeout(HEALTH_LIMIT, opened.connection.start(request, None).reply()).await;
        match reply {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it does not answer within {HEALTH_LIMIT:?}")),
        }
    }

    /// Asks a server with a session for the changes of resources. It may refuse.
    async fn subscribe(&self, opened: &Opened, uris: &[String]) -> Result<(), String> {
        for uri in uris {
            let mut request = Request::new("resources/subscribe").named("uri", uri);
            request.authorization = self.link.authorization(None).await?;
            let _ = timeout(LIST_LIMIT, opened.connection.start(request, None).reply()).await;
        }
        Ok(())
    }

    /// Asks a modern server for its changes.
    async fn listen(&self, opened: &Opened, watched: &[String]) -> Result<Listening, String> {
        let mut notifications = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        });
        if !watched.is_empty() {
            notifications["resourceSubscriptions"] = watched.into();
        }
        let mut request = Request::new("subscriptions/listen");
        request = request.param("notifications", &notifications.to_string());
        request.meta = modern_meta(ClientCapabilities::default(), None);
        request.authorization = self.link.authorization(None).await?;
        Ok(Listening {
            exchange: opened.connection.start(request, None),
            resources: watched.len(),
        })
    }

    /// Reads lists, and changes the components of the host. `due` has the time at which each list is read again, if the server
    /// does not tell its changes.
    async fn refresh_all(
        self: &Arc<Self>,
        opened: &Opened,
        host: &dyn Host,
        lists: impl IntoIterator<Item = List>,
        due: &mut BTreeMap<List, Instant>,
    ) -> Result<(), String> {
        for list in lists {
            let capability = list.capability();
            #[cfg_attr(not(feature = "skills"), allow(unused_mut))]
            let (mut definitions, ttl) = if opened.info.has(capability) {
                self.read(opened, list.method(), list.member()).await?
            } else {
                (Vec::new(), None)
            };
            #[cfg(feature = "skills")]
            if matches!(list, List::Resources | List::Templates) {
                skills::remove_places(&mut definitions);
            }
            #[cfg(feature = "skills")]
            if list == List::Resources && skills::are_declared(&opened.info.capabilities) {
                self.add_skills(opened, &mut definitions).await?;
            }
            if opened.info.has(capability)
                && opened.info.capabilities[capability]["listChanged"] != true
            {
                let ttl = ttl.unwrap_or(LONGEST_AGE).clamp(SHORTEST_AGE, LONGEST_AGE);
                due.insert(list, Instant::now() + ttl);
            }
            let has_changed = self.apply(opened, host, list, definitions);
            let was_told = self.told.lock().remove(&list);
            if was_told && !has_changed {
                host.listed(list.kind());
            }
        }
        Ok(())
    }

    /// Reads all pages of a list.
    async fn read(
        &self,
        opened: &Opened,
        method: &'static str,
        member: &str,
    ) -> Result<(Vec<Value>, Option<Duration>), String> {
        let stateless = opened.connection.features().is_some_and(|it| it.stateless);
        let (mut all, mut ttl, mut cursor, mut bytes) = (Vec::new(), None, None::<String>, 0);
        for _ in 0..MAX_PAGES {
            let mut request = Request::new(method);
            if let Some(cursor) = &cursor {
                request = request.param("cursor", &json!(cursor).to_string());
            }
            if stateless {
                // A server may give the pages of its tools only to clients that show them.
                let shows_pages = ClientCapabilities {
                    apps: true,
                    ..ClientCapabilities::default()
                };
                request.meta = modern_meta(shows_pages, None);
            }
            request.authorization = self.link.authorization(None).await?;
            let reply = timeout(LIST_LIMIT, opened.connection.start(request, None).reply()).await;
            let reply =
                reply.map_err(|_| format!("`{method}` is not answered within {LIST_LIMIT:?}"))?;
            let reply = reply.map_err(|error| error.to_string())?;
            let result = match reply {
                Ok(result) => result,
                // Some servers declare resources, and have no templates.
                Err(_) if method == List::Templates.method() => return Ok((Vec::new(), None)),
                #[cfg(feature = "skills")]
                Err(error) if method == skills::METHOD => {
                    let upstream = &self.link.options.name;
                    tracing::warn!(upstream, "its skills are left out: {}", error.message);
                    return Ok((Vec::new(), None));
                }
                Err(error) => return Err(format!("`{method}` is refused: {}", error.message)),
            };
            bytes += result.len();
            if bytes > MAX_BYTES {
                return Err(format!("`{method}` has more than {MAX_BYTES} bytes"));
            }
            let page: Page = serde_json::from_str(&result)
                .map_err(|error| format!("the result of `{method}` is malformed: {error}"))?;
            ttl = ttl.or(page.ttl_ms.map(Duration::from_millis));
            let mut lists = page.lists;
            let Some(Value::Array(definitions)) = lists.remove(member) else {
                return Err(format!("the result of `{method}` has no list `{member}`"));
            };
            all.extend(definitions);
            if all.len() > self.link.options.max_components {
                let limit = self.link.options.max_components;
                tracing::warn!(
                    upstream = self.link.options.name,
                    "`{method}` has more than {limit} definitions: the others are left out"
                );
                all.truncate(limit);
                return Ok((all, ttl));
            }
            match page.next_cursor {
                None => return Ok((all, ttl)),
                same if same == cursor => return Err(format!("`{method}` repeats a cursor")),
                next => cursor = next,
            }
        }
        Err(format!("`{method}` has more than {MAX_PAGES} pages"))
    }

    /// Adds the skills of the server to the definitions of its resources. Without them, their files are ordinary resources.
    #[cfg(feature = "skills")]
    async fn add_skills(
        &self,
        opened: &Opened,
        definitions: &mut Vec<Value>,
    ) -> Result<(), String> {
        let upstream = &self.link.options.name;
        let (found, _) = self.read(opened, skills::METHOD, "skills").await?;
        let limit = self.link.options.max_components;
        skills::merge(definitions, found, limit, |uri, why| {
            tracing::warn!(upstream, "the skill `{uri}` is left out: {why}");
        });
        Ok(())
    }
}

async fn heard(listening: &mut Option<Listening>) -> Event {
    match listening {
        Some(listening) => listening.exchange.next().await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
