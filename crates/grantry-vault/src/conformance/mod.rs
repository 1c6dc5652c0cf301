//! The suite that proves a backend: one named function for each promise of [`Vault`](crate::Vault).
//!
//! To write a backend, implement [`Vault`](crate::Vault), then put one line into a test:
//!
//! ```
//! use grantry_vault::MemoryVault;
//! use grantry_vault::conformance::Subject;
//!
//! grantry_vault::conformance!(async { Subject::new(MemoryVault::new()) });
//! # fn main() {}
//! ```
//!
//! It becomes a module `promises` with a test for each promise, so that what is broken has a name:
//! `promises::one_winner_of_concurrent_creates`. Each test runs on a runtime of its own with several threads, and
//! evaluates the expression once, for a vault of its own. Give the module a name to have several:
//!
//! ```
//! # use grantry_vault::MemoryVault;
//! # use grantry_vault::conformance::Subject;
//! grantry_vault::conformance!(mod alone, async { Subject::new(MemoryVault::new()) });
//! grantry_vault::conformance!(mod shared, async {
//!     let vault = MemoryVault::new();
//!     Subject::new(vault.clone()).with_second_handle(vault)
//! });
//! # fn main() {}
//! ```
//!
//! # What to hand in
//!
//! * [`Subject::new`]: a vault on an **empty** store that nobody else writes to: a temporary folder, a schema or a
//!   prefix with a name of its own. The tests run at the same time.
//! * [`Subject::with_second_handle`]: the same store, opened once more as another process would have it, with a
//!   connection and caches of its own. Without it every promise about other handles is only half proved.
//! * [`Subject::reopened_by`]: how to open the store again after all its handles were dropped. Leave it out only
//!   where the store ends with the process; the promises about reopening are then not asked.
//! * [`Subject::keeping`]: whatever has to live as long as the vault: the temporary folder, the server.
//!
//! ```
//! # use std::sync::Arc;
//! # use grantry_vault::MemoryVault;
//! # use grantry_vault::conformance::Subject;
//! # #[derive(Clone)]
//! # struct Folder(MemoryVault);
//! # impl Folder {
//! #     fn new() -> Self { Self(MemoryVault::new()) }
//! #     async fn open(&self) -> MemoryVault { self.0.clone() }
//! # }
//! async fn subject() -> Subject {
//!     let folder = Folder::new();
//!     let reopened = folder.clone();
//!     Subject::new(folder.open().await)
//!         .with_second_handle(folder.open().await)
//!         .reopened_by(async move || reopened.open().await)
//!         .keeping(folder)
//! }
//! grantry_vault::conformance!(subject());
//! # fn main() {}
//! ```
//!
//! # Outside a test harness
//!
//! [`all`] proves every promise in turn and returns a [`Report`], say for a command that checks a store in place:
//!
//! ```
//! # use grantry_vault::MemoryVault;
//! use grantry_vault::conformance::{self, Subject};
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let report = conformance::all(async || Subject::new(MemoryVault::new())).await;
//! assert!(report.is_kept(), "{report}");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What it takes as given
//!
//! The store is healthy and reachable: an error where none is due breaks the promise that was asked, but for
//! [`VaultError::Unavailable`](crate::VaultError::Unavailable), after which a call is made again for some seconds.
//! Hints come, because no connection is lost: a vault that gets them over one either has it when it is opened, or
//! gives a hint to everybody who waits once it has it.
//!
//! No promise asserts a speed. What waits does so for at most half a minute, and a promise that has not ended after
//! five minutes is broken. Together they make about ten thousand calls, of which four in ten write; where the store is
//! fast, those that race repeat for a fifth of a second, because then a race shows seldom.
//!
//! Two promises are out of its reach: that a write survives a crash of the machine, and that a lost answer is
//! reported as [`VaultError::InDoubt`](crate::VaultError::InDoubt). A backend has to prove them itself, by killing
//! its process and cutting its connection.

mod bytes;
mod checking;
mod clock;
mod counting;
mod dropped;
mod hints;
mod keys;
mod listing;
mod paging;
mod races;
mod removing;
mod reopening;
mod report;
mod revisions;
mod run;
mod subject;
mod traffic;
mod visibility;
mod writing;

pub use report::{Broken, Outcome, Report};
pub use run::{Promise, all, prove};
pub use subject::Subject;

use run::{Need, judged};

/// The one list: it makes the public functions, [`PROMISES`] and the tests of the macro.
macro_rules! promises {
    ($dollar:tt: $($(#[doc = $about:literal])+ $file:ident::$name:ident $(if $need:ident)?;)+) => {
        $(
            $(#[doc = $about])+
            ///
            /// # Errors
            /// [`Broken`] says what the vault did instead.
            pub async fn $name(subject: &Subject) -> Result<(), Broken> {
                judged(stringify!($name), $file::$name(subject)).await
            }
        )+

        /// Every promise that the suite asks, in the order in which [`all`] does.
        pub const PROMISES: &[Promise] = &[
            $(Promise {
                name: stringify!($name),
                about: concat!($($about),+),
                needs: &[$(Need::$need)?],
                check: |subject| Box::pin($name(subject)),
            }),+
        ];

        #[doc(hidden)]
        #[macro_export]
        macro_rules! __each_promise {
            ([$dollar($dollar then:tt)+] $dollar subject:ident) => {
                $($dollar($dollar then)+!($name $dollar subject);)+
            };
        }
    };
}

promises! { $:
    /// A record that nobody stored loads as `None`.
    bytes::an_absent_record_loads_as_none;
    /// What was stored comes back unchanged, whatever its bytes, from 0 bytes to 1 MiB.
    bytes::bytes_come_back_unchanged;
    /// A record of more than 1 MiB is refused with `Refused`, and nothing is written.
    bytes::a_record_that_is_too_long_is_refused;

    /// Every valid key can be created, loaded, listed, replaced and removed.
    keys::every_valid_key_works;
    /// Keys that differ in a single byte, or look the same to people, are different records.
    keys::keys_that_differ_in_one_byte_are_different_records;

    /// Creating a record that exists is a conflict and changes nothing.
    writing::creating_what_exists_is_a_conflict;
    /// Replacing a record that does not exist is a conflict and creates nothing.
    writing::replacing_what_is_absent_is_a_conflict;
    /// Replacing or removing by a revision that the record no longer has is a conflict and changes nothing.
    writing::a_stale_revision_is_a_conflict;
    /// Replacing or removing by the revision of another record is a conflict and changes nothing.
    writing::the_revision_of_another_record_is_a_conflict;
    /// A revision of a form that the store never gives, or out of its range, is a conflict and changes nothing.
    writing::a_revision_of_another_form_is_a_conflict;

    /// A write returns the revision that the record is then loaded and listed with.
    revisions::a_write_returns_the_revision_that_is_read;
    /// Each write gives a revision that differs from the last, also where the bytes are the same.
    revisions::each_write_changes_the_revision;
    /// No revision of a key is ever given again, not even after a removal.
    revisions::revisions_never_repeat;
    /// A revision from before a removal does not replace or remove the record that was stored after it.
    revisions::an_old_revision_is_worth_nothing_after_a_removal;

    /// Removing by a revision that the record does not have is a conflict and removes nothing.
    removing::removing_needs_the_revision;
    /// Removing a record that does not exist is a conflict.
    removing::removing_what_is_absent_is_a_conflict;
    /// A removed record is neither loaded nor listed, its neighbours are, and it can be created again.
    removing::what_was_removed_is_gone;

    /// Of many that create a record at the same moment exactly one succeeds.
    races::one_winner_of_concurrent_creates;
    /// Of many that replace the same revision at the same moment exactly one succeeds.
    races::one_winner_of_concurrent_swaps;
    /// Of many that remove or replace the same revision at the same moment exactly one succeeds.
    races::one_winner_of_concurrent_removals;
    /// Callers that count a record up by compare-and-swap lose no step.
    counting::no_increment_is_lost;
    /// A reader meets the old bytes or the new ones, with the revision that belongs to them.
    traffic::readers_never_see_half_a_record;
    /// Hundreds of callers at the same moment all get their answers.
    traffic::many_callers_at_once_are_all_served;

    /// A finished write is loaded through every handle.
    visibility::a_finished_write_is_loaded_through_every_handle;
    /// A finished write is listed through every handle, and a finished removal no longer.
    visibility::a_finished_write_is_listed_through_every_handle;
    /// A read that begins after a write has returned is not behind it, also while others write and read.
    visibility::a_read_never_falls_behind_a_finished_write;

    /// A listing is in the order of the keys' bytes.
    listing::a_listing_is_in_the_order_of_bytes;
    /// A listing has the records of its prefix, for every kind of prefix, and no neighbour's.
    listing::a_prefix_ends_where_its_name_ends;
    /// A listed record has the bytes and the revision of the stored one, so that it can be replaced at once.
    listing::a_listed_record_is_the_stored_one;
    /// Paging meets each record once, with every limit, and `more` is never false too early.
    paging::paging_meets_each_record_once;
    /// A listing begins behind `after`, whether that key exists and wherever it lies.
    paging::a_listing_begins_behind_after;
    /// A listing of nothing, or of at most nothing, is an empty page, and no empty page has more behind it.
    paging::an_empty_page_has_no_more;
    /// Paging meets each record that was there all the time exactly once, also while others write and remove.
    paging::paging_misses_nothing_while_others_write;

    /// The clock, read through every handle and in every record, never runs backwards.
    clock::the_clock_never_runs_backwards;
    /// The clock moves on, and counts in nanoseconds.
    clock::the_clock_counts_nanoseconds;

    /// A write whose future was dropped leaves the old record or the new one, whole, and the key usable.
    dropped::a_dropped_write_leaves_a_whole_record;
    /// A removal whose future was dropped leaves the record or nothing, and the key usable.
    dropped::a_dropped_removal_leaves_the_record_or_nothing;
    /// A caller that does not go on with its future keeps nobody else from going on.
    dropped::a_caller_that_stands_still_holds_nobody_up;

    /// Who waits for a change of a record is told of a write through the same handle.
    hints::a_write_is_hinted if Watches;
    /// Who waits for a change of a record is told of a write through another handle.
    hints::a_write_through_another_handle_is_hinted if Watches;
    /// Who waits for a change of a record is told of its removal.
    hints::a_removal_is_hinted if Watches;
    /// Registering is done when `next_change` returns: a write after it is hinted, whenever the hint is polled.
    hints::a_hint_registered_before_a_write_is_not_lost if Watches;

    /// Records, their revisions and removals outlive the handles.
    reopening::what_was_written_outlives_its_handles if Reopens;
    /// No revision of a key is given again after the store was opened again.
    reopening::revisions_never_repeat_over_reopening if Reopens;
    /// The clock never runs backwards over reopening.
    reopening::the_clock_never_runs_backwards_over_reopening if Reopens;
}

/// Makes a module with one test for each promise of a backend. See [`conformance`](mod@crate::conformance).
///
/// The expression is a future of a [`Subject`](crate::conformance::Subject), evaluated anew for each test; it may
/// name whatever is in scope around the macro.
#[macro_export]
macro_rules! conformance {
    (mod $module:ident, $subject:expr $(,)?) => {
        #[cfg(test)]
        mod $module {
            #[allow(unused_imports, reason = "the expression need not name anything around it")]
            use super::*;

            async fn fresh_subject() -> $crate::conformance::Subject {
                $subject.await
            }

            $crate::__each_promise!([$crate::__promise_test] fresh_subject);
        }
    };
    ($subject:expr $(,)?) => {
        $crate::conformance!(mod promises, $subject);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __promise_test {
    ($promise:ident $subject:ident) => {
        #[test]
        fn $promise() -> Result<(), $crate::conformance::Broken> {
            $crate::conformance::prove(stringify!($promise), $subject)
        }
    };
}
