//! One listening socket for each core on the same port (`SO_REUSEPORT`): the kernel spreads connections, and no core
//! wakes another.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait in the kernel for a core.
const BACKLOG: i32 = 4096;

/// `count` sockets that listen on `address`; port 0 picks a free one for all.
///
/// # Errors
/// The address cannot be had.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let address = find_free(address)?;
    (0..count).map(|_| listen_beside_others(address)).collect()
}

/// Binds alone first: a port that another process shares as we do would else be had, and its connections be torn apart.
fn find_free(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn listen_beside_others(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_others_share_among_themselves_is_taken() {
        let listeners = listen("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert_eq!(listeners[1].local_addr().unwrap(), address);
        assert_eq!(listen(address, 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listeners);
        assert!(listen(address, 2).is_ok());
    }
}
