//! What is asked of the operating system: that a crash leaves nothing behind, and that a terminal becomes what it was.

use std::fs::File;
use std::io::Write;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

/// Forbids that the memory of this process is written into a core file or read by another process of the same user. What
/// this process becomes, as by `grantry run`, is another program, and its core files are its own business: the system
/// forgets this with the exchange.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn forbid_core_files() {
    // A limit of zero would not do: it does not hold for cores that are piped into a program.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The same where there is only a limit for the size of core files, which whoever is started from here inherits and may
/// raise again.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn forbid_core_files() {
    let limit = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, rustix::process::Rlimit { current: Some(0), ..limit });
}

/// A terminal as it was before it was asked.
#[derive(Debug)]
pub(crate) struct Terminal {
    device: File,
    modes: Termios,
}

impl Terminal {
    /// `None` where there is none.
    pub(crate) fn remembered() -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let modes = tcgetattr(&device).ok()?;
        Some(Self { device, modes })
    }

    /// The terminal asks for a secret: from now on nothing that is typed shows, and every key comes as it is. What is typed
    /// before whoever reads it takes over would show otherwise, and an end of the input would be swallowed.
    pub(crate) fn silenced(question: &str) -> Option<Self> {
        let mut terminal = Self::remembered()?;
        let mut modes = terminal.modes.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal.device, OptionalActions::Now, &modes).ok()?;
        let _ = terminal.device.write_all(question.as_bytes());
        Some(terminal)
    }

    /// The answer is there: what is typed shows again.
    pub(crate) fn answered(self) {
        let _ = tcsetattr(&self.device, OptionalActions::Now, &self.modes);
    }

    /// Puts it back, and what comes next on a line of its own: the one with the question ends with the keys that ended it.
    pub(crate) fn restore(mut self) {
        // In the background it is somebody else's by now, and whoever touches it there is stopped.
        if tcgetpgrp(&self.device) != Ok(rustix::process::getpgrp()) {
            return;
        }
        let is_as_it_was = |now: Termios| now.local_modes == self.modes.local_modes;
        if !tcgetattr(&self.device).is_ok_and(is_as_it_was) {
            // Nothing is left to be done where it fails.
            let _ = tcsetattr(&self.device, OptionalActions::Now, &self.modes);
        }
        let _ = self.device.write_all(b"\n");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior};

    #[test]
    fn nobody_reads_the_memory_and_no_crash_writes_it() {
        super::forbid_core_files();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }
}
