//! Getting a letter out of the house: by SMTP over TLS, or, where none is set, as a file.

use super::letters::Addressed;
use crate::clock::UtcTime;
use crate::config::Config;
use crate::error::{Error, Result};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Message, SmtpTransport, Transport};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// How long the mail server may take for one step.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The way out, and the sender.
pub struct Mailer {
    from: Mailbox,
    domain: String,
    way: Way,
}

enum Way {
    Smtp(Box<SmtpTransport>),
    /// One `.eml` file a mail, for trying out and for machines without mail. What has its name is
    /// whole; a power cut may take the last of them away.
    Directory(PathBuf),
}

/// A mail that did not go out. Says nothing of its address: mail servers like to repeat it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is kept with the event and logged.
    pub why: String,
    /// Whether the mail server itself could not be talked to, so that others need not be tried now.
    pub unreachable: bool,
}

impl Mailer {
    /// By the settings. Opens no connection yet.
    ///
    /// # Errors
    /// `invalid` where the sender is no address, or the way to the server would not be encrypted.
    pub fn open(config: &Config) -> Result<Self> {
        let from: Mailbox = config.mail.from.parse().map_err(|e| Error::invalid(format!("[mail] from: {e}.")))?;
        let way = match &config.mail.smtp_url {
            None => {
                let directory = config.mail_dir();
                // Mails carry tokens: only the server's user may look in.
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
                Way::Directory(directory)
            }
            Some(url) => Way::Smtp(Box::new(smtp(url.expose())?)),
        };
        Ok(Mailer { domain: from.email.domain().to_owned(), from, way })
    }

    /// Sends one letter. `name` is the same for the same letter: it becomes the Message-ID and the
    /// file's name, so that one that is sent twice can be told.
    ///
    /// # Errors
    /// Why it did not go out.
    pub fn send(&self, mail: &Addressed, name: &str, now: UtcTime) -> Result<(), Refusal> {
        let message = self.message(mail, name, now).map_err(|why| Refusal { why, unreachable: false })?;
        match &self.way {
            Way::Smtp(transport) => transport.send(&message).map(drop).map_err(|e| refusal(&e)),
            Way::Directory(directory) => file(directory, name, &message.formatted())
                .map_err(|e| Refusal { why: format!("the file cannot be written: {}", e.kind()), unreachable: true }),
        }
    }

    fn message(&self, mail: &Addressed, name: &str, now: UtcTime) -> Result<Message, String> {
        let to = mail.to.parse().map_err(|_| "the recipient's address has no form that can be sent to")?;
        let since_1970 = Duration::from_secs(u64::try_from(now.unix_s()).unwrap_or(0));
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .date(UNIX_EPOCH + since_1970)
            .message_id(Some(format!("<{name}@{}>", self.domain)))
            .subject(&mail.letter.subject)
            .raw_header(automatic)
            .singlepart(SinglePart::plain(mail.letter.body.clone()))
            .map_err(|e| format!("the message cannot be put together: {e}"))
    }
}

/// Only encrypted ways: TLS from the start, or STARTTLS that the server must offer.
fn smtp(url: &str) -> Result<SmtpTransport> {
    let query = url.rsplit_once('?').map_or("", |(_, query)| query);
    let encrypted = url.starts_with("smtps://")
        || (url.starts_with("smtp://") && query.split('&').any(|setting| setting == "tls=required"));
    if !encrypted {
        return Err(Error::invalid("[mail] smtp_url begins with smtps://, or with smtp:// and ends in ?tls=required."));
    }
    // The library's words could repeat the password.
    let builder = SmtpTransport::from_url(url).map_err(|_| Error::invalid("[mail] smtp_url cannot be read."))?;
    Ok(builder.timeout(Some(TIMEOUT)).build())
}

fn refusal(error: &lettre::transport::smtp::Error) -> Refusal {
    match error.status() {
        Some(code) => Refusal { why: format!("the mail server answered {code}"), unreachable: false },
        None if error.is_timeout() => Refusal { why: "the mail server took too long".into(), unreachable: true },
        None if error.is_tls() => Refusal { why: "no encrypted way to the mail server".into(), unreachable: true },
        None if error.is_client() => Refusal { why: "the mail cannot be sent in this form".into(), unreachable: false },
        None => Refusal { why: "the mail server cannot be reached".into(), unreachable: true },
    }
}

fn file(directory: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(directory.join(format!("{name}.eml")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::wording::Letter;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    fn addressed() -> Addressed {
        let letter = Letter { subject: "Grüße".into(), body: "Line one.\n\nverify_T\n".into() };
        Addressed { to: "ada@example.org".into(), letter }
    }

    fn config(directory: &Path, smtp_url: Option<&str>) -> Config {
        let mut config = Config { data_dir: directory.to_owned(), ..Config::default() };
        config.mail.smtp_url = smtp_url.map(|url| url.to_owned().into());
        config
    }

    #[test]
    fn ways_that_are_not_encrypted_are_refused_without_repeating_the_password() {
        let directory = tempfile::tempdir().unwrap();
        let open = |url: &str| Mailer::open(&config(directory.path(), Some(url)));
        for url in [
            "smtp://u:hunter2@mail.example",
            "smtp://u:hunter2@mail.example?tls=opportunistic",
            "smtp://u:tls=required@mail.example",
            "http://u:hunter2@mail.example",
            "smtps://u:hunter2@",
        ] {
            assert!(!open(url).err().expect(url).detail().contains("hunter2"));
        }
        open("smtps://u:hunter2@mail.example").unwrap();
        open("smtp://u:hunter2@mail.example:587?tls=required").unwrap();
        let mut nobody = config(directory.path(), None);
        nobody.mail.from = "nobody".into();
        assert!(Mailer::open(&nobody).is_err());
    }

    #[test]
    fn a_file_is_a_whole_message_and_the_same_letter_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let mailer = Mailer::open(&config(directory.path(), None)).unwrap();
        let now = UtcTime::parse("2026-01-01T00:00:00Z").unwrap();
        for _ in 0..2 {
            mailer.send(&addressed(), "event_1", now).unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(directory.path().join("mail")).unwrap().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
        for part in [
            "To: ada@example.org\r\n",
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
            "Message-ID: <event_1@localhost>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "\r\nverify_T\r\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert!(text.is_ascii());
    }

    /// A mail server that knows nobody.
    fn server_that_refuses() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220 mail.example\r\n").unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                let answer = if line.starts_with("RCPT") { "550 no ada@example.org here" } else { "250 fine" };
                if stream.write_all(format!("{answer}\r\n").as_bytes()).is_err() {
                    return;
                }
            }
        });
        port
    }

    #[test]
    fn a_refusal_tells_the_code_and_not_the_address() {
        let mut mailer = Mailer::open(&config(tempfile::tempdir().unwrap().path(), None)).unwrap();
        let now = UtcTime::parse("2026-01-01T00:00:00Z").unwrap();
        let plain = |port| Way::Smtp(Box::new(SmtpTransport::builder_dangerous("127.0.0.1").port(port).build()));
        mailer.way = plain(server_that_refuses());
        let refused = mailer.send(&addressed(), "event_1", now).unwrap_err();
        assert_eq!(refused, Refusal { why: "the mail server answered 550".into(), unreachable: false });
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        mailer.way = plain(closed);
        assert!(mailer.send(&addressed(), "event_1", now).unwrap_err().unreachable);
    }
}
