//! What was read, by the keys of the table, before it is understood.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::place::At;
use crate::table::Key;

/// How a value came into the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provenance {
    /// It stands there.
    Literal,
    /// From an environment variable.
    Environment,
    /// From a file that is named.
    File,
}

/// A text with its variables resolved.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) text: Zeroizing<String>,
    pub(crate) provenance: Provenance,
}

#[derive(Clone)]
pub(crate) enum Value {
    Flag(bool),
    Whole(u64),
    Text(Written),
    Texts(Vec<(At, Written)>),
    TextMap(BTreeMap<String, (At, Written)>),
    Section(Fields),
    Map(BTreeMap<String, Fields>),
    List(Vec<Fields>),
    /// It stands there and was not understood, which was told.
    Unread,
    /// It stands there under a name that there is not, which was told: this key is the one that was probably meant.
    Meant,
}

#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) key: &'static Key,
    pub(crate) key_at: At,
    pub(crate) at: At,
    pub(crate) value: Value,
    /// Whether nothing in it was refused while it was read.
    pub(crate) sound: bool,
    /// The object in which it stands; none for what holds for every service.
    pub(crate) object: Option<At>,
}

/// The keys of one object.
#[derive(Clone)]
pub(crate) struct Fields {
    /// Where the object stands, or its name.
    pub(crate) at: At,
    pub(crate) found: Vec<Found>,
    /// Whether a layer has something here that is no object, which was told: nothing can be said to be missing.
    pub(crate) lost: bool,
}

/// A text, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Line<'f> {
    pub(crate) at: At,
    pub(crate) key: &'static str,
    pub(crate) text: &'f str,
    pub(crate) provenance: Provenance,
}

impl Fields {
    pub(crate) fn new(at: At) -> Self {
        Self { at, found: Vec::new(), lost: false }
    }

    /// What stands for something that is no object.
    pub(crate) fn lost(at: At) -> Self {
        Self { lost: true, ..Self::new(at) }
    }

    /// The same, as what a service has without saying it itself.
    pub(crate) fn for_every_service(mut self) -> Self {
        self.found.iter_mut().for_each(|found| found.object = None);
        self
    }

    /// Whether the key is there and was not understood, or not all of it.
    pub(crate) fn is_spoilt(&self, name: &str) -> bool {
        self.find(name).is_some_and(|found| !found.sound)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Found> {
        self.found.iter().find(|found| found.key.name == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<Line<'_>> {
        let found = self.find(name)?;
        match &found.value {
            Value::Text(written) => Some(Line {
                at: found.at,
                key: found.key.name,
                text: &written.text,
                provenance: written.provenance,
            }),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Option<(bool, At)> {
        let found = self.find(name)?;
        match found.value {
            Value::Flag(flag) => Some((flag, found.at)),
            _ => None,
        }
    }

    pub(crate) fn whole(&self, name: &str) -> Option<(u64, At)> {
        let found = self.find(name)?;
        match found.value {
            Value::Whole(whole) => Some((whole, found.at)),
            _ => None,
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Option<&[(At, Written)]> {
        match &self.find(name)?.value {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(crate) fn text_map(&self, name: &str) -> impl Iterator<Item = (&String, &(At, Written))> {
        let map = self.find(name).and_then(|found| match &found.value {
            Value::TextMap(map) => Some(map),
            _ => None,
        });
        map.into_iter().flatten()
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Self> {
        match &self.find(name)?.value {
            Value::Section(fields) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn map(&self, name: &str) -> impl Iterator<Item = (&String, &Self)> {
        let map = self.find(name).and_then(|found| match &found.value {
            Value::Map(map) => Some(map),
            _ => None,
        });
        map.into_iter().flatten()
    }

    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &Self> {
        let list = self.find(name).and_then(|found| match &found.value {
            Value::List(list) => Some(list),
            _ => None,
        });
        list.into_iter().flatten()
    }
}
