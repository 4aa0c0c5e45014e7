//! A blocking connection, plain or with TLS.

use std::io::{Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::Failure;

/// What a client trusts; nothing is plain HTTP.
pub(crate) type Trust = Option<Arc<ClientConfig>>;

/// A connection.
pub(crate) enum Socket {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Speaks TLS over the stream when there is something to trust.
    pub(crate) fn over(stream: TcpStream, trust: &Trust) -> std::result::Result<Self, Failure> {
        stream.set_nodelay(true)?;
        let Some(config) = trust else { return Ok(Self::Plain(stream)) };
        let name = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let connection = ClientConnection::new(Arc::clone(config), name)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Lets reading fail after some silence.
    pub(crate) fn set_patience(&self, patience: std::time::Duration) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.set_read_timeout(Some(patience)),
            Self::Tls(stream) => stream.sock.set_read_timeout(Some(patience)),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Makes a certificate for loopback in the folder. Returns the lines of configuration that name it, and the trust in it.
pub(crate) fn certify(folder: &Path) -> std::result::Result<(String, Trust), Failure> {
    let made = rcgen::generate_simple_self_signed(vec![Ipv4Addr::LOCALHOST.to_string()])?;
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec()))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let lines = format!("[tls]\ncert = \"{}\"\nkey = \"{}\"\n", cert.display(), key.display());
    Ok((lines, Some(Arc::new(config))))
}
