//! Binding addresses: TCP and Unix sockets.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::config::{Address, Config};

/// A bound address, and what is served there.
#[derive(Debug)]
pub struct Listener {
    pub(super) role: Role,
    pub(super) bound: Bound,
}

/// What is served at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All services.
    Everything,
    /// Questions, and what sidecars need, because everything else has an address of its own.
    Questions,
    /// Health alone, without TLS.
    Health,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(Socket),
}

/// A Unix socket and its file, which goes when the socket does.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Tells our file from one that another server has put in its place.
    inode: u64,
}

/// Why an address cannot be bound.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: Address,
    /// Why.
    pub reason: BindReason,
}

/// Why an address cannot be bound.
#[derive(Debug)]
pub enum BindReason {
    /// The system refused.
    Io(io::Error),
    /// Something else than a socket has this path; it is not ours to remove.
    NotASocket,
    /// Another server answers on this socket.
    InUse,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on `{}`: ", self.address)?;
        match &self.reason {
            BindReason::Io(error) => write!(f, "{error}"),
            BindReason::NotASocket => f.write_str("a file that is not a socket is in the way"),
            BindReason::InUse => f.write_str("another server is listening there"),
        }
    }
}

impl std::error::Error for BindError {}

impl From<io::Error> for BindReason {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Binds every address that the configuration names.
///
/// # Errors
///
/// The first address that cannot be bound.
pub async fn bind(config: &Config) -> Result<Vec<Listener>, BindError> {
    let mode = config.unix_socket_mode;
    let questions = match config.admin_listen.is_empty() {
        true => Role::Everything,
        false => Role::Questions,
    };
    let mut listeners = Vec::new();
    for (addresses, role) in [(&config.listen, questions), (&config.admin_listen, Role::Everything)]
    {
        for address in addresses {
            listeners.push(Listener::bind(address, role, mode).await?);
        }
    }
    if let Some(address) = config.health_listen {
        listeners.push(Listener::bind(&Address::Tcp(address), Role::Health, mode).await?);
    }
    Ok(listeners)
}

impl Listener {
    async fn bind(address: &Address, role: Role, mode: u32) -> Result<Self, BindError> {
        let bound = match address {
            Address::Tcp(address) => {
                TcpListener::bind(address).await.map(Bound::Tcp).map_err(BindReason::Io)
            }
            Address::Unix(path) => Socket::bind(path, mode).await.map(Bound::Unix),
        };
        let bound = bound.map_err(|reason| BindError { address: address.clone(), reason })?;
        Ok(Self { role, bound })
    }

    /// Where it really listens: port 0 has become a number.
    pub fn address(&self) -> Address {
        match &self.bound {
            // The address of a socket that is bound can always be read.
            Bound::Tcp(listener) => {
                Address::Tcp(listener.local_addr().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()))
            }
            Bound::Unix(socket) => Address::Unix(socket.path.clone()),
        }
    }

    /// What is served there.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl Socket {
    /// Prepares the socket under another name and moves it into place, so that nobody can connect
    /// before it has its permissions.
    async fn bind(path: &Path, mode: u32) -> Result<Self, BindReason> {
        ensure_free(path).await?;
        let mut prepared = path.as_os_str().to_owned();
        prepared.push("~");
        let prepared = PathBuf::from(prepared);
        remove_socket(&prepared)?;
        let listener = UnixListener::bind(&prepared)?;
        fs::set_permissions(&prepared, fs::Permissions::from_mode(mode))?;
        fs::rename(&prepared, path)?;
        Ok(Self { listener, path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours {
            // Nothing is lost if it stays: the next server replaces a stale socket.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket that nobody answers on is stale and may be replaced; anything else may not.
async fn ensure_free(path: &Path) -> Result<(), BindReason> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(file) if !file.file_type().is_socket() => Err(BindReason::NotASocket),
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err(BindReason::InUse),
        },
    }
}

fn remove_socket(path: &Path) -> Result<(), BindReason> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => Ok(fs::remove_file(path)?),
        Ok(_) => Err(BindReason::NotASocket),
        Err(_) => Ok(()),
    }
}
