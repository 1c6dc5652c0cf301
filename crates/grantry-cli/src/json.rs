//! Values for the stable form.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A map of texts.
pub(crate) fn pairs(map: &BTreeMap<String, String>) -> Value {
    Value::Object(map.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}
