//! The manual as Markdown: each page is written once, as a module of `grantry::manual`, and `docs/` holds what is made of it.
//!
//! rustdoc checks the links of the modules and runs their examples; `docs/` is for readers of the repository, who see neither
//! the lines that an example hides nor links that only rustdoc understands.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::Fallible;
use crate::tidy::File;

/// The folder of the modules.
pub(crate) const MODULES: &str = "crates/grantry/src/manual/";

/// Where the pages are.
pub(crate) const PAGES: &str = "docs/";

/// How a page that was made begins. Whoever finds it there knows where to change it.
pub(crate) const MADE: &str = "<!-- Made by `cargo xtask manual` of ";

/// The pages that the modules among `files` make, and the pictures that they include.
pub(crate) fn pages(files: &[File]) -> Vec<File> {
    let inside = |file: &&File| file.path.starts_with(MODULES);
    let places = Places::of(files);
    let mut made: Vec<File> = Vec::new();
    for file in files.iter().filter(inside) {
        let name = &file.path[MODULES.len()..];
        if let Some(module) = name.strip_suffix(".rs") {
            made.push(File::new(format!("{PAGES}{}", page_of(module)), page(file, files, &places)));
        } else if name.ends_with(".svg") {
            made.push(File::new(format!("{PAGES}{name}"), file.text.clone()));
        }
    }
    made
}

/// Writes the pages into `docs/` below `root`, removes those whose module is gone, and says what was written.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(root: &Path) -> Fallible<Vec<String>> {
    let files = crate::tidy::read_all(root)?;
    let made = pages(&files);
    let mut said = Vec::new();
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    for page in made.iter().filter(|page| text_of(&page.path) != Some(page.text.as_str())) {
        fs::write(root.join(&page.path), &page.text)?;
        said.push(format!("wrote {}", page.path));
    }
    for file in files.iter().filter(|file| is_made(file) && made.iter().all(|page| page.path != file.path)) {
        fs::remove_file(root.join(&file.path))?;
        said.push(format!("removed {}", file.path));
    }
    Ok(said)
}

/// Whether a file of `docs/` was made of a module.
pub(crate) fn is_made(file: &File) -> bool {
    file.path.starts_with(PAGES) && file.text.starts_with(MADE)
}

/// The page's file for a module: the list of all pages is what a folder shows first.
fn page_of(module: &str) -> String {
    if module == "mod" { "README.md".to_owned() } else { format!("{}.md", module.replace('_', "-")) }
}

fn page(module: &File, files: &[File], places: &Places) -> String {
    let mut page = format!("{MADE}{}: change it there. -->\n\n", module.path);
    let mut fence: Option<Fence> = None;
    for (number, line) in module.text.lines().enumerate() {
        let text = match line.strip_prefix("//!") {
            Some(text) => text.strip_prefix(' ').unwrap_or(text),
            None => {
                page.push_str(&included(line, module, files).unwrap_or_default());
                continue;
            }
        };
        let indent = &text[..text.len() - text.trim_start().len()];
        let shown = match (&mut fence, text.trim_start().strip_prefix("```")) {
            (None, Some(words)) => {
                let is_rust = is_rust(words);
                fence = Some(Fence { is_rust, is_empty: true });
                format!("{indent}```{}", if is_rust { "rust" } else { words })
            }
            (Some(_), Some(_)) => {
                fence = None;
                format!("{indent}```")
            }
            (Some(fence), None) => match fence.shown(text) {
                Some(line) => line.to_owned(),
                None => continue,
            },
            (None, None) if number == 0 => format!("# {}", linked(text).trim_end_matches('.')),
            (None, None) if text.starts_with('#') => format!("#{}", linked(text)),
            (None, None) => places.linked(&linked(text)),
        };
        page.push_str(shown.trim_end());
        page.push('\n');
    }
    if module.path.ends_with("/mod.rs") {
        return page;
    }
    page + "\n---\n\n[All pages of the manual](README.md)\n"
}

/// What the repository has, by the names that pages have for it.
struct Places(BTreeMap<String, String>);

impl Places {
    fn of(files: &[File]) -> Self {
        let mut places = BTreeMap::new();
        for file in files {
            let target =
                file.path.strip_prefix(PAGES).map_or_else(|| format!("../{}", file.path), str::to_owned);
            places.insert(file.path.clone(), target);
            for (at, _) in file.path.match_indices('/') {
                let folder = &file.path[..at];
                places.insert(folder.to_owned(), format!("../{folder}"));
                if let Some(name) = folder.strip_prefix("crates/") {
                    places.insert(name.to_owned(), format!("../{folder}"));
                }
            }
        }
        places.retain(|name, _| name.contains('/') || name.ends_with(".md") || name.starts_with("grantry-"));
        Self(places)
    }

    /// The line with a link for each place that it names as code, and that is no link yet.
    fn linked(&self, line: &str) -> String {
        let mut shown = String::new();
        for (index, part) in line.split('`').enumerate() {
            let is_linked = shown.ends_with('[');
            match self.0.get(part) {
                Some(target) if index % 2 == 1 && !is_linked => {
                    shown.push_str(&format!("[`{part}`]({target})"))
                }
                _ if index % 2 == 1 => shown.push_str(&format!("`{part}`")),
                _ => shown.push_str(part),
            }
        }
        shown
    }
}

/// A block of code that is being read.
struct Fence {
    is_rust: bool,
    is_empty: bool,
}

impl Fence {
    /// The line as readers see it; `None` for one that rustdoc hides.
    fn shown<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        if self.is_rust {
            let from = line.trim_start();
            if from == "#" || from.starts_with("# ") || (self.is_empty && from.is_empty()) {
                return None;
            }
        }
        self.is_empty = false;
        Some(line)
    }
}

/// Whether rustdoc runs a block of these words as Rust.
fn is_rust(words: &str) -> bool {
    const OTHERS: &[&str] = &["console", "json", "jsonc", "sh", "text", "toml"];
    words.split(',').all(|word| !OTHERS.contains(&word.trim()))
}

/// What an attribute of the module includes: a picture becomes a link to its file.
fn included(line: &str, module: &File, files: &[File]) -> Option<String> {
    let name = line.strip_prefix("#![doc = include_str!(\"")?.strip_suffix("\")]")?;
    let folder = module.path.rsplit_once('/')?.0;
    let picture = files.iter().find(|file| file.path == format!("{folder}/{name}"))?;
    let title = picture.text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"))?.0;
    Some(format!("![{title}]({name})\n"))
}

/// The line with the links that rustdoc understands as a reader of the repository wants them: to other pages, and of items
/// their names alone.
fn linked(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        shown.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = rest.find(']') else { break };
        let (text, after) = (&rest[1..close], &rest[close + 1..]);
        let target = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        match target {
            Some((target, behind)) => {
                shown.push_str(&link(text, target));
                rest = behind;
            }
            // A module by its name alone, as the list of all pages has them.
            None if is_module(text) => {
                let module = text.trim_matches('`');
                shown.push_str(&format!("[{}]({})", module.replace('_', " "), page_of(module)));
                rest = after;
            }
            None => {
                shown.push_str(&rest[..=close]);
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

fn is_module(text: &str) -> bool {
    let name = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

fn link(text: &str, target: &str) -> String {
    if let Some(module) = target.strip_prefix("super::") {
        let (module, anchor) = module.split_once('#').map_or((module, None), |(m, anchor)| (m, Some(anchor)));
        let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
        let text = if is_module(text) { text.trim_matches('`').replace('_', " ") } else { text.to_owned() };
        return format!("[{text}]({}{anchor})", page_of(module));
    }
    if target.starts_with("crate") || target.contains("::") || target.starts_with("self") {
        return text.to_owned();
    }
    format!("[{text}]({target})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "\
//! Vaults: what is kept.
//!
//! See [`client_authentication`](super::client_authentication), [there](super::vault#keys), [`Token`](crate::Token) and
//! `docs/races.md`, `examples/a.rs` of `grantry-a` and of `nobody`; [a page](https://example.com).
#![doc = include_str!(\"life.svg\")]
//!
//! # Heading
//!
//! ```
//! # hidden();
//!
//! #[derive(Debug)]
//! struct Shown;
//! # Ok(())
//! ```
//! ```console
//! # not hidden
//! ```
";

    fn made() -> Vec<File> {
        pages(&[
            File::new("crates/grantry/src/manual/a_vault.rs", MODULE),
            File::new("crates/grantry/src/manual/life.svg", "<svg><title>A life</title></svg>\n"),
            File::new(
                "crates/grantry/src/manual/mod.rs",
                "//! The manual.\n//!\n//! | see | [`a_vault`] |\n",
            ),
            File::new("docs/races.md", ""),
            File::new("examples/a.rs", ""),
            File::new("crates/grantry-a/src/lib.rs", ""),
        ])
    }

    #[test]
    fn a_module_becomes_a_page_without_what_is_hidden() {
        let page = &made()[0];
        assert_eq!(page.path, "docs/a-vault.md");
        let expected = "\
<!-- Made by `cargo xtask manual` of crates/grantry/src/manual/a_vault.rs: change it there. -->

# Vaults: what is kept

See [client authentication](client-authentication.md), [there](vault.md#keys), `Token` and
[`docs/races.md`](races.md), [`examples/a.rs`](../examples/a.rs) of [`grantry-a`](../crates/grantry-a) and of `nobody`; [a page](https://example.com).
![A life](life.svg)

## Heading

```rust
#[derive(Debug)]
struct Shown;
```
```console
# not hidden
```

---

[All pages of the manual](README.md)
";
        assert_eq!(page.text, expected);
    }

    #[test]
    fn the_list_of_all_pages_is_the_first_that_a_folder_shows() {
        let made = made();
        assert_eq!(made[2].path, "docs/README.md");
        assert!(
            made[2].text.ends_with("# The manual\n\n| see | [a vault](a-vault.md) |\n"),
            "{}",
            made[2].text
        );
        assert_eq!((made[1].path.as_str(), made[1].text.contains("<title>")), ("docs/life.svg", true));
    }
}
