//! Which connections of a stopped process go to a port, from `/proc` (proc_pid_net(5)). On systems without it there
//! are none to be seen.

use std::collections::HashSet;
use std::fs;

/// A connection of a process to the port that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    /// The process's own port.
    pub(crate) port: u16,
    /// Whether bytes have come that it has not read.
    pub(crate) unread: bool,
}

/// The connections of a process over IPv4 to a port of this machine.
pub(crate) fn connections(process: u32, to: u16) -> Vec<Connection> {
    let inodes = socket_inodes(process);
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    table.lines().filter_map(|line| parse(line, to, &inodes)).collect()
}

fn socket_inodes(process: u32) -> HashSet<String> {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
    let targets =
        descriptors.into_iter().flatten().flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let inode = |target: &str| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    targets.filter_map(|target| inode(target.to_str()?)).collect()
}

/// A line of the table: `sl local remote state tx:rx timer retransmits uid timeout inode ...`, in hexadecimal.
fn parse(line: &str, to: u16, inodes: &HashSet<String>) -> Option<Connection> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let port = |word: &str| u16::from_str_radix(word.rsplit_once(':')?.1, 16).ok();
    let (local, remote) = (port(words.get(1)?)?, port(words.get(2)?)?);
    let unread = u64::from_str_radix(words.get(4)?.split_once(':')?.1, 16).ok()? > 0;
    (remote == to && inodes.contains(*words.get(9)?)).then_some(Connection { port: local, unread })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_port_and_unread_bytes_of_the_processs_own_sockets_only() {
        let line =
            "  3: 0100007F:9C41 0100007F:1F90 01 00000000:0000002A 00:00000000 00000000  1000  0 777 1 0";
        let own = HashSet::from(["777".to_owned()]);
        assert_eq!(parse(line, 0x1f90, &own), Some(Connection { port: 0x9c41, unread: true }));
        assert_eq!(parse(line, 0x1f91, &own), None, "to another port");
        assert_eq!(parse(line, 0x1f90, &HashSet::new()), None, "of another process");
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue", 1, &own), None);
    }
}
