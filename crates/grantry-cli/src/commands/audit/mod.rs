//! `audit show` and `audit verify`.

mod show;
mod trail;
mod verify;

pub(super) use self::show::show;
pub(super) use self::verify::verify;
