//! The table of the scopes that components need, for the command `check`.

#[cfg(feature = "auth")]
use crate::auth::Identity;
#[cfg(feature = "auth")]
use crate::owner::Principal;
#[cfg(feature = "auth")]
use crate::server::Server;
use crate::server::ServerHandle;

/// Returns the caller of the commands `check` and `manifest`, which must see hidden components, too: it has all scopes. Without
/// scopes, it is the caller that the environment names.
#[cfg(feature = "auth")]
pub(super) fn checker(server: &Server) -> Option<Identity> {
    let scopes = server.needed_scopes();
    if scopes.is_empty() {
        return server.local_caller();
    }
    Some(Identity::new(Principal::new("check")).scopes(scopes))
}

/// Returns a table of the components that need scopes: their scopes, and the scopes that imply these. Returns nothing if there
/// are none.
pub(super) fn table(handle: &ServerHandle) -> String {
    let snapshot = handle.snapshot();
    let mut rows = vec![["component", "needs", "implied by", ""].map(str::to_owned)];
    for (view, definition) in snapshot.scoped() {
        let access = handle.access(&view);
        let mut scopes = definition.scopes.iter().map(|scope| {
            let broader: Vec<&str> = access.broader(scope).collect();
            (scope.as_str(), broader.join(", "))
        });
        let (scope, broader) = scopes.next().unwrap_or_default();
        let hidden = if definition.hidden { "hidden" } else { "" };
        let component = format!("{} `{}`", view.kind().singular(), view.name());
        rows.push([component, scope.into(), broader, hidden.into()]);
        let further = scopes.map(|(scope, broader)| {
            let (component, hidden) = (String::new(), String::new());
            [component, format!("and {scope}"), broader, hidden]
        });
        rows.extend(further);
    }
    if rows.len() == 1 {
        return String::new();
    }
    aligned(&rows) + "All other components need no scope.\n\n"
}

/// Aligns the columns of a table.
fn aligned(rows: &[[String; 4]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
