//! What the system knows of the processes of a run: whom they are connected to, how much memory they
//! hold.

use std::fs;
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::fleet::Fleet;
use crate::run::Run;

/// How often connections are looked at.
const EVERY: Duration = Duration::from_millis(250);

/// Looks at the connections of all sidecars until the run is over. Returns how often it looked.
///
/// # Errors
///
/// If a sidecar is connected to PostgreSQL or Redis, or no server seems to be: then it is not known
/// whether anything would show.
pub async fn watch(fleet: &Fleet, run: &Run) -> Result<u64> {
    let forbidden = fleet.database_ports().await;
    for server in &fleet.replicas {
        let seen = server.process().await.map(remote_ports).unwrap_or_default();
        if !forbidden.is_empty() && !seen.iter().any(|port| forbidden.contains(port)) {
            return Err(Failure(format!("no connection of {} to a database shows", server.place)));
        }
    }
    let mut looked = 0;
    while !run.rest(EVERY).await {
        for sidecar in &fleet.sidecars {
            let Some(process) = sidecar.process().await else { continue };
            let seen = remote_ports(process);
            if let Some(port) = seen.iter().find(|port| forbidden.contains(port)) {
                let place = sidecar.place;
                return Err(Failure(format!("{place} is connected to a database, port {port}")));
            }
            // One that was just killed has none.
            looked += u64::from(!seen.is_empty());
        }
    }
    Ok(looked)
}

/// The ports of other ends of the TCP connections of a process; none if it is gone.
fn remote_ports(process: u32) -> Vec<u16> {
    let read = |what: &str| fs::read_to_string(format!("/proc/{process}/{what}"));
    let tables = ["net/tcp", "net/tcp6"].map(|table| read(table).unwrap_or_default());
    let sockets = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let sockets: Vec<String> = sockets
        .filter_map(|entry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok())
        .collect();
    let own = |inode: &str| sockets.contains(&format!("socket:[{inode}]"));
    let all = tables.iter().flat_map(|table| table.lines().skip(1).filter_map(connection));
    all.filter(|(inode, _)| own(inode)).map(|(_, port)| port).collect()
}

/// The inode of a connection in a table of the system, and the port of its other end.
fn connection(line: &str) -> Option<(&str, u16)> {
    let mut fields = line.split_whitespace();
    let remote = fields.nth(2)?;
    let inode = fields.nth(6)?;
    let (_, port) = remote.split_once(':')?;
    Some((inode, u16::from_str_radix(port, 16).ok()?))
}

/// Memory that a process holds, in bytes; none if it is gone.
pub fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_other_ends_of_connections_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::process::id();
        assert!(!remote_ports(own).contains(&port));
        let connected = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(remote_ports(own).contains(&port));
        drop(connected);
        assert!(remote_ports(0).is_empty());
    }

    #[test]
    fn a_process_holds_memory() {
        assert!(resident(std::process::id()).unwrap() > 1 << 20);
        assert_eq!(resident(0), None);
    }
}
