//! Spelling: finds the known name that a misspelt one was meant to be.

/// The known name that `word` is probably a misspelling of: one that differs in upper and lower case, hyphens and underscores only,
/// or else the nearest within two edits, or one where the shorter word has less than five letters. An edit inserts, removes or
/// replaces a letter, or swaps two neighbours.
///
/// None if `word` is itself a known name, or such a name with another number behind it (`clientPort2`, `chat-7`): that was meant as it
/// stands.
///
/// ```
/// use pomelo_core::value::spelling::nearest;
///
/// let known = ["id", "port", "clientPort", "auto-restart"];
/// assert_eq!(nearest("autoRestart", known), Some("auto-restart"));
/// assert_eq!(nearest("clientprot", known), Some("clientPort"));
/// assert_eq!(nearest("area", known), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let numbered = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        if name == word || name == numbered {
            return None;
        }
        if numbered.len() < word.len()
            && name.trim_end_matches(|letter: char| letter.is_ascii_digit()) == numbered
        {
            continue;
        }
        let other = fold(name);
        let distance = if folded == other { 0 } else { distance(&folded, &other) };
        let is_near = distance <= edits(folded.len().min(other.len()));
        if is_near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `, did you mean …?` where a known name is near, to put behind a message; else nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// How many edits are still a slip in a word of so many letters: nearly all short words are near each other.
fn edits(letters: usize) -> usize {
    match letters {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    }
}

/// The letters that count: `auto_restart`, `autoRestart` and `auto-restart` are one word.
fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|letter| !matches!(letter, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// The edits between two words, by optimal string alignment; more than two are not counted exactly.
fn distance(a: &[char], b: &[char]) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return 3;
    }
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, above, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] =
        ["id", "host", "port", "clientPort", "frontend", "auto-restart", "cpu", "max-connections"];

    #[test]
    fn a_slip_of_one_or_two_letters_is_found() {
        for (word, meant) in [
            ("prot", "port"),
            ("ports", "port"),
            ("Port", "port"),
            ("clientport", "clientPort"),
            ("clinetPort", "clientPort"),
            ("client-port", "clientPort"),
            ("frontent", "frontend"),
            ("autorestart", "auto-restart"),
            ("auto_restrat", "auto-restart"),
            ("maxConnection", "max-connections"),
            ("cup", "cpu"),
        ] {
            assert_eq!(nearest(word, KEYS), Some(meant), "{word}");
        }
    }

    #[test]
    fn names_of_the_users_own_are_left_alone() {
        for word in
            ["area", "name", "zone", "type", "path", "wsPort", "pagePort", "clientPort2", "ip", "x", ""]
        {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
        assert_eq!(nearest("chat-7", ["chat-1", "chat-2"]), None);
        assert_eq!(nearest("chta-1", ["chat-1", "chat-2"]), Some("chat-1"));
    }

    #[test]
    fn a_known_name_is_never_a_misspelling_of_another() {
        assert_eq!(nearest("host", ["post", "host"]), None);
        assert_eq!(did_you_mean("hots", ["post", "host"]), ", did you mean `host`?");
        assert_eq!(did_you_mean("colour", ["post", "host"]), "");
    }
}
