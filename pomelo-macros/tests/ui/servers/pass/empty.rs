//! Lists with little in them.

#![deny(warnings, dead_code, missing_docs)]

mod one {
    pomelo::servers! {}

    pub fn app() {
        let _ = App::builder();
    }
}

mod two {
    pomelo::servers! { connector: {}, r#type: { handlers: [], remotes: [] }, #[cfg(any())] gone: { handlers: [none::X] } }

    pub fn app() {
        let _ = App::builder();
    }
}

fn main() {
    one::app();
    two::app();
}
