//! From JSON to the keys of the table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::desk::{Desk, Draft};
use crate::fields::{Fields, Found, Value, Written};
use crate::finding::FindingKind;
use crate::interpolate::Resolver;
use crate::jsonc::{Json, Member, Node, Text};
use crate::nearest::{look_alike, nearest};
use crate::place::{At, Span};
use crate::table::{Choice, Key, Section, Shape, WRAPPED};

/// Reads the nodes of one source.
pub(crate) struct Reader<'r> {
    pub(crate) desk: &'r mut Desk,
    pub(crate) source: u32,
    pub(crate) resolver: Resolver<'r>,
}

impl Reader<'_> {
    fn at(&self, span: Span) -> At {
        At { source: self.source, span }
    }

    fn error(&mut self, kind: FindingKind, span: Span, what: impl Into<String>) -> Draft {
        Draft::error(kind, self.at(span), what.into())
    }

    /// Reads an object by its section. What is wrong in it is told, and left out.
    pub(crate) fn section(&mut self, section: &'static Section, node: Node<'_>, at: Span) -> Option<Fields> {
        let span = node.span;
        let members = self.object(section.name, node.value, span)?;
        let mut fields = Fields::new(self.at(at));
        fields.found.reserve_exact(members.len().min(section.keys.len()));
        let mut meant = Vec::new();
        for member in members {
            meant.extend(self.member(section, member, &mut fields));
        }
        // Nobody is told that a key is missing whose name is misspelt.
        for found in meant {
            if fields.find(found.key.name).is_none() {
                fields.found.push(found);
            }
        }
        Some(fields)
    }

    fn object<'t>(&mut self, name: &str, value: Json<'t>, span: Span) -> Option<Vec<Member<'t>>> {
        match value {
            Json::Object(members) => Some(members),
            other => {
                self.wrong_type(&other, span, name, "an object: { ... }");
                None
            }
        }
    }

    /// Reads a member into the fields. What it gives back is a key that was probably meant by an unknown one.
    fn member(
        &mut self,
        section: &'static Section,
        member: Member<'_>,
        fields: &mut Fields,
    ) -> Option<Found> {
        let name = member.key.as_str();
        let (key_at, at) = (self.at(member.key_span), self.at(member.value.span));
        let Some(key) = section.key(name) else {
            // What has no value may be one itself.
            if matches!(member.value.value, Json::Broken) {
                return None;
            }
            let key = self.unknown_key(section, name, member.key_span)?;
            return Some(Found { key, key_at, at, value: Value::Meant, sound: false, object: None });
        };
        if let Some(first) = fields.find(key.name) {
            let first = first.key_at;
            let draft = self
                .error(FindingKind::DuplicateKey, member.key_span, format!("the key {name:?} is there twice"))
                .also("the first one is", first);
            self.desk.tell(draft.expected("it once"));
            return None;
        }
        let (errors, is_broken) = (self.desk.errors(), matches!(member.value.value, Json::Broken));
        let value = self.value(key, member.value, member.key_span).unwrap_or(Value::Unread);
        let sound = !is_broken && self.desk.errors() == errors;
        fields.found.push(Found { key, key_at, at, value, sound, object: Some(fields.at) });
        None
    }

    /// Tells a key that there is not, and finds the one that was probably meant.
    fn unknown_key(&mut self, section: &'static Section, name: &str, span: Span) -> Option<&'static Key> {
        let known =
            || section.keys.iter().flat_map(|key| std::iter::once(key.name).chain(key.also.iter().copied()));
        let meant = nearest(name, known().collect::<Vec<_>>())
            .and_then(|near| section.keys.iter().find(|key| key.name == near || key.also.contains(&near)));
        let mut what = format!("there is no key {} in {}", quoted(name), section.name);
        if let Some(odd) = look_alike(name) {
            what.push_str(&format!(
                "; it holds U+{:04X}, which only looks like a letter of ASCII",
                u32::from(odd)
            ));
        }
        let mut draft = self.error(FindingKind::UnknownKey, span, what).nearest(meant.map(|key| key.name));
        if meant.is_none() {
            let names: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
            draft = draft.expected(format!("one of {}", names.join(", ")));
        }
        self.desk.tell(draft);
        meant
    }

    fn value(&mut self, key: &'static Key, node: Node<'_>, name_at: Span) -> Option<Value> {
        let span = node.span;
        match (key.shape, node.value) {
            (_, Json::Broken) => None,
            (Shape::Text, Json::Text(text)) => self.text(key, &text, span).map(Value::Text),
            (Shape::OneOf(choices), Json::Text(text)) => self.choice(key, choices, &text, span),
            (Shape::Flag, Json::Flag(flag)) => Some(Value::Flag(flag)),
            (Shape::Whole { unit, most }, Json::Number(digits)) => self.whole(key, digits, unit, most, span),
            (Shape::Flag | Shape::Whole { .. }, Json::Text(text)) if text.as_str().contains("${") => {
                self.resolved(key, &text, span)
            }
            (Shape::Texts, Json::List(nodes)) => Some(Value::Texts(self.texts(key, nodes))),
            (Shape::TextMap, Json::Object(members)) => Some(Value::TextMap(self.text_map(key, members))),
            (Shape::Section(section), value @ Json::Object(_)) => {
                self.section(section, Node { span, value }, name_at).map(Value::Section)
            }
            (Shape::Map(section), Json::Object(members)) => {
                Some(Value::Map(self.map(members, |reader, node, at| reader.section(section, node, at))))
            }
            (Shape::Services, Json::Object(members)) => Some(Value::Map(self.map(members, Self::service))),
            (Shape::List(section), Json::List(nodes)) => {
                let read = nodes.into_iter().filter_map(|node| {
                    let at = node.span;
                    self.section(section, node, at)
                });
                Some(Value::List(read.collect()))
            }
            (shape, other) => {
                self.wrong_type(&other, span, key.name, &expectation(shape));
                None
            }
        }
    }

    /// A service's block, by itself or under the key `auth`.
    fn service(&mut self, node: Node<'_>, at: Span) -> Option<Fields> {
        let is_auth = |member: &Member<'_>| member.key.as_str() == "auth";
        let is_wrapped = matches!(&node.value, Json::Object(members) if members.iter().any(is_auth));
        if !is_wrapped {
            return self.section(&crate::table::AUTH, node, at);
        }
        let mut wrapped = self.section(&WRAPPED, node, at)?;
        match wrapped.found.pop()?.value {
            Value::Section(fields) => Some(Fields { at: self.at(at), ..fields }),
            _ => None,
        }
    }

    fn map(
        &mut self,
        members: Vec<Member<'_>>,
        mut read: impl FnMut(&mut Self, Node<'_>, Span) -> Option<Fields>,
    ) -> BTreeMap<String, Fields> {
        let mut map = BTreeMap::new();
        for member in members {
            let lost = Fields::lost(self.at(member.key_span));
            let fields = match member.value.value {
                Json::Broken => lost,
                _ => read(self, member.value, member.key_span).unwrap_or(lost),
            };
            match map.entry(member.key.as_str().to_owned()) {
                Entry::Vacant(free) => {
                    free.insert(fields);
                }
                Entry::Occupied(first) => {
                    let what = format!("the name {} is there twice", quoted(first.key()));
                    let also = first.get().at;
                    let draft = Draft::error(FindingKind::DuplicateKey, fields.at, what);
                    self.desk.tell(draft.also("the first one is", also).expected("it once"));
                }
            }
        }
        map
    }

    fn text_map(&mut self, key: &'static Key, members: Vec<Member<'_>>) -> BTreeMap<String, (At, Written)> {
        let mut map: BTreeMap<String, (At, Written)> = BTreeMap::new();
        for member in members {
            let name = member.key.as_str();
            let at = self.at(member.key_span);
            if let Some((first, _)) = map.get(name) {
                let draft = Draft::error(
                    FindingKind::DuplicateKey,
                    at,
                    format!("the name {} is there twice", quoted(name)),
                );
                self.desk.tell(draft.also("the first one is", *first).expected("it once"));
                continue;
            }
            match member.value.value {
                Json::Text(text) => {
                    if let Some(written) = self.text(key, &text, member.value.span) {
                        map.insert(name.to_owned(), (at, written));
                    }
                }
                other => self.wrong_type(&other, member.value.span, name, "a text in double quotes"),
            }
        }
        map
    }

    fn texts(&mut self, key: &'static Key, nodes: Vec<Node<'_>>) -> Vec<(At, Written)> {
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node.value {
                Json::Text(text) => {
                    let at = self.at(node.span);
                    texts.extend(self.text(key, &text, node.span).map(|written| (at, written)));
                }
                other => self.wrong_type(&other, node.span, key.name, "a text in double quotes"),
            }
        }
        texts
    }

    fn text(&mut self, key: &'static Key, text: &Text<'_>, span: Span) -> Option<Written> {
        let at = self.at(span);
        // A URL may hold a password before its host, or a key in its query.
        let may_hide = |text: &str| text.contains("://") && text.contains(['@', '?']);
        if !key.hidden
            && !may_hide(text.as_str())
            && let Some(source) = self.desk.sources.get_mut(self.source as usize)
        {
            source.shown.push(span.start);
        }
        self.resolver.written(self.desk, text, at, key.hidden)
    }

    fn choice(
        &mut self,
        key: &'static Key,
        choices: &[Choice],
        text: &Text<'_>,
        span: Span,
    ) -> Option<Value> {
        let written = self.text(key, text, span)?;
        if choices.iter().any(|choice| choice.name == &**written.text) {
            return Some(Value::Text(written));
        }
        let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
        let near = nearest(&written.text, names.iter().copied());
        let mut draft =
            self.error(FindingKind::InvalidValue, span, format!("{} has no such value", key.name));
        if let Some(why) = refused_choice(key.name, &written.text) {
            draft = self.error(FindingKind::InvalidValue, span, why);
        }
        self.desk.tell(draft.nearest(near).expected(format!("one of {}", names.join(", "))));
        None
    }

    fn whole(&mut self, key: &'static Key, digits: &str, unit: &str, most: u64, span: Span) -> Option<Value> {
        self.desk.sources.get_mut(self.source as usize)?.shown.push(span.start);
        let what = if digits.starts_with('-') {
            format!("{} is negative", key.name)
        } else if !digits.bytes().all(|b| b.is_ascii_digit()) {
            format!("{} is not written as a whole number", key.name)
        } else {
            match digits.parse() {
                Ok(whole) if whole <= most => return Some(Value::Whole(whole)),
                _ => format!("{} is too large", key.name),
            }
        };
        let expected = format!("a whole number of {unit}, from 0 to {most}");
        let draft = self.error(FindingKind::InvalidValue, span, what).expected(expected);
        self.desk.tell(draft);
        None
    }

    /// A number or a flag that comes from a variable or a file.
    fn resolved(&mut self, key: &'static Key, text: &Text<'_>, span: Span) -> Option<Value> {
        let written = self.text(key, text, span)?;
        let value = written.text.trim();
        match key.shape {
            Shape::Flag => match value {
                "true" => return Some(Value::Flag(true)),
                "false" => return Some(Value::Flag(false)),
                _ => {}
            },
            Shape::Whole { unit, most } => return self.whole(key, value, unit, most, span),
            _ => {}
        }
        let what = format!("{} is neither true nor false once its variables are resolved", key.name);
        let draft = self.error(FindingKind::WrongType, span, what).expected("true or false");
        self.desk.tell(draft);
        None
    }

    fn wrong_type(&mut self, found: &Json<'_>, span: Span, name: &str, expected: &str) {
        if matches!(found, Json::Broken) {
            return;
        }
        let what = match found {
            Json::Null => format!("{} is null, which says nothing: leave it out", quoted(name)),
            other => format!("{} is {}", quoted(name), other.kind()),
        };
        let draft = self.error(FindingKind::WrongType, span, what).expected(expected.to_owned());
        self.desk.tell(draft);
    }
}

/// What stands for a value of this shape.
fn expectation(shape: Shape) -> String {
    match shape {
        Shape::Text => "a text in double quotes".to_owned(),
        Shape::OneOf(choices) => {
            let names: Vec<String> = choices.iter().map(|choice| format!("{:?}", choice.name)).collect();
            names.join(" or ")
        }
        Shape::Flag => "true or false".to_owned(),
        Shape::Whole { unit, .. } => format!("a whole number of {unit}, without quotes"),
        Shape::Texts => "a list of texts, such as [\"read\", \"write\"]".to_owned(),
        Shape::List(section) => format!("a list of objects, one for each {}", section.name),
        Shape::TextMap | Shape::Section(_) | Shape::Map(_) | Shape::Services => {
            "an object: { ... }".to_owned()
        }
    }
}

/// Why some values that exist elsewhere are not accepted here.
fn refused_choice(key: &str, value: &str) -> Option<&'static str> {
    match (key, value) {
        ("flow", "implicit" | "token") => Some(
            "the implicit flow is not offered: it puts tokens into URLs. Use authorization_code, with PKCE",
        ),
        ("flow", "password" | "resource_owner_password_credentials") => {
            Some("the password flow is not offered: it hands a person's password to the client (RFC 9700)")
        }
        _ => None,
    }
}

/// A name as it is shown: escaped, and not at any length.
pub(crate) fn quoted(name: &str) -> String {
    let head: String = name.chars().take(40).collect();
    let more = if head.len() < name.len() { "..." } else { "" };
    format!("{head:?}{more}")
}
