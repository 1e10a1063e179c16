//! What a pomelo server is.
