//! The leading vectors of an artist map, computed from the noisy pairs: post-processing, which costs no privacy.
//!
//! The matrix of shared listeners is symmetric. Subspace iteration with a Rayleigh-Ritz step (Golub and Van Loan, Matrix
//! Computations, section 8.2.4) finds the few eigenvectors of the largest eigenvalues; the small problem inside is solved by
//! Jacobi's rotations (section 8.5). Everything begins the same and adds up in the same order, so that the same pairs give
//! the same bytes.

use super::columns::{Column, TableColumns};
use super::keys::Key;
use super::noise::GroupSums;
use super::recipe::Recipe;
use super::table::Table;
use crate::error::{Error, Result};
use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many vectors are given.
const VECTORS: usize = 16;
/// Vectors that are carried along, so that the last ones given settle too.
const SPARE: usize = 8;
/// Iterations: ample for a map, of which the leading values lie far apart.
const ITERATIONS: usize = 40;

/// The table of vectors of a recipe of pairs; none for other recipes.
///
/// # Errors
/// `internal`: only by a defect.
pub fn of(recipe: &Recipe, pairs: &[GroupSums]) -> Result<Option<Table>> {
    if !recipe.has_key(Key::ArtistPair) {
        return Ok(None);
    }
    let (names, matrix) = matrix(pairs);
    let embedded = embedding(&matrix, names.len());
    let mut fields = vec![Field::new("artist", DataType::Utf8, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(names.iter()))];
    for (place, vector) in embedded.into_iter().enumerate() {
        fields.push(Field::new(vector_name(place), DataType::Float64, false));
        arrays.push(Arc::new(Float64Array::from(vector)));
    }
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(Error::internal)?;
    Ok(described(recipe).map(|TableColumns { name, columns }| Table { name, columns, rows }))
}

/// The name of the table of vectors and what its columns mean; none for recipes without pairs.
pub fn described(recipe: &Recipe) -> Option<TableColumns> {
    if !recipe.has_key(Key::ArtistPair) {
        return None;
    }
    let meaning = "The artist's coordinate along one of the leading vectors of the matrix of pairs, scaled by the root of its weight: \
                   the product of two artists' coordinates, added up, approximates how many members they share.";
    let bar = "From the noisy pairs; later vectors are mostly noise in small pools, and all zeros where the matrix has no more \
               directions of positive weight.";
    let artist = column("artist", "text", "", "The artist's name as in the pairs.", "None: the value is exact.");
    let vectors = (0..VECTORS).map(|place| column(&vector_name(place), "number", "", meaning, bar));
    let columns = std::iter::once(artist).chain(vectors).collect();
    Some(TableColumns { name: format!("{}_vectors", recipe.kind()), columns })
}

fn vector_name(place: usize) -> String {
    format!("vector_{:02}", place + 1)
}

fn column(name: &str, kind: &str, unit: &str, meaning: &str, error_bar: &str) -> Column {
    Column {
        name: name.into(),
        kind: kind.into(),
        unit: unit.into(),
        meaning: meaning.into(),
        error_bar: error_bar.into(),
    }
}

/// The artists, in order, and the square matrix of their shared members, row by row; nothing on its diagonal.
fn matrix(pairs: &[GroupSums]) -> (Vec<String>, Vec<f64>) {
    let names: BTreeMap<String, usize> =
        pairs.iter().flat_map(|pair| pair.values.iter().map(|value| (value.text(), 0))).collect();
    let names: BTreeMap<String, usize> = names.into_keys().enumerate().map(|(place, name)| (name, place)).collect();
    let mut matrix = vec![0.0; names.len() * names.len()];
    for pair in pairs {
        let (a, b) = (names[&pair.values[0].text()], names[&pair.values[1].text()]);
        matrix[a * names.len() + b] = pair.sums[0] as f64;
        matrix[b * names.len() + a] = pair.sums[0] as f64;
    }
    (names.into_keys().collect(), matrix)
}

/// The leading eigenvectors, each scaled by the root of its eigenvalue, largest first. Those of negative values are nought:
/// they say who avoids whom, and noise.
fn embedding(matrix: &[f64], n: usize) -> Vec<Vec<f64>> {
    let width = (VECTORS + SPARE).min(n);
    let mut basis: Vec<Vec<f64>> = (0..width).map(|column| begin(column, n)).collect();
    orthonormalise(&mut basis);
    for _ in 0..ITERATIONS {
        basis = basis.iter().map(|vector| times(matrix, vector)).collect();
        orthonormalise(&mut basis);
    }
    let images: Vec<Vec<f64>> = basis.iter().map(|vector| times(matrix, vector)).collect();
    let mut small: Vec<Vec<f64>> = basis.iter().map(|a| images.iter().map(|b| dot(a, b)).collect()).collect();
    let turned = jacobi(&mut small);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|a, b| small[*b][*b].total_cmp(&small[*a][*a]));
    let mut vectors: Vec<Vec<f64>> = order
        .into_iter()
        .take(VECTORS)
        .map(|k| {
            let scale = small[k][k].max(0.0).sqrt();
            let coordinate =
                |row: usize| basis.iter().zip(&turned).map(|(vector, turn)| vector[row] * turn[k]).sum::<f64>();
            signed((0..n).map(|row| scale * coordinate(row)).collect())
        })
        .collect();
    vectors.resize(VECTORS, vec![0.0; n]);
    vectors
}

/// Where the iteration begins: any vectors that nothing is orthogonal to by chance, always the same.
fn begin(column: usize, n: usize) -> Vec<f64> {
    (0..n).map(|row| ((row + 1) as f64 * (column + 1) as f64 * 0.618_033_988_749_895).fract() - 0.5).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// Gram-Schmidt, each vector twice over: once is not exact enough where two nearly coincide.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for i in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(i);
        let vector = &mut rest[0];
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(other, vector);
                vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
            }
        }
        let length = dot(vector, vector).sqrt();
        let scale = if length > 1e-12 { 1.0 / length } else { 0.0 };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Turns a small symmetric matrix into a diagonal one; returns the rotation, whose columns are the eigenvectors.
fn jacobi(matrix: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut turned: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..50 {
        for p in 0..n {
            for q in p + 1..n {
                rotate(matrix, &mut turned, p, q);
            }
        }
    }
    turned
}

/// One rotation, after which the two places across the diagonal are nought.
fn rotate(matrix: &mut [Vec<f64>], turned: &mut [Vec<f64>], p: usize, q: usize) {
    if matrix[p][q].abs() < 1e-300 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (t * t + 1.0).sqrt();
    let sine = t * cosine;
    let turn = |a: f64, b: f64| (cosine * a - sine * b, sine * a + cosine * b);
    for row in matrix.iter_mut().chain(turned.iter_mut()) {
        (row[p], row[q]) = turn(row[p], row[q]);
    }
    let (upper, lower) = matrix.split_at_mut(q); // p stands before q
    for (a, b) in upper[p].iter_mut().zip(&mut lower[0]) {
        (*a, *b) = turn(*a, *b);
    }
}

/// A vector and its opposite are the same direction: the one whose largest coordinate is positive is given, to six digits.
fn signed(vector: Vec<f64>) -> Vec<f64> {
    let largest =
        vector.iter().copied().fold(0.0, |most: f64, value| if value.abs() > most.abs() { value } else { most });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    vector.into_iter().map(|value| (sign * value * 1e6).round() / 1e6 + 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::keys::Value;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Float64Type;

    /// Two crowds of artists: within a crowd each pair shares 100 members, across 1.
    fn pairs(n: usize) -> Vec<GroupSums> {
        let name = |i: usize| Value::Text(format!("{} {i:02}", if i.is_multiple_of(2) { "Even" } else { "Odd" }));
        let pair = |a: usize, b: usize| GroupSums {
            values: vec![name(a), name(b)],
            sums: vec![if a % 2 == b % 2 { 100 } else { 1 }],
        };
        (0..n).flat_map(|a| (a + 1..n).map(move |b| pair(a, b))).collect()
    }

    #[test]
    fn crowds_lie_together_and_products_come_back() {
        let recipe = presets::of(Kind::ArtistMap);
        let table = of(&recipe, &pairs(40)).unwrap().unwrap();
        assert_eq!(table.columns.len(), 1 + VECTORS);
        assert_eq!(table.rows.num_rows(), 40);
        let value = |row: usize, vector: usize| table.rows.column(vector + 1).as_primitive::<Float64Type>().value(row);
        let product = |a: usize, b: usize| (0..VECTORS).map(|v| value(a, v) * value(b, v)).sum::<f64>();
        // Rows are by name: twenty even ones, then twenty odd ones.
        assert!((product(0, 1) - 97.0).abs() < 5.0 && (product(20, 39) - 97.0).abs() < 5.0, "{}", product(0, 1));
        assert!(product(0, 20).abs() < 5.0, "{}", product(0, 20));
        assert!(
            value(0, 0) > 0.0 && (value(0, 1) > 0.0) != (value(20, 1) > 0.0),
            "the second vector tells the crowds apart"
        );
    }

    #[test]
    fn small_maps_and_other_recipes_do_not_break_it() {
        let recipe = presets::of(Kind::ArtistMap);
        for n in [0, 2, 3] {
            let table = of(&recipe, &pairs(n)).unwrap().unwrap();
            assert_eq!((table.rows.num_rows(), table.columns.len()), (n, 1 + VECTORS));
        }
        assert!(of(&Recipe::default(), &[]).unwrap().is_none());
    }
}
