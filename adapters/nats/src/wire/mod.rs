//! The format of what is on the bus: announcements for all, and packets from one server to another.

mod announcement;
mod packet;

pub(crate) use announcement::Announcement;
pub(crate) use packet::{
    Body, Head, LinkEnd, Packet, WriteError, can_write, write_data, write_mark, write_open, write_refused,
};

use pomelo_core::value::Incarnation;

/// The version of this wire format. What says another one is not read.
pub(crate) const VERSION: u8 = 1;

/// The number behind an incarnation, as it travels between servers.
pub(crate) fn bits(incarnation: Incarnation) -> u64 {
    // A number is always written, and read, as one.
    rmp_serde::to_vec(&incarnation)
        .ok()
        .and_then(|bytes| rmp_serde::from_slice(&bytes).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_incarnation_is_the_one_that_it_is_written_with() {
        let incarnation = Incarnation::begin("chat-1");
        assert_eq!(format!("{:x}", bits(incarnation)), incarnation.to_string());
    }
}
