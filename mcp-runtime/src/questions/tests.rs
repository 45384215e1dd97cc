//! Tests of questions in the stateless era.

use super::*;
use crate::owner::Owner;
use crate::protocol::error::INTERNAL_ERROR;

const MESSAGE: &str = r#"{"id":1,"method":"tools/call","params":{"name":"x"}}"#;

fn replay() -> Arc<Replay> {
    let sealer = Arc::new(Sealer::from_keys(&[[1; 32]]).expect("a key"));
    Arc::new(Replay::new(sealer, Duration::from_secs(60), None, None))
}

/// Stores effects until the store is full.
fn fill(replay: &Replay) {
    let keep = |number: usize| {
        let chain = number.to_string();
        let later = now() + 60_000;
        let chains = &replay.chains;
        chains.keep(&chain, Arc::default(), Owner::Local, later)
    };
    assert!((0..1_000_000).any(|number| keep(number).is_err()));
}

/// Asks a question and returns the resulting state.
fn asked(questions: &Questions) -> Result<String, RpcError> {
    let asked = questions.begin(Question::new(Capability::Roots, json!({}), None));
    assert!(
        asked
            .poll_answer(std::task::Waker::noop(), |answer| Some(Ok(answer.clone())))
            .is_pending()
    );
    let members = format!("{{{}}}", questions.ask(MESSAGE, &Origin::default())?);
    let members: Value = serde_json::from_str(&members).expect("an object");
    Ok(members["requestState"].to_string())
}

#[test]
fn a_question_whose_effects_cannot_be_kept_is_refused() {
    let replay = replay();
    let questions = Questions::new(Arc::clone(&replay));
    let effects = questions
        .effects(&Origin::default(), "key")
        .expect("effects are not stored before a client carries the state");
    effects.merge(&BTreeMap::from([("key".to_owned(), 1.into())]));
    fill(&replay);
    let refused = asked(&questions).expect_err("the effects cannot be stored");
    assert_eq!(refused.code, INTERNAL_ERROR);
    assert!(asked(&Questions::new(replay)).is_ok());
}

#[test]
fn an_effect_that_could_happen_again_does_not_happen() {
    let replay = replay();
    let state = asked(&Questions::new(Arc::clone(&replay))).expect("a state");
    fill(&replay);
    let again = Questions::new(replay);
    let resumed = again.resume(MESSAGE, &Origin::default(), Some(&state), None);
    resumed.expect("resumed");
    assert!(!again.are_open());
    assert!(again.effects(&Origin::default(), "key").is_none());
    assert!(again.are_open(), "the call is suspended");
    let refused = again
        .ask(MESSAGE, &Origin::default())
        .expect_err("the store is full");
    assert_eq!(refused.code, INTERNAL_ERROR);
}

#[test]
fn an_attempt_with_many_effects_stops_at_the_limit_of_its_caller() {
    let remote = || Origin {
        peer: Some(([192, 0, 2, 1], 1).into()),
        ..Origin::default()
    };
    // A local caller has all 32 MiB, another has an eighth of them.
    for (origin, most) in [(Origin::default(), 32), (remote(), 4)] {
        for is_resumed in [false, true] {
            let replay = replay();
            let state = asked(&Questions::new(Arc::clone(&replay))).expect("a state");
            let questions = Questions::new(replay);
            let state = Some(&*state).filter(|_| is_resumed);
            let resumed = questions.resume(MESSAGE, &origin, state, None);
            resumed.expect("resumed");
            let outcome = Value::from("x".repeat(1 << 20));
            let mut done = 0;
            while let Some(effects) = questions.effects(&origin, &done.to_string()) {
                let key = done.to_string();
                effects
                    .effect(&key)
                    .set(outcome.clone())
                    .expect("a new effect");
                questions.record(&key, &outcome);
                done += 1;
                assert!(done < 100, "{most} {is_resumed}");
            }
            assert_eq!(done, most, "{most} {is_resumed}");
            assert!(questions.are_open(), "the call is suspended");
        }
    }
}
