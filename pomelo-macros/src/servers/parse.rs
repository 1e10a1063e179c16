//! Reads `servers! { … }` entry by entry, so that a wrong one leaves the others.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitStr, Path, Result, Token, braced, bracketed, token};

use crate::errors::Errors;
use crate::names;

#[derive(Default)]
pub(crate) struct Input {
    /// `crate = path;` at the beginning.
    pub(crate) krate: Option<Path>,
    pub(crate) entries: Vec<Entry>,
}

/// `chat: { handlers: […], remotes: […], crons: […] }`
pub(crate) struct Entry {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) handlers: Vec<Listing>,
    pub(crate) remotes: Vec<Listing>,
    pub(crate) crons: Vec<Listing>,
}

/// `chat::ChatRemote`, `impl contract::ChatRemote` or `chat::ChatRemote as field`
pub(crate) struct Listing {
    pub(crate) contract: Option<Token![impl]>,
    pub(crate) path: Path,
    pub(crate) field: Option<Ident>,
}

impl Input {
    /// Reads what can be read; mistakes go to `errors`.
    pub(crate) fn parse(input: ParseStream, errors: &mut Errors) -> Self {
        let mut read = Self::default();
        if input.peek(Token![crate]) {
            read.krate = errors.ok(parse_krate(input));
        }
        while !input.is_empty() {
            let entry = Entry::parse(input, errors);
            let ended = entry.and_then(|entry| {
                read.entries.push(entry);
                end_of(input, "server type")
            });
            if errors.ok(ended).is_none() {
                skip_to_comma(input);
            }
        }
        read
    }
}

fn parse_krate(input: ParseStream) -> Result<Path> {
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Token![;]>()?;
    Ok(path)
}

impl Entry {
    fn parse(input: ParseStream, errors: &mut Errors) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let name = parse_name(input)?;
        input.parse::<Token![:]>()?;
        let mut entry = Self { attrs, name, handlers: Vec::new(), remotes: Vec::new(), crons: Vec::new() };
        if !input.peek(token::Brace) {
            return Err(input.error("expected `{ handlers: […], remotes: […] }`"));
        }
        let content;
        braced!(content in input);
        let mut seen: Vec<Ident> = Vec::new();
        while !content.is_empty() {
            let list = entry.parse_list(&content, &mut seen, errors);
            if errors.ok(list).is_none() {
                skip_to_comma(&content);
            }
        }
        Ok(entry)
    }

    fn parse_list(&mut self, input: ParseStream, seen: &mut Vec<Ident>, errors: &mut Errors) -> Result<()> {
        let key: Ident = input.parse()?;
        let list = match &*key.to_string() {
            "handlers" => &mut self.handlers,
            "remotes" => &mut self.remotes,
            "crons" => &mut self.crons,
            other => return Err(Error::new(key.span(), unknown_list(other))),
        };
        if seen.contains(&key) {
            return Err(Error::new(key.span(), format!("`{key}` of `{}` are listed above", self.name)));
        }
        input.parse::<Token![:]>()?;
        if !input.peek(token::Bracket) {
            return Err(input.error(format_args!("expected a list: `{key}: […]`")));
        }
        seen.push(key);
        let content;
        bracketed!(content in input);
        while !content.is_empty() {
            let ended = content.parse().and_then(|listing| {
                list.push(listing);
                end_of(&content, "path")
            });
            if errors.ok(ended).is_none() {
                skip_to_comma(&content);
            }
        }
        end_of(input, "list")
    }
}

impl Parse for Listing {
    fn parse(input: ParseStream) -> Result<Self> {
        let contract = input.parse()?;
        let path = input.parse()?;
        let field = if input.parse::<Option<Token![as]>>()?.is_some() {
            Some(names::field(input.call(Ident::parse_any)?)?)
        } else {
            None
        };
        Ok(Self { contract, path, field })
    }
}

/// A keyword, too: what has its name in Rust is then `r#match`.
fn parse_name(input: ParseStream) -> Result<Ident> {
    if let Ok(text) = input.fork().parse::<LitStr>() {
        return Err(Error::new(text.span(), "the name of a server type is written without quotes"));
    }
    let name = names::field(input.call(Ident::parse_any)?)?;
    if input.peek(Token![-]) {
        return Err(input.error(
            "the name of a server type is one in Rust, too, where `-` can't be part of it: `_` can, here and in \
             servers.json",
        ));
    }
    Ok(name)
}

fn unknown_list(found: &str) -> String {
    const EXPECTED: &str = "expected `handlers: […]`, `remotes: […]` or `crons: […]`";
    match names::closest(found, &["handlers", "remotes", "crons"]) {
        Some(meant) => format!("{EXPECTED}: did you mean `{meant}`?"),
        None => EXPECTED.to_owned(),
    }
}

/// A comma, which the last one needs not.
fn end_of(input: ParseStream, what: &str) -> Result<()> {
    if input.is_empty() || input.parse::<Option<Token![,]>>()?.is_some() {
        return Ok(());
    }
    Err(input.error(format!("expected `,` after this {what}")))
}

fn skip_to_comma(input: ParseStream) {
    while let Ok(token) = input.parse::<TokenTree>() {
        if matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            break;
        }
    }
}
