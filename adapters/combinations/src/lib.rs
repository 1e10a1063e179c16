//! Nothing but tests: each discovery with each transport, in `tests`. What to take when is in the README of the adapters.
