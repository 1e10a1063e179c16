//! From Rust's names to those on the wire and back.

use proc_macro2::Ident;
use syn::ext::IdentExt;

/// `ChatRemote` and `chat_remote` to `chatRemote`: a name on the wire.
pub(crate) fn lower_camel(ident: &Ident) -> String {
    let words = words(ident);
    words.iter().enumerate().map(|(i, word)| if i == 0 { word.clone() } else { capitalized(word) }).collect()
}

/// `area_boss` to `AreaBoss`: the name of a type.
pub(crate) fn upper_camel(ident: &Ident) -> String {
    words(ident).iter().map(|word| capitalized(word)).collect()
}

/// `ChatRemote` to `chat_remote`: the name of a field.
pub(crate) fn snake(ident: &Ident) -> String {
    words(ident).join("_")
}

/// The name of a field: raw if it is a keyword.
///
/// # Errors
/// If it is one of the four that can't be raw, such as `self`.
pub(crate) fn field(name: Ident) -> syn::Result<Ident> {
    let text = name.to_string();
    if syn::parse_str::<Ident>(&text).is_ok() {
        return Ok(name);
    }
    match syn::parse_str::<Ident>(&format!("r#{text}")) {
        Ok(_) => Ok(Ident::new_raw(&text, name.span())),
        Err(_) => {
            Err(syn::Error::new(name.span(), format_args!("`{text}` can't be the name of a field in Rust")))
        }
    }
}

/// The known name that a misspelt one was meant to be: at one or two letters from it.
pub(crate) fn closest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|known| (distance(found, known), *known));
    distances.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known)
}

/// How many letters must be added, left out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether it is written as a type's name, not as a module's.
pub(crate) fn is_type_name(ident: &Ident) -> bool {
    ident.unraw().to_string().starts_with(char::is_uppercase)
}

/// The words of a name in lower case; `HTTPRemote` has two.
fn words(ident: &Ident) -> Vec<String> {
    let chars: Vec<char> = ident.unraw().to_string().chars().collect();
    let mut words = vec![String::new()];
    for (i, &c) in chars.iter().enumerate() {
        let after_lower = i > 0 && c.is_uppercase() && !chars[i - 1].is_uppercase();
        let ends_acronym =
            i > 0 && c.is_uppercase() && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c == '_' || after_lower || ends_acronym {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c != '_', words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn ident(name: &str) -> Ident {
        Ident::new(name, Span::call_site())
    }

    #[test]
    fn names_on_the_wire_are_lower_camel() {
        let names = [
            ("ChatRemote", "chatRemote"),
            ("query_entry", "queryEntry"),
            ("send", "send"),
            ("HTTPRemote", "httpRemote"),
            ("Area2Handler", "area2Handler"),
            ("chat_remote", "chatRemote"),
            ("_sid", "sid"),
            ("queryEntry", "queryEntry"),
        ];
        for (rust, wire) in names {
            assert_eq!(lower_camel(&ident(rust)), wire);
        }
        assert_eq!(lower_camel(&Ident::new_raw("move", Span::call_site())), "move");
    }

    #[test]
    fn a_misspelt_name_has_a_closest_one() {
        let known = ["handlers", "remotes"];
        for (found, closest_one) in [
            ("handler", Some("handlers")),
            ("remots", Some("remotes")),
            ("Handlers", Some("handlers")),
            ("x", None),
        ] {
            assert_eq!(closest(found, &known), closest_one, "{found}");
        }
        assert_eq!([distance("", "ab"), distance("abc", "abc"), distance("kitten", "sitting")], [2, 0, 3]);
    }

    #[test]
    fn a_keyword_is_a_field_by_its_raw_name() {
        for (name, named) in [("chat", Some("chat")), ("match", Some("r#match")), ("self", None)] {
            assert_eq!(field(ident(name)).ok().map(|field| field.to_string()).as_deref(), named);
        }
        assert_eq!(field(Ident::new_raw("type", Span::call_site())).unwrap().to_string(), "r#type");
    }

    #[test]
    fn fields_are_snake_and_types_upper_camel() {
        assert_eq!(snake(&ident("ChatRemote")), "chat_remote");
        assert_eq!(snake(&ident("chat_remote")), "chat_remote");
        assert_eq!(upper_camel(&ident("area_boss")), "AreaBoss");
    }
}
