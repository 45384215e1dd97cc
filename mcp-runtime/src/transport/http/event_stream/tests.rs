//! Tests of event streams.

use std::task::Waker;

use super::state::{MAX_KEPT, MAX_KEPT_BYTES};
use super::*;
use crate::owner::Owner;
use crate::service::Budget;
use crate::transport::http::tests::begin;

fn read(reader: &mut StreamReader) -> Option<String> {
    let mut context = Context::from_waker(Waker::noop());
    match reader.poll(&mut context) {
        Poll::Ready(Some(bytes)) => Some(String::from_utf8(bytes.to_vec()).expect("text")),
        Poll::Ready(None) => None,
        Poll::Pending => Some("pending".to_owned()),
    }
}

/// Reads all chunks that are ready.
fn all(reader: &mut StreamReader) -> String {
    let ready = || read(reader).filter(|chunk| chunk != "pending");
    std::iter::from_fn(ready).collect()
}

fn stream(primed: bool) -> Arc<EventStream> {
    let stream = Arc::new(EventStream {
        kept: true,
        primed,
        ..EventStream::default()
    });
    stream.set_name("s".to_owned());
    stream
}

#[test]
fn a_client_goes_on_where_it_stopped() {
    let stream = stream(true);
    stream.send("one".to_owned());
    let mut reader = stream.read(None);
    assert_eq!(
        read(&mut reader).as_deref(),
        Some("id: s-0\nretry: 500\ndata: \n\nid: s-1\ndata: one\n\n")
    );
    assert_eq!(read(&mut reader).as_deref(), Some("pending"));
    stream.send("two".to_owned());
    let mut resumed = stream.resume(0);
    assert_eq!(read(&mut reader), None, "the newest reader is the only one");
    assert_eq!(
        read(&mut resumed).as_deref(),
        Some("id: s-1\ndata: one\n\nid: s-2\ndata: two\n\n")
    );
    stream.finish(None);
    assert_eq!(read(&mut resumed), None);
    assert_eq!(
        read(&mut stream.resume(1)).as_deref(),
        Some("id: s-2\ndata: two\n\n")
    );
    assert_eq!(read(&mut stream.resume(u64::MAX)), None);
}

#[test]
fn a_call_that_ends_before_the_first_read_of_its_stream_is_answered() {
    let stream = stream(true);
    stream.finish(Some(Reply::new("answer".to_owned())));
    let text = read(&mut stream.read(None)).expect("events");
    assert!(text.ends_with("id: s-1\ndata: answer\n\n"), "{text}");
    let resumed = read(&mut stream.resume(0)).expect("events");
    assert_eq!(resumed, "id: s-1\ndata: answer\n\n");
}

#[test]
fn a_cut_stream_ends_and_goes_on() {
    let stream = stream(true);
    let mut reader = stream.read(None);
    stream.cut();
    assert!(read(&mut reader).is_some_and(|text| text.contains("retry: 500")));
    assert_eq!(read(&mut reader), None);
    stream.send("late".to_owned());
    assert_eq!(
        read(&mut stream.resume(0)).as_deref(),
        Some("id: s-1\ndata: late\n\n")
    );
}

#[test]
fn what_was_sent_is_kept_up_to_so_many_bytes() {
    let stream = stream(false);
    let mut reader = stream.read(None);
    let big = "x".repeat(MAX_KEPT_BYTES / 3);
    for _ in 0..5 {
        stream.send(big.clone());
        read(&mut reader).expect("an event");
    }
    let kept = read(&mut stream.resume(0)).expect("events");
    assert_eq!(kept.matches("data: ").count(), 3);
}

#[test]
fn the_last_event_is_kept_whatever_its_length() {
    let stream = stream(false);
    let mut reader = stream.read(None);
    stream.send("small".to_owned());
    stream.finish(Some(Reply::new("x".repeat(2 * MAX_KEPT_BYTES))));
    all(&mut reader);
    let kept = read(&mut stream.resume(0)).expect("events");
    assert!(kept.starts_with("id: s-2\n"), "{}", &kept[..20]);
}

#[test]
fn so_many_bytes_wait_and_the_answer_in_any_case() {
    let stream = stream(false);
    let mut reader = stream.read(None);
    let message = "x".repeat(1 << 20);
    let fill = || (0..100).filter(|_| stream.send(message.clone())).count();
    // Sent events that are kept for a reconnecting client do not count as unread.
    for _ in 0..2 {
        assert_eq!(fill(), 4);
        let text = all(&mut reader);
        assert_eq!(text.matches("data: ").count(), 4);
    }
    assert_eq!(fill(), 4);
    stream.finish(Some(Reply::new(message.clone())));
    let text = all(&mut reader);
    assert_eq!(text.matches("data: ").count(), 5);
}

#[test]
fn a_chunk_counts_as_unsent_until_it_is_written() {
    let budget = Budget::new(1 << 20);
    let (owner, other) = (Owner::Session([1; 16]), Owner::Session([2; 16]));
    let retained = Budget::new(100_000);
    let stream = EventStream::of_session(
        &begin(),
        budget.held_by(owner.clone()),
        retained.held_by(owner),
    );
    let message = "x".repeat(200_000);
    let sent = || (0..100).filter(|_| stream.send(message.clone())).count();
    // An owner may hold half of the budget.
    assert_eq!(sent(), 2);
    let mut reader = stream.read(None);
    let mut context = Context::from_waker(Waker::noop());
    let chunks: Vec<Bytes> = std::iter::from_fn(|| match reader.poll(&mut context) {
        Poll::Ready(chunk) => chunk,
        Poll::Pending => None,
    })
    .collect();
    assert_eq!(sent(), 0, "the chunks are not written");
    assert!(budget.held_by(other).add(200_000));
    drop(chunks);
    assert_eq!(sent(), 2);
    drop(reader);
    let mut others = retained.held_by(Owner::Local);
    assert!(others.add(50_000));
    stream.finish(Some(Reply::new(message.clone())));
    // The stream has no reader, and there is no capacity to retain it.
    assert_eq!(all(&mut stream.resume(0)), "");
}

#[test]
fn a_reply_beyond_the_budget_is_an_error() {
    let budget = Budget::new(1 << 20);
    let mut first = budget.held_by(Owner::Local);
    assert!(first.add(400_000));
    let stream = EventStream::of_call(budget.held_by(Owner::Local));
    let mut reader = stream.read(None);
    let reply = format!(
        r#"{{"jsonrpc":"2.0","id":7,"result":"{}"}}"#,
        "x".repeat(200_000)
    );
    stream.finish(Some(Reply::new(reply)));
    let text = all(&mut reader);
    assert!(
        text.contains(r#""id":7,"error":{"code":-32603"#),
        "{text:.200}"
    );
}

#[test]
fn it_is_bounded_and_keeps_what_nobody_had() {
    let stream = stream(false);
    for number in 0..2048 {
        assert_eq!(stream.send(number.to_string()), number < 1024);
    }
    let mut reader = stream.read(None);
    let text = read(&mut reader).expect("events");
    assert_eq!(text.matches("data: ").count(), 1024);
    let left = read(&mut stream.resume(0)).expect("events");
    assert_eq!(left.matches("data: ").count(), MAX_KEPT);
    assert!(left.ends_with("id: s-1024\ndata: 1023\n\n"), "{left}");
}

#[test]
fn what_is_not_kept_is_sent_once_and_has_no_ids() {
    let stream = Arc::new(EventStream::default());
    let message = "x".repeat(1 << 20);
    let fill = || (0..100).filter(|_| stream.send(message.clone())).count();
    assert_eq!(fill(), 4);
    let mut reader = stream.read(None);
    let text = all(&mut reader);
    assert!(!text.contains("id: ") && text.matches("data: ").count() == 4);
    assert!(stream.state().events.is_empty());
    assert_eq!(fill(), 4);
    stream.finish(Some(Reply::new("answer".to_owned())));
    assert!(!stream.send("late".to_owned()));
    let text = all(&mut reader);
    assert_eq!(text.matches("data: ").count(), 5);
    assert!(text.ends_with("data: answer\n\n"));
    assert_eq!(read(&mut reader), None);
}

#[test]
fn a_call_that_ends_before_it_is_read_is_no_stream_unless_its_events_are_kept() {
    let mut context = Context::from_waker(Waker::noop());
    for kept in [false, true] {
        let stream = EventStream {
            kept,
            ..EventStream::default()
        };
        stream.send("sent".to_owned());
        stream.finish(Some(Reply::new("answer".to_owned())));
        let Poll::Ready(start) = stream.poll_start(&mut None, &mut context) else {
            panic!("the response has not started");
        };
        match start {
            ResponseStart::Events => assert!(kept),
            ResponseStart::Answer(sent, answer) => {
                assert_eq!(sent, ["sent"]);
                assert!(!kept && answer.is_some());
            }
        }
    }
}

#[test]
fn one_message_of_any_length_waits() {
    let stream = EventStream::default();
    let endless = "x".repeat(2 * MAX_UNREAD_BYTES);
    assert_eq!(
        [(); 2].map(|()| stream.send(endless.clone())),
        [true, false]
    );
}

#[test]
fn sent_events_count_for_their_owner_and_are_kept_only_within_its_share() {
    // An owner may hold half of the budget.
    let budget = Budget::new(4 * MAX_KEPT_BYTES);
    let event = "x".repeat(MAX_KEPT_BYTES / 2);
    let streams = |owner: Owner, count: usize| -> Vec<Arc<EventStream>> {
        let stream = |_| {
            let retained = budget.held_by(owner.clone());
            let stream = EventStream::of_session(&begin(), Held::default(), retained);
            let mut reader = stream.read(None);
            stream.send(event.clone());
            assert!(read(&mut reader).is_some_and(|text| text.contains(&event)));
            std::mem::forget(reader); // the stream is still being read
            stream
        };
        (0..count).map(stream).collect()
    };
    let is_kept = |stream: &Arc<EventStream>| stream.state().bytes > 0;
    let kept = |streams: &[_]| streams.iter().filter(|stream| is_kept(stream)).count();
    let of_one = streams(Owner::Session([1; 16]), 40);
    assert!((2..20).contains(&kept(&of_one)), "{}", kept(&of_one));
    assert!(kept(&streams(Owner::Session([2; 16]), 1)) == 1);
    let last = of_one.last().expect("a stream");
    last.send("next".to_owned());
    let next = all(&mut last.resume(0));
    assert!(
        next.contains("data: next") && next.contains("-2\n"),
        "{next}"
    );
}

/// Returns a stream with a log.
fn logged() -> Arc<EventStream> {
    let stream = stream(false);
    stream.start_log();
    stream
}

/// Returns the number of the first event that the log lacks and the sizes of the next ones, or what else the log lacks.
fn unlogged(stream: &EventStream, limit: usize) -> Result<(u64, Vec<usize>), String> {
    let mut context = Context::from_waker(Waker::noop());
    match stream.poll_unlogged(limit, &mut context) {
        Poll::Ready(Unlogged::Events(first, events, _)) => {
            Ok((first, events.iter().map(String::len).collect()))
        }
        Poll::Ready(Unlogged::Lost) => Err("lost".to_owned()),
        Poll::Ready(Unlogged::End(last)) => Err(format!("end {last}")),
        Poll::Ready(Unlogged::Forgotten(last)) => Err(format!("forgotten {last}")),
        Poll::Pending => Err("pending".to_owned()),
    }
}

#[test]
fn the_log_receives_events_in_parts_and_then_the_end() {
    let stream = logged();
    assert_eq!(unlogged(&stream, 20), Err("pending".to_owned()));
    for bytes in [9, 8, 1, 50, 1] {
        stream.send("x".repeat(bytes));
    }
    for part in [vec![9, 8], vec![1], vec![50], vec![1]] {
        let (first, sizes) = unlogged(&stream, 20).expect("events");
        assert_eq!(sizes, part);
        stream.mark_logged(first - 1 + sizes.len() as u64);
    }
    stream.finish(Some(Reply::new("answer".to_owned())));
    assert_eq!(unlogged(&stream, 20), Ok((6, vec![6])));
    stream.mark_logged(6);
    assert_eq!(unlogged(&stream, 20), Err("end 6".to_owned()));
    stream.forget_log();
    assert_eq!(unlogged(&stream, 20), Err("forgotten 6".to_owned()));
}

#[test]
fn an_answer_that_waits_for_the_reader_comes_before_the_end_of_the_log() {
    let stream = logged();
    stream.finish(Some(Reply::new("answer".to_owned())));
    assert_eq!(unlogged(&stream, 20), Err("pending".to_owned()));
    drop(stream.read(None));
    assert_eq!(unlogged(&stream, 20), Ok((1, vec![6])));
}

#[test]
fn sent_events_wait_for_the_log_up_to_the_limits_of_unread_ones() {
    let stream = logged();
    let mut reader = stream.read(None);
    let big = MAX_UNREAD_BYTES / 4;
    for number in 1..=6 {
        stream.send("x".repeat(big));
        all(&mut reader);
        let first = if number <= 4 {
            Ok((1, vec![big]))
        } else {
            Err("lost".to_owned())
        };
        assert_eq!(unlogged(&stream, 1), first, "{number}");
        assert!(stream.state().bytes <= MAX_UNREAD_BYTES);
    }
    // Without a log, only those are kept that a client may have missed.
    stream.stop_log();
    stream.send("x".to_owned());
    all(&mut reader);
    assert!(stream.state().bytes <= MAX_KEPT_BYTES);
    let (small, mut number) = (logged(), 0);
    let mut reader = small.read(None);
    while unlogged(&small, 1) != Err("lost".to_owned()) {
        small.send("x".to_owned());
        all(&mut reader);
        number += 1;
    }
    assert_eq!(number, MAX_UNREAD + 1);
}

#[test]
fn events_in_the_log_are_dropped_after_the_reader_has_them() {
    let budget = Budget::new(16 << 20);
    let stream = EventStream::of_session(
        &begin(),
        Held::default(),
        budget.held_by(Owner::Session([1; 16])),
    );
    stream.start_log();
    let mut reader = stream.read(None);
    for _ in 0..10 {
        stream.send("x".repeat(MAX_KEPT_BYTES));
    }
    all(&mut reader);
    assert_eq!(stream.state().events.len(), 10);
    // A client repeats them while the log gets them.
    let mut again = stream.resume(0);
    read(&mut again).expect("the first event");
    stream.mark_logged(10);
    assert_eq!(stream.state().events.len(), 9);
    let rest = all(&mut again);
    assert_eq!(rest.matches("data: ").count(), 9);
    assert_eq!(stream.state().events.len(), 1);
}

#[test]
fn events_that_were_received_elsewhere_do_not_wait_to_be_read() {
    let stream = stream(false);
    for bytes in [1 << 20, 1, 2 << 20, 2, 3, 4] {
        assert!(stream.send("x".repeat(bytes)));
    }
    let mut reader = stream.resume(4);
    assert_eq!(stream.state().unread, 2);
    assert_eq!(stream.state().unread_bytes, 7);
    assert_eq!(all(&mut reader).matches("data: ").count(), 2);
    assert_eq!(stream.state().unread_bytes, 0);
    drop(stream.resume(1));
    assert_eq!(stream.state().unread, 0);
}
