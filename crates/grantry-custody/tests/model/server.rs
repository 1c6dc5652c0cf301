//! An authorization server as a few numbers: what it does with a refresh token.

use std::time::Duration;

use grantry_core::Rotation;

/// A refresh token: its number in the order of issue.
pub(crate) type Token = u8;

/// What looks like a refresh token and is none.
pub(crate) const NO_TOKEN: Token = 99;

/// What the server does with a token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Policy {
    /// It stays.
    KeepOld,
    /// For a while it brings another successor, until one of them is used.
    GraceReissue,
    /// The same, and only the newest successor is alive.
    GraceNewest,
    /// For a while it brings the same successor, until that is used.
    GraceSame,
    /// It is refused.
    Strict,
    /// It is refused, and its family revoked.
    StrictRevoke,
}

impl Policy {
    pub(crate) const ALL: [Self; 6] = [
        Self::KeepOld,
        Self::GraceReissue,
        Self::GraceNewest,
        Self::GraceSame,
        Self::Strict,
        Self::StrictRevoke,
    ];

    /// What the client is told of it.
    pub(crate) fn rotation(self, window: u8) -> Rotation {
        let grace = |same| Rotation::Grace { window: Duration::from_secs(u64::from(window)), same };
        match self {
            Self::KeepOld => Rotation::KeepOld,
            Self::GraceReissue | Self::GraceNewest => grace(false),
            Self::GraceSame => grace(true),
            Self::Strict => Rotation::Strict { revokes_family: false },
            Self::StrictRevoke => Rotation::Strict { revokes_family: true },
        }
    }

    /// Whether a lost answer can be asked for again.
    pub(crate) fn forgives(self) -> bool {
        !matches!(self, Self::Strict | Self::StrictRevoke)
    }
}

/// The server: each token's first use and successors, and whether the family was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    policy: Policy,
    window: u8,
    tokens: Vec<Issued>,
    pub(crate) revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Issued {
    first_used: Option<u8>,
    is_dead: bool,
    successors: Vec<Token>,
}

impl Server {
    /// A server that has issued one token, number 0.
    pub(crate) fn new(policy: Policy, window: u8) -> Self {
        Self { policy, window, tokens: vec![Issued::default()], revoked: false }
    }

    /// Whether a token would be accepted.
    pub(crate) fn accepts(&self, token: Token, now: u8) -> bool {
        if self.revoked {
            return false;
        }
        let Some(issued) = self.tokens.get(usize::from(token)).filter(|issued| !issued.is_dead) else {
            return false;
        };
        let Some(first_used) = issued.first_used else { return true };
        let used = |token: &Token| self.tokens[usize::from(*token)].first_used.is_some();
        match self.policy {
            Policy::KeepOld => true,
            Policy::Strict | Policy::StrictRevoke => false,
            _ => now - first_used <= self.window && !issued.successors.iter().any(used),
        }
    }

    /// Redeems a token: the successor, or `None` for `invalid_grant`.
    pub(crate) fn redeem(&mut self, token: Token, now: u8) -> Option<Token> {
        if !self.accepts(token, now) {
            // Of what it never issued it knows no family.
            self.revoked |= self.policy != Policy::Strict && token != NO_TOKEN;
            return None;
        }
        let next = u8::try_from(self.tokens.len()).unwrap();
        let issued = &mut self.tokens[usize::from(token)];
        issued.first_used.get_or_insert(now);
        if self.policy == Policy::GraceSame
            && let Some(successor) = issued.successors.first()
        {
            return Some(*successor);
        }
        if self.policy == Policy::GraceNewest {
            let older = std::mem::take(&mut issued.successors);
            older.into_iter().for_each(|older| self.tokens[usize::from(older)].is_dead = true);
        }
        let issued = &mut self.tokens[usize::from(token)];
        issued.successors.push(next);
        self.tokens.push(Issued::default());
        Some(next)
    }
}
