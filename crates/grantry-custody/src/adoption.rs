//! Lifeboats of the dead are brought home.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, Error, ErrorKind, Failure, Grant, GrantKey, Rotation, Stage, TokenSet};
use grantry_vault::audit::Outcome;

use crate::brought::Brought;
use crate::custody::Shared;
use crate::grant::{CustodyGrantBuilder, Inner};
use crate::lifeboat::{Adopted, LifeboatError};
use crate::protocol::{End, Redemption};
use crate::traced::of_grant;
use crate::voyage::Voyage;

/// The least that an entry is given to come home in.
const SHORTEST: Duration = Duration::from_secs(2);

/// What a look at the lifeboats of the dead left in them, for now.
#[derive(Debug, Default)]
pub(crate) struct LeftAboard {
    keys: HashSet<GrantKey>,
    /// Whether nobody could look at all of them.
    is_unknown: bool,
}

impl LeftAboard {
    /// Whether a successor of this grant may be among it: nothing is done then that cannot be undone.
    pub(crate) fn may_be_of(&self, key: &GrantKey) -> bool {
        self.is_unknown || self.keys.contains(key)
    }
}

/// What became of an entry.
enum Home {
    /// It needs to be kept no longer.
    Come,
    /// It cannot be brought home just now.
    Later,
    /// It stays, and brings this grant no successor: it is damaged, of another format, or waits to be revoked.
    Never,
}

impl Shared {
    /// Brings home what lifeboats of dead processes hold; what cannot be now stays for the next time.
    pub(crate) async fn adopt(self: &Arc<Self>) -> LeftAboard {
        let (left, error) = match self.look_into_lifeboats().await {
            Ok((left, failed)) => (left, failed),
            Err(error) => (LeftAboard { is_unknown: true, ..LeftAboard::default() }, Some(error)),
        };
        if let Some(error) = error {
            tracing::warn!(
                error.type = error.kind().as_str(),
                exception.message = %error,
                "lifeboats cannot be looked at"
            );
        }
        left
    }

    /// The same, for whoever would rather not begin.
    pub(crate) async fn adopt_or_say_why(self: &Arc<Self>) -> Result<(), Error> {
        self.look_into_lifeboats().await?.1.map_or(Ok(()), Err)
    }

    /// What is left in them, and whether something that has come home could not be taken out: it comes again, which does no harm.
    async fn look_into_lifeboats(self: &Arc<Self>) -> Result<(LeftAboard, Option<Error>), Error> {
        let _one_at_a_time = self.adopting.lock().await;
        let found = self.lifeboat.adopt().await.map_err(not_looked_at)?;
        if let Some(unread) = &found.unread {
            tracing::warn!(exception.message = %unread, "not all lifeboats can be read; what is in them is waited for");
        }
        let mut left = LeftAboard { is_unknown: found.unread.is_some(), ..LeftAboard::default() };
        let mut failed = None;
        for entry in found.entries {
            match self.bring_home(&entry).await {
                Home::Come => failed = self.lifeboat.bring_home(&entry.id).await.err().or(failed),
                Home::Later => left.keys.extend(entry.cargo.record.as_grant_key()),
                Home::Never => {}
            }
        }
        Ok((left, failed.map(not_looked_at)))
    }

    async fn bring_home(self: &Arc<Self>, entry: &Adopted) -> Home {
        let record = &entry.cargo.record;
        let Some(key) = record.as_grant_key() else { return Home::Come };
        let grant = self.registered(&key).or_else(|| self.unregistered(key));
        let Some(grant) = grant else { return Home::Never };
        // A store that does not answer is asked again the next time.
        tokio::select! {
            biased;
            home = self.land(entry, grant) => home,
            () = tokio::time::sleep((self.looking.pause() / 6).max(SHORTEST)) => Home::Later,
        }
    }

    async fn land(self: &Arc<Self>, entry: &Adopted, grant: Arc<Inner>) -> Home {
        let renewing = match grant.vault.renew(grant.key.service(), grant.key.account()).await {
            Ok(renewing) => renewing,
            // Nothing brings an erased tenant back.
            Err(error) if error.kind() == ErrorKind::Erased => return Home::Come,
            Err(_) => return Home::Later,
        };
        let brought = match renewing.open_aside(&entry.cargo.sealed).await {
            Ok(aside) => Brought::decode(aside.lineage, &aside.content),
            Err(error) => {
                of_grant!(
                    error,
                    &grant.key,
                    error.type = error.kind().as_str(),
                    exception.message = %error,
                    "an entry of a lifeboat cannot be opened; it stays there"
                );
                let kind = error.kind();
                renewing.finish(Outcome::failed(kind.as_str()));
                return if kind == ErrorKind::Damaged { Home::Never } else { Home::Later };
            }
        };
        let Some(brought) = brought else {
            of_grant!(error, &grant.key, "an entry of a lifeboat is of another format; it stays there");
            renewing.finish(Outcome::failed(ErrorKind::Damaged.as_str()));
            return Home::Never;
        };
        let redemption = Redemption::adopt(brought.proceeds, grant.terms);
        let ended = Voyage::adopting(Arc::clone(&grant), renewing, brought).sail(redemption).await;
        match ended.end {
            // It is to be revoked, and is not yet.
            _ if ended.stays_aboard => Home::Never,
            // What was only salvaged is in doubt, wherever it is.
            End::Fresh | End::Gone | End::InDoubt(_) => Home::Come,
            _ => Home::Later,
        }
    }

    /// A grant that nobody has opened here: it can be written, not renewed.
    fn unregistered(self: &Arc<Self>, key: GrantKey) -> Option<Arc<Inner>> {
        let grant =
            CustodyGrantBuilder::new(Arc::clone(self), key, Arc::new(NotOpen)).rotation(Rotation::UNKNOWN);
        grant.build_unregistered().ok()
    }
}

/// Stands in for what redeems a grant that is not open here.
#[derive(Debug)]
struct NotOpen;

#[async_trait]
impl Grant for NotOpen {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        Err(Failure::unsent(Error::configuration("the grant is not open in this process")))
    }
}

fn not_looked_at(cause: LifeboatError) -> Error {
    Error::new(ErrorKind::Storage, Stage::Keep, "the lifeboats cannot be looked at").with_source(cause)
}
