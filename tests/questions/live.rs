//! Questions to sessions: requests on the call's own stream.
