async fn add(a: i64, b: i64) -> i64 {
    a + b
}
const only_one_tool_may_have_the_name_add: () = {
    use ::mcp_runtime::__private as __mcp;
    fn __mcp_define() -> __mcp::Tool {
        let __mcp_handler = __mcp::Handler::future(|__mcp_call| {
            __mcp::boxed(async move {
                let (__mcp::Some(__mcp_0), __mcp::Some(__mcp_1), true) = (
                    __mcp::param::<i64>(&__mcp_call, 0usize).await,
                    __mcp::param::<i64>(&__mcp_call, 1usize).await,
                    __mcp_call.accepted(),
                ) else {
                    return __mcp_call.refuse();
                };
                __mcp::tool_result::<i64, _>(add(__mcp_0, __mcp_1).await)
            })
        });
        __mcp::Tool::define("add", __mcp_handler)
            .param(__mcp::Parameter::of::<i64>("a"))
            .param(__mcp::Parameter::of::<i64>("b"))
            .returns::<i64, _>()
    }
    __mcp::register!(add, __mcp_define);
};
