//! Statements in the database's own words that are parsed once for each connection and then kept.
//!
//! The query builder has inserts of many rows, upserts and updates parsed anew at every use. Where a statement runs for every
//! ballot, that would be a good part of a ballot's work.

/// Declares a statement of one backend: what is bound to it, in the order of its `?`, each with its SQL type; then its words. One
/// that gives rows says of which types, behind an arrow.
///
/// ```ignore
/// kept_statement! {
///     /// Names a thing anew.
///     struct Rename<'a> on Sqlite { name: &'a str as Text, id: &'a str as Text }
///     "UPDATE things SET name = ? WHERE id = ?"
/// }
/// Rename { name, id }.execute(connection)?;
/// ```
macro_rules! kept_statement {
    (
        $(#[$meta:meta])*
        $visible:vis struct $name:ident<'a> on $backend:ident $(-> $row:ty)?
        { $($field:ident: $type:ty as $sql_type:ty),* $(,)? }
        $words:literal
    ) => {
        $(#[$meta])*
        $visible struct $name<'a> { $($field: $type),* }

        impl diesel::query_builder::QueryFragment<$backend> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, $backend>,
            ) -> diesel::QueryResult<()> {
                const PARTS: [&str; 1 + [$(stringify!($field)),*].len()] = crate::db::kept::parts($words);
                let mut parts = PARTS.iter();
                out.push_sql(parts.next().copied().unwrap_or_default());
                $(
                    out.push_bind_param::<$sql_type, _>(&self.$field)?;
                    out.push_sql(parts.next().copied().unwrap_or_default());
                )*
                Ok(())
            }
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        $(impl diesel::query_builder::Query for $name<'_> {
            type SqlType = $row;
        })?

        impl<C: diesel::Connection<Backend = $backend>> diesel::RunQueryDsl<C> for $name<'_> {}
    };
}
pub(crate) use kept_statement;

/// What stands before, between and behind the `?` of a statement. It does not compile where these are not as many as are bound.
pub(crate) const fn parts<const N: usize>(words: &'static str) -> [&'static str; N] {
    let mut parts = [""; N];
    let (mut rest, mut part, mut at) = (words, 0, 0);
    while at < rest.len() {
        if rest.as_bytes()[at] == b'?' {
            let (before, from) = rest.split_at(at);
            parts[part] = before;
            (rest, part, at) = (from.split_at(1).1, part + 1, 0);
        } else {
            at += 1;
        }
    }
    assert!(part + 1 == N, "a statement has as many `?` as values are bound to it");
    parts[part] = rest;
    parts
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_statement_is_cut_at_its_question_marks() {
        assert_eq!(super::parts("SET a = ?, b = ? WHERE c"), ["SET a = ", ", b = ", " WHERE c"]);
        assert_eq!(super::parts("?"), ["", ""]);
        assert!(std::panic::catch_unwind(|| super::parts::<1>("a = ?")).is_err());
    }
}
