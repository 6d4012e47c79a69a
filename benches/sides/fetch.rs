//! Reads a large file again and again, over as many connections as are wanted, and throws away what comes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Bytes that are taken from a connection at a time.
const READ_BYTES: usize = 256 << 10;

/// Reads a file and tells how many bytes came.
#[derive(Debug, clap::Args)]
pub struct FetchArgs {
    /// Where the server listens
    #[arg(long)]
    server: SocketAddr,
    #[arg(long)]
    path: String,
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// For how long; what is under way then counts as far as it has come
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Ask for so many bytes at a time, one part after the other, instead of for the whole file
    #[arg(long)]
    part_bytes: Option<u64>,
    /// How long the file is
    #[arg(long)]
    size_bytes: u64,
}

/// Runs the connections, a thread each, and prints one JSON object.
pub fn run(args: FetchArgs) {
    let began_at = Instant::now();
    let ends_at = began_at + Duration::from_secs_f64(args.seconds);
    let counts: Vec<Count> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.connections)
            .map(|number| {
                scope.spawn({
                    let args = &args;
                    move || read(args, number, ends_at)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a connection's thread ends")).collect()
    });
    let seconds = began_at.elapsed().as_secs_f64();
    let bytes: u64 = counts.iter().map(|count| count.bytes).sum();
    let least = counts.iter().map(|count| count.bytes).min().unwrap_or(0);
    let failed: u64 = counts.iter().map(|count| count.failed).sum();
    println!(
        "{{\"bytes\":{bytes},\"least_bytes\":{least},\"failed\":{failed},\"seconds\":{seconds:.3},\"gib_s\":{:.4}}}",
        bytes as f64 / seconds / f64::from(1 << 30)
    );
}

#[derive(Default)]
struct Count {
    bytes: u64,
    failed: u64,
}

fn read(args: &FetchArgs, number: usize, ends_at: Instant) -> Count {
    let mut stream = TcpStream::connect(args.server).expect("the server listens");
    let (mut count, mut buffer) = (Count::default(), vec![0; READ_BYTES]);
    // Connections begin at different parts, so that they are not all at the same place of the file.
    let parts = args.part_bytes.map_or(1, |part| args.size_bytes.div_ceil(part).max(1));
    let mut part = number as u64 * parts / args.connections as u64;
    while Instant::now() < ends_at {
        let range = args.part_bytes.map_or(String::new(), |bytes| {
            let start = part % parts * bytes;
            format!("Range: bytes={start}-{}\r\n", (start + bytes).min(args.size_bytes) - 1)
        });
        part += 1;
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n{range}\r\n", args.path, args.server);
        stream.write_all(request.as_bytes()).expect("the request can be sent");
        if !one_answer(&mut stream, &mut buffer, &mut count, ends_at) {
            return count;
        }
    }
    count
}

/// Reads an answer to its end, or to the end of the time; `false` where the connection is of no more use.
fn one_answer(stream: &mut TcpStream, buffer: &mut [u8], count: &mut Count, ends_at: Instant) -> bool {
    let mut head = Vec::new();
    let (length, mut got) = loop {
        let read = stream.read(buffer).unwrap_or(0);
        if read == 0 {
            count.failed += 1;
            return false;
        }
        head.extend_from_slice(&buffer[..read]);
        let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<u64>().ok());
        if !(text.starts_with("http/1.1 200") || text.starts_with("http/1.1 206")) {
            eprintln!("{}", text.lines().next().unwrap_or_default());
            count.failed += 1;
            return false;
        }
        break (length.expect("the answer says how long it is"), (head.len() - end - 4) as u64);
    };
    count.bytes += got;
    while got < length {
        let read = stream.read(buffer).unwrap_or(0) as u64;
        if read == 0 {
            count.failed += 1;
            return false;
        }
        got += read;
        count.bytes += read;
        if Instant::now() >= ends_at {
            return false;
        }
    }
    true
}
