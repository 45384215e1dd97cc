async fn now() -> u64 {
    7
}
const only_one_tool_may_have_the_name_now: () = {
    use ::mcp_runtime::__private as __mcp;
    fn __mcp_define() -> __mcp::Tool {
        let __mcp_handler = __mcp::Handler::future(|__mcp_call| {
            __mcp::boxed(async move {
                let (true,) = (__mcp_call.accepted(),) else {
                    return __mcp_call.refuse();
                };
                __mcp::tool_result::<u64, _>(now().await)
            })
        });
        __mcp::Tool::define("now", __mcp_handler)
            .layer(path::to::layer)
            .layer(Retry::new(3))
            .read_only(true)
            .returns::<u64, _>()
    }
    __mcp::register!(now, __mcp_define);
};
