//! Attributes that aren't codes.

use std::fmt;

use pomelo::error::ErrorCode;

#[derive(ErrorCode)]
#[error_code(transparent)]
pub enum RoomError {
    #[error_code("404")]
    Text,
    #[error_code(0)]
    Zero,
    #[error_code(70_000)]
    Large,
    #[error_code(-1)]
    Negative,
    #[error_code()]
    Empty,
    #[error_code = 404]
    Assigned,
    #[error_code(code = 404)]
    Named,
    #[error_code(404, 405)]
    Two,
    #[error_code(transparent)]
    NoField,
    Field(#[error_code(404)] u32),
    #[error_code(crate = ::pomelo)]
    Elsewhere,
    #[error_code(NOT_FOUND)]
    Constant,
    #[error_code(404u64)]
    Typed,
}

const NOT_FOUND: u32 = 404;

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no")
    }
}

fn main() {}
