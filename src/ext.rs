//! Extensions: what implementors need, each module by itself.
//!
//! | to write | import from |
//! |---|---|
//! | what carries messages between servers, such as a bus | [`transport`] |
//! | what tells servers of each other, such as a registry | [`discovery`] |
//! | what takes clients, such as one for another protocol | [`connector`] |
//! | what encodes bodies by a schema | [`codec`] |
//!
//! Each has all that it takes, ids and errors included, so that an implementation imports from there alone. What
//! implementations of a trait have in common is checked by the suite beside it, with the feature `conformance`.

/// Transports: the traits of what carries envelopes between servers, and all that they name.
pub mod transport {
    pub use bytes::{Bytes, BytesMut};
    pub use futures::future::BoxFuture;
    pub use pomelo_core::cluster::{
        LinkEvents, LinkSender, Member, MethodTable, Refused, Superseded, Transport, Unsent,
    };
    pub use pomelo_core::runtime::{Supervised, Supervisor};
    pub use pomelo_core::value::{
        Error, ErrorKind, Incarnation, Result, ServerId, ServerInfo, ServerList, host,
    };
    pub use pomelo_core::wire::envelope::{Envelope, EnvelopeError};
    #[cfg(feature = "conformance")]
    pub use pomelo_net::transport::conformance;
}

/// Discoveries: the traits of what tells a server of the others, and all that they name.
pub mod discovery {
    pub use bytes::Bytes;
    pub use futures::future::BoxFuture;
    pub use pomelo_core::cluster::{
        Control, Discovery, Member, MembershipEvents, MethodTable, Refused, Registration,
    };
    pub use pomelo_core::metrics::{LastError, MissingLink, Report, RouteReport};
    pub use pomelo_core::runtime::{Supervised, Supervisor};
    pub use pomelo_core::value::{
        Error, ErrorKind, Incarnation, Result, ServerId, ServerInfo, ServerList, host,
    };
    pub use pomelo_core::wire::envelope::{Ask, AskError};
    #[cfg(feature = "conformance")]
    pub use pomelo_net::cluster::conformance;
}

/// Connectors: the trait of what takes clients at a frontend, what it drives there, and all that they name.
pub mod connector {
    pub use std::net::SocketAddr;

    pub use bytes::{Bytes, BytesMut};
    pub use futures::future::BoxFuture;
    pub use pomelo_core::frontend::{
        ClientSession, CloseMode, Connector, Flow, Frontend, Generation, Listening,
    };
    pub use pomelo_core::metrics::{Counters, Dropped};
    pub use pomelo_core::outbox::{Appended, Flusher, Outbox, Sink, turn};
    pub use pomelo_core::runtime::{Supervised, Supervisor};
    pub use pomelo_core::value::config::Config;
    pub use pomelo_core::value::{
        Error, ErrorKind, Fault, Limits, Result, Route, RouteError, ServerId, ServerInfo, SessionId, Uid,
    };
    pub use pomelo_core::wire::{Body, CustomEncoding, Encoding, Format, FormatId};
    pub use pomelo_net::connector::{
        Acceptor, Closed, ConnectionLimits, Event, Ignored, Listener, Message, Overdue, Pomelo, Protocol,
        RouteName, Socket, Timeout,
    };
}

/// Codecs: the trait of what encodes bodies by a schema, and all that it names.
pub mod codec {
    pub use bytes::Bytes;
    pub use pomelo_core::value::{Error, ErrorKind, Result};
    pub use pomelo_core::wire::erased_serde::{Deserializer, Serialize};
    pub use pomelo_core::wire::{Body, Codec, Codecs, CustomEncoding, Encoding};
    pub use serde_json::{Map, Value};
}
