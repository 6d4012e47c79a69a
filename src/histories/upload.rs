//! The body of an upload: streamed into a temporary file without a name, which nothing outlives.

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::text;
use actix_multipart::{Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::Payload;
use actix_web::{HttpMessage, HttpRequest};
use bytes::Bytes;
use futures_util::StreamExt;
use std::fs::File;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A file that grows to a limit and no further.
struct Sink {
    file: tokio::fs::File,
    left_bytes: u64,
    max_bytes: u64,
}

/// Brings the archive to a file: the body itself, or the one file of a form.
///
/// # Errors
/// `unsupported-media-type`; `payload-too-large` as soon as too much has arrived, whatever was declared;
/// `upload-too-slow`; `malformed-request` where the body breaks off; `storage-full`.
pub async fn to_file(config: &Config, request: &HttpRequest, body: Payload) -> Result<File> {
    let max_bytes = config.uploads.max_bytes;
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > max_bytes) {
        return Err(too_large(max_bytes));
    }
    // Not the system's temporary directory: that may be memory.
    let file = tokio::fs::File::from_std(tempfile::tempfile_in(&config.data_dir)?);
    let mut sink = Sink { file, left_bytes: max_bytes, max_bytes };
    let arriving = async {
        match request.content_type() {
            "application/zip" | "application/x-zip-compressed" | "application/octet-stream" => {
                raw(body, &mut sink).await
            }
            "multipart/form-data" => form(Multipart::new(request.headers(), body), &mut sink).await,
            _ => Err(Error::new(
                Code::UnsupportedMediaType,
                "Send the archive as application/zip, or in a form (multipart/form-data) with one file.",
            )),
        }
    };
    let timeout_s = config.uploads.timeout_s;
    let too_slow = |_| Error::new(Code::UploadTooSlow, format!("An upload must arrive within {timeout_s} seconds."));
    tokio::time::timeout(Duration::from_secs(timeout_s), arriving).await.map_err(too_slow)??;
    sink.file.flush().await?;
    Ok(sink.file.into_std().await)
}

async fn raw(mut body: Payload, sink: &mut Sink) -> Result<()> {
    while let Some(piece) = body.next().await {
        sink.take(&piece.map_err(broken_off)?).await?;
    }
    Ok(())
}

/// Takes the one part that has a file name; other fields of the form count towards the size and are dropped.
async fn form(mut parts: Multipart, sink: &mut Sink) -> Result<()> {
    let mut files = 0;
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(bad_form)?;
        let is_file = part.content_disposition().is_some_and(|d| d.get_filename().is_some());
        files += u32::from(is_file);
        if files > 1 {
            return Err(Error::invalid("Send one archive at a time: the form has more than one file."));
        }
        while let Some(piece) = part.next().await {
            let piece = piece.map_err(bad_form)?;
            if is_file { sink.take(&piece).await? } else { sink.pass(&piece)? }
        }
    }
    if files == 1 { Ok(()) } else { Err(Error::invalid("The form has no file: name one in its part's filename.")) }
}

impl Sink {
    async fn take(&mut self, piece: &Bytes) -> Result<()> {
        self.pass(piece)?;
        Ok(self.file.write_all(piece).await?)
    }

    fn pass(&mut self, piece: &Bytes) -> Result<()> {
        self.left_bytes = self.left_bytes.checked_sub(piece.len() as u64).ok_or_else(|| too_large(self.max_bytes))?;
        Ok(())
    }
}

fn too_large(max_bytes: u64) -> Error {
    Error::new(Code::PayloadTooLarge, format!("An upload may have {} at most.", text::size(max_bytes)))
}

fn broken_off(cause: PayloadError) -> Error {
    Error::new(Code::MalformedRequest, "The upload broke off; send it again.").because(cause)
}

fn bad_form(cause: MultipartError) -> Error {
    Error::new(Code::MalformedRequest, format!("The form cannot be read: {cause}.")).because(cause.to_string())
}
