//! What `cargo metadata` says of the workspace: the parts that the rules read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Fallible;
use crate::run::cargo_output;

/// The answer of `cargo metadata --format-version 1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Metadata {
    /// Every package of the graph, members included.
    pub packages: Vec<Package>,
    /// The ids of the members.
    pub workspace_members: Vec<String>,
    /// Who depends on whom, all features on.
    pub resolve: Option<Resolve>,
    /// The root of the workspace.
    pub workspace_root: PathBuf,
}

/// One package.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Package {
    /// The id by which the graph names it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// Where it comes from; `None` for a path.
    pub source: Option<String>,
    /// The oldest Rust that builds it.
    pub rust_version: Option<String>,
    /// Registries it may go to: `Some([])` for none.
    pub publish: Option<Vec<String>>,
    /// Its manifest.
    pub manifest_path: PathBuf,
    /// Its features, with what they turn on.
    pub features: BTreeMap<String, Vec<String>>,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependencies.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Dependency {
    /// The package asked for.
    pub name: String,
    /// `None` for a normal one, or `dev` or `build`.
    pub kind: Option<String>,
    /// Whether a feature turns it on.
    #[serde(default)]
    pub optional: bool,
}

/// The resolved graph.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Resolve {
    /// One node for each package.
    pub nodes: Vec<Node>,
}

/// A package and what it depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Node {
    /// The package.
    pub id: String,
    /// Its direct dependencies.
    pub deps: Vec<NodeDependency>,
}

/// An arrow of the graph.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeDependency {
    /// The package it leads to.
    pub pkg: String,
    /// Of which kinds it is.
    pub dep_kinds: Vec<DependencyKind>,
}

/// One kind of an arrow.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DependencyKind {
    /// `None` for normal, or `dev` or `build`.
    pub kind: Option<String>,
}

impl Metadata {
    /// Asks cargo about the workspace that holds `root`, with every feature on.
    ///
    /// # Errors
    /// Whatever kept cargo from answering.
    pub fn load(root: &Path) -> Fallible<Self> {
        let text = cargo_output(root, &["metadata", "--format-version", "1", "--all-features", "--locked"])?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The members of the workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The packages of `crates/`, without the tasks themselves.
    pub fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.is_published())
    }

    /// The package of that id.
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// The packages that the one named so needs to be built, itself left out: normal and build dependencies,
    /// all the way down.
    pub fn needed_by(&self, package: &Package) -> Vec<&Package> {
        self.needed_by_without(package, |_, _| false)
    }

    /// The same, without what is left out between one package and another that it needs.
    pub fn needed_by_without(
        &self,
        package: &Package,
        is_left_out: impl Fn(&Package, &Package) -> bool,
    ) -> Vec<&Package> {
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.iter().flat_map(|r| &r.nodes).map(|node| (node.id.as_str(), node)).collect();
        let mut found = BTreeSet::new();
        let mut open = vec![package.id.as_str()];
        while let Some(id) = open.pop() {
            let deps = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
            let by = self.package(id);
            let is_in = |dep: &&NodeDependency| {
                let pair = by.zip(self.package(&dep.pkg));
                dep.is_built() && !pair.is_some_and(|(by, needed)| is_left_out(by, needed))
            };
            for dep in deps.iter().filter(is_in) {
                if found.insert(dep.pkg.as_str()) {
                    open.push(&dep.pkg);
                }
            }
        }
        found.into_iter().filter_map(|id| self.package(id)).collect()
    }

    /// The folder of a member, relative to the root, with `/` between its parts.
    pub fn folder_of(&self, package: &Package) -> String {
        let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
        let inside = folder.strip_prefix(&self.workspace_root).unwrap_or(folder);
        inside.to_string_lossy().replace('\\', "/")
    }
}

impl Package {
    /// Whether it may go to a registry.
    pub fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }
}

impl NodeDependency {
    /// Whether it is more than a dev-dependency.
    fn is_built(&self) -> bool {
        self.dep_kinds.is_empty() || self.dep_kinds.iter().any(|k| k.kind.as_deref() != Some("dev"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_need_is_not_needed_to_build() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"packages": [{"id": "a"}, {"id": "b", "name": "b"}, {"id": "c", "name": "c"}, {"id": "d"}],
                "resolve": {"nodes": [
                    {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}]},
                                         {"pkg": "d", "dep_kinds": [{"kind": "dev"}]}]},
                    {"id": "b", "deps": [{"pkg": "c", "dep_kinds": [{"kind": "build"}]}]}]}}"#,
        )
        .unwrap();
        let names: Vec<_> =
            metadata.needed_by(&metadata.packages[0]).iter().map(|package| package.name.clone()).collect();
        assert_eq!(names, ["b", "c"]);
    }
}
