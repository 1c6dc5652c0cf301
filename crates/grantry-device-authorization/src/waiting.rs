//! What a program can show while it waits.

use std::fmt;
use std::time::Duration;

/// Why the next poll is waited for, and how long. `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// How many polls were made so far.
    pub polls: u64,
    /// What the last one brought.
    pub waiting_for: WaitingFor,
    /// How long until the next poll.
    pub next: Duration,
    /// How long until the codes expire. Where this is no longer than `next`, there will be no further poll.
    pub left: Duration,
}

/// What is waited for between two polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitingFor {
    /// The person: none has approved yet (`authorization_pending`), or nobody was asked so far.
    Person,
    /// The person, and less often from now on: the server said `slow_down`.
    PersonLessOften,
    /// The server: it could not be reached, did not answer in time, or says that it is busy or broken.
    Server,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = match self.waiting_for {
            WaitingFor::Server => "the authorization server",
            WaitingFor::Person | WaitingFor::PersonLessOften => "approval",
        };
        let (next, left) = (self.next.min(self.left).as_secs(), self.left.as_secs());
        write!(f, "waiting for {whom}: looking again in {next} s, for {left} s more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_whom_the_program_waits_for() {
        let waiting = |waiting_for| Waiting {
            polls: 3,
            waiting_for,
            next: Duration::from_secs(5),
            left: Duration::from_secs(600),
        };
        let text = waiting(WaitingFor::Person).to_string();
        assert_eq!(text, "waiting for approval: looking again in 5 s, for 600 s more");
        assert!(waiting(WaitingFor::Server).to_string().contains("authorization server"));
    }
}
