use mcp_runtime::prelude::*;

#[prompt(titel = "Review")]
async fn review(
    #[ask] language: String,
    #[ask("", key = 1)] style: String,
    #[ask("How long?")]
    #[arg(default)]
    length: u32,
    #[arg(header = "Region")] region: String,
) -> String {
    format!("{language} {style} {length} {region}")
}

fn main() {
    drop(review(String::new(), String::new(), 1, String::new()));
}
