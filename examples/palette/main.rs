//! A palette of colours with a page of MCP Apps: the model asks for a palette, and the user changes it in the page.
//!
//! The page speaks the protocol of the extension by itself, without a library: `page.html`. Clients without MCP Apps receive text.
//!
//! ```sh
//! cargo run --example palette -- call palette color=#3366cc
//! ```

use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

/// The number of colours in a palette.
const COLORS: u8 = 5;

/// Colours, from dark to light.
#[derive(Debug, Serialize, JsonSchema)]
struct Palette {
    /// The colour that the palette was made from, as `#rrggbb`.
    base: String,
    /// The colours, as `#rrggbb`.
    colors: Vec<String>,
}

/// Make a palette of five shades of a colour, and show it to the user.
#[tool(ui = "ui://palette", read_only, open_world = false)]
async fn palette(
    /// The colour, as `#rrggbb`.
    color: String,
    context: Context,
) -> Result<ToolResult, ToolError> {
    let palette = shades(&color)?;
    let colors = palette.colors.join(", ");
    let text = if context.client().apps() {
        format!("The user sees the palette of {color}: {colors}")
    } else {
        colors
    };
    ToolResult::new().content(text).structured(&palette)
}

/// Make the palette of another colour, for the page.
#[tool(visibility = ["app"], read_only, open_world = false)]
async fn change(
    /// The colour, as `#rrggbb`.
    color: String,
) -> Result<Json<Palette>, ToolError> {
    Ok(Json(shades(&color)?))
}

/// The page of a palette.
#[resource("ui://palette", app(permissions = ["clipboardWrite"], prefers_border))]
async fn page() -> &'static str {
    include_str!("page.html")
}

/// Returns the shades of a colour: a part of black, the colour in the middle, and a part of white.
fn shades(color: &str) -> Result<Palette, ToolError> {
    let parts = color.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = parts.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let number = number.ok_or_else(|| {
        ToolError::new(format!("`{color}` is not a colour: write it as `#rrggbb`"))
    })?;
    let [_, red, green, blue] = number.to_be_bytes();
    let shade = |index: u8| {
        let [red, green, blue] = [red, green, blue].map(|part| shaded(part, index));
        format!("#{red:02x}{green:02x}{blue:02x}")
    };
    Ok(Palette {
        base: color.to_owned(),
        colors: (0..COLORS).map(shade).collect(),
    })
}

/// Returns a part of a colour in the shade of this index.
fn shaded(part: u8, index: u8) -> u8 {
    let middle = COLORS / 2;
    let (part, steps) = (u16::from(part), u16::from(middle) + 1);
    let shaded = if index < middle {
        part * u16::from(index + 1) / steps
    } else {
        part + (255 - part) * u16::from(index - middle) / steps
    };
    u8::try_from(shaded).unwrap_or(u8::MAX)
}

fn main() -> std::process::ExitCode {
    mcp_runtime::server!().run()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[tokio::test]
    async fn clients_without_apps_receive_the_colors() {
        let shades = "#112244, #224488, #3366cc, #7799dd, #bbccee";
        for (has_apps, text) in [
            (false, shades.to_owned()),
            (
                true,
                format!("The user sees the palette of #3366cc: {shades}"),
            ),
        ] {
            let client = mcp_runtime::server!().client();
            let client = if has_apps { client.apps() } else { client }.await;
            let reply = client.call("palette", json!({ "color": "#3366cc" }));
            assert_eq!(reply.await.expect("a palette").text(), text);
        }
    }

    #[tokio::test]
    async fn the_page_asks_for_the_clipboard_only() {
        let client = mcp_runtime::server!().client().await;
        let contents = client.read("ui://palette").await.expect("a page");
        assert_eq!(contents[0]["mimeType"], "text/html;profile=mcp-app");
        let asked = json!({ "permissions": { "clipboardWrite": {} }, "prefersBorder": true });
        assert_eq!(contents[0]["_meta"]["ui"], asked);
    }
}
