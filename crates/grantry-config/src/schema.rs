//! The JSON Schema of configurations, made of the same table that the reader goes by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::table::{Choice, Key, ROOT, Section, Shape, WRAPPED};

/// The JSON Schema (2020-12) of a configuration, as `schema.json` beside this crate has it: for editors, and for tools
/// that check configurations. It says what keys there are and what values look like; what fits together is for
/// [`Config::load`](crate::Config::load) to say.
pub fn json_schema() -> String {
    let mut definitions = BTreeMap::new();
    let mut root = object(&ROOT, &mut definitions);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("grantry"));
    root.insert("$defs".to_owned(), json!(definitions));
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

type Definitions = BTreeMap<String, Value>;

fn object(section: &'static Section, definitions: &mut Definitions) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in section.keys {
        properties.insert(key.name.to_owned(), property(key, definitions));
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(section.about));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn property(key: &'static Key, definitions: &mut Definitions) -> Value {
    let mut value = match key.shape {
        Shape::Text => text(),
        Shape::Flag => or_variable(json!({"type": "boolean"})),
        Shape::Whole { most, .. } => or_variable(json!({"type": "integer", "minimum": 0, "maximum": most})),
        Shape::OneOf(choices) => one_of(choices),
        Shape::Texts => json!({"type": "array", "items": text()}),
        Shape::TextMap => json!({"type": "object", "additionalProperties": text()}),
        Shape::Section(section) => reference(section, definitions),
        Shape::Map(section) => {
            json!({"type": "object", "propertyNames": name(), "additionalProperties": reference(section, definitions)})
        }
        Shape::Services => {
            let blocks = [&crate::table::AUTH, &WRAPPED].map(|section| reference(section, definitions));
            json!({"type": "object", "propertyNames": name(), "additionalProperties": {"anyOf": blocks}})
        }
        Shape::List(section) => json!({"type": "array", "items": reference(section, definitions)}),
    };
    if let Value::Object(value) = &mut value {
        let mut about = key.about.to_owned();
        if let Shape::Whole { unit, .. } = key.shape {
            about.push_str(&format!(" In {unit}."));
        }
        if !key.only.is_empty() {
            about.push_str(&format!(" For the type {}.", key.only.join(" or ")));
        }
        value.insert("description".to_owned(), json!(about));
    }
    value
}

fn reference(section: &'static Section, definitions: &mut Definitions) -> Value {
    if !definitions.contains_key(section.name) {
        // First, so that a section that holds itself would end.
        definitions.insert(section.name.to_owned(), Value::Null);
        let object = object(section, definitions);
        definitions.insert(section.name.to_owned(), Value::Object(object));
    }
    json!({"$ref": format!("#/$defs/{}", section.name)})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn name() -> Value {
    json!({"pattern": "^[a-z0-9][a-z0-9._-]{0,62}$"})
}

/// What a variable or a file says is known only when it is loaded.
fn or_variable(value: Value) -> Value {
    json!({"anyOf": [value, {"type": "string", "pattern": "\\$\\{"}]})
}

fn one_of(choices: &[Choice]) -> Value {
    let values = choices.iter().map(|choice| json!({"const": choice.name, "description": choice.about}));
    let variable = json!({"type": "string", "pattern": "\\$\\{"});
    json!({"anyOf": values.chain([variable]).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `GRANTRY_WRITE_SCHEMA=1` to write the file anew after the table changed.
    #[test]
    fn the_published_schema_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
        if std::env::var_os("GRANTRY_WRITE_SCHEMA").is_some() {
            std::fs::write(path, json_schema()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            published == json_schema(),
            "write schema.json anew: GRANTRY_WRITE_SCHEMA=1 cargo test -p grantry-config"
        );
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let schema: Value = serde_json::from_str(&json_schema()).unwrap();
        let definitions = schema["$defs"].as_object().unwrap();
        let text = json_schema();
        let mut references = 0;
        for (at, _) in text.match_indices("#/$defs/") {
            let name = text[at + "#/$defs/".len()..].split('"').next().unwrap();
            assert!(definitions[name].is_object(), "{name}");
            references += 1;
        }
        assert!(references > 10);
        assert_eq!(schema["properties"]["auth"]["$ref"], "#/$defs/auth");
    }
}
