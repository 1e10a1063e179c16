//! Mentions: the paths that a module's code names.
//!
//! They are found in `use` declarations, types, expressions, patterns, attributes, and in the tokens of macros. Links in
//! documentation are none, and neither is `pub(in path)`: both name without using.

use std::rc::Rc;

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItem, Item, Stmt, TraitItem};

use crate::imports::{Import, Written, imports_of};
use crate::only_tests::only_in_tests;
use crate::source::{Module, attributes};
use crate::tokens::{End, paths_in, texts_in};

/// A path at a place in a module's code.
#[derive(Debug)]
pub struct Mention {
    /// What is written.
    pub path: Written,
    /// How it is written.
    pub form: Form,
    /// The imports of the blocks around it, the innermost last.
    pub scopes: Rc<Vec<Vec<Import>>>,
}

/// How a path is mentioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In code, types, patterns or attributes.
    Code,
    /// By `use`.
    Use,
    /// In tokens.
    Tokens,
    /// In tokens, with a part that only an expansion knows: `$crate::$module`.
    Open,
    /// It names a macro.
    Macro,
    /// The type of an inherent `impl`.
    Inherent,
}

/// All that a module's code mentions, modules in it not counted.
pub fn mentions_of(module: &Module) -> Vec<Mention> {
    let mut finder = Finder { found: Vec::new(), scopes: Rc::default() };
    module.items.iter().for_each(|item| finder.visit_item(item));
    finder.found
}

/// What the tokens of a macro mention where it is expanded.
pub fn mentions_in(tokens: &TokenStream) -> Vec<Mention> {
    let mut finder = Finder { found: Vec::new(), scopes: Rc::default() };
    finder.visit_token_stream(tokens);
    finder.found
}

struct Finder {
    found: Vec<Mention>,
    scopes: Rc<Vec<Vec<Import>>>,
}

impl Finder {
    fn add(&mut self, path: Written, form: Form) {
        self.found.push(Mention { path, form, scopes: self.scopes.clone() });
    }

    fn add_path(&mut self, path: &syn::Path, form: Form) {
        let segments = path.segments.iter().map(|segment| crate::source::name_of(&segment.ident)).collect();
        let line = path.span().start().line;
        self.add(Written { leading: path.leading_colon.is_some(), segments, line }, form);
    }

    /// Texts in attributes that are paths: `#[serde(with = "crate::value::text")]`.
    fn add_texts(&mut self, texts: Vec<(String, usize)>) {
        for (text, line) in texts.into_iter().filter(|(text, _)| text.contains("::")) {
            let Ok(tokens) = text.parse::<TokenStream>() else { continue };
            for spotted in paths_in(&tokens) {
                self.add(Written { line, ..spotted.path }, Form::Tokens);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_in_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {
        // It is a module of its own.
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        for import in imports_of(item) {
            self.add(import.path, Form::Use);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let segments = vec![crate::source::name_of(&item.ident)];
        self.add(Written { leading: true, segments, line: item.span().start().line }, Form::Use);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (None, syn::Type::Path(named)) = (&item.trait_, &*item.self_ty) {
            self.add_path(&named.path, Form::Inherent);
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !only_in_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => return visit::visit_trait_item(self, item),
        };
        if !only_in_tests(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_in_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !only_in_tests(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !only_in_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let imports = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(Item::Use(item)) => Some(imports_of(item)),
            _ => None,
        });
        let inner = self.scopes.iter().cloned().chain([imports.flatten().collect()]).collect();
        let around = std::mem::replace(&mut self.scopes, Rc::new(inner));
        visit::visit_block(self, block);
        self.scopes = around;
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // It names without using.
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let quiet = ["doc", "cfg", "path", "expect", "allow", "warn", "deny"];
        if quiet.iter().any(|name| attribute.path().is_ident(name)) {
            return;
        }
        match &attribute.meta {
            syn::Meta::List(list) => self.add_texts(texts_in(&list.tokens)),
            syn::Meta::NameValue(pair) => {
                if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value {
                    self.add_texts(vec![(text.value(), text.span().start().line)]);
                }
            }
            syn::Meta::Path(_) => {}
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        match &path.qself {
            // `<Type>::name` has no path of its own.
            Some(own) if own.position == 0 => {
                self.visit_type(&own.ty);
                path.path.segments.iter().for_each(|segment| self.visit_path_segment(segment));
            }
            _ => visit::visit_expr_path(self, path),
        }
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        match &path.qself {
            Some(own) if own.position == 0 => {
                self.visit_type(&own.ty);
                path.path.segments.iter().for_each(|segment| self.visit_path_segment(segment));
            }
            _ => visit::visit_type_path(self, path),
        }
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if !invocation.path.is_ident("macro_rules") {
            self.add_path(&invocation.path, Form::Macro);
        }
        self.visit_token_stream(&invocation.tokens);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path, Form::Code);
        visit::visit_path(self, path);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        for spotted in paths_in(tokens) {
            let form = match spotted.end {
                End::Open => Form::Open,
                End::Bang => Form::Macro,
                End::Whole | End::Glob => Form::Tokens,
            };
            self.add(spotted.path, form);
        }
    }
}
