//! What `bus` and `in_flight` use of other modules.

pub(crate) mod protocol {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum Id {
        Number(i64),
    }

    pub(crate) mod error {
        use std::borrow::Cow;

        #[derive(Debug)]
        pub(crate) struct RpcError(pub(crate) Cow<'static, str>);

        impl RpcError {
            pub(crate) fn overloaded(message: impl Into<Cow<'static, str>>) -> Self {
                Self(message.into())
            }

            pub(crate) fn too_many(message: impl Into<Cow<'static, str>>) -> Self {
                Self(message.into())
            }
        }
    }
}

pub(crate) mod service {
    pub(crate) const LONG_WAIT: std::time::Duration = std::time::Duration::from_secs(1);
}

pub(crate) mod uri_template {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Uri(String);

    impl Uri {
        pub(crate) fn new(written: impl Into<String>) -> Self {
            Self(written.into())
        }

        pub(crate) fn written(&self) -> &str {
            &self.0
        }
    }
}
