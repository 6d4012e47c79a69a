//! One member's plays by artist, counted by the codes of the file at hand.
//!
//! Only the artists that a member keeps get a number among all names: a file's dictionary holds tens of thousands of
//! names, of which a member keeps a few dozen. Looking each of them up would take longer than counting the plays.

use super::bound::{Group, Tally, keep_most_played};
use super::counting::Counting;
use super::intern::{NameColumn, Names};
use hashbrown::HashMap;

/// Stands for the number of a name that was not looked up yet. There are fewer names.
const UNKNOWN: u32 = u32::MAX;

/// Plays by artist of the member at hand.
#[derive(Default)]
pub struct ArtistCounts {
    /// By code.
    counts: Vec<u32>,
    /// The codes whose count is not 0.
    touched: Vec<u32>,
    /// The numbers of the names of codes, where they were asked for; else [`UNKNOWN`].
    numbers: Vec<u32>,
    /// Which codes are on the list, where the groups come from one; else empty.
    listed: Vec<bool>,
    /// By the numbers of names: what was counted of this member under another dictionary.
    carried: HashMap<u32, u32>,
    /// The artists that the member keeps, once it is at its end, by the numbers of names.
    pub kept: Vec<(Group, Tally)>,
}

impl ArtistCounts {
    /// Adds plays of an artist.
    pub fn add(&mut self, code: usize, plays: u32) {
        let count = &mut self.counts[code];
        if *count == 0 {
            self.touched.push(code as u32); // codes are 32 bits wide
        }
        *count = count.saturating_add(plays);
    }

    /// Puts the codes of a dictionary away that is about to be replaced while a member is at hand.
    pub fn carry_over(&mut self, artists: &NameColumn, names: &mut Names) {
        for code in self.touched.drain(..) {
            let plays = std::mem::take(&mut self.counts[code as usize]);
            if self.listed.is_empty() || self.listed[code as usize] {
                let count = self.carried.entry(names.id(artists.text(code as usize))).or_default();
                *count = count.saturating_add(plays);
            }
        }
    }

    /// Makes room for the codes of a new dictionary.
    pub fn turn_to(&mut self, artists: &NameColumn, counting: &Counting, names: &Names) {
        self.counts.resize(artists.len().max(self.counts.len()), 0);
        self.numbers.clear();
        self.numbers.resize(artists.len(), UNKNOWN);
        if counting.recipe().keys_from.is_list() {
            let is_listed = |code| names.known(artists.text(code)).is_some_and(|artist| counting.is_listed(artist));
            self.listed = (0..artists.len()).map(is_listed).collect();
        }
    }

    /// Ends the member: keeps the most played of the artists that may be in a group, and forgets all others.
    pub fn keep_most_played(&mut self, counting: &Counting, member: &str, artists: &NameColumn, names: &mut Names) {
        let most = counting.recipe().keys_per_member as usize;
        let tally = |plays| Tally { plays, ..Tally::default() };
        if !self.carried.is_empty() {
            self.carry_over(artists, names);
            self.kept.extend(self.carried.drain().map(|(artist, plays)| ([artist, 0, 0, 0], tally(plays))));
            keep_most_played(&mut self.kept, most, |group| {
                let text = names.text(group[0]);
                (counting.ties.order(member, text), text.to_owned())
            });
            return;
        }
        let (counts, listed) = (&mut self.counts, &self.listed);
        let taken = self.touched.drain(..).map(|code| (code, std::mem::take(&mut counts[code as usize])));
        let may_be_kept = |(code, _): &(u32, u32)| listed.is_empty() || listed[*code as usize];
        self.kept.extend(taken.filter(may_be_kept).map(|(code, plays)| ([code, 0, 0, 0], tally(plays))));
        keep_most_played(&mut self.kept, most, |group| {
            let text = artists.text(group[0] as usize);
            (counting.ties.order(member, text), text.to_owned())
        });
        for (group, _) in &mut self.kept {
            let number = &mut self.numbers[group[0] as usize];
            if *number == UNKNOWN {
                *number = names.id(artists.text(group[0] as usize));
            }
            group[0] = *number;
        }
    }
}
