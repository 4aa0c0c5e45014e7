//! As much of HTTP/1.1 as the load needs: a head that never changes, and the length of a response.

use std::io::{Read, Write};

use crate::Failure;

/// Writes a sealed request as the `POST` that carries it.
pub(crate) fn post(body: &[u8]) -> Vec<u8> {
    let mut out =
        format!("POST /kith/v1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

/// Where the body of a whole response lies; `None` while something is missing.
pub(crate) fn body_of(received: &[u8]) -> Result<Option<std::ops::Range<usize>>, Failure> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("the server said: {status}").into());
    }
    let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = end + 4..end + 4 + length.ok_or("a response without a length")?;
    Ok((received.len() >= body.end).then_some(body))
}

/// Sends one request and returns the body of the response.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> Result<Vec<u8>, Failure> {
    stream.write_all(request)?;
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(body) = body_of(&received)? {
            return Ok(received[body].to_vec());
        }
        match stream.read(&mut chunk)? {
            0 => return Err("the server hung up".into()),
            n => received.extend_from_slice(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_when_its_last_byte_is_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        assert_eq!(body_of(whole).unwrap(), Some(44..47));
        for cut in 0..whole.len() {
            assert_eq!(body_of(&whole[..cut]).unwrap(), None, "{cut}");
        }
    }

    #[test]
    fn another_status_than_200_is_a_fault_and_not_an_answer() {
        assert!(body_of(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(body_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_deposit_keeps_its_bytes() {
        assert!(post(&[7; 5376]).ends_with(&[7; 5376]));
        assert!(post(b"x").starts_with(b"POST /kith/v1 HTTP/1.1\r\n"));
    }
}
