use mcp_runtime::prelude::*;

#[tool]
pub unsafe extern "C" fn add<T, const N: usize>(list: [T; N], text: &mut String, of: impl Copy) -> ! {
    let _ = (list, text, of);
    panic!()
}

fn main() {
    let _ = |text: &mut String| unsafe { add([1], text, 2) };
}
