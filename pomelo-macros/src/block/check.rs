//! From an annotated item to what it means; mistakes are collected, and what is right stays.

use syn::{FnArg, ReturnType, Type};

use super::Kind;
use super::cron;
use super::members::Function;
use super::model::{Block, Constructor, ConstructorCall, Method, is, plain};
use super::parse::{Form, Item};
use super::signature;
use crate::attributes::{self, BlockOptions};
use crate::errors::Errors;
use crate::names;

impl Block {
    /// Checks an item.
    pub(crate) fn new(kind: Kind, item: &Item, options: BlockOptions, errors: &mut Errors) -> Self {
        check_fields(kind, &item.form, &options, errors);
        if kind == Kind::Cron {
            cron::check_form(item, errors);
        }
        let mut block = Self {
            kind,
            krate: options.krate,
            name: options.rename.unwrap_or_else(|| default_name(&item.form)),
            fields: options.fields.is_some(),
            at: item.at,
            cfgs: attributes::named(&item.attrs, "cfg"),
            constructors: Vec::new(),
            methods: Vec::new(),
        };
        match &item.form {
            Form::Impl { members, .. } => {
                let (news, others): (Vec<_>, Vec<_>) =
                    members.functions().partition(|function| function.is_constructor());
                block.constructors = news.into_iter().map(|new| Constructor::of(new, errors)).collect();
                if block.constructors.is_empty() {
                    block.constructors.push(Constructor::unit());
                }
                block.add_methods(methods(kind, others, errors).into_iter(), errors);
            }
            Form::Module { members, .. } => {
                block.constructors.push(Constructor { cfgs: Vec::new(), call: ConstructorCall::Made });
                block.add_methods(methods(kind, members.functions().collect(), errors).into_iter(), errors);
            }
            Form::Trait { members, .. } => block.add_methods(members.functions(), errors),
            Form::Implementor { .. } => {}
        }
        block
    }

    /// A block without methods, of a type whose own is not to be had.
    pub(super) fn stand_in(kind: Kind, name: &syn::Ident, options: BlockOptions) -> Self {
        Self {
            kind,
            krate: options.krate,
            name: options.rename.unwrap_or_else(|| names::lower_camel(name)),
            fields: false,
            at: name.span(),
            cfgs: Vec::new(),
            constructors: vec![Constructor { cfgs: Vec::new(), call: ConstructorCall::Rejected }],
            methods: Vec::new(),
        }
    }

    fn add_methods<'a>(&mut self, functions: impl Iterator<Item = &'a Function>, errors: &mut Errors) {
        for (id, function) in (0..).zip(functions.filter(|function| !function.options.skip)) {
            self.methods.extend(signature::check(self.kind, self.fields, id, function, errors));
        }
        check_distinct(&self.methods, errors);
    }
}

/// The functions that are methods: what is `pub`. If nothing is, that was forgotten, and those meant go on as methods.
fn methods<'a>(kind: Kind, functions: Vec<&'a Function>, errors: &mut Errors) -> Vec<&'a Function> {
    let (public, private): (Vec<_>, Vec<_>) = functions
        .into_iter()
        .filter(|function| !function.options.skip)
        .partition(|function| function.is_public());
    let Some(first) = private.first().filter(|_| public.is_empty()) else { return public };
    let (kind, callers) = (kind.lower(), kind.callers());
    let name = &first.sig.ident;
    errors.at(
        &first.sig.ident,
        format_args!(
            "no function of this {kind} is `pub`, so {callers} can call none: write `pub async fn {name}`"
        ),
    );
    private.into_iter().filter(|function| function.sig.asyncness.is_some()).collect()
}

impl Constructor {
    fn unit() -> Self {
        Self { cfgs: Vec::new(), call: ConstructorCall::Unit }
    }

    fn of(new: &Function, errors: &mut Errors) -> Self {
        if let ReturnType::Type(_, ty) = &new.sig.output
            && (is(ty, "Result") || is(ty, "Option"))
        {
            errors.at(
                ty,
                "a server that starts has all its handlers and remotes, so `new` returns `Self`: what can fail is done \
                 before, and its outcome inserted into the app",
            );
            return Self { cfgs: Vec::new(), call: ConstructorCall::Rejected };
        }
        let mut inputs = new.sig.inputs.iter();
        let call = match (new.sig.asyncness, inputs.next(), inputs.next()) {
            (None, None, None) => ConstructorCall::New,
            (None, Some(FnArg::Typed(param)), None) => match plain(&param.ty) {
                Type::Reference(app) => ConstructorCall::NewOfBorrowed((*app.elem).clone()),
                app => ConstructorCall::NewOf(app.clone()),
            },
            _ => {
                errors.at(
                    &new.sig,
                    "`new` makes the instance when its server starts: `fn new(app: App)`, `fn new(app: &App)` or \
                     `fn new()`; put `#[pomelo(skip)]` on it if it is a helper",
                );
                ConstructorCall::Rejected
            }
        };
        Self { cfgs: attributes::named(&new.attrs, "cfg"), call }
    }
}

/// Arguments of a remote have no names on the wire, and an implementation does what its trait says.
fn check_fields(kind: Kind, form: &Form, options: &BlockOptions, errors: &mut Errors) {
    let Some(fields) = &options.fields else { return };
    match (kind, form) {
        (Kind::Remote, _) => {
            errors.at(fields, "a remote has arguments and no message: `fields` is for handlers")
        }
        (Kind::Cron, _) => errors.at(fields, "a cron has no message: `fields` is for handlers"),
        (Kind::Handler, Form::Implementor { .. }) => errors.at(fields, "`fields` goes on the trait"),
        (Kind::Handler, _) => {}
    }
}

fn default_name(form: &Form) -> String {
    match form {
        Form::Impl { name, .. } => names::lower_camel(name),
        Form::Module { ident, .. } | Form::Trait { ident, .. } => names::lower_camel(ident),
        // The contract has the name.
        Form::Implementor { .. } => String::new(),
    }
}

/// Two methods of a name, unless a `cfg` may take one out.
fn check_distinct(methods: &[Method], errors: &mut Errors) {
    for (index, method) in methods.iter().enumerate() {
        let twin = |other: &&Method| other.wire == method.wire && other.cfgs().is_empty();
        let others = methods.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        if let (Some(twin), true) = (others.clone().find(twin), method.cfgs().is_empty()) {
            errors.at(
                &method.ident,
                format_args!(
                    "`{}` is also the name of `{}` on the wire: `#[pomelo(rename = \"…\")]` one of them",
                    method.wire, twin.ident
                ),
            );
        }
    }
}
