//! What differs between customers of a provider, and how it is checked.

use grantry_core::Error;

use crate::inserts::{is_guid, is_host_name, is_id, is_label, mistake};

/// A value that a preset needs, such as a tenant or an instance: it fills a hole of the preset's URLs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name in configurations and in [`Preset::server`](crate::Preset::server), such as `tenantId`.
    pub name: &'static str,
    /// The hole of the URLs that it fills.
    pub(crate) hole: &'static str,
    /// What it is, for messages, such as `the Okta domain`.
    pub title: &'static str,
    /// What a good value looks like, for messages.
    pub expected: &'static str,
    /// What a value has to be.
    pub form: Form,
    /// What stands there where nothing is given; `None` where it has to be given.
    pub default: Option<&'static str>,
}

/// What the value of a [`Parameter`] has to be.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Form {
    /// A host by its name, without scheme, port and path; or the label before the first of the homes alone.
    Host {
        /// The provider's own domains, below which customers have their hosts.
        homes: &'static [&'static str],
        /// Whether a host may be anywhere else, because customers have domains of their own.
        custom: bool,
        /// How a host below one of the homes must not go on before it, and what to change.
        mistakes: &'static [(&'static str, &'static str)],
    },
    /// An https URL that is a host below one of the provider's domains, and nothing else.
    Origin {
        /// The provider's domains.
        homes: &'static [&'static str],
    },
    /// The id of a directory (a GUID), a domain, or one of these words.
    Directory {
        /// The words.
        words: &'static [&'static str],
    },
    /// One of these words, each for a host.
    Choice(&'static [(&'static str, &'static str)]),
    /// Letters, digits, `-` and `_`.
    Id,
}

impl Parameter {
    /// Checks a value, and gives it in its one form: in lower case but for ids, and an origin without the slash at its
    /// end. It is what takes the place of `{name}` in a URL.
    ///
    /// ```
    /// use grantry_providers::{MICROSOFT, SALESFORCE};
    /// let instance_url = &SALESFORCE.parameters[0];
    /// assert_eq!(instance_url.check("https://Acme.my.salesforce.com/")?, "https://acme.my.salesforce.com");
    /// assert!(instance_url.check("http://acme.my.salesforce.com").is_err());
    /// assert!(instance_url.check("https://acme.my.salesforce.com.evil.example").is_err());
    /// assert!(MICROSOFT.parameters[0].check("common/../evil").is_err());
    /// # Ok::<(), grantry_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change and without the value.
    pub fn check(&self, value: &str) -> Result<String, Error> {
        let lower = value.to_ascii_lowercase();
        let checked = match self.form {
            Form::Host { homes, custom, mistakes } => host(value, &lower, homes, custom, mistakes),
            Form::Origin { homes } => origin(value, &lower, homes),
            Form::Directory { words } => {
                let fits = words.contains(&lower.as_str()) || is_guid(&lower) || is_host_name(&lower);
                if fits { Ok(lower) } else { Err(of_a_segment(value)) }
            }
            Form::Choice(words) => {
                let known = words.iter().any(|(word, _)| *word == lower);
                if known { Ok(lower) } else { Err("it is none of those that there are") }
            }
            Form::Id if is_id(value) => Ok(value.to_owned()),
            Form::Id => Err(of_a_segment(value)),
        };
        checked.map_err(|why| {
            Error::configuration(format!("{} is not usable: {why}. Expected {}", self.title, self.expected))
        })
    }

    /// What fills the hole.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn fill(&self, value: &str) -> Result<String, Error> {
        let checked = self.check(value)?;
        Ok(match self.form {
            Form::Origin { .. } => checked.trim_start_matches("https://").to_owned(),
            Form::Choice(words) => {
                let host = words.iter().find(|(word, _)| *word == checked).map(|(_, host)| *host);
                host.unwrap_or(&checked).to_owned()
            }
            _ => checked,
        })
    }
}

/// A host, or a label alone.
fn host(
    value: &str,
    lower: &str,
    homes: &[&str],
    custom: bool,
    mistakes: &[(&str, &'static str)],
) -> Result<String, &'static str> {
    if !lower.contains('.') {
        return match homes.first() {
            _ if !is_label(lower) => Err(mistake(value)),
            Some(home) => Ok(format!("{lower}.{home}")),
            None => Err("give the whole host"),
        };
    }
    if !is_host_name(lower) {
        return Err(mistake(value));
    }
    if homes.contains(&lower) {
        return Err("it is the provider's own");
    }
    match homes.iter().find_map(|home| below(lower, home)) {
        Some(before) => match mistakes.iter().find(|(end, _)| before.ends_with(end)) {
            Some((_, what)) => Err(what),
            None => Ok(lower.to_owned()),
        },
        None if custom => Ok(lower.to_owned()),
        None => Err("it is not below the provider's domain"),
    }
}

/// An https URL with a host and nothing else, or the host alone.
fn origin(value: &str, lower: &str, homes: &[&str]) -> Result<String, &'static str> {
    let named = match lower.split_once("://") {
        Some(("https", rest)) => rest.strip_suffix('/').unwrap_or(rest),
        Some(("http", _)) => return Err("it begins with http://, and has to be https"),
        Some(_) => return Err("it has to be an https URL"),
        None => lower,
    };
    if named.contains(['/', '?', '#', '\\']) {
        return Err("leave out the path, and whatever comes behind it");
    }
    if !is_host_name(named) {
        return Err(if value.is_empty() { "it is empty" } else { of_a_host(named) });
    }
    if homes.contains(&named) || !homes.iter().any(|home| below(named, home).is_some()) {
        return Err("its host is not below the provider's domain");
    }
    Ok(format!("https://{named}"))
}

/// What a host has before the domain that it is below.
fn below<'h>(host: &'h str, home: &str) -> Option<&'h str> {
    host.strip_suffix(home)?.strip_suffix('.').filter(|before| !before.is_empty())
}

/// What is wrong with the host of an origin.
fn of_a_host(text: &str) -> &'static str {
    if text.contains(['@', ':']) { "leave out user name and port" } else { mistake(text) }
}

/// What is wrong with a text that should have been one segment of a path.
fn of_a_segment(text: &str) -> &'static str {
    if text.is_empty() {
        "it is empty"
    } else if text.trim() != text {
        "there is white space around it"
    } else if text.contains(['/', '\\', '?', '#', '%']) {
        "it holds a character that would lead to another path"
    } else {
        "it is in none of the forms that there are"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn parameter(form: Form) -> Parameter {
        Parameter { name: "x", hole: "x", title: "the x", expected: "an x", form, default: None }
    }

    #[track_caller]
    fn refused(parameter: &Parameter, value: &str, words: &str) {
        let error = parameter.check(value).unwrap_err();
        assert_eq!(error.kind(), grantry_core::ErrorKind::Configuration);
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("Expected an x"), "{value:?}: {text}");
        assert!(value.len() < 4 || !text.contains(value), "{text}");
    }

    #[test]
    fn an_origin_is_https_and_nothing_but_a_host_of_the_provider() {
        let origin = parameter(Form::Origin { homes: &["salesforce.com", "my.site.com"] });
        for (value, checked) in [
            ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
            ("https://acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
            ("HTTPS://ACME--dev.Sandbox.my.salesforce.com", "https://acme--dev.sandbox.my.salesforce.com"),
            ("acme.my.site.com", "https://acme.my.site.com"),
        ] {
            assert_eq!(origin.check(value).unwrap(), checked);
            assert_eq!(origin.fill(value).unwrap(), checked.trim_start_matches("https://"));
        }
        for (value, words) in [
            ("", "it is empty"),
            ("https://", "it is empty"),
            ("http://acme.my.salesforce.com", "has to be https"),
            ("ftp://acme.my.salesforce.com", "an https URL"),
            ("https://acme.my.salesforce.com/services", "leave out the path"),
            ("https://acme.my.salesforce.com//", "leave out the path"),
            ("https://acme.my.salesforce.com?x=1", "leave out the path"),
            ("https://acme.my.salesforce.com#x", "leave out the path"),
            ("https://acme.my.salesforce.com\\.evil.example", "leave out the path"),
            ("https://acme.my.salesforce.com:8443", "user name and port"),
            ("https://me@acme.my.salesforce.com", "user name and port"),
            ("https://evil.example/.salesforce.com", "leave out the path"),
            ("https://acme.salesforce.com.evil.example", "not below the provider's domain"),
            ("https://notsalesforce.com", "not below the provider's domain"),
            ("https://salesforce.com", "not below the provider's domain"),
            ("https://acme.salesforce.com.", "dot at its end"),
            ("https://аcme.salesforce.com", "xn--"),
            ("https://127.0.0.1", "no address"),
            (" https://acme.salesforce.com", "an https URL"),
            ("https://acme.salesforce.com ", "white space"),
        ] {
            refused(&origin, value, words);
        }
    }

    #[test]
    fn a_host_that_has_to_be_the_providers_is_nowhere_else() {
        let host = parameter(Form::Host { homes: &["myshopify.com"], custom: false, mistakes: &[] });
        assert_eq!(host.check("Acme").unwrap(), "acme.myshopify.com");
        assert_eq!(host.check("acme.myshopify.com").unwrap(), "acme.myshopify.com");
        for (value, words) in [
            ("acme.example", "not below"),
            ("acme.myshopify.com.evil.example", "not below"),
            ("evil-myshopify.com", "not below"),
            ("myshopify.com", "the provider's own"),
            ("https://acme.myshopify.com", "without https://"),
            ("acme/admin", "without https://"),
        ] {
            refused(&host, value, words);
        }
    }

    #[test]
    fn a_host_at_nobodys_home_is_given_whole() {
        let host = parameter(Form::Host { homes: &[], custom: true, mistakes: &[] });
        assert_eq!(host.check("GitLab.example.com").unwrap(), "gitlab.example.com");
        refused(&host, "gitlab", "give the whole host");
        refused(&host, "localhost", "give the whole host");
        refused(&host, "10.0.0.1", "no address");
    }

    #[test]
    fn words_ids_and_directories_stay_in_their_segment() {
        let choice = parameter(Form::Choice(&[("eu", "accounts.zoho.eu"), ("com", "accounts.zoho.com")]));
        assert_eq!(choice.check("EU").unwrap(), "eu");
        assert_eq!(choice.fill("EU").unwrap(), "accounts.zoho.eu");
        refused(&choice, "evil.example", "none of those");
        let directory = parameter(Form::Directory { words: &["common"] });
        for good in ["common", "contoso.onmicrosoft.com", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            assert_eq!(directory.check(good).unwrap(), good);
        }
        let id = parameter(Form::Id);
        assert_eq!(id.check("aus9o8W_-").unwrap(), "aus9o8W_-");
        for parameter in [directory, id] {
            refused(&parameter, "", "it is empty");
            refused(&parameter, "common/evil", "another path");
            refused(&parameter, "..%2f", "another path");
            refused(&parameter, " common", "white space");
            refused(&parameter, "{tenant}", "none of the forms");
        }
    }
}
