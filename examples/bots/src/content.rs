//! The content of a bot's message: who it is, how many things it has said before, when it said it, and words to make it as long as wanted.

/// The parts of a text that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The number of the one who says it.
    pub user: u32,
    /// 0 for the first thing that it says.
    pub serial: u64,
    /// When, in microseconds since the program began.
    pub said_at: u64,
}

const WORDS: &str = " the quick brown fox jumps over the lazy dog";

impl Content {
    /// The text, of `size` bytes or as few more as the numbers need.
    pub fn text(&self, size: usize) -> String {
        let mut text = format!("#{} {} {}", self.user, self.serial, self.said_at);
        let missing = size.saturating_sub(text.len());
        text.extend(WORDS.chars().cycle().take(missing));
        text
    }

    /// Reads such a text; none if it is what somebody else wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('#')?.splitn(4, ' ');
        let user = parts.next()?.parse().ok()?;
        let serial = parts.next()?.parse().ok()?;
        let said_at = parts.next()?.parse().ok()?;
        Some(Self { user, serial, said_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_heard() {
        let content = Content { user: 12, serial: 345, said_at: 678_901 };
        for size in [1, 14, 15, 64, 500] {
            let text = content.text(size);
            assert_eq!((Content::parse(&text), text.len()), (Some(content), size.max(14)), "{text}");
        }
    }

    #[test]
    fn what_people_write_is_none_of_ours() {
        for text in ["", "hello", "#", "#1 2", "#1 2 x", "#-1 2 3", "1 2 3", "#1 2 3x"] {
            assert_eq!(Content::parse(text), None, "{text}");
        }
    }
}
