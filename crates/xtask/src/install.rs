//! Installs what the tests need and the machine lacks, or says exactly what to install.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Fallible;
use crate::run::{cargo, output, run, succeeds};

/// The oldest Node.js that runs the servers of the interop tests.
const OLDEST_NODE: u32 = 20;

/// Something that has to be on the machine.
#[derive(Debug)]
struct Need {
    /// A command that succeeds when it is there.
    probe: &'static [&'static str],
    /// What brings it on Debian.
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need { probe: &["node", "--version"], packages: &["nodejs"] },
    Need { probe: &["npm", "--version"], packages: &["npm"] },
    Need { probe: &["pkg-config", "--version"], packages: &["pkg-config"] },
    // For the feature `native-tls`, which is tested too.
    Need { probe: &["pkg-config", "--exists", "openssl"], packages: &["libssl-dev", "pkg-config"] },
    // What the manual shows is run.
    Need { probe: &["curl", "--version"], packages: &["curl"] },
    // The servers that the stores and the key providers are tested against.
    Need { probe: &["sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres"], packages: &["postgresql"] },
    Need { probe: &["redis-server", "--version"], packages: &["redis-server"] },
    Need { probe: &["softhsm2-util", "--version"], packages: &["softhsm2"] },
    Need { probe: &["sh", "-c", "command -v pkcs11-tool"], packages: &["opensc"] },
    // A keychain, and the bus on which it is found.
    Need { probe: &["dbus-daemon", "--version"], packages: &["dbus-daemon"] },
    Need { probe: &["sh", "-c", "command -v dbus-send"], packages: &["dbus-bin"] },
    Need { probe: &["sh", "-c", "command -v gnome-keyring-daemon"], packages: &["gnome-keyring"] },
    Need { probe: &["sh", "-c", "command -v secret-tool"], packages: &["libsecret-tools"] },
    // Another clock, which lies in a folder of the architecture or of none.
    Need {
        probe: &[
            "sh",
            "-c",
            "ls /usr/lib*/faketime /usr/local/lib/faketime /usr/lib/*/faketime | grep -qx libfaketime.so.1",
        ],
        packages: &["libfaketime"],
    },
    // A resource server. The package `apache2` would start one of its own; this is the program alone.
    Need { probe: &["sh", "-c", "ls /usr/sbin/apache2"], packages: &["apache2-bin"] },
    Need {
        probe: &["sh", "-c", "ls /usr/lib/apache2/modules/mod_oauth2.so"],
        packages: &["libapache2-mod-oauth2"],
    },
    Need { probe: &["python3", "-c", "import ensurepip, venv"], packages: &["python3-venv"] },
    // A person's browser, and what drives it.
    Need { probe: &["sh", "-c", "command -v chromium"], packages: &["chromium"] },
    Need { probe: &["sh", "-c", "command -v chromedriver"], packages: &["chromium-driver"] },
];

/// Makes the machine ready for every stage. Where it is root on Debian it installs, elsewhere it says what is
/// missing; what stands below the project it installs everywhere, by lock file.
///
/// # Errors
/// What is missing and how to get it, or what failed.
pub fn install(root: &Path) -> Fallible {
    for component in ["fmt", "clippy"] {
        if !succeeds(&mut cargo(root, &[component, "--version"])) {
            return Err(format!("cargo {component} is missing: `rustup component add rustfmt clippy`").into());
        }
    }
    install_packages(&missing_packages())?;
    let version = output(Command::new("node").arg("--version"))?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        let found = version.trim();
        return Err(format!(
            "Node.js {OLDEST_NODE} or newer is needed, and this is {found}: install a newer one"
        )
        .into());
    }
    install_npm(&root.join("tests/oidc-provider"))?;
    install_python(&root.join("tests/authlib/requirements.txt"), &root.join("target/authlib-venv"))?;
    install_python(&root.join("tests/moto/requirements.txt"), &root.join("target/moto-venv"))
}

fn missing_packages() -> Vec<&'static str> {
    let is_missing = |need: &&Need| !succeeds(Command::new(need.probe[0]).args(&need.probe[1..]));
    let mut packages: Vec<_> =
        NEEDS.iter().filter(is_missing).flat_map(|need| need.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install_packages(packages: &[&str]) -> Fallible {
    if packages.is_empty() {
        return Ok(());
    }
    if !is_root_on_debian() {
        let names = packages.join(" ");
        let advice = "where packages are called otherwise: Node.js 20 or newer with npm, pkg-config, OpenSSL's headers, curl, PostgreSQL, \
             Redis, SoftHSM 2, OpenSC, D-Bus with dbus-send, GNOME Keyring with secret-tool, libfaketime, Apache 2.4 with mod_oauth2, Python's venv, and Chromium with its driver";
        return Err(format!("install these first: `sudo apt-get install {names}` on Debian; {advice}").into());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments).stdin(Stdio::null()))
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages].concat())
}

/// Installs the packages of a lock file, unless the very same were installed before.
fn install_npm(folder: &Path) -> Fallible {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|known| known == lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).stdin(Stdio::null());
    run(&mut npm)?;
    Ok(fs::write(installed, lock)?)
}

/// Installs the packages of a list with fixed versions into an environment of their own, unless the very same were
/// installed before.
fn install_python(list: &Path, environment: &Path) -> Fallible {
    let wanted = fs::read(list)?;
    let installed = environment.join("installed-requirements.txt");
    if fs::read(&installed).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment).stdin(Stdio::null()))?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--requirement",
    ])
    .arg(list);
    run(pip.stdin(Stdio::null()))?;
    Ok(fs::write(installed, wanted)?)
}

fn is_root_on_debian() -> bool {
    Path::new("/etc/debian_version").exists()
        && output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// The major number of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8"), Some(8));
        assert_eq!(major("nonsense"), None);
    }
}
