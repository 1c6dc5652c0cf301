//! The manual in `docs/` is what its modules say.

use crate::manual::{PAGES, is_made, pages};
use crate::tidy::{File, Offence};

/// Checks that each page of `docs/` that is made of a module is as the module would make it, that each module has its page,
/// and that whatever else lies there is named by some page.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let made = pages(files);
    let offence = |path: &str, what: &str| Offence::new("manual", path, what);
    let mut offences = Vec::new();
    for page in &made {
        match files.iter().find(|file| file.path == page.path) {
            Some(file) if file.text == page.text => {}
            Some(_) => offences.push(offence(&page.path, "differs from its module: run cargo xtask manual")),
            None => offences.push(offence(&page.path, "is missing: run cargo xtask manual")),
        }
    }
    for file in files.iter().filter(|file| file.path.starts_with(PAGES)) {
        if made.iter().any(|page| page.path == file.path) {
            continue;
        }
        if is_made(file) {
            offences.push(offence(&file.path, "has no module any more: run cargo xtask manual"));
        } else if !files.iter().any(|page| is_made(page) && page.text.contains(&file.path[PAGES.len()..])) {
            offences.push(offence(&file.path, "is named by no page of the manual"));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(page: &str, more: &[(&str, &str)]) -> Vec<String> {
        let module = File::new("crates/grantry/src/manual/a.rs", "//! A page, which names `docs/b.md`.\n");
        let mut files = vec![module, File::new("docs/a.md", page)];
        files.extend(more.iter().map(|(path, text)| File::new(*path, *text)));
        check(&files).iter().map(ToString::to_string).collect()
    }

    fn as_made(others: &[(&str, &str)]) -> String {
        let module = File::new("crates/grantry/src/manual/a.rs", "//! A page, which names `docs/b.md`.\n");
        let others = others.iter().map(|(path, text)| File::new(*path, *text));
        pages(&[module].into_iter().chain(others).collect::<Vec<_>>())[0].text.clone()
    }

    #[test]
    fn pages_as_they_are_made_and_what_they_name_are_fine() {
        let others = [("docs/b.md", "# By hand\n")];
        assert_eq!(offences(&as_made(&others), &others), Vec::<String>::new());
    }

    #[test]
    fn a_page_that_differs_is_orphaned_or_is_named_nowhere_is_found() {
        assert!(offences("# Something else\n", &[])[0].contains("differs"));
        let orphan = [("docs/c.md", "<!-- Made by `cargo xtask manual` of nothing. -->\n")];
        assert!(offences(&as_made(&orphan), &orphan)[0].contains("no module"));
        let stray = [("docs/stray.md", "# By hand\n")];
        assert!(offences(&as_made(&stray), &stray)[0].contains("named by no page"));
    }
}
