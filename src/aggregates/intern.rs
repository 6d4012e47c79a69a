//! Names as numbers, while plays are counted.

use crate::error::{Error, Result};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Gives every text a number: the same text always the same one.
#[derive(Debug, Default)]
pub struct Names {
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
    texts: Vec<Box<str>>,
    bytes: usize,
}

impl Names {
    /// The number of a text.
    pub fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.known(text) {
            return id;
        }
        let hash = self.hasher.hash_one(text);
        // More than four thousand million different names do not fit into the memory that they would need.
        let id = self.texts.len() as u32;
        self.texts.push(text.into());
        self.ids.insert_unique(hash, id, |id| self.hasher.hash_one(&*self.texts[*id as usize]));
        self.bytes += text.len() + 48;
        id
    }

    /// The number of a text that has one.
    pub fn known(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.ids.find(hash, |id| *self.texts[*id as usize] == *text).copied()
    }

    /// The text of a number.
    pub fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Roughly what they take, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A column of names: codes, and what they stand for. A file's dictionary is gone through once and not for every batch,
/// or, where only few of its names are asked for, not at all.
#[derive(Debug, Default)]
pub struct NameColumn {
    dictionary: Option<ArrayRef>,
    ids: Vec<u32>,
}

impl NameColumn {
    /// Takes the column of a batch: afterwards [`NameColumn::ids`] translates its codes. An absent name is the empty one.
    ///
    /// # Errors
    /// `internal`: there is no such column of texts.
    pub fn read(&mut self, batch: &RecordBatch, name: &str, names: &mut Names) -> Result<DictionaryArray<Int32Type>> {
        let column = dictionary_column(batch, name)?;
        if self.turn_to(&column) {
            self.ids = (0..self.len()).map(|code| names.id(self.text(code))).collect();
        }
        Ok(column)
    }

    /// Takes the column's dictionary: afterwards [`NameColumn::text`] gives its names. Whether it is another one than before.
    pub fn turn_to(&mut self, column: &DictionaryArray<Int32Type>) -> bool {
        let is_new = !self.has_dictionary_of(column);
        if is_new {
            self.dictionary = Some(column.values().clone());
        }
        is_new
    }

    /// Whether a column has the dictionary that was taken last.
    pub fn has_dictionary_of(&self, column: &DictionaryArray<Int32Type>) -> bool {
        self.dictionary.as_ref().is_some_and(|known| is_same(known, column.values()))
    }

    /// The name of a code; the empty one where it stands for none.
    pub fn text(&self, code: usize) -> &str {
        let texts = self.dictionary.as_ref().map(|values| values.as_string::<i32>());
        texts.filter(|texts| texts.is_valid(code)).map_or("", |texts| texts.value(code))
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |values| values.len())
    }

    /// The numbers of the codes.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }
}

/// A column of texts as codes and dictionary, whatever the file has.
///
/// # Errors
/// `internal`: there is no such column of texts.
pub fn dictionary_column(batch: &RecordBatch, name: &str) -> Result<DictionaryArray<Int32Type>> {
    let column =
        batch.column_by_name(name).ok_or_else(|| Error::internal(format!("the plays have no column `{name}`")))?;
    let wanted = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let column =
        if *column.data_type() == wanted { column.clone() } else { cast(column, &wanted).map_err(Error::internal)? };
    column
        .as_dictionary_opt::<Int32Type>()
        .cloned()
        .ok_or_else(|| Error::internal(format!("the column `{name}` holds no texts")))
}

/// Whether two dictionaries are the same memory. The one that is known is held, so that its memory is not used anew.
fn is_same(known: &ArrayRef, other: &ArrayRef) -> bool {
    let (known, other) = (known.as_string::<i32>(), other.as_string::<i32>());
    known.len() == other.len()
        && std::ptr::eq(known.value_offsets().as_ptr(), other.value_offsets().as_ptr())
        && std::ptr::eq(known.value_data().as_ptr(), other.value_data().as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_same_text_is_the_same_number() {
        let mut names = Names::default();
        let ids = ["a", "b", "a", ""].map(|text| names.id(text));
        assert_eq!(ids, [0, 1, 0, 2]);
        assert_eq!((names.text(1), names.len()), ("b", 3));
        assert!(names.bytes() > 0);
    }

    #[test]
    fn a_new_dictionary_is_translated_anew() {
        let (mut names, mut column) = (Names::default(), NameColumn::default());
        let batch = |texts: Vec<Option<&str>>| {
            let array: DictionaryArray<Int32Type> = texts.into_iter().collect();
            RecordBatch::try_from_iter_with_nullable([("artist", Arc::new(array) as ArrayRef, true)]).unwrap()
        };
        let mut read = |texts: Vec<Option<&str>>| -> Vec<String> {
            let codes = column.read(&batch(texts), "artist", &mut names).unwrap();
            (0..codes.len())
                .map(|row| codes.key(row).map_or("-".into(), |code| names.text(column.ids()[code]).to_owned()))
                .collect()
        };
        assert_eq!(read(vec![Some("x"), Some("y"), None]), ["x", "y", "-"]);
        assert_eq!(read(vec![Some("y"), Some("z")]), ["y", "z"]);
    }
}
