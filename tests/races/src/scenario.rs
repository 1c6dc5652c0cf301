//! What a race is like, and the words that say so.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use grantry_core::Rotation;

/// The races of the table in the documentation. Where workers are killed on a server that forgives, requests are long under
/// way, so that kills hit some of them.
pub const SCENARIOS: [&str; 9] = [
    "strict-revoke",
    "strict",
    "grace-same",
    "keep-old",
    "oidc-provider",
    "strict-revoke 20 s 150 kills",
    "grace-same 200 ms latency 20 s 150 kills 5 % drops",
    "strict-revoke 2 % drops",
    "strict-revoke 2 machines",
];

/// For how long servers with a grace period accept a used refresh token: the default of a provider that has one.
const GRACE: Duration = Duration::from_secs(30);

/// The authorization server of a race, and what it does with used refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "these are what the driver can start")]
pub enum Server {
    /// The testkit's server.
    Testkit(Rotation),
    /// The certified `oidc-provider`, which rotates and revokes the family on reuse.
    OidcProvider,
}

/// The names of servers. Those of the testkit's name its rotation.
const SERVERS: [(&str, Server); 7] = [
    ("strict-revoke", Server::Testkit(Rotation::Strict { revokes_family: true })),
    ("strict", Server::Testkit(Rotation::Strict { revokes_family: false })),
    ("grace-same", Server::Testkit(Rotation::Grace { window: GRACE, same: true })),
    ("grace-reissue", Server::Testkit(Rotation::Grace { window: GRACE, same: false })),
    ("keep-old", Server::Testkit(Rotation::KeepOld)),
    ("none", Server::Testkit(Rotation::None)),
    ("oidc-provider", Server::OidcProvider),
];

/// A race: the server, and how many ask it for how long.
///
/// Its name says everything, and parsing the name gives it back. What is not named is as in this example, where
/// kills, restarts and drops are none:
///
/// ```
/// use grantry_races::Scenario;
/// let scenario: Scenario = "strict-revoke".parse()?;
/// assert_eq!(
///     scenario.to_string(),
///     "strict-revoke 4 processes 2 callers 30 grants 2 s tokens 10 ms latency 10 s"
/// );
/// let violent: Scenario = "oidc-provider 20 s 50 kills 2 % drops".parse()?;
/// assert_eq!((violent.kills, violent.drops_per_mille), (50, 20));
/// # Ok::<(), grantry_races::InvalidScenario>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the driver's users fill it by name or by hand")]
pub struct Scenario {
    /// Who issues the tokens.
    pub server: Server,
    /// How many worker processes share the store.
    pub processes: usize,
    /// On how many machines they are, in turn: what a contestant keeps in files is on one of them, and not on the others.
    pub machines: usize,
    /// Callers of each grant in each process.
    pub callers: usize,
    /// How many grants there are.
    pub grants: usize,
    /// How long access tokens live; whole seconds.
    pub lifetime: Duration,
    /// What a token request takes on the way, there and back together.
    pub latency: Duration,
    /// For how long callers ask.
    pub lasts: Duration,
    /// How many times a worker is killed and started again.
    pub kills: usize,
    /// How many times the server that the store is on is killed and started again, where there is one.
    pub restarts: usize,
    /// Of a thousand answers of the token endpoint, how many are lost.
    pub drops_per_mille: u32,
}

impl Server {
    /// What `rotation` says in the terms of a worker: how this server's documentation would put it.
    pub fn policy(self) -> &'static str {
        match self {
            Self::OidcProvider => "strict-revoke",
            Self::Testkit(_) => name_of(self),
        }
    }

    /// Whether it answers a used refresh token with a live one, at once at least: then no answer that is lost has to lose
    /// a grant.
    pub fn forgives(self) -> bool {
        matches!(self, Self::Testkit(Rotation::Grace { .. } | Rotation::KeepOld | Rotation::None))
    }

    /// For how long it accepts a used refresh token.
    pub fn grace(self) -> Duration {
        match self {
            Self::Testkit(Rotation::Grace { window, .. }) => window,
            _ => Duration::ZERO,
        }
    }
}

fn name_of(server: Server) -> &'static str {
    SERVERS.iter().find(|(_, known)| *known == server).map_or("unknown", |(name, _)| name)
}

/// The words are no scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidScenario {
    /// The word that is wrong, or that is followed by the wrong one.
    pub word: String,
}

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a scenario is a server (")?;
        for (nth, (name, _)) in SERVERS.iter().enumerate() {
            write!(f, "{}{name}", if nth == 0 { "" } else { ", " })?;
        }
        write!(
            f,
            "), then any of: N processes, N machines, N callers, N grants, N s tokens, N ms latency, N s, N kills, N restarts, \
             N % drops; \
             not understood at {:?}",
            self.word
        )
    }
}

impl std::error::Error for InvalidScenario {}

impl FromStr for Scenario {
    type Err = InvalidScenario;

    fn from_str(name: &str) -> Result<Self, InvalidScenario> {
        let wrong = |word: &str| InvalidScenario { word: word.to_owned() };
        let words: Vec<&str> = name.split_whitespace().collect();
        let (first, mut rest) = words.split_first().ok_or_else(|| wrong(""))?;
        let (_, server) = SERVERS.iter().find(|(name, _)| name == first).ok_or_else(|| wrong(first))?;
        let mut scenario = Self {
            server: *server,
            processes: 4,
            machines: 1,
            callers: 2,
            grants: 30,
            lifetime: Duration::from_secs(2),
            latency: Duration::from_millis(10),
            lasts: Duration::from_secs(10),
            kills: 0,
            restarts: 0,
            drops_per_mille: 0,
        };
        while let Some((word, after)) = rest.split_first() {
            let number: u32 = word.parse().map_err(|_| wrong(word))?;
            let many = usize::try_from(number).map_err(|_| wrong(word))?;
            let seconds = Duration::from_secs(number.into());
            let taken = match after {
                ["processes" | "process", ..] if many > 0 => ({ scenario.processes = many }, 1),
                ["machines" | "machine", ..] if many > 0 => ({ scenario.machines = many }, 1),
                ["callers" | "caller", ..] if many > 0 => ({ scenario.callers = many }, 1),
                ["grants" | "grant", ..] if many > 0 => ({ scenario.grants = many }, 1),
                ["kills" | "kill", ..] => ({ scenario.kills = many }, 1),
                ["restarts" | "restart", ..] => ({ scenario.restarts = many }, 1),
                ["%", "drops", ..] if number <= 100 => ({ scenario.drops_per_mille = number * 10 }, 2),
                ["ms", "latency", ..] => ({ scenario.latency = Duration::from_millis(number.into()) }, 2),
                ["s", "tokens", ..] if many > 0 => ({ scenario.lifetime = seconds }, 2),
                ["s", ..] => ({ scenario.lasts = seconds }, 1),
                _ => return Err(wrong(word)),
            };
            rest = after.get(taken.1..).unwrap_or_default();
        }
        Ok(scenario)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} processes {} callers {} grants {} s tokens {} ms latency {} s",
            name_of(self.server),
            self.processes,
            self.callers,
            self.grants,
            self.lifetime.as_secs(),
            self.latency.as_millis(),
            self.lasts.as_secs()
        )?;
        if self.machines > 1 {
            write!(f, " {} machines", self.machines)?;
        }
        if self.kills > 0 {
            write!(f, " {} kills", self.kills)?;
        }
        if self.restarts > 0 {
            write!(f, " {} restarts", self.restarts)?;
        }
        if self.drops_per_mille > 0 {
            write!(f, " {} % drops", self.drops_per_mille / 10)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_of_every_scenario_gives_it_back() {
        for name in SCENARIOS {
            let scenario: Scenario = name.parse().unwrap();
            assert_eq!(scenario.to_string().parse::<Scenario>().unwrap(), scenario, "{name}");
        }
    }

    #[test]
    fn each_word_changes_what_it_names() {
        let scenario = "none 1 process 3 machines 1 caller 1 grant 5 s tokens 0 ms latency 7 s 1 kill 2 restarts 3 % drops";
        let scenario: Scenario = scenario.parse().unwrap();
        assert_eq!((scenario.processes, scenario.callers, scenario.grants, scenario.kills), (1, 1, 1, 1));
        assert_eq!((scenario.restarts, scenario.machines), (2, 3));
        assert_eq!(scenario.to_string().parse::<Scenario>().unwrap(), scenario);
        assert_eq!((scenario.lifetime.as_secs(), scenario.lasts.as_secs()), (5, 7));
        assert_eq!((scenario.latency, scenario.drops_per_mille), (Duration::ZERO, 30));
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        for (name, word) in [("", ""), ("lax", "lax"), ("strict many", "many"), ("strict 3 % kills", "3")] {
            assert_eq!(name.parse::<Scenario>().unwrap_err().word, word, "{name}");
        }
        assert!("strict 0 processes".parse::<Scenario>().is_err());
        assert!("strict 101 % drops".parse::<Scenario>().is_err());
    }
}
