//! `#[tool(task)]`: whether calls become tasks.

use mcp_grammar::duration;
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Lit;

use crate::arguments::{Argument, Arguments};
use crate::builder;
use crate::component::Handler;
use crate::errors::Errors;
use crate::grammar::Grammar;
use crate::literal::literal;
use crate::runtime_path::generated_at;

const RULE: &str = "calls become tasks at once, or only so, or after some time: write `task`, `task = \"required\"` or `task(after = \"2s\")`";

const GRAMMAR: Grammar = Grammar {
    attribute: "tool(task(..))",
    options: &[&["required", "after", "restart"]],
    replacements: &[
        (
            "ttl",
            "the time to live is that of all tasks of a server: set it with `Server::tasks(Tasks::new().ttl(..))`",
        ),
        (
            "poll_interval",
            "the interval is that of all tasks of a server: set it with `Server::tasks(Tasks::new().poll_interval(..))`",
        ),
    ],
    ..Grammar::EMPTY
};

/// Generates the builder call of the option, if there is one.
pub(crate) fn option(
    arguments: &Arguments,
    handler: Handler,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let option = arguments.option("task")?;
    let span = generated_at(&option.key);
    let support = match (&option.list, &option.value) {
        (Some(list), _) => of_list(option, list.clone(), span, errors)?,
        (None, None) => quote_spanned!(span=> optional()),
        (None, Some(value)) => match literal(value) {
            Some(Lit::Str(text)) if text.value() == "required" => {
                quote_spanned!(span=> required())
            }
            Some(Lit::Bool(value)) if value.value => quote_spanned!(span=> optional()),
            Some(Lit::Bool(_)) => return None,
            _ => return errors.refuse(value, RULE),
        },
    };
    if handler == Handler::Inline {
        return errors.refuse(
            &option.key,
            "an `inline` function is done at once and cannot be a task: remove `inline` or `task`",
        );
    }
    Some(quote_spanned!(span=> .task(__mcp::TaskSupport::#support)))
}

/// Generates the constructor for `task(..)`.
fn of_list(
    option: &Argument,
    list: TokenStream,
    span: Span,
    errors: &mut Errors,
) -> Option<TokenStream> {
    if list.is_empty() {
        return errors.refuse(&option.key, RULE);
    }
    let arguments = Arguments::parse(&GRAMMAR, [list], errors);
    let is_required = arguments.is_set("required", errors);
    let after = after(&arguments, errors);
    let restart = arguments
        .is_set("restart", errors)
        .then(|| quote_spanned!(span=> .restart()));
    if is_required {
        arguments.forbid(
            "after",
            "a required task is one from the beginning: remove `after` or `required`",
            errors,
        );
        return Some(quote_spanned!(span=> required() #restart));
    }
    let support = after.map_or_else(
        || quote_spanned!(span=> optional()),
        |time| quote_spanned!(span=> after(#time)),
    );
    Some(quote_spanned!(span=> #support #restart))
}

/// Returns the time after which a call becomes a task: a text, a number of seconds, or a `Duration`.
fn after(arguments: &Arguments, errors: &mut Errors) -> Option<TokenStream> {
    const TIME: &str =
        "a time is a number and its unit, `ms`, `s`, `m` or `h`: write `after = \"2s\"`";
    let value = arguments.expression("after", "\"2s\"", errors)?;
    match literal(&value) {
        Some(Lit::Str(text)) => match duration::milliseconds(&text.value()) {
            Some(time) if time > 0 => {
                Some(quote_spanned!(generated_at(text)=> __mcp::Duration::from_millis(#time)))
            }
            Some(_) => errors.refuse(text, "a time of zero is `task` without `after`"),
            None => errors.refuse(text, TIME),
        },
        Some(Lit::Int(_)) | None => Some(builder::duration(&value)),
        Some(_) => errors.refuse(&value, TIME),
    }
}

/// Generates the wait for the task, before the function begins.
pub(crate) fn begin(handler: Handler, span: Span) -> TokenStream {
    match handler {
        Handler::Async => quote_spanned!(span=> __mcp::begin_task(&__mcp_call).wait().await;),
        Handler::Blocking | Handler::Inline => quote_spanned! {span=>
            if !__mcp::begin_task(&__mcp_call).block() {
                return __mcp_call.refuse();
            }
        },
    }
}
