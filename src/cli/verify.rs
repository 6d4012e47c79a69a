//! `refrain verify`: counts an ended vote again, or checks an agreement, as anybody can.

use crate::error::{Error, Result};
use crate::money::counted;
use crate::purchases::agreements::verifying as agreements;
use crate::signing::KnownKey;
use crate::votes::bundle::Kept;
use crate::votes::verifying as votes;
use clap::Args;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// How much of a file is looked at to tell what it is.
const BEGINNING_BYTES: usize = 64 * 1024;
/// Larger than any agreement: a licence's text and the terms have limits.
const AGREEMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Check, without a server and trusting none, what is published of an ended vote (`GET /v1/votes/{id}/bundle`), or an agreement
/// (`GET /v1/licences/{id}/agreement.json`). A vote is counted again, and one's own ballot looked for; of an agreement it is found out
/// whether its documents, its terms and its signature belong together, and whether a copy of a document is the one that was signed.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What is to be checked: the bundle of a vote, or an agreement
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The cooperative's public key or its thumbprint, as it is published elsewhere: `x` or `kid` of GET /v1/signing-key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// For a vote: a ballot with its receipt, as the server gave it (JSON)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// For a vote: one's own tag in it, 64 hex digits, for who has not voted
    #[arg(long, value_name = "HEX")]
    tag: Option<String>,
    /// For an agreement: a copy of its page, text, ODRL document or signature; may be given several times
    #[arg(long, value_name = "FILE")]
    document: Vec<PathBuf>,
}

/// What was found, for either kind.
struct Found {
    /// What the kind is called where it has faults.
    whose: &'static str,
    faults: Vec<String>,
    misfits: Vec<String>,
    shown: Vec<String>,
    not_proved: Vec<String>,
}

/// Prints what holds, what does not, and what cannot be proved.
///
/// # Errors
/// `invalid` where a file cannot be read; `conflict` where something does not hold.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let mut file = BufReader::with_capacity(BEGINNING_BYTES, open(&args.file)?);
    let beginning = file.fill_buf().map_err(|error| unreadable(&args.file, &error))?;
    if beginning.first() != Some(&b'{') {
        return Err(Error::invalid(format!(
            "{} is neither the bundle of a vote nor an agreement. Take what GET /v1/votes/{{id}}/bundle or \
             GET /v1/licences/{{id}}/agreement.json gives; a page or a text of an agreement is named by --document beside that.",
            args.file.display()
        )));
    }
    let found = if agreements::is_agreement(beginning) { agreement(args, file)? } else { vote(args, file)? };
    super::print(told(&found))?;
    match i64::try_from(found.faults.len() + found.misfits.len()).unwrap_or(i64::MAX) {
        0 => Ok(()),
        faults => Err(Error::conflict(format!("{} found, listed above.", counted(faults, "faults")))),
    }
}

fn agreement(args: &VerifyArgs, file: impl Read) -> Result<Found> {
    if args.receipt.is_some() || args.tag.is_some() {
        return Err(Error::invalid("--receipt and --tag are for votes, and this is an agreement."));
    }
    let read = |path: &PathBuf| Ok((path.display().to_string(), content(path, open(path)?)?));
    let documents = args.document.iter().map(read).collect::<Result<_>>()?;
    let brought = agreements::Brought { key: known_key(args)?, documents };
    let verdict = agreements::verify(&content(&args.file, file)?, &brought)?;
    let agreements::Verdict { shown, faults, misfits, not_proved } = verdict;
    Ok(Found { whose: "this agreement is not what it is said to be", faults, misfits, shown, not_proved })
}

fn vote(args: &VerifyArgs, file: impl BufRead) -> Result<Found> {
    if !args.document.is_empty() {
        return Err(Error::invalid("--document is for agreements, and this is the bundle of a vote."));
    }
    let brought = votes::Brought {
        key: known_key(args)?,
        receipt: args.receipt.as_deref().map(receipt).transpose()?,
        tag: args.tag.as_deref().map(tag).transpose()?,
    };
    let votes::Verdict { shown, faults, misfits, .. } = votes::verify(file, &brought)?;
    let not_proved = votes::NOT_PROVED.map(str::to_owned).into();
    Ok(Found { whose: "this vote is not what it is said to be", faults, misfits, shown, not_proved })
}

fn told(found: &Found) -> String {
    let section = |title: &str, lines: &[String]| {
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        if lines.is_empty() { String::new() } else { format!("{title}\n{lines}\n") }
    };
    let words = [
        section(&format!("FAULTS: {}", found.whose), &found.faults),
        section("FAULTS of what you brought along", &found.misfits),
        section("What holds", &found.shown),
        section("What this cannot prove", &found.not_proved),
    ];
    words.concat().trim_end().to_owned()
}

fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    Error::invalid(format!("{} cannot be read: {error}.", file.display()))
}

fn content(path: &Path, file: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(AGREEMENT_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
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

fn known_key(args: &VerifyArgs) -> Result<Option<KnownKey>> {
    let refused = || Error::invalid("--key is `x` or `kid` of GET /v1/signing-key: 43 letters of base64url.");
    args.key.as_deref().map(|text| KnownKey::parse(text).ok_or_else(refused)).transpose()
}
