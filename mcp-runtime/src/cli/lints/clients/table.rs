//! The clients and their limits. A client of which nothing is known has no row.
//!
//! `docs/clients.md` has the same table: `BLESS=1 cargo test -p mcp-runtime --lib clients` writes it.

use super::Effect::{Changes, Cuts, Ignores, MayRefuse, Refuses};
use super::Rule::{
    ArgumentNames, AtRunTime, BareArrays, Description, EmptyObjects, Instructions, ItemTypes,
    Keywords, Maps, Meta, NumericEnums, OtherFormats, OtherKeywords, PrefixedLength, Prompts,
    Recursion, ReservedServers, Resources, RootKeywords, ServerLetter, ToolLength, ToolLetters,
    Tools,
};
use super::{ClientRules, Effect, Row, Rule};

/// The capabilities of clients, by the names with which they introduce themselves.
const CAPABILITIES: &str = "https://github.com/apify/mcp-client-capabilities/blob/main/src/mcp_client_capabilities/mcp-clients.json";
const CLAUDE_CODE: &str = "https://code.claude.com/docs/en/mcp";
const CODEX_NAMES: &str =
    "https://github.com/openai/codex/blob/main/codex-rs/codex-mcp/src/tools.rs";
const CODEX_SCHEMAS: &str =
    "https://github.com/openai/codex/blob/main/codex-rs/tools/src/json_schema.rs";
const GEMINI: &str = "https://github.com/googleapis/python-genai/blob/main/google/genai/types.py";
const GEMINI_CLI: &str =
    "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md";
const VS_CODE_SCHEMAS: &str = "https://github.com/microsoft/vscode-copilot-chat/blob/main/src/extension/tools/common/toolSchemaNormalizer.ts";
const VS_CODE_NAMES: &str = "https://github.com/microsoft/vscode/blob/main/src/vs/workbench/contrib/mcp/common/mcpTypes.ts https://github.com/microsoft/vscode/issues/243602";

const CHOICES: &[&str] = &["anyOf", "oneOf", "allOf"];
const SHORTER: &str = "shorten the name, or let users register the server under a shorter one";
const IN_AN_ARGUMENT: &str = "move it into an argument";
const USE_GEMINI: &str = "serve with `--dialect gemini`, or `Server::schema_dialect`";
const USE_OPENAI: &str = "say it in the description, or serve with `--dialect openai`";
const AS_TOOLS: &str = "offer what matters as a tool, too";

const fn row(effect: Effect, rule: Rule, fix: &'static str, sources: &'static str) -> Row {
    Row {
        effect,
        rule,
        fix,
        sources,
    }
}

/// All clients, in the order of their names.
pub(in crate::cli) const CLIENTS: &[ClientRules] = &[
    ClientRules {
        name: "chatgpt",
        title: "ChatGPT",
        introduced_as: &["ChatGPT"],
        rows: &[
            row(
                Refuses,
                ToolLetters("_-"),
                "use letters, digits, `_` and `-`",
                "https://github.com/openai/openai-python/blob/main/src/openai/types/shared/function_definition.py",
            ),
            row(
                Refuses,
                ToolLength(64),
                "shorten it",
                "https://github.com/openai/openai-python/blob/main/src/openai/types/shared/function_definition.py https://github.com/microsoft/foundry-dev-tools/issues/201",
            ),
            row(
                MayRefuse,
                Description(1024),
                "shorten it",
                "https://github.com/modelcontextprotocol/servers/issues/799 https://github.com/probelabs/probe/issues/9",
            ),
            row(
                Refuses,
                RootKeywords(&["anyOf", "oneOf", "allOf", "enum", "const", "not"]),
                IN_AN_ARGUMENT,
                "https://github.com/langchain-ai/langchainjs/issues/9804 https://github.com/goruck/home-generative-agent/pull/545",
            ),
            row(
                Refuses,
                BareArrays,
                "declare the type of its items",
                "https://github.com/ogx-ai/ogx/issues/3004",
            ),
            row(Ignores, Prompts, AS_TOOLS, CAPABILITIES),
            row(Ignores, Resources, AS_TOOLS, CAPABILITIES),
            row(
                Ignores,
                AtRunTime("requests for sampling"),
                "do without a model of the client",
                "https://github.com/openai/openai-apps-sdk-examples/issues/172",
            ),
            row(
                Ignores,
                AtRunTime("questions to the user"),
                "take what you need as arguments",
                CAPABILITIES,
            ),
        ],
    },
    ClientRules {
        name: "claude",
        title: "Claude (claude.ai and Claude Desktop)",
        introduced_as: &["claude-ai"],
        rows: &[
            row(
                Refuses,
                ToolLetters("_-"),
                "use letters, digits, `_` and `-`",
                "https://github.com/malloydata/publisher/pull/543 https://github.com/l22-io/orchard-mcp/issues/14",
            ),
            row(
                Refuses,
                ToolLength(64),
                "shorten it",
                "https://github.com/malloydata/publisher/pull/543",
            ),
            row(
                MayRefuse,
                PrefixedLength("mcp__{uuid}__", 64),
                "shorten the name if you host the server: a connector has a UUID for a name",
                "https://github.com/anthropics/claude-code/issues/22599 https://github.com/anthropics/claude-code/issues/95309",
            ),
            row(
                Refuses,
                ArgumentNames("_.-", false),
                "use 1 to 64 letters, digits, `_`, `-` and `.`",
                "https://github.com/ComposioHQ/composio/issues/3500",
            ),
            row(
                Refuses,
                RootKeywords(CHOICES),
                IN_AN_ARGUMENT,
                "https://code.claude.com/docs/en/mcp https://github.com/anthropics/claude-code/issues/45106",
            ),
            row(
                Ignores,
                AtRunTime("requests for sampling"),
                "do without a model of the client",
                CAPABILITIES,
            ),
            row(
                Ignores,
                AtRunTime("questions to the user"),
                "take what you need as arguments",
                CAPABILITIES,
            ),
        ],
    },
    ClientRules {
        name: "claude-code",
        title: "Claude Code",
        introduced_as: &["claude-code"],
        rows: &[
            row(
                MayRefuse,
                PrefixedLength("mcp__{server}__", 64),
                SHORTER,
                "https://github.com/anthropics/claude-code/issues/19882 https://github.com/ChromeDevTools/chrome-devtools-mcp/issues/1169",
            ),
            row(
                Refuses,
                ReservedServers(&[
                    "workspace",
                    "claude-in-chrome",
                    "computer-use",
                    "Claude Preview",
                    "Claude Browser",
                ]),
                "rename the server",
                CLAUDE_CODE,
            ),
            row(
                Refuses,
                ArgumentNames("_.-", false),
                "use 1 to 64 letters, digits, `_`, `-` and `.`",
                "https://github.com/ComposioHQ/composio/issues/3500",
            ),
            row(
                Cuts,
                Description(2048),
                "shorten it, and begin with what matters",
                CLAUDE_CODE,
            ),
            row(
                Cuts,
                Instructions(2048),
                "shorten them, and begin with what matters",
                CLAUDE_CODE,
            ),
            row(Changes, RootKeywords(CHOICES), IN_AN_ARGUMENT, CLAUDE_CODE),
            row(
                Cuts,
                Meta("anthropic/maxResultSizeChars", 500_000),
                "ask for 500,000 characters at most",
                CLAUDE_CODE,
            ),
            row(
                Cuts,
                AtRunTime("results of more than 25,000 tokens, and warns from 10,000 on"),
                "return pages, or set `anthropic/maxResultSizeChars` in the `_meta` of the tool",
                CLAUDE_CODE,
            ),
            row(
                Ignores,
                AtRunTime("requests for sampling"),
                "do without a model of the client",
                CAPABILITIES,
            ),
        ],
    },
    ClientRules {
        name: "codex",
        title: "Codex",
        introduced_as: &["codex-mcp-client", "Codex"],
        rows: &[
            row(
                Changes,
                ToolLetters("_-"),
                "use letters, digits, `_` and `-`: the model sees `_` for all others",
                CODEX_NAMES,
            ),
            row(
                Changes,
                PrefixedLength("mcp__{server}__", 64),
                SHORTER,
                CODEX_NAMES,
            ),
            row(
                Cuts,
                OtherKeywords(&[
                    "$defs",
                    "$ref",
                    "additionalProperties",
                    "anyOf",
                    "const",
                    "definitions",
                    "enum",
                    "items",
                    "properties",
                    "required",
                    "type",
                ]),
                USE_OPENAI,
                CODEX_SCHEMAS,
            ),
            row(Cuts, Recursion, "use a fixed depth", CODEX_SCHEMAS),
            row(Ignores, Prompts, AS_TOOLS, CAPABILITIES),
            row(
                Cuts,
                AtRunTime("the middle of results of more than about 10 KB"),
                "return pages",
                "https://github.com/openai/codex/issues/6544 https://github.com/openai/codex/issues/7906",
            ),
        ],
    },
    ClientRules {
        name: "copilot",
        title: "Copilot coding agent",
        introduced_as: &[],
        rows: &[
            row(
                Ignores,
                Prompts,
                AS_TOOLS,
                "https://docs.github.com/en/copilot/concepts/coding-agent/mcp-and-coding-agent",
            ),
            row(
                Ignores,
                Resources,
                AS_TOOLS,
                "https://docs.github.com/en/copilot/concepts/coding-agent/mcp-and-coding-agent",
            ),
            row(
                Refuses,
                AtRunTime("remote servers that need OAuth"),
                "let it send an API key",
                "https://docs.github.com/en/copilot/concepts/coding-agent/mcp-and-coding-agent",
            ),
        ],
    },
    ClientRules {
        name: "copilot-cli",
        title: "Copilot CLI",
        introduced_as: &["github-copilot-developer"],
        rows: &[
            row(
                MayRefuse,
                ItemTypes,
                "use one type, such as a list without null",
                "https://github.com/github/copilot-cli/issues/4623",
            ),
            row(Ignores, Prompts, AS_TOOLS, CAPABILITIES),
            row(Ignores, Resources, AS_TOOLS, CAPABILITIES),
        ],
    },
    ClientRules {
        name: "cursor",
        title: "Cursor",
        introduced_as: &["cursor-vscode"],
        rows: &[
            row(
                MayRefuse,
                PrefixedLength("{server}", 59),
                SHORTER,
                "https://github.com/ComposioHQ/composio/issues/2788",
            ),
            row(
                Cuts,
                Tools(80),
                "offer fewer tools, such as with `Server::only_tagged`: the limit is that of all servers together",
                "https://github.com/Snowflake-Labs/mcp/issues/77 https://github.com/DaxianLee/cocos-mcp-server/issues/11",
            ),
            row(
                Ignores,
                AtRunTime("requests for sampling"),
                "do without a model of the client",
                CAPABILITIES,
            ),
        ],
    },
    ClientRules {
        name: "gemini",
        title: "Gemini's API (function declarations)",
        introduced_as: &[],
        rows: &[
            row(
                Refuses,
                ArgumentNames("_", true),
                "use 1 to 64 letters, digits and `_`, with a letter or `_` first",
                GEMINI,
            ),
            row(
                Refuses,
                Keywords(&[
                    "$defs",
                    "$ref",
                    "additionalProperties",
                    "allOf",
                    "const",
                    "exclusiveMaximum",
                    "exclusiveMinimum",
                    "multipleOf",
                    "not",
                    "oneOf",
                    "patternProperties",
                    "prefixItems",
                    "propertyNames",
                    "uniqueItems",
                ]),
                USE_GEMINI,
                "https://github.com/pizza-bot-app/pizza-bot/issues/62 https://github.com/promptfoo/promptfoo/issues/6902",
            ),
            row(
                Refuses,
                OtherFormats(&["date-time", "enum"]),
                USE_GEMINI,
                "https://github.com/google-gemini/gemini-cli/issues/3178 https://github.com/hideya/langchain-mcp-tools-ts/issues/36",
            ),
            row(
                Refuses,
                NumericEnums,
                USE_GEMINI,
                "https://github.com/microsoft/azure-devops-mcp/issues/145",
            ),
            row(
                Refuses,
                EmptyObjects,
                USE_GEMINI,
                "https://github.com/MarkusPfundstein/mcp-obsidian/issues/21",
            ),
        ],
    },
    ClientRules {
        name: "gemini-cli",
        title: "Gemini CLI",
        introduced_as: &["gemini-cli-mcp-client"],
        rows: &[
            row(
                Changes,
                PrefixedLength("mcp_{server}_", 63),
                SHORTER,
                GEMINI_CLI,
            ),
            row(
                Changes,
                ServerLetter('_'),
                "use `-`: policies read the name of the server up to the first `_`",
                GEMINI_CLI,
            ),
            row(
                Refuses,
                Recursion,
                "use a fixed depth, take the value as a string, or serve with `--dialect gemini`",
                "https://github.com/google-gemini/gemini-cli/issues/14945",
            ),
            row(Cuts, Maps, USE_GEMINI, GEMINI_CLI),
            row(
                Cuts,
                AtRunTime("results of more than 40,000 characters"),
                "return pages",
                "https://github.com/google-gemini/gemini-cli/blob/main/docs/reference/configuration.md",
            ),
            row(
                Ignores,
                AtRunTime("requests for sampling, and questions to the user"),
                "take what you need as arguments",
                "https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/tools/mcp-client.ts",
            ),
        ],
    },
    ClientRules {
        name: "vscode",
        title: "VS Code",
        introduced_as: &["Visual Studio Code", "Visual-Studio-Code"],
        rows: &[
            row(
                Changes,
                ToolLetters("_-"),
                "use letters, digits, `_` and `-`: the model sees `_` for `.`",
                VS_CODE_NAMES,
            ),
            row(
                Cuts,
                ToolLength(46),
                "shorten it: all have 64 characters, of which a prefix can take 18",
                VS_CODE_NAMES,
            ),
            row(
                Refuses,
                Tools(128),
                "offer fewer tools: the limit is that of all servers together",
                "https://github.com/microsoft/vscode-copilot-release/issues/11653 https://github.com/microsoft/vscode-copilot-chat/blob/main/src/platform/configuration/common/configurationService.ts",
            ),
            row(
                Refuses,
                BareArrays,
                "declare the type of its items",
                "https://github.com/microsoft/vscode/issues/284536 https://github.com/microsoft/vscode-copilot-chat/blob/main/src/extension/tools/common/toolSchemaNormalizer.ts",
            ),
            row(
                Cuts,
                RootKeywords(&["anyOf", "oneOf", "allOf", "not", "if", "then", "else"]),
                IN_AN_ARGUMENT,
                VS_CODE_SCHEMAS,
            ),
        ],
    },
];
