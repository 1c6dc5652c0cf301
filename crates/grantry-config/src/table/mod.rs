//! The one table of keys: what the reader accepts, and what the published schema says.

mod auth;
mod deployment;
mod root;

pub(crate) use auth::AUTH;
pub(crate) use root::{ROOT, WRAPPED};

/// The keys of one kind of object.
#[derive(Debug)]
pub(crate) struct Section {
    /// What it is called in the schema.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) keys: &'static [Key],
}

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The types of the section, where it has some.
    pub(crate) fn types(&self) -> Vec<&'static str> {
        match self.key("type").map(|key| key.shape) {
            Some(Shape::OneOf(choices)) => choices.iter().map(|choice| choice.name).collect(),
            _ => Vec::new(),
        }
    }

    /// The keys that go with a type, without `type` itself.
    pub(crate) fn keys_of(&self, kind: &str) -> Vec<&'static str> {
        let goes = |key: &&Key| key.name != "type" && (key.only.is_empty() || key.only.contains(&kind));
        self.keys.iter().filter(goes).map(|key| key.name).collect()
    }
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    /// Whether its value may be a secret, which no excerpt shows.
    pub(crate) hidden: bool,
    /// Names of the same thing elsewhere, which people write here.
    pub(crate) also: &'static [&'static str],
    /// The values of `type` that it belongs to; all where there are none.
    pub(crate) only: &'static [&'static str],
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Flag,
    /// A whole number from 0, in this unit.
    Whole {
        unit: &'static str,
        most: u64,
    },
    /// One of these texts.
    OneOf(&'static [Choice]),
    Texts,
    /// Names of their own, and texts.
    TextMap,
    Section(&'static Section),
    /// Names of their own, and objects.
    Map(&'static Section),
    /// Names of services, and their `auth` blocks, which may also stand under a key `auth`.
    Services,
    List(&'static Section),
}

/// A text that is accepted, and what it means.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
}

const fn choice(name: &'static str, about: &'static str) -> Choice {
    Choice { name, about }
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, about, shape, hidden: false, also: &[], only: &[] }
}

const fn text(name: &'static str, about: &'static str) -> Key {
    key(name, Shape::Text, about)
}

const fn secret(name: &'static str, about: &'static str) -> Key {
    Key { hidden: true, ..key(name, Shape::Text, about) }
}

const fn flag(name: &'static str, about: &'static str) -> Key {
    key(name, Shape::Flag, about)
}

const fn whole(name: &'static str, unit: &'static str, most: u64, about: &'static str) -> Key {
    key(name, Shape::Whole { unit, most }, about)
}

impl Key {
    /// What it is, as a part of a sentence.
    pub(crate) fn in_short(&self) -> String {
        let first = self.about.split_once(". ").map_or(self.about, |(first, _)| first).trim_end_matches('.');
        let mut letters = first.chars();
        letters.next().map_or_else(String::new, |letter| letter.to_lowercase().chain(letters).collect())
    }

    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    const fn only(self, only: &'static [&'static str]) -> Self {
        Self { only, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every section that can be reached.
    pub(crate) fn all(from: &'static Section, found: &mut Vec<&'static Section>) {
        if found.iter().any(|section| section.name == from.name) {
            return;
        }
        found.push(from);
        for key in from.keys {
            if let Shape::Section(inner) | Shape::Map(inner) | Shape::List(inner) = key.shape {
                all(inner, found);
            }
        }
    }

    #[test]
    fn no_key_is_there_twice_and_each_is_explained() {
        let mut sections = Vec::new();
        all(&ROOT, &mut sections);
        assert!(sections.len() > 8);
        for section in sections {
            let mut names = BTreeSet::new();
            for key in section.keys {
                assert!(names.insert(key.name), "{} {}", section.name, key.name);
                assert!(key.about.ends_with('.'), "{} {}", section.name, key.name);
                for other in key.also {
                    assert!(names.insert(other), "{} {other}", section.name);
                }
                let kinds = section.key("type").map(|key| key.shape);
                for only in key.only {
                    let Some(Shape::OneOf(kinds)) = kinds else { panic!("{}", section.name) };
                    assert!(kinds.iter().any(|kind| kind.name == *only), "{} {only}", section.name);
                }
            }
        }
    }
}
