//! Sockets: bound, accepted, and for socket files also removed.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_rustls::server::TlsStream;

use super::{Endpoint, ListenError, Peer};

/// A listening socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix {
        /// Goes before the listener does: who finds nobody listening may take the name, and
        /// what is removed after that would be theirs.
        #[expect(dead_code, reason = "held for its drop, which removes the file")]
        file: SocketFile,
        listener: UnixListener,
    },
}

/// A connection before any byte was read.
pub(super) struct Accepted {
    pub(super) stream: Raw,
    pub(super) peer: Peer,
}

pub(super) enum Raw {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn bind(endpoint: &Endpoint, backlog: u32) -> Result<Self, ListenError> {
        match endpoint {
            Endpoint::Tcp(address) => bind_tcp(*address, backlog)
                .map(Self::Tcp)
                .map_err(|source| ListenError::Bind { address: *address, source }),
            Endpoint::Unix(path) => bind_unix(path),
        }
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    /// Waits for a connection. Dropping the future loses none.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are written whole; waiting for more to send only delays them.
                stream.set_nodelay(true)?;
                Ok(Accepted { stream: Raw::Tcp(stream), peer: Peer::Tcp(address) })
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok(Accepted { stream: Raw::Unix(stream), peer: Peer::Unix { uid } })
            }
        }
    }
}

fn bind_tcp(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Makes the socket under a name of its own, closes it to others, and only then gives it the
/// name that clients know, which also replaces a stale one in one step.
fn bind_unix(path: &Path) -> Result<Socket, ListenError> {
    let failed = |source| ListenError::Socket { path: path.to_owned(), source };
    refuse_occupied(path)?;
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!(".{}", std::process::id()));
    let staged = PathBuf::from(staged);
    let listener = UnixListener::bind(&staged).map_err(failed)?;
    let file = fs::set_permissions(&staged, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&staged, path))
        .and_then(|()| SocketFile::of(path));
    match file {
        Ok(file) => Ok(Socket::Unix { file, listener }),
        Err(source) => {
            remove(&staged);
            Err(failed(source))
        }
    }
}

/// Passes if the name is free or held by a socket that nobody listens on any more.
fn refuse_occupied(path: &Path) -> Result<(), ListenError> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    let failed = |source| ListenError::Socket { path: path.to_owned(), source };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ListenError::InUse { path: path.to_owned() }),
        // Whoever listened has just closed it, or has just removed the name.
        Err(error) if matches!(error.kind(), ConnectionRefused | NotFound) => Ok(()),
        Err(source) => Err(failed(source)),
    }
}

/// The socket's name, removed on drop unless another process has taken it over.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), device_and_inode: device_and_inode(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if device_and_inode(&self.path).is_ok_and(|now| now == self.device_and_inode) {
            remove(&self.path);
        }
    }
}

fn device_and_inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "cannot remove the socket");
    }
}

/// A connection's bytes, whatever carries them.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! on_stream {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::Tls($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        on_stream!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }
}
