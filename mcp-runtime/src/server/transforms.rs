//! The option that changes what a server offers.

use super::Server;
use crate::registry::Transform;

impl Server {
    /// Changes the components that this server offers: its own, those of [mounted](Self::mount) servers, and those that are
    /// added while it runs.
    ///
    /// Transforms apply in the order of the calls, and each one changes the result of those before it: after a tool was renamed, a
    /// later transform finds it in its new name. Clients, the layers and rules of this server, its lock file, logs, metrics and
    /// audit records have the changed names and schemas, and so has [`ServerHandle`](crate::ServerHandle) for removals. The
    /// layers of a mounted server and of a component have their own names of components and arguments. A server with
    /// transforms can be mounted itself.
    ///
    /// # Errors of construction
    ///
    /// These are problems of the server, each with its place and a fix:
    ///
    /// - a transform of a component or argument that does not exist; [`later`](crate::ToolTransform::later) allows that the
    ///   component is added later
    /// - two components or arguments that get one name
    /// - a required argument that is removed without a value, and a fixed value that the schema of its argument refuses
    /// - transforms that leave no component
    ///
    /// The same problems of a component that is added later are errors of [`ServerHandle::add`](crate::ServerHandle::add).
    ///
    /// See [`Transform`](crate::Transform) for an example.
    pub fn transform(mut self, transform: impl Into<Transform>) -> Self {
        self.transforms.add(transform.into());
        self
    }
}
