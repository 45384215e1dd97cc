//! Example servers: see the files beside this folder.
