//! Checks of the signature of a function.
//!
//! `parameters` checks the parameters.

use syn::{GenericParam, Generics, ReturnType, Safety, Signature, Type};

use crate::errors::Errors;
use crate::kind::Kind;
use crate::types::is_unsized;

/// Reports properties of the signature that prevent generated code from calling the function.
pub(crate) fn check(kind: Kind, signature: &Signature, errors: &mut Errors) {
    let kind = kind.attribute();
    if let Safety::Unsafe(token) = &signature.safety {
        errors.at(
            token,
            "clients cannot guarantee the safety conditions of an `unsafe fn`: put the `unsafe` into the body",
        );
    }
    if let Some(abi) = &signature.abi {
        let message = format!("a {kind} is a Rust function: remove the `extern`");
        errors.at(abi, message);
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(
            variadic,
            "clients send named arguments: take a `Vec<T>` in place of `...`",
        );
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        match &**ty {
            Type::Never(never) => errors.at(
                never,
                "a function that never returns has no result to send: return `()`",
            ),
            ty if is_unsized(ty) => errors.leave_to_compiler(),
            _ => {}
        }
    }
    check_generics(kind, &signature.generics, errors);
}

fn check_generics(kind: &str, generics: &Generics, errors: &mut Errors) {
    for parameter in &generics.params {
        let (what, name, concrete) = match parameter {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(parameter) => ("type", &parameter.ident, "type"),
            GenericParam::Const(parameter) => ("const", &parameter.ident, "value"),
        };
        let message = format!(
            "clients cannot choose the {what} parameter `{name}` of a {kind}: write a concrete {concrete}"
        );
        errors.at(name, message);
    }
}
