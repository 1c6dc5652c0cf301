//! One layer over the other.

use crate::fields::{Fields, Found, Value};

/// Keys that say the same in two ways: a newer layer that has one of them means it in place of the other.
const IN_PLACE_OF: &[(&str, &str)] = &[
    ("clientSecret", "clientSecretFile"),
    ("privateKey", "privateKeyFile"),
    ("certificate", "certificateFile"),
];

impl Fields {
    /// Lays a newer layer over this one: objects are merged key by key, everything else is replaced.
    pub(crate) fn overlay(&mut self, newer: Self) {
        self.at = newer.at;
        self.lost |= newer.lost;
        self.drop_replaced(&newer);
        for found in newer.found {
            match self.found.iter_mut().find(|old| old.key.name == found.key.name) {
                Some(old) => old.replace(found),
                None => self.found.push(found),
            }
        }
    }

    /// Takes out what a newer layer says in another way.
    fn drop_replaced(&mut self, newer: &Self) {
        for (one, other) in IN_PLACE_OF {
            let has = |name: &str| newer.find(name).is_some();
            if has(one) || has(other) {
                self.found.retain(|old| old.key.name != *one && old.key.name != *other);
            }
        }
        // Another `type` leaves nothing of what belonged to the one before it.
        if let Some(kind) = newer.text("type") {
            self.found.retain(|old| old.key.only.is_empty() || old.key.only.contains(&kind.text));
        }
    }
}

impl Found {
    fn replace(&mut self, newer: Self) {
        self.key_at = newer.key_at;
        self.at = newer.at;
        self.object = newer.object;
        let merges = matches!(self.value, Value::Section(_) | Value::TextMap(_) | Value::Map(_));
        self.sound = newer.sound && (self.sound || !merges);
        match (&mut self.value, newer.value) {
            (Value::Section(old), Value::Section(new)) => old.overlay(new),
            (Value::TextMap(old), Value::TextMap(new)) => old.extend(new),
            (Value::Map(old), Value::Map(new)) => {
                for (name, fields) in new {
                    match old.get_mut(&name) {
                        Some(same) => same.overlay(fields),
                        None => {
                            old.insert(name, fields);
                        }
                    }
                }
            }
            // What is wrong in the layers beneath is still to be found.
            (Value::Section(_) | Value::TextMap(_) | Value::Map(_), Value::Unread | Value::Meant) => {}
            (old, new) => *old = new,
        }
    }
}
