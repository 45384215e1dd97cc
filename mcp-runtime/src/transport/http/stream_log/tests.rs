//! Tests of the logs of streams.
