//! Arguments of `#[handler(…)]`, `#[remote(…)]` and `#[pomelo(…)]`.

use proc_macro2::{TokenStream, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Attribute, LitStr, Path};

use crate::errors::Errors;

/// `#[handler(rename = "…", crate = path, fields)]`, and the same of `#[remote]`.
pub(crate) struct BlockOptions {
    /// Its name on the wire, if not that of the item.
    pub(crate) rename: Option<String>,
    /// Where the `pomelo` crate is.
    pub(crate) krate: Path,
    /// Where `fields` was said: parameters by value are the message's fields.
    pub(crate) fields: Option<Path>,
}

impl BlockOptions {
    pub(crate) fn parse(args: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self { rename: None, krate: syn::parse_quote!(::pomelo), fields: None };
        if let Some(TokenTree::Literal(name)) = args.clone().into_iter().next() {
            errors.at(&name, format_args!("a name is given as `rename = {name}`"));
            return options;
        }
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("rename") {
                options.rename = Some(wire_name(&meta)?);
            } else if meta.path.is_ident("crate") {
                options.krate = meta.value()?.call(Path::parse_mod_style)?;
            } else if meta.path.is_ident("fields") {
                options.fields = Some(meta.path);
            } else {
                return Err(meta.error("expected `rename = \"…\"`, `crate = path` or `fields`"));
            }
            Ok(())
        });
        errors.ok(parser.parse2(args));
        options
    }
}

/// `#[pomelo(rename = "…", skip, concurrent)]` on a function.
#[derive(Default)]
pub(crate) struct MethodOptions {
    /// Its name on the wire, if not that of the function.
    pub(crate) rename: Option<String>,
    /// It is a helper.
    pub(crate) skip: bool,
    /// Where `concurrent` was said: it may run beside earlier requests of its session.
    pub(crate) concurrent: Option<Path>,
}

impl MethodOptions {
    /// Reads the options off a function's attributes, which keep what isn't ours.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        take(attrs, errors, |meta| {
            if meta.path.is_ident("rename") {
                options.rename = Some(wire_name(meta)?);
            } else if meta.path.is_ident("skip") {
                options.skip = true;
            } else if meta.path.is_ident("concurrent") {
                options.concurrent = Some(meta.path.clone());
            } else {
                return Err(meta.error("expected `rename = \"…\"`, `skip` or `concurrent`"));
            }
            Ok(())
        });
        options
    }
}

/// Reads `#[pomelo(default)]` off a parameter's attributes.
pub(crate) fn take_default(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Path> {
    let mut default = None;
    take(attrs, errors, |meta| {
        if !meta.path.is_ident("default") {
            return Err(meta.error("expected `default`"));
        }
        default = Some(meta.path.clone());
        Ok(())
    });
    default
}

fn take(
    attrs: &mut Vec<Attribute>,
    errors: &mut Errors,
    mut read: impl FnMut(&ParseNestedMeta) -> syn::Result<()>,
) {
    for attr in attrs.extract_if(.., |attr| attr.path().is_ident("pomelo")) {
        errors.ok(attr.parse_nested_meta(|meta| read(&meta)));
    }
}

/// A dot would split a route into four parts.
fn wire_name(meta: &ParseNestedMeta) -> syn::Result<String> {
    let name: LitStr = meta.value()?.parse()?;
    match name.value() {
        text if text.is_empty() || text.contains('.') => {
            Err(syn::Error::new(name.span(), "a name on the wire isn't empty and has no dot"))
        }
        text => Ok(text),
    }
}

/// The attributes of that name.
pub(crate) fn named(attrs: &[Attribute], name: &str) -> Vec<Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident(name)).cloned().collect()
}
