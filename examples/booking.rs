//! A server that asks back: it books a table, and what it has to know for that it asks the user.
//!
//! A client of 2026-07-28 has no session in which it could be asked. It gets the question as the answer to its call, and calls
//! again with what its user said, so that `book` runs two or three times for one table. Nothing of this is to be seen below but
//! one habit: what must happen once comes after the last question, in `Context::once`.
//!
//! `tests/clients/run` lets the official clients book.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many sit at one of the tables inside.
const TABLE: u8 = 6;

/// The first question, as a form. Its documentation is what the user reads beside the fields.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Wish {
    /// The day.
    #[schemars(extend("format" = "date"))]
    date: String,
    /// The time, such as 19:30.
    time: String,
    /// How many you are.
    #[schemars(range(min = 1, max = 20))]
    guests: u8,
}

/// The second question, for those who do not fit around a table.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Place {
    /// Where you would like to sit.
    seats: Seats,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Seats {
    Outdoors,
    Bar,
}

/// Book a table. The user is asked for the day, the time and the number of guests.
#[tool]
async fn book(
    /// The name of the restaurant.
    restaurant: String,
    context: Context,
    bookings: State<Bookings>,
) -> Result<String, ToolError> {
    // `?` ends the call here if the user declines, goes away, or cannot be asked. Nothing has happened yet.
    let wish: Wish = context
        .elicit(format!("A table at {restaurant}: when, and for how many?"))
        .await?;
    let seats = if wish.guests > TABLE {
        let question = format!(
            "For {} there is room outdoors and at the bar. Where would you like to sit?",
            wish.guests
        );
        let place: Place = context.elicit(question).await?;
        Some(place.seats)
    } else {
        None
    };
    // All is known. If the reply gets lost and the client sends its last attempt again, it hears of the same booking.
    let number = context
        .once("book", async { bookings.add(&restaurant, &wish, seats) })
        .await?;
    let Wish { date, time, guests } = wish;
    Ok(format!(
        "Booking {number}: {restaurant}, {date} at {time}, for {guests}."
    ))
}

/// All that was booked.
#[resource("bookings://all")]
async fn booked(bookings: State<Bookings>) -> Json<Vec<Booking>> {
    Json(bookings.all().clone())
}

#[derive(Clone, Serialize, JsonSchema)]
struct Booking {
    number: usize,
    restaurant: String,
    date: String,
    time: String,
    guests: u8,
    /// None is a table inside.
    seats: Option<Seats>,
}

/// What was booked, in memory: the real one would be a database.
#[derive(Default)]
struct Bookings(Mutex<Vec<Booking>>);

impl Bookings {
    fn all(&self) -> MutexGuard<'_, Vec<Booking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books, and gives the number of the booking.
    fn add(&self, restaurant: &str, wish: &Wish, seats: Option<Seats>) -> usize {
        let mut all = self.all();
        let number = all.len() + 1;
        all.push(Booking {
            number,
            restaurant: restaurant.to_owned(),
            date: wish.date.clone(),
            time: wish.time.clone(),
            guests: wish.guests,
            seats,
        });
        number
    }
}

fn server() -> Server {
    mcp_runtime::server!().state(Bookings::default())
}

fn main() -> std::process::ExitCode {
    server().run()
}

#[cfg(test)]
mod tests {
    use mcp_runtime::{Client, ClientError, Revision, ToolReply};
    use serde_json::{Value, json};

    use super::*;

    /// Both eras: the client that calls again, and the client that is asked.
    const ERAS: [Revision; 2] = [Revision::V2026_07_28, Revision::V2025_11_25];

    /// A client whose user gives these answers, one after the other.
    async fn client(revision: Revision, answers: Vec<Value>) -> Client {
        let mut answers = answers.into_iter();
        server()
            .client()
            .revision(revision)
            .answer_with(move |_| answers.next().expect("a question too many"))
            .await
    }

    fn wish(guests: u8) -> Value {
        let wish = json!({ "date": "2027-03-01", "time": "19:30", "guests": guests });
        json!({ "action": "accept", "content": wish })
    }

    fn seats(seats: &str) -> Value {
        json!({ "action": "accept", "content": { "seats": seats } })
    }

    async fn book(client: &Client) -> Result<ToolReply, ClientError> {
        client.call("book", json!({ "restaurant": "Luna" })).await
    }

    async fn booked(client: &Client) -> Result<Value, Box<dyn std::error::Error>> {
        let contents = client.read("bookings://all").await?;
        let text = contents[0]["text"].as_str().unwrap_or_default();
        Ok(serde_json::from_str(text)?)
    }

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn a_small_party_is_asked_once() -> Outcome {
        for revision in ERAS {
            let client = client(revision, vec![wish(2)]).await;
            let reply = book(&client).await?;
            assert_eq!(
                reply.text(),
                "Booking 1: Luna, 2027-03-01 at 19:30, for 2.",
                "{revision:?}"
            );
            assert_eq!(
                booked(&client).await?,
                json!([{
                    "number": 1, "restaurant": "Luna", "date": "2027-03-01", "time": "19:30",
                    "guests": 2, "seats": null,
                }])
            );
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_large_party_is_asked_where_to_sit() -> Outcome {
        for revision in ERAS {
            let client = client(revision, vec![wish(8), seats("bar"), wish(2)]).await;
            let _ = book(&client).await?;
            let _ = book(&client).await?;
            let booked = booked(&client).await?;
            assert_eq!(booked.as_array().map(Vec::len), Some(2), "{revision:?}");
            assert_eq!(booked[0]["seats"], "bar");
            assert_eq!(booked[1]["number"], 2);
        }
        Ok(())
    }

    #[tokio::test]
    async fn who_says_no_leaves_no_trace() -> Outcome {
        let no = |action: &str| json!({ "action": action });
        let cases = [
            (vec![no("decline")], "the user declined"),
            (vec![wish(8), no("cancel")], "the user gave no answer"),
            (
                vec![wish(0), wish(21), wish(0)],
                "no valid answer was given",
            ),
        ];
        for revision in ERAS {
            for (answers, text) in &cases {
                let client = client(revision, answers.clone()).await;
                let reply = book(&client).await?;
                assert!(reply.is_error(), "{revision:?}: {reply:?}");
                assert_eq!(reply.text(), *text);
                assert_eq!(booked(&client).await?, json!([]));
            }
        }
        Ok(())
    }

    /// A client whose connection broke does not know whether its last attempt arrived.
    #[tokio::test]
    async fn the_last_attempt_sent_twice_is_one_booking() -> Outcome {
        let client = server().client().await;
        let mut attempt = json!({
            "name": "book",
            "arguments": { "restaurant": "Luna" },
            "_meta": { "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } } },
        });
        let asked = client.request("tools/call", attempt.clone()).await?;
        let questions = asked["inputRequests"].as_object().ok_or("no questions")?;
        let name = questions.keys().next().ok_or("no question")?;
        attempt["inputResponses"] = json!({ name: wish(2) });
        attempt["requestState"] = asked["requestState"].clone();

        let first = client.request("tools/call", attempt.clone()).await?;
        let second = client.request("tools/call", attempt).await?;
        assert_eq!(first["content"], second["content"]);
        assert_eq!(booked(&client).await?.as_array().map(Vec::len), Some(1));
        Ok(())
    }

    #[tokio::test]
    async fn a_client_that_cannot_be_asked_is_told_so() -> Outcome {
        let client = server().client().await;
        let refused = book(&client).await;
        assert!(
            matches!(refused, Err(ClientError::Rpc { code: -32021, .. })),
            "{refused:?}"
        );
        assert_eq!(booked(&client).await?, json!([]));
        Ok(())
    }
}
