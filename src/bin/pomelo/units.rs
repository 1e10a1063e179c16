//! Numbers as people read them.

use std::time::Duration;

use bytesize::ByteSize;

/// `1.2 MB`.
pub fn bytes(count: u64) -> String {
    ByteSize::b(count).display().si().to_string()
}

/// The two largest units of a time: `3 m 12 s`, `5 d 1 h`.
pub fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} m {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} m"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long something took, given in microseconds: `120 µs`, `1.2 ms`, `3.4 s`.
pub fn latency(us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let us_f = us as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us_f / 1e3),
        _ => format!("{:.1} s", us_f / 1e6),
    }
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_show_their_two_largest_units() {
        let shown = [0, 59, 60, 192, 3_600, 90_061].map(|s| uptime(Duration::from_secs(s)));
        assert_eq!(shown, ["0 s", "59 s", "1 m 0 s", "3 m 12 s", "1 h 0 m", "1 d 1 h"]);
    }

    #[test]
    fn latencies_choose_their_unit() {
        assert_eq!([7, 1_234, 3_400_000].map(latency), ["7 µs", "1.2 ms", "3.4 s"]);
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_choose_their_unit() {
        assert_eq!([0, 999, 1_234, 1_234_567].map(bytes), ["0 B", "999 B", "1.2 kB", "1.2 MB"]);
    }
}
