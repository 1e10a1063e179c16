//! Parameters of a method: by value what comes off the wire, by reference what is lent.

use proc_macro2::Ident;
use quote::format_ident;
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, Lifetime, Pat, PatType, PathArguments, Type, TypeReference};

use super::Kind;
use super::members::Function;
use super::model::{Param, Wire, is, plain};
use super::wire::is_named_like_lent;
use crate::errors::Errors;

/// A function's parameters without `self`.
pub(super) fn check(kind: Kind, fields: bool, function: &Function, errors: &mut Errors) -> Vec<Param> {
    let inputs = function.sig.inputs.iter().zip(&function.defaults).enumerate();
    let typed = inputs.filter_map(|(index, (input, default))| match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(param) => Some(check_one(kind, index, param, default.is_some(), errors)),
    });
    let mut params: Vec<_> = typed.collect();
    match kind {
        Kind::Handler if fields => check_fields(function, errors),
        Kind::Handler => check_one_message(function, &params, errors),
        Kind::Remote => check_defaults(function, &mut params, errors),
        Kind::Cron => check_nothing_by_value(function, errors),
    }
    params
}

fn check_one(kind: Kind, index: usize, param: &PatType, default: bool, errors: &mut Errors) -> Param {
    match plain(&param.ty) {
        Type::Reference(lent) => {
            check_lent(kind, lent, errors);
            Param::Injected((*lent.elem).clone())
        }
        ty => {
            check_wire(ty, errors);
            let optional = default || is(ty, "Option");
            Param::Wire(Wire { ident: name_of(&param.pat, index), ty: ty.clone(), optional })
        }
    }
}

/// By reference: something that exists, and is looked up by its type.
fn check_lent(kind: Kind, lent: &TypeReference, errors: &mut Errors) {
    let elem = plain(&lent.elem);
    if let Some(mutability) = &lent.mutability {
        errors.at(mutability, "what is lent is shared by all calls: take `&T`");
    } else if let Some(lifetime) = &lent.lifetime {
        errors.at(lifetime, "what is lent is lent for the call: take `&T` without a lifetime, or clone it");
    } else if is(elem, "str") {
        errors
            .at(lent, "`&` means lent by the framework; what comes off the wire is taken by value: `String`");
    } else if matches!(elem, Type::Slice(_)) {
        errors
            .at(lent, "`&` means lent by the framework; what comes off the wire is taken by value: `Vec<_>`");
    } else if matches!(elem, Type::TraitObject(_) | Type::ImplTrait(_)) {
        errors.at(
            lent,
            "what is lent is looked up by its type, which a trait isn't: put it into an `Arc<dyn …>`",
        );
    } else if kind == Kind::Remote && (is(elem, "Session") || is(elem, "Request")) {
        errors.at(
            lent,
            "a remote is called by a server, so there is no session and no request to lend: pass what is needed as \
             an argument",
        );
    } else if kind == Kind::Cron && ["Session", "Request", "Inbound"].iter().any(|name| is(elem, name)) {
        errors.at(lent, "a cron is run by the clock: there is neither client nor caller");
    } else if kind == Kind::Handler && is(elem, "Inbound") {
        errors.at(lent, "a handler is called by a client: take `&Request`");
    }
}

/// By value: something off the wire.
fn check_wire(ty: &Type, errors: &mut Errors) {
    if let Type::ImplTrait(_) = ty {
        errors.at(ty, super::signature::GENERIC);
    } else if borrows(ty) {
        errors.at(
            ty,
            "what comes off the wire is the method's own, and can't borrow from what was received: `String` for \
             `&str`, `Vec<_>` for `&[_]`, and structs of those, without a lifetime",
        );
    }
}

/// Whether something in it is borrowed for less than `'static`.
pub(super) fn borrows(ty: &Type) -> bool {
    let lives = |lifetime: &Lifetime| lifetime.ident != "static";
    match plain(ty) {
        Type::Reference(ty) => ty.lifetime.as_ref().is_none_or(lives) || borrows(&ty.elem),
        Type::Slice(ty) => borrows(&ty.elem),
        Type::Array(ty) => borrows(&ty.elem),
        Type::Tuple(ty) => ty.elems.iter().any(borrows),
        Type::Path(ty) => {
            let of_segments = ty.path.segments.iter().filter_map(|segment| match &segment.arguments {
                PathArguments::AngleBracketed(args) => Some(&args.args),
                _ => None,
            });
            of_segments.flatten().any(|arg| match arg {
                GenericArgument::Lifetime(lifetime) => lives(lifetime),
                GenericArgument::Type(ty) => borrows(ty),
                _ => false,
            })
        }
        _ => false,
    }
}

fn check_one_message(function: &Function, params: &[Param], errors: &mut Errors) {
    for default in function.defaults.iter().flatten() {
        errors.at(
            default,
            "`default` is for the arguments of a remote: give the message's fields `#[serde(default)]`",
        );
    }
    let messages: Vec<_> = params.iter().filter_map(Param::wire).collect();
    if let (2.., Some(lent)) = (messages.len(), messages.iter().find(|wire| is_named_like_lent(&wire.ty))) {
        errors.at(
            &lent.ty,
            "by value means off the wire, by reference means lent by the framework: put `&` before it",
        );
        return;
    }
    let mut messages = messages.into_iter();
    let first = messages.next();
    for (second, first) in messages.zip(first.into_iter().cycle()) {
        errors.at(
            &second.ty,
            format_args!("a client sends one message, and `{}` is it: make one struct of them, or say `#[handler(fields)]`", first.ident),
        );
    }
}

/// The clock brings nothing.
fn check_nothing_by_value(function: &Function, errors: &mut Errors) {
    for input in &function.sig.inputs {
        let FnArg::Typed(param) = input else { continue };
        if !matches!(plain(&param.ty), Type::Reference(_)) {
            errors.at(
                &param.ty,
                "a cron is run by the clock, which brings no arguments: take `&T` of what is lent, such as `&App`",
            );
        }
    }
}

/// A field needs a name, and what is lent is no field.
fn check_fields(function: &Function, errors: &mut Errors) {
    for (input, default) in function.sig.inputs.iter().zip(&function.defaults) {
        let FnArg::Typed(param) = input else { continue };
        match (plain(&param.ty), &*param.pat, default) {
            (Type::Reference(_), _, Some(default)) => {
                errors.at(default, "`default` is for what comes off the wire, and this is lent");
            }
            (Type::Reference(_), ..) | (_, Pat::Ident(_), _) => {}
            (_, pat, _) => errors.at(pat, "with `fields` this is a field of the message, and needs its name"),
        }
    }
}

/// Only the last arguments can be missing, so an earlier `Option` is an argument like others.
fn check_defaults(function: &Function, params: &mut [Param], errors: &mut Errors) {
    let mut required: Option<Ident> = None;
    for (param, default) in params.iter_mut().rev().zip(function.defaults.iter().rev()) {
        match (param, &required) {
            (Param::Injected(_), _) => {
                if let Some(default) = default {
                    errors.at(default, "`default` is for what comes off the wire, and this is lent");
                }
            }
            (Param::Wire(wire), Some(after)) => {
                wire.optional = false;
                if let Some(default) = default {
                    errors.at(
                        default,
                        format_args!("only the last arguments can be missing, and `{after}` after it can't"),
                    );
                }
            }
            (Param::Wire(wire), None) => required = (!wire.optional).then(|| wire.ident.clone()),
        }
    }
}

/// What callers see as the parameter's name.
fn name_of(pat: &Pat, index: usize) -> Ident {
    match pat {
        Pat::Ident(pat) => pat.ident.clone(),
        pat => format_ident!("arg{index}", span = pat.span()),
    }
}
