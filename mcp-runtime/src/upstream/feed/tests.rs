//! The times at which lists are read and servers are checked, on a paused clock.

#![allow(clippy::unwrap_used)] // allowed in tests

use super::*;
use crate::protocol::Revision;
use crate::registry::{Component, ComponentKind};
use crate::service::BoxFuture;
use crate::sync::Mutex;
use crate::upstream::connection::{Connection, Watch};
use crate::upstream::options::{Options, Target};
use crate::upstream::slot::ServerInfo;
use crate::upstream::transport::{Outgoing, Receive, Sending, Transport};

/// A server whose lists are empty. It counts the requests.
struct Empty {
    receive: Arc<dyn Receive>,
    methods: Arc<Mutex<Vec<&'static str>>>,
}

impl Transport for Empty {
    fn send(&self, outgoing: Outgoing<'_>) -> Sending {
        if let (Some(id), Some(method)) = (outgoing.id, outgoing.method) {
            self.methods.lock().push(method);
            let result = json!({ "tools": [], "prompts": [] });
            let reply = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            self.receive.receive(reply.to_string(), None);
        }
        Sending::Done(Ok(()))
    }

    fn close(&self) -> BoxFuture<()> {
        Box::pin(async {})
    }
}

struct Nobody;

impl Watch for Nobody {
    fn notified(&self, _: &str, _: &str) {}

    fn lost(&self, _: &str) {}
}

impl Host for Nobody {
    fn add(&self, _: Component) -> Result<(), String> {
        Ok(())
    }

    fn remove(&self, _: ComponentKind, _: &str) {}

    fn instructed(&self, _: Option<&str>) {}

    fn listed(&self, _: ComponentKind) {}

    fn updated(&self, _: &str) {}
}

/// Follows a server that tells only changes of its prompts, while its prompts change at this interval. Returns the methods of
/// the requests to the server.
async fn followed(time: Duration, interval: Duration) -> Vec<&'static str> {
    let methods = Arc::default();
    let connection = Connection::new(Arc::new(Nobody), false, |receive| {
        let methods = Arc::clone(&methods);
        Ok(Arc::new(Empty { receive, methods }) as Arc<dyn Transport>)
    });
    let connection = connection.unwrap();
    let features = Revision::LATEST_LEGACY.features();
    connection.negotiated(features).await.unwrap();
    let info = ServerInfo {
        capabilities: json!({ "tools": {}, "prompts": { "listChanged": true } }),
        ..ServerInfo::default()
    };
    let opened = Opened::new(connection, info);
    let proxy = Proxy::new(Options::new(Target::Url("http://127.0.0.1:1".to_owned())));
    let changes = async {
        loop {
            sleep(interval).await;
            proxy.mark([List::Prompts]);
        }
    };
    let follow = async { tokio::join!(proxy.follow(&opened, &Nobody), changes).0 };
    assert!(timeout(time, follow).await.is_err());
    methods.lock().clone()
}

fn count(methods: &[&str], method: &str) -> usize {
    methods.iter().filter(|it| **it == method).count()
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_list_do_not_end_the_reading_of_others() {
    let time = LONGEST_AGE + Duration::from_secs(30);
    let methods = followed(time, Duration::from_secs(100)).await;
    assert_eq!(count(&methods, "tools/list"), 2, "{methods:?}");
    assert_eq!(count(&methods, "prompts/list"), 7, "{methods:?}");
}

#[tokio::test(start_paused = true)]
async fn changes_do_not_put_off_the_check_of_the_server() {
    let time = HEALTH_INTERVAL * 2 + Duration::from_secs(1);
    let methods = followed(time, Duration::from_secs(2)).await;
    assert_eq!(count(&methods, "ping"), 2, "{methods:?}");
}
