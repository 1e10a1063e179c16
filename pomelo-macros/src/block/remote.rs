//! The attribute `#[remote]`: arguments in, and a proxy that other servers call it by.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type, TypePath};

use super::{Block, Method, Wire, ident, is, plain, respan};
use crate::attributes;

/// Reads the arguments into their variables.
pub(super) fn read<'a>(block: &Block, wires: impl Iterator<Item = (Ident, &'a Wire)>) -> TokenStream {
    let p = block.private();
    let reads: Vec<_> = wires
        .map(|(local, wire)| {
            let (ty, name) = (block.wire_type(wire), wire.name());
            let next = ident(if wire.optional { "next_or_default" } else { "next" });
            quote_spanned! { Span::mixed_site()=>
                let #local = #p::ArgReader::#next::<#ty>(&mut args, #name)?;
            }
        })
        .collect();
    let reader = (!reads.is_empty()).then(|| {
        quote_spanned! { Span::mixed_site()=>
            let mut args = #p::ArgReader::new(cx.message().args())?;
        }
    });
    quote!(#reader #(#reads)*)
}

/// Encodes what the method returned.
pub(super) fn answer(block: &Block, method: &Method) -> TokenStream {
    let (p, output) = (block.private(), asked_output(block, &method.output));
    quote_spanned! { Span::mixed_site()=>
        <#output as #p::IntoReply>::into_reply(reply)
    }
}

/// The type that a method returns, whose reply must be written and read: one error says so of a type that can't be.
fn asked_output(block: &Block, output: &Type) -> TokenStream {
    let mut asked = output.clone();
    if let Some(reply) = reply_mut(&mut asked) {
        let type_ = block.reply_type(reply);
        *reply = Type::Verbatim(type_);
    }
    quote!(#asked)
}

/// The proxy: a function for each method, with the user's name, documentation and place in the source.
pub(super) fn proxy(block: &Block, proxy: &Ident) -> TokenStream {
    let (p, cfgs, name) = (block.private(), &block.cfgs, &block.name);
    let doc = format!("Calls the remote `{name}` of other servers.");
    let functions = block.methods.iter().map(|method| function(block, method));
    let replies = block.methods.iter().map(reply_check);
    let allow = quote! {
        #[allow(
            dead_code,
            missing_debug_implementations,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            clippy::all,
            clippy::pedantic
        )]
    };
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #allow
        pub struct #proxy(#p::RpcClient);
        #(#cfgs)*
        #allow
        impl #proxy { #(#functions)* }
        #(#cfgs)*
        impl #p::Proxy for #proxy {
            fn bind(client: #p::RpcClient) -> Self {
                Self(client)
            }
        }
        #(#cfgs)*
        #allow
        const _: fn() = || { #(#replies)* };
    }
}

/// The reply must be what a caller takes it for, by the name of `Result`.
fn reply_check(method: &Method) -> TokenStream {
    let (cfgs, output) = (method.cfgs(), &method.output);
    match reply(output) {
        Some(reply) => quote! {
            #(#cfgs)*
            let _ = |reply: #output| -> ::core::result::Result<#reply, _> { reply };
        },
        None => TokenStream::new(),
    }
}

/// The `T` of `Result<T>` and `Result<T, E>`.
fn reply(output: &Type) -> Option<&Type> {
    let Type::Path(TypePath { path, .. }) = plain(output) else { return None };
    let last = path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(args) = &last.arguments else { return None };
    match args.args.first() {
        Some(GenericArgument::Type(reply)) => Some(reply),
        _ => None,
    }
}

/// The same, to be replaced.
fn reply_mut(output: &mut Type) -> Option<&mut Type> {
    let path = match output {
        Type::Group(group) => return reply_mut(&mut group.elem),
        Type::Paren(paren) => return reply_mut(&mut paren.elem),
        Type::Path(TypePath { path, .. }) => path,
        _ => return None,
    };
    let last = path.segments.last_mut().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(args) = &mut last.arguments else { return None };
    match args.args.first_mut() {
        Some(GenericArgument::Type(reply)) => Some(reply),
        _ => None,
    }
}

fn function(block: &Block, method: &Method) -> TokenStream {
    let (p, service) = (block.private(), &block.name);
    let Method { ident, wire, attrs, output, .. } = method;
    let doc = attributes::named(attrs, "doc").is_empty().then(|| {
        let doc = format!("Calls `{service}.{wire}`.");
        quote!(#[doc = #doc])
    });
    let wires: Vec<_> = method.wires().collect();
    let params = wires.iter().map(|wire| wire.proxy_parameter());
    let writes = wires.iter().map(|wire| wire.write(block));
    let count = u8::try_from(wires.len()).unwrap_or(u8::MAX);
    let answer = match reply(output) {
        Some(reply) => quote!(#p::Call<#reply, RpcTarget::Mode>),
        None => {
            // All at the user's type: what is wrong with it is then the same error as where the reply is encoded.
            respan(quote!(#p::Call<<#output as #p::IntoReply>::Ok, RpcTarget::Mode>), output.span())
        }
    };
    quote_spanned! { Span::mixed_site()=>
        #(#attrs)*
        #doc
        pub fn #ident<RpcTarget: #p::Target>(
            &self,
            target: RpcTarget,
            #(#params),*
        ) -> #answer {
            self.0.call(target, #service, #wire, #count, |args| {
                #(#writes)*
                ::core::result::Result::Ok(())
            })
        }
    }
}

impl Wire {
    /// What a caller sees if the argument can't be read.
    fn name(&self) -> String {
        self.ident.unraw().to_string().trim_start_matches('_').to_owned()
    }

    /// Any text will do for a `String`.
    fn proxy_parameter(&self) -> TokenStream {
        let Self { ident, ty, .. } = self;
        if is(ty, "String") { quote!(#ident: impl ::core::convert::AsRef<str>) } else { quote!(#ident: #ty) }
    }

    fn write(&self, block: &Block) -> TokenStream {
        let (Self { ident, ty, .. }, name, p) = (self, self.name(), block.private());
        let (ty, value) = if is(ty, "String") {
            (quote!(str), quote!(::core::convert::AsRef::<str>::as_ref(&#ident)))
        } else {
            (block.wire_type(self), quote!(&#ident))
        };
        quote_spanned!(Span::mixed_site()=> #p::ArgWriter::arg::<#ty>(args, #name, #value)?;)
    }
}
