//! Reads what is between an item's braces: functions up to their bodies, all else as it stands.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::parse::ParseStream;
use syn::{Attribute, FnArg, LitStr, Path, Result, Signature, Token, Visibility, braced};

use crate::attributes::{self, MethodOptions};
use crate::errors::Errors;

/// What is between an item's braces.
pub(crate) struct Members {
    /// `#![…]` and `//!`.
    pub(crate) inner: Vec<Attribute>,
    pub(crate) list: Vec<Member>,
}

pub(crate) enum Member {
    Function(Box<Function>),
    /// Anything else, as it stands.
    Other(TokenStream),
}

/// A function, its body unread.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) options: MethodOptions,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// By parameter, its `default` if it has `#[pomelo(default)]`.
    pub(crate) defaults: Vec<Option<Path>>,
    /// None where a `;` stands.
    pub(crate) body: Option<Group>,
}

impl Members {
    pub(super) fn parse(input: ParseStream, errors: &mut Errors) -> Result<Self> {
        let content;
        braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        let mut list = Vec::new();
        while !content.is_empty() {
            let attrs = content.call(Attribute::parse_outer)?;
            let vis: Visibility = content.parse()?;
            if starts_function(&content) {
                let function = parse_function(attrs, vis, &content, errors);
                list.extend(errors.ok(function).map(Box::new).map(Member::Function));
            } else {
                let rest = skip_item(&content)?;
                list.push(Member::Other(quote!(#(#attrs)* #vis #rest)));
            }
        }
        Ok(Self { inner, list })
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = &Function> {
        self.list.iter().filter_map(|member| match member {
            Member::Function(function) => Some(&**function),
            Member::Other(_) => None,
        })
    }
}

impl Function {
    /// Others are helpers.
    pub(super) fn is_public(&self) -> bool {
        matches!(self.vis, Visibility::Public(_))
    }

    pub(super) fn is_constructor(&self) -> bool {
        self.sig.ident == "new" && !self.options.skip
    }
}

fn starts_function(input: ParseStream) -> bool {
    let ahead = input.fork();
    while !ahead.peek(Token![fn]) {
        let qualifies = ahead.peek(Token![const])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(LitStr);
        if !qualifies || ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    true
}

fn parse_function(
    mut attrs: Vec<Attribute>,
    vis: Visibility,
    input: ParseStream,
    errors: &mut Errors,
) -> Result<Function> {
    let options = MethodOptions::take(&mut attrs, errors);
    if let Err(error) = input.fork().parse::<Signature>() {
        // Left out of the output, as the compiler would give up the whole block for it.
        skip_item(input)?;
        return Err(error);
    }
    let mut sig: Signature = input.parse()?;
    let mut take_default = |param: &mut FnArg| match param {
        FnArg::Typed(param) => attributes::take_default(&mut param.attrs, errors),
        FnArg::Receiver(_) => None,
    };
    let defaults = sig.inputs.iter_mut().map(&mut take_default).collect();
    let body = if input.parse::<Option<Token![;]>>()?.is_some() { None } else { Some(input.parse()?) };
    Ok(Function { attrs, options, vis, sig, defaults, body })
}

/// Takes the tokens of an item that is no function: up to a `;`, or up to a brace group where such an item may end.
fn skip_item(input: ParseStream) -> Result<TokenStream> {
    let ends_with_semicolon = input.peek(Token![const])
        || input.peek(Token![static])
        || input.peek(Token![type])
        || input.peek(Token![use]);
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !ends_with_semicolon,
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        tokens.extend([token]);
        if ends {
            break;
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse::Parser;

    use super::*;

    fn parse(tokens: TokenStream) -> (Members, Errors) {
        let mut errors = Errors::default();
        let members = (|input: ParseStream| Members::parse(input, &mut errors)).parse2(tokens).unwrap();
        (members, errors)
    }

    #[test]
    fn what_is_no_function_stays_as_it_stands() {
        let items = quote! {
            use a::{b, c};
            const N: usize = { 1 + { 2 } };
            pub static S: fn(u8) -> u8 = f;
            pub(crate) struct P(u8);
            struct Q { fn_: u8 }
            impl<const M: usize> T for A<{ M }> { fn f() {} }
            extern "C" { fn g(); }
            m! { fn h() {} }
            #[cfg(a)]
            type F = fn(u8);
        };
        let (members, errors) = parse(quote!({ #items }));
        assert_eq!(members.to_token_stream().to_string(), items.to_string());
        assert_eq!((members.functions().count(), errors.len()), (0, 0));
    }

    #[test]
    fn a_body_is_not_read() {
        let function = quote!(
            pub async unsafe extern "C" fn f(a: u8) -> u8 {
                a.
                let = ;
            }
        );
        let (members, errors) = parse(quote!({ #function }));
        let [Member::Function(read)] = &*members.list else { panic!("one function") };
        assert!(read.body.as_ref().unwrap().to_string().contains("let = ;"));
        assert_eq!(errors.len(), 0);
    }

    #[test]
    fn a_signature_that_cannot_be_read_leaves_the_others() {
        let (members, errors) = parse(quote!({
            pub async fn a() {}
            pub async fn b(x: ) -> u8 { 1 }
            pub async fn c() {}
        }));
        let names: Vec<_> = members.functions().map(|function| function.sig.ident.to_string()).collect();
        assert_eq!((names, errors.len()), (vec!["a".to_owned(), "c".to_owned()], 1));
    }

    #[test]
    fn our_attributes_are_taken_off() {
        let (members, _) = parse(quote!({
            #[pomelo(rename = "b")]
            #[inline]
            async fn a(#[pomelo(default)] n: u8) {}
        }));
        assert_eq!(
            members.to_token_stream().to_string(),
            quote!(
                #[inline]
                async fn a(n: u8) {}
            )
            .to_string()
        );
        let function = members.functions().next().unwrap();
        assert_eq!(function.options.rename.as_deref(), Some("b"));
        assert!(function.defaults[0].is_some());
    }
}
