//! The keys of one tenant, as they are kept: wrapped, epoch by epoch.

use grantry_core::{StoreTime, Timestamp};

use crate::backend::RecordKind;
use crate::keys::{KeyId, WrappedKey};
use crate::records::{Content, Reader, Writer};

/// What an epoch's key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EpochState {
    /// Seals and opens. One epoch of a set is active.
    Active,
    /// Opens only, since that time on the store's clock.
    Opening(StoreTime),
}

/// Who wrapped a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Primary,
    Recovery,
}

/// One wrap of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrap {
    pub(crate) slot: Slot,
    pub(crate) wrapped: WrappedKey,
}

/// One key of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) number: u32,
    pub(crate) created: Timestamp,
    pub(crate) state: EpochState,
    pub(crate) wraps: Vec<Wrap>,
}

/// The keys of one tenant; or when it was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySet {
    Live(Vec<Epoch>),
    Erased(Timestamp),
}

impl KeySet {
    /// Its epochs; none where the tenant was erased.
    pub(crate) fn epochs(&self) -> &[Epoch] {
        match self {
            Self::Live(epochs) => epochs,
            Self::Erased(_) => &[],
        }
    }

    pub(crate) fn epochs_mut(&mut self) -> &mut [Epoch] {
        match self {
            Self::Live(epochs) => epochs,
            Self::Erased(_) => &mut [],
        }
    }

    /// The epoch that seals.
    pub(crate) fn active(&self) -> Option<&Epoch> {
        self.epochs().iter().find(|epoch| epoch.state == EpochState::Active)
    }

    /// The same with another key, which seals from now on.
    pub(crate) fn with_active(self, new: Epoch, now: StoreTime) -> Self {
        let Self::Live(mut epochs) = self else { return self };
        for epoch in epochs.iter_mut().filter(|epoch| epoch.state == EpochState::Active) {
            epoch.state = EpochState::Opening(now);
        }
        epochs.push(new);
        Self::Live(epochs)
    }

    /// The same without an epoch that only opens.
    pub(crate) fn without(self, number: u32) -> Self {
        let Self::Live(mut epochs) = self else { return self };
        epochs.retain(|epoch| epoch.number != number || epoch.state == EpochState::Active);
        Self::Live(epochs)
    }

    /// Every wrap of every epoch.
    pub(crate) fn wraps(&self) -> impl Iterator<Item = &Wrap> {
        self.epochs().iter().flat_map(|epoch| &epoch.wraps)
    }

    /// Whether any wrap of the slot was made by another key than this one.
    pub(crate) fn names_another(&self, slot: Slot, active: &KeyId) -> bool {
        self.wraps().any(|wrap| wrap.slot == slot && wrap.wrapped.key_id() != active)
    }
}

const LIVE: u8 = 1;
const ERASED: u8 = 2;

impl Content for KeySet {
    const KIND: RecordKind = RecordKind::Keys;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        self.wraps()
            .map(|wrap| wrap.wrapped.as_bytes().len() + wrap.wrapped.key_id().as_str().len() + 16)
            .sum::<usize>()
            + self.epochs().len() * 32
            + 16
    }

    fn write(&self, to: &mut Writer) {
        let epochs = match self {
            Self::Erased(at) => {
                to.byte(ERASED);
                return to.time(*at);
            }
            Self::Live(epochs) => epochs,
        };
        to.byte(LIVE);
        to.list(epochs.iter(), |to, epoch| {
            to.number(u64::from(epoch.number));
            to.time(epoch.created);
            to.option(
                match epoch.state {
                    EpochState::Active => None,
                    EpochState::Opening(since) => Some(since),
                },
                Writer::store_time,
            );
            to.list(epoch.wraps.iter(), |to, wrap| {
                to.byte(match wrap.slot {
                    Slot::Primary => 1,
                    Slot::Recovery => 2,
                });
                to.text(wrap.wrapped.key_id().as_str());
                to.bytes(wrap.wrapped.as_bytes());
            });
        });
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        match from.byte()? {
            LIVE => {
                let set = Self::Live(from.list(read_epoch)?);
                let one_active = set.epochs().iter().filter(|e| e.state == EpochState::Active).count() == 1;
                one_active.then_some(set)
            }
            ERASED => from.time().map(Self::Erased),
            _ => None,
        }
    }
}

fn read_epoch(from: &mut Reader<'_>) -> Option<Epoch> {
    Some(Epoch {
        number: u32::try_from(from.number()?).ok()?,
        created: from.time()?,
        state: from.option(Reader::store_time)?.map_or(EpochState::Active, EpochState::Opening),
        wraps: from.list(|from| {
            let slot = match from.byte()? {
                1 => Slot::Primary,
                2 => Slot::Recovery,
                _ => return None,
            };
            let key_id = KeyId::new(from.text()?);
            let bytes = from.bytes().filter(|bytes| bytes.len() <= WrappedKey::MOST_BYTES)?;
            Some(Wrap { slot, wrapped: WrappedKey::new(key_id, bytes.to_vec()) })
        })?,
    })
}
