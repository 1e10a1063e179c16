//! The model of an error type: what its attributes say.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, ExprUnary, Fields, Ident, Lit, LitInt, Member, Meta,
    Path, Result, Token, Type, UnOp,
};

use crate::errors::Errors;

/// An error type.
pub(super) struct Coded<'a> {
    pub(super) input: &'a DeriveInput,
    /// `::pomelo`, or what `crate = …` says.
    pub(super) krate: Path,
    pub(super) variants: Vec<Variant>,
}

/// A variant, or a struct.
pub(super) struct Variant {
    /// `Self`, `Self::NoRoom`
    pub(super) path: TokenStream,
    pub(super) code: Code,
    /// `client` or `server`: whose fault it is.
    pub(super) fault: Option<Ident>,
}

pub(super) enum Code {
    /// A number, or an expression of one.
    Given(Expr),
    /// That of its only field.
    Transparent(Member, Box<Type>),
    /// That of a `pomelo::Error` among the causes.
    Unsaid,
}

/// One `#[error_code(…)]`.
#[derive(Default)]
struct Said {
    code: Option<Expr>,
    transparent: Option<Ident>,
    fault: Option<Ident>,
    krate: Option<Path>,
}

impl<'a> Coded<'a> {
    /// Checks an error type; mistakes go to `errors`, and what is right stays. None for a union, which has no `Display`.
    pub(super) fn new(input: &'a DeriveInput, errors: &mut Errors) -> Option<Self> {
        let mut said = Said::of(&input.attrs, errors);
        let krate = said.krate.take().unwrap_or_else(|| syn::parse_quote!(::pomelo));
        let variants = match &input.data {
            Data::Struct(data) => {
                vec![Variant::new(quote!(Self), &data.fields, said, &Said::default(), errors)]
            }
            Data::Enum(data) => {
                if let Some(transparent) = &said.transparent {
                    errors.at(transparent, "`transparent` goes on a variant, whose field it is about");
                }
                let variants = data.variants.iter().map(|variant| {
                    let own = Said::of(&variant.attrs, errors);
                    if let Some(krate) = &own.krate {
                        errors.at(krate, "`crate` goes on the type");
                    }
                    let name = &variant.ident;
                    Variant::new(quote!(Self::#name), &variant.fields, own, &said, errors)
                });
                variants.collect()
            }
            Data::Union(data) => {
                errors.at(data.union_token, "an error is an enum or a struct");
                return None;
            }
        };
        Some(Self { input, krate, variants })
    }
}

impl Variant {
    fn new(path: TokenStream, fields: &Fields, said: Said, of_type: &Said, errors: &mut Errors) -> Self {
        for field in fields {
            for attr in ours(&field.attrs) {
                errors.at(attr, "a code goes on a variant or on the type, not on a field");
            }
        }
        let mut members = fields.members().zip(fields);
        let code = match (said.code.or_else(|| of_type.code.clone()), &said.transparent) {
            (_, Some(transparent)) => match (members.next(), members.next()) {
                (Some((member, field)), None) => Code::Transparent(member, Box::new(field.ty.clone())),
                _ => {
                    errors.at(
                        transparent,
                        "`transparent` takes the code of the one field, and there must be one",
                    );
                    Code::Unsaid
                }
            },
            (Some(code), None) => Code::Given(code),
            (None, None) => Code::Unsaid,
        };
        let fault =
            said.fault.or_else(|| of_type.fault.clone()).filter(|_| !matches!(code, Code::Transparent(..)));
        Self { path, code, fault }
    }
}

impl Said {
    fn of(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut said = Self::default();
        for attr in ours(attrs) {
            match &attr.meta {
                Meta::List(list) if !list.tokens.is_empty() => {
                    let parser = |input: ParseStream| said.read(input);
                    errors.ok(parser.parse2(list.tokens.clone()));
                }
                meta => errors.at(meta, EXPECTED),
            }
        }
        said
    }

    fn read(&mut self, input: ParseStream) -> Result<()> {
        loop {
            if input.peek(Token![crate]) && input.peek2(Token![=]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
            } else {
                self.read_word(input.parse()?)?;
            }
            if input.is_empty() {
                return Ok(());
            }
            input.parse::<Token![,]>()?;
        }
    }

    fn read_word(&mut self, expr: Expr) -> Result<()> {
        let word = match &expr {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        match word {
            Some(word) if word == "client" || word == "server" => self.fault = Some(word.clone()),
            _ => self.read_code(expr)?,
        }
        Ok(())
    }

    fn read_code(&mut self, expr: Expr) -> Result<()> {
        if self.code.is_some() || self.transparent.is_some() {
            return Err(Error::new_spanned(expr, "one error has one code"));
        }
        match &expr {
            Expr::Path(path) if path.path.is_ident("transparent") => {
                self.transparent = path.path.get_ident().cloned();
                return Ok(());
            }
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => check_number(number)?,
            Expr::Lit(_) | Expr::Assign(_) | Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
                return Err(Error::new_spanned(expr, EXPECTED));
            }
            _ => {}
        }
        self.code = Some(expr);
        Ok(())
    }
}

const EXPECTED: &str =
    "expected a number from 1 to 65535, such as `#[error_code(404)]`, or `#[error_code(transparent)]`";

/// Clients take 0 for no code, and so does pomelo.
fn check_number(number: &LitInt) -> Result<()> {
    match number.base10_parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err(Error::new_spanned(number, EXPECTED)),
    }
}

fn ours(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("error_code"))
}
