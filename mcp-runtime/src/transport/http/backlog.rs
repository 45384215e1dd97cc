//! The limits on what waits for a slow client. What exceeds them is refused, for a handler cannot be made to wait.

const MOST_MESSAGES: usize = 1024;

/// A message is added while fewer bytes than these wait.
const MOST_BYTES: usize = 16 << 20;

/// The amount of what waits.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    messages: usize,
    bytes: usize,
}

impl Backlog {
    /// Counts a message; `false` if there is no room for it.
    pub(super) fn admit(&mut self, message: &str) -> bool {
        let room = self.messages < MOST_MESSAGES && self.bytes < MOST_BYTES;
        if room {
            self.messages += 1;
            self.bytes += message.len();
        }
        room
    }

    /// Makes room for as much again: all that waited was sent.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_messages_wait() {
        let mut backlog = Backlog::default();
        for _ in 0..2 {
            let admitted = (0..2 * MOST_MESSAGES).filter(|_| backlog.admit(""));
            assert_eq!(admitted.count(), MOST_MESSAGES);
            backlog.clear();
        }
    }

    #[test]
    fn so_many_bytes_wait_and_one_message_of_any_length() {
        let half = "x".repeat(MOST_BYTES / 2);
        let long = "x".repeat(2 * MOST_BYTES);
        for (message, expected) in [(&half, [true, true, false]), (&long, [true, false, false])] {
            let mut backlog = Backlog::default();
            assert_eq!([(); 3].map(|()| backlog.admit(message)), expected);
        }
    }
}
