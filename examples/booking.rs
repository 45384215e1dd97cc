//! A server that asks the user for input: it books a table, and asks for the details of the booking.
//!
//! In revision 2026-07-28 there is no session in which the server could send a request. The client receives the
//! question as the result of its call, and calls again with the user's answer, so `book` runs two or three times for
//! one booking. The code below needs only one precaution: side effects come after the last question, in
//! `Context::once`.
//!
//! `tests/clients/run` tests this server with the official clients.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The number of seats at a table inside.
const TABLE: u8 = 6;

/// The form of the first question. Users see the doc comments as descriptions of the fields.
#[derive(Deserialize, JsonSchema, Elicit)]
struct Reservation {
    /// The day.
    #[schemars(extend("format" = "date"))]
    date: String,
    /// The time, such as 19:30.
    time: String,
    /// The number of guests.
    #[schemars(range(min = 1, max = 20))]
    guests: u8,
}

/// The form of the second question, for parties that are too large for a table.
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
    // `?` ends the call if the user declines, does not answer, or cannot be asked. There are no side effects so far.
    let reservation: Reservation = context
        .elicit(format!("A table at {restaurant}: when, and for how many?"))
        .await?;
    let seats = if reservation.guests > TABLE {
        let question = format!(
            "A party of {} can sit outdoors or at the bar. Where would you like to sit?",
            reservation.guests
        );
        let place: Place = context.elicit(question).await?;
        Some(place.seats)
    } else {
        None
    };
    // All details are known. If the reply is lost and the client repeats its last request, it gets the same booking.
    let number = context
        .once("book", async {
            bookings.add(&restaurant, &reservation, seats)
        })
        .await?;
    let Reservation { date, time, guests } = reservation;
    Ok(format!(
        "Booking {number}: {restaurant}, {date} at {time}, for {guests}."
    ))
}

/// All bookings.
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
    /// `null` for a table inside.
    seats: Option<Seats>,
}

/// The bookings, in memory. A real server would use a database.
#[derive(Default)]
struct Bookings(Mutex<Vec<Booking>>);

impl Bookings {
    fn all(&self) -> MutexGuard<'_, Vec<Booking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a booking and returns its number.
    fn add(&self, restaurant: &str, reservation: &Reservation, seats: Option<Seats>) -> usize {
        let mut all = self.all();
        let number = all.len() + 1;
        all.push(Booking {
            number,
            restaurant: restaurant.to_owned(),
            date: reservation.date.clone(),
            time: reservation.time.clone(),
            guests: reservation.guests,
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

    /// A revision in which the client calls again, and one in which the server sends a request.
    const ERAS: [Revision; 2] = [Revision::V2026_07_28, Revision::V2025_11_25];

    /// Returns a client whose user gives these answers in order.
    async fn client(revision: Revision, answers: Vec<Value>) -> Client {
        let mut answers = answers.into_iter();
        server()
            .client()
            .revision(revision)
            .answer_with(move |_| {
                answers
                    .next()
                    .expect("there are more questions than answers")
            })
            .await
    }

    fn reservation(guests: u8) -> Value {
        let reservation = json!({ "date": "2027-03-01", "time": "19:30", "guests": guests });
        json!({ "action": "accept", "content": reservation })
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
            let client = client(revision, vec![reservation(2)]).await;
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
            let client = client(revision, vec![reservation(8), seats("bar"), reservation(2)]).await;
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
            (
                vec![reservation(8), no("cancel")],
                "the user gave no answer",
            ),
            (
                vec![reservation(0), reservation(21), reservation(0)],
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

    /// A client whose connection broke does not know if the server received its last request.
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
        attempt["inputResponses"] = json!({ name: reservation(2) });
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
