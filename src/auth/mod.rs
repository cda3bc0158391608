//! The domain.
pub mod clock;
pub mod hasher;
pub mod keys;
pub mod password;
pub mod session;
pub mod token;
pub mod user;
