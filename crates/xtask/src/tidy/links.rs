//! The links of every Markdown page lead somewhere.

use crate::tidy::{File, Offence};

/// Checks each relative link of each page: the file or folder is there, and so is the heading that it names.
///
/// What is on other sites is not asked for: a test that needs the network fails for reasons of its own.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&page.text) {
            if let Some(what) = dangling(&page.path, target, files) {
                offences.push(Offence::new("links", format!("{}:{line}", page.path), what));
            }
        }
    }
    offences
}

/// What is wrong with a link, if anything.
fn dangling(page: &str, target: &str, files: &[File]) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, h)| (path, Some(h)));
    let place = if path.is_empty() { page.to_owned() } else { resolved(page, path) };
    let folder = format!("{place}/");
    let file = files.iter().find(|file| file.path == place);
    if file.is_none() && !files.iter().any(|file| file.path.starts_with(&folder)) {
        return Some(format!("{target} leads nowhere: there is no {place}"));
    }
    let heading = heading?;
    let is_there = file.is_some_and(|file| headings(&file.text).any(|found| found == heading));
    (!is_there).then(|| format!("{target} leads nowhere: {place} has no such heading"))
}

/// The path that a link of a page means, from the root.
fn resolved(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The targets of inline links, with the number of their line; code is left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            // A link that is quoted as code is none.
            if line[..at].matches('`').count() % 2 == 1 && !line[..at].ends_with('`') {
                continue;
            }
            if let Some((target, _)) = line[at + 2..].split_once(')') {
                found.push((number, target));
            }
        }
    }
    found
}

/// The headings as links name them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let heading = |line: &str| Some(line.strip_prefix('#')?.trim_start_matches('#').trim().to_owned());
    prose(text).filter_map(move |(_, line)| heading(line)).map(|heading| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    })
}

/// The lines outside of blocks of code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        inside ^= is_fence;
        (!inside && !is_fence).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(page: &str) -> Vec<String> {
        let files = [
            File::new("docs/page.md", page),
            File::new("docs/other.md", "# A title\n\n## Keys, and `others`\n"),
            File::new("crates/a/src/lib.rs", ""),
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let page = "# Here\n[a](other.md) [b](other.md#keys-and-others) [c](#here) [`d`](../crates/a) [e](https://e.example)\n\
                    ```\n[f](nowhere.md)\n```\n`[g](nowhere.md)`\n";
        assert_eq!(offences(page), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_are_found_with_their_line() {
        for link in ["nowhere.md", "other.md#no-such", "#nothing", "../crates/b", "../other.md"] {
            let found = offences(&format!("# Page\n\n[x]({link})\n"));
            assert_eq!(found.len(), 1, "{link}");
            assert!(found[0].starts_with("docs/page.md:3: "), "{found:?}");
        }
    }
}
