//! Looks into the records as they stand in the store, and leaves no trace of that in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use grantry_core::{Error, GrantKey, RefreshToken};
use grantry_testkit::{ManualClock, Moment, SeededEntropy, TestServer};
use grantry_vault::audit::{AuditError, AuditLine, AuditSink, Report};
use grantry_vault::{FieldReader, Fingerprint, GrantRecord, GrantState, PrincipalVault, RecordKey, Renewing};

use crate::keys::Keys;
use crate::process::{admin, vault_over};
use crate::store::{Disk, Store};
use crate::trace::Trace;

/// What a grant's record holds.
#[derive(Debug)]
pub(crate) struct Held {
    /// What may be done with it.
    pub(crate) state: GrantState,
    /// Its refresh token, before others that may be alive.
    pub(crate) refresh_tokens: Vec<String>,
    /// The attempt that owns it.
    pub(crate) intent: Option<Announced>,
    /// Whether somebody is at work on it, or nobody knows how somebody's work ended.
    pub(crate) is_unsettled: bool,
}

/// An attempt that was announced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announced {
    /// Its id.
    pub(crate) attempt: [u8; 16],
    /// What it redeems.
    pub(crate) token: Option<Fingerprint>,
}

/// A vault of somebody to whom nothing happens, with every record at hand.
#[derive(Debug)]
pub(crate) struct Records {
    vault: PrincipalVault,
    /// A renewal of each grant that is never done: it reads without another word to the audit trail.
    grants: BTreeMap<GrantKey, Renewing>,
    server: Arc<TestServer>,
}

impl Records {
    /// Opens the records of these grants.
    ///
    /// # Errors
    /// The vault cannot be opened.
    pub(crate) async fn open(
        disk: &Arc<Disk>,
        server: &Arc<TestServer>,
        keys: &[GrantKey],
        clock: &ManualClock,
        seed: u64,
    ) -> Result<Self, Error> {
        // Chance of its own, keys that are never gone, and a trail elsewhere: the world goes on as if nobody looked.
        let entropy = SeededEntropy::new(seed ^ 0x1245_9ec7);
        let provider = Keys::new(&Arc::default(), &Trace::default());
        let vault = vault_over(Store::at_hand(disk), provider, clock, entropy)?;
        let vault = vault.audit_elsewhere().audit_sink(Nowhere).open().await?.as_principal(admin()?);
        let mut grants = BTreeMap::new();
        for key in keys {
            let tenant =
                vault.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            grants.insert(key.clone(), tenant.renew(key.service(), key.account()).await?);
        }
        Ok(Self { vault, grants, server: Arc::clone(server) })
    }

    /// What a grant's record holds at this moment; `None` where there is none any more.
    ///
    /// # Errors
    /// It cannot be read, or not at once.
    pub(crate) fn read(&self, key: &GrantKey) -> Result<Option<Held>, Error> {
        let Some(renewing) = self.grants.get(key) else { return Ok(None) };
        let read = async {
            match renewing.grant().await {
                // A store that failed over: what stands there is what counts.
                Err(error) if Renewing::is_rollback(&error) => renewing.grant_after_rollback().await,
                read => read,
            }
        };
        let read = tokio::task::unconstrained(read).now_or_never();
        let read = read.unwrap_or_else(|| Err(Error::internal("a record was not at hand")))?;
        read.map(|stored| held(&stored.value)).transpose()
    }

    /// Whether the server takes a refresh token.
    pub(crate) fn is_live(&self, token: &str) -> bool {
        let token = RefreshToken::new(token);
        self.server.with_authority(|authority, at: Moment| authority.is_live(&token, at))
    }

    /// Verifies the audit trail as far as it has come.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) async fn verify(&self) -> Result<Report, Error> {
        self.vault.verify_audit([]).await
    }

    /// The lines of the audit trail, as [`PrincipalVault::audit_lines`] gives them.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) async fn lines(
        &self,
        after: Option<&RecordKey>,
    ) -> Result<(Vec<String>, Option<RecordKey>), Error> {
        self.vault.audit_lines(after).await
    }
}

fn held(record: &GrantRecord) -> Result<Held, Error> {
    let refresh_tokens = record.refresh_token().into_iter().chain(record.alternates());
    let renewal = record.renewal();
    let (intent, in_doubt) = match renewal {
        [] => (None, false),
        renewal => standing(renewal).ok_or_else(|| Error::internal("the standing has another format"))?,
    };
    Ok(Held {
        state: record.state(),
        refresh_tokens: refresh_tokens.map(|token| token.expose().to_owned()).collect(),
        intent,
        is_unsettled: record.state() == GrantState::Active && (in_doubt || intent.is_some()),
    })
}

/// Who owns a record, and whether anything in it is in doubt. What custody writes there is its own: this is read by the format
/// that it has now, and a world fails that finds another.
fn standing(bytes: &[u8]) -> Option<(Option<Announced>, bool)> {
    let mut from = FieldReader::new(bytes);
    // The third has more kinds of entries in the history, the fourth a moment behind it; both stand behind all of this.
    let _format = from.byte().filter(|format| matches!(format, 2..=4))?;
    if from.byte()? == 1 {
        from.store_time()?;
        from.byte()?;
    }
    let current = from.option(is_in_doubt)?;
    from.option(|from| from.bytes().map(drop))?;
    let others = from.list(is_in_doubt)?;
    let _epochs = (from.number()?, from.number()?);
    let intent = from.option(|from| {
        let attempt = from.bytes()?.try_into().ok()?;
        from.number()?;
        let token = from.option(|from| from.bytes()?.try_into().ok().map(Fingerprint::from_bytes))?;
        Some(Announced { attempt, token })
    })?;
    Some((intent, current.into_iter().chain(others).any(|in_doubt| in_doubt)))
}

/// A token of a record: whether it was salvaged, or sent and never answered.
fn is_in_doubt(from: &mut FieldReader<'_>) -> Option<bool> {
    from.bytes()?;
    from.number()?;
    let is_proven = from.byte()? == 1;
    let doubt = from.option(|from| Some((from.store_time()?, from.number()?, from.store_time()?)))?;
    Some(!is_proven || doubt.is_some())
}

/// Where the trail of somebody goes who leaves none.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl AuditSink for Nowhere {
    fn is_durable(&self) -> bool {
        true
    }

    async fn append(&self, _: &[AuditLine]) -> Result<(), AuditError> {
        Ok(())
    }
}
