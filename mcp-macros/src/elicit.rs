//! `#[derive(Elicit)]`: validation and code generation for forms and their fields.
//!
//! The macro does not know which types a field may have: the trait `ElicitField` decides, in the user's crate.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Field, Fields, GenericParam, Path, Type,
};

use crate::annotated_fn::inherited_by;
use crate::arguments::Arguments;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::runtime_path::{generated, generated_at, in_const};
use crate::serde_attributes;

const GRAMMAR: Grammar = Grammar {
    attribute: "elicit",
    options: &[&["crate"]],
    replacements: &[
        (
            "rename",
            "serde defines the names: write `#[serde(rename = \"...\")]`",
        ),
        ("description", "write a doc comment, `/// ...`"),
        ("title", "write `#[schemars(title = \"...\")]`"),
    ],
    ..Grammar::EMPTY
};

/// The role of a type in a form, as its tokens show it.
enum Shape {
    /// A form, with the types of its fields.
    Form(Vec<Type>),
    /// A field of a form: an enum of unit variants.
    Choice,
}

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let runtime = runtime(&input, &mut errors);
    let shape = Shape::validate(&input, &mut errors);
    match errors.finish(shape) {
        Ok(shape) => shape.expand(&input, runtime.as_ref()),
        Err(mut errors) => {
            errors.extend(stand_in(&input, runtime.as_ref()));
            errors
        }
    }
}

/// Returns the value of `crate =`.
fn runtime(input: &DeriveInput, errors: &mut Errors) -> Option<Path> {
    const EXAMPLE: &str =
        "`#[elicit]` needs an option: write `#[elicit(crate = path::to::mcp_runtime)]`";
    let attributes = input.attrs.iter().filter(|it| is_ours(it));
    Arguments::of_attributes(&GRAMMAR, attributes, EXAMPLE, errors)?.runtime(errors)
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("elicit")
}

impl Shape {
    /// Returns `None` after an error.
    fn validate(input: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        check_generics(input, errors);
        check_representation(input, errors);
        match &input.data {
            Data::Struct(data) => Self::of_struct(&input.ident, data, errors),
            Data::Enum(data) => Some(Self::of_enum(&input.ident, data, errors)),
            Data::Union(data) => errors.refuse(
                data.union_token,
                "a form is a `struct` with named fields, not a `union`",
            ),
        }
    }

    fn of_struct(name: &Ident, data: &DataStruct, errors: &mut Errors) -> Option<Self> {
        let example = format!("write `struct {name} {{ name: T }}`");
        match &data.fields {
            Fields::Named(fields) => {
                let types = fields.named.iter().filter_map(|it| field_type(it, errors));
                Some(Self::Form(types.collect()))
            }
            Fields::Unnamed(fields) => errors.refuse(
                fields,
                format!("the fields of a form have names, which clients show: {example}"),
            ),
            Fields::Unit => errors.refuse(name, format!("a form has named fields: {example}")),
        }
    }

    fn of_enum(name: &Ident, data: &DataEnum, errors: &mut Errors) -> Self {
        if data.variants.is_empty() {
            errors.at(
                name,
                "a choice needs something to choose from: add a variant",
            );
        }
        for variant in &data.variants {
            check_no_options(&variant.attrs, errors);
            if !matches!(variant.fields, Fields::Unit) {
                let message = format!(
                    "users choose between names, so a variant cannot have data: write `{}` alone, and ask for the data in a separate field",
                    variant.ident
                );
                errors.at(&variant.fields, message);
            }
        }
        Self::Choice
    }
}

/// Returns the type of a field, which must implement `ElicitField`; `None` for a field that is not deserialized.
fn field_type(field: &Field, errors: &mut Errors) -> Option<Type> {
    check_no_options(&field.attrs, errors);
    let keys = serde_attributes::keys(&field.attrs);
    for key in keys.iter().filter(|key| *key == "flatten") {
        errors.at(
            key,
            "a form is flat, and the macro does not see the fields of this type: write them into this struct",
        );
    }
    let is_skipped = |key: &Ident| key == "skip" || key == "skip_deserializing";
    (!keys.iter().any(is_skipped)).then(|| field.ty.clone())
}

fn check_no_options(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|it| is_ours(it)) {
        errors.at(
            attribute,
            "`#[elicit]` goes on the type: write names with `#[serde]`, descriptions as doc comments, and titles and bounds with `#[schemars]`",
        );
    }
}

fn check_generics(input: &DeriveInput, errors: &mut Errors) {
    for parameter in &input.generics.params {
        match parameter {
            GenericParam::Lifetime(lifetime) => errors.at(
                lifetime,
                "an answer owns its data: write `String` instead of `&str`, and remove the lifetime",
            ),
            GenericParam::Type(_) | GenericParam::Const(_) => errors.at(
                parameter,
                "a generic form cannot be checked at compile time: write a concrete type instead of the parameter",
            ),
        }
    }
}

/// Reports attributes by which the wire format differs from the fields or variants.
fn check_representation(input: &DeriveInput, errors: &mut Errors) {
    const REPRESENTATIONS: [&str; 6] = [
        "untagged",
        "tag",
        "content",
        "transparent",
        "from",
        "try_from",
    ];
    for key in serde_attributes::keys(&input.attrs) {
        if REPRESENTATIONS.iter().any(|name| key == name) {
            let message = format!(
                "with `{key}` the answer no longer has the format of the fields or variants: remove it"
            );
            errors.at(key, message);
        }
    }
}

impl Shape {
    fn expand(&self, input: &DeriveInput, runtime: Option<&Path>) -> TokenStream {
        let (mut content, types) = match self {
            Self::Form(types) => (implement(&["Elicit"], input), types.as_slice()),
            Self::Choice => (implement(&["ElicitField", "ElicitChoice"], input), &[][..]),
        };
        let probe = |ty| quote_spanned!(generated_at(ty)=> __mcp::field::<#ty>(););
        content.extend(types.iter().map(probe));
        in_const(&inherited_by(&input.attrs), runtime, &content)
    }
}

/// Implements all traits for a type with a mistake, so that the mistake is the only error. Unions and generic types are
/// left out: they cannot be deserialized from an answer anyway.
fn stand_in(input: &DeriveInput, runtime: Option<&Path>) -> Option<TokenStream> {
    let impossible = matches!(input.data, Data::Union(_)) || !input.generics.params.is_empty();
    let content = implement(&["Elicit", "ElicitField", "ElicitChoice"], input);
    (!impossible).then(|| in_const(&inherited_by(&input.attrs), runtime, &content))
}

/// Implements traits that have no items. Missing supertraits are reported at the name of the type.
fn implement(traits: &[&str], input: &DeriveInput) -> TokenStream {
    let (here, ty) = (generated(), &input.ident);
    let where_clause = &input.generics.where_clause;
    let traits = traits.iter().map(|name| Ident::new(name, here));
    quote_spanned! {here=> #(
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl __mcp::#traits for #ty #where_clause {}
    )*}
}
