//! Requests over keep-alive connections, all on one thread: as fast as they are answered, or at a rate.
//!
//! At a rate each request has an instant at which it is due, and its time counts from then on: waiting for a free connection
//! is part of it, so that a server that stalls is not asked less often and thereby flattered.

use actix_web::rt::net::TcpStream;
use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sends requests and tells how many were answered.
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// Where the server listens
    #[arg(long)]
    server: SocketAddr,
    #[arg(long, default_value = "GET")]
    method: String,
    #[arg(long)]
    path: String,
    /// A JSON body; of several, each request takes the next
    #[arg(long)]
    body: Vec<String>,
    /// A file with bearer tokens, one a line: each request takes the next
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Tokens to leave out at the beginning of the file
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Tokens to use
    #[arg(long, default_value_t = usize::MAX)]
    take: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// For how long; requests that are under way then are waited for
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Stops when each token was used once
    #[arg(long)]
    once: bool,
    /// Requests a second; as many as are answered, if not said
    #[arg(long)]
    rate: Option<f64>,
}

struct Plan {
    args: LoadArgs,
    tokens: Vec<String>,
    began_at: Instant,
    next: Cell<usize>,
    took_us: RefCell<Vec<u32>>,
    failed: Cell<usize>,
}

/// Runs the load and prints one JSON object.
pub fn run(args: LoadArgs) {
    let text = args.tokens.as_ref().map(|file| std::fs::read_to_string(file).expect("the tokens can be read"));
    let tokens: Vec<String> =
        text.iter().flat_map(|text| text.lines()).skip(args.skip).take(args.take).map(str::to_owned).collect();
    assert!(args.tokens.is_none() || !tokens.is_empty(), "there are tokens to use");
    let (next, failed) = (Cell::new(0), Cell::new(0));
    let plan = Rc::new(Plan { args, tokens, began_at: Instant::now(), next, took_us: RefCell::default(), failed });
    actix_web::rt::System::new().block_on(async {
        let connections: Vec<_> =
            (0..plan.args.connections).map(|_| actix_web::rt::spawn(keep_asking(Rc::clone(&plan)))).collect();
        for connection in connections {
            connection.await.expect("a connection's task ends");
        }
    });
    let seconds = plan.began_at.elapsed().as_secs_f64();
    let mut took_us = plan.took_us.take();
    took_us.sort_unstable();
    let at = |part: f64| {
        let place = ((took_us.len() as f64 * part) as usize).min(took_us.len().saturating_sub(1));
        took_us.get(place).map_or(0.0, |us| f64::from(*us) / 1e3)
    };
    println!(
        "{{\"answered\":{},\"failed\":{},\"seconds\":{seconds:.3},\"rate\":{:.1},\"p50_ms\":{:.3},\"p99_ms\":{:.3},\"max_ms\":{:.3}}}",
        took_us.len(),
        plan.failed.get(),
        took_us.len() as f64 / seconds,
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

async fn keep_asking(plan: Rc<Plan>) {
    let connected =
        TcpStream::connect(plan.args.server).await.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    let mut stream = connected.unwrap_or_else(|cause| {
        eprintln!("{}: {cause}", plan.args.server);
        std::process::exit(1);
    });
    let mut buffer = Vec::new();
    while let Some((number, due_at)) = plan.take_next().await {
        let request = plan.request(number);
        match ask(&mut stream, &request, &mut buffer).await {
            Some((200..=299, _)) => {
                let us = due_at.elapsed().as_micros();
                plan.took_us.borrow_mut().push(us.try_into().unwrap_or(u32::MAX));
            }
            answer => {
                if plan.failed.replace(plan.failed.get() + 1) == 0 {
                    eprintln!("{} {}: {answer:?}", plan.args.method, plan.args.path);
                }
                if answer.is_none() {
                    return;
                }
            }
        }
    }
}

impl Plan {
    /// The number of the next request and the instant from which its time counts.
    async fn take_next(&self) -> Option<(usize, Instant)> {
        let number = self.next.replace(self.next.get() + 1);
        if self.args.once && number >= self.tokens.len() {
            return None;
        }
        let due_at = match self.args.rate {
            Some(rate) => self.began_at + Duration::from_secs_f64(number as f64 / rate),
            None => Instant::now(),
        };
        if !self.args.once && due_at.duration_since(self.began_at).as_secs_f64() >= self.args.seconds {
            return None;
        }
        if let Some(wait) = due_at.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
            actix_web::rt::time::sleep(wait).await;
        }
        Some((number, due_at))
    }

    fn request(&self, number: usize) -> Vec<u8> {
        let LoadArgs { method, path, server, body, .. } = &self.args;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n");
        if !self.tokens.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.tokens[number % self.tokens.len()]);
        }
        if body.is_empty() {
            return (head + "\r\n").into_bytes();
        }
        let body = &body[number % body.len()];
        (head + &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())).into_bytes()
    }
}

/// Status and body of the answer; nothing where the connection ended.
async fn ask(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Option<(u16, String)> {
    let mut sent = 0;
    while sent < request.len() {
        stream.writable().await.ok()?;
        match stream.try_write(&request[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    buffer.clear();
    let mut awaited = None;
    loop {
        if let Some((status, from, to)) = awaited.or_else(|| head(buffer)) {
            if buffer.len() >= to {
                let body =
                    if (200..=299).contains(&status) { "".into() } else { String::from_utf8_lossy(&buffer[from..to]) };
                return Some((status, body.into_owned()));
            }
            awaited = Some((status, from, to));
        }
        stream.readable().await.ok()?;
        match stream.try_read_buf(buffer) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// The status of an answer whose head has arrived, and where its body begins and ends.
fn head(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..end]).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((status, end, end + length.unwrap_or(0)))
}
