//! The server of the chapter about the command line: a café with a menu, orders, and questions.

use std::sync::{Mutex, PoisonError};

use mcp_runtime::serde_json::json;
use mcp_runtime::{Completion, Listing, prelude::*};
use mcp_runtime::{
    schemars::JsonSchema,
    serde::{Deserialize, Serialize},
};

/// The drinks and their prices in cents.
const MENU: [(&str, u32); 3] = [("espresso", 220), ("latte", 380), ("tea", 250)];

/// A PNG image of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc`\0\0\0\
\x02\0\x01\xe5\x27\xde\xfc\0\0\0\0IEND\xaeB`\x82";

/// The orders of this run of the server.
#[derive(Default)]
struct Orders(Mutex<Vec<String>>);

impl Orders {
    /// Adds an order, and returns its number.
    fn add(&self, order: String) -> usize {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push(order);
        orders.len()
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "mcp_runtime::serde", rename_all = "lowercase")]
#[schemars(crate = "mcp_runtime::schemars")]
enum Size {
    Small,
    Large,
}

/// What an order costs.
#[derive(Serialize, JsonSchema)]
#[serde(crate = "mcp_runtime::serde")]
#[schemars(crate = "mcp_runtime::schemars")]
struct Receipt {
    /// The number of the order.
    number: usize,
    /// The price in cents.
    cents: u32,
}

/// Order drinks.
#[tool]
async fn order(
    /// The name of the drink, as on the menu.
    drink: String,
    /// The size of each drink.
    size: Size,
    /// How many drinks.
    #[arg(default = 1, range(1..=12))]
    count: u32,
    context: Context,
    orders: State<Orders>,
) -> Result<Json<Receipt>, ToolError> {
    let on_menu = MENU.iter().find(|(name, _)| *name == drink);
    let (name, price) = on_menu.ok_or_else(|| {
        ToolError::new(format!("`{drink}` is not on the menu: read `menu://all`"))
    })?;
    for made in 1..=count {
        context.progress(made, Some(count), Some(name));
    }
    let price = match size {
        Size::Small => *price,
        Size::Large => price + 60,
    };
    let number = orders.add(format!("{count} x {name}"));
    let cents = price * count;
    Ok(Json(Receipt { number, cents }))
}

/// Draw the logo of the café.
#[tool(read_only)]
async fn logo() -> Image {
    Image::png(PIXEL)
}

/// The form of `book`.
#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(crate = "mcp_runtime::serde")]
#[schemars(crate = "mcp_runtime::schemars")]
struct Table {
    /// The time, such as 19:30.
    time: String,
    /// The number of guests.
    guests: u8,
}

/// Book a table. The user is asked for the time and the number of guests.
#[tool]
async fn book(#[ask("When, and for how many?")] table: Table) -> String {
    format!("A table for {} at {}.", table.guests, table.time)
}

/// The whole menu.
#[resource("menu://all", mime = "text/plain")]
async fn menu() -> String {
    let lines = MENU.map(|(name, cents)| format!("{name}: {cents} cents\n"));
    lines.concat()
}

/// The price of one drink in cents.
#[resource("menu://drinks/{name}", list = drinks)]
async fn drink(#[arg(complete = names)] name: String) -> Option<String> {
    let found = MENU.iter().find(|(drink, _)| *drink == name);
    found.map(|(_, cents)| cents.to_string())
}

fn drinks(_: Listing) -> Vec<ResourceLink> {
    let links = MENU.map(|(name, _)| ResourceLink::new(format!("menu://drinks/{name}"), name));
    links.into()
}

fn names(completion: Completion) -> Vec<&'static str> {
    let names = MENU.map(|(name, _)| name).into_iter();
    names
        .filter(|name| name.starts_with(completion.value()))
        .collect()
}

/// Suggest a drink.
#[prompt]
async fn suggest(
    /// A drink that the guest likes.
    #[arg(complete = names)]
    likes: String,
) -> String {
    format!("A guest likes {likes}. Read menu://all, and suggest another drink.")
}

fn main() -> std::process::ExitCode {
    Server::new("cafe", "1.0.0")
        .instructions("Takes orders of a café. Read menu://all before you order.")
        .with(components!())
        .state(Orders::default())
        .extension("com.example/cafe", json!({ "city": "Zürich" }))
        .run()
}
