//! A whole server on loopback, asked by plain sockets.

mod drain;
mod gate;
mod limits;
mod local;
mod observe;
mod server;
mod tls;
