//! The signature of a method: what may stand in it.

use syn::{GenericArgument, PathArguments, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type};

use super::members::Function;
use super::model::{Method, plain};
use super::{Kind, params};
use crate::attributes;
use crate::errors::Errors;
use crate::names;

/// The method that a function is; none if there are mistakes in it.
pub(super) fn check(
    kind: Kind,
    fields: bool,
    id: u16,
    function: &Function,
    errors: &mut Errors,
) -> Option<Method> {
    let before = errors.len();
    let Function { attrs, options, sig, .. } = function;
    check_qualifiers(sig, errors);
    if let Some(concurrent) = &options.concurrent {
        match kind {
            Kind::Handler => {}
            Kind::Remote => errors.at(
                concurrent,
                "calls of a remote never wait in a session's queue: `concurrent` is for handlers",
            ),
            Kind::Cron => {
                errors.at(concurrent, "runs of a cron never overlap: `concurrent` is for handlers");
            }
        }
    }
    let receiver = sig.receiver();
    if let Some(receiver) = receiver {
        check_receiver(receiver, errors);
    }
    if let (Kind::Remote, ReturnType::Type(_, ty)) = (kind, &sig.output) {
        check_reply(ty, errors);
    }
    let params = params::check(kind, fields, function, errors);
    (errors.len() == before).then(|| Method {
        id,
        ident: sig.ident.clone(),
        wire: options.rename.clone().unwrap_or_else(|| names::lower_camel(&sig.ident)),
        attrs: ["cfg", "doc", "deprecated"].iter().flat_map(|name| attributes::named(attrs, name)).collect(),
        concurrent: options.concurrent.is_some(),
        takes_self: receiver.is_some(),
        params,
        output: output(sig),
    })
}

fn check_qualifiers(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        errors.at(
            sig.fn_token,
            format_args!(
                "`{}` must be `async`: every `pub` function here, and every function of a trait, is a method; for a \
                 helper drop `pub` or add `#[pomelo(skip)]`",
                sig.ident
            ),
        );
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        errors.at(unsafety, "a method can't be `unsafe`: who calls it can't see to it that it is safe");
    }
    if !sig.generics.params.is_empty() {
        errors.at(&sig.generics.params, GENERIC);
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, GENERIC);
    }
}

pub(super) const GENERIC: &str = "a method can't be generic: a message doesn't say of which types it is";

fn check_receiver(receiver: &Receiver, errors: &mut Errors) {
    if !matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) {
        errors.at(
            receiver,
            "a method takes `&self`: one instance serves all calls, many at a time; put what changes into a `Mutex` \
             or an atomic",
        );
    }
}

/// What a remote returns is read by its caller, into something of the caller's own.
fn check_reply(ty: &Type, errors: &mut Errors) {
    if let Type::Reference(_) | Type::Slice(_) = plain(ty) {
        errors.at(
            ty,
            "a remote returns `pomelo::Result<T>`, and a reply goes to another server, which gets one of its own: \
             `pomelo::Result<String>` for `&str`, `pomelo::Result<Vec<_>>` for `&[_]`",
        );
    }
    let Type::Path(path) = plain(ty) else { return };
    let args = path.path.segments.last().map(|last| &last.arguments);
    let Some(PathArguments::AngleBracketed(args)) = args else { return };
    if let Some(GenericArgument::Type(reply)) = args.args.first()
        && (matches!(plain(reply), Type::Reference(_)) || params::borrows(reply))
    {
        errors.at(
            reply,
            "a reply goes to another server, which gets one of its own: `String` for `&str`, `Vec<_>` for `&[_]`",
        );
    }
}

/// What the function returns; `()` at its name where nothing stands.
pub(super) fn output(sig: &Signature) -> Type {
    match &sig.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => {
            let unit = syn::token::Paren(sig.ident.span());
            Type::Tuple(syn::TypeTuple { attrs: Vec::new(), paren_token: unit, elems: Default::default() })
        }
    }
}
