//! Presents access tokens to the resource over one connection that stays open.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::Outcome;

/// A caller's HTTP client: one request after the other to one resource on loopback.
#[derive(Debug)]
pub struct Presenter {
    /// Host and port.
    authority: String,
    path: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Presenter {
    /// For a resource such as `http://127.0.0.1:4000/resource`.
    ///
    /// # Errors
    /// The URL is no `http` URL.
    pub fn new(resource: &str) -> Outcome<Self> {
        let rest = resource.strip_prefix("http://").ok_or("the resource is reached by plain http only")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { authority: authority.to_owned(), path: format!("/{path}"), connection: None })
    }

    /// Sends one request with the token and gives the status. A future that is dropped leaves the connection
    /// behind; the next call opens another.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn present(&mut self, token: &str) -> Outcome<u16> {
        // Taken out until the answer is whole: after a failure nobody goes on with half an answer. A connection
        // that was kept may have been closed by the resource meanwhile, so its failure says nothing yet.
        if let Some(kept) = self.connection.take()
            && let Ok((connection, status)) = self.exchange(kept, token).await
        {
            self.connection = connection;
            return Ok(status);
        }
        let (connection, status) = self.exchange(self.connect().await?, token).await?;
        self.connection = connection;
        Ok(status)
    }

    async fn connect(&self) -> Outcome<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// Gives the connection back where it stays open.
    async fn exchange(
        &self,
        mut connection: BufReader<TcpStream>,
        token: &str,
    ) -> Outcome<(Option<BufReader<TcpStream>>, u16)> {
        let Self { authority, path, .. } = self;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or("the resource's answer has no status")?;
        let (mut length, mut stays) = (0_usize, true);
        loop {
            line.clear();
            if connection.read_line(&mut line).await? == 0 {
                return Err("the resource's answer was cut".into());
            }
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("connection") {
                stays = !value.trim().eq_ignore_ascii_case("close");
            }
        }
        connection.read_exact(&mut vec![0; length]).await?;
        Ok((stays.then_some(connection), status))
    }
}
