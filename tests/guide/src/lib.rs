//! The chapters of the guide, whose Rust code `cargo test --doc` compiles and runs. `tests/` checks everything else in them:
//! the commands and their output, the links, and the code that is also in a file.
//!
//! Chapters about optional features are compiled with the feature `all`.

#![allow(clippy::doc_markdown)] // the chapters are prose

/// Declares a module whose documentation is a chapter.
macro_rules! chapters {
    ($($(#[$attribute:meta])* $module:ident: $file:literal,)+) => {
        $(
            $(#[$attribute])*
            #[doc = include_str!(concat!("../../../guide/src/", $file))]
            pub mod $module {}
        )+
    };
}

chapters! {
    introduction: "introduction.md",
    first_server: "first-server.md",
    arguments: "arguments.md",
    results: "results.md",
    resources: "resources.md",
    prompts: "prompts.md",
    apps: "apps.md",
    questions: "questions.md",
    tasks: "tasks.md",
    state: "state.md",
    errors: "errors.md",
    layers: "layers.md",
    testing: "testing.md",
    run_time: "run-time.md",
    composition: "composition.md",
    transforms: "transforms.md",
    #[cfg(feature = "all")]
    gateway: "gateway.md",
    many_tools: "many-tools.md",
    #[cfg(feature = "openapi")]
    openapi: "openapi.md",
    #[cfg(feature = "skills")]
    skills: "skills.md",
    command_line: "command-line.md",
    deployment: "deployment.md",
    #[cfg(feature = "all")]
    stores: "stores.md",
    #[cfg(feature = "all")]
    replicas: "replicas.md",
    #[cfg(feature = "all")]
    authorization: "authorization.md",
    #[cfg(feature = "all")]
    observability: "observability.md",
    claude_code: "clients/claude-code.md",
    security: "security.md",
    rmcp: "coming-from-rmcp.md",
    fastmcp: "coming-from-fastmcp.md",
    revisions: "protocol-revisions.md",
    troubleshooting: "troubleshooting.md",
}
