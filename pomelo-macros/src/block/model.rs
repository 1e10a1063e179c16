//! The model of an annotated item: what it means.

use proc_macro2::Span;
use syn::{Attribute, GenericArgument, Ident, Path, PathArguments, Type};

use super::Kind;
use crate::attributes;

/// A handler or a remote: what its four forms have in common.
pub(crate) struct Block {
    /// Handler or remote.
    pub(crate) kind: Kind,
    /// `::pomelo`, or what `crate = …` says.
    pub(crate) krate: Path,
    /// Its name on the wire.
    pub(crate) name: String,
    /// Whether parameters by value are the fields of a client's message, not the message.
    pub(crate) fields: bool,
    /// The place of what we add.
    pub(crate) at: Span,
    /// The conditions under which it exists.
    pub(crate) cfgs: Vec<Attribute>,
    /// How one instance is made; none for a trait.
    pub(crate) constructors: Vec<Constructor>,
    /// What can be called, in the order of their numbers.
    pub(crate) methods: Vec<Method>,
}

/// How a server makes its instance.
pub(crate) struct Constructor {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) call: ConstructorCall,
}

pub(crate) enum ConstructorCall {
    /// There is no `new`: it is a unit struct.
    Unit,
    /// The struct that stands for a module, and is ours.
    Made,
    /// `fn new()`
    New,
    /// `fn new(app: App)`
    NewOf(Type),
    /// `fn new(app: &App)`
    NewOfBorrowed(Type),
    /// A `new` that is reported, which is enough.
    Rejected,
}

/// A function that clients or other servers call.
pub(crate) struct Method {
    /// Its position among all methods, those included that a `cfg` takes out.
    pub(crate) id: u16,
    /// With the user's span: where an editor goes to.
    pub(crate) ident: Ident,
    /// Its name on the wire.
    pub(crate) wire: String,
    /// `cfg`, `doc` and `deprecated`.
    pub(crate) attrs: Vec<Attribute>,
    /// It may run beside earlier requests of its session.
    pub(crate) concurrent: bool,
    /// It is called on the instance.
    pub(crate) takes_self: bool,
    /// All but `self`.
    pub(crate) params: Vec<Param>,
    /// The type that it returns.
    pub(crate) output: Type,
}

impl Method {
    pub(crate) fn cfgs(&self) -> Vec<Attribute> {
        attributes::named(&self.attrs, "cfg")
    }

    /// The parameters that come off the wire.
    pub(crate) fn wires(&self) -> impl Iterator<Item = &Wire> {
        self.params.iter().filter_map(Param::wire)
    }
}

pub(crate) enum Param {
    /// The `T` of `&T`.
    Injected(Type),
    Wire(Wire),
}

impl Param {
    pub(crate) fn wire(&self) -> Option<&Wire> {
        match self {
            Self::Wire(wire) => Some(wire),
            Self::Injected(_) => None,
        }
    }
}

/// A parameter by value.
pub(crate) struct Wire {
    /// The user's name for it, or one of ours where a pattern stands.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// Whether a caller may leave it out.
    pub(crate) optional: bool,
}

/// The type without the invisible groups that `macro_rules` leaves, and parentheses.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        ty => ty,
    }
}

/// The `T` of an `Arc<T>`, unless that has no size.
pub(crate) fn shared(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = plain(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Arc")?;
    let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
    match args.args.first()? {
        GenericArgument::Type(ty) => Some(ty).filter(|ty| !is(ty, "str") && !matches!(ty, Type::Slice(_))),
        _ => None,
    }
}

/// Whether it is a path that ends so.
pub(crate) fn is(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}
