//! What a licence looks like to a tool: names, tables, and the lines that describe them.

use crate::aggregates::{Column, TableReport};
use crate::clock::UtcTime;
use crate::datasets::model::EditionFile;
use crate::downloads::model::Grant;
use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Value, json};

/// Longest name of a share, a schema or a table that is made here, in characters; the protocol allows 255.
const NAME_CHARS: usize = 80;

/// The one share of a licence.
#[derive(Debug, Clone)]
pub struct Share {
    /// Its name.
    pub name: String,
    /// The name of its one schema.
    pub schema: String,
    /// The tables in it.
    pub tables: Vec<SharedTable>,
    /// The number of the edition.
    pub version: i32,
    /// The numbers of the editions whose place it has taken, and why they were recalled.
    pub recalled: Vec<(i32, String)>,
    /// When it was published.
    pub published_at: UtcTime,
    /// What the dataset is.
    pub description: String,
    /// Until when the licence lasts, if it ends.
    pub ends_at: Option<UtcTime>,
    /// What the tool has shown.
    pub grant: Grant,
}

/// A table, and the file that holds it.
#[derive(Debug, Clone)]
pub struct SharedTable {
    /// Its name, columns and number of rows.
    pub report: TableReport,
    /// Its rows, as Parquet.
    pub file: EditionFile,
}

/// A name as tools take it: what is no ASCII letter or digit becomes `_`, as names may hold no dots, spaces and slashes, and
/// some tools want no other characters either. `otherwise` is for texts of which nothing is left.
pub fn name(text: &str, otherwise: &str) -> String {
    let mut name = String::new();
    for character in text.chars().map(|c| c.to_ascii_lowercase()) {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if name.is_empty() || name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    name.truncate(NAME_CHARS);
    let name = name.trim_end_matches('_');
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

/// Whether two names are one: letters' case does not count in the protocol.
pub fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// One name among others.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The name.
    name: String,
    /// The schema that a table is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    /// The share that a schema or a table is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<String>,
    /// What stays the same whatever it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl Share {
    /// The share among shares.
    pub fn item(&self) -> Item {
        Item { name: self.name.clone(), schema: None, share: None, id: None }
    }

    /// The schema among those of the share.
    pub fn schema_item(&self) -> Item {
        Item { name: self.schema.clone(), schema: None, share: Some(self.name.clone()), id: None }
    }

    /// The tables of the schema.
    pub fn table_items(&self) -> Vec<Item> {
        let item = |table: &SharedTable| Item {
            name: table.report.name.clone(),
            schema: Some(self.schema.clone()),
            share: Some(self.name.clone()),
            id: Some(self.table_id(table)),
        };
        self.tables.iter().map(item).collect()
    }

    /// A table by its name.
    pub fn table(&self, schema: &str, name: &str) -> Option<&SharedTable> {
        let tables = same(schema, &self.schema).then_some(&self.tables)?;
        tables.iter().find(|table| same(&table.report.name, name))
    }

    /// What the protocol wants to be a UUID: the same for every edition of a dataset.
    fn table_id(&self, table: &SharedTable) -> String {
        let named = format!("{}/{}/{}", self.name, self.schema, table.report.name);
        let digest = digest::digest(&digest::SHA256, named.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        // Version 8 of RFC 9562, section 5.8: made in a way of our own.
        let uuid = uuid::Builder::from_bytes(bytes).with_version(uuid::Version::Custom).into_uuid();
        uuid.to_string()
    }

    /// The first two lines of what is said of a table.
    pub fn head_lines(&self, table: &SharedTable) -> [Value; 2] {
        let meta_data = json!({"metaData": {
            "id": self.table_id(table),
            "name": table.report.name,
            "description": self.description,
            "format": {"provider": "parquet"},
            "schemaString": schema_string(&table.report.columns),
            "partitionColumns": [],
            "version": self.version,
            "size": table.file.size_bytes,
            "numFiles": 1,
        }});
        [json!({"protocol": {"minReaderVersion": 1}}), meta_data]
    }

    /// The line of the table's one file, with a link that ends at a time.
    pub fn file_line(&self, table: &SharedTable, url: &str, expires_at: UtcTime) -> Value {
        let stats = json!({"numRecords": table.report.row_count}).to_string();
        json!({"file": {
            "url": url,
            "id": table.file.sha256,
            "partitionValues": {},
            "size": table.file.size_bytes,
            "stats": stats,
            "version": self.version,
            "timestamp": self.published_at.unix_ms(),
            "expirationTimestamp": expires_at.unix_ms(),
        }})
    }
}

/// The columns in the language of Spark's schemas, as a text of JSON.
fn schema_string(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let kind = match column.kind.as_str() {
            "whole number" => "long",
            "number" => "double",
            "yes or no" => "boolean",
            _ => "string",
        };
        let comment = format!("{} {}", column.meaning, column.error_bar);
        json!({"name": column.name, "type": kind, "nullable": true, "metadata": {"comment": comment}})
    };
    json!({"type": "struct", "fields": columns.iter().map(field).collect::<Vec<_>>()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_what_tools_take() {
        for (text, expected) in [
            ("Northern Listeners", "northern_listeners"),
            ("  Who – likes: whom?  ", "who_likes_whom"),
            ("v1.2/β", "v1_2"),
            ("Łódź", "d"),
            ("聴く人", "pool"),
            ("", "pool"),
            ("...", "pool"),
        ] {
            assert_eq!(name(text, "pool"), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_pool_is_called_its_share_has_a_name(text in "\\PC{0,200}") {
            let name = name(&text, "pool");
            prop_assert!((1..=NAME_CHARS).contains(&name.len()), "{}", name);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{}", name);
            prop_assert!(!name.starts_with('_') && !name.ends_with('_'), "{}", name);
        }
    }
}
