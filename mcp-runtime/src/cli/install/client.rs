//! The clients, their configuration files, and the form of an entry in each.

use std::env;
use std::path::{Path, PathBuf};

use super::entry::{Form, Launch};
use super::format::Format;

/// A client whose configuration is known.
pub(super) struct McpClient {
    /// The name on the command line.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The scopes that the client has. The first is the default.
    pub(super) scopes: &'static [Scope],
    locate: fn(Scope, &Folders) -> ConfigFile,
    pub(super) form: Form,
    /// What to do with the URL of a server, if the file cannot contain it.
    urls: Result<(), &'static str>,
    /// What the user does next.
    pub(super) next: &'static str,
    /// The page that documents the format.
    pub(super) source: &'static str,
}

/// For whom an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The user, in all projects.
    User,
    /// Everybody who works in the current directory.
    Project,
    /// The user, in the current directory.
    Local,
}

impl Scope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
            Self::Local => "local",
        }
    }
}

/// A configuration file, and the place of servers in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// The members that lead to the servers.
    pub(super) section: Vec<String>,
}

impl ConfigFile {
    fn json(path: PathBuf, section: &str) -> Self {
        Self {
            path,
            format: Format::Json,
            section: vec![section.to_owned()],
        }
    }
}

/// The folders that contain configuration files.
pub(super) struct Folders {
    pub(super) home: PathBuf,
    /// The folder of desktop applications: `%APPDATA%`, `~/Library/Application Support`, or `~/.config`.
    pub(super) applications: PathBuf,
    /// The folder of terminal applications: `%APPDATA%`, or `~/.config`.
    pub(super) config: PathBuf,
    pub(super) project: PathBuf,
    /// The value of an environment variable.
    pub(super) variable: fn(&str) -> Option<PathBuf>,
}

impl Folders {
    /// Returns the folders of this process.
    ///
    /// # Errors
    /// Returns an error if there is no home directory, or no current directory.
    pub(super) fn of_process() -> Result<Self, String> {
        let home = env::home_dir().filter(|home| home.is_absolute());
        let home = home.ok_or("there is no home directory: set HOME")?;
        let project = env::current_dir();
        let project = project.map_err(|error| format!("there is no current directory: {error}"))?;
        Ok(Self::new(home, project, |name| {
            let value = env::var_os(name).map(PathBuf::from);
            value.filter(|value| value.is_absolute())
        }))
    }

    pub(super) fn new(
        home: PathBuf,
        project: PathBuf,
        variable: fn(&str) -> Option<PathBuf>,
    ) -> Self {
        let roaming = || variable("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming"));
        let xdg = || variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let config = if cfg!(windows) { roaming() } else { xdg() };
        let applications = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else {
            config.clone()
        };
        Self {
            home,
            applications,
            config,
            project,
            variable,
        }
    }

    /// Returns the folder that a variable names, or this one in the home directory.
    fn own(&self, variable: &str, in_home: &str) -> PathBuf {
        (self.variable)(variable).unwrap_or_else(|| self.home.join(in_home))
    }
}

use Scope::{Local, Project, User};

/// The clients. Paths and forms are those of the pages in `source`, read in November 2026.
pub(super) const CLIENTS: &[McpClient] = &[
    McpClient {
        name: "claude-code",
        title: "Claude Code",
        scopes: &[User, Project, Local],
        locate: claude_code,
        form: Form::Typed,
        urls: Ok(()),
        next: "Claude Code starts it in the next session; `/mcp` shows its state.",
        source: "https://code.claude.com/docs/en/mcp",
    },
    McpClient {
        name: "claude-desktop",
        title: "Claude Desktop",
        scopes: &[User],
        locate: |_, folders| {
            let file = "Claude/claude_desktop_config.json";
            ConfigFile::json(folders.applications.join(file), "mcpServers")
        },
        form: Form::Plain,
        urls: Err("add it in Claude Desktop under Settings, Connectors"),
        next: "Quit Claude Desktop and start it again.",
        source: "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
    },
    McpClient {
        name: "cursor",
        title: "Cursor",
        scopes: &[User, Project],
        locate: |scope, folders| {
            let folder = folders.of(scope);
            ConfigFile::json(folder.join(".cursor/mcp.json"), "mcpServers")
        },
        form: Form::Plain,
        urls: Ok(()),
        next: "Cursor reads the file at once; its settings show the state under MCP.",
        source: "https://cursor.com/docs/context/mcp",
    },
    McpClient {
        name: "vscode",
        title: "VS Code",
        scopes: &[User, Project],
        locate: |scope, folders| {
            let path = match scope {
                Project => folders.project.join(".vscode/mcp.json"),
                _ => folders.applications.join("Code/User/mcp.json"),
            };
            ConfigFile::json(path, "servers")
        },
        form: Form::Typed,
        urls: Ok(()),
        next: "VS Code shows `Start` above the entry in the file, and in `MCP: List Servers`.",
        source: "https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
    },
    McpClient {
        name: "gemini",
        title: "Gemini CLI",
        scopes: &[User, Project],
        locate: |scope, folders| {
            let folder = folders.of(scope);
            ConfigFile::json(folder.join(".gemini/settings.json"), "mcpServers")
        },
        form: Form::TypedUrl,
        urls: Ok(()),
        next: "Gemini CLI starts it in the next session; `/mcp` shows its state.",
        source: "https://geminicli.com/docs/tools/mcp-server",
    },
    McpClient {
        name: "codex",
        title: "Codex",
        scopes: &[User, Project],
        locate: |scope, folders| {
            let folder = match scope {
                Project => folders.project.join(".codex"),
                _ => folders.own("CODEX_HOME", ".codex"),
            };
            ConfigFile {
                path: folder.join("config.toml"),
                format: Format::Toml,
                section: vec!["mcp_servers".to_owned()],
            }
        },
        form: Form::Codex,
        urls: Ok(()),
        next: "Codex starts it in the next session; `codex mcp list` shows it.",
        source: "https://developers.openai.com/codex/mcp",
    },
    McpClient {
        name: "goose",
        title: "Goose",
        scopes: &[User],
        locate: |_, folders| {
            let file = if cfg!(windows) {
                "Block/goose/config/config.yaml"
            } else {
                "goose/config.yaml"
            };
            ConfigFile {
                path: folders.config.join(file),
                format: Format::Yaml,
                section: vec!["extensions".to_owned()],
            }
        },
        form: Form::Goose,
        urls: Ok(()),
        next: "Goose starts it in the next session.",
        source: "https://block.github.io/goose/docs/getting-started/using-extensions",
    },
    McpClient {
        name: "windsurf",
        title: "Windsurf",
        scopes: &[User],
        locate: |_, folders| {
            let file = ".codeium/windsurf/mcp_config.json";
            ConfigFile::json(folders.home.join(file), "mcpServers")
        },
        form: Form::Windsurf,
        urls: Ok(()),
        next: "Refresh the servers in the MCP settings of Windsurf.",
        source: "https://docs.windsurf.com/windsurf/cascade/mcp",
    },
    McpClient {
        name: "zed",
        title: "Zed",
        scopes: &[User, Project],
        locate: zed,
        form: Form::Plain,
        urls: Ok(()),
        next: "Zed starts it at once; the settings of its agent panel show the state.",
        source: "https://zed.dev/docs/ai/mcp",
    },
    McpClient {
        name: "mcp.json",
        title: "mcp.json",
        scopes: &[Project],
        locate: |_, folders| ConfigFile::json(folders.project.join("mcp.json"), "mcpServers"),
        form: Form::Plain,
        urls: Ok(()),
        next: "Give the file to a client that reads `mcpServers`.",
        source: "https://gofastmcp.com/integrations/mcp-json-configuration",
    },
];

impl Folders {
    fn of(&self, scope: Scope) -> &Path {
        match scope {
            Scope::User => &self.home,
            Scope::Project | Scope::Local => &self.project,
        }
    }
}

fn claude_code(scope: Scope, folders: &Folders) -> ConfigFile {
    if scope == Project {
        return ConfigFile::json(folders.project.join(".mcp.json"), "mcpServers");
    }
    let folder = (folders.variable)("CLAUDE_CONFIG_DIR");
    let folder = folder.unwrap_or_else(|| folders.home.clone());
    let mut file = ConfigFile::json(folder.join(".claude.json"), "mcpServers");
    if scope == Local {
        let project = folders.project.display().to_string();
        file.section.splice(0..0, ["projects".to_owned(), project]);
    }
    file
}

fn zed(scope: Scope, folders: &Folders) -> ConfigFile {
    let folder = match scope {
        Project => folders.project.join(".zed"),
        _ if cfg!(target_os = "macos") => folders.home.join(".config/zed"),
        _ if cfg!(windows) => folders.config.join("Zed"),
        _ => folders.config.join("zed"),
    };
    ConfigFile::json(folder.join("settings.json"), "context_servers")
}

/// Returns the client with this name.
///
/// # Errors
/// Returns an error, which names all clients, if there is none.
pub(super) fn named(name: &str) -> Result<&'static McpClient, String> {
    let client = CLIENTS.iter().find(|client| client.name == name);
    client.ok_or_else(|| {
        let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
        format!(
            "`{name}` is not a known client: write one of {}",
            names.join(", ")
        )
    })
}

impl McpClient {
    /// Returns an error if the file cannot contain a server that is reached in this way.
    pub(super) fn check(&self, launch: &Launch) -> Result<(), String> {
        match (launch, self.urls) {
            (Launch::Url { url, .. }, Err(advice)) => Err(format!(
                "the configuration of {} has no URLs: {url}: {advice}",
                self.title
            )),
            _ => Ok(()),
        }
    }

    /// Returns the names of the scopes, for messages: `user, project`.
    pub(super) fn scope_names(&self) -> String {
        let names: Vec<_> = self.scopes.iter().map(|scope| scope.name()).collect();
        names.join(", ")
    }

    /// Returns the configuration file of a scope.
    ///
    /// # Errors
    /// Returns an error if the client does not have this scope.
    pub(super) fn file(&self, scope: Scope, folders: &Folders) -> Result<ConfigFile, String> {
        if !self.scopes.contains(&scope) {
            return Err(format!(
                "{} has no scope `{}`: write one of {}",
                self.title,
                scope.name(),
                self.scope_names()
            ));
        }
        Ok((self.locate)(scope, folders))
    }
}
