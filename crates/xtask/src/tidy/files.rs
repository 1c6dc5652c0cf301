//! The files that the project keeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Fallible;
use crate::tidy::source;

/// Folders that hold what tools make, never what people write.
const MADE: &[&str] = &[".git", "target", "node_modules", "proptest-regressions"];

/// A text file of the project.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct File {
    /// Relative to the root, with `/` between its parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// A file of that path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Whether it is a source file of a crate in `crates/`: what its users compile.
    pub fn is_library_source(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.next() == Some("crates") && parts.nth(1) == Some("src") && self.path.ends_with(".rs")
    }
}

/// Reads every text file below `root`, in the order of their paths; files that are not UTF-8 are left out.
///
/// # Errors
/// A folder or file cannot be read.
pub(crate) fn read_all(root: &Path) -> Fallible<Vec<File>> {
    let mut files = Vec::new();
    read_folder(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The source files of `crates/` that users compile: those that exist for tests only are left out.
pub(super) fn library_sources(files: &[File]) -> Vec<&File> {
    let for_tests: BTreeSet<String> = files.iter().flat_map(test_only_paths).collect();
    let is_for_tests = |path: &str| {
        for_tests.iter().any(|stem| {
            path.strip_prefix(stem.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    files.iter().filter(|file| file.is_library_source() && !is_for_tests(&file.path)).collect()
}

/// The paths, without `.rs`, of the modules that a file declares for tests only.
fn test_only_paths(file: &File) -> Vec<String> {
    let Some(stem) = file.path.strip_suffix(".rs") else { return Vec::new() };
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let below = if matches!(name, "lib" | "main" | "mod") { folder } else { stem };
    let place = |module: source::TestModule<'_>| match module.path {
        Some(path) => format!("{folder}/{}", path.trim_end_matches(".rs")),
        None => format!("{below}/{}", module.name),
    };
    source::test_modules(&file.text).into_iter().map(place).collect()
}

fn read_folder(root: &Path, inside: &str, files: &mut Vec<File>) -> Fallible {
    for entry in fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
        let kind = entry.file_type()?;
        // Also as a file: in a second work tree `.git` is one.
        if MADE.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            read_folder(root, &path, files)?;
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
        {
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_declared_for_tests_is_no_library_source() {
        let files = [
            File::new("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod fixture;\n"),
            File::new("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\n"),
            File::new("crates/a/src/b/tests.rs", ""),
            File::new("crates/a/src/b/tested.rs", ""),
            File::new("crates/a/src/c/d.rs", "#[cfg(test)]\n#[path = \"d_tests.rs\"]\nmod tests;\n"),
            File::new("crates/a/src/c/d_tests.rs", ""),
            File::new("crates/a/src/fixture.rs", ""),
            File::new("crates/a/src/fixture/more.rs", ""),
            File::new("crates/a/tests/c.rs", ""),
            File::new("benches/src/main.rs", ""),
        ];
        let found: Vec<_> = library_sources(&files).into_iter().map(|file| file.path.as_str()).collect();
        let expected = ["lib.rs", "b.rs", "b/tested.rs", "c/d.rs"].map(|path| format!("crates/a/src/{path}"));
        assert_eq!(found, expected);
    }
}
