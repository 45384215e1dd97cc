//! HTML as Markdown.
//!
//! A short page can become a large tree: each `<p>` after 10,000 open `<b>` contains 10,000 elements. Parsing can also take
//! quadratic time, and the conversion uses the stack. So the number of elements, their depth and the time are limited, and
//! what exceeds the limits is left out.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use htmd::element_handler::{HandlerResult, Handlers};
use htmd::options::Options;
use htmd::{Element, HtmlToMarkdown};
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode};
use html5ever::tendril::{StrTendril, TendrilSink as _};
use html5ever::tree_builder::TreeSink;
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, parse_document};
use markup5ever_rcdom::{Node, NodeData, RcDom};

/// The maximum number of elements of a page.
const MAX_ELEMENTS: usize = 50_000;

/// The maximum depth of elements.
const MAX_DEPTH: usize = 100;

/// The time after which no more of the page is parsed.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The number of bytes that are parsed between two checks of the limits.
const STEP: usize = 512;

/// Elements that are not part of the text.
const SKIPPED: [&str; 12] = [
    "button", "dialog", "footer", "form", "head", "iframe", "nav", "noscript", "script", "style",
    "svg", "template",
];

/// Converts a page to Markdown.
pub(crate) fn of_html(html: &str) -> String {
    let tree = parse(html);
    prune(&tree);
    let options = Options {
        // The text of a list begins after one space.
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder()
        .skip_tags(SKIPPED.into())
        .add_handler(vec!["del", "s", "strike"], struck);
    converter.options(options).build().tree_to_markdown(&tree)
}

fn parse(html: &str) -> Rc<Node> {
    let mut parser = parse_document(Bounded::default(), ParseOpts::default());
    let start = Instant::now();
    let mut rest = html;
    while !rest.is_empty() && start.elapsed() < MAX_TIME {
        let end = (STEP..rest.len()).find(|end| rest.is_char_boundary(*end));
        let (step, later) = rest.split_at(end.unwrap_or(rest.len()));
        parser.process(StrTendril::from_slice(step));
        if parser.tokenizer.sink.sink.is_full() {
            break;
        }
        rest = later;
    }
    parser.finish()
}

/// Returns struck text in Markdown.
fn struck(handlers: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    let content = handlers.walk_children(element.node).content;
    let text = content.trim();
    (!text.is_empty()).then(|| content.replacen(text, &format!("~~{text}~~"), 1).into())
}

/// Removes hidden elements, and the children of the deepest elements that are allowed.
fn prune(tree: &Rc<Node>) {
    let mut open = vec![(Rc::clone(tree), 0)];
    while let Some((node, depth)) = open.pop() {
        if depth == MAX_DEPTH {
            node.children.borrow_mut().clear();
        }
        node.children.borrow_mut().retain(|child| !is_hidden(child));
        let children = node.children.borrow();
        open.extend(children.iter().map(|child| (Rc::clone(child), depth + 1)));
    }
}

/// Returns `true` if the attributes of an element hide it from readers. Its text may be written only for models.
fn is_hidden(node: &Node) -> bool {
    let NodeData::Element { attrs, .. } = &node.data else {
        return false;
    };
    attrs.borrow().iter().any(|attr| match &*attr.name.local {
        "hidden" => true,
        "style" => {
            let style = attr.value.replace(char::is_whitespace, "");
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        _ => false,
    })
}

/// A tree that ignores all changes when it is full. The parser may continue until its step ends.
#[derive(Default)]
struct Bounded {
    tree: RcDom,
    elements: Cell<usize>,
    /// One element of each name, for the parser of a full tree.
    spare: RefCell<HashMap<QualName, Rc<Node>>>,
}

impl Bounded {
    fn is_full(&self) -> bool {
        self.elements.get() >= MAX_ELEMENTS
    }
}

impl TreeSink for Bounded {
    type Handle = Rc<Node>;
    type Output = Rc<Node>;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Rc<Node> {
        self.tree.document
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Node> {
        self.tree.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a Rc<Node>) -> ExpandedName<'a> {
        self.tree.elem_name(target)
    }

    fn create_element(
        &self,
        name: QualName,
        attrs: Vec<Attribute>,
        flags: ElementFlags,
    ) -> Rc<Node> {
        if !self.is_full() {
            self.elements.set(self.elements.get() + 1);
            return self.tree.create_element(name, attrs, flags);
        }
        let mut spare = self.spare.borrow_mut();
        let element = spare.entry(name.clone());
        let element = element.or_insert_with(|| self.tree.create_element(name, Vec::new(), flags));
        Rc::clone(element)
    }

    fn create_comment(&self, _: StrTendril) -> Rc<Node> {
        self.tree.create_comment(StrTendril::new())
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Rc<Node> {
        // The converter has no processing instructions.
        self.tree.create_comment(StrTendril::new())
    }

    fn append(&self, parent: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        if !self.is_full() {
            self.tree.append(parent, child);
        }
    }

    fn append_based_on_parent_node(
        &self,
        element: &Rc<Node>,
        previous: &Rc<Node>,
        child: NodeOrText<Rc<Node>>,
    ) {
        if !self.is_full() {
            self.tree
                .append_based_on_parent_node(element, previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &Rc<Node>) -> Rc<Node> {
        self.tree.get_template_contents(target)
    }

    fn same_node(&self, one: &Rc<Node>, other: &Rc<Node>) -> bool {
        Rc::ptr_eq(one, other)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.tree.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        if !self.is_full() {
            self.tree.append_before_sibling(sibling, child);
        }
    }

    fn add_attrs_if_missing(&self, target: &Rc<Node>, attrs: Vec<Attribute>) {
        self.tree.add_attrs_if_missing(target, attrs);
    }

    fn remove_from_parent(&self, target: &Rc<Node>) {
        if !self.is_full() {
            self.tree.remove_from_parent(target);
        }
    }

    fn reparent_children(&self, node: &Rc<Node>, new_parent: &Rc<Node>) {
        if !self.is_full() {
            self.tree.reparent_children(node, new_parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_text_is_left_out() {
        let html = "<head><title>t</title></head><script>1</script><style>2</style><nav>3</nav><svg><text>4</text></svg>\
                    <p>one</p><noscript>5</noscript><form>6<button>7</button></form><footer>8</footer><p>two</p>";
        assert_eq!(of_html(html), "one\n\ntwo");
    }

    #[test]
    fn hidden_elements_are_left_out() {
        for hidden in [
            "hidden",
            "hidden=until-found",
            "style='display:none'",
            "style='color: red; Display : None'",
            "style='visibility: hidden'",
        ] {
            let html =
                format!("<p>one</p><div {hidden}><p>1</p></div><p>two <i {hidden}>2</i></p>");
            assert_eq!(of_html(&html), "one\n\ntwo", "{hidden}");
        }
        let shown = "<p style='display: block'>one</p><p class='hidden'>two</p>";
        assert_eq!(of_html(shown), "one\n\ntwo");
    }

    #[test]
    fn struck_text_is_marked() {
        let html = "<p>a<s> b </s>c <del></del><del>d <b>e</b></del></p>";
        assert_eq!(of_html(html), "a ~~b~~ c ~~d **e**~~");
    }

    /// The stack of a thread would not suffice for the elements of these pages.
    #[test]
    fn deep_pages_end_at_a_limit() {
        for tag in [
            "div",
            "blockquote",
            "ul><li",
            "ol><li",
            "b",
            "span",
            "a href=x",
            "table><tr><td",
            "pre",
            "font",
        ] {
            let html = format!("<p>start</p>{}deep", format!("<{tag}>").repeat(2_000));
            let text = of_html(&html);
            assert!(text.starts_with("start"), "{tag}");
            assert!(text.len() < 1_000_000, "{tag}: {}", text.len());
        }
    }

    /// Each paragraph repeats all elements of a form that are still open.
    #[test]
    fn pages_cannot_multiply() {
        let open: Vec<_> = (0..20_000)
            .map(|number| format!("<b id={number}>"))
            .collect();
        let open = open.concat();
        let html = format!("<p>start{open}{}", "<p>x".repeat(20_000));
        let text = of_html(&html);
        assert!(
            text.starts_with("start"),
            "{}",
            &text[..text.len().min(100)]
        );
        assert!(text.len() < 1_000_000, "{}", text.len());
    }

    #[test]
    fn broken_pages_are_read() {
        for html in [
            "",
            "<",
            "</",
            "<!--",
            "<p",
            "<![CDATA[",
            "&#0;&#xD800;&#x110000;",
            "<?php ?>x",
            "<template><p>",
            "<select><b>",
        ] {
            of_html(html);
        }
        let wide = format!("<ol>{}</ol>", "<li>x</li>".repeat(60_000));
        assert!(of_html(&wide).starts_with("1."));
    }
}
