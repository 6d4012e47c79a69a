//! `refrain openapi`

use crate::error::Result;
use crate::routes::{self, document};

/// Prints the document, as `/openapi.json` serves it.
pub fn run() -> Result<()> {
    super::print(serde_json::to_string_pretty(&document::document(&routes::operations()))?)
}
