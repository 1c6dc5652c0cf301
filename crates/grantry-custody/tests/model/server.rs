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
}

/// How many tokens one world sees at most.
const MOST_TOKENS: usize = 16;

/// Tokens, each a bit.
pub(crate) type Tokens = u32;

/// A token alone.
pub(crate) fn one(token: Token) -> Tokens {
    if token == NO_TOKEN { 0 } else { 1 << token }
}

/// The server: each token's first use and successors, and whether the family was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    policy: Policy,
    window: u8,
    tokens: Issued,
    pub(crate) revoked: bool,
}

/// What it knows of the tokens that it has issued. Only as many count as there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Issued {
    count: u8,
    dead: Tokens,
    first_used: [u8; MOST_TOKENS],
    successors: [Tokens; MOST_TOKENS],
}

/// The first use of what was never used.
const NEVER: u8 = u8::MAX;

impl Server {
    /// A server that has issued one token, number 0.
    pub(crate) fn new(policy: Policy, window: u8) -> Self {
        let tokens =
            Issued { count: 1, dead: 0, first_used: [NEVER; MOST_TOKENS], successors: [0; MOST_TOKENS] };
        Self { policy, window, tokens, revoked: false }
    }

    /// What it does with used tokens.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether a token would be accepted.
    pub(crate) fn accepts(&self, token: Token, now: u8) -> bool {
        if self.revoked || token >= self.tokens.count || self.tokens.dead & one(token) != 0 {
            return false;
        }
        let first_used = self.tokens.first_used[usize::from(token)];
        if first_used == NEVER {
            return true;
        }
        match self.policy {
            Policy::KeepOld => true,
            Policy::Strict | Policy::StrictRevoke => false,
            _ => {
                let successors = self.tokens.successors[usize::from(token)];
                let used =
                    (0..self.tokens.count).any(|next| successors & one(next) != 0 && self.is_used(next));
                now - first_used <= self.window && !used
            }
        }
    }

    fn is_used(&self, token: Token) -> bool {
        self.tokens.first_used[usize::from(token)] != NEVER
    }

    /// The tokens that would be accepted and have never been redeemed.
    pub(crate) fn fresh(&self, now: u8) -> Tokens {
        let fresh = (0..self.tokens.count).filter(|token| !self.is_used(*token) && self.accepts(*token, now));
        fresh.map(one).sum()
    }

    /// Whether one of the tokens has been issued for the same token as this one.
    pub(crate) fn has_sibling(&self, token: Token, among: Tokens) -> bool {
        let families = self.tokens.successors.iter().filter(|family| **family & one(token) != 0);
        families.into_iter().any(|family| family & among & !one(token) != 0)
    }

    /// Redeems a token: the successor, or `None` for `invalid_grant`.
    pub(crate) fn redeem(&mut self, token: Token, now: u8) -> Option<Token> {
        if !self.accepts(token, now) {
            // Of what it never issued it knows no family.
            self.revoked |= self.policy != Policy::Strict && token != NO_TOKEN;
            return None;
        }
        let next = self.tokens.count;
        let at = usize::from(token);
        self.tokens.first_used[at] = self.tokens.first_used[at].min(now);
        let successors = &mut self.tokens.successors[at];
        if self.policy == Policy::GraceSame && *successors != 0 {
            return u8::try_from(successors.trailing_zeros()).ok();
        }
        if self.policy == Policy::GraceNewest {
            self.tokens.dead |= *successors;
        }
        *successors |= one(next);
        self.tokens.count += 1;
        Some(next)
    }

    /// Revokes one token and no other (RFC 7009 leaves the rest of its family to the server, so nobody may count on that).
    pub(crate) fn revoke(&mut self, token: Token) {
        self.tokens.dead |= one(token);
    }
}
