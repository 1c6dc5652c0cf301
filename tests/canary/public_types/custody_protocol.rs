//! Samples of custody's protocol, which knows the canary by its fingerprint.

use std::time::Duration;

use grantry_core::{RefreshToken, Rotation, StoreTime, SystemEntropy};
use grantry_custody::protocol::{
    Asked, Candidate, Change, Decision, Doubt, Effect, End, Event, Outcome, Outstanding, Proceeds,
    Redemption, Replaced, Settled, Snapshot, Standing, Terms, Verdict,
};
use grantry_vault::{Fingerprint, LineageId};

use super::Printed;
use super::vault::Named;
use crate::secrets::CANARY;

pub(super) fn protocol(printed: &Printed) {
    let print = Named(printed, "grantry_custody::protocol");
    let (token, now) = (Fingerprint::of(&RefreshToken::new(CANARY)), StoreTime::from_nanos(1));
    let (attempt, lineage) = ([7; 16], LineageId::generate(&SystemEntropy));
    let terms = Terms::of(Rotation::UNKNOWN);
    print.the("Terms", &terms);
    print.the("InvalidTerms", &Terms { lease: Duration::ZERO, ..terms }.check().unwrap_err());

    let doubt = Doubt { first_sent: now, sends: 1, settled: now };
    print.the("Doubt", &doubt);
    let salvaged = Candidate { doubt: Some(doubt), ..Candidate::salvaged(token, 1) };
    print.the("Candidate", &salvaged);
    let outstanding = Outstanding { attempt, until: now };
    print.the("Outstanding", &outstanding);
    let verdict = Verdict::NeedsPerson { since: now, after_doubt: true };
    print.the("Verdict", &verdict);
    let standing = Standing {
        parent: Some(token),
        others: vec![salvaged],
        outstanding: Some(outstanding),
        verdict: Some(verdict),
        ..Standing::new(Some(token))
    };
    print.the("Standing", &standing);

    let snapshot = Snapshot {
        standing: Standing::new(Some(token)),
        lineage,
        generation: 1,
        now,
        reachable_since: now,
        stamp: now,
        took: Duration::ZERO,
        access_expires: None,
        holds_another: None,
    };
    print.the("Snapshot", &snapshot);
    let asked = Asked { attempt, replacing: None, resolves: false };
    print.the("Asked", &asked);
    print.the("Replaced", &Replaced { generation: 1, lineage: None });
    let decision = snapshot.decide(&asked, &terms);
    print.the("Decision", &decision);
    let Decision::Redeem(claim) = decision else { panic!("{decision:?}") };
    assert_eq!(claim.token(), Some(token));
    print.the("Claim", &claim);
    print.the("Intent", &claim.intent);
    let claimed = Snapshot { standing: claim.standing.clone(), ..snapshot.clone() };

    let successor = Some(Fingerprint::of(&RefreshToken::new(CANARY.repeat(2))));
    let proceeds = Proceeds {
        lineage,
        attempt,
        epoch: claim.intent.epoch,
        parent: Some(token),
        successor,
        usable: true,
    };
    print.the("Proceeds", &proceeds);
    print.the("Landing", &claimed.land(&proceeds, &terms));
    let outcome = Outcome::Unknown;
    print.the("Outcome", &outcome);
    let settled = claimed.settle(&claim.intent, outcome, &terms);
    assert!(matches!(settled, Settled::InDoubt(_)), "{settled:?}");
    print.the("Settled", &settled);

    let event = Event::Read(snapshot);
    print.the("Event", &event);
    let (mut redemption, effects): (_, Vec<Effect>) = Redemption::begin(asked, terms, true);
    print.the("Effect", &effects[0]);
    let effects = redemption.step(event);
    print.the("Effect", &effects[0]);
    print.the("Redemption", &redemption);
    print.the("Effect", &redemption.step(Event::Written)[0]);
    print.the("Redemption", &redemption);
    print.the("Change", &Change { standing, lands: true, access: true });
    print.the("End", &End::Refused(verdict));
}
