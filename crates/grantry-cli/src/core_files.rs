//! What a crash would leave behind.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use rustix::process::{Resource, getrlimit, setrlimit};

/// Forbids that the memory of this process is written into a core file or read by another process of the same user. What
/// this process becomes, as by `grantry run`, is another program, and its core files are its own business: the system
/// forgets this with the exchange.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn forbid() {
    // A limit of zero would not do: it does not hold for cores that are piped into a program.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The same where there is only a limit for the size of core files, which whoever is started from here inherits and may
/// raise again.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn forbid() {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, rustix::process::Rlimit { current: Some(0), ..limit });
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn nobody_reads_the_memory_and_no_crash_writes_it() {
        super::forbid();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
