//! The sale that inspired the project, scaled to the number of made-up listeners: in 2025 18,000
//! listeners sold for $55,000; 10,000 of them voted, 99.5 % of those said yes.

/// The size of one sale.
pub struct Sale {
    /// What the buyer offers, in cents.
    pub price_minor: i64,
    /// How many members vote.
    pub ballots: usize,
    /// How many of those vote no.
    pub against: usize,
}

impl Sale {
    /// The sale among so many members.
    pub fn among(members: u32) -> Self {
        let members = members as usize;
        let ballots = members * 10_000 / 18_000;
        let price = members as i64 * 5_500_000 / 18_000;
        Sale { price_minor: price - price % 100, ballots, against: ballots * 5 / 1_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_full_size_it_is_the_sale_of_2025() {
        let sale = Sale::among(18_000);
        assert_eq!((sale.price_minor, sale.ballots, sale.against), (5_500_000, 10_000, 50));
    }
}
