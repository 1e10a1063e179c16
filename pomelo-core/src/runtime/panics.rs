//! Places of panics: the place in the source that a panic of this thread names.
//!
//! What catches a panic is told its text and not its place, which only the process's panic hook learns. So there is a hook of ours,
//! which notes the place and then calls the one before: what that prints to stderr, or sends to somebody, stays as it was.

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

thread_local! {
    /// The last panic of this thread: its text and its place.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Begins to note the places of panics; once for the process.
pub(crate) fn watch() {
    static STARTED: Once = Once::new();
    // No hook can be set while this thread panics.
    if std::thread::panicking() {
        return;
    }
    STARTED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let (Some(text), Some(place)) = (info.payload_as_str(), info.location()) else { return };
    // It can't be had while the thread ends, nor where this panics itself; then a line has no place.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some((text.to_owned(), place.to_string()));
        }
    });
}

/// The place of the panic with that text that this thread has just caught, `src/chat.rs:17:9`; none if another hook took the place
/// of ours, or the panic was one that somebody caught before and resumed.
pub(crate) fn place(text: &str) -> Option<String> {
    let last = LAST.try_with(|last| last.try_borrow_mut().ok()?.take()).ok()??;
    (last.0 == text).then_some(last.1)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn the_place_of_a_panic_is_known_once() {
        watch();
        let line = line!() + 1;
        catch_unwind(|| panic!("out of {}", "cheese")).unwrap_err();
        let place_of = place("out of cheese").unwrap();
        assert!(place_of.contains(&format!("panics.rs:{line}:")), "{place_of}");
        assert_eq!(place("out of cheese"), None);
    }

    #[test]
    fn a_panic_that_was_resumed_has_the_place_of_no_other() {
        watch();
        catch_unwind(|| panic!("one")).unwrap_err();
        catch_unwind(|| std::panic::resume_unwind(Box::new("another"))).unwrap_err();
        assert_eq!(place("another"), None);
    }
}
