//! `refrain verify`: counts an ended vote again, as anybody can.

use crate::error::{Error, Result};
use crate::money::counted;
use crate::signing::PublicKey;
use crate::votes::bundle::Kept;
use crate::votes::verifying::{self, Brought, NOT_PROVED, Verdict};
use clap::Args;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Count an ended vote again from what is published of it (`GET /v1/votes/{id}/bundle`), and look for one's own ballot in it.
/// Needs no server, and trusts none.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// A ballot with its receipt, as the server gave it (JSON)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// One's own tag in this vote, 64 hex digits: for who has not voted
    #[arg(long, value_name = "HEX")]
    tag: Option<String>,
    /// The cooperative's public key, as it is published elsewhere: `x` of GET /v1/signing-key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Prints what holds, what does not, and what no bundle can prove.
///
/// # Errors
/// `invalid` where a file cannot be read; `conflict` where something does not hold.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let brought = Brought {
        key: args.key.as_deref().map(key).transpose()?,
        receipt: args.receipt.as_deref().map(receipt).transpose()?,
        tag: args.tag.as_deref().map(tag).transpose()?,
    };
    let verdict = verifying::verify(BufReader::new(open(&args.bundle)?), &brought)?;
    super::print(told(&verdict))?;
    match i64::try_from(verdict.faults.len() + verdict.misfits.len()).unwrap_or(i64::MAX) {
        0 => Ok(()),
        faults => Err(Error::conflict(format!("{} found, listed above.", counted(faults, "faults")))),
    }
}

fn told(verdict: &Verdict) -> String {
    let section = |title: &str, lines: &mut dyn Iterator<Item = &str>| {
        let lines: String = lines.map(|line| format!("  {line}\n")).collect();
        if lines.is_empty() { String::new() } else { format!("{title}\n{lines}\n") }
    };
    let mut words =
        section("FAULTS: this vote is not what it is said to be", &mut verdict.faults.iter().map(String::as_str));
    words += &section("FAULTS of what you brought along", &mut verdict.misfits.iter().map(String::as_str));
    words += &section("What holds", &mut verdict.shown.iter().map(String::as_str));
    words += &section("What this cannot prove", &mut NOT_PROVED.into_iter());
    words.trim_end().to_owned()
}

fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(|error| Error::invalid(format!("{} cannot be read: {error}.", file.display())))
}

fn receipt(file: &Path) -> Result<Kept> {
    serde_json::from_reader(BufReader::new(open(file)?)).map_err(|error| {
        let why = crate::text::without_types(&error.to_string());
        Error::invalid(format!("{} is not a ballot with its receipt: {why}.", file.display()))
    })
}

fn tag(text: &str) -> Result<[u8; 32]> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::invalid("--tag is 64 hex digits: `your_tag` of the vote."))
}

fn key(text: &str) -> Result<PublicKey> {
    PublicKey::parse(text)
        .ok_or_else(|| Error::invalid("--key is `x` of GET /v1/signing-key: 43 letters of base64url."))
}
