//! What is done with a licence's files.

mod croissant;
mod files;
mod grants;

pub use croissant::croissant;
pub use files::{Answer, accesses, files, open, open_by_link, tag};
pub(in crate::downloads) use files::{licensed_files, own_licence};
pub(in crate::downloads) use grants::grant_to_tools;
pub use grants::{Links, grants, make_links, revoke_grant};
